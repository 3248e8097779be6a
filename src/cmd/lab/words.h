/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run in plain words, the same on the terminal and on the page. Every sentence follows from the
 * cells that were run. No function ends its text with a newline.
 */
#ifndef TRUESUM_CMD_LAB_WORDS_H
#define TRUESUM_CMD_LAB_WORDS_H

#include <stdio.h>

#include "lab/grid.h"

/* What there is to say about a whole run. */
enum words_about {
	WORDS_HEADLINE, /* its verdict: a sentence or two */
	WORDS_CONCLUSION, /* what it shows about this kernel and the mitigations: a paragraph */
	WORDS_COUNTS, /* "64 cells: 60 as expected, 0 differing, 4 skipped." */
};

/* Writes what is asked for; it holds the kernel's name as it is, so escape it. */
void words_run(FILE *out, enum words_about about, const struct grid *grid,
	       const struct lab_run *run);

/* "routed IPv4 TCP, veth-2016 + reset"; names the NIC unless it is `plain`. */
void words_cell_name(FILE *out, const struct cell_key *key);

/*
 * The verdict for a table: "verified", "DELIVERED", "blocked", "unknown", "not here". With
 * `settings`, DELIVERED says how many of the window's messages, over both results: "DELIVERED
 * 15-16/16". b may be NULL.
 */
void words_verdict(FILE *out, const struct cell_result *a, const struct cell_result *b,
		   const struct lab_settings *settings);

/* Who caught the damage: "the container's own TCP". */
void words_caught_by(FILE *out, const struct cell_key *key, enum caught_by caught_by);

/* Takes a name or term, and a sentence about it. */
typedef void (*words_fact_fn)(void *owner, const char *name, const char *text);

/* Explains each term that occurs in the grid. */
void words_legend(const struct grid *grid, words_fact_fn fact, void *owner);

/*
 * The evidence of one cell, in reading order. `reason` may quote names from outside. -ENOMEM, with
 * a sentence.
 */
int words_evidence(const struct lab_cell *cell, words_fact_fn fact, void *owner);

/* "1.21 s", "35 ms". */
void words_duration(FILE *out, uint64_t ns);

#endif
