/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known to happen in a cell, from real kernels and from the kernel's code. */
#ifndef TRUESUM_LAB_EXPECT_H
#define TRUESUM_LAB_EXPECT_H

#include <stdbool.h>

#include "lab/cell.h"

struct expectation {
	enum verdict verdict;
	enum caught_by by;
};

/* `unseen`: the damage that was done leaves the checksum right, so nothing below can see it. */
struct expectation expect(const struct cell_key *key, bool unseen);

#endif
