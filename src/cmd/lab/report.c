// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The page: the verdict, two timelines side by side that show the finding, the matrix, what it means,
 * and a section for each way in with a timeline and the evidence of each cell.
 *
 * It has no script: a place of the matrix is a link to its cell's figure, evidence folds in <details>.
 * Its content policy forbids loading and running anything, so even a byte that escaped escaping could
 * do nothing.
 */
#include "cmd/lab/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "lab/grid.h"
#include "cmd/lab/html.h"
#include "cmd/lab/report_cell.h"
#include "cmd/lab/timeline.h"
#include "lab/topology.h"
#include "cmd/lab/words.h"
#include "packet/damage.h"
#include "gen/report_css.h"

static void say_headline(FILE *out, const void *what)
{
	const struct page *page = what;

	words_headline(out, &page->grid, &page->counts);
}

static void say_conclusion(FILE *out, const void *what)
{
	const struct page *page = what;

	words_conclusion(out, &page->grid, page->run);
}

static void say_counts(FILE *out, const void *what)
{
	const struct page *page = what;

	words_counts(out, &page->counts);
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
	html_text(page->out, page->run->kernel);
	fprintf(page->out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", report_css);
	/* One hatching for all damage windows. */
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
	html_text(page->out, page->run->kernel);
	fprintf(page->out, "</h1>\n<p class=\"headline %s\">",
		page->counts.differing	? "bad"
		: page->counts.as_known ? "good"
					: "unknown");
	rc = report_say(page->out, say_headline, page);
	if (rc)
		return rc;
	fputs("</p>\n<p class=\"about\">", page->out);
	if (page->run->started && gmtime_r(&page->run->started, &tm) &&
	    strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &tm))
		fprintf(page->out, "%s. ", day);
	fputs("truesum ", page->out);
	html_text(page->out, page->run->version);
	fputs(" built each way into a container in network namespaces, sent numbered lines through it, "
	      "and for a while damaged every packet of them on the wire (pattern <code>",
	      page->out);
	html_text(page->out, damage_patterns[settings->damage.kind].name);
	fprintf(page->out,
		"</code>). %u lines came before, %u during, %u after the damage, one every ",
		settings->before, settings->during, settings->after);
	words_duration(page->out, settings->pace_ns);
	fputs(". ", page->out);
	rc = report_say(page->out, say_counts, page);
	fputs("</p>\n</header>\n<main>\n", page->out);
	return rc;
}

static void say_cell_name(FILE *out, const void *what)
{
	words_cell_name(out, what);
}

static int put_link(FILE *out, const struct lab_cell *cell)
{
	int rc;

	fputs("<a href=\"#", out);
	report_cell_id(out, &cell->key);
	fputs("\" aria-label=\"", out);
	rc = report_say(out, say_cell_name, &cell->key);
	fprintf(out, ": %s\">v%d</a>", words_verdict(&cell->result),
		cell->key.family == AF_INET6 ? 6 : 4);
	return rc;
}

/* One verdict of a place, with a link for each cell that has it (the second may be NULL). */
static int put_verdict(const struct page *page, const struct lab_cell *a, const struct lab_cell *b)
{
	const struct cell_result *result = &a->result;
	FILE *out = page->out;
	int rc;

	fprintf(out, "<div class=\"verdict %s\">%s<span class=\"sign\">%s</span> ",
		report_class(result),
		words_differs(result) ? "<strong class=\"differs\">!</strong> " : "",
		report_sign(result));
	words_verdict_of(out, result, b ? &b->result : NULL, page->run->settings);
	if (result->verdict == VERDICT_VERIFIED)
		fprintf(out, " <small>%s</small>", words_catcher(result->caught_by));
	if (result->skipped || result->verdict == VERDICT_UNKNOWN) {
		fputs("<span class=\"why\">", out);
		html_text(out, result->reason);
		fputs("</span>", out);
	}
	fputs(" <span class=\"links\">", out);
	rc = put_link(out, a);
	if (!rc && b) {
		fputc(' ', out);
		rc = put_link(out, b);
	}
	fputs("</span></div>", out);
	return rc;
}

