// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * probe/tunnel.c: writes outer headers as in RFC 7348, and answers with the same kind; inner damage
 * is damage for the outer sum, too; it takes only VXLAN packets for VXLAN, and reads nothing after
 * their end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "packet/build.h"
#include "probe/tunnel.h"

#define SIZE 600
#define VNI 0x123456
#define FLIP 60 /* in the inner frame's payload */

static const uint8_t inner_mac[2][6] = { { 2, 1 }, { 2, 2 } },
		     outer_mac[2][6] = { { 2, 3 }, { 2, 4 } };
static const uint8_t text[] = "what a container shall read of a letter, which is not short.";

/* Tunnels to answer: packets as the host's VTEP sends them. */
static const struct row {
	int family;
	uint16_t port;
	bool no_check;
} rows[] = {
	{ AF_INET, 4789, false },  { AF_INET, 4789, true },  { AF_INET6, 4789, false },
	{ AF_INET6, 4789, true },  { AF_INET, 8472, false }, { AF_INET, 9999, false },
	{ AF_INET6, 9999, false }, { AF_INET6, 9999, true },
};

static size_t make_inner(uint8_t frame[SIZE])
{
	struct build build = {
		.family = AF_INET,
		.proto = IPPROTO_UDP,
		.src = { 192, 0, 2, 2 },
		.dst = { 10, 6, 0, 2 },
		.src_port = 0x4000,
		.dst_port = 33000,
		.payload = text,
		.payload_len = sizeof(text),
	};
	struct built built;

	memcpy(build.src_mac, inner_mac[0], 6);
	memcpy(build.dst_mac, inner_mac[1], 6);
	assert_int_equal(build_frame(&build, frame, SIZE, &built), 0);
	return built.len;
}

static struct tunnel make_tunnel(const struct row *row)
{
	struct tunnel tunnel = {
		.family = row->family,
		.src_port = 50000,
		.dst_port = row->port,
		.vni = VNI,
		.no_check = row->no_check,
	};

	memset(tunnel.src, 0x11, row->family == AF_INET ? 4 : 16);
	memset(tunnel.dst, 0x22, row->family == AF_INET ? 4 : 16);
	memcpy(tunnel.src_mac, outer_mac[0], 6);
	memcpy(tunnel.dst_mac, outer_mac[1], 6);
	return tunnel;
}

/* Makes an inner frame in outer headers, and applies `damage` to one of its bytes. */
static size_t wrap(const struct row *row, uint8_t damage, uint8_t frame[SIZE])
{
	struct tunnel tunnel = make_tunnel(row);
	uint8_t intact[SIZE], sent[SIZE];
	size_t inner_len = make_inner(intact), len = 0;

	memcpy(sent, intact, inner_len);
	sent[FLIP] ^= damage;
	assert_int_equal(tunnel_wrap(&tunnel, intact, sent, inner_len, frame, SIZE, &len), 0);
	return len;
}

static size_t outer_head_len(const struct row *row)
{
	return row->family == AF_INET ? TUNNEL_HEAD_V4 : TUNNEL_HEAD_V6;
}

static void test_layout(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[SIZE], inner[SIZE];
		size_t len = wrap(&rows[i], 0, frame), inner_len = make_inner(inner);
		const uint8_t *vxlan = frame + outer_head_len(&rows[i]) - 8, *udp = vxlan - 8;
		static const uint8_t want[8] = { 0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0 };

		assert_int_equal(len, outer_head_len(&rows[i]) + inner_len);
		assert_memory_equal(frame, outer_mac[1], 6);
		assert_memory_equal(frame + 6, outer_mac[0], 6);
		assert_memory_equal(vxlan, want, sizeof(want));
		assert_int_equal(udp[0] << 8 | udp[1], 50000);
		assert_int_equal(udp[2] << 8 | udp[3], rows[i].port);
		assert_int_equal(udp[4] << 8 | udp[5], 16 + inner_len);
		assert_int_equal(udp[6] || udp[7], !rows[i].no_check);
		assert_memory_equal(vxlan + 8, inner, inner_len);
	}
}

/* If there are two sums, both see the damage. */
static void test_damage(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (unsigned int damaged = 0; damaged < 2; damaged++) {
			uint8_t frame[SIZE];
			size_t len = wrap(&rows[i], damaged ? 0x04 : 0, frame);
			enum sum_verdict want = damaged ? SUM_BAD : SUM_GOOD;
			struct packet_judgement judged;
			size_t outer = rows[i].family == AF_INET ? 1 : 0; /* its UDP layer */

			packet_judge(LINK_ETHERNET, frame, len, len, &judged);
			if (!rows[i].no_check)
				assert_int_equal(judged.layer[outer].verdict, want);
			else if (rows[i].port != 9999)
				assert_int_equal(judged.layer[outer].verdict, SUM_NONE);
			if (rows[i].port == 9999)
				continue; /* an unknown port: the inner packet is not judged */
			assert_int_equal(judged.layer[judged.layer_count - 1].verdict, want);
		}
	}
}

