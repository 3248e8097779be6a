// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard`: the table of its subcommands and dispatch. Before it, the two ways in which a
 * container runtime calls truesum to protect a container before its first instruction; they read
 * the call, and guard/start/start.h acts.
 *
 * `truesum guard hook` is an OCI hook. The runtime passes the container's state on standard input
 * and waits. If the hook fails, the container does not start: it must not run unprotected. The
 * mitigations end with the container; as a poststop hook, this removes the records.
 *
 * `truesum` without arguments and with CNI_COMMAND set is a CNI plugin: the request is in the
 * environment and on standard input, the answer goes to standard output. guard/start/cni.h reads
 * and composes them.
 */
#include "cmd/guard/guard.h"

#include <errno.h>
#include <jansson.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "guard/catalog.h"
#include "guard/start/cni.h"
#include "guard/start/oci.h"
#include "guard/start/start.h"

#define STATE_MAX (1 << 20)
#define CONFIG_MAX (4 << 20)

/* ---- The OCI hook ---- */

static char container[260] = "?"; /* its id, for messages */

static void say_hook(const char *sentence)
{
	fprintf(stderr, "truesum guard hook: container %.12s: %s\n", container, sentence);
}

/* "auto" becomes 0; a comma-separated list of mitigations for containers' devices, a mask. */
static int parse_start_mitigation(const char *value, void *target)
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

static int read_container_state(struct oci_state *ret_state)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = file_read(STDIN_FILENO, "standard input", STATE_MAX, &text, &len);

	return rc ? rc : oci_parse_state(text, len, ret_state);
}

static int protect_or_forget(uint32_t ordered)
{
	struct oci_state state;
	int rc = read_container_state(&state);

	if (rc)
		return rc;
	snprintf(container, sizeof(container), "%s", state.id);
	return start_oci(&state, ordered, say_hook);
}

