// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page: the headline, an example of a cell that verifies beside one that does not, the matrix,
 * the conclusion, and a section for each network setup with a timeline and the evidence of each
 * cell. The timelines of one section have one scale, so delays can be compared by eye.
 *
 * The page has no script: a place of the matrix links to its cell's figure, evidence folds in
 * <details>. Every text that does not come from this program's source is escaped. The content
 * policy forbids loading and running anything, so even an escaping mistake could do no harm.
 */
#include "cmd/lab/show.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "cmd/lab/words.h"
#include "gen/page_css.h"
#include "lab/message.h"
#include "lab/topology.h"
#include "packet/damage.h"

#define LINES_MOST 4 /* damaged lines shown of a cell */

struct page {
	FILE *out;
	const struct lab_run *run;
	struct grid *grid;
};

static const char *escape_of(char c)
{
	static const struct {
		char c;
		const char *escape;
	} rows[] = { { '&', "&amp;" },
		     { '<', "&lt;" },
		     { '>', "&gt;" },
		     { '"', "&quot;" },
		     { '\'', "&#39;" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].c == c)
			return rows[i].escape;
	return NULL;
}

/*
 * The length of the UTF-8 sequence (RFC 3629) of two or more bytes at `text`; 0 if there is none.
 */
static size_t utf8_len(const unsigned char *text)
{
	static const struct {
		unsigned char first, last; /* of the leading byte */
		unsigned char second_least, second_most;
		size_t len;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (text[0] < rows[i].first || text[0] > rows[i].last)
			continue;
		if (text[1] < rows[i].second_least || text[1] > rows[i].second_most)
			return 0;
		for (size_t j = 2; j < rows[i].len; j++)
			if ((text[j] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

/*
 * Writes a text from outside: escapes what has a meaning in HTML, in element content and quoted
 * attributes. Control characters and bytes that are not UTF-8 become U+FFFD.
 */
static void put_escaped(FILE *out, const char *text)
{
	while (*text) {
		size_t len = utf8_len((const unsigned char *)text);
		const char *escape = escape_of(*text);

		if (escape)
			fputs(escape, out);
		else if (*text >= ' ' && *text < 0x7f)
			fputc(*text, out);
		else if (len)
			fwrite(text, 1, len, out);
		else
			fputs("\xef\xbf\xbd", out);
		text += len ? len : 1;
	}
}

/* Writes one received byte: itself if it is printable ASCII, else as \xNN. */
static void put_byte(FILE *out, uint8_t byte)
{
	const char text[2] = { (char)byte, '\0' };

	if (byte >= ' ' && byte < 0x7f)
		put_escaped(out, text);
	else
		fprintf(out, "\\x%02x", byte);
}

/* What words.h says about the run, escaped. */
static int put_run_words(const struct page *page, enum words_about about)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return fail(-ENOMEM, "no memory for the page");
	words_run(memory, about, page->grid, page->run);
	fclose(memory);
	put_escaped(page->out, text);
	return 0;
}

/* How a verdict looks: a class for its colour, and a sign for readers who do not see colours. */
static const struct {
	const char *class, *sign;
} looks[VERDICTS] = {
	[VERDICT_UNKNOWN] = { "unknown", "?" },
	[VERDICT_VERIFIED] = { "good", "&#10003;" },
	[VERDICT_DELIVERS_CORRUPT] = { "bad", "&#10007;" },
	[VERDICT_BLOCKED] = { "blocked", "&#9632;" },
	[VERDICT_NOT_POSSIBLE] = { "unknown", "-" },
};

static const char *class_of(const struct cell_result *result)
{
	return looks[result->verdict].class;
}

static const char *sign_of(const struct cell_result *result)
{
	return result->skipped ? "&#8211;" : looks[result->verdict].sign;
}

/* The anchor of a cell's figure. It holds only letters, digits and dashes. */
static void put_cell_id(FILE *out, const struct cell_key *key)
{
	fprintf(out, "%s-v%d-%s-%s-%s-%s", key->topology->name, key->family == AF_INET6 ? 6 : 4,
		proto_names[key->proto], nic_names[key->nic], behaviour_names[key->behaviour],
		mitigation_names[key->mitigation]);
}

/* The anchor of a row's section. */
static void put_row_id(FILE *out, const struct grid_row *row)
{
	fprintf(out, "way-%s-%s-%s", row->topology->name, proto_names[row->proto],
		nic_names[row->nic]);
}

/* A term and its text for a <dl>; `owner` is the stream. */
static void put_definition(void *owner, const char *name, const char *text)
{
	FILE *out = owner;

	fputs("<dt>", out);
	put_escaped(out, name);
	fputs("</dt><dd>", out);
	put_escaped(out, text);
	fputs("</dd>\n", out);
}

static void put_badge(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	fprintf(out, "<span class=\"badge %s\">%s ", class_of(result), sign_of(result));
	words_verdict(out, result, NULL, NULL);
	fputs("</span>", out);
	if (result->verdict == VERDICT_VERIFIED) {
		fputs(" caught by ", out);
		words_caught_by(out, &cell->key, result->caught_by);
	}
	if (result->agreement == AGREEMENT_DIFFERS)
		fputs(" <strong class=\"differs\">! not as expected</strong>", out);
}

static void put_title(FILE *out, const struct cell_key *key)
{
	char column[64];

	grid_column_name(key->behaviour, key->mitigation, column, sizeof(column));
	fprintf(out, "%s, IPv%d", column, key->family == AF_INET6 ? 6 : 4);
}

static void put_timeline(const struct page *page, const struct lab_cell *cell, uint64_t until_ns)
{
	fputs("<div class=\"scroll\">", page->out);
	lab_timeline(page->out, cell, page->run->settings, until_ns);
	fputs("</div>\n", page->out);
}

/* Until when a picture must go to show all of the cell: its last event, and a bit more. */
static uint64_t end_of(const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	uint64_t end = result->event_count ? result->events[result->event_count - 1].at_ns : 0;

	return end + end / 40 + 1;
}

/* The bytes of message k as they were read; NULL if they cannot be found. */
static const uint8_t *bytes_as_read(const struct lab_cell *cell, uint32_t k, size_t *ret_len)
{
	const struct cell_result *result = &cell->result;
	uint64_t offset = message_offset(k);

	if (cell->key.proto == PROTO_TCP) { /* a stream: nothing is missing before it */
		if (offset + message_len(k) > result->received_len)
			return NULL;
		*ret_len = message_len(k);
		return result->received + offset;
	}
	for (size_t i = 0; i < result->event_count; i++) {
		const struct event *event = &result->events[i];

		if (event->kind != EVENT_READ || event->first != k ||
		    event->offset + event->len > result->received_len)
			continue;
		*ret_len = event->len < message_len(k) ? event->len : message_len(k);
		return result->received + event->offset;
	}
	return NULL;
}

#define NAMED_MOST 3 /* wrong bytes of a line that are also named in words */

/* "byte 55: sent 61, read 65; 2 more" */
static void put_wrong_bytes(FILE *out, const uint8_t *got, const char *want, size_t len)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < len; i++) {
		if (got[i] == (uint8_t)want[i] || ++wrong > NAMED_MOST)
			continue;
		fprintf(out, "; byte %zu: sent %02x, read %02x", i, (uint8_t)want[i], got[i]);
	}
	if (wrong > NAMED_MOST)
		fprintf(out, "; %u more", wrong - NAMED_MOST);
}

static void put_read_line(FILE *out, const struct message_fate *message, uint32_t k,
			  const uint8_t *bytes, size_t len)
{
	char want[MESSAGE_MAX];

	message_write(k, want);
	fputs("<li><code>", out);
	for (size_t i = 0; i < len; i++) {
		bool bad = bytes[i] != (uint8_t)want[i];

		if (i + 1 == len && !bad)
			break; /* the newline, as it should be */
		fputs(bad ? "<mark>" : "", out);
		put_byte(out, bytes[i]);
		fputs(bad ? "</mark>" : "", out);
	}
	fprintf(out, "</code><small>message %" PRIu32 ", read ", k);
	words_duration(out, message->read_ns - message->sent_ns);
	fputs(" after it was written", out);
	put_wrong_bytes(out, bytes, want, len);
	fputs("</small></li>\n", out);
}

/* Whether to show message k: a damaged one; if there is none, one of the damage window. */
static bool is_shown(const struct cell_result *result, const struct lab_settings *settings,
		     uint32_t k)
{
	const struct message_fate *message = &result->messages[k];

	if (!message->bytes_read)
		return false;
	if (result->delivered_damaged)
		return message->bytes_wrong > 0;
	return k >= settings->before && k < settings->before + settings->during;
}

/*
 * A few of the damaged messages as read, their wrong bytes marked and named; says so if there are
 * none.
 */
static void put_lines(const struct page *page, const struct lab_cell *cell)
{
	FILE *out = page->out;
	uint32_t count = 0, shown = 0;

	for (uint32_t k = 0; k < cell->result.message_count; k++) {
		const struct message_fate *message = &cell->result.messages[k];
		const uint8_t *bytes = NULL;
		size_t len;

		if (!is_shown(&cell->result, page->run->settings, k))
			continue;
		count++;
		if (shown < LINES_MOST)
			bytes = bytes_as_read(cell, k, &len);
		if (!bytes)
			continue;
		fputs(shown++ ? "" : "<ul class=\"lines\">\n", out);
		put_read_line(out, message, k, bytes, len);
	}
	fputs(shown ? "</ul>\n<p class=\"more\">" : "<p class=\"more\">", out);
	if (cell->result.delivered_damaged)
		fprintf(out, "%" PRIu32 " of the %" PRIu32 " damaged messages the server read.",
			shown, count);
	else
		fputs(cell->result.delivered ? "Every line the server read is as it was sent."
					     : "The server read no line.",
		      out);
	fputs("</p>\n", out);
}

static void put_head(const struct page *page)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>truesum lab: damaged packets on Linux ",
	      page->out);
	put_escaped(page->out, page->run->kernel);
	fprintf(page->out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", page_css);
	/* The hatching of all damage windows. */
	fputs("<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>"
	      "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
	      "patternTransform=\"rotate(45)\"><rect class=\"hatch-ground\" width=\"6\" height=\"6\"/>"
	      "<path class=\"hatch-line\" d=\"M0 0V6\"/></pattern></defs></svg>\n"
	      "<a class=\"skip\" href=\"#matrix\">Skip to the matrix</a>\n",
	      page->out);
}

