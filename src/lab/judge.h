/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdict on a cell, from its evidence alone; and whether it is what is expected. What to
 * expect follows from the cell's key: it was found on real kernels (tests/data/oracle.tsv) and in
 * the kernel's code.
 */
#ifndef TRUESUM_LAB_JUDGE_H
#define TRUESUM_LAB_JUDGE_H

#include <stdbool.h>

struct cell_key; /* lab/run.h */
struct cell_result;
struct lab_settings;

/*
 * Counts the messages of a result whose evidence is complete (fates, bytes_wrong, counters, what
 * the wire did) and sets verdict, caught_by and whether they are as expected. If `reason` already
 * says why evidence is missing, the verdict that came with it stays, and is compared with what is
 * expected. `late`: the machine was so busy that a message which did not arrive in time proves
 * nothing.
 */
void judge_cell(const struct cell_key *key, const struct lab_settings *settings, bool late,
		struct cell_result *result);

#endif
