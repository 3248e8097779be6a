// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The matrix and the JSON object of made-up results: the headline comes first, columns are aligned,
 * no control characters reach the terminal, and the counts agree with the cells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "cmd/lab/show.h"
#include "lab/topology.h"

#define DURING 16

static const struct lab_settings settings = { .before = 4, .during = DURING, .after = 4 };
static const struct lab_run run = {
	.settings = &settings, .kernel = "6.18.0", .version = "0.1.0", .duration_ns = 1500000000
};

static const struct topology *topology(const char *name)
{
	for (size_t i = 0; i < topology_count; i++)
		if (!strcmp(topologies[i].name, name))
			return &topologies[i];
	fail_msg("no topology %s", name);
	return NULL;
}

static struct lab_cell cell(const char *name, int family, enum behaviour behaviour,
			    enum verdict verdict)
{
	bool bad = verdict == VERDICT_DELIVERS_CORRUPT;
	struct lab_cell fresh = {
		.key = { .topology = topology(name), .family = family, .behaviour = behaviour },
		.result = { .verdict = verdict,
			    .caught_by = bad ? CAUGHT_NOBODY : CAUGHT_CONTAINER,
			    .agreement = AGREEMENT_AS_EXPECTED,
			    .expected = verdict,
			    .expected_by = bad ? CAUGHT_NOBODY : CAUGHT_CONTAINER,
			    .sent = 24,
			    .delivered = bad ? 24 - DURING : 24,
			    .delivered_damaged = bad ? DURING : 0,
			    .damaged_on_wire = DURING },
	};

	return fresh;
}

/* routed in both families and behaviours: verified with native, delivered with veth-2016. */
static size_t routed(struct lab_cell *cells)
{
	cells[0] = cell("routed", AF_INET, BEHAVIOUR_NATIVE, VERDICT_VERIFIED);
	cells[1] = cell("routed", AF_INET, BEHAVIOUR_VETH_2016, VERDICT_DELIVERS_CORRUPT);
	cells[2] = cell("routed", AF_INET6, BEHAVIOUR_NATIVE, VERDICT_VERIFIED);
	cells[3] = cell("routed", AF_INET6, BEHAVIOUR_VETH_2016, VERDICT_DELIVERS_CORRUPT);
	return 4;
}

static void skip_cell(struct lab_cell *skipped, const char *reason)
{
	memset(&skipped->result, 0, sizeof(skipped->result));
	skipped->result.skipped = true;
	snprintf(skipped->result.reason, sizeof(skipped->result.reason), "%s", reason);
}

static char *matrix_of(const struct lab_cell *cells, size_t count, bool evidence)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(lab_matrix(out, &run, cells, count, evidence), 0);
	fclose(out);
	return text;
}

/* Makes the text one line, so that a search does not depend on its line breaks. */
static char *unwrapped(char *text)
{
	for (char *end = strchr(text, '\n'); end; end = strchr(end, '\n'))
		*end = ' ';
	return text;
}

/* The line of the matrix that begins with `label`. */
static char *line_of(const char *text, const char *label)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, label, strlen(label)) && line[strlen(label)] == ' ')
			return strndup(line, strcspn(line, "\n"));
	}
	fail_msg("no line %s in:\n%s", label, text);
	return NULL;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in:\n%s", part, text);
}

static size_t column_at(const char *line, const char *part)
{
	assert_has(line, part);
	return (size_t)(strstr(line, part) - line);
}

static void test_verdict_comes_first(void **state)
{
	struct lab_cell cells[4];
	_cleanup_free_ char *text = unwrapped(matrix_of(cells, routed(cells), false));

	(void)state;
	assert_ptr_equal(strstr(text,
				"Linux 6.18.0 drops damaged packets on the network setup that was "
				"tried; with veth's 2016 statement 1 of 1 delivers them."),
			 text);
	assert_has(text, "4 cells: 4 as expected, 0 differing, 0 skipped.");
}

static void test_columns_are_aligned(void **state)
{
	struct lab_cell cells[8];
	size_t count = routed(cells);
	_cleanup_free_ char *text = NULL, *head = NULL, *long_row = NULL, *short_row = NULL;

	(void)state;
	cells[count++] = cell("bare", AF_INET, BEHAVIOUR_NATIVE, VERDICT_BLOCKED);
	cells[count++] = cell("bare", AF_INET, BEHAVIOUR_VETH_2016, VERDICT_VERIFIED);
	text = matrix_of(cells, count, false);
	head = line_of(text, "              ");
	long_row = line_of(text, "routed");
	short_row = line_of(text, "bare v4");
	assert_int_equal(column_at(head, "native"), column_at(long_row, "verified: container"));
	assert_int_equal(column_at(head, "native"), column_at(short_row, "blocked"));
	assert_int_equal(column_at(head, "veth-2016"), column_at(long_row, "DELIVERED 16/16"));
	assert_int_equal(column_at(head, "veth-2016"), column_at(short_row, "verified: container"));
}

