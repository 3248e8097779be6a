/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two peers of a cell: a socket in the sender's namespace, and in the receiver's namespace a
 * socket or the real netcat. Data flow from sender to receiver; either of them connects.
 */
#ifndef TRUESUM_LAB_PEERS_H
#define TRUESUM_LAB_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/run.h"

struct peers_settings {
	int sender_netns, receiver_netns;
	const char *dial; /* the address that the connecting side connects to */
	int family;
	enum proto proto;
	bool receiver_dials; /* the receiver connects, not the sender */
	bool netcat; /* the receiver is nc; TCP only */
	uint16_t port;
	/* These functions must not close the peers. */
	void (*on_ready)(void *owner); /* once: the sender can send */
	void (*on_data)(void *owner, const uint8_t *bytes, size_t len); /* UDP: one datagram */
	void (*on_failure)(void *owner,
			   bool blocked); /* fail_text() says why; `blocked`: the network
						          refused or lost the connection */
	void *owner;
};

struct peers;

/* `dial` must live until on_ready. -errno, with a sentence; nothing is left then. */
int peers_open(struct loop *loop, const struct peers_settings *settings, struct peers **ret_peers);
void peers_close(struct peers *peers);

/* Sends one whole message. -errno, with a sentence. */
int peers_send(struct peers *peers, const char *text, size_t len);

#endif
