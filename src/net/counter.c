// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Counters: see counter.h. /proc/net/snmp has a line of names and a line of values for each
 * protocol; /proc/net/snmp6 has a name and a value on each line; /proc/net/stat/nf_conntrack has a
 * line of names, then a line of hexadecimal values for each CPU.
 */
#include "net/counter.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/netns.h"

#define PROC_NET "/proc/thread-self/net/"

/*
 * The number in `values` at the position that `name` has in `names` (split by blanks); 0 if absent.
 */
static uint64_t column(char *names, char *values, const char *name, int base)
{
	char *next_name, *next_value;
	const char *at = strtok_r(names, " \n", &next_name);
	const char *value = strtok_r(values, " \n", &next_value);

	while (at && value) {
		if (!strcmp(at, name))
			return strtoull(value, NULL, base);
		at = strtok_r(NULL, " \n", &next_name);
		value = strtok_r(NULL, " \n", &next_value);
	}
	return 0;
}

/*
 * Which field each number belongs to; several numbers of a field are added. `line` is empty in
 * snmp6, whose lines have one name each.
 */
static const struct {
	const char *line, *name;
	size_t offset;
} sources[] = {
	{ "Tcp:", "InCsumErrors", offsetof(struct counters, tcp_in_csum_errors) },
	{ "Udp:", "InCsumErrors", offsetof(struct counters, udp_in_csum_errors) },
	{ "Icmp:", "InCsumErrors", offsetof(struct counters, icmp_in_csum_errors) },
	{ "Tcp:", "InSegs", offsetof(struct counters, in_packets) },
	{ "Udp:", "InDatagrams", offsetof(struct counters, in_packets) },
	{ "Udp:", "InErrors", offsetof(struct counters, in_packets) },
	{ "Icmp:", "InMsgs", offsetof(struct counters, in_packets) },
	{ "", "Udp6InCsumErrors", offsetof(struct counters, udp_in_csum_errors) },
	{ "", "Icmp6InCsumErrors", offsetof(struct counters, icmp_in_csum_errors) },
	{ "", "Udp6InDatagrams", offsetof(struct counters, in_packets) },
	{ "", "Udp6InErrors", offsetof(struct counters, in_packets) },
	{ "", "Icmp6InMsgs", offsetof(struct counters, in_packets) },
};

static void add_counter(struct counters *counters, size_t offset, uint64_t value)
{
	*(uint64_t *)(void *)((char *)counters + offset) += value;
}

static int read_snmp(struct counters *counters)
{
	_cleanup_fclose_ FILE *file = fopen(PROC_NET "snmp", "re");
	char names[1024], values[1024], names_copy[1024], values_copy[1024];

	if (!file)
		return fail_errno(-errno, "cannot read " PROC_NET "snmp");
	while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
			size_t len = strlen(sources[i].line);

			if (!len || strncmp(names, sources[i].line, len) != 0)
				continue;
			memcpy(names_copy, names, sizeof(names));
			memcpy(values_copy, values, sizeof(values));
			add_counter(counters, sources[i].offset,
				    column(names_copy, values_copy, sources[i].name, 10));
		}
	}
	return 0;
}

static void read_snmp6(struct counters *counters)
{
	_cleanup_fclose_ FILE *file = fopen(PROC_NET "snmp6", "re");
	unsigned long long value;
	char name[64];

	while (file && fscanf(file, "%63s %llu", name, &value) == 2)
		for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
			if (!*sources[i].line && !strcmp(name, sources[i].name))
				add_counter(counters, sources[i].offset, value);
}

static void read_conntrack(struct counters *counters)
{
	_cleanup_fclose_ FILE *file = fopen(PROC_NET "stat/nf_conntrack", "re");
	char header[512], names[512], values[512];

	if (!file || !fgets(header, sizeof(header), file))
		return;
	while (fgets(values, sizeof(values), file)) {
		memcpy(names, header, sizeof(names));
		counters->conntrack_invalid += column(names, values, "invalid", 16);
	}
}

int counter_read(int netns_fd, struct counters *ret_counters)
{
	_cleanup_(netns_leave) int home = -1;
	struct counters counters = { 0 };
	int rc = netns_enter(netns_fd, &home);

	rc = rc ? rc : read_snmp(&counters);
	if (rc)
		return rc;
	read_snmp6(&counters);
	read_conntrack(&counters);
	*ret_counters = counters;
	return 0;
}
