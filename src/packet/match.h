/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Which packets to choose: a small part of pcap-filter(7)'s language.
 *
 *     match   = operand { ( "and" | "or" ) operand }      from left to right, alike
 *     operand = "not" operand | "(" match ")" | term
 *     term    = "ip" | "ip6" | "tcp" | "udp"
 *             | [ "ip" | "ip6" ] [ "src" | "dst" ] "host" ADDRESS
 *             | [ "tcp" | "udp" ] [ "src" | "dst" ] "port" NUMBER
 *
 * "!", "&&" and "||" mean "not", "and" and "or". A text that it accepts means the same to tcpdump.
 *
 * It becomes a list of tests. Each says where to go on if it holds, and where if not: to a later
 * test, or to an answer. So one walk through the list, in its order, gives the answer. Shared with
 * BPF: fixed layout.
 */
#ifndef TRUESUM_PACKET_MATCH_H
#define TRUESUM_PACKET_MATCH_H

#include <linux/types.h>

#define MATCH_TERMS 16

enum match_kind {
	MATCH_FAMILY, /* number: 4 or 6 */
	MATCH_PROTO, /* number: IPPROTO_TCP or IPPROTO_UDP */
	MATCH_HOST, /* address; number: 4 or 6 */
	MATCH_PORT, /* number: host order */
};

enum match_side { MATCH_EITHER, MATCH_SRC, MATCH_DST };

/* Where a walk ends. */
enum match_end { MATCH_YES = 0x100, MATCH_NO };

struct match_term {
	__u16 kind; /* enum match_kind */
	__u16 side; /* enum match_side */
	__u32 number;
	__u8 address[16]; /* network order; IPv4: the first 4, the rest 0 */
	__u16 then, otherwise; /* the next test's number, or enum match_end */
};

struct packet_match {
	__u32 count; /* 0: every TCP and UDP packet */
	struct match_term term[MATCH_TERMS];
};

#ifndef __bpf__
/* Parses the text; -EINVAL with a sentence (base/fail.h) if it is not in that language. */
int match_parse(const char *text, struct packet_match *ret_match);
#endif

#endif
