// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report's figures: see report_cell.h. The timelines of one way in share a scale, so that a delay in
 * one and none in the next can be compared by eye.
 */
#include "cmd/lab/report_cell.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/lab/html.h"
#include "cmd/lab/timeline.h"
#include "lab/topology.h"
#include "cmd/lab/words.h"

#define LINES_MOST 4 /* damaged lines shown of a cell */

/* What words.h writes, escaped. */
int report_say(FILE *out, report_say_fn say, const void *what)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return fail(-ENOMEM, "no memory for the report");
	say(memory, what);
	fclose(memory);
	html_text(out, text);
	return 0;
}

static void say_caught_by(FILE *out, const void *what)
{
	const struct lab_cell *cell = what;

	if (cell->result.verdict == VERDICT_VERIFIED) {
		fputs(" caught by ", out);
		words_caught_by(out, &cell->key, cell->result.caught_by);
	}
}

/* How a verdict looks: a class for its colour and a sign for those who do not see it. */
static const struct {
	const char *class, *sign;
} looks[VERDICTS] = {
	[VERDICT_UNKNOWN] = { "unknown", "?" },
	[VERDICT_VERIFIED] = { "good", "&#10003;" },
	[VERDICT_DELIVERS_CORRUPT] = { "bad", "&#10007;" },
	[VERDICT_BLOCKED] = { "blocked", "&#9632;" },
};

const char *report_class(const struct cell_result *result)
{
	return looks[result->verdict].class;
}

const char *report_sign(const struct cell_result *result)
{
	return result->skipped ? "&#8211;" : looks[result->verdict].sign;
}

/* The names in it are this program's own: letters, digits and dashes. */
void report_cell_id(FILE *out, const struct cell_key *key)
{
	fprintf(out, "%s-v%d-%s-%s-%s-%s", key->topology->name, key->family == AF_INET6 ? 6 : 4,
		proto_names[key->proto], nic_names[key->nic], behaviour_names[key->behaviour],
		mitigation_names[key->mitigation]);
}

void report_way_id(FILE *out, const struct grid_row *row)
{
	fprintf(out, "way-%s-%s-%s", row->topology->name, proto_names[row->proto],
		nic_names[row->nic]);
}

void report_fact(void *owner, const char *name, const char *text)
{
	FILE *out = owner;

	fputs("<dt>", out);
	html_text(out, name);
	fputs("</dt><dd>", out);
	html_text(out, text);
	fputs("</dd>\n", out);
}

static int put_badge(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	int rc;

	fprintf(out, "<span class=\"badge %s\">%s %s</span>", report_class(result),
		report_sign(result), words_verdict(result));
	rc = report_say(out, say_caught_by, cell);
	if (words_differs(result))
		fputs(" <strong class=\"differs\">! differs from what is known</strong>", out);
	return rc;
}

static void put_title(FILE *out, const struct cell_key *key)
{
	char column[64];

	grid_column_name(&(struct grid_column){ key->behaviour, key->mitigation }, column,
			 sizeof(column));
	fprintf(out, "%s, IPv%d", column, key->family == AF_INET6 ? 6 : 4);
}

static void put_timeline(const struct page *page, const struct lab_cell *cell, uint64_t until_ns)
{
	fputs("<div class=\"scroll\">", page->out);
	timeline_svg(page->out, cell, page->run->settings, until_ns);
	fputs("</div>\n", page->out);
}

static int put_cell(const struct page *page, const struct lab_cell *cell, uint64_t until_ns)
{
	FILE *out = page->out;
	int rc;

	fputs("<figure id=\"", out);
	report_cell_id(out, &cell->key);
	fputs("\">\n<figcaption><h4>", out);
	put_title(out, &cell->key);
	fputs("</h4> <p>", out);
	rc = put_badge(out, cell);
	if (rc)
		return rc;
	fputs("</p></figcaption>\n", out);
	if (cell->result.event_count)
		put_timeline(page, cell, until_ns);
	if (cell->result.skipped || !cell->result.event_count) {
		fputs("<p class=\"more\">", out);
		html_text(out, cell->result.reason);
		fputs("</p></figure>\n", out);
		return 0;
	}
	fputs("<details><summary>Evidence, and what the server read</summary>\n<dl>\n", out);
	rc = words_evidence(cell, report_fact, out);
	fputs("</dl>\n", out);
	timeline_lines(out, cell, LINES_MOST);
	fputs("</details>\n</figure>\n", out);
	return rc;
}

