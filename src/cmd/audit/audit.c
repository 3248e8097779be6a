// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum audit`: which devices, offloads, sysctls and kernels on this host decide whether damage
 * is noticed, and what is wrong with them. Reads only.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/privilege.h"
#include "cmd/audit/report.h"
#include "cmd/common/command.h"

struct options {
	bool json, dot;
};

static void release_report(struct audit_report *report)
{
	audit_drift_release(&report->drift);
	audit_tree_release(&report->tree);
	audit_findings_release(&report->findings);
	audit_facts_release(&report->facts);
}

/* Compares with the baseline `was`; writes a new one if that is NULL. */
static int apply_baseline(struct audit_report *report, const json_t *was)
{
	json_auto_t *now = NULL;
	int rc;

	if (!report->baseline)
		return 0;
	rc = audit_baseline_make(&report->facts, &now);
	if (rc)
		return rc;
	if (was)
		return audit_baseline_compare(was, now, &report->drift);
	report->baseline_written = true;
	return audit_baseline_write(report->baseline, now);
}

/* Once the facts are there, only the baseline may go into another user's folder. */
static int take_facts(struct audit_facts *ret_facts)
{
	static const unsigned int to_write[] = { CAP_DAC_OVERRIDE };
	int rc = audit_keep_rights();

	rc = rc ? rc : audit_facts_take(ret_facts);
	return rc ? rc : privilege_keep_only(to_write, ARRAY_SIZE(to_write));
}

static int take(struct audit_report *report, const json_t *was)
{
	int rc = take_facts(&report->facts);

	rc = rc ? rc : audit_judge(&report->facts, &report->findings);
	rc = rc ? rc
		: audit_tree_build(&report->facts, &report->findings, report->all, &report->tree);
	rc = rc ? rc : apply_baseline(report, was);
	for (size_t i = 0; !rc && i < report->findings.count; i++)
		report->severity_count[report->findings.finding[i].severity]++;
	report->bad = report->severity_count[AUDIT_DANGER] ||
		      report->severity_count[AUDIT_WARNING] || report->drift.count;
	return rc;
}

static int parse_options(int argc, char **argv, struct audit_report *report,
			 struct options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_STRING, .name = "baseline", .value = "FILE", .target = &report->baseline,
		  .help = "show what has changed since FILE was written; if there is no such\n"
			  "file, write it (delete it to start again)" },
		{ .type = OPTION_FLAG, .name = "all", .target = &report->all,
		  .help = "every device and finding, even if many are alike" },
		{ .type = OPTION_FLAG, .name = "dot", .target = &options->dot,
		  .help = "the tree as a graph, for Graphviz" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "audit",
		.synopsis = "[OPTION]...",
		.about =
			"Shows which devices, offloads, sysctls and programs of this host and its containers\n"
			"decide whether damaged packets are noticed, and what is wrong with them. Changes\n"
			"nothing. To prove that a container verifies, use truesum probe.",
		.epilog = "Example: has anything changed since the node was known to be good?\n"
			  "  truesum audit --baseline /var/lib/truesum-audit.json",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0 || !options->dot || !options->json)
		return rc;
	fprintf(stderr, "truesum audit: --dot and --json exclude each other\n");
	return -EINVAL;
}

static int report_failure(int rc)
{
	fprintf(stderr, "truesum audit: %s%s\n", fail_text(), privilege_hint(rc));
	return EXIT_UNKNOWN;
}

static int print_report(const struct audit_report *report, const struct options *options)
{
	if (options->json)
		return audit_print_json(report);
	if (!options->dot)
		return audit_print_text(report);
	audit_print_dot(report);
	return 0;
}

int command_audit(int argc, char **argv)
{
	_cleanup_(release_report) struct audit_report report = { 0 };
	json_auto_t *was = NULL;
	struct options options = { 0 };
	int rc = parse_options(argc, argv, &report, &options);

	if (rc < 0)
		return options_exit(rc);
	/* Refuse a file that is not a baseline before the work begins. */
	rc = report.baseline ? audit_baseline_read(report.baseline, &was) : 0;
	if (rc == -EINVAL) {
		fprintf(stderr, "truesum audit: %s\n", fail_text());
		return EXIT_USAGE;
	}
	if (!rc || rc == -ENOENT)
		rc = take(&report, was);
	rc = rc ? rc : print_report(&report, &options);
	if (rc)
		return report_failure(rc);
	if (report.bad)
		return EXIT_FOUND;
	return *report.facts.unseen ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
