/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flows of two captures: one row for each flow, with counts for both captures. Equal packets
 * teach which flow of `before` became which flow of `after`. A zeroed struct diff_flows is empty.
 */
#ifndef TRUESUM_DIFF_FLOW_H
#define TRUESUM_DIFF_FLOW_H

#include <stdint.h>

#include "packet/verdict.h"

enum diff_side { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

#define DIFF_FLOW_NONE UINT32_MAX

struct diff_flow {
	struct packet_flow flow;
	uint32_t packets[DIFF_SIDES];
	/*
	 * DIFF_BEFORE: the flow that most packets of this flow have in `after`. DIFF_AFTER: the
	 * flow that most had in `before`.
	 */
	uint32_t best[DIFF_SIDES]; /* a row, or DIFF_FLOW_NONE */
	uint32_t best_count[DIFF_SIDES]; /* packets */
};

/* Packets that have the flow `from` in `before` and the flow `to`, maybe the same, in `after`. */
struct diff_link {
	uint32_t from, to; /* flows */
	uint32_t count;
	uint32_t first, last; /* packet numbers in `after` */
	uint32_t before; /* number in `before` of the counterpart of `first` */
	int64_t after_ns; /* time of the packet `first` */
};

/* A hash index over an array: its entries are numbers in that array + 1, and 0 if free. */
struct diff_flow_index {
	uint32_t count, room;
	uint32_t *bucket; /* 2 * room of them */
};

struct diff_flows {
	struct diff_flow *row; /* index.count of them */
	struct diff_flow_index index;
	struct diff_link *link; /* link_index.count of them */
	struct diff_flow_index link_index;
	uint32_t latest[DIFF_SIDES];
};

void diff_flows_free(struct diff_flows *flows);

/* Counts a packet of a flow on that side, in its row, which may be new. -ENOMEM, no sentence. */
int diff_flows_add(struct diff_flows *flows, enum diff_side side, const struct packet_flow *flow,
		   uint32_t *ret_row);

/* Packet `before` of flow `from` is packet `after` of flow `to`. -ENOMEM, no sentence. */
int diff_flows_learn(struct diff_flows *flows, uint32_t from, uint32_t to, uint32_t before,
		     uint32_t after, int64_t after_ns);

/* How well `from` fits to `to` by what was learned so far: 0 (others fit better) .. 3 (surely). */
unsigned int diff_flows_fit(const struct diff_flows *flows, uint32_t from, uint32_t to);

/*
 * The flow that a packet of `from` should have in `after`: the one most others have; if there are
 * none, the reverse of what packets in the other direction have; if there are none either, `from`.
 * Returns its row if it has packets in `after`, else DIFF_FLOW_NONE.
 */
uint32_t diff_flows_expected(const struct diff_flows *flows, uint32_t from,
			     struct packet_flow *ret_flow);

/*
 * The next link of a single packet that contradicts its flow: others before and after it have
 * another flow, and nothing else has this one. `at` begins at 0. NULL: no more.
 */
const struct diff_link *diff_flows_stray(const struct diff_flows *flows, uint32_t *at);

#endif
