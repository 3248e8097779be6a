/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened in a cell, and when, as an inline SVG; and the damaged lines the server read. */
#ifndef TRUESUM_CMD_LAB_TIMELINE_H
#define TRUESUM_CMD_LAB_TIMELINE_H

#include <stdint.h>
#include <stdio.h>

#include "lab/run.h"

/* When the cell's last event was: the least `until_ns` that shows all of it. */
uint64_t timeline_end(const struct lab_cell *cell);

/* The picture from 0 to until_ns (> 0), so that several can have one scale. */
void timeline_svg(FILE *out, const struct lab_cell *cell, const struct lab_settings *settings,
		  uint64_t until_ns);

/* What the marks mean, as a list. */
void timeline_legend(FILE *out);

/* A few of the damaged messages as read, the wrong bytes marked and named; says so if there are none. */
void timeline_lines(FILE *out, const struct lab_cell *cell, uint32_t most);

#endif