static int put_header(const struct page *page)
{
	const struct lab_settings *settings = page->run->settings;
	char day[32] = "";
	struct tm tm;
	int rc;

	fputs("<header>\n<h1>What happens to damaged packets on Linux ", page->out);
	put_escaped(page->out, page->run->kernel);
	fprintf(page->out, "</h1>\n<p class=\"headline %s\">",
		page->grid->counts.differing  ? "bad"
		: page->grid->counts.as_known ? "good"
					      : "unknown");
	rc = put_run_words(page, WORDS_HEADLINE);
	if (rc)
		return rc;
	fputs("</p>\n<p class=\"about\">", page->out);
	if (page->run->started && gmtime_r(&page->run->started, &tm) &&
	    strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm))
		fprintf(page->out, "%s. ", day);
	fputs("truesum ", page->out);
	put_escaped(page->out, page->run->version);
	fputs(" built each network setup in network namespaces, sent numbered lines through it, "
	      "and for a while damaged every packet on the wire (pattern <code>",
	      page->out);
	put_escaped(page->out, damage_names[settings->damage.kind]);
	fprintf(page->out,
		"</code>). %u lines came before, %u during, %u after the damage, one every ",
		settings->before, settings->during, settings->after);
	words_duration(page->out, settings->pace_ns);
	fputs(". ", page->out);
	rc = put_run_words(page, WORDS_COUNTS);
	fputs("</p>\n</header>\n<main>\n", page->out);
	return rc;
}

