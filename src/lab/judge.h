/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict on a cell: what is expected of it, from real kernels and from the kernel's code, and what its
 * evidence proves.
 */
#ifndef TRUESUM_LAB_JUDGE_H
#define TRUESUM_LAB_JUDGE_H

#include <stdbool.h>

#include "base/vocabulary.h"

struct cell_key; /* lab/run.h */
struct cell_result;
struct lab_settings;

struct expectation {
	enum verdict verdict;
	enum caught_by caught_by;
};

/* What is expected of a cell. `unseen`: the damage leaves the checksum right, so no kernel can notice it. */
struct expectation judge_expect(const struct cell_key *key, bool unseen);

/*
 * Counts the messages of a result whose evidence is complete (fates, bytes_wrong, counters, what the wire did) and
 * sets verdict, caught_by and whether they are as expected. If `reason` already says why evidence is missing,
 * the verdict that came with it stays. `late`: the machine was so busy that a message which did not arrive in time
 * proves nothing.
 */
void judge_cell(const struct cell_key *key, const struct lab_settings *settings, bool late,
		struct cell_result *result);

#endif
