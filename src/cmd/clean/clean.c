// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum clean`: undoes what a killed run left behind, from its journal (net/journal.h). */
#include <stdio.h>

#include "base/fail.h"
#include "base/options.h"
#include "cmd/common/command.h"
#include "net/journal.h"

static void say(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum clean: %s\n", sentence);
	else
		printf("%s\n", sentence);
}

int command_clean(int argc, char **argv)
{
	static const struct option_table table = {
		.command = "clean",
		.synopsis = "[OPTION]...",
		.about =
			"Undoes what a killed truesum left on this host: offload features, qdiscs, BPF filters,\n"
			"addresses with their routes, neighbours and forwarding entries, from the records in\n"
			"/run/truesum. Running truesums are left alone.",
	};
	struct journal_tally tally;
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	rc = journal_recover(say, &tally);
	if (rc) {
		fprintf(stderr, "truesum clean: %s\n", fail_text());
		return EXIT_UNKNOWN;
	}
	if (tally.undone || tally.lost)
		printf("%u change%s undone\n", tally.undone, tally.undone == 1 ? "" : "s");
	else
		printf("nothing was left behind\n");
	return tally.lost ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
