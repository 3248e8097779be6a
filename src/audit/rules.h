/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong on a host, or worth knowing: a table of rules, and what they find. */
#ifndef TRUESUM_AUDIT_RULES_H
#define TRUESUM_AUDIT_RULES_H

#include "audit/facts.h"

enum audit_severity { AUDIT_NOTE, AUDIT_WARNING, AUDIT_DANGER, AUDIT_SEVERITIES };

extern const char *const audit_severity_names[]; /* "note", "warning", "danger" */

/* What a rule's function is called for. */
enum audit_scope {
	AUDIT_EACH_DEVICE,
	AUDIT_EACH_SPACE, /* with device AUDIT_NONE */
	AUDIT_ONCE, /* with the host's namespace, device AUDIT_NONE */
};

struct audit_judgement;

/*
 * `why` and `remedy` are templates, filled in for each finding:
 *     {dev} {other}    names of devices: the one that was found, and the one that belongs to it
 *     {in} {in2}       the beginning of a command that runs in the namespace of {dev}, of {other}
 *     {detail}         what the rule's function adds
 *     {kernel}         the kernel's release
 */
struct audit_rule {
	const char *id;
	enum audit_severity severity; /* of a finding, unless the function sets another */
	const char *title, *why, *remedy, *link;
	enum audit_scope scope;
	void (*look)(struct audit_judgement *judgement, struct audit_place place);
};

extern const struct audit_rule audit_rules[];
extern const size_t audit_rule_count;

struct audit_finding {
	const struct audit_rule *rule;
	enum audit_severity severity;
	struct audit_place place; /* device AUDIT_NONE: the namespace itself */
	char why[1400];
	char remedy[1400]; /* a command: its names are quoted for the shell */
	const char *link;
};

struct audit_findings {
	struct audit_finding *finding; /* the worst first, then by rule, namespace and device */
	size_t count;
};

/*
 * Applies all rules. The caller frees the result with audit_findings_release(). -ENOMEM with a
 * sentence.
 */
int audit_judge(const struct audit_facts *facts, struct audit_findings *ret_findings);
void audit_findings_release(struct audit_findings *findings);

/* The severity of the worst finding at exactly this place; -1: none. */
int audit_severity_at(const struct audit_findings *findings, struct audit_place place);

#endif
