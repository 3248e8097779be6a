// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A run for the terminal: see show.h. A column is as wide as its widest text, so all texts are made
 * once to measure them. A row takes two lines if IPv4 and IPv6 need a text each; a row that was
 * skipped as a whole shows its one reason.
 */
#include "cmd/lab/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "cmd/lab/words.h"
#include "lab/topology.h"

#define WIDTH_MAX 100 /* of running text, and if the width is not known */
#define GAP 2 /* between columns */
#define LABEL_LEAST 14
#define INDENT 4

/* What one line of a place shows: "v4 " "! " "verified" ": container". */
struct text {
	char family[4];
	const char *mark;
	char verdict[32];
	char by[16];
	enum term_style style;
};

struct matrix {
	FILE *out;
	bool color;
	size_t width; /* of running text */
	const struct lab_run *run;
	struct grid *grid;
	size_t label_width;
	size_t column_width[GRID_COLUMNS];
};

/* How many columns a UTF-8 text takes: its code points. */
static size_t text_columns(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static size_t text_width(const struct text *text)
{
	return text_columns(text->family) + text_columns(text->mark) + text_columns(text->verdict) +
	       text_columns(text->by);
}

static void put_blanks(FILE *out, size_t columns)
{
	while (columns--)
		fputc(' ', out);
}

/* Keeps control characters from the terminal: a reason may quote a device's name. */
static void put_char(FILE *out, char c)
{
	fputc((unsigned char)c < ' ' || c == 0x7f ? '?' : c, out);
}

static void put_styled(const struct matrix *matrix, enum term_style style, const char *text)
{
	if (!*text)
		return;
	fputs(term_style(matrix->color, style), matrix->out);
	for (; *text; text++)
		put_char(matrix->out, *text);
	fputs(term_style(matrix->color, TERM_PLAIN), matrix->out);
}

/*
 * Running text that begins at column `at`, broken between words; its other lines are indented by
 * `indent`.
 */
static void put_wrapped(const struct matrix *matrix, const char *text, size_t indent, size_t at)
{
	const char *word = text;

	while (*word) {
		size_t len = strcspn(word, " ");
		size_t width = 0;

		for (size_t i = 0; i < len; i++)
			width += ((unsigned char)word[i] & 0xc0) != 0x80;
		if (at > indent && at + 1 + width > matrix->width) {
			fputc('\n', matrix->out);
			put_blanks(matrix->out, indent);
			at = indent;
		} else if (word > text) {
			fputc(' ', matrix->out);
			at++;
		}
		for (size_t i = 0; i < len; i++)
			put_char(matrix->out, word[i]);
		at += width;
		word += len;
		word += *word == ' ';
	}
	fputc('\n', matrix->out);
}

static enum term_style style_of(const struct cell_result *result)
{
	static const enum term_style styles[VERDICTS] = {
		[VERDICT_UNKNOWN] = TERM_DIM,
		[VERDICT_VERIFIED] = TERM_GOOD,
		[VERDICT_DELIVERS_CORRUPT] = TERM_BAD,
		[VERDICT_BLOCKED] = TERM_WARN,
	};

	return styles[result->verdict];
}

static struct text cell_text(const struct matrix *matrix, const struct lab_cell *a,
			     const struct lab_cell *b, const char *family)
{
	struct text text = { .mark = "", .style = style_of(&a->result) };
	FILE *verdict;

	snprintf(text.family, sizeof(text.family), "%s", family);
	verdict = fmemopen(text.verdict, sizeof(text.verdict), "w");
	if (verdict) {
		words_verdict(verdict, &a->result, b ? &b->result : NULL, matrix->run->settings);
		fclose(verdict);
	}
	if (a->result.agreement == AGREEMENT_DIFFERS)
		text.mark = "! ";
	if (a->result.verdict == VERDICT_VERIFIED)
		snprintf(text.by, sizeof(text.by), ": %s", caught_by_names[a->result.caught_by]);
	return text;
}

/* Makes the texts of a place and returns how many: 0 (empty), 1 or 2 (apart). */
static size_t place_texts(const struct matrix *matrix, const struct grid_place *place,
			  struct text texts[2])
{
	const struct lab_cell *v4 = place->cell[GRID_V4], *v6 = place->cell[GRID_V6];
	const struct lab_cell *first = v4 ? v4 : v6;

	if (!first)
		return 0;
	if (!place->apart || !v4 || !v6) {
		texts[0] = cell_text(matrix, first, v4 ? v6 : NULL, "");
		return 1;
	}
	texts[0] = cell_text(matrix, v4, NULL, "v4 ");
	texts[1] = cell_text(matrix, v6, NULL, "v6 ");
	return 2;
}

/* The one reason why the whole row was skipped; NULL if it was not, or for several reasons. */
static const char *row_reason(const struct grid *grid, const struct grid_row *row)
{
	const char *reason = NULL;

	for (size_t i = 0; i < grid->column_count; i++)
		for (int family = 0; family < GRID_FAMILIES; family++) {
			const struct lab_cell *cell = row->place[i].cell[family];

			if (!cell)
				continue;
			if (!cell->result.skipped ||
			    (reason && strcmp(reason, cell->result.reason) != 0))
				return NULL;
			reason = cell->result.reason;
		}
	return reason;
}

/* Without "not here: ", with which some reasons begin. */
static const char *bare_reason(const char *reason)
{
	static const char prefix[] = "not here: ";

	return strncmp(reason, prefix, sizeof(prefix) - 1) ? reason : reason + sizeof(prefix) - 1;
}

/* "mesos v4" if the row has fewer families than the run. */
static void write_label(const struct grid *grid, const struct grid_row *row, char *text,
			size_t size)
{
	bool has[GRID_FAMILIES] = { 0 };
	const char *only = "";

	for (size_t i = 0; i < grid->column_count; i++)
		for (int family = 0; family < GRID_FAMILIES; family++)
			has[family] |= row->place[i].cell[family] != NULL;
	if (grid->has_family[GRID_V4] && grid->has_family[GRID_V6] && has[GRID_V4] != has[GRID_V6])
		only = has[GRID_V4] ? " v4" : " v6";
	snprintf(text, size, "%s%s", row->topology->name, only);
}

static void measure_columns(struct matrix *matrix)
{
	char name[64];

	matrix->label_width = LABEL_LEAST;
	for (size_t i = 0; i < matrix->grid->column_count; i++) {
		matrix->column_width[i] = text_columns(matrix->grid->columns[i].name);
	}
	for (size_t i = 0; i < matrix->grid->row_count; i++) {
		const struct grid_row *row = &matrix->grid->rows[i];

		write_label(matrix->grid, row, name, sizeof(name));
		if (text_columns(name) > matrix->label_width)
			matrix->label_width = text_columns(name);
		for (size_t j = 0; j < matrix->grid->column_count; j++) {
			struct text texts[2];
			size_t count = place_texts(matrix, &row->place[j], texts);

			for (size_t k = 0; k < count; k++)
				if (text_width(&texts[k]) > matrix->column_width[j])
					matrix->column_width[j] = text_width(&texts[k]);
		}
	}
}

static void put_text(const struct matrix *matrix, const struct text *text)
{
	put_styled(matrix, TERM_DIM, text->family);
	put_styled(matrix, TERM_WARN, text->mark);
	put_styled(matrix, text->style, text->verdict);
	put_styled(matrix, TERM_DIM, text->by);
}

static void put_line(const struct matrix *matrix, const struct grid_row *row, const char *label,
		     size_t line)
{
	size_t missing = matrix->label_width - text_columns(label); /* columns not yet written */

	put_styled(matrix, TERM_BOLD, label);
	for (size_t i = 0; i < matrix->grid->column_count; i++) {
		struct text texts[2];

		missing += GAP;
		if (line < place_texts(matrix, &row->place[i], texts)) {
			put_blanks(matrix->out, missing);
			put_text(matrix, &texts[line]);
			missing = matrix->column_width[i] - text_width(&texts[line]);
		} else {
			missing += matrix->column_width[i];
		}
	}
	fputc('\n', matrix->out);
}

static void put_row(const struct matrix *matrix, const struct grid_row *row)
{
	const char *reason = row_reason(matrix->grid, row);
	size_t lines = 1;
	char label[64];

	write_label(matrix->grid, row, label, sizeof(label));
	if (reason) {
		put_styled(matrix, TERM_BOLD, label);
		put_blanks(matrix->out, matrix->label_width - text_columns(label) + GAP);
		fputs("not here: ", matrix->out);
		put_wrapped(matrix, bare_reason(reason), matrix->label_width + GAP,
			    matrix->label_width + GAP + strlen("not here: "));
		return;
	}
	for (size_t i = 0; i < matrix->grid->column_count; i++)
		if (row->place[i].apart)
			lines = 2;
	put_line(matrix, row, label, 0);
	if (lines > 1)
		put_line(matrix, row, "", 1);
}

static void put_table(const struct matrix *matrix)
{
	put_blanks(matrix->out, matrix->label_width);
	for (size_t i = 0; i < matrix->grid->column_count; i++) {
		const char *name = matrix->grid->columns[i].name;
		bool last = i + 1 == matrix->grid->column_count;

		put_blanks(matrix->out, GAP);
		put_styled(matrix, TERM_BOLD, name);
		put_blanks(matrix->out, last ? 0 : matrix->column_width[i] - text_columns(name));
	}
	fputc('\n', matrix->out);
	for (size_t i = 0; i < matrix->grid->row_count; i++) {
		const struct grid_row *row = &matrix->grid->rows[i];

		if (*row->heading) {
			put_styled(matrix, TERM_DIM, row->heading);
			fputc('\n', matrix->out);
		}
		put_row(matrix, row);
	}
}

/* Running text in the making: write to `out`, then put_prose(). */
struct prose {
	char *text;
	size_t size;
	FILE *out;
};

static int open_prose(struct prose *prose)
{
	prose->out = open_memstream(&prose->text, &prose->size);
	return prose->out ? 0 : fail(-ENOMEM, "no memory for the matrix");
}

/* Puts the text, wrapped, and frees it. */
static void put_prose(const struct matrix *matrix, enum term_style style, size_t indent,
		      struct prose *prose)
{
	fclose(prose->out);
	put_blanks(matrix->out, indent);
	fputs(term_style(matrix->color, style), matrix->out);
	put_wrapped(matrix, prose->text, indent, indent);
	fputs(term_style(matrix->color, TERM_PLAIN), matrix->out);
	free(prose->text);
}

static int put_words(const struct matrix *matrix, enum term_style style, enum words_about about)
{
	const struct lab_run *run = matrix->run;
	struct prose prose;
	int rc = open_prose(&prose);

	if (rc)
		return rc;
	words_run(prose.out, about, matrix->grid, run);
	if (about == WORDS_COUNTS) {
		fprintf(prose.out, " Linux %s, truesum %s, ", run->kernel, run->version);
		words_duration(prose.out, run->duration_ns);
		fputc('.', prose.out);
	}
	put_prose(matrix, style, 0, &prose);
	return 0;
}

static void say_cell(FILE *out, const struct lab_cell *cell)
{
	words_cell_name(out, &cell->key);
	fputs(": ", out);
	words_verdict(out, &cell->result, NULL, NULL);
}

/* Why a cell was skipped, could not be judged, is blocked or differs. */
static void say_note(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	say_cell(out, cell);
	if (result->agreement == AGREEMENT_DIFFERS) {
		fputs(", caught by ", out);
		words_caught_by(out, &cell->key, result->caught_by);
		fprintf(out, "; expected is %s, caught by ", verdict_names[result->expected]);
		words_caught_by(out, &cell->key, result->expected_by);
	}
	if (*result->reason)
		fprintf(out, ": %s", bare_reason(result->reason));
}

static bool has_note(const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	return result->agreement == AGREEMENT_DIFFERS ||
	       (*result->reason && result->verdict != VERDICT_VERIFIED);
}

static int put_cell_notes(const struct matrix *matrix)
{
	bool any = false;

	for (size_t i = 0; i < matrix->grid->row_count; i++) {
		const struct grid_row *row = &matrix->grid->rows[i];

		if (row_reason(matrix->grid, row))
			continue; /* the table says it */
		for (size_t j = 0; j < matrix->grid->column_count * GRID_FAMILIES; j++) {
			const struct lab_cell *cell =
				row->place[j / GRID_FAMILIES].cell[j % GRID_FAMILIES];
			struct prose prose;
			int rc;

			if (!cell || !has_note(cell))
				continue;
			any = true;
			rc = open_prose(&prose);
			if (rc)
				return rc;
			say_note(prose.out, cell);
			put_prose(matrix, TERM_WARN, 0, &prose);
		}
	}
	if (any)
		fputc('\n', matrix->out);
	return 0;
}

static void put_term(void *owner, const char *term, const char *meaning)
{
	const struct matrix *matrix = owner;
	const size_t column = matrix->label_width + GAP;
	size_t width = text_columns(term);

	put_styled(matrix, TERM_BOLD, term);
	put_blanks(matrix->out, column > width ? column - width : 1);
	put_wrapped(matrix, meaning, column, column);
}

static void put_fact(void *owner, const char *name, const char *text)
{
	const struct matrix *matrix = owner;
	const size_t column = INDENT + 12;

	put_blanks(matrix->out, INDENT);
	put_styled(matrix, TERM_DIM, name);
	put_blanks(matrix->out, column - INDENT - text_columns(name));
	put_wrapped(matrix, text, column, column);
}

static int put_cell_evidence(struct matrix *matrix, const struct lab_cell *cell)
{
	struct prose prose;
	int rc = open_prose(&prose);

	if (rc)
		return rc;
	say_cell(prose.out, cell);
	put_prose(matrix, style_of(&cell->result), 2, &prose);
	return words_evidence(cell, put_fact, matrix);
}

static int put_evidence(struct matrix *matrix)
{
	for (size_t i = 0; i < matrix->grid->row_count; i++) {
		const struct grid_row *row = &matrix->grid->rows[i];

		fputc('\n', matrix->out);
		put_styled(matrix, TERM_BOLD, row->topology->name);
		fprintf(matrix->out, ": %s\n", row->topology->about);
		for (size_t j = 0; j < matrix->grid->column_count * GRID_FAMILIES; j++) {
			const struct lab_cell *cell =
				row->place[j / GRID_FAMILIES].cell[j % GRID_FAMILIES];
			int rc = cell ? put_cell_evidence(matrix, cell) : 0;

			if (rc)
				return rc;
		}
	}
	return 0;
}

int lab_matrix(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count,
	       bool evidence)
{
	struct matrix matrix = {
		.out = out,
		.color = term_color(out),
		.width = term_is(out) ? term_columns(out) : WIDTH_MAX,
		.run = run,
	};
	int rc = grid_build(cells, count, &matrix.grid);

	if (rc)
		return rc;
	if (matrix.width > WIDTH_MAX)
		matrix.width = WIDTH_MAX;
	measure_columns(&matrix);
	rc = put_words(&matrix, TERM_BOLD, WORDS_HEADLINE);
	if (!rc) {
		fputc('\n', out);
		put_table(&matrix);
		fputc('\n', out);
		rc = put_cell_notes(&matrix);
	}
	if (!rc) {
		words_legend(matrix.grid, put_term, &matrix);
		fputc('\n', out);
		rc = put_words(&matrix, TERM_PLAIN, WORDS_CONCLUSION);
	}
	if (!rc) {
		fputc('\n', out);
		rc = put_words(&matrix, TERM_PLAIN, WORDS_COUNTS);
	}
	if (!rc && evidence)
		rc = put_evidence(&matrix);
	free(matrix.grid);
	return rc;
}
