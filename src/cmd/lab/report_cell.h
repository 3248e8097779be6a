/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report's figures: a cell's timeline and evidence, a way in, the finding at a glance. */
#ifndef TRUESUM_CMD_LAB_REPORT_CELL_H
#define TRUESUM_CMD_LAB_REPORT_CELL_H

#include <stdio.h>

#include "lab/grid.h"

struct page {
	FILE *out;
	const struct lab_run *run;
	struct grid grid;
	struct lab_counts counts;
};

/* What words.h writes by `say`, escaped. */
typedef void (*report_say_fn)(FILE *out, const void *what);
int report_say(FILE *out, report_say_fn say, const void *what);

/* A term and its text for a <dl>; `owner` is the stream. */
void report_fact(void *owner, const char *name, const char *text);

/* How a verdict looks: a class for its colour, and a sign for those who do not see it. */
const char *report_class(const struct cell_result *result);
const char *report_sign(const struct cell_result *result);

/* The anchors of a cell's figure and of a row's section. */
void report_cell_id(FILE *out, const struct cell_key *key);
void report_way_id(FILE *out, const struct grid_row *row);

/* A cell that verifies and one that delivers, side by side, if the run has them. */
int report_glance(const struct page *page);

/* A section for each row, a figure for each of its cells. */
int report_ways(const struct page *page);

#endif
