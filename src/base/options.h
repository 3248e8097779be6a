/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command line options as a table: each row defines the parsing, the range, the target (which holds
 * the default) and the help text. Options are long (`--name VALUE` or `--name=VALUE`; only the
 * latter if the value is optional), some also short; operands may come between them, and `--` ends
 * them.
 */
#ifndef TRUESUM_BASE_OPTIONS_H
#define TRUESUM_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_HEADING, /* only `help`: a heading in the help text */
	OPTION_FLAG, /* target: bool, becomes true */
	OPTION_STRING, /* target: const char *, points into argv */
	OPTION_NUMBER, /* target: uint64_t within min..max, decimal or 0x */
	/* target: uint64_t nanoseconds within min..max: 250ms, 10s, 2m, 1h; plain: seconds */
	OPTION_DURATION,
	OPTION_RATE, /* target: double, 0 < rate <= 1: "10%", "0.5%", "0.1" */
	OPTION_NAME, /* target: uint32_t, becomes the index in `names` */
	/* target: uint32_t, becomes a mask of names: "flip,zero"; "all" sets every allowed bit */
	OPTION_NAMES,
	OPTION_CALL, /* parse(value, target) returns 0 or -EINVAL after fail() */
	OPTION_CALL_MAYBE, /* the same; without a value (`--name` alone) parse() gets NULL */
};

struct option_row {
	enum option_type type;
	const char *name; /* without dashes */
	char letter; /* short form, or 0 */
	const char *value; /* what the help calls the value, NULL for flags */
	void *target;
	const char *help; /* lines separated by \n */
	uint64_t min, max;
	int (*parse)(const char *value, void *target);
	/*
	 * The names that a value may be, NULL-terminated, or NULL. The help text lists them before
	 * `help`, which goes on in the list's last line unless it begins with a letter.
	 */
	const char *const *names;
	/* Of the names, if set: the help text has a line for each name, all after `help`. */
	const char *const *meanings;
	uint32_t allowed; /* which of the names, as a mask; 0: all */
};

struct option_table {
	const char *command; /* "lab" */
	const char *synopsis; /* "[OPTION]... HOST PORT" */
	const char *about; /* one paragraph */
	const char *epilog; /* after the options: examples; may be NULL */
	const struct option_row *rows;
	size_t row_count;
	size_t operands_min, operands_max;
};

/*
 * Parses argv (argv[0] is the command's name). Operands are moved to argv[1..], their number
 * returned. On a usage error prints one line to stderr and returns -EINVAL (exit 2). On --help
 * prints it to stdout and returns -ECANCELED (exit 0).
 */
int options_parse(const struct option_table *table, int argc, char **argv);

/* The exit code for options_parse()'s negative result. */
int options_exit(int rc);

/* The parser of OPTION_NUMBER: 0, or -EINVAL with a sentence. */
int options_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/*
 * The parser of OPTION_NAME. `what` names the kind of thing in the error ("pattern"). 0, or -EINVAL
 * with a sentence that lists the names.
 */
int options_parse_name(const char *text, const char *what, const char *const *names,
		       uint32_t *ret_index);

/*
 * The parser of OPTION_NAMES. `what` and the result are as above.
 */
int options_parse_names(const char *text, const char *what, const char *const *names,
			uint32_t allowed, uint32_t *ret_mask);

#endif
