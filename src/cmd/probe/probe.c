// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum probe`: does this running container verify what it receives? Finds the targets, has
 * probe/run.c probe them, and prints the results.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/common/targets.h"
#include "cmd/probe/report.h"

#define PROGRESS_NS UINT64_C(1000000000)

struct request {
	struct targets targets;
	struct gate_settings gate;
	bool dry_run, json, ktap;
	uint64_t started_ns;
};

static int parse_options(int argc, char **argv, struct request *request)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Targets; each may be given several times" },
		TARGETS_ALL_ROW(&request->targets),
		TARGETS_NAMED_ROWS(&request->targets),
		{ .type = OPTION_HEADING, .help = "What to try" },
		TARGETS_AS_IF_ROW(&request->gate.vouching),
		{ .type = OPTION_STRING, .name = "via", .value = "DEV", .target = &request->gate.via,
		  .help = "packets enter and leave by this device of the host: a NIC, a\n"
			  "bridge, the parent of a macvlan, a VXLAN device (in outer\n"
			  "packets, from a made-up VTEP)" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &request->dry_run,
		  .help = "print what would be created and which targets probed, then stop" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "json", .target = &request->json, .help = "one JSON object" },
		{ .type = OPTION_FLAG, .name = "kselftest", .target = &request->ktap,
		  .help = "KTAP, as kernel and CNI test suites read it" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "probe",
		.synopsis = "[TARGET]... [OPTION]...",
		.about =
			"Proves by delivery whether running containers verify what they receive: connects out of\n"
			"each, answers with intact and with damaged packets, and looks at what the socket read.\n"
			"Touches no traffic but its own.",
		.epilog = "Examples:\n"
			  "  truesum probe                      every container and the host\n"
			  "  truesum probe -c web -c db         two Docker containers\n"
			  "  truesum probe --kselftest          for a test suite",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc >= 0 && request->json && request->ktap) {
		fprintf(stderr, "truesum probe: --json and --kselftest exclude each other\n");
		rc = -EINVAL;
	}
	if (rc >= 0 && request->dry_run && (request->json || request->ktap)) {
		fprintf(stderr,
			"truesum probe: --dry-run prints text only: leave out --json and --kselftest\n");
		rc = -EINVAL;
	}
	return rc;
}

static bool is_vxlan(const struct inventory *inventory, const char *name)
{
	for (size_t i = 0; i < inventory->space_count; i++) {
		const struct space *space = &inventory->space[i];

		for (size_t k = 0; space->own && k < space->device_count; k++)
			if (!strcmp(space->device[k].name, name))
				return !strcmp(space->device[k].kind, "vxlan");
	}
	return false;
}

static void print_tunnel_plan(const char *via)
{
	printf("  give " GATE_DEVICE " the address %s or %s, of the family of %s's outer packets,\n"
	       "  and a permanent neighbour %s or %s: a made-up VTEP\n"
	       "  add two forwarding entries for it to %s, and with the addresses their neighbours\n",
	       GATE_OUTER_V4, GATE_OUTER_V6, via, GATE_VTEP_V4, GATE_VTEP_V6, via);
}

static void print_plan(const struct inventory *inventory, const size_t *spaces, size_t count,
		       const struct request *request)
{
	printf("In this namespace this would, until the end of the run:\n"
	       "  create TAP device " GATE_DEVICE ", with addresses %s and %s\n"
	       "  add permanent neighbours %s and %s on it\n"
	       "  attach BPF programs to its ingress and egress, and to two tracepoints:\n"
	       "    skb:kfree_skb, net:net_dev_start_xmit\n",
	       GATE_V4, GATE_V6, GATE_PEER_V4, GATE_PEER_V6);
	if (request->gate.via)
		printf("  attach a BPF filter to the egress of %s, and add the addresses there instead of on\n"
		       "  the TAP, unless the host's routes lead out by it already\n",
		       request->gate.via);
	if (request->gate.via && is_vxlan(inventory, request->gate.via))
		print_tunnel_plan(request->gate.via);
	if (request->gate.vouching)
		printf("  mark every packet that enters by " GATE_DEVICE " as verified\n");
	printf("and open sockets to them in the namespaces of %zu target%s:\n", count,
	       count == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++)
		printf("  %s\n", inventory->space[spaces[i]].name);
	printf("Nothing was changed.\n");
}

static void show_progress(void *owner, size_t done, size_t count)
{
	const struct request *request = owner;

	if (clock_ns() - request->started_ns > PROGRESS_NS && (done % 16 == 0 || done == count))
		fprintf(stderr, "\r%zu of %zu targets%s", done, count,
			done == count ? "\r\033[K" : "");
}

static void report_lost(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum probe: left by a killed run: %s\n", sentence);
}

static int print_failure(void)
{
	fprintf(stderr, "truesum probe: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static int exit_code_for(enum verdict verdict)
{
	static const int codes[VERDICTS] = {
		[VERDICT_UNKNOWN] = EXIT_UNKNOWN,	 [VERDICT_VERIFIED] = EXIT_NOTHING_WRONG,
		[VERDICT_DELIVERS_CORRUPT] = EXIT_FOUND, [VERDICT_BLOCKED] = EXIT_UNKNOWN,
		[VERDICT_NOT_POSSIBLE] = EXIT_UNKNOWN,
	};

	return codes[verdict];
}

static int probe_and_print(const struct request *request, const struct inventory *inventory,
			   const size_t *spaces, size_t count)
{
	const struct probe_settings settings = {
		.gate = request->gate,
		.give_up_privilege = true,
		.progress = term_is(stderr) ? show_progress : NULL,
		.owner = (void *)request,
	};
	struct probe probe = { 0 };
	int code, rc = probe_run(&settings, inventory, spaces, count, &probe);

	if (rc)
		return print_failure();
	code = exit_code_for(probe.verdict);
	if (request->json)
		rc = probe_print_json(&probe, inventory, request->gate.vouching);
	else if (request->ktap)
		probe_print_ktap(&probe, inventory);
	else
		probe_print(&probe, inventory, request->gate.vouching);
	probe_release(&probe);
	return rc ? print_failure() : code;
}

int command_probe(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_free_ size_t *spaces = NULL;
	struct request request = { .gate.say = report_lost, .started_ns = clock_ns() };
	size_t count = 0;
	int rc = parse_options(argc, argv, &request);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	if (rc)
		return print_failure();
	rc = targets_choose(&request.targets, &inventory, &spaces, &count);
	if (rc)
		return print_failure();
	if (request.dry_run) {
		print_plan(&inventory, spaces, count, &request);
		return EXIT_NOTHING_WRONG;
	}
	return probe_and_print(&request, &inventory, spaces, count);
}
