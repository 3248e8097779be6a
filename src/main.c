// SPDX-License-Identifier: GPL-2.0-or-later
/* truesum: the table of commands and dispatch, nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/common/command.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "lab", command_lab, "what happens to damaged packets on every way into a container" },
	{ "probe", command_probe, "does this running container verify what it receives?" },
	{ "audit", command_audit,
	  "which offloads, sysctls and kernels decide that, and what is wrong" },
	{ "guard", command_guard,
	  "protect every container from its first packet on, at a stated cost" },
	{ "corrupt", command_corrupt, "damage chosen packets on a device, and stop cleanly" },
	{ "send", command_send, "send numbered lines to another machine" },
	{ "recv", command_recv, "receive them and check every byte" },
	{ "pcap", command_pcap, "which packets of a capture are damaged, and which only look so" },
	{ "report", command_report, "what a bug report needs, with labels for what is private" },
	{ "clean", command_clean, "undo what a killed run left behind" },
};

static void print_help(void)
{
	printf("truesum finds, proves and stops the packets a Linux host accepts without checking.\n\n"
	       "Usage: truesum COMMAND [OPTION]...\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].help);
	printf("\n  truesum COMMAND --help    the command's options\n"
	       "  truesum help COMMAND      its man page, with examples\n"
	       "  truesum --version         %s\n"
	       "\nExit codes: 0 nothing wrong; 1 corruption or an unsafe path found; 2 usage;\n"
	       "3 could not find out (the message says what is missing and what to do).\n",
	       TRUESUM_VERSION);
}

/*
 * Opens descriptors 0, 1 and 2 if they are closed: otherwise a file of truesum's could get such a
 * number, and output would go there.
 */
static void fill_standard_descriptors(void)
{
	int fd = open("/dev/null", O_RDWR);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDWR);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* If the output cannot be written, the user has no result: that is exit code 3. */
static int finish(int code)
{
	bool failed = ferror(stdout);

	if (!fflush(stdout) && !failed)
		return code;
	perror("truesum: cannot write the output");
	return EXIT_UNKNOWN;
}

static int unknown_command(const char *name)
{
	fail(-EINVAL, "unknown command '%s' (see truesum --help)", name);
	fprintf(stderr, "truesum: %s\n", fail_text());
	return EXIT_USAGE;
}

/* `truesum help COMMAND`: opens the man page. If it cannot, says why and prints --help. */
static int help(int argc, char **argv)
{
	char *arguments[] = { argv[0], (char *)"--help", NULL };

	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		print_help();
		return EXIT_NOTHING_WRONG;
	}
	if (argc > 1) {
		fprintf(stderr, "truesum help: give one command (see truesum --help)\n");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		command_open_page(argv[0]);
		fprintf(stderr, "truesum help: %s; this is the text of truesum %s --help\n\n",
			fail_text(), argv[0]);
		return commands[i].run(2, arguments);
	}
	return unknown_command(argv[0]);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	fill_standard_descriptors();
	if (argc == 1 && getenv("CNI_COMMAND"))
		return finish(command_cni());
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return finish(commands[i].run(argc - 1, argv + 1));
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("truesum %s\n", TRUESUM_VERSION);
		return finish(EXIT_NOTHING_WRONG);
	}
	if (!strcmp(name, "help") && argc > 2)
		return finish(help(argc - 2, argv + 2));
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help();
		return finish(argc > 1 ? EXIT_NOTHING_WRONG : EXIT_USAGE);
	}
	return unknown_command(name);
}