/* The i-th cell of a row, column by column, in each IPv4 then IPv6; may be NULL. */
static const struct lab_cell *row_cell(const struct grid_row *row, size_t i)
{
	return row->place[i / GRID_FAMILIES].cell[i % GRID_FAMILIES];
}

static size_t row_cells(const struct page *page)
{
	return page->grid->column_count * GRID_FAMILIES;
}

/*
 * The first cell that delivers damage without a mitigation; one with 2016's behaviour, if there is
 * one.
 */
static const struct lab_cell *find_delivering(const struct grid *grid)
{
	for (int behaviour = BEHAVIOURS - 1; behaviour >= 0; behaviour--) {
		int column = grid->column_of[behaviour][MITIGATION_NONE];

		for (size_t i = 0; column >= 0 && i < grid->row_count * GRID_FAMILIES; i++) {
			const struct lab_cell *cell =
				grid->rows[i / GRID_FAMILIES].place[column].cell[i % GRID_FAMILIES];

			if (cell && cell->result.verdict == VERDICT_DELIVERS_CORRUPT)
				return cell;
		}
	}
	return NULL;
}

/* The cell that verifies and is most like `like`, which may be NULL. */
static const struct lab_cell *find_verifying(const struct grid *grid, const struct lab_cell *like)
{
	const struct lab_cell *found = NULL;
	int best = -1;

	for (size_t i = 0; i < grid->row_count; i++)
		for (size_t j = 0; j < grid->column_count * GRID_FAMILIES; j++) {
			const struct lab_cell *cell = row_cell(&grid->rows[i], j);
			int near = 0;

			if (!cell || cell->result.verdict != VERDICT_VERIFIED)
				continue;
			if (like)
				near = 8 * (cell->key.topology == like->key.topology) +
				       4 * (cell->key.proto == like->key.proto) +
				       2 * (cell->key.family == like->key.family) +
				       (cell->key.mitigation == MITIGATION_NONE);
			if (near > best) {
				best = near;
				found = cell;
			}
		}
	return found;
}

