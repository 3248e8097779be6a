// SPDX-License-Identifier: GPL-2.0-or-later
/* Command line options from a table: see options.h. The syntax itself is getopt_long()'s. */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/exit_code.h"
#include "base/term.h"

#define ROWS_MAX 64
#define HELP_COLUMN 30
#define HELP_WIDTH 70 /* columns from there on */

int options_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)*text) || *end || errno || value < min || value > max)
		return fail(-EINVAL, "'%s' is not a whole number from %llu to %llu", text,
			    (unsigned long long)min, (unsigned long long)max);
	*ret = value;
	return 0;
}

static int parse_duration(const char *text, uint64_t min, uint64_t max, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = { { "ms", 1e6 }, { "s", 1e9 }, { "m", 6e10 }, { "h", 3.6e12 }, { "", 1e9 } };
	char *end;
	double value = strtod(text, &end);

	if (isdigit((unsigned char)*text)) {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			double ns = value * units[i].ns;

			if (strcmp(end, units[i].name))
				continue;
			if (!(ns >= (double)min && ns <= (double)max))
				break;
			*ret_ns = (uint64_t)ns;
			return 0;
		}
	}
	return fail(-EINVAL, "'%s' is not a duration from %gs to %gs (250ms, 10s, 2m)", text,
		    (double)min / 1e9, (double)max / 1e9);
}

static int parse_rate(const char *text, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (!strcmp(end, "%"))
		value /= 100;
	else if (*end)
		value = -1;
	if (!isdigit((unsigned char)*text) || !(value > 0 && value <= 1))
		return fail(-EINVAL,
			    "'%s' is not a rate above 0 and at most 100%% (10%%, 0.5%%, 0.1)",
			    text);
	*ret = value;
	return 0;
}

static bool is_allowed(uint32_t allowed, int bit)
{
	return !allowed || allowed >> bit & 1;
}

static int name_bit(const char *name, size_t len, const char *const *names, uint32_t allowed)
{
	for (int i = 0; names[i]; i++)
		if (is_allowed(allowed, i) && strlen(names[i]) == len &&
		    !memcmp(names[i], name, len))
			return i;
	return -1;
}

/* The allowed names, with commas between them. */
static void join_names(const char *const *names, uint32_t allowed, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (int i = 0; names[i] && used < size; i++)
		if (is_allowed(allowed, i))
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 names[i]);
}

int options_parse_name(const char *text, const char *what, const char *const *names,
		       uint32_t *ret_index)
{
	char known[320];
	int index = name_bit(text, strlen(text), names, 0);

	if (index >= 0) {
		*ret_index = (uint32_t)index;
		return 0;
	}
	join_names(names, 0, known, sizeof(known));
	return fail(-EINVAL, "unknown %s '%.40s'; known: %s", what, text, known);
}

int options_parse_names(const char *text, const char *what, const char *const *names,
			uint32_t allowed, uint32_t *ret_mask)
{
	uint32_t mask = 0;
	const char *from = text;

	for (;;) {
		size_t len = strcspn(from, ",");
		int bit = name_bit(from, len, names, allowed);

		if (len == 3 && !memcmp(from, "all", 3)) {
			for (int i = 0; names[i]; i++)
				mask |= is_allowed(allowed, i) ? UINT32_C(1) << i : 0;
		} else if (bit >= 0) {
			mask |= UINT32_C(1) << bit;
		} else {
			char known[320];

			join_names(names, allowed, known, sizeof(known));
			return fail(-EINVAL, "unknown %s '%.*s'; known: %s, all", what,
				    (int)(len < 40 ? len : 40), from, known);
		}
		if (!from[len])
			break;
		from += len + 1;
	}
	*ret_mask = mask;
	return 0;
}

/* ---- The help text ---- */

/* The row's help, then each name with its meaning in a line of its own. */
static void explain_names(const struct option_row *row, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s:", row->help);
	int width = 0;

	for (int i = 0; row->names[i]; i++)
		if (is_allowed(row->allowed, i) && (int)strlen(row->names[i]) > width)
			width = (int)strlen(row->names[i]);
	for (int i = 0; row->names[i] && used < size; i++)
		if (is_allowed(row->allowed, i))
			used += (size_t)snprintf(text + used, size - used, "\n  %-*s  %s", width,
						 row->names[i], row->meanings[i]);
}

static void describe(const struct option_row *row, char *text, size_t size)
{
	size_t used;

	if (row->names && row->meanings) {
		explain_names(row, text, size);
		return;
	}
	*text = '\0';
	if (row->names)
		join_names(row->names, row->allowed, text, size);
	used = strlen(text);
	snprintf(text + used, size - used, "%s%s", used && isalpha(*row->help) ? "\n" : "",
		 row->help);
}

/* How much of a text goes into a line: up to its end, or to the last blank that fits. */
static int line_length(const char *text)
{
	size_t len = strcspn(text, "\n");

	if (len <= HELP_WIDTH)
		return (int)len;
	for (len = HELP_WIDTH; len && text[len] != ' '; len--)
		;
	return (int)(len ? len : HELP_WIDTH);
}

