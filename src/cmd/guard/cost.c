// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard cost`: what each mitigation costs on this host, beside what was chosen. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/cost_report.h"
#include "cmd/common/command.h"

struct options {
	uint64_t pairs;
	bool json, dry_run;
};

static int parse_options(int argc, char **argv, struct options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_NUMBER, .name = "pairs", .value = "N", .target = &options->pairs,
		  .min = COST_PAIRS_MIN, .max = COST_PAIRS_MAX,
		  .help = "pairs of samples for each row, 8 to 1000 (default 100)" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &options->dry_run,
		  .help = "say what would be measured, and do nothing" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard cost",
		.synopsis = "[OPTION]...",
		.about =
			"Measures what each mitigation costs on this host, in throughput and in CPU time per byte:\n"
			"veth paths with traffic of its own, in network namespaces that go with the process. What\n"
			"guard apply has chosen here is marked. Nothing of the host is touched.",
		.epilog = "Example: tighter ranges, in about half a minute\n"
			  "  truesum guard cost --pairs 250",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc >= 0 && options->dry_run && options->json) {
		fprintf(stderr,
			"truesum guard cost: --dry-run is told in words only, without --json\n");
		rc = -EINVAL;
	}
	return rc;
}

static void print_plan(unsigned int pairs)
{
	printf("In network namespaces without names this would measure, for about %.0f s:\n",
	       cost_seconds(pairs));
	for (size_t i = 0; i < cost_row_count; i++) {
		const struct cost_row *row = &cost_rows[i];

		printf("  %-12s %-19s", row->path->name, mitigation_names[row->mitigation]);
		if (row->mitigation == MITIGATION_NONE)
			printf(" the path beside itself\n");
		else
			printf(" at the %s\n", bench_place_names[row->place]);
	}
	printf("Nothing was changed.\n");
}

static void show_progress(void *owner, const struct cost_row *row, size_t number, size_t count)
{
	(void)owner;
	if (row)
		fprintf(stderr, "\r\033[Kmeasuring %zu of %zu: %s, %s", number + 1, count,
			row->path->name, mitigation_names[row->mitigation]);
	else
		fprintf(stderr, "\r\033[K");
}

/* A host without a policy, or with one of another version, has a cost, too. */
static void read_policy(struct cost_report *report)
{
	int rc = policy_read(POLICY_FILE, POLICY_ANY_KERNEL, &report->policy);

	report->has_policy = !rc;
	if (rc && rc != -ENOENT)
		fprintf(stderr, "truesum guard cost: %s\n", fail_text());
}

static int could_not(void)
{
	fprintf(stderr, "truesum guard cost: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

int cmd_guard_cost(int argc, char **argv)
{
	struct cost_report report = { 0 };
	struct options options = { .pairs = COST_PAIRS_DEFAULT };
	struct cost_settings settings = { .progress = term_is(stderr) ? show_progress : NULL };
	int rc = parse_options(argc, argv, &options);

	if (rc < 0)
		return options_exit(rc);
	report.pairs = settings.pairs = (unsigned int)options.pairs;
	if (options.dry_run) {
		print_plan(report.pairs);
		return EXIT_NOTHING_WRONG;
	}
	read_policy(&report);
	rc = cost_measure(&settings, &report.result);
	if (settings.progress)
		show_progress(NULL, NULL, 0, 0);
	if (rc)
		return could_not();
	if (!options.json)
		cost_print_text(&report);
	else if (cost_print_json(&report))
		return could_not();
	return EXIT_NOTHING_WRONG;
}