static void test_families_apart_if_they_differ(void **state)
{
	struct lab_cell cells[4];
	size_t count = routed(cells);
	_cleanup_free_ char *text = NULL, *first = NULL;

	(void)state;
	cells[3].result.verdict = VERDICT_VERIFIED;
	cells[3].result.caught_by = CAUGHT_CONTAINER;
	cells[3].result.agreement = AGREEMENT_DIFFERS;
	text = matrix_of(cells, count, false);
	first = line_of(text, "routed");
	assert_has(first, "v4 DELIVERED 16/16");
	assert_has(text, "v6 ! verified: container");
	unwrapped(text);
	assert_ptr_equal(strstr(text, "1 cell DIFFERS from what is expected. Linux"), text);
	assert_has(text, "routed IPv6 TCP, veth-2016: verified, caught by the container's own TCP; "
			 "expected is delivers-corrupt");
	assert_has(text, "4 cells: 3 as expected, 1 differing, 0 skipped.");
}

static void test_skipped_row_says_why_once(void **state)
{
	struct lab_cell cells[6];
	size_t count = routed(cells);
	_cleanup_free_ char *text = NULL, *row = NULL;

	(void)state;
	cells[count] = cell("ipvlan", AF_INET, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN);
	skip_cell(&cells[count++], "not here: no ipvlan");
	cells[count] = cell("ipvlan", AF_INET6, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN);
	skip_cell(&cells[count++], "not here: no ipvlan");
	text = matrix_of(cells, count, false);
	row = line_of(text, "ipvlan");
	assert_has(row, "not here: no ipvlan");
	assert_lacks(row, "not here: not here");
	assert_has(text, "6 cells: 4 as expected, 0 differing, 2 skipped.");
	assert_has(text, "every network setup that could be tried");
}

static void test_control_characters_stay_out(void **state)
{
	struct lab_cell cells[4];
	size_t count = routed(cells);
	_cleanup_free_ char *text = NULL;

	(void)state;
	cells[0].result.verdict = VERDICT_UNKNOWN;
	strcpy(cells[0].result.reason, "no \033[2Jdevice \r\a na\xc3\xafve");
	text = matrix_of(cells, count, true);
	assert_lacks(text, "\033");
	assert_lacks(text, "\r");
	assert_lacks(text, "\a");
	assert_has(text, "na\xc3\xafve");
}

static void test_lines_fit(void **state)
{
	struct lab_cell cells[128];
	size_t count = 0;
	_cleanup_free_ char *text = NULL;

	(void)state;
	for (size_t i = 0; i < topology_count; i++)
		for (int column = 0; column < 4; column++) {
			cells[count] =
				cell(topologies[i].name, AF_INET, BEHAVIOUR_VETH_2016,
				     column == 1 ? VERDICT_DELIVERS_CORRUPT : VERDICT_VERIFIED);
			if (!column)
				cells[count].key.behaviour = BEHAVIOUR_NATIVE;
			else
				cells[count].key.mitigation = (enum mitigation)(column - 1);
			count++;
		}
	text = matrix_of(cells, count, true);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) > 100)
			fail_msg("more than 100 columns: %s", line);
}

static void test_conclusion_counts_what_was_cured(void **state)
{
	struct lab_cell cells[6];
	size_t count = routed(cells);
	_cleanup_free_ char *text = NULL;

	(void)state;
	cells[count] = cell("routed", AF_INET, BEHAVIOUR_VETH_2016, VERDICT_VERIFIED);
	cells[count++].key.mitigation = MITIGATION_RESET;
	text = matrix_of(cells, count, false);
	assert_has(unwrapped(text),
		   "veth-2016 + reset stopped it on the one setup that delivered.");
}

/* It counts the setups that a mitigation helps, and names those that it does not. */
static void test_conclusion_names_what_was_not_cured(void **state)
{
	static const char *const names[] = { "routed", "bridge", "nested" };
	struct lab_cell cells[6];
	_cleanup_free_ char *text = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		cells[2 * i] =
			cell(names[i], AF_INET, BEHAVIOUR_VETH_2016, VERDICT_DELIVERS_CORRUPT);
		cells[2 * i + 1] = cell(names[i], AF_INET, BEHAVIOUR_VETH_2016,
					i == 1 ? VERDICT_DELIVERS_CORRUPT : VERDICT_VERIFIED);
		cells[2 * i + 1].key.mitigation = MITIGATION_RESET;
	}
	text = unwrapped(matrix_of(cells, 6, false));
	assert_has(text, "reset stopped it on 2 of the 3 setups that delivered");
	assert_has(text, "(not on bridge)");
}

