/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flows of two captures, and which flow before became which after: learned from packets that were
 * matched byte for byte.
 */
#ifndef TRUESUM_DIFF_FLOW_H
#define TRUESUM_DIFF_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/verdict.h"

enum diff_side { DIFF_BEFORE, DIFF_AFTER, DIFF_SIDES };

#define DIFF_FLOW_NONE UINT32_MAX

struct diff_flows;

/* Packets of one flow before that came as another (or the same) after. */
struct diff_link {
	uint32_t from, to; /* flows */
	uint32_t count;
	uint32_t first, last; /* packets after */
	uint32_t before; /* the first one's packet before */
	int64_t after_ns; /* of the first */
};

int diff_flows_new(struct diff_flows **ret_flows);
void diff_flows_free(struct diff_flows *flows);

/* The flow's number on that side; counts a packet of it. -ENOMEM. */
int diff_flows_number(struct diff_flows *flows, enum diff_side side, const struct packet_flow *flow,
		      uint32_t *ret_number);
const struct packet_flow *diff_flows_get(const struct diff_flows *flows, enum diff_side side,
					 uint32_t number);

/* The packet `before` of flow `from` came as packet `after` of flow `to`. -ENOMEM. */
int diff_flows_learn(struct diff_flows *flows, uint32_t from, uint32_t to, uint32_t before,
		     uint32_t after, int64_t after_ns);

/* How well `from` fits to `to` by what was learned so far: 0 (there are better) .. 3 (surely). */
unsigned int diff_flows_fit(const struct diff_flows *flows, uint32_t from, uint32_t to);

/*
 * As what flow packets of `from` come: what most of them did, the answers' flow turned around, or as
 * they are. True if it was learned.
 */
bool diff_flows_expected(const struct diff_flows *flows, uint32_t from,
			 struct packet_flow *ret_flow);

/* The number after of the flow that `from` is expected to come as; DIFF_FLOW_NONE: it never came. */
uint32_t diff_flows_become(const struct diff_flows *flows, uint32_t from);

/*
 * Links of a single packet that its flow contradicts: others before and after it came as another
 * flow, nothing else came as this one. `at` begins at 0. NULL: no more.
 */
const struct diff_link *diff_flows_stray(const struct diff_flows *flows, uint32_t *at);

/* Same addresses and ports; a hash of them. */
bool diff_flow_equal(const struct packet_flow *a, const struct packet_flow *b);
uint64_t diff_flow_hash(const struct packet_flow *flow);

/* How many bits of addresses and ports differ; UINT32_MAX where family or protocol do. */
uint32_t diff_flow_bits(const struct packet_flow *a, const struct packet_flow *b);

#endif
