/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching the experiment: the client's lines on the left, what the server's application reads on the
 * right, as it happens.
 */
#ifndef TRUESUM_CMD_LAB_LIVE_H
#define TRUESUM_CMD_LAB_LIVE_H

#include <stddef.h>
#include <stdio.h>

#include "lab/run.h"

/*
 * Runs the cells, whose keys are set, one after the other, fills in their results (each to be freed with
 * cell_result_free()), and shows each on `out`, with its verdict in words behind it: in
 * colour, with a line of counters kept at the bottom, where `out` is a terminal; as plain scrolling
 * text elsewhere. A cell that cannot be run here says so and the next follows. -EINTR after a signal.
 */
int live_run(FILE *out, struct lab_cell *cells, size_t count, const struct lab_settings *settings);

#endif
