/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the steps of a comparison hand on: packets that are not accounted for yet, and the result. */
#ifndef TRUESUM_DIFF_WORK_H
#define TRUESUM_DIFF_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "diff/diff.h"
#include "diff/flow.h"
#include "diff/pair.h"
#include "diff/view.h"

struct diff_list {
	struct diff_packet *packet;
	size_t count, room;
};

/* A packet before without an equal after. */
struct diff_left {
	uint32_t packet; /* in `before` */
	uint32_t previous, next; /* counterpart + 1 of the matched packets around it; 0: none */
};

struct diff_work {
	struct diff *diff;
	struct diff_flows *flows;
	struct diff_list before; /* all */
	struct diff_list after; /* those without an equal before, and those in `suspect` */
	struct diff_left *left;
	size_t left_count;
	size_t change_room;
};

void diff_work_cleanup(struct diff_work *work);

/* Adds a packet to a list. -ENOMEM. */
int diff_list_add(struct diff_list *list, const struct diff_packet *packet);

/* Fills `left` from what is matched in `before`. -ENOMEM. */
int diff_work_leave(struct diff_work *work);

/* Adds a change and counts it. -ENOMEM. */
int diff_work_change(struct diff_work *work, const struct diff_change *change);

/* Adds what was found in a pair, whose packets are these; its flips go into the shape. -ENOMEM. */
int diff_work_pair(struct diff_work *work, struct diff_pair *pair, uint32_t before,
		   const struct diff_packet *after);

/* Counts a packet after as unchanged. */
void diff_work_same(struct diff_work *work, const struct packet_flow *before,
		    const struct packet_flow *after);

/* Turns equal packets that came as another flow than all others of theirs into changes. -ENOMEM. */
int diff_work_strays(struct diff_work *work);

/* The changes by the packets after; those over DIFF_CHANGES_MAX fall away. */
void diff_work_sort(struct diff_work *work);

#endif
