// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard hook`: protects the container that an OCI runtime is creating. The runtime writes
 * its state to standard input and waits. If the hook fails, the container does not start: it must
 * not run unprotected. The mitigations end with the container; at poststop the hook removes their
 * records.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/options.h"
#include "cmd/guard/guard.h"
#include "cmd/common/command.h"
#include "guard/catalog.h"
#include "guard/start/oci.h"
#include "guard/start/start.h"

#define STATE_MAX (1 << 20)

static char container[80] = "?";

static void say(const char *sentence)
{
	fprintf(stderr, "truesum guard hook: container %.12s: %s\n", container, sentence);
}

/* "auto" (0), or names of mitigations for a container's device, with commas between them. */
static int parse_mitigation(const char *value, void *target)
{
	uint32_t known = catalog_at(AT_END), mask = 0;
	char words[80];

	if (strcmp(value, "auto") &&
	    (options_parse_names(value, "mitigation", mitigation_names + 1, 0, &mask) ||
	     mask & ~known)) {
		catalog_words(known, ", ", "", words, sizeof(words));
		return fail(-EINVAL, "unknown mitigation '%.40s'; known: %s, auto", value, words);
	}
	*(uint32_t *)target = mask;
	return 0;
}

static int read_state(struct oci_state *ret_state)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = file_read(STDIN_FILENO, "standard input", STATE_MAX, &text, &len);

	return rc ? rc : oci_parse_state(text, len, ret_state);
}

static int act(uint32_t ordered)
{
	struct oci_state state;
	int rc = read_state(&state);

	if (rc)
		return rc;
	memcpy(container, state.id, sizeof(container));
	return start_oci(&state, ordered, say);
}

int cmd_guard_hook(int argc, char **argv)
{
	static uint32_t ordered;
	static bool fail_open;
	const struct option_row rows[] = {
		{ .type = OPTION_CALL,
		  .name = "mitigation",
		  .value = "LIST",
		  .target = &ordered,
		  .parse = parse_mitigation,
		  .names = mitigation_names + 1,
		  .allowed = catalog_at(AT_END),
		  .help = ";\nauto (default): what the host's policy says, or both\n"
			  "if there is no policy yet" },
		{ .type = OPTION_FLAG,
		  .name = "fail-open",
		  .target = &fail_open,
		  .help = "start the container even if it cannot be protected" },
	};
	const struct option_table table = {
		.command = "guard hook",
		.synopsis = "[OPTION]... <STATE",
		.about =
			"Protects the container that an OCI runtime is creating, before its first\n"
			"instruction: a createRuntime hook, which gets the container's state (JSON) on\n"
			"standard input. Where that fails the container does not start. As poststop hook\n"
			"it drops its records of the container.",
		.epilog =
			"In a container's config.json:\n"
			"  \"hooks\": {\"createRuntime\": [{\"path\": \"/usr/local/bin/truesum\",\n"
			"    \"args\": [\"truesum\", \"guard\", \"hook\"]}], \"poststop\": the same}\n",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	rc = act(ordered);
	if (!rc)
		return EXIT_NOTHING_WRONG;
	say(fail_text());
	if (!fail_open)
		return EXIT_UNKNOWN;
	say("it starts unprotected (--fail-open)");
	return EXIT_NOTHING_WRONG;
}
