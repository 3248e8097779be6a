// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard`: the table of its subcommands and dispatch. */
#include "cmd/guard/guard.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/common/command.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} subcommands[] = {
	{ "apply", cmd_guard_apply,
	  "find the narrowest mitigation that is proven to help, and put it on" },
	{ "status", cmd_guard_status, "what is put on, and whether it is in force still" },
	{ "revert", cmd_guard_revert, "put everything back as it was" },
	{ "run", cmd_guard_run, "the daemon: protect every new container" },
	{ "hook", cmd_guard_hook, "protect the container that an OCI runtime is creating" },
	{ "cost", cmd_guard_cost, "what each mitigation costs on this host" },
};

static void print_help(void)
{
	printf("truesum guard keeps containers protected from packets that nobody checked, from their\n"
	       "first packet on, says what that costs, and puts everything back.\n\n"
	       "Usage: truesum guard SUBCOMMAND [OPTION]...\n\n"
	       "Subcommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		printf("  %-10s %s\n", subcommands[i].name, subcommands[i].help);
	printf("\n  truesum guard SUBCOMMAND --help    the subcommand's options\n"
	       "\nCalled by a container runtime as a CNI plugin (CNI_COMMAND is set), truesum protects\n"
	       "the container that is being made.\n");
}

int cmd_guard(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";

	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		if (!strcmp(name, subcommands[i].name))
			return subcommands[i].run(argc - 1, argv + 1);
	if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
		print_help();
		return argc > 1 ? EXIT_NOTHING_WRONG : EXIT_USAGE;
	}
	fprintf(stderr, "truesum guard: unknown subcommand '%s' (see truesum guard --help)\n",
		name);
	return EXIT_USAGE;
}
