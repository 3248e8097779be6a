/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges the packets that have no equal in the other capture: changed, cut differently, lost or
 * new.
 */
#ifndef TRUESUM_DIFF_LEFT_H
#define TRUESUM_DIFF_LEFT_H

#include <stddef.h>
#include <stdint.h>

#include "diff/flow.h"
#include "diff/view.h"

struct diff;

struct diff_list {
	struct diff_packet *packet;
	size_t count, room;
};

/* A packet of `before` without an equal in `after`. */
struct diff_left {
	uint32_t packet; /* in `before` */
	/* of the matched packets around it: number of the counterpart + 1; 0: none */
	uint32_t previous, next;
};

/*
 * A packet of `after` that equals one of `before`, but has a bad checksum now: numbers in both
 * lists.
 */
struct diff_suspect {
	uint32_t before, after;
};

/* A comparison that is under way. */
struct diff_work {
	struct diff *diff; /* the result */
	struct diff_flows flows;
	struct diff_list before; /* all packets */
	struct diff_list after; /* packets without an equal in `before`, and the suspects */
	struct diff_left *left;
	struct diff_suspect *suspects;
	size_t left_count, suspect_count;
};

/*
 * Completes the result when all equal packets are counted: judges suspects and strays, then what
 * is left, and counts the rest as lost and new. -ENOMEM, with a sentence or without.
 */
int diff_left_judge(struct diff_work *work);

#endif
