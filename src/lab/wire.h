/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire: a switch that joins the sender's port to the host's and forwards every frame. While the
 * damage window is open, it damages every data segment from the sender to the host.
 */
#ifndef TRUESUM_LAB_WIRE_H
#define TRUESUM_LAB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/damage.h"

struct loop; /* base/loop.h */

/*
 * A data segment (TCP or UDP with payload, of the cell's port) that is about to cross to the host.
 */
struct wire_segment {
	bool tcp;
	uint64_t stream_offset; /* TCP: where its first byte is in what the sender sends */
	const uint8_t *payload; /* as sent; only the first 512 bytes of a long one */
	size_t payload_len;
	bool damaged; /* damaged on the wire */
	bool unseen; /* damaged, but its checksum is still right */
	bool unchanged; /* in the window, but the pattern could not change it */
};

typedef void (*wire_segment_fn)(void *owner, const struct wire_segment *segment);

struct wire_settings {
	int sender_port, host_port; /* the caller closes them */
	uint16_t port; /* the server's */
	bool partial; /* leave sums unfinished: VIRTIO_NET_HDR_F_NEEDS_CSUM */
	struct damage_spec damage;
	wire_segment_fn on_segment;
	void *owner;
};

struct wire;

/* -errno, with a sentence. */
int wire_open(struct loop *loop, const struct wire_settings *settings, struct wire **ret_wire);
void wire_close(struct wire *wire);

/* Opens or closes the damage window. */
void wire_set_window(struct wire *wire, bool open);

#endif
