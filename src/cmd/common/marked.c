// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damaged messages for people: see marked.h.
 *
 * A plan comes first: the positions of the bytes to show, with gaps. The message and its carets are
 * both printed from such a plan, so they stay aligned.
 */
#include "cmd/common/marked.h"

#include <stdbool.h>
#include <string.h>

#include "base/term.h"

#define GAP (-1) /* in a plan: some bytes are left out here */
#define RUN_KEPT 1 /* how many letters stay at the start of a shortened run */

struct plan {
	int at[MESSAGE_LINE_MAX]; /* for each column: position in the line, or GAP */
	size_t len;
};

static bool is_filler(const struct message_line *line, int at)
{
	return at != GAP && line->want[at] == 'a' && line->got[at] == 'a';
}

/* The longest run of undamaged letters in the plan. */
static size_t longest_run(const struct message_line *line, const struct plan *plan,
			  size_t *ret_start)
{
	size_t longest = 0, start = 0;

	for (size_t i = 0; i < plan->len; i++) {
		if (!is_filler(line, plan->at[i])) {
			start = i + 1;
		} else if (i + 1 - start > longest) {
			longest = i + 1 - start;
			*ret_start = start;
		}
	}
	return longest;
}

static void make_plan(const struct message_line *line, unsigned int columns, struct plan *plan)
{
	size_t len = line->len;

	if (len && line->got[len - 1] == '\n' && line->want[len - 1] == '\n')
		len--;
	plan->len = 0;
	for (size_t i = 0; i < len && plan->len < MESSAGE_LINE_MAX; i++) {
		size_t run = 0;

		plan->at[plan->len++] = (int)i;
		/* A line that has no room loses its runs of letters at once. */
		while (len > MESSAGE_LINE_MAX && i + run < len && is_filler(line, (int)(i + run)))
			run++;
		if (run > RUN_KEPT + 1 && plan->len < MESSAGE_LINE_MAX) {
			plan->at[plan->len++] = GAP;
			i += run - 1;
		}
	}

	while (plan->len > columns) {
		size_t start = 0;
		size_t run = longest_run(line, plan, &start);
		size_t excess = plan->len - columns + 1; /* the gap takes a column itself */
		size_t kept = run > RUN_KEPT + 1 ? RUN_KEPT : 0;
		size_t cut = run - kept < excess ? run - kept : excess;

		if (cut < 2)
			return;
		start += run - cut;
		plan->at[start] = GAP;
		memmove(&plan->at[start + 1], &plan->at[start + cut],
			(plan->len - start - cut) * sizeof(plan->at[0]));
		plan->len -= cut - 1;
	}
}

static void print_byte(FILE *out, uint8_t byte)
{
	if (byte >= 0x20 && byte < 0x7f)
		putc(byte, out);
	else
		fputs("·", out);
}

static unsigned int print_message(FILE *out, const struct message_line *line,
				  const struct plan *plan, bool color)
{
	bool red = false;

	for (size_t i = 0; i < plan->len; i++) {
		int at = plan->at[i];
		bool wrong = at != GAP && line->got[at] != line->want[at];

		if (wrong != red)
			fputs(term_style(color, wrong ? TERM_BAD : TERM_PLAIN), out);
		red = wrong;
		if (at == GAP)
			fputs("…", out);
		else
			print_byte(out, line->got[at]);
	}
	if (red)
		fputs(term_style(color, TERM_PLAIN), out);
	return (unsigned int)plan->len;
}

static unsigned int print_carets(FILE *out, const struct message_line *line,
				 const struct plan *plan)
{
	unsigned int column = 0;

	for (size_t i = 0; i < plan->len; i++) {
		int at = plan->at[i];

		if (at == GAP || line->got[at] == line->want[at])
			continue;
		fprintf(out, "%*s^", (int)(i - column), "");
		column = (unsigned int)i + 1;
	}
	return column;
}

unsigned int marked_print(FILE *out, const struct message_line *line, unsigned int columns,
			  enum marked_as as)
{
	struct plan plan;

	make_plan(line, columns, &plan);
	return as == MARKED_CARETS ? print_carets(out, line, &plan)
				   : print_message(out, line, &plan, as == MARKED_COLORED);
}

void marked_describe(FILE *out, size_t offset, uint8_t got, uint8_t want)
{
	const char *separator = "";

	fprintf(out, "0x%02x→0x%02x at offset %zu (", want, got, offset);
	for (int bit = 7; bit >= 0; bit--) {
		if (!((got ^ want) >> bit & 1))
			continue;
		fprintf(out, "%sbit %d %s", separator, bit, want >> bit & 1 ? "1→0" : "0→1");
		separator = ", ";
	}
	putc(')', out);
}
