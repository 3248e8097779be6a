// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard apply`: finds the mitigations that help on this host, leaves them on, and writes
 * the policy for new containers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/common/targets.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "guard/catalog.h"
#include "guard/proof.h"
#include "net/inventory.h"
#include "net/journal.h"

struct apply_request {
	struct targets targets;
	struct proof_settings settings;
	bool dry_run, json;
};

static int parse_mitigation(const char *value, void *target)
{
	int rc;

	if (!strcmp(value, "auto")) {
		*(uint32_t *)target = 0;
		return 0;
	}
	rc = options_parse_names(value, "mitigation", mitigation_names + 1, 0, target);
	return rc ? fail(rc, "%s, auto", fail_text()) : 0;
}

static int add_tunnel(const char *value, void *target)
{
	struct proof_settings *settings = target;

	if (settings->tunnel_count == POLICY_DEVICES_MAX)
		return fail(-EINVAL, "at most %d tunnels", POLICY_DEVICES_MAX);
	settings->tunnels[settings->tunnel_count++] = value;
	return 0;
}

static int check_apply(const struct apply_request *request)
{
	const char *wrong = NULL;

	if (request->settings.ordered & MITIGATION_BIT(MITIGATION_TX_OFF) &&
	    !request->settings.tunnel_count)
		wrong = "tx-off needs a tunnel device: name it with --tunnel";
	else if (request->dry_run && request->json)
		wrong = "--dry-run prints text only: leave out --json";
	if (wrong)
		fprintf(stderr, "truesum guard apply: %s\n", wrong);
	return wrong ? -EINVAL : 0;
}

static int parse_apply(int argc, char **argv, struct apply_request *request)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Targets; each may be given several times" },
		TARGETS_ALL_ROW(&request->targets),
		TARGETS_NAMED_ROWS(&request->targets),
		{ .type = OPTION_HEADING, .help = "Mitigations" },
		{ .type = OPTION_CALL, .name = "mitigation", .letter = 'm', .value = "LIST",
		  .target = &request->settings.ordered, .parse = parse_mitigation,
		  .names = mitigation_names + 1,
		  .help = ": put on without proof;\n"
			  "auto (default): the narrowest that is proven to help" },
		{ .type = OPTION_CALL, .name = "tunnel", .value = "DEV", .target = &request->settings,
		  .parse = add_tunnel,
		  .help = "a tunnel device of the host that tx-off may be put on;\n"
			  "may be given several times" },
		{ .type = OPTION_HEADING, .help = "The probe" },
		TARGETS_AS_IF_ROW(&request->settings.gate.vouching),
		{ .type = OPTION_STRING, .name = "via", .value = "DEV", .target = &request->settings.gate.via,
		  .help = "packets enter by this device of the host, and it may get a\n"
			  "mitigation, too: a NIC, a bridge, a VXLAN device" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &request->dry_run,
		  .help = "show what would be tried or put on, target by target, and do nothing" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "json", .target = &request->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard apply",
		.synopsis = "[TARGET]... [OPTION]...",
		.about =
			"Probes containers. On those that deliver damaged data it tries one mitigation after\n"
			"another, the narrowest first, and keeps those that another probe proves to help. They\n"
			"stay on until `truesum guard revert`, and become the policy for new containers.",
		.epilog =
			"Examples:\n"
			"  truesum guard apply                     every container and the host\n"
			"  truesum guard apply -c web --dry-run    what would be tried on a container\n"
			"  truesum guard apply --via eth0 --as-if lying-nic",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	return rc < 0 ? rc : check_apply(request);
}

static void warn_of_lost_change(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum guard apply: left by a killed run: %s\n", sentence);
}

static void show_proof_progress(void *owner, const char *trying, size_t targets)
{
	(void)owner;
	fprintf(stderr, "\r\033[Kprobing %zu target%s%s%s", targets, targets == 1 ? "" : "s",
		trying ? ": " : "", trying ? trying : "");
	fflush(stderr);
}

/* ---- --dry-run ---- */