static int protect_by_hook(int argc, char **argv)
{
	static uint32_t ordered;
	static bool fail_open;
	const struct option_row rows[] = {
		{ .type = OPTION_CALL,
		  .name = "mitigation",
		  .value = "LIST",
		  .target = &ordered,
		  .parse = parse_start_mitigation,
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
			"Protects a container that an OCI runtime is creating, before its first\n"
			"instruction: a createRuntime hook, which gets the container's state (JSON) on\n"
			"standard input. If it fails, the container does not start. As a poststop hook\n"
			"it removes its records of the container.",
		.epilog =
			"In a container's config.json:\n"
			"  \"hooks\": {\"createRuntime\": [{\"path\": \"/usr/bin/truesum\",\n"
			"    \"args\": [\"truesum\", \"guard\", \"hook\"]}], \"poststop\": the same}\n",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	rc = protect_or_forget(ordered);
	if (!rc)
		return EXIT_NOTHING_WRONG;
	say_hook(fail_text());
	if (!fail_open)
		return EXIT_UNKNOWN;
	say_hook("the container starts unprotected (--fail-open)");
	return EXIT_NOTHING_WRONG;
}

/* ---- The CNI plugin ---- */

static void say_cni(const char *sentence)
{
	fprintf(stderr, "truesum: %s\n", sentence);
}

/* Takes `answer`. */
static int print_answer(json_t *answer)
{
	int rc = answer ? json_dumpf(answer, stdout, JSON_INDENT(4)) : -1;

	json_decref(answer);
	if (rc)
		fprintf(stderr, "truesum: out of memory\n");
	else
		putchar('\n');
	return rc ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}

static int answer_cni_error(const struct cni_error *error)
{
	print_answer(cni_compose(NULL, error));
	switch (error->code) {
	case CNI_UNPROTECTED:
		return EXIT_FOUND;
	case CNI_INCOMPATIBLE:
	case CNI_UNSUPPORTED:
	case CNI_ENVIRONMENT:
	case CNI_DECODE:
	case CNI_CONFIG:
		return EXIT_USAGE;
	default:
		return EXIT_UNKNOWN;
	}
}

static int answer_success(const struct cni_request *request)
{
	if (request->command != CNI_ADD && request->command != CNI_VERSION)
		return EXIT_NOTHING_WRONG;
	return print_answer(cni_compose(request, NULL));
}

/*
 * "failOpen": warns of the error and answers success. False if the configuration has no such key.
 */
static bool answer_open(const struct cni_environment *environment, const char *text, size_t len,
			bool acted, const struct cni_error *error)
{
	char sentence[sizeof(error->msg) + sizeof(error->details) + 100];
	char printable[TERM_PRINTABLE_SIZE(sizeof(sentence))];
	json_t *answer = NULL;

	if (!cni_is_open(environment, text, len, acted, &answer))
		return false;
	snprintf(sentence, sizeof(sentence), "%s%s%s; the container goes on unprotected (failOpen)",
		 error->msg, *error->details ? ": " : "", error->details);
	term_sentence(printable, sizeof(printable), sentence);
	say_cni(printable);
	if (answer)
		print_answer(answer);
	return true;
}

int command_cni(void)
{
	const struct cni_environment environment = { .command = getenv("CNI_COMMAND"),
						     .container_id = getenv("CNI_CONTAINERID"),
						     .netns = getenv("CNI_NETNS"),
						     .ifname = getenv("CNI_IFNAME") };
	_cleanup_(cni_request_release) struct cni_request request = { 0 };
	_cleanup_free_ char *text = NULL;
	struct cni_error error = { 0 };
	size_t len = 0;
	int rc = file_read(STDIN_FILENO, "standard input", CONFIG_MAX, &text, &len), read_rc = rc;
	bool acted = false;

	rc = cni_parse(&environment, rc ? "" : text, len, &request, &error);
	acted = !rc;
	if (read_rc) {
		cni_fail(&error, read_rc == -EFBIG ? CNI_DECODE : CNI_IO,
			 "cannot read the configuration: %s", fail_text());
		rc = read_rc;
	}
	rc = rc ? rc : start_cni(&request, say_cni, &error);
	if (rc && !read_rc && answer_open(&environment, text, len, acted, &error))
		return EXIT_NOTHING_WRONG;
	return rc ? answer_cni_error(&error) : answer_success(&request);
}

/* ---- The subcommands ---- */

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "apply", guard_command_apply,
	  "find the narrowest mitigation that is proven to help, and put it on" },
	{ "status", guard_command_status,
	  "show which mitigations are on, and whether they are still in force" },
	{ "revert", guard_command_revert, "put everything back as it was" },
	{ "run", guard_command_run, "the daemon: protect all containers, new ones at once" },
	{ "hook", protect_by_hook, "protect a container that an OCI runtime is creating" },
	{ "chain", guard_command_chain, "have a container runtime call truesum at each start" },
	{ "unchain", guard_command_unchain, "take truesum out of what container runtimes call" },
	{ "cost", guard_command_cost, "measure what each mitigation costs on this host" },
};

static void print_guard_help(void)
{
	printf("truesum guard protects containers from damaged packets that nothing checks, from\n"
	       "their first packet on. It measures what that costs, and can put everything back.\n\n"
	       "Usage: truesum guard SUBCOMMAND [OPTION]...\n\n"
	       "Subcommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		printf("  %-10s %s\n", subcommands[i].name, subcommands[i].help);
	printf("\n  truesum guard SUBCOMMAND --help    the subcommand's options\n"
	       "\nIf a container runtime calls truesum as a CNI plugin (CNI_COMMAND is set), it\n"
	       "protects the new container.\n");
}

int command_guard(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		int code;

		if (strcmp(name, subcommands[i].name) != 0)
			continue;
		code = subcommands[i].run(argc - 1, argv + 1);
		if (code >= 0)
			return code;
		fprintf(stderr, "truesum guard %s: %s\n", name, fail_text());
		return EXIT_UNKNOWN;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_guard_help();
		return argc > 1 ? EXIT_NOTHING_WRONG : EXIT_USAGE;
	}
	fail(-EINVAL, "unknown subcommand '%s' (see truesum guard --help)", name);
	fprintf(stderr, "truesum guard: %s\n", fail_text());
	return EXIT_USAGE;
}
