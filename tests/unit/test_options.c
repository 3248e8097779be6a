// SPDX-License-Identifier: GPL-2.0-or-later
/* The parsers of command line options, the table of options, and targets that options name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

/* Before cmocka, which has a macro called fail(). */
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "cmd/common/targets.h"

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void test_number(void **state)
{
	static const char *const bad[] = { "",	 " 1", "1 ",  "-1",  "+1",
					   "1x", "0x", "101", "1e2", "99999999999999999999",
					   "١",	 "nan" };
	uint64_t value = 7;

	(void)state;
	assert_int_equal(options_parse_number("0", 0, 100, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(options_parse_number("0x64", 0, 100, &value), 0);
	assert_int_equal(value, 100);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		value = 7;
		assert_int_equal(options_parse_number(bad[i], 0, 100, &value), -EINVAL);
		assert_int_equal(value, 7);
		assert_non_null(strstr(fail_text(), "0 to 100"));
	}
}

/* Parses `--value TEXT` with a row of that type. */
static int parse_value(enum option_type type, const char *text, void *target)
{
	const struct option_row row = { .type = type,
					.name = "value",
					.value = "V",
					.target = target,
					.help = "a value",
					.min = SECOND / 100,
					.max = 3600 * SECOND };
	const struct option_table table = {
		.command = "test", .synopsis = "", .about = "", .rows = &row, .row_count = 1
	};
	char *argv[] = { (char *)"test", (char *)"--value", (char *)text, NULL };

	return options_parse(&table, 3, argv);
}

static void test_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = { { "250ms", SECOND / 4 }, { "10s", 10 * SECOND }, { "10", 10 * SECOND },
		     { "2m", 120 * SECOND },  { "0.5s", SECOND / 2 }, { "1h", 3600 * SECOND } };
	static const char *const bad[] = { "",	 "s",	"10 s", "-1s",	"1d",	"9ms",
					   "2h", "nan", "inf",	"1e99", "10ss", "0" };
	uint64_t ns = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(parse_value(OPTION_DURATION, good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_value(OPTION_DURATION, bad[i], &ns), -EINVAL);
}

static void test_rate(void **state)
{
	static const char *const bad[] = {
		"", "0", "0%", "101%", "1.1", "-1%", "%", "10%%", "nan"
	};
	double rate = 0;

	(void)state;
	assert_int_equal(parse_value(OPTION_RATE, "10%", &rate), 0);
	assert_float_equal(rate, 0.1, 1e-9);
	assert_int_equal(parse_value(OPTION_RATE, "0.1", &rate), 0);
	assert_float_equal(rate, 0.1, 1e-9);
	assert_int_equal(parse_value(OPTION_RATE, "100%", &rate), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_value(OPTION_RATE, bad[i], &rate), -EINVAL);
}

static void test_names(void **state)
{
	static const char *const names[] = { "one", "two", "three", NULL };
	uint32_t mask = 0;

	(void)state;
	assert_int_equal(options_parse_names("three,one", "thing", names, 0, &mask), 0);
	assert_int_equal(mask, 5);
	assert_int_equal(options_parse_names("all", "thing", names, 0, &mask), 0);
	assert_int_equal(mask, 7);
	assert_int_equal(options_parse_names("one,", "thing", names, 0, &mask), -EINVAL);
	assert_int_equal(options_parse_names("", "thing", names, 0, &mask), -EINVAL);
	assert_int_equal(options_parse_names("on", "thing", names, 0, &mask), -EINVAL);
	assert_string_equal(fail_text(), "unknown thing 'on'; known: one, two, three, all");
}

/* Only the allowed names are known, and "all" means these. */
static void test_allowed_names(void **state)
{
	static const char *const names[] = { "one", "two", "three", NULL };
	uint32_t mask = 0, index = 7;

	(void)state;
	assert_int_equal(options_parse_names("all", "thing", names, 5, &mask), 0);
	assert_int_equal(mask, 5);
	assert_int_equal(options_parse_names("two", "thing", names, 5, &mask), -EINVAL);
	assert_string_equal(fail_text(), "unknown thing 'two'; known: one, three, all");
	assert_int_equal(options_parse_name("three", "thing", names, &index), 0);
	assert_int_equal(index, 2);
	assert_int_equal(options_parse_name("all", "thing", names, &index), -EINVAL);
	assert_string_equal(fail_text(), "unknown thing 'all'; known: one, two, three");
}

struct wanted {
	bool flag;
	uint64_t number;
	const char *text;
};

static int parse_line(struct wanted *wanted, int argc, char **argv)
{
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG,
		  .name = "flag",
		  .letter = 'f',
		  .target = &wanted->flag,
		  .help = "h" },
		{ .type = OPTION_NUMBER,
		  .name = "number",
		  .value = "N",
		  .target = &wanted->number,
		  .min = 1,
		  .max = 9,
		  .help = "h" },
		{ .type = OPTION_STRING,
		  .name = "text",
		  .value = "T",
		  .target = &wanted->text,
		  .help = "h" },
	};
	const struct option_table table = { .command = "test",
					    .synopsis = "",
					    .about = "",
					    .rows = rows,
					    .row_count = ARRAY_SIZE(rows),
					    .operands_min = 1,
					    .operands_max = 2 };

	return options_parse(&table, argc, argv);
}

static void test_table(void **state)
{
	char *good[] = { "test", "first", "-f", "--number=3", "second", "--text", "--", NULL };
	char *behind[] = { "test", "--", "--flag", NULL };
	char *missing[] = { "test", "-f", NULL };
	char *many[] = { "test", "a", "b", "c", NULL };
	char *unknown[] = { "test", "a", "--nosuch", NULL };
	char *no_value[] = { "test", "a", "--number", NULL };
	char *range[] = { "test", "a", "--number", "10", NULL };
	struct wanted wanted = { 0 };

	(void)state;
	assert_int_equal(parse_line(&wanted, 7, good), 2);
	assert_true(wanted.flag);
	assert_int_equal(wanted.number, 3);
	assert_string_equal(wanted.text, "--");
	assert_string_equal(good[1], "first");
	assert_string_equal(good[2], "second");

	wanted.flag = false;
	assert_int_equal(parse_line(&wanted, 3, behind), 1);
	assert_false(wanted.flag);
	assert_string_equal(behind[1], "--flag");

	assert_int_equal(parse_line(&wanted, 2, missing), -EINVAL);
	assert_int_equal(parse_line(&wanted, 4, many), -EINVAL);
	assert_int_equal(parse_line(&wanted, 3, unknown), -EINVAL);
	assert_int_equal(parse_line(&wanted, 3, no_value), -EINVAL);
	assert_int_equal(parse_line(&wanted, 4, range), -EINVAL);
}

/* Any process may be named, the first one, too; a number that no process can have is refused. */
static void test_pids(void **state)
{
	static struct targets targets;
	static const char *const good[] = { "1", "2", "4194304" }, *const bad[] = { "0", "-1",
										    "4194305", "1 ",
										    "init" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(targets_add_pid(good[i], &targets), 0);
		assert_int_equal(targets.name[i].naming, TARGET_PID);
		assert_string_equal(targets.name[i].text, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(targets_add_pid(bad[i], &targets), -EINVAL);
	assert_int_equal(targets.count, ARRAY_SIZE(good));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),	      cmocka_unit_test(test_duration),
		cmocka_unit_test(test_rate),	      cmocka_unit_test(test_names),
		cmocka_unit_test(test_allowed_names), cmocka_unit_test(test_table),
		cmocka_unit_test(test_pids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
