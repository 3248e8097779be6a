// SPDX-License-Identifier: GPL-2.0-or-later
/* packet/build.c answers requests for the peer's address (RFC 826, RFC 4861), and no others. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "packet/build.h"
#include "packet/verdict.h"

#define ARP_FRAME 42
#define NS_FRAME 86 /* with a source link-layer address option */
#define NA_FRAME 86

static const uint8_t peer_v4[4] = { 192, 0, 2, 2 };
static const uint8_t peer_v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x74, 0x73, [15] = 2 };
static const uint8_t mac[6] = { 2, 0x74, 0x73, 0x75, 0x6d, 2 };

/* Who has 192.0.2.2? Tell 192.0.2.1 */
static const uint8_t who_has[ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0a, 1, 2, 3, 4, 5, 0x08, 0x06, /* Ethernet */
	0,    1,    8,	  0,	6,    4,    0,	  1, /* request */
	0x0a, 1,    2,	  3,	4,    5,    192,  0, 2, 1, /* sender */
	0,    0,    0,	  0,	0,    0,    192,  0, 2, 2, /* target */
};

/* From fe80::1 to the solicited-node address of the peer. */
static void make_solicitation(uint8_t frame[NS_FRAME])
{
	static const uint8_t head[] = {
		0x33, 0x33, 0xff, 0, 0, 2,  0x0a, 1,   2, 3, 4, 5, 0x86, 0xdd, /* Ethernet */
		0x60, 0,    0,	  0, 0, 32, 58,	  255, /* IPv6 */
		0xfe, 0x80, 0,	  0, 0, 0,  0,	  0,   0, 0, 0, 0, 0,	 0,    0, 1, /* from */
		0xff, 2,    0,	  0, 0, 0,  0,	  0,   0, 0, 0, 1, 0xff, 0,    0, 2, /* to */
		135,  0,    0,	  0, 0, 0,  0,	  0, /* solicitation */
	};
	static const uint8_t option[] = { 1, 1, 0x0a, 1, 2, 3, 4, 5 };

	memcpy(frame, head, sizeof(head));
	memcpy(frame + sizeof(head), peer_v6, 16);
	memcpy(frame + sizeof(head) + 16, option, sizeof(option));
}

static int ask(const uint8_t *frame, size_t len, uint8_t *answer, size_t *ret_len)
{
	return build_neighbour_answer(frame, len, peer_v4, peer_v6, mac, answer, ret_len);
}

static void test_arp(void **state)
{
	static const uint8_t is_at[ARP_FRAME] = {
		0x0a, 1,    2,	  3,	4,    5, 2,   0x74, 0x73, 0x75,
		0x6d, 2,    0x08, 0x06, /* Ethernet */
		0,    1,    8,	  0,	6,    4, 0,   2, /* reply */
		2,    0x74, 0x73, 0x75, 0x6d, 2, 192, 0,    2,	  2, /* sender: the peer */
		0x0a, 1,    2,	  3,	4,    5, 192, 0,    2,	  1, /* target: the sender */
	};
	uint8_t answer[BUILD_NEIGHBOUR_MAX], padded[60] = { 0 };
	size_t len = 0;

	(void)state;
	assert_int_equal(ask(who_has, sizeof(who_has), answer, &len), 0);
	assert_int_equal(len, sizeof(is_at));
	assert_memory_equal(answer, is_at, sizeof(is_at));
	/* With padding, as on a real wire, and sent to the peer alone. */
	memcpy(padded, who_has, sizeof(who_has));
	memcpy(padded, mac, 6);
	assert_int_equal(ask(padded, sizeof(padded), answer, &len), 0);
	assert_int_equal(len, sizeof(is_at));
	assert_memory_equal(answer, is_at, sizeof(is_at));
}

