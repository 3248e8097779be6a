/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One check of a probe, as an exchange between two ends that truesum both plays: a socket in the
 * target's namespace, which connects out, and the peer outside of the gate. The peer answers with
 * the check's messages, some of them damaged on purpose. What the socket reads is the evidence.
 *
 * Others may send to both ends and write any address into their packets. Only what carries the
 * exchange's secret or its sequence numbers (bpf/token.h) counts; the rest is ignored. The peer
 * sends nothing until the target has shown that it knows them, and then only back the way that
 * this first packet came.
 */
#ifndef TRUESUM_PROBE_PEER_H
#define TRUESUM_PROBE_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/token.h"
#include "probe/payload.h"

struct gate;
struct gate_packet;
struct peer;

/* What the socket read of a message. */
enum arrival {
	ARRIVED_NOTHING,
	ARRIVED_INTACT,
	ARRIVED_DAMAGED, /* exactly as the peer damaged it */
	ARRIVED_OTHER, /* something else */
};

struct peer_evidence {
	int error; /* errno of connect() or of the connection; 0 */
	bool met; /* a packet from the target reached the peer */
	enum arrival arrived[CHECK_MESSAGES_MAX];
	bool has_damaged; /* checksums notice the damage of some message, and yet it was read */
	uint8_t sent[PAYLOAD_LEN], read[PAYLOAD_LEN]; /* the first of these, intact and as read */
	uint32_t tx_good, tx_bad, tx_unfinished; /* frames from the target, by their checksums */
	bool merged; /* GRO merged messages */
	bool outer_sum; /* the messages went in tunnel packets that have a checksum of their own */
	uint32_t lost; /* datagrams that the socket had no room for */
};

/* What to exchange, and with whom. */
struct peer_plan {
	int netns_fd; /* the target's; -1: this namespace */
	unsigned int forwards; /* how many namespaces forward its packets on the way to the gate */
	const struct check *check;
	int family;
	uint16_t port; /* the peer's */
	struct token token;
};

/*
 * Starts an exchange: opens a socket at the target and connects it to the peer's port. The caller
 * polls *ret_fd (-1: no socket) for EPOLLIN; it stays the peer's. All packets have the hop limit
 * that just reaches the other end, so that one that goes astray does not get far. A failure of
 * connect() is no error here, but part of the evidence.
 */
int peer_start(const struct gate *gate, const struct peer_plan *plan, struct peer **ret_peer,
	       int *ret_fd);

/*
 * Handles a packet that came out of the gate to the peer's port. Returns whether it is of this
 * exchange.
 */
bool peer_take_packet(struct peer *peer, const struct gate_packet *packet);

/* Reads what the target's socket has received. */
void peer_read_socket(struct peer *peer);

/*
 * Sends again what may have been lost, and gives up in the end. Call it every few ms. Returns
 * whether it is over.
 */
bool peer_tick(struct peer *peer, uint64_t now_ns);

/*
 * Closes the socket and frees the peer (NULL: does nothing); writes what was found to `ret`, unless
 * that is NULL.
 */
void peer_end(struct peer *peer, struct peer_evidence *ret);

#endif
