/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is wrong on a host, or worth knowing: one table of rules. A rule looks at the facts alone
 * and says where it hits; the sentences are templates, filled in for each hit:
 *     {dev} {other}    names of devices: the one the rule hit, and the one that belongs to it
 *     {in} {in2}       what makes a command run in the namespace of {dev}, of {other}
 *     {detail} {kernel}
 */
#ifndef TRUESUM_AUDIT_RULES_H
#define TRUESUM_AUDIT_RULES_H

#include "audit/facts.h"

enum audit_severity { AUDIT_NOTE, AUDIT_WARNING, AUDIT_DANGER };

extern const char *const audit_severity_names[]; /* "note", "warning", "danger" */

struct audit_judgement;

struct audit_rule {
	const char *id;
	enum audit_severity severity; /* of a hit, unless the rule says otherwise of one */
	const char *title, *why, *remedy, *link;
	void (*find)(struct audit_judgement *judgement);
};

struct audit_finding {
	const struct audit_rule *rule;
	enum audit_severity severity;
	struct audit_place place; /* device AUDIT_NONE: the namespace as such */
	char why[512];
	char remedy[320];
	const char *link;
};

struct audit_findings {
	struct audit_finding *finding; /* the worst first, then by rule, namespace and device */
	size_t count;
};

extern const struct audit_rule audit_rules[];
extern const size_t audit_rule_count;

int audit_judge(const struct audit_facts *facts, struct audit_findings *ret_findings);
void audit_findings_release(struct audit_findings *findings);

/* The worst finding of a device (or of a namespace as such); -1: none. */
int audit_severity_at(const struct audit_findings *findings, struct audit_place place);

/*
 * What to put before a command so that it runs in the namespace: "ip netns exec A ", "nsenter -t 5
 * -n ", "".
 */
void audit_command_prefix(const struct audit_facts *facts, size_t space, char *ret_text,
			  size_t size);

/* Whether the kernel's version is one of those whose veth vouched for packets: before Linux 4.4. */
bool audit_veth_doubtful(const char *release);

#endif
