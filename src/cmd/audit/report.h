/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reports of `truesum audit`: for people, and as JSON. */
#ifndef TRUESUM_CMD_AUDIT_REPORT_H
#define TRUESUM_CMD_AUDIT_REPORT_H

#include "audit/baseline.h"
#include "audit/tree.h"

struct audit_report {
	struct audit_facts facts;
	struct audit_findings findings;
	struct audit_tree tree;
	const char *baseline; /* the file; NULL: none was given */
	bool baseline_written; /* now; else it was compared with */
	struct audit_drift drift;
	bool all; /* nothing is summed up */
};

/* How many findings there are of a severity. */
size_t audit_report_count(const struct audit_report *report, enum audit_severity severity);

/* Whether the exit code is 1: a danger, a warning, or drift. */
bool audit_report_bad(const struct audit_report *report);

/* 0, or -ENOMEM with a sentence and nothing printed. */
int audit_print_text(const struct audit_report *report);
int audit_print_json(const struct audit_report *report);

#endif
