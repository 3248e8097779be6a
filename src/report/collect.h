/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `truesum report` adds to the audit's facts: drivers and their firmware, netfilter's hooks,
 * the kernel and the machine, the guard's policy. Reads only.
 */
#ifndef TRUESUM_REPORT_COLLECT_H
#define TRUESUM_REPORT_COLLECT_H

#include "audit/facts.h"
#include "guard/policy.h"
#include "net/device.h"
#include "net/netfilter.h"
#include "report/host.h"

#define REPORT_SYSCTLS 3

/* Beside the audit's; with dots. */
extern const char *const report_sysctl_names[REPORT_SYSCTLS];

struct report_space {
	struct device_driver *driver; /* as many as it has devices; an empty name: no driver */
	bool tracks; /* connections are tracked */
	bool hooks_known;
	struct netfilter_hook *hook;
	size_t hook_count;
	char legacy[96]; /* iptables' own tables, of IPv4 and IPv6: "nat filter"; empty: none */
	int sysctl[REPORT_SYSCTLS]; /* -1: not there, or not readable */
};

struct report_facts {
	struct audit_facts audit;
	struct host host;
	struct report_space *space; /* as many as in the inventory, in the same order */
	bool has_policy;
	struct policy policy;
	char no_policy[300]; /* why there is none */
	char unseen[700]; /* what could not be seen, and why; empty: everything could */
};

/*
 * Takes them; the caller releases them with report_release(). `keep_rights`: gives up no
 * capability, as a probe follows. -errno with a sentence if nothing can be seen.
 */
int report_take(bool keep_rights, struct report_facts *ret_facts);
void report_release(struct report_facts *facts);

#endif
