/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds what packets without an equal were before they were damaged. */
#ifndef TRUESUM_DIFF_NEAR_H
#define TRUESUM_DIFF_NEAR_H

#include "diff/work.h"

/* Pairs the packets that are not done; marks them done and adds them to the result. -ENOMEM. */
int diff_near(struct diff_work *work);

#endif
