/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reports of `truesum audit`: text, JSON, and a graph. */
#ifndef TRUESUM_CMD_AUDIT_REPORT_H
#define TRUESUM_CMD_AUDIT_REPORT_H

#include "audit/baseline.h"
#include "audit/rules.h"
#include "audit/tree.h"

struct audit_report {
	struct audit_facts facts;
	struct audit_findings findings;
	size_t severity_count[AUDIT_SEVERITIES]; /* findings of each severity */
	bool bad; /* a danger, a warning or drift: makes the exit code 1 */
	struct audit_tree tree;
	const char *baseline; /* the file; NULL: none was named */
	bool baseline_written; /* it is new; false: it was compared with */
	struct audit_drift drift;
	bool all; /* show everything, even if many are alike */
};

/* Text: the verdict, the tree, the findings. -ENOMEM with a sentence; then nothing was printed. */
int audit_print_text(const struct audit_report *report);

/* One JSON object. -ENOMEM with a sentence; then nothing was printed. */
int audit_print_json(const struct audit_report *report);

/* The tree as a graph for Graphviz. */
void audit_print_dot(const struct audit_report *report);

#endif