static void put_example(const struct page *page, const char *heading, const struct lab_cell *cell,
			uint64_t until_ns)
{
	FILE *out = page->out;

	fprintf(out, "<figure>\n<figcaption><h3>%s</h3> <p>", heading);
	put_badge(out, cell);
	fprintf(out, "<br><a href=\"#");
	put_cell_id(out, &cell->key);
	fprintf(out, "\">%s, ", cell->key.topology->name);
	put_title(out, &cell->key);
	fputs("</a></p></figcaption>\n", out);
	put_timeline(page, cell, until_ns);
	put_lines(page, cell);
	fputs("</figure>\n", out);
}

/* A cell that verifies and one that delivers, side by side, if the run has them. */
static int put_glance(const struct page *page)
{
	const struct lab_cell *delivering = find_delivering(page->grid);
	const struct lab_cell *verifying = find_verifying(page->grid, delivering);
	uint64_t until_ns = 1;

	if (!delivering && !verifying)
		return 0;
	if (verifying)
		until_ns = end_of(verifying);
	if (delivering && end_of(delivering) > until_ns)
		until_ns = end_of(delivering);
	fputs("<section aria-labelledby=\"glance\">\n<h2 id=\"glance\">The finding at a glance</h2>\n"
	      "<div class=\"figures\">\n",
	      page->out);
	if (verifying)
		put_example(page, "Verified: damage is dropped and sent again", verifying,
			    until_ns);
	if (delivering)
		put_example(page, "Not verified: damaged lines as they come", delivering, until_ns);
	fputs("</div>\n", page->out);
	lab_timeline_legend(page->out);
	fputs("</section>\n", page->out);
	return 0;
}

static void put_link(FILE *out, const struct lab_cell *cell)
{
	fputs("<a href=\"#", out);
	put_cell_id(out, &cell->key);
	fputs("\" aria-label=\"", out);
	words_cell_name(out, &cell->key);
	fputs(": ", out);
	words_verdict(out, &cell->result, NULL, NULL);
	fprintf(out, "\">v%d</a>", cell->key.family == AF_INET6 ? 6 : 4);
}

