/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the Internet checksum (TCP, UDP, ICMP, IPv4 headers) can see. It is a sum modulo 65535:
 * damage is invisible exactly if the changes it makes to the 16-bit words add up to a multiple of
 * 65535 (Stone, Partridge: "When the CRC and TCP checksum disagree", 2000).
 *
 * To tell people how much of a kind of damage passes, collect what was found and ask at the end:
 *
 *	struct detect_damage damage = { 0 };
 *
 *	for each damaged packet:
 *		detect_add(&damage, offset, got, want, len);
 *	share = detect_missed_share(&damage);
 *
 * `truesum recv` has got and want of every damaged message: damage.missed counts those that no
 * checksum can see, all others were delivered although a checksum would have stopped them. `truesum
 * pcap` has got and want of every damaged packet with an undamaged copy: the checksum saw all of
 * them, and detect_missed_share() says how much of such damage it lets through.
 */
#ifndef TRUESUM_SUM_DETECT_H
#define TRUESUM_SUM_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETECT_COLUMNS 16 /* bits of a big-endian 16-bit word, 0 the least significant */
#define DETECT_BITS 64

/* Damage of one kind, as it was found. Starts as zeros. */
struct detect_damage {
	uint64_t flips[DETECT_COLUMNS][2]; /* [1]: from 0 to 1 */
	/* by how many bits changed; the last counts that many or more */
	uint64_t packets[DETECT_BITS + 1];
	uint64_t missed; /* packets whose damage leaves their checksum right */
};

/*
 * Adds one damaged packet: its `len` bytes at `got` were sent as `want`. `offset` counts from where
 * the checksum's words begin; only whether it is odd matters (the payload of TCP and UDP begins at
 * an even one). Returns whether a checksum sees the damage. If all bytes are equal, counts nothing
 * and returns false.
 */
bool detect_add(struct detect_damage *damage, size_t offset, const uint8_t *got,
		const uint8_t *want, size_t len);

/*
 * The share (0 .. 1) of packets with damage of this kind that a checksum lets through: if packets
 * have as many flips as those that were added, and each flip falls on a column and goes in a
 * direction as often as theirs, independent of the packet's other flips. Exactly 0 if a checksum
 * sees all such damage (one flip a packet; a stuck data line). Examples: 1/32 for two flips
 * anywhere, 1/65535 for many. Damage that preserves the sum by design (swapped words) is in
 * `missed` only. 0 if nothing was added.
 *
 * Costs below a million instructions for up to six flips a packet, about 17 million (some ms) if
 * some packets have more and these fall on many columns.
 */
double detect_missed_share(const struct detect_damage *damage);

/*
 * Which single flip would explain that the stored and the computed sum differ by `difference`
 * (computed - stored, one's complement): column 0 .. 15 and its direction. False if no single flip
 * does.
 */
bool detect_single(uint16_t difference, unsigned int *ret_column, bool *ret_up);

#endif