/* The i-th cell of a row, family by family within a column; may be NULL. */
static const struct lab_cell *row_cell(const struct grid_row *row, size_t i)
{
	return row->place[i / GRID_FAMILIES].cell[i % GRID_FAMILIES];
}

static size_t row_cells(const struct page *page)
{
	return page->grid.column_count * GRID_FAMILIES;
}

static int put_way(const struct page *page, const struct grid_row *row)
{
	uint64_t until_ns = 1;

	for (size_t i = 0; i < row_cells(page); i++) {
		const struct lab_cell *cell = row_cell(row, i);

		if (cell && timeline_end(cell) > until_ns)
			until_ns = timeline_end(cell);
	}
	fputs("<section class=\"way\" aria-labelledby=\"", page->out);
	report_way_id(page->out, row);
	fputs("\">\n<h3 id=\"", page->out);
	report_way_id(page->out, row);
	fprintf(page->out, "\">%s <small>%s, NIC %s</small></h3>\n<p>", row->topology->name,
		row->proto == PROTO_TCP	  ? "TCP"
		: row->proto == PROTO_UDP ? "UDP"
					  : "UDP without checksum",
		nic_names[row->nic]);
	html_text(page->out, row->topology->about);
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

int report_ways(const struct page *page)
{
	int rc = 0;

	fputs("<section aria-labelledby=\"cells\">\n<h2 id=\"cells\">Each way in, cell by cell</h2>\n",
	      page->out);
	for (size_t i = 0; i < page->grid.row_count && !rc; i++)
		rc = put_way(page, &page->grid.rows[i]);
	fputs("</section>\n", page->out);
	return rc;
}

/* The first cell that delivers damage without a mitigation, in 2016's behaviour if there is one. */
static const struct lab_cell *find_delivering(const struct grid *grid)
{
	for (int behaviour = BEHAVIOURS - 1; behaviour >= 0; behaviour--) {
		int column = grid_column_of(grid, (enum behaviour)behaviour, MITIGATION_NONE);

		for (size_t i = 0; column >= 0 && i < grid->row_count * GRID_FAMILIES; i++) {
			const struct lab_cell *cell =
				grid->rows[i / GRID_FAMILIES].place[column].cell[i % GRID_FAMILIES];

			if (cell && cell->result.verdict == VERDICT_DELIVERS_CORRUPT)
				return cell;
		}
	}
	return NULL;
}

/* A cell that verifies: the nearest to `like`, which may be NULL. */
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

static int put_glance(const struct page *page, const char *heading, const struct lab_cell *cell,
		      uint64_t until_ns)
{
	FILE *out = page->out;
	int rc;

	fprintf(out, "<figure>\n<figcaption><h3>%s</h3> <p>", heading);
	rc = put_badge(out, cell);
	if (rc)
		return rc;
	fprintf(out, "<br><a href=\"#");
	report_cell_id(out, &cell->key);
	fprintf(out, "\">%s, ", cell->key.topology->name);
	put_title(out, &cell->key);
	fputs("</a></p></figcaption>\n", out);
	put_timeline(page, cell, until_ns);
	timeline_lines(out, cell, LINES_MOST);
	fputs("</figure>\n", out);
	return 0;
}

int report_glance(const struct page *page)
{
	const struct lab_cell *delivering = find_delivering(&page->grid);
	const struct lab_cell *verifying = find_verifying(&page->grid, delivering);
	uint64_t until_ns = 1;
	int rc = 0;

	if (!delivering && !verifying)
		return 0;
	if (verifying)
		until_ns = timeline_end(verifying);
	if (delivering && timeline_end(delivering) > until_ns)
		until_ns = timeline_end(delivering);
	fputs("<section aria-labelledby=\"glance\">\n<h2 id=\"glance\">The finding at a glance</h2>\n"
	      "<div class=\"figures\">\n",
	      page->out);
	if (verifying)
		rc = put_glance(page, "Verified: damage is dropped and sent again", verifying,
				until_ns);
	if (delivering && !rc)
		rc = put_glance(page, "Not verified: damaged lines as they come", delivering,
				until_ns);
	fputs("</div>\n", page->out);
	timeline_legend(page->out);
	fputs("</section>\n", page->out);
	return rc;
}