/* One verdict of a place, with a link for each cell that has it (the second may be NULL). */
static void put_verdict(const struct page *page, const struct lab_cell *a, const struct lab_cell *b)
{
	const struct cell_result *result = &a->result;
	FILE *out = page->out;

	fprintf(out, "<div class=\"verdict %s\">%s<span class=\"sign\">%s</span> ",
		class_of(result),
		result->agreement == AGREEMENT_DIFFERS ? "<strong class=\"differs\">!</strong> "
						       : "",
		sign_of(result));
	words_verdict(out, result, b ? &b->result : NULL, page->run->settings);
	if (result->verdict == VERDICT_VERIFIED)
		fprintf(out, " <small>%s</small>", caught_by_names[result->caught_by]);
	if (result->skipped || result->verdict == VERDICT_UNKNOWN) {
		fputs("<span class=\"why\">", out);
		put_escaped(out, result->reason);
		fputs("</span>", out);
	}
	fputs(" <span class=\"links\">", out);
	put_link(out, a);
	if (b) {
		fputc(' ', out);
		put_link(out, b);
	}
	fputs("</span></div>", out);
}

static void put_place(const struct page *page, const struct grid_place *place)
{
	const struct lab_cell *v4 = place->cell[GRID_V4], *v6 = place->cell[GRID_V6];

	fputs("<td>", page->out);
	if (v4)
		put_verdict(page, v4, place->apart ? NULL : v6);
	if (v6 && (!v4 || place->apart))
		put_verdict(page, v6, NULL);
	fputs("</td>", page->out);
}

static void put_matrix_row(const struct page *page, const struct grid_row *row)
{
	if (*row->heading)
		fprintf(page->out,
			"<tr class=\"group\"><th scope=\"colgroup\" colspan=\"%zu\">%s</th></tr>\n",
			page->grid->column_count + 1, row->heading);
	fputs("<tr><th scope=\"row\"><a href=\"#", page->out);
	put_row_id(page->out, row);
	fprintf(page->out, "\">%s</a><small>", row->topology->name);
	put_escaped(page->out, row->topology->about);
	fputs("</small></th>", page->out);
	for (size_t i = 0; i < page->grid->column_count; i++)
		put_place(page, &row->place[i]);
	fputs("</tr>\n", page->out);
}

static int put_matrix(const struct page *page)
{
	fputs("<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">Every way into a container</h2>\n"
	      "<p>A row is a network setup, a column is how the kernel behaves and what was done about it. "
	      "Follow <q>v4</q> or <q>v6</q> to a cell's timeline.</p>\n"
	      "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">network setup</th>",
	      page->out);
	for (size_t i = 0; i < page->grid->column_count; i++)
		fprintf(page->out, "<th scope=\"col\">%s</th>", page->grid->columns[i].name);
	fputs("</tr></thead>\n<tbody>\n", page->out);
	for (size_t i = 0; i < page->grid->row_count; i++)
		put_matrix_row(page, &page->grid->rows[i]);
	fputs("</tbody>\n</table></div>\n<dl class=\"legend\">\n", page->out);
	words_legend(page->grid, put_definition, page->out);
	fputs("</dl>\n</section>\n", page->out);
	return 0;
}

static int put_conclusion(const struct page *page)
{
	int rc;

	fputs("<section aria-labelledby=\"conclusion\">\n<h2 id=\"conclusion\">What this says about "
	      "this kernel</h2>\n<p>",
	      page->out);
	rc = put_run_words(page, WORDS_CONCLUSION);
	fputs("</p>\n</section>\n", page->out);
	return rc;
}

