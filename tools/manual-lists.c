// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints a list of names and meanings for a man page, in mdoc(7), from the table that the program
 * itself uses: `manual-lists NAME`. tools/manual puts the lists into the pages.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/vocabulary.h"
#include "lab/run.h"
#include "lab/topology.h"
#include "packet/damage.h"

#define NAMES_MAX 64

static const char *topology_names[NAMES_MAX + 1], *topology_meanings[NAMES_MAX + 1];

static const struct {
	const char *name;
	const char *const *names, *const *meanings;
} lists[] = {
	{ "topologies", topology_names, topology_meanings },
	{ "nics", nic_names, nic_meanings },
	{ "behaviours", behaviour_names, behaviour_meanings },
	{ "mitigations", mitigation_names, mitigation_meanings },
	{ "patterns", damage_names, damage_meanings },
	{ "places", damage_where_names, damage_where_meanings },
	{ "verdicts", verdict_names, verdict_meanings },
	{ "catchers", caught_by_names, caught_by_meanings },
};

static void print_list(const char *const *names, const char *const *meanings)
{
	size_t width = 0;

	for (size_t i = 0; names[i]; i++)
		if (strlen(names[i]) > width)
			width = strlen(names[i]);
	printf(".Bl -tag -width %zun -compact\n", width);
	for (size_t i = 0; names[i]; i++)
		printf(".It Cm %s\n%s\n", names[i], meanings[i]);
	printf(".El\n");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < topology_count && i < NAMES_MAX; i++) {
		topology_names[i] = topologies[i].name;
		topology_meanings[i] = topologies[i].about;
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_SIZE(lists); i++) {
		if (strcmp(lists[i].name, argv[1]) != 0)
			continue;
		print_list(lists[i].names, lists[i].meanings);
		return 0;
	}
	fprintf(stderr, "usage: manual-lists NAME; NAME is one of:");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		fprintf(stderr, " %s", lists[i].name);
	fprintf(stderr, "\n");
	return 2;
}
