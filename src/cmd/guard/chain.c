// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard chain` and `unchain`: put truesum into the files by which container runtimes call
 * it, and take it out again. A package's removal asks `unchain --dry-run` first.
 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/guard/guard.h"
#include "guard/chain/chain.h"

#define OPERANDS_MAX 100
#define SHOWN_SIZE TERM_PRINTABLE_SIZE(PATH_MAX)

static const char *const role_words[CHAIN_ROLES] = {
	[CHAIN_NOTHING] = "",	     [CHAIN_PLUGIN] = "plugin", [CHAIN_HOOK] = "hook",
	[CHAIN_RUNTIME] = "runtime", [CHAIN_OTHER] = "other",
};

/* What became of a file. */
struct result {
	const char *file, *then, *why;
	enum chain_role role;
	size_t line;
	bool changed;
};

static json_t *compose_file(const struct result *result)
{
	char shown[SHOWN_SIZE];

	term_printable(shown, sizeof(shown), result->file);
	return json_pack("{s:s, s:I, s:s, s:b, s:s, s:s}", "file", shown, "line",
			 (json_int_t)result->line, "role", role_words[result->role], "changed",
			 result->changed, "then", result->then, "reason", result->why);
}

/* Prints it, or adds it to the JSON's files. */
static void report(json_t *files, const struct result *result, const char *words)
{
	char shown[SHOWN_SIZE];

	if (files) {
		json_array_append_new(files, compose_file(result));
		return;
	}
	term_printable(shown, sizeof(shown), result->file);
	if (result->line)
		printf("%s:%zu: %s\n", shown, result->line, words);
	else
		printf("%s: %s\n", shown, words);
}

static int print_json(const char *action, json_t *files)
{
	json_auto_t *root = json_pack("{s:s, s:s, s:s, s:O}", "command", "guard", "action", action,
				      "version", TRUESUM_VERSION, "files", files);

	if (!root || json_dumpf(root, stdout, JSON_INDENT(2)))
		return fail(-ENOMEM, "out of memory");
	putchar('\n');
	return 0;
}

/* ---- unchain ---- */

struct unchain_options {
	bool dry_run, json;
};

static int parse_unchain(int argc, char **argv, struct unchain_options *options)
{
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG,
		  .name = "dry-run",
		  .target = &options->dry_run,
		  .help = "show which files name truesum, and change nothing" },
		{ .type = OPTION_FLAG,
		  .name = "json",
		  .target = &options->json,
		  .help = "one JSON object" },
	};
	const struct option_table table = {
		.command = "guard unchain",
		.synopsis = "[OPTION]... [FILE]...",
		.about =
			"Takes truesum out of the files by which container runtimes call it, so that containers\n"
			"start without it: lists of CNI plugins, OCI hooks, and the runtime truesum-runc of\n"
			"Docker, containerd, Podman and CRI-O, whose path becomes runc's. Without FILE it looks\n"
			"where these programs have them. The rest of a file keeps its form. What protects\n"
			"containers now stays on until `truesum guard revert`.\n\n"
			"Exit codes: 0 nothing names truesum any more; 1 something does\n"
			"(with --dry-run: something did); 3 a file could not be read or changed.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
		.operands_max = OPERANDS_MAX,
	};

	return options_parse(&table, argc, argv);
}

static int find(int operands, char **operand, struct chain_files *files)
{
	int rc = operands ? 0 : chain_find(files);

	for (int i = 0; !rc && i < operands; i++) {
		rc = chain_find_in(operand[i], files);
		if (rc == -ENOENT)
			rc = fail(rc, "there is no %s", operand[i]);
	}
	return rc;
}

static const char *words_for(const struct chain_file *file, bool dry_run)
{
	static const char *const done[CHAIN_ROLES] = {
		[CHAIN_PLUGIN] = "CNI plugin: taken out",
		[CHAIN_HOOK] = "OCI hook: taken out",
		[CHAIN_RUNTIME] = "runtime truesum-runc: runc instead",
	};
	static const char *const planned[CHAIN_ROLES] = {
		[CHAIN_PLUGIN] = "CNI plugin",
		[CHAIN_HOOK] = "OCI hook",
		[CHAIN_RUNTIME] = "runtime truesum-runc",
	};

	if (*file->why)
		return file->why;
	if (file->text.is_alone && !dry_run)
		return "OCI hook: file removed";
	return (dry_run ? planned : done)[file->text.role];
}

/* The commands that make runtimes read their files again, each once. */
static void print_then(const struct chain_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct chain_file *file = &files->file[i];
		bool is_said = !file->is_done || !*file->then;

		for (size_t k = 0; k < i; k++)
			is_said |=
				files->file[k].is_done && !strcmp(files->file[k].then, file->then);
		if (!is_said)
			printf("then run: %s\n", file->then);
	}
}

