/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One check of a probe: a conversation between a socket in the target's namespace, which connects out, and
 * the peer behind the gate, which truesum plays too. The peer answers in letters, some of them damaged on
 * purpose; what the socket reads of each is the evidence.
 */
#ifndef TRUESUM_PROBE_PEER_H
#define TRUESUM_PROBE_PEER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/gate.h"
#include "probe/payload.h"

/* What the socket read of a letter. */
enum arrival {
	ARRIVED_NOTHING,
	ARRIVED_INTACT,
	ARRIVED_DAMAGED, /* exactly as the peer damaged it */
	ARRIVED_OTHER, /* something else */
};

struct talk;

/* Where the target is. */
struct talk_place {
	int netns_fd; /* -1: this namespace */
	unsigned int forwards; /* namespaces on its way to the gate that forward */
};

/*
 * Begins: a socket at the place connects to the peer at `port`, which must be this talk's alone. What it
 * sends lives for two hops more than it needs, so that nothing gets far, should it go astray. A failure of
 * connect() is no error but a result (talk_errno()).
 */
int talk_new(const struct gate *gate, const struct talk_place *place, const struct check *check,
	     int family, uint16_t port, struct talk **ret_talk);
void talk_free(struct talk *talk);

int talk_fd(const struct talk *talk); /* to be polled for EPOLLIN, and while not greeted EPOLLOUT */
uint16_t talk_port(const struct talk *talk);
const struct check *talk_check(const struct talk *talk);
int talk_family(const struct talk *talk);

/* What came out of the gate from the target to the peer's port. */
void talk_frame(struct talk *talk, const struct gate_packet *packet);

/* The socket is readable or writable. */
void talk_socket(struct talk *talk);

/* Time passed: sends again what may have been lost; ends what takes too long. Call every few ms. */
void talk_tick(struct talk *talk, uint64_t now_ns);

bool talk_done(const struct talk *talk);

/* Evidence, when it is done. */
struct talk_evidence {
	int error; /* errno of connect() or of the connection; 0 */
	bool met; /* the peer heard of the target */
	bool greeted; /* TCP: the handshake came to its end */
	enum arrival arrived[LETTERS_MAX];
	uint8_t sent[LETTER_LEN],
		read[LETTER_LEN]; /* the first letter that arrived damaged, and what was meant */
	uint8_t damaged_letter; /* its number */
	bool has_damaged;
	uint32_t tx_good, tx_bad, tx_unfinished; /* sums of the frames from the target */
	uint32_t tx_stored, tx_computed; /* of the first wrong one */
	bool merged; /* GRO merged letters */
	bool outer_sum; /* the letters came in tunnel packets with a checksum of their own */
	struct sockaddr_storage local; /* the socket's own address */
};
void talk_evidence(const struct talk *talk, struct talk_evidence *ret);

#endif
