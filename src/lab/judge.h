/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a cell saw to its verdict. */
#ifndef TRUESUM_LAB_JUDGE_H
#define TRUESUM_LAB_JUDGE_H

#include <stdbool.h>

#include "lab/cell.h"

/*
 * Counts the messages of a result whose evidence is complete (fates, bytes_wrong, what the switch did,
 * counters), and derives verdict, who caught the damage, and whether that is as known. Where `reason`
 * says already why there is no evidence, the verdict given with it stands. `late`: the machine was too
 * busy for what did not happen in time to prove anything.
 */
void judge(const struct cell_key *key, const struct lab_settings *settings, bool late,
	   struct cell_result *result);

#endif