/* Does it, file by file, and reports; returns the exit code, or -errno. */
static int unchain_files(const struct unchain_options *options, struct chain_files *files)
{
	json_auto_t *json = options->json ? json_array() : NULL;
	int code = EXIT_NOTHING_WRONG, rc = 0;

	for (size_t i = 0; i < files->count; i++) {
		struct chain_file *file = &files->file[i];
		bool is_unread = !file->before;

		if (!options->dry_run && !*file->why && chain_take_out(file))
			is_unread = true;
		report(json,
		       &(struct result){ .file = file->path,
					 .then = file->then,
					 .why = file->why,
					 .role = file->text.role,
					 .line = file->text.line,
					 .changed = file->is_done },
		       words_for(file, options->dry_run));
		if (is_unread)
			code = EXIT_UNKNOWN;
		else if (!file->is_done && code == EXIT_NOTHING_WRONG)
			code = EXIT_FOUND;
	}
	if (options->json)
		rc = print_json("unchain", json);
	else if (!files->count)
		printf("nothing names truesum\n");
	else
		print_then(files);
	return rc ? rc : code;
}

int guard_command_unchain(int argc, char **argv)
{
	struct unchain_options options = { 0 };
	struct chain_files files = { 0 };
	int operands = parse_unchain(argc, argv, &options), rc;

	if (operands < 0)
		return options_exit(operands);
	rc = find(operands, argv + 1, &files);
	rc = rc ? rc : unchain_files(&options, &files);
	chain_release(&files);
	return rc;
}

/* ---- chain ---- */

struct chain_options {
	bool fail_open, json;
};

static int parse_chain(int argc, char **argv, struct chain_options *options)
{
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG,
		  .name = "fail-open",
		  .target = &options->fail_open,
		  .help = "start a container even if it cannot be protected, and warn:\n"
			  "for a roll-out" },
		{ .type = OPTION_FLAG,
		  .name = "json",
		  .target = &options->json,
		  .help = "one JSON object" },
	};
	const struct option_table table = {
		.command = "guard chain",
		.synopsis = "[OPTION]... FILE...",
		.about =
			"Has a container runtime call truesum at each start of a container, which it then\n"
			"protects before its first instruction. FILE is a list of CNI plugins (.conflist), which\n"
			"gets truesum as its last plugin, or a file to be made in a folder hooks.d, as Podman\n"
			"and CRI-O read it. Again with or without --fail-open changes just that.\n"
			"`truesum guard unchain` undoes it.\n\n"
			"If truesum cannot protect a container, the container does not start.",
		.epilog =
			"Example:\n  truesum guard chain --fail-open /etc/cni/net.d/10-bridge.conflist\n",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
		.operands_min = 1,
		.operands_max = OPERANDS_MAX,
	};

	return options_parse(&table, argc, argv);
}

/* Whether it is a file in a folder of OCI hooks. */
static bool is_hook(const char *path)
{
	const char *slash = strrchr(path, '/'), *end = strrchr(path, '.');
	static const char folder[] = "hooks.d";
	size_t len = sizeof(folder) - 1;

	return slash && (size_t)(slash - path) >= len && !memcmp(slash - len, folder, len) && end &&
	       !strcmp(end, ".json");
}

static int chain_file(const char *path, const struct chain_options *options, json_t *json)
{
	bool hook = is_hook(path), changed = false;
	int rc = hook ? chain_put_hook(path, options->fail_open, &changed)
		      : chain_put_plugin(path, options->fail_open, &changed);
	const char *words = rc	       ? fail_text()
			    : !changed ? "is as it should be already"
			    : hook     ? "OCI hook: file written"
				       : "CNI plugin: put in";

	report(json,
	       &(struct result){ .file = path,
				 .then = "",
				 .why = rc ? words : "",
				 .role = hook ? CHAIN_HOOK : CHAIN_PLUGIN,
				 .changed = changed && !rc },
	       words);
	return rc;
}

int guard_command_chain(int argc, char **argv)
{
	struct chain_options options = { 0 };
	json_auto_t *json = NULL;
	int operands = parse_chain(argc, argv, &options), rc = 0;

	if (operands < 0)
		return options_exit(operands);
	json = options.json ? json_array() : NULL;
	for (int i = 1; i <= operands; i++)
		rc = chain_file(argv[i], &options, json) ? -EIO : rc;
	if (options.json && print_json("chain", json))
		return -ENOMEM;
	return rc ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
