/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run as one self-contained HTML page: matrix, a timeline a cell, evidence. */
#ifndef TRUESUM_CMD_LAB_REPORT_H
#define TRUESUM_CMD_LAB_REPORT_H

#include <stdio.h>

#include "lab/run.h"

/*
 * Writes the page to `path`. A file there is replaced at once when the page is complete, or not at
 * all; what is no regular file (a pipe, /dev/stdout) is written to.
 */
int lab_report(const char *path, const struct lab_run *run, const struct lab_cell *cells,
	       size_t count);

/* The page itself. */
int lab_report_page(FILE *out, const struct lab_run *run, const struct lab_cell *cells,
		    size_t count);

#endif
