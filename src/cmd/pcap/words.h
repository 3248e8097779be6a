/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `truesum pcap` names numbers, times, flows and sums, in text and JSON alike. */
#ifndef TRUESUM_CMD_PCAP_WORDS_H
#define TRUESUM_CMD_PCAP_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/verdict.h"

/* Room for any of these. Functions that return text return their buffer's. */
struct words {
	char text[128];
};

/* "41,200"; with a noun "1 packet", "41,200 packets". `what` may be NULL. */
const char *pcap_number(uint64_t number, const char *what, struct words *ret);
/* "1.07 GB" */
const char *pcap_bytes(uint64_t bytes, struct words *ret);
/* RFC 3339, UTC, nanoseconds: "2026-11-23T04:49:49.123456789Z"; "no time" for INT64_MIN */
const char *pcap_time(int64_t time_ns, struct words *ret);
/* "tcp 10.9.0.1:40000 → [fd09::2]:5555"; "no IP header" */
const char *pcap_flow(const struct packet_flow *flow, struct words *ret);

struct flow_parts {
	struct words proto; /* "tcp", "icmp6", "ip-protocol-50" */
	struct words src, dst; /* "10.9.0.1", "fd09::1" */
	bool ports; /* the flow's ports mean something */
};

/* The same one by one. The flow has an IP header (its family is not 0). */
void pcap_flow_parts(const struct packet_flow *flow, struct flow_parts *ret);

struct sum_words {
	struct words stored, computed; /* "0x1234", with 8 digits if wide */
	/*
	 * computed - stored: "0x0400", "-0x0400" (one's complement); of wide sums, the bits that
	 * differ; empty if both are equal
	 */
	struct words difference;
	bool single; /* one flip would make this difference: */
	unsigned int column; /* of this bit, 0 .. 15, of a 16-bit word */
	bool up; /* from 0 to 1 */
};

void pcap_sums(uint32_t stored, uint32_t computed, bool wide, struct sum_words *ret);

#endif
