// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum report`: what a bug report to netdev or a vendor needs, without what is private. Reads
 * only; --probe also probes all containers, as `truesum probe` does.
 */
#include "cmd/report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "cmd/common/command.h"

struct options {
	bool addresses, probe, json;
};

static void release_report(struct report *report)
{
	labels_free(report->labels);
	probe_release(&report->probe);
	report_release(&report->facts);
}

static int parse_options(int argc, char **argv, struct options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG, .name = "probe", .target = &options->probe,
		  .help = "also probe every container now (see truesum probe), and put the\n"
			  "verdicts in" },
		{ .type = OPTION_FLAG, .name = "addresses", .target = &options->addresses,
		  .help = "real names, addresses and MACs instead of labels" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "report",
		.synopsis = "[OPTION]...",
		.about =
			"Prints a block to paste into a bug report to netdev or a vendor: kernel, drivers and\n"
			"firmware, offload features, programs and rules on the way of packets, and what was\n"
			"proven where. Names of hosts, containers and devices, addresses and MACs are labels\n"
			"(container-1, addr-2), the same ones everywhere. Reads only, unless --probe is given.",
		.epilog = "Example:\n"
			  "  sudo truesum report --probe >report.txt",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};

	return options_parse(&table, argc, argv);
}

static void run_probe(struct report *report)
{
	const struct probe_settings settings = { .give_up_privilege = true };
	const struct inventory *inventory = &report->facts.audit.inventory;
	_cleanup_free_ size_t *spaces = calloc(inventory->space_count + 1, sizeof(*spaces));

	for (size_t i = 0; spaces && i < inventory->space_count; i++)
		spaces[i] = i;
	if (!spaces ||
	    probe_run(&settings, inventory, spaces, inventory->space_count, &report->probe))
		snprintf(report->no_probe, sizeof(report->no_probe), "%s",
			 spaces ? fail_text() : "out of memory");
}

static int take(struct report *report, const struct options *options)
{
	int rc = report_take(options->probe, &report->facts);

	rc = rc ? rc
		: labels_make(&report->facts.audit.inventory, report->facts.host.hostname,
			      options->addresses, &report->labels);
	report->real = options->addresses;
	report->probe_wanted = options->probe;
	if (!rc && options->probe)
		run_probe(report);
	return rc;
}

int command_report(int argc, char **argv)
{
	_cleanup_(release_report) struct report report = { 0 };
	json_auto_t *object = NULL;
	struct options options = { 0 };
	int rc = parse_options(argc, argv, &options);

	if (rc < 0)
		return options_exit(rc);
	rc = take(&report, &options);
	if (!rc) {
		object = report_compose(&report);
		rc = object ? 0 : fail(-ENOMEM, "out of memory");
	}
	if (rc) {
		fprintf(stderr, "truesum report: %s\n", fail_text());
		return EXIT_UNKNOWN;
	}
	if (options.json) {
		json_dumpf(object, stdout, 0);
		putchar('\n');
	} else {
		report_print(object);
	}
	return *report.facts.unseen || *report.no_probe ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
