/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire: the switch that joins the sender's port to the host's, forwards every frame, and while
 * the damage window is open damages every data segment on its way from the sender to the host.
 */
#ifndef TRUESUM_LAB_WIRE_H
#define TRUESUM_LAB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "packet/damage.h"

/* A data segment (TCP or UDP with payload, of the cell's port) about to cross towards the host. */
struct wire_segment {
	bool tcp;
	uint64_t stream_offset; /* TCP: place of its first byte in what the sender sends */
	const uint8_t *payload; /* as sent: not yet damaged */
	size_t payload_len;
	bool damaged; /* is going to be */
};

typedef void (*wire_segment_fn)(void *owner, const struct wire_segment *segment);

struct wire_counts {
	uint32_t damaged; /* segments */
	uint32_t unseen; /* of them, those whose sum is unchanged by the damage */
	uint32_t unchanged; /* segments in the window that the pattern could not change */
};

struct wire_settings {
	int sender_port, host_port; /* stay the caller's */
	uint16_t port; /* the server's */
	bool partial; /* hand sums over unfinished: VIRTIO_NET_HDR_F_NEEDS_CSUM */
	struct damage_spec damage;
	wire_segment_fn on_segment;
	void *owner;
};

struct wire;

int wire_open(struct loop *loop, const struct wire_settings *settings, struct wire **ret_wire);
void wire_close(struct wire *wire);
void wire_set_window(struct wire *wire, bool open);
struct wire_counts wire_counts(const struct wire *wire);

#endif
