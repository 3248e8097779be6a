/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run as one JSON object: see json.c for its keys. */
#ifndef TRUESUM_CMD_LAB_JSON_H
#define TRUESUM_CMD_LAB_JSON_H

#include <stdio.h>

#include "lab/run.h"

/* Writes the object and a newline. */
int lab_json(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count);

#endif
