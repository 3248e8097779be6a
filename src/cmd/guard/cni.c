// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum` as a CNI plugin: the request is in the environment and on standard input, the answer on
 * standard output. guard/start/cni.h parses and composes them, guard/start/start.h acts.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "cmd/common/command.h"
#include "guard/start/cni.h"
#include "guard/start/start.h"

#define CONFIG_MAX (4 << 20)

static void say(const char *sentence)
{
	fprintf(stderr, "truesum: %s\n", sentence);
}

/* Takes `answer`. */
static int print(json_t *answer)
{
	int rc = answer ? json_dumpf(answer, stdout, JSON_INDENT(4)) : -1;

	json_decref(answer);
	if (rc)
		fprintf(stderr, "truesum: out of memory\n");
	else
		putchar('\n');
	return rc ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}

static int print_error(const struct cni_error *error)
{
	print(cni_compose(NULL, error));
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

static int answer(const struct cni_request *request)
{
	if (request->command != CNI_ADD && request->command != CNI_VERSION)
		return EXIT_NOTHING_WRONG;
	return print(cni_compose(request, NULL));
}

int cmd_cni(void)
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

	rc = cni_parse(&environment, rc ? "" : text, len, &request, &error);
	if (read_rc) {
		cni_fail(&error, read_rc == -EFBIG ? CNI_DECODE : CNI_IO,
			 "cannot read the configuration: %s", fail_text());
		rc = read_rc;
	}
	rc = rc ? rc : start_cni(&request, say, &error);
	return rc ? print_error(&error) : answer(&request);
}