static void print_target_plan(const struct apply_request *request,
			      const struct inventory *inventory, size_t number)
{
	const struct space *space = &inventory->space[number];
	char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)], device_v6[sizeof(device)], words[80];
	struct proof_plan plan;

	proof_plan(&request->settings, inventory, number, &plan);
	catalog_words(plan.mitigations, ", ", "-", words, sizeof(words));
	term_printable(device, sizeof(device), plan.device);
	term_printable(device_v6, sizeof(device_v6), plan.device_v6);
	printf("  %s: ", space->name);
	if (space->own)
		printf("see \"On the host\"\n");
	else if (!*device)
		printf("nothing: it has no device that leads outside\n");
	else
		printf("%s on %s%s%s\n", plan.mitigations ? words : "nothing", device,
		       *device_v6 ? " and " : "", device_v6);
}

static bool is_possible(const struct apply_request *request, enum mitigation mitigation)
{
	return !request->settings.ordered || request->settings.ordered & MITIGATION_BIT(mitigation);
}

static void print_host_plan(const struct apply_request *request)
{
	const struct proof_settings *settings = &request->settings;
	bool conntrack = is_possible(request, MITIGATION_CONNTRACK_CHECKSUM),
	     reset = settings->gate.via && is_possible(request, MITIGATION_RESET),
	     rx_off = settings->gate.via && is_possible(request, MITIGATION_RX_OFF);
	size_t tunnels = is_possible(request, MITIGATION_TX_OFF) ? settings->tunnel_count : 0;

	if (conntrack || reset || rx_off || tunnels)
		printf("On the host:\n");
	if (conntrack)
		printf("  conntrack-checksum, if it is off\n");
	if (reset)
		printf("  reset on %s\n", settings->gate.via);
	if (rx_off)
		printf("  rx-off on %s\n", settings->gate.via);
	for (size_t i = 0; i < tunnels; i++)
		printf("  tx-off on %s\n", settings->tunnels[i]);
}

static void print_apply_plan(const struct apply_request *request, const struct inventory *inventory,
			     const size_t *spaces, size_t count)
{
	if (request->settings.ordered)
		printf("This would put on these mitigations, and then probe whether they help:\n");
	else
		printf("This would probe %zu target%s. Those that deliver damaged data would get these\n"
		       "mitigations, one after another; those that a probe proves to help would stay:\n",
		       count, count == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++)
		print_target_plan(request, inventory, spaces[i]);
	print_host_plan(request);
	printf("Nothing was changed. `truesum probe --dry-run` shows what a probe creates.\n");
}

/* ---- The command ---- */

static int exit_code_of_proof(const struct proof_result *result)
{
	if (result->verdict == VERDICT_DELIVERS_CORRUPT || policy_is_hopeless(&result->policy))
		return EXIT_FOUND;
	return result->verdict == VERDICT_VERIFIED && !result->problems ? EXIT_NOTHING_WRONG
									: EXIT_UNKNOWN;
}

static int prove_and_report(struct apply_request *request, struct inventory *inventory,
			    const size_t *spaces, size_t count)
{
	struct proof_result result = { 0 };
	const struct guard_report report = { .inventory = inventory, .apply = &result };
	struct policy earlier;
	int code, rc;

	if (!policy_read(POLICY_FILE, POLICY_THIS_KERNEL, &earlier))
		request->settings.policy = &earlier;
	request->settings.policy_file = POLICY_FILE;
	if (term_is(stderr))
		request->settings.progress = show_proof_progress;
	rc = proof_run(&request->settings, inventory, spaces, count, &result);
	if (request->settings.progress)
		fprintf(stderr, "\r\033[K");
	if (rc)
		return rc;
	code = exit_code_of_proof(&result);
	rc = guard_print(&report, request->json);
	proof_result_release(&result);
	return rc ? rc : code;
}

int guard_command_apply(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_free_ size_t *spaces = NULL;
	struct apply_request request = { .settings.gate.say = warn_of_lost_change };
	size_t count = 0;
	int rc = parse_apply(argc, argv, &request);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	rc = rc ? rc : targets_choose(&request.targets, &inventory, &spaces, &count);
	if (rc)
		return rc;
	if (request.dry_run) {
		print_apply_plan(&request, &inventory, spaces, count);
		return EXIT_NOTHING_WRONG;
	}
	return prove_and_report(&request, &inventory, spaces, count);
}
