/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `truesum lab` shows a run: watched live, as a matrix, as JSON, as a page. */
#ifndef TRUESUM_CMD_LAB_SHOW_H
#define TRUESUM_CMD_LAB_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lab/run.h"

/*
 * Runs the cells, whose keys are set, one after the other, and shows each on `out` with its verdict
 * in words: what the client sends on the left, what the server's application reads on the right. On
 * a terminal in colour, with a line of counters at the bottom. Fills in the results as run_cells()
 * does. -EINTR after a signal.
 */
int lab_live(FILE *out, struct lab_cell *cells, size_t count, const struct lab_settings *settings);

/*
 * For people: headline, matrix, legend, conclusion, counts. In colour if `out` is a terminal
 * (base/term.h). `evidence` adds the evidence of each cell. -ENOMEM, with a sentence.
 */
int lab_matrix(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count,
	       bool evidence);

/* One JSON object and a newline; json.c lists its keys. -errno, with a sentence. */
int lab_json(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count);

/*
 * Writes the run to `path` as one self-contained HTML page: matrix, a timeline of each cell,
 * evidence. A file there is replaced in one step when the page is complete, or stays as it is;
 * anything but a regular file (a pipe, /dev/stdout) is written to. -errno, with a sentence.
 */
int lab_page(const char *path, const struct lab_run *run, const struct lab_cell *cells,
	     size_t count);

/*
 * For the page: what happened in a cell as an inline SVG, from 0 to until_ns (> 0): several can
 * have one scale.
 */
void lab_timeline(FILE *out, const struct lab_cell *cell, const struct lab_settings *settings,
		  uint64_t until_ns);

/* For the page: what a timeline's marks mean, as a list. */
void lab_timeline_legend(FILE *out);

#endif