static int put_place(const struct page *page, const struct grid_place *place)
{
	const struct lab_cell *v4 = place->cell[GRID_V4], *v6 = place->cell[GRID_V6];
	int rc = 0;

	fputs("<td>", page->out);
	if (v4 && v6 && grid_agree(place)) {
		rc = put_verdict(page, v4, v6);
	} else {
		if (v4)
			rc = put_verdict(page, v4, NULL);
		if (v6 && !rc)
			rc = put_verdict(page, v6, NULL);
	}
	fputs("</td>", page->out);
	return rc;
}

static int put_row(const struct page *page, const struct grid_row *row)
{
	char group[64];

	grid_group_name(&page->grid, row, group, sizeof(group));
	if (row->opens_group && *group)
		fprintf(page->out,
			"<tr class=\"group\"><th scope=\"colgroup\" colspan=\"%zu\">%s</th></tr>\n",
			page->grid.column_count + 1, group);
	fputs("<tr><th scope=\"row\"><a href=\"#", page->out);
	report_way_id(page->out, row);
	fprintf(page->out, "\">%s</a><small>", row->topology->name);
	html_text(page->out, row->topology->about);
	fputs("</small></th>", page->out);
	for (size_t i = 0; i < page->grid.column_count; i++) {
		int rc = put_place(page, &row->place[i]);

		if (rc)
			return rc;
	}
	fputs("</tr>\n", page->out);
	return 0;
}

static int put_matrix(const struct page *page)
{
	fputs("<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">Every way into a container</h2>\n"
	      "<p>A row is a way in, a column is how the kernel behaves and what was done about it. "
	      "Follow <q>v4</q> or <q>v6</q> to a cell's timeline.</p>\n"
	      "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">way in</th>",
	      page->out);
	for (size_t i = 0; i < page->grid.column_count; i++) {
		char name[64];

		grid_column_name(&page->grid.columns[i], name, sizeof(name));
		fprintf(page->out, "<th scope=\"col\">%s</th>", name);
	}
	fputs("</tr></thead>\n<tbody>\n", page->out);
	for (size_t i = 0; i < page->grid.row_count; i++) {
		int rc = put_row(page, &page->grid.rows[i]);

		if (rc)
			return rc;
	}
	fputs("</tbody>\n</table></div>\n<dl class=\"legend\">\n", page->out);
	words_legend(&page->grid, report_fact, page->out);
	fputs("</dl>\n</section>\n", page->out);
	return 0;
}

static int put_conclusion(const struct page *page)
{
	int rc;

	fputs("<section aria-labelledby=\"conclusion\">\n<h2 id=\"conclusion\">What this says about "
	      "this kernel</h2>\n<p>",
	      page->out);
	rc = report_say(page->out, say_conclusion, page);
	fputs("</p>\n</section>\n", page->out);
	return rc;
}

int lab_report_page(FILE *out, const struct lab_run *run, const struct lab_cell *cells,
		    size_t count)
{
	static int (*const sections[])(const struct page *page) = {
		put_header, report_glance, put_matrix, put_conclusion, report_ways,
	};
	struct page page = { .out = out, .run = run, .counts = lab_count(cells, count) };
	int rc = grid_build(cells, count, &page.grid);

	if (rc)
		return rc;
	put_head(&page);
	for (size_t i = 0; i < ARRAY_SIZE(sections) && !rc; i++)
		rc = sections[i](&page);
	fputs("</main>\n</body>\n</html>\n", out);
	grid_free(&page.grid);
	return rc;
}

/* A device such as /dev/stdout is written to, not replaced. */
static int write_file(const char *path, const char *text, size_t size)
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

int lab_report(const char *path, const struct lab_run *run, const struct lab_cell *cells,
	       size_t count)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	int rc;

	if (!memory)
		return fail(-ENOMEM, "no memory for the report");
	rc = lab_report_page(memory, run, cells, count);
	if (fclose(memory) && !rc)
		rc = fail(-ENOMEM, "no memory for the report");
	if (rc)
		return rc;
	return write_file(path, text, size);
}
