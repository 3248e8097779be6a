// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Collecting: see collect.h. The audit's facts come first. Then each namespace is entered once more
 * for what they lack. What cannot be read is noted in `unseen`.
 */
#include "report/collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "net/netns.h"

const char *const report_sysctl_names[REPORT_SYSCTLS] = {
	"net.netfilter.nf_conntrack_tcp_be_liberal",
	"net.core.bpf_jit_enable",
	"kernel.unprivileged_bpf_disabled",
};

/* Only the first note about the same thing is kept. */
static void note_hidden(struct report_facts *facts, const char *what, const char *why)
{
	size_t used = strlen(facts->unseen);

	if (!strstr(facts->unseen, what))
		snprintf(facts->unseen + used, sizeof(facts->unseen) - used, "%s%s (%s)",
			 used ? "; " : "", what, why);
}

static int collect_drivers(const struct space *space, struct report_space *more)
{
	_cleanup_close_ int any_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	more->driver = calloc(space->device_count + 1, sizeof(*more->driver));
	if (!more->driver)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; any_socket >= 0 && i < space->device_count; i++)
		device_ask_driver(any_socket, space->device[i].name, &more->driver[i]);
	return 0;
}

/* The tables of iptables' own kind in this namespace, each once. Reading the names needs root. */
static int collect_legacy(struct report_space *more)
{
	static const char *const lists[] = { "/proc/thread-self/net/ip_tables_names",
					     "/proc/thread-self/net/ip6_tables_names" };
	char line[32];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_fclose_ FILE *file = fopen(lists[i], "re");

		if (!file && errno != ENOENT)
			return -errno;
		while (file && fgets(line, sizeof(line), file)) {
			size_t used = strlen(more->legacy);

			line[strcspn(line, "\n")] = '\0';
			if (!strstr(more->legacy, line))
				snprintf(more->legacy + used, sizeof(more->legacy) - used, "%s%s",
					 used ? " " : "", line);
		}
	}
	return 0;
}

static int collect_hooks(struct report_space *more)
{
	int rc = netfilter_hooks(-1, &more->hook, &more->hook_count);

	if (rc == -EOPNOTSUPP)
		rc = 0; /* a kernel without nftables has no hooks of it */
	rc = rc ? rc : collect_legacy(more);
	more->hooks_known = !rc;
	return rc;
}

static void collect_sysctls(struct report_space *more)
{
	char path[96], value[SYSCTL_SIZE];

	for (size_t i = 0; i < REPORT_SYSCTLS; i++) {
		snprintf(path, sizeof(path), "%s", report_sysctl_names[i]);
		for (char *at = path; *at; at++)
			*at = *at == '.' ? '/' : *at;
		more->sysctl[i] = netns_sysctl_read(-1, path, value) ? -1 : atoi(value);
	}
}

static int complete_space(struct report_facts *facts, size_t i)
{
	const struct space *space = &facts->audit.inventory.space[i];
	struct report_space *more = &facts->space[i];
	_cleanup_(netns_leave) int home = -1;
	int rc = space->own ? 0 : netns_enter(space->fd, &home);

	if (rc) {
		note_hidden(facts, "other namespaces", fail_text());
		more->driver = calloc(space->device_count + 1, sizeof(*more->driver));
		return more->driver ? 0 : fail(-ENOMEM, "out of memory");
	}
	if (collect_hooks(more))
		note_hidden(facts, "netfilter's hooks", privilege_remedy());
	collect_sysctls(more);
	more->tracks = netfilter_tracks();
	return collect_drivers(space, more);
}

static void collect_policy(struct report_facts *facts)
{
	int rc = policy_read(POLICY_FILE, POLICY_ANY_KERNEL, &facts->policy);

	facts->has_policy = !rc;
	if (rc == -ENOENT)
		snprintf(facts->no_policy, sizeof(facts->no_policy),
			 "none: truesum guard has proven nothing on this host");
	else if (rc)
		snprintf(facts->no_policy, sizeof(facts->no_policy), "%s", fail_text());
	if (rc && rc != -ENOENT)
		note_hidden(facts, "the guard's policy", facts->no_policy);
}

int report_take(bool keep_rights, struct report_facts *ret_facts)
{
	struct report_facts facts = { 0 };
	size_t count;
	int rc = keep_rights ? 0 : audit_keep_rights();

	rc = rc ? rc : audit_facts_take(&facts.audit);
	if (rc)
		return rc;
	host_read(&facts.host);
	snprintf(facts.unseen, sizeof(facts.unseen), "%s", facts.audit.unseen);
	count = facts.audit.inventory.space_count;
	facts.space = calloc(count + 1, sizeof(*facts.space));
	if (!facts.space) {
		report_release(&facts);
		return fail(-ENOMEM, "out of memory");
	}
	for (size_t i = 0; !rc && i < count; i++)
		rc = complete_space(&facts, i);
	collect_policy(&facts);
	if (rc)
		report_release(&facts);
	else
		*ret_facts = facts;
	return rc;
}

void report_release(struct report_facts *facts)
{
	for (size_t i = 0; facts->space && i < facts->audit.inventory.space_count; i++) {
		free(facts->space[i].driver);
		free(facts->space[i].hook);
	}
	free(facts->space);
	audit_facts_release(&facts->audit);
	*facts = (struct report_facts){ 0 };
}