/* Cells without a verdict are said, in the right number. */
static void test_cells_without_a_verdict(void **state)
{
	struct lab_cell cells[] = {
		cell("routed", AF_INET, BEHAVIOUR_NATIVE, VERDICT_VERIFIED),
		cell("bridge", AF_INET, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN),
		cell("nested", AF_INET, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN),
	};
	_cleanup_free_ char *one = unwrapped(matrix_of(cells, 2, false)),
			    *two = unwrapped(matrix_of(cells, 3, false));

	(void)state;
	assert_has(one, "; 1 cell could not be judged.");
	assert_has(two, "; 2 cells could not be judged.");
}

/* A setup is as bad as its worse family, whichever that is. */
static void test_blocked_in_one_family(void **state)
{
	(void)state;
	for (int family = 0; family < 2; family++) {
		struct lab_cell cells[2] = {
			cell("routed", AF_INET, BEHAVIOUR_NATIVE, VERDICT_VERIFIED),
			cell("routed", AF_INET6, BEHAVIOUR_NATIVE, VERDICT_VERIFIED),
		};
		_cleanup_free_ char *text = NULL;

		cells[family].result.verdict = VERDICT_BLOCKED;
		cells[family].result.caught_by = CAUGHT_UNKNOWN;
		text = unwrapped(matrix_of(cells, 2, false));
		assert_has(text, "Nothing at all came through on 1 (routed).");
		assert_lacks(text, "was caught by");

		cells[family].result.verdict = VERDICT_DELIVERS_CORRUPT;
		cells[!family].result.verdict = VERDICT_BLOCKED;
		free(text);
		text = unwrapped(matrix_of(cells, 2, false));
		assert_has(text, "delivered damaged data to the application on the one network "
				 "setup that was tried");
		assert_lacks(text, "Nothing at all");
	}
}

static void test_evidence_explains_the_counters(void **state)
{
	struct lab_cell one = cell("routed", AF_INET, BEHAVIOUR_NATIVE, VERDICT_VERIFIED);
	_cleanup_free_ char *text = NULL;

	(void)state;
	one.result.container.tcp_in_csum_errors = DURING - 3;
	one.result.caught = DURING - 3;
	text = unwrapped(matrix_of(&one, 1, true));
	assert_has(text, "16 segments damaged");
	assert_has(text, "InCsumErrors: container TCP 13");
	assert_has(text, "3 of the 16 damaged segments were not counted");
}

static void test_nothing_could_be_judged(void **state)
{
	struct lab_cell one = cell("routed", AF_INET, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN);
	_cleanup_free_ char *text = NULL, *none = matrix_of(NULL, 0, true);

	(void)state;
	skip_cell(&one, "no privilege");
	text = matrix_of(&one, 1, false);
	assert_ptr_equal(strstr(text, "Could not find out"), text);
	assert_ptr_equal(strstr(none, "Could not find out"), none);
}

static json_t *json_of(const struct lab_cell *cells, size_t count)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *object;

	assert_non_null(out);
	assert_int_equal(lab_json(out, &run, cells, count), 0);
	fclose(out);
	object = json_loads(text, 0, NULL);
	assert_non_null(object);
	return object;
}

static const char *json_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void test_json_is_complete_and_in_order(void **state)
{
	struct lab_cell cells[5];
	size_t count = routed(cells);
	json_t *object, *first, *skipped;

	(void)state;
	cells[count] = cell("ipvlan", AF_INET, BEHAVIOUR_NATIVE, VERDICT_UNKNOWN);
	skip_cell(&cells[count++], "no ipvlan\xff");
	object = json_of(cells, count);
	first = json_array_get(json_object_get(object, "cells"), 0);
	skipped = json_array_get(json_object_get(object, "cells"), 4);
	assert_string_equal(json_text(object, "command"), "lab");
	assert_true(json_is_true(json_object_get(object, "as_expected")));
	assert_string_equal(json_text(first, "topology"), "routed");
	assert_string_equal(json_text(first, "behaviour"), "native");
	assert_int_equal(json_integer_value(json_object_get(first, "family")), 4);
	assert_string_equal(json_text(first, "verdict"), "verified");
	assert_int_equal(json_integer_value(json_object_get(first, "damaged_on_wire")), DURING);
	assert_string_equal(json_text(skipped, "verdict"), "unknown");
	assert_string_equal(json_text(skipped, "reason"), "no ipvlan?");
	assert_true(json_is_null(json_object_get(skipped, "expected")));
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict_comes_first),
		cmocka_unit_test(test_columns_are_aligned),
		cmocka_unit_test(test_families_apart_if_they_differ),
		cmocka_unit_test(test_skipped_row_says_why_once),
		cmocka_unit_test(test_control_characters_stay_out),
		cmocka_unit_test(test_lines_fit),
		cmocka_unit_test(test_conclusion_counts_what_was_cured),
		cmocka_unit_test(test_conclusion_names_what_was_not_cured),
		cmocka_unit_test(test_cells_without_a_verdict),
		cmocka_unit_test(test_blocked_in_one_family),
		cmocka_unit_test(test_evidence_explains_the_counters),
		cmocka_unit_test(test_nothing_could_be_judged),
		cmocka_unit_test(test_json_is_complete_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