/* The tunnel that is read from a packet contains what is needed to answer it. */
static void test_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct tunnel there = make_tunnel(&rows[i]), back = { 0 };
		uint8_t frame[SIZE] = { 0 }, inner[SIZE];
		size_t len = wrap(&rows[i], 0, frame), inner_len = make_inner(inner), at, at_len;

		/* Ethernet's padding is not the inner frame's. */
		assert_int_equal(tunnel_open(frame, len + 9, rows[i].port, &back, &at, &at_len), 0);
		assert_int_equal(at, outer_head_len(&rows[i]));
		assert_int_equal(at_len, inner_len);
		assert_int_equal(back.family, there.family);
		assert_memory_equal(back.src, there.dst, 16);
		assert_memory_equal(back.dst, there.src, 16);
		assert_memory_equal(back.src_mac, there.dst_mac, 6);
		assert_memory_equal(back.dst_mac, there.src_mac, 6);
		assert_int_equal(back.dst_port, rows[i].port);
		assert_int_equal(back.vni, VNI);
		assert_int_equal(back.no_check, rows[i].no_check);
		assert_int_equal(tunnel_open(frame, len, 4788, &back, &at, &at_len), -ENOENT);
	}
}

static void test_options(void **state)
{
	uint8_t frame[SIZE], with[SIZE] = { 0 };
	size_t len = wrap(&rows[0], 0, frame), at, at_len, inner_len = len - TUNNEL_HEAD_V4;
	struct tunnel back;

	(void)state;
	memcpy(with, frame, 34);
	memcpy(with + 38, frame + 34, len - 34);
	with[14] = 0x46;
	with[17] = (uint8_t)(with[17] + 4);
	assert_int_equal(tunnel_open(with, len + 4, 4789, &back, &at, &at_len), 0);
	assert_int_equal(at, TUNNEL_HEAD_V4 + 4);
	assert_int_equal(at_len, inner_len);
}

/* Each of these bytes makes it a different packet. Offsets from the frame's first byte, IPv4. */
static const struct {
	size_t at;
	uint8_t value;
} others[] = {
	{ 12, 0x86 }, /* an unassigned EtherType */
	{ 14, 0x55 }, /* IP version 5 */
	{ 14, 0x44 }, /* a header shorter than one */
	{ 14, 0x4f }, /* a header longer than the packet */
	{ 16, 0xff }, /* a length beyond the packet */
	{ 20, 0x20 }, /* more fragments */
	{ 21, 0x01 }, /* a later fragment */
	{ 23, IPPROTO_TCP }, { 37, 0x00 }, /* another port */
	{ 38, 0xff }, /* UDP's length beyond the packet */
	{ 42, 0x00 }, /* no VNI */
};

static void test_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		uint8_t frame[SIZE];
		size_t len = wrap(&rows[0], 0, frame), at, at_len;
		struct tunnel back;
		int rc;

		/* The datagram is shorter than a header of 15 words. */
		if (others[i].value == 0x4f)
			frame[16] = 0, frame[17] = 40;
		frame[others[i].at] = others[i].value;
		rc = tunnel_open(frame, len, 4789, &back, &at, &at_len);
		if (rc != -ENOENT)
			fail_msg("row %zu: %d", i, rc);
	}
}

/* Uses memory of just that size, so that a sanitizer sees a read past the end. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[SIZE];
		size_t len = wrap(&rows[i], 0, frame), at, at_len;
		struct tunnel back;

		for (size_t cut = 0; cut < len; cut++) {
			_cleanup_free_ uint8_t *copy = malloc(cut + !cut);

			memcpy(copy, frame, cut);
			assert_int_equal(tunnel_open(copy, cut, rows[i].port, &back, &at, &at_len),
					 -ENOENT);
		}
	}
}

static void judge(const struct row *row, const uint8_t *frame, size_t len,
		  struct packet_judgement *ret)
{
	struct tunnel back;
	size_t at, at_len;

	assert_int_equal(tunnel_open(frame, len, row->port, &back, &at, &at_len), 0);
	tunnel_judge(frame, len, at, at_len, ret);
	assert_int_equal(ret->flow.src_port, 0x4000);
	assert_int_equal(ret->flow.dst_port, 33000);
}

/* The verdict is about the inner and the outer sum, for any port. */
static void test_judge(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t frame[SIZE];
		size_t len = wrap(&rows[i], 0, frame), vni = outer_head_len(&rows[i]) - 4;
		struct packet_judgement judged;

		judge(&rows[i], frame, len, &judged);
		assert_int_equal(judged.verdict, SUM_GOOD);
		/* Covered by the outer sum only. */
		frame[vni] ^= 0x01;
		judge(&rows[i], frame, len, &judged);
		assert_int_equal(judged.verdict, rows[i].no_check ? SUM_GOOD : SUM_BAD);
		if (!rows[i].no_check) {
			assert_int_equal(judged.layer[judged.layer_count - 1].kind, LAYER_UDP);
			assert_int_equal(judged.layer[judged.layer_count - 1].verdict, SUM_BAD);
		}
		len = wrap(&rows[i], 0x04, frame);
		judge(&rows[i], frame, len, &judged);
		assert_int_equal(judged.verdict, SUM_BAD);
	}
}

static void test_too_small(void **state)
{
	struct tunnel tunnel = make_tunnel(&rows[0]);
	uint8_t inner[SIZE], frame[SIZE], large[3000] = { 0 };
	size_t inner_len = make_inner(inner), len = 7;

	(void)state;
	assert_int_equal(tunnel_wrap(&tunnel, inner, inner, inner_len, frame,
				     TUNNEL_HEAD_V4 + inner_len - 1, &len),
			 -EMSGSIZE);
	assert_int_equal(tunnel_wrap(&tunnel, large, large, sizeof(large), frame, SIZE, &len),
			 -EMSGSIZE);
	assert_int_equal(len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_open),   cmocka_unit_test(test_options),
		cmocka_unit_test(test_others), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_judge),  cmocka_unit_test(test_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
