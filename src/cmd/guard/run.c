// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard run`: the daemon's options, its log as text or JSON, and --dry-run. */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syslog.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/guard/guard.h"
#include "guard/catalog.h"
#include "guard/daemon/daemon.h"
#include "guard/policy.h"
#include "net/inventory.h"

#define SECOND_NS UINT64_C(1000000000)
#define PROVE_EVERY_NS (3600 * SECOND_NS)
#define PROVE_LIMIT_NS (60 * SECOND_NS)
#define PROVE_LIMIT_MAX_NS (3600 * SECOND_NS)
#define PROVE_EVERY_MAX_NS (7 * 24 * 3600 * SECOND_NS)
#define BUFFER_BYTES (32 << 20)
#define BUFFER_MAX (1 << 30)

struct run_request {
	struct daemon_settings daemon;
	uint64_t buffer;
	bool dry_run, json;
	bool has_levels; /* whoever reads the log knows the prefixes of sd-daemon(3) */
};

/* The mitigations for devices, as a mask: all but those for the host as a whole. */
static uint32_t mask_of_devices(void)
{
	uint32_t mask = 0;

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++)
		mask |= catalog[i].rank[AT_HOST] ? 0 : MITIGATION_BIT(i);
	return mask;
}

static int parse_mitigations(const char *value, void *target)
{
	uint32_t mask;
	int rc = options_parse_names(value, "mitigation", mitigation_names + 1, 0, &mask);

	for (unsigned int i = MITIGATION_RX_OFF; !rc && i < MITIGATIONS; i++) {
		if (!(mask & MITIGATION_BIT(i)) || !catalog[i].rank[AT_HOST])
			continue;
		mask &= ~MITIGATION_BIT(i);
		if (strcmp(value, "all"))
			rc = fail(-EINVAL,
				  "%s is for the host, not for containers' devices (use "
				  "`guard apply`)",
				  mitigation_names[i]);
	}
	if (!rc)
		*(uint32_t *)target = mask;
	return rc;
}

static int parse_run(int argc, char **argv, struct run_request *request)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_CALL, .name = "mitigation", .letter = 'm', .value = "LIST",
		  .target = &request->daemon.ordered, .parse = parse_mitigations,
		  .names = mitigation_names + 1, .allowed = mask_of_devices(),
		  .help = "put these on every container's device, without proof\n"
			  "(default: what the policy says)" },
		{ .type = OPTION_DURATION, .name = "prove-every", .value = "TIME",
		  .target = &request->daemon.prove_every_ns, .min = SECOND_NS, .max = PROVE_EVERY_MAX_NS,
		  .help = "how often to prove again, on all containers, what helps (default 1h)" },
		{ .type = OPTION_DURATION, .name = "prove-limit", .value = "TIME",
		  .target = &request->daemon.prove_limit_ns, .min = SECOND_NS,
		  .max = PROVE_LIMIT_MAX_NS,
		  .help = "how long a proof may take; then its process is killed (default 60s)" },
		{ .type = OPTION_NUMBER, .name = "receive-buffer", .value = "BYTES",
		  .target = &request->buffer, .min = 4096, .max = BUFFER_MAX,
		  .help = "for netlink events; if it overflows, all devices are listed again\n"
			  "(default 33554432)" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &request->dry_run,
		  .help = "show what would be put where now, and exit" },
		{ .type = OPTION_FLAG, .name = "json", .target = &request->json,
		  .help = "log JSON Lines to standard output, one object for each event" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard run",
		.synopsis = "[OPTION]...",
		.about =
			"Protects the devices of every container, and each new device as soon as it appears, with\n"
			"the mitigations in the policy, which `truesum guard apply` or a proof of the daemon's own\n"
			"writes. Runs until SIGTERM or SIGINT, and leaves the protection on. SIGHUP makes it read\n"
			"the policy again, SIGUSR1 makes it prove the policy again.",
		.epilog = "Examples:\n"
			  "  truesum guard run --dry-run\n"
			  "  systemctl enable --now truesum-guard",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};

	return options_parse(&table, argc, argv);
}

