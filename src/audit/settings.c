// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A namespace's sysctls and counters, and whether it translates addresses. The rules are asked for
 * only where conntrack does not verify checksums, which is rare: on a Kubernetes node they are tens
 * of thousands.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "audit/collect.h" /* libc's net/if.h, netinet/in.h: before the kernel's */

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

#include "base/cleanup.h"
#include "net/nft.h"

const char *const audit_sysctl_names[AUDIT_SYSCTLS] = {
	[SYSCTL_CONNTRACK_CHECKSUM] = "net.netfilter.nf_conntrack_checksum",
	[SYSCTL_FORWARD_V4] = "net.ipv4.ip_forward",
	[SYSCTL_FORWARD_V6] = "net.ipv6.conf.all.forwarding",
	[SYSCTL_RP_FILTER_ALL] = "net.ipv4.conf.all.rp_filter",
	[SYSCTL_RP_FILTER_DEFAULT] = "net.ipv4.conf.default.rp_filter",
	[SYSCTL_BRIDGE_NF_V4] = "net.bridge.bridge-nf-call-iptables",
	[SYSCTL_BRIDGE_NF_V6] = "net.bridge.bridge-nf-call-ip6tables",
};

static int read_sysctl(const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[96];
	int value;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (char *at = path; *at; at++)
		if (*at == '.')
			*at = '/';
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &value) == 1 ? value : -1;
}

/* Whether a line of the file is "nat": asking for a table that is not there would make it. */
static bool lists_nat(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[64];

	while (file && fgets(line, sizeof(line), file))
		if (!strcmp(line, "nat\n"))
			return true;
	return false;
}

/* A table without rules has an entry for each of its four hooks, and one at the end. */
#define EMPTY_NAT_ENTRIES 5

static enum audit_nat legacy_nat(int family)
{
	_cleanup_close_ int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	struct ipt_getinfo v4 = { .name = "nat" };
	struct ip6t_getinfo v6 = { .name = "nat" };
	socklen_t size4 = sizeof(v4), size6 = sizeof(v6);
	unsigned int entries;
	int rc;

	if (family == AF_INET)
		rc = getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &v4, &size4);
	else
		rc = getsockopt(fd, IPPROTO_IPV6, IP6T_SO_GET_INFO, &v6, &size6);
	if (rc < 0)
		return NAT_UNKNOWN;
	entries = family == AF_INET ? v4.num_entries : v6.num_entries;
	return entries > EMPTY_NAT_ENTRIES ? NAT_YES : NAT_NO;
}

static enum audit_nat ask_nat(void)
{
	static const struct {
		const char *tables;
		int family;
	} legacy[] = {
		{ "/proc/thread-self/net/ip_tables_names", AF_INET },
		{ "/proc/thread-self/net/ip6_tables_names", AF_INET6 },
	};
	enum audit_nat nat = NAT_NO;
	bool found = false;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		enum audit_nat one =
			lists_nat(legacy[i].tables) ? legacy_nat(legacy[i].family) : NAT_NO;

		if (one == NAT_YES)
			return NAT_YES;
		nat = one == NAT_UNKNOWN ? one : nat;
	}
	rc = nft_has_nat(-1, &found);
	if (rc)
		return rc == -EOPNOTSUPP ? nat : NAT_UNKNOWN;
	return found ? NAT_YES : nat;
}

static bool has_bridge(const struct space *space)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (!strcmp(space->device[i].kind, "bridge"))
			return true;
	return false;
}

int audit_collect_settings(struct audit_facts *facts, size_t space)
{
	struct audit_space *look = &facts->space[space];
	int rc = counter_read(-1, &look->counters);

	look->counters_known = !rc;
	/* The others are known from netlink; those of bridges matter where there is one. */
	look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] =
		read_sysctl(audit_sysctl_names[SYSCTL_CONNTRACK_CHECKSUM]);
	for (size_t i = SYSCTL_BRIDGE_NF_V4; i <= SYSCTL_BRIDGE_NF_V6; i++)
		look->sysctl[i] = has_bridge(&facts->inventory.space[space])
					  ? read_sysctl(audit_sysctl_names[i])
					  : -1;
	if (look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] == 0)
		look->nat = ask_nat();
	if (look->nat == NAT_UNKNOWN && look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] == 0)
		audit_unseen(facts, "rules of address translation", "needs root");
	return rc;
}
