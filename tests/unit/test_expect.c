// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares what the lab expects of a cell with what real kernels did (tests/data/oracle.tsv), also
 * for topologies that the kernel under test cannot build.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lab/judge.h"
#include "lab/run.h"
#include "lab/topology.h"

enum { TOPOLOGY, FAMILY, PROTO, NIC, BEHAVIOUR, MITIGATION, VERDICT, FIELDS };

/* Splits a line of the oracle; 0 for comments. */
static int split(char *line, char *fields[FIELDS])
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	if (*line == '#' || !*line)
		return 0;
	for (char *at = line; at && n < FIELDS; n++) {
		fields[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	if (n < FIELDS)
		fail_msg("the oracle's line '%s' is cut off", line);
	return n == FIELDS;
}

static unsigned int position(const char *name, const char *const *names)
{
	for (unsigned int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	fail_msg("the oracle names '%s', which truesum does not know", name);
	return 0;
}

static const struct topology *topology_called(const char *name)
{
	for (size_t i = 0; i < topology_count; i++)
		if (!strcmp(topologies[i].name, name))
			return &topologies[i];
	fail_msg("the oracle names topology '%s'", name);
	return NULL;
}

/* The verdict expected of a cell if `unseen` of its damaged segments had a right checksum. */
static enum verdict expected_of(const struct cell_key *key, uint32_t unseen)
{
	static const struct lab_settings settings;
	struct cell_result result = { .verdict = VERDICT_BLOCKED,
				      .reason = "judged already",
				      .damaged_unseen = unseen };

	judge_cell(key, &settings, false, &result);
	assert_int_not_equal(result.agreement, AGREEMENT_NONE);
	assert_true(result.expected != VERDICT_DELIVERS_CORRUPT ||
		    result.expected_by == CAUGHT_NOBODY);
	return result.expected;
}

static void check_row(char *fields[FIELDS])
{
	struct cell_key key = { .topology = topology_called(fields[TOPOLOGY]),
				.family = AF_INET,
				.proto = (enum proto)position(fields[PROTO], proto_names),
				.nic = (enum nic)position(fields[NIC], nic_names),
				.mitigation = (enum mitigation)position(fields[MITIGATION],
									mitigation_names) };
	enum verdict expected, known = (enum verdict)position(fields[VERDICT], verdict_names);

	for (unsigned int b = 0; b < BEHAVIOURS; b++) {
		if (*fields[BEHAVIOUR] != '*' && strcmp(fields[BEHAVIOUR], behaviour_names[b]))
			continue;
		key.behaviour = (enum behaviour)b;
		expected = expected_of(&key, 0);
		if (expected != known)
			fail_msg("%s %s %s %s: expected %s, real kernels: %s", fields[TOPOLOGY],
				 fields[PROTO], fields[NIC], behaviour_names[b],
				 verdict_names[expected], fields[VERDICT]);
	}
}

static void test_oracle(void **state)
{
	FILE *file = fopen("tests/data/oracle.tsv", "re");
	char line[256], *fields[FIELDS];
	int rows = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (!split(line, fields))
			continue;
		check_row(fields);
		rows++;
	}
	fclose(file);
	assert_true(rows > 40);
}

/* Compensating flips: no kernel can notice them, with any mitigation. */
static void test_unseen(void **state)
{
	(void)state;
	for (size_t t = 0; t < topology_count; t++) {
		for (unsigned int m = 0; m < MITIGATIONS; m++) {
			struct cell_key key = { .topology = &topologies[t],
						.family = AF_INET,
						.mitigation = (enum mitigation)m };

			assert_int_equal(expected_of(&key, 1), VERDICT_DELIVERS_CORRUPT);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