static int put_cell(const struct page *page, const struct lab_cell *cell, uint64_t until_ns)
{
	FILE *out = page->out;
	int rc;

	fputs("<figure id=\"", out);
	put_cell_id(out, &cell->key);
	fputs("\">\n<figcaption><h4>", out);
	put_title(out, &cell->key);
	fputs("</h4> <p>", out);
	put_badge(out, cell);
	fputs("</p></figcaption>\n", out);
	if (cell->result.event_count)
		put_timeline(page, cell, until_ns);
	if (cell->result.skipped || !cell->result.event_count) {
		fputs("<p class=\"more\">", out);
		put_escaped(out, cell->result.reason);
		fputs("</p></figure>\n", out);
		return 0;
	}
	fputs("<details><summary>Evidence, and what the server read</summary>\n<dl>\n", out);
	rc = words_evidence(cell, put_definition, out);
	fputs("</dl>\n", out);
	put_lines(page, cell);
	fputs("</details>\n</figure>\n", out);
	return rc;
}

static int put_row_section(const struct page *page, const struct grid_row *row)
{
	uint64_t until_ns = 1;

	for (size_t i = 0; i < row_cells(page); i++) {
		const struct lab_cell *cell = row_cell(row, i);

		if (cell && end_of(cell) > until_ns)
			until_ns = end_of(cell);
	}
	fputs("<section class=\"way\" aria-labelledby=\"", page->out);
	put_row_id(page->out, row);
	fputs("\">\n<h3 id=\"", page->out);
	put_row_id(page->out, row);
	fprintf(page->out, "\">%s <small>%s, NIC %s</small></h3>\n<p>", row->topology->name,
		row->proto == PROTO_TCP	  ? "TCP"
		: row->proto == PROTO_UDP ? "UDP"
					  : "UDP without checksum",
		nic_names[row->nic]);
	put_escaped(page->out, row->topology->about);
	fputs(" <a class=\"back\" href=\"#matrix\">back to the matrix</a></p>\n"
	      "<div class=\"figures\">\n",
	      page->out);
	for (size_t i = 0; i < row_cells(page); i++) {
		const struct lab_cell *cell = row_cell(row, i);
		int rc = cell ? put_cell(page, cell, until_ns) : 0;

		if (rc)
			return rc;
	}
	fputs("</div>\n</section>\n", page->out);
	return 0;
}

/* A section for each row, with a figure for each of its cells. */
static int put_rows(const struct page *page)
{
	int rc = 0;

	fputs("<section aria-labelledby=\"cells\">\n<h2 id=\"cells\">Each network setup, cell by cell</h2>\n",
	      page->out);
	for (size_t i = 0; i < page->grid->row_count && !rc; i++)
		rc = put_row_section(page, &page->grid->rows[i]);
	fputs("</section>\n", page->out);
	return rc;
}

static int write_page(FILE *out, const struct lab_run *run, const struct lab_cell *cells,
		      size_t count)
{
	static int (*const sections[])(const struct page *page) = {
		put_header, put_glance, put_matrix, put_conclusion, put_rows,
	};
	struct page page = { .out = out, .run = run };
	int rc = grid_build(cells, count, &page.grid);

	if (rc)
		return rc;
	put_head(&page);
	for (size_t i = 0; i < ARRAY_SIZE(sections) && !rc; i++)
		rc = sections[i](&page);
	fputs("</main>\n</body>\n</html>\n", out);
	free(page.grid);
	return rc;
}

/* Replaces a regular file; writes to anything else (/dev/stdout). */
static int write_or_replace(const char *path, const char *text, size_t size)
{
	_cleanup_close_ int fd = -1;
	struct stat status;
	mode_t mask = umask(0);
	int rc;

	umask(mask);
	if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
		return file_replace(path, 0666 & ~mask, text, size);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	rc = fd < 0 ? -errno : file_write(fd, text, size);
	return rc ? fail_errno(rc, "cannot write %s", path) : 0;
}

int lab_page(const char *path, const struct lab_run *run, const struct lab_cell *cells,
	     size_t count)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	int rc;

	if (!memory)
		return fail(-ENOMEM, "no memory for the page");
	rc = write_page(memory, run, cells, count);
	if (fclose(memory) && !rc)
		rc = fail(-ENOMEM, "no memory for the page");
	return rc ? rc : write_or_replace(path, text, size);
}
