// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets as they are on the wire, with the verdict on each of their sums, for every processor that
 * this is built for. Prints TAP. Needs no library, so that it runs under an emulator.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/fragments.h"
#include "packet/verdict.h"

#define BYTES_MAX 1024
#define LAYERS_MAX 8

struct sum {
	uint8_t kind, verdict; /* kind LAYER_KINDS ends the list */
	uint32_t stored, computed;
};

static const struct row {
	const char *name, *hex;
	uint32_t link;
	enum sum_verdict verdict;
	struct sum sums[LAYERS_MAX];
} rows[] = {
	{ "eth ip4 tcp 8",
	  "00000000000000000000000008004500003c1234000040067c06c0000201c633644d9c4001bbdead"
	  "beef010203048018000050fa00000101080a01020304050607080b30557a9fc4e90e",
	  LINK_ETHERNET,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c06, 0x7c06 },
	    { LAYER_TCP, SUM_GOOD, 0x50fa, 0x50fa },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "eth vlan ip6 udp 1",
	  "0000000000000000000000008100000086dd600000000009114020010db800000000000000000000"
	  "000120010db80000000000ab0000000000029c4100350009fc450b",
	  LINK_ETHERNET,
	  SUM_GOOD,
	  { { LAYER_UDP, SUM_GOOD, 0xfc45, 0xfc45 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "null2 ip4 icmp 8",
	  "02000000450000241234000040017c23c0000201c633644d08000e82000000000b30557a9fc4e90e",
	  LINK_NULL,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c23, 0x7c23 },
	    { LAYER_ICMP, SUM_GOOD, 0x0e82, 0x0e82 },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "sll2 ip6 icmp6 8",
	  "86dd0000000000000001000000000000000000006000000000103a4020010db80000000000000000"
	  "0000000120010db80000000000ab00000000000280003a17000000000b30557a9fc4e90e",
	  LINK_SLL2,
	  SUM_GOOD,
	  { { LAYER_ICMP6, SUM_GOOD, 0x3a17, 0x3a17 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 sctp 8",
	  "450000281234000040847b9cc0000201c633644d9c4326ab00000000d062ad6d0b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7b9c, 0x7b9c },
	    { LAYER_SCTP, SUM_GOOD, 0xd062ad6d, 0xd062ad6d },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 lite13 8",
	  "600000000010884020010db800000000000000000000000120010db80000000000ab000000000002"
	  "9c420035000d07180b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_UDPLITE, SUM_GOOD, 0x0718, 0x0718 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "lsrr tcp 1",
	  "4900004512340000400658c2c0000201fd99030401830b0809090909c633644d000000009c4001bb"
	  "deadbeef01020304801800002f7f00000101080a01020304050607080b",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x58c2, 0x58c2 },
	    { LAYER_TCP, SUM_GOOD, 0x2f7f, 0x2f7f },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 srh udp 1",
	  "6000000000312b4020010db8000000000000000000000001fd99030405060708090a0b0c0d0e0f10"
	  "110404010100000020010db80000000000ab000000000002fd99030405060708090a0b0c0d0e0f10"
	  "9c4100350009fc450b",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_UDP, SUM_GOOD, 0xfc45, 0xfc45 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "eth ip4 udp vxlan eth ip4 tcp 1",
	  "0000000000000000000000000800450000671234000040117bd0c0000201c633644d9c4112b50053"
	  "16790800000000002a000000000000000000000000000800450000351234000040067c0dc0000201"
	  "c633644d9c4001bbdeadbeef01020304801800002f7f00000101080a01020304050607080b",
	  LINK_ETHERNET,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7bd0, 0x7bd0 },
	    { LAYER_UDP, SUM_GOOD, 0x1679, 0x1679 },
	    { LAYER_IPV4, SUM_GOOD, 0x7c0d, 0x7c0d },
	    { LAYER_TCP, SUM_GOOD, 0x2f7f, 0x2f7f },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 grecks ip6 udp 1",
	  "4500005512340000402f7bc4c0000201c633644db00086dd57f20000000000000000000060000000"
	  "0009114020010db800000000000000000000000120010db80000000000ab0000000000029c410035"
	  "0009fc450b",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7bc4, 0x7bc4 },
	    { LAYER_GRE, SUM_GOOD, 0x57f2, 0x57f2 },
	    { LAYER_UDP, SUM_GOOD, 0xfc45, 0xfc45 },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4opt igmp",
	  "4900002c1234000040022e11c0000201c633644d440805000000000001010000000000001600e9ff"
	  "00000000",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x2e11, 0x2e11 },
	    { LAYER_IGMP, SUM_GOOD, 0xe9ff, 0xe9ff },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 udp0 8",
	  "450000241234000040117c13c0000201c633644d9c410035001000000b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_GOOD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c13, 0x7c13 },
	    { LAYER_UDP, SUM_NONE, 0x0000, 0x0000 },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 udpbad 8",
	  "600000000010114020010db800000000000000000000000120010db80000000000ab000000000002"
	  "9c410035001000000b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_ILLEGAL_NONE,
	  { { LAYER_UDP, SUM_ILLEGAL_NONE, 0x0000, 0x0000 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "eth ip4 tcp 8, damaged",
	  "00000000000000000000000008004500003c1234000040067c06c0000201c633644d9c4001bbdead"
	  "beef010203048018000050fa00000101080a01020304050607080b30557a9fc4e98e",
	  LINK_ETHERNET,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c06, 0x7c06 },
	    { LAYER_TCP, SUM_BAD, 0x50fa, 0x507a },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "eth vlan ip6 udp 1, damaged",
	  "0000000000000000000000008100000086dd600000000009114020010db800000000000000000000"
	  "000120010db80000000000ab0000000000029c4100350009fc458b",
	  LINK_ETHERNET,
	  SUM_BAD,
	  { { LAYER_UDP, SUM_BAD, 0xfc45, 0x7c45 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "null2 ip4 icmp 8, damaged",
	  "02000000450000241234000040017c23c0000201c633644d08000e82000000000b30557a9fc4e98e",
	  LINK_NULL,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c23, 0x7c23 },
	    { LAYER_ICMP, SUM_BAD, 0x0e82, 0x0e02 },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "sll2 ip6 icmp6 8, damaged",
	  "86dd0000000000000001000000000000000000006000000000103a4020010db80000000000000000"
	  "0000000120010db80000000000ab00000000000280003a17000000000b30557a9fc4e98e",
	  LINK_SLL2,
	  SUM_BAD,
	  { { LAYER_ICMP6, SUM_BAD, 0x3a17, 0x3997 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 sctp 8, damaged",
	  "450000281234000040847b9cc0000201c633644d9c4326ab00000000d062ad6d0b30557a9fc4e98e",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7b9c, 0x7b9c },
	    { LAYER_SCTP, SUM_BAD, 0xd062ad6d, 0xa8595bef },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 lite13 8, damaged",
	  "600000000010884020010db800000000000000000000000120010db80000000000ab000000000002"
	  "9c420035000d07180b30557a9ec4e98e",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_UDPLITE, SUM_BAD, 0x0718, 0x0818 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "lsrr tcp 1, damaged",
	  "4900004512340000400658c2c0000201fd99030401830b0809090909c633644d000000009c4001bb"
	  "deadbeef01020304801800002f7f00000101080a01020304050607088b",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x58c2, 0x58c2 },
	    { LAYER_TCP, SUM_BAD, 0x2f7f, 0xaf7e },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 srh udp 1, damaged",
	  "6000000000312b4020010db8000000000000000000000001fd99030405060708090a0b0c0d0e0f10"
	  "110404010100000020010db80000000000ab000000000002fd99030405060708090a0b0c0d0e0f10"
	  "9c4100350009fc458b",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_UDP, SUM_BAD, 0xfc45, 0x7c45 }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "eth ip4 udp vxlan eth ip4 tcp 1, damaged",
	  "0000000000000000000000000800450000671234000040117bd0c0000201c633644d9c4112b50053"
	  "16790800000000002a000000000000000000000000000800450000351234000040067c0dc0000201"
	  "c633644d9c4001bbdeadbeef01020304801800002f7f00000101080a01020304050607088b",
	  LINK_ETHERNET,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7bd0, 0x7bd0 },
	    { LAYER_UDP, SUM_BAD, 0x1679, 0x9678 },
	    { LAYER_IPV4, SUM_GOOD, 0x7c0d, 0x7c0d },
	    { LAYER_TCP, SUM_BAD, 0x2f7f, 0xaf7e },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 grecks ip6 udp 1, damaged",
	  "4500005512340000402f7bc4c0000201c633644db00086dd57f20000000000000000000060000000"
	  "0009114020010db800000000000000000000000120010db80000000000ab0000000000029c410035"
	  "0009fc458b",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x7bc4, 0x7bc4 },
	    { LAYER_GRE, SUM_BAD, 0x57f2, 0xd7f1 },
	    { LAYER_UDP, SUM_BAD, 0xfc45, 0x7c45 },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4opt igmp, damaged",
	  "4900002c1234000040022e11c0000201c633644d440805000000000001010000000000001600e9ff"
	  "00000080",
	  LINK_RAW,
	  SUM_BAD,
	  { { LAYER_IPV4, SUM_GOOD, 0x2e11, 0x2e11 },
	    { LAYER_IGMP, SUM_BAD, 0xe9ff, 0xe97f },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 tcp 8, unfinished",
	  "4500003c1234000040067c06c0000201c633644d9c4001bbdeadbeef0102030480180000ecb00000"
	  "0101080a01020304050607080b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_UNFINISHED,
	  { { LAYER_IPV4, SUM_GOOD, 0x7c06, 0x7c06 },
	    { LAYER_TCP, SUM_UNFINISHED, 0xecb0, 0x50fa },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip6 udp 8, unfinished",
	  "600000000010114020010db800000000000000000000000120010db80000000000ab000000000002"
	  "9c41003500105c410b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_UNFINISHED,
	  { { LAYER_UDP, SUM_UNFINISHED, 0x5c41, 0x1dba }, { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 tcp 8, large send offload",
	  "4500003c1234000040060000c0000201c633644d9c4001bbdeadbeef0102030480180000ec880000"
	  "0101080a01020304050607080b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_UNFINISHED,
	  { { LAYER_IPV4, SUM_UNFINISHED, 0x0000, 0x7c06 },
	    { LAYER_TCP, SUM_UNFINISHED, 0xec88, 0x50fa },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 sctp 8, unfinished",
	  "450000281234000040847b9cc0000201c633644d9c4326ab00000000000000000b30557a9fc4e90e",
	  LINK_RAW,
	  SUM_UNFINISHED,
	  { { LAYER_IPV4, SUM_GOOD, 0x7b9c, 0x7b9c },
	    { LAYER_SCTP, SUM_UNFINISHED, 0x00000000, 0xd062ad6d },
	    { LAYER_KINDS, 0, 0, 0 } } },
	{ "ip4 udp vxlan eth ip6 tcp 1, inner unfinished",
	  "4500007b1234000040117bbcc0000201c633644d9c4112b50067448f0800000000002a0000000000"
	  "000000000000000086dd600000000021064020010db800000000000000000000000120010db80000"
	  "000000ab0000000000029c4001bbdeadbeef01020304801800005c4700000101080a010203040506"
	  "07080b",
	  LINK_RAW,
	  SUM_UNFINISHED,
	  { { LAYER_IPV4, SUM_GOOD, 0x7bbc, 0x7bbc },
	    { LAYER_UDP, SUM_UNFINISHED, 0x448f, 0xa829 },
	    { LAYER_TCP, SUM_UNFINISHED, 0x5c47, 0xbfe1 },
	    { LAYER_KINDS, 0, 0, 0 } } },
};

/* The fragments of one datagram each, in order of arrival; the last completes it. */
static const struct fragmented {
	const char *name;
	const char *hex[4];
	struct sum sum;
} datagrams[] = {
	{ "ip4 udp",
	  {
		  "450000281234000640117c09c0000201c633644d8daac7e4011e3b587592afcce90623405d7a97b4",
		  "4500002c1234200040115c0bc0000201c633644d9c410035004443d505223f5c7996b3d0ed0a2744"
		  "617e9bb8",
		  "4500002c1234200340115c08c0000201c633644dd5f20f2c496683a0bddaf714314e6b88a5c2dffc"
		  "19365370",
	  },
	  { LAYER_UDP, SUM_GOOD, 0x43d5, 0x43d5 } },
	{ "ip6 udp",
	  {
		  "60000000001d2c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "110000300000004d8daac7e4011e3b587592afcce90623405d7a97b4d0",
		  "6000000000202c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "110000010000004d9c4100350045033505223f5c7996b3d0ed0a2744617e9bb8",
		  "6000000000202c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "110000190000004dd5f20f2c496683a0bddaf714314e6b88a5c2dffc19365370",
	  },
	  { LAYER_UDP, SUM_BAD, 0x335, 0x435 } },
	{ "ip4 sctp",
	  {
		  "4500001f1234000840847b9dc0000201c633644de90623405d7a97b4d1ee0b",
		  "450000341234200040845b90c0000201c633644d9c4326ab00000000dea60d9105223f5c7996b3d0"
		  "ed0a2744617e9bb8d5f20f2c",
		  "450000341234200440845b8cc0000201c633644d496683a0bddaf714314e6b88a5c2dffc19365370"
		  "8daac7e4011e3b587592afcc",
	  },
	  { LAYER_SCTP, SUM_GOOD, 0xdea60d91, 0xdea60d91 } },
	{ "ip6 sctp",
	  {
		  "6000000000162c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "840000300000004d193653708daac7e4011e3b587593",
		  "6000000000202c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "840000010000004d9c4326ab000000004299941d05223f5c7996b3d0ed0a2744",
		  "6000000000202c4020010db800000000000000000000000120010db80000000000ab000000000002"
		  "840000190000004d617e9bb8d5f20f2c496683a0bddaf714314e6b88a5c2dffc",
	  },
	  { LAYER_SCTP, SUM_BAD, 0x4299941d, 0x411affef } },
};

static unsigned int tests;
static bool failed;

static void report(bool passed, const char *name, const char *what)
{
	printf("%sok %u - %s: %s\n", passed ? "" : "not ", ++tests, name, what);
	failed |= !passed;
}

static size_t unhex(const char *hex, uint8_t *bytes)
{
	size_t len = strlen(hex) / 2;
	char digits[3] = { 0 };

	if (len > BYTES_MAX)
		abort();
	for (size_t i = 0; i < len; i++) {
		memcpy(digits, hex + 2 * i, 2);
		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return len;
}

static bool as_expected(const struct packet_layer *layer, const struct sum *sum)
{
	bool right = layer->kind == sum->kind && layer->verdict == sum->verdict &&
		     layer->stored == sum->stored && layer->computed == sum->computed;

	if (!right)
		printf("# %s is %s: stored 0x%x, computed 0x%x\n", layer_names[layer->kind],
		       sum_verdict_names[layer->verdict], layer->stored, layer->computed);
	return right;
}

static bool row_is_right(const struct row *row, const uint8_t *bytes, size_t len)
{
	struct packet_judgement judgement;
	size_t count = 0;
	bool right = true;

	packet_judge(row->link, bytes, len, len, &judgement);
	for (; row->sums[count].kind != LAYER_KINDS; count++)
		if (count < judgement.layer_count)
			right &= as_expected(&judgement.layer[count], &row->sums[count]);
	return right && judgement.layer_count == count && judgement.verdict == row->verdict;
}

/* Judges each packet at 16 addresses: some processors need aligned data. */
static void judge_rows(void)
{
	uint8_t bytes[BYTES_MAX + 16];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool right = true;

		for (size_t offset = 0; offset < 16; offset++) {
			size_t len = unhex(rows[i].hex, bytes + offset);

			right &= row_is_right(&rows[i], bytes + offset, len);
		}
		report(right, rows[i].name, sum_verdict_names[rows[i].verdict]);
	}
}

/* An intact packet is never bad, however little of it was captured. */
static void cut_off(void)
{
	uint8_t bytes[BYTES_MAX];
	struct packet_judgement judgement;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = unhex(rows[i].hex, bytes);
		bool right = true;

		if (rows[i].verdict == SUM_BAD)
			continue;
		for (size_t captured = 0; captured < len; captured++) {
			packet_judge(rows[i].link, bytes, captured, len, &judgement);
			right &= judgement.verdict != SUM_BAD;
		}
		report(right, rows[i].name, "cut off anywhere");
	}
}

static void fragments_are_right(const struct fragmented *datagram)
{
	uint8_t bytes[BYTES_MAX];
	struct packet_judgement judgement;
	struct fragments *fragments;
	uint64_t given_up = 0;
	int whole = 0;

	if (fragments_new(4, &fragments))
		abort();
	for (size_t i = 0; i < 4 && datagram->hex[i]; i++) {
		size_t len = unhex(datagram->hex[i], bytes);

		packet_judge(LINK_RAW, bytes, len, len, &judgement);
		whole = fragments_add(fragments, &judgement, &given_up);
	}
	report(whole == 1 &&
		       as_expected(&judgement.layer[judgement.fragment.layer], &datagram->sum),
	       datagram->name, "fragments");
	fragments_free(fragments);
}

static void addresses_are_right(void)
{
	uint8_t bytes[BYTES_MAX];
	struct packet_judgement judgement;
	size_t len = unhex(rows[0].hex, bytes);

	packet_judge(rows[0].link, bytes, len, len, &judgement);
	report(judgement.flow.family == AF_INET && judgement.flow.src_port == 40000 &&
		       judgement.flow.dst_port == 443 &&
		       !memcmp(judgement.flow.src, "\xc0\x00\x02\x01", 4) &&
		       judgement.seq == 0xdeadbeef && judgement.ack == 0x01020304 &&
		       judgement.payload_len == 8,
	       rows[0].name, "who talks to whom");
}

int main(void)
{
	judge_rows();
	cut_off();
	addresses_are_right();
	for (size_t i = 0; i < sizeof(datagrams) / sizeof(datagrams[0]); i++)
		fragments_are_right(&datagrams[i]);
	printf("1..%u\n", tests);
	return failed;
}
