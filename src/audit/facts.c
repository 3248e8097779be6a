// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking stock: see facts.h. Each namespace is entered once, and everything that is to be read from
 * inside is read there. What cannot be read is left out, with a word about it in `unseen`: half a
 * picture is better than none, as long as it says so.
 */
#include "audit/facts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

void audit_unseen(struct audit_facts *facts, const char *what, const char *why)
{
	size_t used = strlen(facts->unseen);

	if (!strstr(facts->unseen, what))
		snprintf(facts->unseen + used, sizeof(facts->unseen) - used, "%s%s (%s)",
			 used ? "; " : "", what, why);
}

bool audit_feature(const struct audit_facts *facts, const struct audit_device *device,
		   const char *feature)
{
	return device->features_known &&
	       feature_in(&facts->names, device->features.active, feature);
}

bool audit_tx_checksum(const struct audit_facts *facts, const struct audit_device *device)
{
	return audit_feature(facts, device, "tx-checksum-ip-generic") ||
	       audit_feature(facts, device, "tx-checksum-ipv4") ||
	       audit_feature(facts, device, "tx-checksum-ipv6");
}

struct audit_place audit_find(const struct audit_facts *facts, size_t space, int index)
{
	const struct space *look = &facts->inventory.space[space];

	for (size_t i = 0; index && i < look->device_count; i++)
		if (look->device[i].index == index)
			return (struct audit_place){ space, i };
	return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
}

struct audit_place audit_peer(const struct audit_facts *facts, struct audit_place place)
{
	const struct device *device = audit_device(facts, place);

	if (!device->link || device->link_space < 0 ||
	    (size_t)device->link_space >= facts->inventory.space_count)
		return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
	return audit_find(facts, (size_t)device->link_space, device->link);
}

static int prepare(struct audit_facts *facts)
{
	struct utsname name;

	if (uname(&name) < 0)
		return fail_errno(-errno, "cannot ask for the kernel's release");
	term_printable(facts->kernel, sizeof(facts->kernel), name.release);
	facts->space = calloc(facts->inventory.space_count + 1, sizeof(*facts->space));
	if (!facts->space)
		return -ENOMEM;
	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		const struct space *look = &facts->inventory.space[i];
		struct audit_space *space = &facts->space[i];

		term_printable(space->name, sizeof(space->name), look->name);
		space->nat = NAT_UNKNOWN;
		space->device = calloc(look->device_count + 1, sizeof(*space->device));
		if (!space->device)
			return -ENOMEM;
		for (size_t k = 0; k < look->device_count; k++)
			term_printable(space->device[k].name, IFNAMSIZ, look->device[k].name);
	}
	return 0;
}

static void collect_space(struct audit_facts *facts, size_t i, struct audit_programs *programs)
{
	static const struct {
		const char *what;
		int (*collect)(struct audit_facts *facts, size_t space);
	} parts[] = {
		{ "offload features", audit_collect_devices },
		{ "sysctls and counters", audit_collect_settings },
		{ "packet sockets", audit_collect_packet_sockets },
	};
	const struct space *look = &facts->inventory.space[i];
	_cleanup_(netns_leave) int home = -1;
	int rc = look->own ? 0 : netns_enter(look->fd, &home);

	if (rc) {
		audit_unseen(facts, "other namespaces", fail_text());
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
		if (parts[k].collect(facts, i))
			audit_unseen(facts, parts[k].what, fail_text());
	if (audit_collect_programs(facts, i, programs))
		audit_unseen(facts, "attached programs", fail_text());
}

/*
 * Processes whose namespace we may not look at: for others than root those of others, for root
 * seldom any.
 */
static void note_out_of_reach(struct audit_facts *facts)
{
	_cleanup_(cleanup_closedir) DIR *processes = opendir("/proc");
	const struct dirent *entry;
	char path[300], what[64], first[16] = "";
	unsigned int count = 0;
	struct stat st;

	while (processes && (entry = readdir(processes))) {
		if (*entry->d_name < '0' || *entry->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (stat(path, &st) == 0 || (errno != EACCES && errno != EPERM))
			continue;
		if (!count++)
			snprintf(first, sizeof(first), "%.15s", entry->d_name);
	}
	if (geteuid() != 0) {
		audit_unseen(facts, "other namespaces, names of BPF programs", "run as root");
	} else if (count) {
		snprintf(what, sizeof(what), "the namespace%s of %u process%s",
			 count == 1 ? "" : "s", count, count == 1 ? "" : "es");
		snprintf(path, sizeof(path), "pid %s has capabilities that truesum was not given",
			 first);
		audit_unseen(facts, what, path);
	}
}

static int collect(struct audit_facts *facts)
{
	struct audit_programs *programs = NULL;
	_cleanup_close_ int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int rc = audit_programs_new(&programs);

	if (rc)
		return rc;
	note_out_of_reach(facts);
	if (feature_names_read(&facts->names))
		audit_unseen(facts, "offload features", fail_text());
	for (size_t i = 0; i < facts->inventory.space_count; i++)
		collect_space(facts, i, programs);
	audit_programs_free(programs);
	audit_name_packet_sockets(facts);
	if (log >= 0)
		audit_scan_log(facts, log);
	if (!facts->log_known)
		audit_unseen(facts, "the kernel log", "/dev/kmsg is not there or needs root");
	return 0;
}

int audit_facts_take(struct audit_facts *ret_facts)
{
	struct audit_facts facts = { 0 };
	int rc = inventory_take(NULL, &facts.inventory);

	rc = rc ? rc : prepare(&facts);
	rc = rc ? rc : collect(&facts);
	if (rc) {
		audit_facts_release(&facts);
		return rc == -ENOMEM ? fail(rc, "out of memory") : rc;
	}
	*ret_facts = facts;
	return 0;
}

void audit_facts_release(struct audit_facts *facts)
{
	for (size_t i = 0; facts->space && i < facts->inventory.space_count; i++) {
		struct audit_space *space = &facts->space[i];

		for (size_t k = 0; space->device && k < facts->inventory.space[i].device_count; k++)
			free(space->device[k].program);
		free(space->device);
		free(space->packet_socket);
	}
	free(facts->space);
	inventory_release(&facts->inventory);
	*facts = (struct audit_facts){ 0 };
}
