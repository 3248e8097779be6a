// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard apply`: finds which mitigations help here, leaves them on, and writes the policy
 * for later containers.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "cmd/common/targets.h"
#include "cmd/common/command.h"
#include "guard/catalog.h"
#include "guard/proof.h"
#include "net/inventory.h"
#include "net/journal.h"

struct request {
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
		return fail(-EINVAL, "more than %d tunnels", POLICY_DEVICES_MAX);
	settings->tunnels[settings->tunnel_count++] = value;
	return 0;
}

static int check_request(const struct request *request)
{
	const char *wrong = NULL;

	if (request->settings.ordered & MITIGATION_BIT(MITIGATION_TX_OFF) &&
	    !request->settings.tunnel_count)
		wrong = "tx-off needs a device to be put on: name it by --tunnel";
	else if (request->dry_run && request->json)
		wrong = "--dry-run is told in words only, without --json";
	if (wrong)
		fprintf(stderr, "truesum guard apply: %s\n", wrong);
	return wrong ? -EINVAL : 0;
}

static int parse_options(int argc, char **argv, struct request *request)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Targets; each may be given several times" },
		TARGETS_ALL_ROW(&request->targets),
		TARGETS_NAMED_ROWS(&request->targets),
		{ .type = OPTION_HEADING, .help = "What is put on" },
		{ .type = OPTION_CALL, .name = "mitigation", .letter = 'm', .value = "LIST",
		  .target = &request->settings.ordered, .parse = parse_mitigation,
		  .names = mitigation_names + 1,
		  .help = ": put on without proof;\n"
			  "auto (default): the narrowest that is proven to help" },
		{ .type = OPTION_CALL, .name = "tunnel", .value = "DEV", .target = &request->settings,
		  .parse = add_tunnel,
		  .help = "an encapsulating device of the host that tx-off may be put on;\n"
			  "may be given several times" },
		{ .type = OPTION_HEADING, .help = "How it is proven" },
		TARGETS_AS_IF_ROW(&request->settings.gate.vouching),
		{ .type = OPTION_STRING, .name = "via", .value = "DEV", .target = &request->settings.gate.via,
		  .help = "packets enter by this device of the host, and it may get a\n"
			  "mitigation, too: a NIC, a bridge, a VXLAN device" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &request->dry_run,
		  .help = "say what would be tried or put on, target by target, and do nothing" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "json", .target = &request->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard apply",
		.synopsis = "[TARGET]... [OPTION]...",
		.about =
			"Probes containers and puts the narrowest mitigation on those that deliver damaged data\n"
			"that a second probe proves to help. What does not help is taken off again. What does\n"
			"is kept until `truesum guard revert`, and is the policy for new containers.",
		.epilog =
			"Examples:\n"
			"  truesum guard apply                     every container and the host\n"
			"  truesum guard apply -c web --dry-run    what would be tried on one of Docker's\n"
			"  truesum guard apply --via eth0 --as-if lying-nic",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	return rc < 0 ? rc : check_request(request);
}

static void say_lost(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum guard apply: left by a killed run: %s\n", sentence);
}

static int could_not(void)
{
	fprintf(stderr, "truesum guard apply: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static void show_progress(void *owner, const char *trying, size_t targets)
{
	(void)owner;
	fprintf(stderr, "\r\033[Kprobing %zu target%s%s%s", targets, targets == 1 ? "" : "s",
		trying ? ": " : "", trying ? trying : "");
	fflush(stderr);
}

/* ---- --dry-run ---- */

static void print_target_plan(const struct request *request, const struct inventory *inventory,
			      size_t number)
{
	const struct space *space = &inventory->space[number];
	char words[80], device[IFNAMSIZ], device_v6[IFNAMSIZ];
	struct proof_plan plan;

	proof_plan(&request->settings, inventory, number, &plan);
	catalog_words(plan.mitigations, ", ", "-", words, sizeof(words));
	term_printable(device, sizeof(device), plan.device);
	term_printable(device_v6, sizeof(device_v6), plan.device_v6);
	printf("  %s: ", space->name);
	if (space->own)
		printf("what is the host's, below\n");
	else if (!*device)
		printf("nothing: no device of it leads to the outside\n");
	else
		printf("%s on %s%s%s\n", plan.mitigations ? words : "nothing", device,
		       *device_v6 ? " and " : "", device_v6);
}

static bool may_be_put(const struct request *request, enum mitigation mitigation)
{
	return !request->settings.ordered || request->settings.ordered & MITIGATION_BIT(mitigation);
}

static void print_plan(const struct request *request, const struct inventory *inventory,
		       const size_t *spaces, size_t count)
{
	const struct proof_settings *settings = &request->settings;

	if (settings->ordered)
		printf("This would put on, and probe then whether it helps:\n");
	else
		printf("This would probe %zu target%s, try on those that deliver damaged data, one after another,\n"
		       "and keep what a second probe proves to help:\n",
		       count, count == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++)
		print_target_plan(request, inventory, spaces[i]);
	printf("On the host:\n");
	if (may_be_put(request, MITIGATION_CONNTRACK_CHECKSUM))
		printf("  conntrack-checksum, if it is off\n");
	if (settings->gate.via && may_be_put(request, MITIGATION_RESET))
		printf("  reset on %s\n", settings->gate.via);
	if (settings->gate.via && may_be_put(request, MITIGATION_RX_OFF))
		printf("  rx-off on %s\n", settings->gate.via);
	for (size_t i = 0; i < settings->tunnel_count && may_be_put(request, MITIGATION_TX_OFF);
	     i++)
		printf("  tx-off on %s\n", settings->tunnels[i]);
	printf("Nothing was changed. `truesum probe --dry-run` says what a probe creates.\n");
}

/* ---- The whole ---- */

static int exit_code_of(const struct proof_result *result)
{
	if (result->verdict == VERDICT_DELIVERS_CORRUPT)
		return EXIT_FOUND;
	return result->verdict == VERDICT_VERIFIED && !result->problems ? EXIT_NOTHING_WRONG
									: EXIT_UNKNOWN;
}

static int apply(struct request *request, struct inventory *inventory, const size_t *spaces,
		 size_t count)
{
	struct proof_result result = { 0 };
	struct policy earlier;
	int code, rc;

	if (!policy_read(POLICY_FILE, POLICY_THIS_KERNEL, &earlier))
		request->settings.policy = &earlier;
	if (term_is(stderr))
		request->settings.progress = show_progress;
	rc = proof_run(&request->settings, inventory, spaces, count, &result);
	if (request->settings.progress)
		fprintf(stderr, "\r\033[K");
	if (rc)
		return could_not();
	code = exit_code_of(&result);
	if (request->json)
		rc = guard_print_apply_json(&result, inventory);
	else
		guard_print_apply(&result, inventory);
	rc = rc ? rc : policy_write(POLICY_FILE, &result.policy);
	proof_result_release(&result);
	return rc ? could_not() : code;
}

int cmd_guard_apply(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_free_ size_t *spaces = NULL;
	struct request request = { .settings.gate.say = say_lost };
	size_t count = 0;
	int rc = parse_options(argc, argv, &request);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	rc = rc ? rc : targets_choose(&request.targets, &inventory, &spaces, &count);
	if (rc)
		return could_not();
	if (request.dry_run) {
		print_plan(&request, &inventory, spaces, count);
		return EXIT_NOTHING_WRONG;
	}
	return apply(&request, &inventory, spaces, count);
}
