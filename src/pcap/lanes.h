/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether one bad data line of a memory could have changed packets' sums by a constant: the fault
 * of 2015 over payload that is the same in every packet. Such a line leaves the same bit in every
 * byte that passed over it, so one byte with the other bit proves that it was not this line.
 */
#ifndef TRUESUM_PCAP_LANES_H
#define TRUESUM_PCAP_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 64 /* bytes of the widest memory; narrower ones have some of them together */

/*
 * The bits that some of the bytes at an offset modulo LANES have, and that some lack. All 0 first.
 */
struct lanes {
	uint8_t have[LANES], lack[LANES];
	uint32_t shortest; /* bytes in the shortest packet; 0: there is none yet */
};

/*
 * Adds the bytes of a packet that its sum covers: `len` bytes at `offset` in the packet. `whole`:
 * all that it covers, in bytes; 0 if more of them follow.
 */
void lanes_add(struct lanes *lanes, const uint8_t *bytes, size_t offset, size_t len, size_t whole);

/*
 * Whether a line of a memory up to `width` bytes wide (a power of two, at most LANES) explains that
 * the sum of every packet changed by `change` (now - before, in one's complement). `odd`: the sum's
 * 16-bit words begin at odd offsets.
 */
bool lanes_explain(const struct lanes *lanes, uint16_t change, bool odd, unsigned int width);

/* Whether the change is one bit of one byte: plus or minus a power of two. */
bool lanes_one_bit(uint16_t change);

#endif