static void print_row(const struct option_row *row)
{
	char left[64], text[1024];
	const char *line = text, *space = row->value ? " " : "";
	bool maybe = row->type == OPTION_CALL_MAYBE;
	int used;

	if (row->type == OPTION_HEADING) {
		printf("\n%s:\n", row->help);
		return;
	}
	used = snprintf(left, sizeof(left), "  %c%c%s --%s%s%s%s", row->letter ? '-' : ' ',
			row->letter ? row->letter : ' ', row->letter ? "," : " ", row->name,
			maybe ? "[=" : space, row->value ? row->value : "", maybe ? "]" : "");
	printf("%s", left);
	if (used > HELP_COLUMN - 2) {
		printf("\n");
		used = 0;
	}
	describe(row, text, sizeof(text));
	while (*line) {
		int len = line_length(line);

		printf("%*s%.*s\n", HELP_COLUMN - used, "", len, line);
		used = 0;
		line += len;
		if (*line == '\n' || *line == ' ')
			line++;
	}
}

static void print_help(const struct option_table *table)
{
	static const struct option_row help = {
		.type = OPTION_FLAG, .name = "help", .letter = 'h', .help = "this text"
	};

	printf("Usage: truesum %s %s\n\n%s\n", table->command, table->synopsis, table->about);
	if (!table->row_count || table->rows[0].type != OPTION_HEADING)
		printf("\nOptions:\n");
	for (size_t i = 0; i < table->row_count; i++)
		print_row(&table->rows[i]);
	print_row(&help);
	if (table->epilog)
		printf("\n%s\n", table->epilog);
}

/* ---- Parsing ---- */

static int set_option(const struct option_row *row, const char *value)
{
	switch (row->type) {
	case OPTION_HEADING:
		break;
	case OPTION_FLAG:
		*(bool *)row->target = true;
		return 0;
	case OPTION_STRING:
		*(const char **)row->target = value;
		return 0;
	case OPTION_NUMBER:
		return options_parse_number(value, row->min, row->max, row->target);
	case OPTION_DURATION:
		return parse_duration(value, row->min, row->max, row->target);
	case OPTION_RATE:
		return parse_rate(value, row->target);
	case OPTION_NAME:
		return options_parse_name(value, row->name, row->names, row->target);
	case OPTION_NAMES:
		return options_parse_names(value, row->name, row->names, row->allowed, row->target);
	case OPTION_CALL:
	case OPTION_CALL_MAYBE:
		return row->parse(value, row->target);
	}
	return -EINVAL;
}

static int usage(const struct option_table *table, const char *message)
{
	char printable[1024];

	term_sentence(printable, sizeof(printable), message);
	fprintf(stderr, "truesum %s: %s (see truesum %s --help)\n", table->command, printable,
		table->command);
	return -EINVAL;
}

static int value_of(const struct option_row *row)
{
	if (row->type == OPTION_CALL_MAYBE)
		return optional_argument;
	return row->value ? required_argument : no_argument;
}

/* Fills getopt_long()'s tables; its `val` is the row's index plus 256. */
static void build_getopt(const struct option_table *table, struct option *longs, char *shorts)
{
	size_t n = 0;

	*shorts++ = ':'; /* tell a missing value from an unknown option */
	for (size_t i = 0; i < table->row_count && n < ROWS_MAX; i++) {
		const struct option_row *row = &table->rows[i];

		if (row->type == OPTION_HEADING)
			continue;
		longs[n++] = (struct option){ .name = row->name,
					      .has_arg = value_of(row),
					      .val = 256 + (int)i };
		if (row->letter) {
			*shorts++ = row->letter;
			if (row->value)
				*shorts++ = ':';
		}
	}
	longs[n++] = (struct option){ .name = "help", .val = 'h' };
	*shorts++ = 'h';
	*shorts = '\0';
}

static const struct option_row *find_row(const struct option_table *table, int found)
{
	if (found >= 256)
		return &table->rows[found - 256];
	for (size_t i = 0; i < table->row_count; i++)
		if (table->rows[i].letter == found)
			return &table->rows[i];
	return NULL;
}

int options_parse(const struct option_table *table, int argc, char **argv)
{
	struct option longs[ROWS_MAX + 2] = { 0 };
	char shorts[2 * ROWS_MAX + 4], message[700];
	size_t operands;
	int found;

	build_getopt(table, longs, shorts);
	opterr = 0;
	optind = 0; /* glibc: start again, permute operands to the end */
	while ((found = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_row *row;

		if (found == 'h') {
			print_help(table);
			return -ECANCELED;
		}
		if (found == '?' || found == ':') {
			const char letter[] = { '-', (char)optopt, '\0' };
			/* getopt gives the letter of an unknown short option only. */
			bool is_letter = optopt > 0 && optopt < 256;

			snprintf(message, sizeof(message),
				 found == ':' ? "option '%s' needs a value"
					      : "unknown option '%s', or one that takes no value",
				 is_letter ? letter : argv[optind - 1]);
			return usage(table, message);
		}
		row = find_row(table, found);
		if (set_option(row, optarg)) {
			snprintf(message, sizeof(message), "--%s: %s", row->name, fail_text());
			return usage(table, message);
		}
	}
	operands = (size_t)(argc - optind);
	if (operands < table->operands_min)
		return usage(table, "an operand is missing");
	if (operands > table->operands_max) {
		snprintf(message, sizeof(message), "operand '%s' is one too many",
			 argv[optind + (int)table->operands_max]);
		return usage(table, message);
	}
	for (size_t i = 0; i < operands; i++)
		argv[i + 1] = argv[optind + (int)i];
	return (int)operands;
}

int options_exit(int rc)
{
	return rc == -ECANCELED ? EXIT_NOTHING_WRONG : EXIT_USAGE;
}
