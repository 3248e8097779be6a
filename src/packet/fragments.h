/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges datagrams that arrive in fragments. Their bytes are not kept: the partial sums of the
 * fragments are combined, which is simple as every fragment begins at a multiple of 8 (RFC 791, RFC
 * 8200 section 4.5).
 */
#ifndef TRUESUM_PACKET_FRAGMENT_H
#define TRUESUM_PACKET_FRAGMENT_H

#include "base/cleanup.h"
#include "packet/verdict.h"

struct fragments;

/*
 * Remembers at most `limit` incomplete datagrams, of 16 fragments on average; then the oldest is
 * dropped. All memory (about 350 bytes a datagram) is reserved here, but used only as far as
 * needed. Returns 0, -EINVAL for a limit of 0 or over 16 million, -ENOMEM.
 */
int fragments_new(size_t limit, struct fragments **ret);
void fragments_free(struct fragments *fragments);
DEFINE_CLEANUP(struct fragments *, fragments, fragments_free)

/*
 * Takes a packet's judgement, in the order of the capture. Returns 1 if it is a fragment that
 *  - completes its datagram: sets verdict, reason, stored and computed of the transport's layer in
 *    *judgement, and the packet's verdict and reason;
 *  - or contradicts earlier ones: it stays unknown, for REASON_FRAGMENTS_OVERLAP.
 * Returns 0 if fragments are still missing, for a copy, and for a packet that is no fragment or
 * cannot be judged. Adds to *ret_given_up the number of fragments whose datagram was given up for
 * this one.
 */
int fragments_add(struct fragments *fragments, struct packet_judgement *judgement,
		  uint64_t *ret_given_up);

/* How many fragments wait for others. */
uint64_t fragments_waiting(const struct fragments *fragments);

#endif
