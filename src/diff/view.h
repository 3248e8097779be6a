/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a packet two captures can be compared by: the part of it that a hop leaves alone. */
#ifndef TRUESUM_DIFF_VIEW_H
#define TRUESUM_DIFF_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/verdict.h"

#define DIFF_VIEW_HEAD 160

/* A packet as it was captured. */
struct diff_packet {
	const uint8_t *data; /* NULL: not kept */
	int64_t time_ns;
	uint32_t captured, len;
	uint32_t flow; /* its number (diff_flow.h) */
	union {
		uint32_t match; /* of a packet before: number + 1 of its counterpart, 0: none */
		uint32_t number; /* of a packet after: which one, from 0 */
	};
	uint16_t link;
	bool ip_bad, sum_bad; /* the checksum of the IP header, of what it carries */
	bool done; /* accounted for, though no packet is its equal */
};

/* One checksum field. */
struct diff_sum {
	uint8_t verdict; /* enum sum_verdict; SUM_UNKNOWN: there is none to go by */
	bool wide;
	uint32_t stored;
	uint32_t
		computed; /* what it should hold by the packet's bytes; 0 where that is not known */
};

/* Offsets from the first captured byte, never beyond the last. */
struct diff_view {
	const uint8_t *data;
	uint32_t captured, len;
	uint32_t network; /* innermost IP header; without IP: behind the link header */
	uint32_t transport; /* where comparing begins */
	uint32_t payload, end; /* behind the transport header, behind the packet */
	uint32_t full; /* bytes from `transport` on by the headers */
	uint32_t start; /* of a fragment: which byte of its datagram is at `transport` */
	uint32_t id; /* IPv4 identification or a fragment's; 0: none */
	uint32_t seq, ack;
	uint8_t tcp_flags;
	bool fragment;
	bool bad; /* a checksum of the packet is */
	struct packet_flow flow;
	struct diff_sum ip, sum; /* of the IPv4 header, of the transport's */
	bool parsed; /* its transport header was read, if it is of a known kind */
	uint16_t masked; /* one's complement sum of what is masked below, without the checksum */
	/* The first bytes from `transport` on, with 0 where a hop may write. */
	uint32_t head_len;
	uint64_t mask[(DIFF_VIEW_HEAD + 63) / 64]; /* a bit for each byte that is 0 for this */
	uint8_t head[DIFF_VIEW_HEAD];
};

/* Judges the packet, whose data is there. */
void diff_view_of(const struct diff_packet *packet, struct diff_view *ret_view);

/*
 * Reads `view`'s bytes as if they lay as those of `model` do, from the IP header on: for a packet whose
 * own lengths or types are damaged. False where it has too few bytes or too many.
 */
bool diff_view_like(const struct diff_view *model, const struct diff_view *view,
		    struct diff_view *ret_view);

/* Whether that byte of the head is masked. */
bool diff_view_is_masked(const struct diff_view *view, uint32_t at);

/* Masks in both views what is masked in either. */
void diff_view_mask_both(struct diff_view *one, struct diff_view *other);

/* A hash of all that is compared: equal for packets no bit of which changed. */
uint64_t diff_view_hash(const struct diff_view *view);

/* A hash of len bytes, continued from `seed`. */
uint64_t diff_hash(uint64_t seed, const void *data, size_t len);

/* The payload's length by the headers, and how much of it was captured. */
uint32_t diff_view_payload_full(const struct diff_view *view);
uint32_t diff_view_payload_len(const struct diff_view *view);

/* Whether the sum of this view's transport covers the IP addresses, and whether it has ports. */
bool diff_view_has_pseudo(const struct diff_view *view);
bool diff_view_has_ports(const struct diff_view *view);

/* Where the transport's checksum field is, from `transport` on, and how long; 0: not known. */
uint32_t diff_view_sum_at(const struct diff_view *view, uint32_t *ret_len);

#endif
