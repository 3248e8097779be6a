/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client and the server of one cell: sockets in the sender's and the receiver's namespace, or the
 * real netcat as the receiver. Data flow from sender to receiver, whoever connects.
 */
#ifndef TRUESUM_LAB_PEER_H
#define TRUESUM_LAB_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "lab/cell.h"

struct peers_settings {
	int sender_netns, receiver_netns;
	const char *dial; /* the address the connecting side connects to */
	int family;
	enum proto proto;
	bool receiver_dials;
	bool netcat; /* the receiver is nc; TCP only */
	uint16_t port;
	void (*on_ready)(void *owner); /* once: the sender may send */
	void (*on_data)(void *owner, const uint8_t *bytes, size_t len); /* UDP: one datagram */
	/* fail_text() says why; `blocked`: the network refused or lost the connection */
	void (*on_failure)(void *owner, bool blocked);
	void *owner; /* must not close the peers from within these callbacks */
};

struct peers;

/* On failure nothing is left. What `settings` points to must live until on_ready. */
int peers_open(struct loop *loop, const struct peers_settings *settings, struct peers **ret_peers);
void peers_close(struct peers *peers);

/* Writes one message whole. */
int peers_send(struct peers *peers, const char *text, size_t len);

#endif