static void test_solicitation(void **state)
{
	static const uint8_t body[] = { 136, 0, 0, 0, 0x60, 0, 0, 0 };
	uint8_t question[NS_FRAME], answer[BUILD_NEIGHBOUR_MAX];
	struct packet_judgement judged;
	size_t len = 0;

	(void)state;
	make_solicitation(question);
	assert_int_equal(ask(question, sizeof(question), answer, &len), 0);
	assert_int_equal(len, NA_FRAME);
	assert_memory_equal(answer, question + 6, 6);
	assert_memory_equal(answer + 6, mac, 6);
	assert_int_equal(answer[14 + 7], 255); /* or the kernel ignores it */
	assert_memory_equal(answer + 14 + 8, peer_v6, 16);
	assert_memory_equal(answer + 14 + 24, question + 14 + 8, 16);
	assert_int_equal(answer[14 + 40], body[0]);
	assert_int_equal(answer[14 + 40 + 1], body[1]);
	assert_memory_equal(answer + 14 + 40 + 4, body + 4, 4); /* solicited, override; no router */
	assert_memory_equal(answer + 14 + 40 + 8, peer_v6, 16);
	assert_int_equal(answer[14 + 40 + 24], 2);
	assert_int_equal(answer[14 + 40 + 25], 1);
	assert_memory_equal(answer + 14 + 40 + 26, mac, 6);
	packet_judge(LINK_ETHERNET, answer, len, len, &judged);
	assert_int_equal(judged.verdict, SUM_GOOD);
	/* Without the option. */
	assert_int_equal(ask(question, NS_FRAME - 8, answer, &len), 0);
	assert_int_equal(len, NA_FRAME);
}

static const struct {
	const char *what;
	size_t at;
	uint8_t value;
} arp_not_for_us[] = {
	{ "another address", 14 + 27, 3 },   { "a reply", 14 + 7, 2 },
	{ "not Ethernet", 14 + 1, 6 },	     { "not IPv4", 14 + 2, 0x86 },
	{ "a hardware length", 14 + 4, 8 },  { "a protocol length", 14 + 5, 16 },
	{ "an unknown opcode", 14 + 6, 1 },  { "another ethertype", 12, 0x09 },
	{ "a VLAN's ethertype", 12, 0x81 },
}, ns_not_for_us[] = {
	{ "another address", 14 + 40 + 23, 3 }, { "an advertisement", 14 + 40, 136 },
	{ "a router's", 14 + 40, 133 },		{ "not ICMPv6", 14 + 6, 17 },
	{ "an extension header", 14 + 6, 0 },
};

static void test_not_for_us(void **state)
{
	uint8_t frame[NS_FRAME], answer[BUILD_NEIGHBOUR_MAX];
	size_t len = 12345;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(arp_not_for_us); i++) {
		memcpy(frame, who_has, sizeof(who_has));
		frame[arp_not_for_us[i].at] = arp_not_for_us[i].value;
		if (ask(frame, sizeof(who_has), answer, &len) != -ENOENT)
			fail_msg("ARP answered: %s", arp_not_for_us[i].what);
	}
	for (size_t i = 0; i < ARRAY_SIZE(ns_not_for_us); i++) {
		make_solicitation(frame);
		frame[ns_not_for_us[i].at] = ns_not_for_us[i].value;
		if (ask(frame, sizeof(frame), answer, &len) != -ENOENT)
			fail_msg("solicitation answered: %s", ns_not_for_us[i].what);
	}
	assert_int_equal(len, 12345);
}

/* Cut off anywhere, in memory of exactly that size: nothing after the end is read. */
static void test_cut_off(void **state)
{
	uint8_t whole[2][NS_FRAME], answer[BUILD_NEIGHBOUR_MAX];
	static const size_t enough[2] = { ARP_FRAME, NS_FRAME - 8 };
	size_t len;

	(void)state;
	memset(whole, 0, sizeof(whole));
	memcpy(whole[0], who_has, sizeof(who_has));
	make_solicitation(whole[1]);
	for (size_t which = 0; which < 2; which++) {
		for (size_t cut = 0; cut <= enough[which]; cut++) {
			uint8_t *frame = malloc(cut + !cut);

			memcpy(frame, whole[which], cut);
			assert_int_equal(ask(frame, cut, answer, &len),
					 cut < enough[which] ? -ENOENT : 0);
			free(frame);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_solicitation),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
