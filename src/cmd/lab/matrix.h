/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run for the terminal: verdict, matrix, legend, counts, conclusion. */
#ifndef TRUESUM_CMD_LAB_MATRIX_H
#define TRUESUM_CMD_LAB_MATRIX_H

#include <stdbool.h>
#include <stdio.h>

#include "lab/run.h"

/* Coloured if the stream is a terminal (base/term.h). `evidence` adds what each cell rests on. */
int lab_matrix(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count,
	       bool evidence);

#endif
