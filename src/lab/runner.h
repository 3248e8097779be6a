/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running many cells side by side. */
#ifndef TRUESUM_LAB_RUNNER_H
#define TRUESUM_LAB_RUNNER_H

#include <stddef.h>

#include "lab/run.h"

#define RUNNER_JOBS_MAX 60

/* How many cells are done, of how many; called now and then while cells run. */
typedef void (*runner_progress_fn)(size_t done, size_t count);

/*
 * Makes room for as many descriptors as `jobs` cells side by side need, and returns how many cells
 * there is room for: fewer where a limit is lower; 0, with a sentence, where it is too low for one.
 */
size_t runner_make_room(size_t jobs);

/*
 * Runs cells[0 .. count-1], whose keys are set, at most `jobs` at a time, and fills in their results
 * (each to be freed with cell_result_free(), after a failure too). -EINTR after SIGINT or SIGTERM.
 */
int runner_run(const struct lab_settings *settings, struct lab_cell *cells, size_t count,
	       size_t jobs, runner_progress_fn progress);

#endif
