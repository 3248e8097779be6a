/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges datagrams that came in fragments. Their bytes are not kept: each fragment's partial sum is
 * combined with the others', since every fragment begins at a multiple of 8 (RFC 791, RFC 8200
 * 4.5).
 */
#ifndef TRUESUM_PACKET_FRAGMENT_H
#define TRUESUM_PACKET_FRAGMENT_H

#include "base/cleanup.h"
#include "packet/verdict.h"

struct fragments;

/*
 * Remembers at most `limit` datagrams that are not whole, of 16 fragments on average; the oldest
 * gives way. All memory is taken here (about 350 bytes a datagram), but used only as far as it is
 * needed. Returns 0, -EINVAL for a limit of 0 or over 16 million, -ENOMEM.
 */
int fragments_new(size_t limit, struct fragments **ret);
void fragments_free(struct fragments *fragments);
DEFINE_CLEANUP(struct fragments *, fragments, fragments_free)

/*
 * Takes a judgement, in the order of the capture. Returns 1 where it is of a fragment that
 * completes its datagram, and sets verdict, reason, stored and computed of the transport's layer in
 * *judgement (and the packet's verdict and reason by it); also 1 where it contradicts what came
 * before, unknown then for REASON_FRAGMENTS_OVERLAP. 0 where fragments are still missing, for a
 * copy, and for whatever is no fragment that could be judged. `*ret_given_up` counts up by the
 * fragments whose datagram was given up for this one.
 */
int fragments_add(struct fragments *fragments, struct packet_judgement *judgement,
		  uint64_t *ret_given_up);

/* How many fragments wait for others now. */
uint64_t fragments_waiting(const struct fragments *fragments);

#endif
