/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a packet's sums, seen for telling rewritten headers from damage. */
#ifndef TRUESUM_PCAP_WRONG_H
#define TRUESUM_PCAP_WRONG_H

#include "packet/verdict.h"

/* A packet's wrong sums. Changes are now - before of what was summed, modulo 65535. */
struct wrong {
	bool header; /* that of the IPv4 header */
	bool transport; /* that of TCP, UDP, UDP-Lite or ICMPv6 in it */
	bool other; /* any other */
	bool syn;
	uint16_t header_change, header_computed;
	uint16_t change, computed;
	uint16_t seed_change; /* if the sum is unfinished: what changed in the pseudo-header */
};

/* What is wrong with a packet whose verdict is SUM_BAD. */
struct wrong wrong_of(const struct packet_judgement *judgement);

/*
 * The sum of TCP, UDP, UDP-Lite or ICMPv6 in the innermost IP packet, and that of its IPv4 header;
 * NULL: there is none.
 */
const struct packet_layer *wrong_transport(const struct packet_judgement *judgement);
const struct packet_layer *wrong_header(const struct packet_judgement *judgement);

/* Whether `now` is what this rewriting made of `before`: other addresses or ports. */
bool wrong_is_change(const struct packet_flow *before, const struct packet_flow *now,
		     const struct wrong *wrong);

#endif
