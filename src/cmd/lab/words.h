/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run says in plain words, the same on the terminal and on the page. Nothing here is canned:
 * every sentence is put together from the cells that were run.
 */
#ifndef TRUESUM_CMD_LAB_WORDS_H
#define TRUESUM_CMD_LAB_WORDS_H

#include <stdio.h>

#include "lab/grid.h"

/* The verdict of the whole run: one sentence, no newline. */
void words_headline(FILE *out, const struct grid *grid, const struct lab_counts *counts);

/* What the run shows about this kernel, this pattern and the mitigations: one paragraph, no newline. */
void words_conclusion(FILE *out, const struct grid *grid, const struct lab_run *run);

/* "64 cells: 60 as known, 4 skipped." */
void words_counts(FILE *out, const struct lab_counts *counts);

/* "routed IPv4 TCP, veth-2016 + reset"; the NIC is named where it is not `plain`. */
void words_cell_name(FILE *out, const struct cell_key *key);

/* The verdict for a table: "verified", "DELIVERED", "blocked", "unknown", "not here". */
const char *words_verdict(const struct cell_result *result);

/*
 * The verdict with, where damage was delivered, how much of the window's messages: "DELIVERED 15-16/16"
 * over both results (b may be NULL).
 */
void words_verdict_of(FILE *out, const struct cell_result *a, const struct cell_result *b,
		      const struct lab_settings *settings);

/* Who caught it in one word: "receiver", "host", "rule", "tunnel"; "" for nobody and where unknown. */
const char *words_catcher(enum caught_by caught_by);

/* The same in a sentence: "the receiver's own TCP". */
void words_caught_by(FILE *out, const struct cell_key *key, enum caught_by caught_by);

/* What is known of the cell was not found. */
bool words_differs(const struct cell_result *result);

/* A name or term, and a sentence about it. */
typedef void (*words_fact_fn)(void *owner, const char *name, const char *text);

/* Each term that occurs in the grid, and what it means. */
void words_legend(const struct grid *grid, words_fact_fn fact, void *owner);

/* Facts of one cell in reading order, each a name ("messages") and a sentence. */
int words_evidence(const struct lab_cell *cell, words_fact_fn fact, void *owner);

/* "1.21 s", "35 ms". */
void words_duration(FILE *out, uint64_t ns);

#endif
