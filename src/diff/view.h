/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The view of a packet: the part that a hop leaves alone, by which two captures are compared. */
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
	uint32_t flow; /* its row in struct diff_flows */
	union {
		uint32_t match; /* of a packet of `before`: its counterpart's number + 1; 0: none */
		uint32_t number; /* of a packet of `after`: which one it is, from 0 */
	};
	uint16_t link;
	bool ip_bad, sum_bad; /* the checksum of the IP header, of what it carries */
	bool done; /* accounted for, though no packet equals it */
};

/* What is known of a transport protocol's header. */
struct diff_protocol {
	uint8_t proto; /* IPPROTO_... */
	uint8_t header; /* its least length in bytes */
	uint8_t sum_at, sum_len; /* where its checksum field is; 2 or 4 bytes */
	bool ports; /* it begins with two ports, which NAT rewrites */
	bool pseudo; /* its checksum covers the IP addresses */
};

/* One checksum field, host order. */
struct diff_sum {
	uint8_t verdict; /* enum sum_verdict; SUM_UNKNOWN: there is none */
	bool wide;
	uint32_t stored;
	uint32_t computed; /* what it should hold by the packet's bytes; 0: not known */
};

/* Offsets count from the first captured byte, never beyond the last. Numbers: host order. */
struct diff_view {
	const uint8_t *data;
	uint32_t captured, len;
	uint32_t network; /* innermost IP header; without IP: the end of the link header */
	uint32_t transport; /* first byte that is compared */
	uint32_t payload, end; /* first byte after the transport header, after the packet */
	uint32_t payload_len; /* captured bytes of the payload */
	uint32_t payload_full; /* length of the payload by the headers */
	uint32_t full; /* bytes from `transport` on by the headers */
	uint32_t start; /* of a fragment: which byte of its datagram is at `transport` */
	uint32_t id; /* IPv4 identification, or a fragment's; 0: none */
	uint32_t seq, ack;
	uint8_t tcp_flags;
	bool fragment;
	bool bad; /* one of the packet's checksums is wrong */
	struct packet_flow flow;
	struct diff_sum ip, sum; /* of the IPv4 header, of the transport header */
	const struct diff_protocol *protocol; /* of the header at `transport`; NULL: not known */
	bool parsed; /* the transport header was read, if its protocol is known */
	uint16_t masked; /* one's complement sum of the masked bytes, without the checksum field */
	/* The first bytes from `transport` on; those that a hop may write are 0. */
	uint32_t head_len;
	uint64_t mask[(DIFF_VIEW_HEAD + 63) / 64]; /* a bit for each of these */
	uint8_t head[DIFF_VIEW_HEAD];
};

/* Makes the view of a packet whose data is there. `judgement`: NULL if it is not judged yet. */
void diff_view_of(const struct diff_packet *packet, const struct packet_judgement *judgement,
		  struct diff_view *ret_view);

/*
 * Makes the view of a packet whose own lengths or types are damaged: from the IP header on, its
 * headers are taken to be where those of `model` are. False: it has too few bytes, or too many.
 */
bool diff_view_like(const struct diff_view *model, const struct diff_view *view,
		    struct diff_view *ret_view);

/* Masks in both views what is masked in either. */
void diff_view_mask_both(struct diff_view *one, struct diff_view *other);

/* A hash of all bytes that are compared: equal if no bit changed. */
uint64_t diff_view_hash(const struct diff_view *view);

/* A hash of len bytes, continued from `seed`; the same in every run. */
uint64_t diff_hash(uint64_t seed, const void *data, size_t len);

#endif
