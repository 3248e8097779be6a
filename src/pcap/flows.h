/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flows that have damaged packets. A flow has one direction: damage does, too. */
#ifndef TRUESUM_PCAP_FLOWS_H
#define TRUESUM_PCAP_FLOWS_H

#include "base/cleanup.h"
#include "packet/verdict.h"

struct flow_row {
	struct packet_flow flow;
	/*
	 * Set by the scan: the changes of most damaged packets (struct wrong), and by how many
	 * packets they lead; whether a SYN or an IPv4 header is wrong by more than one bit.
	 */
	uint16_t change, seed_change, change_lead, seed_lead;
	bool syn, header;
	uint32_t damaged; /* packets */
	uint32_t rewritten; /* packets that do not count as damaged, see diagnosis_decide() */
	uint32_t from; /* set by comparing: its remembered packets begin there, see diff/copies.c */
	uint64_t packets; /* all of the flow, counted when comparing */
	int64_t first_ns, last_ns; /* of the damaged ones; INT64_MIN: without a time */
};

struct flows;

/* At most `limit` rows. */
int flows_new(size_t limit, struct flows **ret_flows);
void flows_free(struct flows *flows);
DEFINE_CLEANUP(struct flows *, flows, flows_free)

size_t flows_count(const struct flows *flows);
/* Row 0 .. flows_count() - 1; valid until the next flows_add_damaged(). */
struct flow_row *flows_row(const struct flows *flows, size_t row);

/* The row of this flow; NULL: it has none. */
struct flow_row *flows_find(const struct flows *flows, const struct packet_flow *flow);

/* The flow's row, made if there is none yet. -ENOSPC, -ENOMEM as below. */
int flows_add(struct flows *flows, const struct packet_flow *flow, size_t *ret_row);

/*
 * Counts a damaged packet (time_ns INT64_MIN: without a time) in its flow's row, which is made if
 * there is none yet. -ENOSPC: no room for another row; -ENOMEM.
 */
int flows_add_damaged(struct flows *flows, const struct packet_flow *flow, int64_t time_ns,
		      size_t *ret_row);

/*
 * The worst first: most damaged packets, then the highest rate. Row numbers, `count` of them at
 * most. Rows without damaged packets are left out.
 */
size_t flows_worst(const struct flows *flows, size_t count, uint32_t *ret_rows);

#endif