/* ---- The log ---- */

static const char *const event_names[GUARD_EVENTS] = { "protected", "restored", "taken-off",
						       "summary",   "trouble",	"proof",
						       "state" };

static const char *level_name(int level)
{
	return level <= LOG_ERR	      ? "error"
	       : level == LOG_WARNING ? "warning"
	       : level == LOG_NOTICE  ? "notice"
				      : "info";
}

/* null if there is no text; an event's texts are printable. */
static void set_text(json_t *object, const char *key, const char *text)
{
	json_t *value = text && *text ? json_string(text) : NULL;

	json_object_set_new(object, key, value ? value : json_null());
}

static void print_event(const struct guard_event *event)
{
	json_t *object = json_pack("{s:s, s:s}", "event", event_names[event->kind], "level",
				   level_name(event->level));

	set_text(object, "namespace", event->netns);
	set_text(object, "device", event->device);
	json_object_set_new(object, "mitigations", catalog_compose(event->mitigations));
	json_object_set_new(object, "microseconds",
			    event->ns ? json_integer((json_int_t)(event->ns / 1000)) : json_null());
	set_text(object, "message", event->sentence);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
	json_decref(object);
}

static void log_line(void *owner, const struct guard_event *event)
{
	const struct run_request *request = owner;

	if (request->json)
		print_event(event);
	else if (request->has_levels)
		fprintf(stderr, "<%d>%s\n", event->level, event->sentence);
	else
		fprintf(stderr, "%s\n", event->sentence);
}

/* ---- --dry-run ---- */

static void print_device_plan(const struct space *space, const struct device *device, uint32_t mask)
{
	char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)], words[96];

	term_printable(name, sizeof(name), device->name);
	catalog_words(mask, " ", "nothing", words, sizeof(words));
	printf("  %s of %s: %s\n", name, space->name, words);
}

static int print_run_plan(const struct run_request *request)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	struct policy policy = { 0 };
	uint32_t ordered = request->daemon.ordered;
	int unproven =
		ordered ? 0 : policy_read(request->daemon.policy, POLICY_THIS_KERNEL, &policy);
	char why[400], words[96];
	int rc;

	snprintf(why, sizeof(why), "%s", fail_text());
	rc = inventory_take(NULL, &inventory);
	if (rc)
		return rc;
	catalog_words(catalog_at(AT_END), " and ", "", words, sizeof(words));
	if (unproven)
		printf("%s.\nThe daemon would first prove what helps. Until then it would leave existing\n"
		       "containers as they are, and put %s on new ones:\n",
		       why, words);
	else
		printf("This would put on, %s:\n", ordered ? "as ordered" : "by the policy");
	for (size_t i = 0; i < inventory.space_count; i++) {
		const struct space *space = &inventory.space[i];

		for (size_t k = 0; !space->own && k < space->device_count; k++) {
			const struct device *device = &space->device[k];

			if (device->flags & IFF_LOOPBACK || !policy_is_end(device->kind))
				continue;
			print_device_plan(space, device,
					  ordered ? ordered
						  : policy_get(&policy, POLICY_KIND, device->kind));
		}
	}
	printf("Nothing was changed.\n");
	return EXIT_NOTHING_WRONG;
}

int guard_command_run(int argc, char **argv)
{
	struct run_request request = {
		.daemon = { .policy = POLICY_FILE,
			    .prove_every_ns = PROVE_EVERY_NS,
			    .prove_limit_ns = PROVE_LIMIT_NS,
			    .log = log_line,
			    .owner = &request },
		.buffer = BUFFER_BYTES,
		.has_levels = getenv("JOURNAL_STREAM") || getenv("NOTIFY_SOCKET"),
	};
	int rc = parse_run(argc, argv, &request);

	if (rc < 0)
		return options_exit(rc);
	if (request.dry_run)
		return print_run_plan(&request);
	request.daemon.buffer = request.buffer;
	rc = daemon_run(&request.daemon);
	return rc ? rc : EXIT_NOTHING_WRONG;
}
