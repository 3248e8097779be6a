/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets from words: "eth vlan ip4 udp vxlan eth ip6 tcp" is pushed from the last to the first, so
 * that every length and sum is known when its header is written. The sums are the RFCs' plain
 * loops: nothing here calls the code under test. For unit tests, each of which includes it once.
 */
#ifndef TRUESUM_TESTS_PACKET_BUILD_H
#define TRUESUM_TESTS_PACKET_BUILD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/verdict.h"

#define BUILD_MAX 80000
#define BUILD_WORDS 24
#define NO_LAYER LAYER_KINDS

struct build {
	uint8_t byte[BUILD_MAX];
	/* A length, version or type: damage here may leave a packet that cannot be judged. */
	bool soft[BUILD_MAX];
	size_t at; /* where it begins; it ends at BUILD_MAX */
};

struct word {
	const char *name;
	uint16_t type; /* EtherType */
	uint8_t proto; /* IPPROTO_ */
	uint8_t kind, verdict; /* of the layer it is, or NO_LAYER */
	uint16_t port; /* UDP's, that means this header */
	void (*push)(struct build *build, const struct word *word, const struct word *next,
		     bool v6);
};

static const uint8_t v4_src[4] = { 192, 0, 2, 1 }, v4_dst[4] = { 198, 51, 100, 77 };
static const uint8_t v6_src[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint8_t v6_dst[16] = { 0x20, 1, 0xd, 0xb8, [9] = 0xab, [15] = 2 };
/* The other address of a pair, if a routing header or a source route holds the real one. */
static const uint8_t other[16] = { 0xfd, 0x99, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static inline uint8_t *build_data(struct build *build)
{
	return build->byte + build->at;
}

static inline size_t build_len(const struct build *build)
{
	return BUILD_MAX - build->at;
}

static inline uint8_t *build_push(struct build *build, size_t len)
{
	build->at -= len;
	memset(build_data(build), 0, len);
	memset(build->soft + build->at, 0, len);
	return build_data(build);
}

static inline void build_soft(struct build *build, size_t from, size_t len)
{
	memset(build->soft + build->at + from, 1, len);
}

static inline void put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* RFC 1071 section 4.1. */
static inline uint16_t plain_sum(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2) {
		sum += get16(data + i);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len % 2)
		sum += (uint32_t)data[len - 1] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline uint16_t plain_pseudo(bool v6, uint8_t proto, uint32_t len)
{
	uint8_t end[8] = { 0, 0, 0, 0, 0, 0, 0, proto };

	put32(end, len);
	return plain_sum(plain_sum(plain_sum(0, v6 ? v6_src : v4_src, v6 ? 16 : 4),
				   v6 ? v6_dst : v4_dst, v6 ? 16 : 4),
			 end, sizeof(end));
}

static inline uint32_t plain_crc(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

/* Writes the right sum over everything from here on, including the field. */
static inline void finish(struct build *build, size_t field, size_t covered, uint32_t pseudo)
{
	uint8_t *data = build_data(build);
	uint16_t sum;

	put16(data + field, 0);
	sum = (uint16_t)~plain_sum(pseudo, data, covered);
	put16(data + field, pseudo && !sum ? 0xffff : sum);
}

static inline void push_payload(struct build *build, const struct word *word,
				const struct word *next, bool v6)
{
	uint8_t *data = build_push(build, word->proto);

	(void)next, (void)v6;
	for (size_t i = 0; i < word->proto; i++)
		data[i] = (uint8_t)(i * 37 + 11);
}

/* Headers that only say what comes next: at offset `at`. */
static inline void push_type(struct build *build, size_t len, size_t at, const struct word *next)
{
	put16(build_push(build, len) + at, next ? next->type : 0x88b5);
	build_soft(build, 0, len);
}

static inline void push_eth(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	(void)word, (void)v6;
	push_type(build, 14, 12, next);
}

static inline void push_vlan(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	(void)word, (void)v6;
	push_type(build, 4, 2, next);
}

static inline void push_llc(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	uint8_t *data;

	(void)word, (void)v6;
	push_type(build, 8, 6, next);
	data = build_data(build);
	data[0] = data[1] = 0xaa;
	data[2] = 3;
}

/* Ethernet with a length instead of a type. */
static inline void push_802_3(struct build *build, const struct word *word, const struct word *next,
			      bool v6)
{
	size_t len = build_len(build);

	(void)word, (void)next, (void)v6;
	put16(build_push(build, 14) + 12, len);
	build_soft(build, 0, 14);
}

static inline void push_mpls(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	(void)word, (void)v6;
	build_push(build, 4)[2] = !next || next->push != push_mpls;
	build_soft(build, 0, 4);
}

static inline void push_ppp(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	(void)word, (void)v6;
	put16(build_push(build, 2), next->type == 0x0800   ? 0x21
				    : next->type == 0x86dd ? 0x57
							   : 0x281);
	build_soft(build, 0, 2);
}

static inline void push_hdlc(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	(void)word, (void)next, (void)v6;
	put16(build_push(build, 2), 0xff03);
	build_soft(build, 0, 2);
}

static inline void push_cisco(struct build *build, const struct word *word, const struct word *next,
			      bool v6)
{
	(void)word, (void)v6;
	push_type(build, 4, 2, next);
	build_data(build)[0] = 0x0f;
}

static inline void push_pppoe(struct build *build, const struct word *word, const struct word *next,
			      bool v6)
{
	size_t len = build_len(build);
	uint8_t *data = build_push(build, 6);

	(void)word, (void)next, (void)v6;
	data[0] = 0x11;
	put16(data + 4, len);
	build_soft(build, 0, 6);
}

static inline void push_sll(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	(void)word, (void)v6;
	push_type(build, 16, 14, next);
	if (next->push == push_llc)
		put16(build_data(build) + 14, 4);
	put16(build_data(build) + 2, 1);
}

static inline void push_sll2(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	(void)word, (void)v6;
	push_type(build, 20, 0, next);
	put16(build_data(build) + 8, 1);
}

/* word->port is the family, word->type whether its bytes are swapped. */
static inline void push_null(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	uint8_t *data = build_push(build, 4);

	(void)next, (void)v6;
	data[word->type ? 0 : 3] = (uint8_t)word->port;
	build_soft(build, 0, 4);
}

static inline void push_v4(struct build *build, const struct word *word, const struct word *next,
			   bool v6)
{
	/* Timestamp and end of list; loose and strict source routes, unused and used up. */
	static const uint8_t options[][16] = {
		[1] = { 68, 8, 5, 0, [8] = 1, 1, 0 },
		[2] = { 1, 131, 11, 8, 9, 9, 9, 9, 198, 51, 100, 77, 0 },
		[3] = { 137, 7, 8, 9, 9, 9, 9, 1, 1 },
	};
	size_t len = build_len(build), extra = word->port ? 16 : 0;
	uint8_t *data = build_push(build, 20 + extra);

	(void)v6;
	data[0] = (uint8_t)(0x45 + extra / 4);
	build_soft(build, 0, 1);
	put16(data + 2, 20 + extra + len);
	put16(data + 4, 0x1234);
	data[8] = 64;
	data[9] = next ? next->proto : 89;
	memcpy(data + 12, v4_src, 4);
	memcpy(data + 16, word->port == 2 ? other : v4_dst, 4);
	if (extra)
		memcpy(data + 20, options[word->port], extra);
	finish(build, 10, 20 + extra, 0);
}

static inline void push_v6(struct build *build, const struct word *word, const struct word *next,
			   bool v6)
{
	size_t len = build_len(build);
	uint8_t *data = build_push(build, 40);

	uint16_t special =
		next && next->proto && next->type == 0 && next->kind == NO_LAYER ? next->port : 0;

	(void)word, (void)v6;
	data[0] = 0x60;
	put16(data + 4, len);
	data[6] = next ? next->proto : 89;
	data[7] = 64;
	memcpy(data + 8, special == 201 ? other : v6_src, 16);
	memcpy(data + 24, special && special != 201 ? other : v6_dst, 16);
	build_soft(build, 0, 8);
	if (special)
		build_soft(build, 8, 32);
}

/*
 * Extension headers; word->port: 1, 2, 4 routing headers with a segment left, 201 a home address.
 */
static inline void push_ext(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	size_t len = word->proto == IPPROTO_FRAGMENT ? 8
		     : word->proto == IPPROTO_AH     ? 24
		     : word->port		     ? 40
						     : 16;
	uint8_t *data = build_push(build, len);

	(void)v6;
	data[0] = next ? next->proto : IPPROTO_NONE;
	if (word->proto != IPPROTO_FRAGMENT)
		data[1] = (uint8_t)(word->proto == IPPROTO_AH ? len / 4 - 2 : len / 8 - 1);
	if (word->port == 201) {
		memcpy(data + 2, (uint8_t[]){ 1, 0, 201, 16 }, 4);
		memcpy(data + 6, v6_src, 16);
		data[22] = 1;
		data[23] = 15;
	} else if (word->port) {
		data[2] = word->port == 1 ? 0 : (uint8_t)word->port;
		data[3] = 1;
		data[4] = word->port == 4;
		memcpy(data + 8, word->port == 4 ? v6_dst : other, 16);
		memcpy(data + 24, word->port == 4 ? other : v6_dst, 16);
	}
	build_soft(build, 0, len);
}

static inline void push_tcp(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	uint8_t *data = build_push(build, 32);

	(void)word, (void)next;
	put16(data, 40000);
	put16(data + 2, 443);
	put32(data + 4, 0xdeadbeef);
	put32(data + 8, 0x01020304);
	data[12] = 0x80;
	data[13] = 0x18;
	memcpy(data + 20, (uint8_t[]){ 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 }, 12);
	finish(build, 16, build_len(build), plain_pseudo(v6, IPPROTO_TCP, build_len(build)));
}

static inline void push_udp(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	uint8_t *data = build_push(build, 8);

	put16(data, 40001);
	put16(data + 2, next && next->port ? next->port : 53);
	put16(data + 4, build_len(build));
	build_soft(build, 4, 2);
	if (word->verdict == SUM_GOOD)
		finish(build, 6, build_len(build), plain_pseudo(v6, IPPROTO_UDP, build_len(build)));
	else
		build_soft(build, 0, 8);
}

/* word->port is the coverage. */
static inline void push_udplite(struct build *build, const struct word *word,
				const struct word *next, bool v6)
{
	uint8_t *data = build_push(build, 8);
	size_t len = build_len(build);

	(void)next;
	put16(data, 40002);
	put16(data + 2, 53);
	put16(data + 4, word->port);
	build_soft(build, 4, 2);
	finish(build, 6, word->port ? word->port : len, plain_pseudo(v6, IPPROTO_UDPLITE, len));
}

static inline void push_control(struct build *build, const struct word *word,
				const struct word *next, bool v6)
{
	bool six = word->proto == IPPROTO_ICMPV6;

	(void)next;
	build_push(build, 8)[0] = six ? 128 : word->proto == IPPROTO_IGMP ? 0x16 : 8;
	finish(build, 2, build_len(build),
	       six ? plain_pseudo(v6, IPPROTO_ICMPV6, build_len(build)) : 0);
}

static inline void push_sctp(struct build *build, const struct word *word, const struct word *next,
			     bool v6)
{
	uint8_t *data = build_push(build, 12);
	uint32_t crc;

	(void)word, (void)next, (void)v6;
	put16(data, 40003);
	put16(data + 2, 9899);
	crc = plain_crc(data, build_len(build));
	for (int i = 0; i < 4; i++)
		data[8 + i] = (uint8_t)(crc >> 8 * i);
}

/* word->port has the flags; version 1 is PPTP's. */
static inline void push_gre(struct build *build, const struct word *word, const struct word *next,
			    bool v6)
{
	uint16_t flags = word->port;
	size_t len = build_len(build);
	uint8_t *data =
		build_push(build, 4 + (flags & 0x8000 ? 4 : 0) + (flags & 0x2000 ? 4 : 0) +
					  (flags & 0x1000 ? 4 : 0) + (flags & 0x0080 ? 4 : 0));

	(void)v6;
	put16(data, flags);
	put16(data + 2, next ? next->type : 0x88b5);
	if (flags & 1)
		put16(data + 4, len);
	build_soft(build, 0, 4);
	if (flags & 0x8000)
		finish(build, 4, build_len(build), 0);
}

static inline void push_vxlan(struct build *build, const struct word *word, const struct word *next,
			      bool v6)
{
	uint8_t *data = build_push(build, 8);

	(void)word, (void)next, (void)v6;
	data[0] = 8;
	data[6] = 42;
	build_soft(build, 0, 8);
}

static inline void push_geneve(struct build *build, const struct word *word,
			       const struct word *next, bool v6)
{
	uint8_t *data = build_push(build, 16);

	(void)word, (void)v6;
	data[0] = 2; /* 8 bytes of options */
	put16(data + 2, next->type);
	data[5] = 7;
	build_soft(build, 0, 16);
}

static const struct word words[] = {
	{ "eth", 0x6558, 0, NO_LAYER, 0, 0, push_eth },
	{ "802.3", 0, 0, NO_LAYER, 0, 0, push_802_3 },
	{ "snap", 0, 0, NO_LAYER, 0, 0, push_llc },
	{ "vlan", 0x8100, 0, NO_LAYER, 0, 0, push_vlan },
	{ "ad", 0x88a8, 0, NO_LAYER, 0, 0, push_vlan },
	{ "qinq", 0x9100, 0, NO_LAYER, 0, 0, push_vlan },
	{ "mpls", 0x8847, 137, NO_LAYER, 0, 0, push_mpls },
	{ "mplsm", 0x8848, 137, NO_LAYER, 0, 0, push_mpls },
	{ "pppoe", 0x8864, 0, NO_LAYER, 0, 0, push_pppoe },
	{ "ppp", 0x880b, 0, NO_LAYER, 0, 0, push_ppp },
	{ "hdlc", 0, 0, NO_LAYER, 0, 0, push_hdlc },
	{ "cisco", 0, 0, NO_LAYER, 0, 0, push_cisco },
	{ "sll", 0, 0, NO_LAYER, 0, 0, push_sll },
	{ "sll2", 0, 0, NO_LAYER, 0, 0, push_sll2 },
	{ "null2", 1, 0, NO_LAYER, 0, 2, push_null },
	{ "null10", 1, 0, NO_LAYER, 0, 10, push_null },
	{ "null24", 0, 0, NO_LAYER, 0, 24, push_null },
	{ "null28", 1, 0, NO_LAYER, 0, 28, push_null },
	{ "null30", 0, 0, NO_LAYER, 0, 30, push_null },
	{ "ip4", 0x0800, 4, LAYER_IPV4, SUM_GOOD, 0, push_v4 },
	{ "ip4opt", 0x0800, 4, LAYER_IPV4, SUM_GOOD, 1, push_v4 },
	{ "lsrr", 0x0800, 4, LAYER_IPV4, SUM_GOOD, 2, push_v4 },
	{ "ssrr", 0x0800, 4, LAYER_IPV4, SUM_GOOD, 3, push_v4 },
	{ "ip6", 0x86dd, 41, NO_LAYER, 0, 0, push_v6 },
	{ "hop", 0, IPPROTO_HOPOPTS, NO_LAYER, 0, 0, push_ext },
	{ "dst", 0, IPPROTO_DSTOPTS, NO_LAYER, 0, 0, push_ext },
	{ "home", 0, IPPROTO_DSTOPTS, NO_LAYER, 0, 201, push_ext },
	{ "route", 0, IPPROTO_ROUTING, NO_LAYER, 0, 1, push_ext },
	{ "srh", 0, IPPROTO_ROUTING, NO_LAYER, 0, 4, push_ext },
	{ "atomic", 0, IPPROTO_FRAGMENT, NO_LAYER, 0, 0, push_ext },
	{ "ah", 0, IPPROTO_AH, NO_LAYER, 0, 0, push_ext },
	{ "mobility", 0, 135, NO_LAYER, 0, 0, push_ext },
	{ "hip", 0, 139, NO_LAYER, 0, 0, push_ext },
	{ "shim6", 0, 140, NO_LAYER, 0, 0, push_ext },
	{ "tcp", 0, IPPROTO_TCP, LAYER_TCP, SUM_GOOD, 0, push_tcp },
	{ "udp", 0, IPPROTO_UDP, LAYER_UDP, SUM_GOOD, 0, push_udp },
	{ "udp0", 0, IPPROTO_UDP, LAYER_UDP, SUM_NONE, 0, push_udp },
	{ "udpbad", 0, IPPROTO_UDP, LAYER_UDP, SUM_ILLEGAL_NONE, 0, push_udp },
	{ "lite", 0, IPPROTO_UDPLITE, LAYER_UDPLITE, SUM_GOOD, 0, push_udplite },
	{ "lite8", 0, IPPROTO_UDPLITE, LAYER_UDPLITE, SUM_GOOD, 8, push_udplite },
	{ "lite13", 0, IPPROTO_UDPLITE, LAYER_UDPLITE, SUM_GOOD, 13, push_udplite },
	{ "icmp", 0, IPPROTO_ICMP, LAYER_ICMP, SUM_GOOD, 0, push_control },
	{ "icmp6", 0, IPPROTO_ICMPV6, LAYER_ICMP6, SUM_GOOD, 0, push_control },
	{ "igmp", 0, IPPROTO_IGMP, LAYER_IGMP, SUM_GOOD, 0, push_control },
	{ "sctp", 0, IPPROTO_SCTP, LAYER_SCTP, SUM_GOOD, 0, push_sctp },
	{ "gre", 0, IPPROTO_GRE, LAYER_GRE, SUM_NONE, 0x0000, push_gre },
	{ "grec", 0, IPPROTO_GRE, LAYER_GRE, SUM_GOOD, 0x8000, push_gre },
	{ "greks", 0, IPPROTO_GRE, LAYER_GRE, SUM_NONE, 0x3000, push_gre },
	{ "grecks", 0, IPPROTO_GRE, LAYER_GRE, SUM_GOOD, 0xb000, push_gre },
	{ "pptp", 0, IPPROTO_GRE, LAYER_GRE, SUM_NONE, 0x3081, push_gre },
	{ "vxlan", 0, 0, NO_LAYER, 0, 4789, push_vxlan },
	{ "vxlan8472", 0, 0, NO_LAYER, 0, 8472, push_vxlan },
	{ "geneve", 0, 0, NO_LAYER, 0, 6081, push_geneve },
	{ "esp", 0, IPPROTO_ESP, NO_LAYER, 0, 0, push_payload },
	/* word->proto is the length here */
	{ "1", 0, 1, NO_LAYER, 0, 0, push_payload },
	{ "8", 0, 8, NO_LAYER, 0, 0, push_payload },
	{ "23", 0, 23, NO_LAYER, 0, 0, push_payload },
	{ "40", 0, 40, NO_LAYER, 0, 0, push_payload },
	{ "200", 0, 200, NO_LAYER, 0, 0, push_payload },
};

static inline const struct word *find_word(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == len && !memcmp(words[i].name, name, len))
			return &words[i];
	abort();
}

static inline size_t split_words(const char *text, const struct word **ret_words)
{
	size_t count = 0;

	for (; *text; text += *text == ' ') {
		size_t len = strcspn(text, " ");

		if (count == BUILD_WORDS)
			abort();
		ret_words[count++] = find_word(text, len);
		text += len;
	}
	return count;
}

/* Builds the packet that the words describe. Its payload is `more` bytes longer than theirs. */
static inline void build_packet(struct build *build, const char *text, size_t more)
{
	const struct word *word[BUILD_WORDS + 1] = { NULL };
	size_t count = split_words(text, word);
	uint8_t *data;

	build->at = BUILD_MAX;
	data = build_push(build, more);
	for (size_t i = 0; i < more; i++)
		data[i] = (uint8_t)(i * 29 + 5);
	for (size_t i = count; i-- > 0;) {
		size_t ip = i;

		while (ip > 0 && word[ip]->push != push_v4 && word[ip]->push != push_v6)
			ip--;
		word[i]->push(build, word[i], word[i + 1], word[ip]->push == push_v6);
	}
}

#endif
