// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum clean`: undoes what a killed run left behind, from its journal (net/journal.h). */
#include <stdio.h>

#include "base/fail.h"
#include "base/options.h"
#include "command.h"
#include "net/journal.h"

static void say(const char *sentence)
{
	printf("%s\n", sentence);
}

int command_clean(int argc, char **argv)
{
	static const struct option_table table = {
		.command = "clean",
		.synopsis = "[OPTION]...",
		.about =
			"Undoes what a killed truesum left on this host: offload features, qdiscs and BPF\n"
			"filters, from the records in /run/truesum. Running truesums are left alone.",
	};
	unsigned int changes = 0;
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	rc = journal_recover(say, &changes);
	if (rc) {
		fprintf(stderr, "truesum clean: %s\n", fail_text());
		return EXIT_UNKNOWN;
	}
	printf(changes ? "%u change%s undone\n" : "nothing was left behind\n", changes,
	       changes == 1 ? "" : "s");
	return EXIT_NOTHING_WRONG;
}
