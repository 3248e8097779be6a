// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * packet/build.c: packet_judge() finds every frame good, with the requested addresses, ports and
 * flags.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
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
#include "packet/fragments.h"
#include "packet/verdict.h"

#define FRAME 2048
#define PAYLOAD 1400

static uint8_t payload[PAYLOAD];

static const struct kind {
	int family;
	uint8_t proto;
	bool no_check;
	uint16_t mss;
} kinds[] = {
	{ AF_INET, IPPROTO_TCP, false, 0 },  { AF_INET, IPPROTO_TCP, false, 1000 },
	{ AF_INET6, IPPROTO_TCP, false, 0 }, { AF_INET6, IPPROTO_TCP, false, 1000 },
	{ AF_INET, IPPROTO_UDP, false, 0 },  { AF_INET, IPPROTO_UDP, true, 0 },
	{ AF_INET6, IPPROTO_UDP, false, 0 },
};

static struct build make(const struct kind *kind, size_t payload_len)
{
	struct build build = {
		.src_mac = { 2, 0, 0, 0, 0, 1 },
		.dst_mac = { 2, 0, 0, 0, 0, 2 },
		.family = kind->family,
		.proto = kind->proto,
		.src_port = 40000,
		.dst_port = 16384,
		.id = 7,
		.seq = 0xdeadbeef,
		.ack = 0x01020304,
		.tcp_flags = TH_ACK | TH_PUSH,
		.mss = kind->mss,
		.no_check = kind->no_check,
		.payload = payload,
		.payload_len = payload_len,
	};
	bool v4 = kind->family == AF_INET;

	inet_pton(kind->family, v4 ? "192.0.2.2" : "2001:db8::2", build.src);
	inet_pton(kind->family, v4 ? "10.6.0.2" : "fd06::2", build.dst);
	return build;
}

static void fill(unsigned int seed)
{
	for (size_t i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(seed = seed * 1103515245 + 12345, seed >> 16);
}

static void check_frame(const struct kind *kind, const struct build *build, const uint8_t *frame,
			const struct built *built)
{
	struct packet_judgement judged;

	packet_judge(LINK_ETHERNET, frame, built->len, built->len, &judged);
	/* No checksum if the caller wants none. All others have one: 0 is written as 0xffff. */
	assert_int_equal(judged.layer[judged.layer_count - 1].verdict,
			 kind->no_check ? SUM_NONE : SUM_GOOD);
	assert_int_equal(judged.verdict, SUM_GOOD);
	assert_int_equal(judged.reason, REASON_NONE);
	assert_int_equal(judged.flow.family, kind->family);
	assert_int_equal(judged.flow.proto, kind->proto);
	assert_int_equal(judged.flow.src_port, 40000);
	assert_int_equal(judged.flow.dst_port, 16384);
	assert_memory_equal(judged.flow.src, build->src, 16);
	assert_memory_equal(judged.flow.dst, build->dst, 16);
	assert_int_equal(judged.network, built->network);
	assert_int_equal(judged.transport, built->transport);
	assert_int_equal(judged.payload, built->payload);
	assert_int_equal(judged.payload_len, build->payload_len);
	assert_int_equal(judged.layer[judged.layer_count - 1].field, built->field);
	assert_int_equal(built->len, built->payload + build->payload_len);
	assert_memory_equal(frame, build->dst_mac, 6);
	assert_memory_equal(frame + 6, build->src_mac, 6);
	if (build->payload_len)
		assert_memory_equal(frame + built->payload, payload, build->payload_len);
	if (kind->proto != IPPROTO_TCP)
		return;
	assert_int_equal(judged.seq, 0xdeadbeef);
	assert_int_equal(judged.ack, 0x01020304);
	assert_int_equal(judged.tcp_flags, TH_ACK | TH_PUSH);
}

static void test_good(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (size_t len = 0; len <= PAYLOAD; len += len < 40 ? 1 : 97) {
			struct build build = make(&kinds[i], len);
			struct built built;

			fill((unsigned int)(i * PAYLOAD + len));
			assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
			check_frame(&kinds[i], &build, frame, &built);
		}
	}
}

/* A flip of any bit after the IP header makes the frame bad: the sums cover all bytes. */
static void test_every_bit_counts(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct build build = make(&kinds[i], 33);
		struct built built;

		if (kinds[i].no_check)
			continue;
		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		for (size_t bit = built.payload * 8; bit < built.len * 8; bit++) {
			struct packet_judgement judged;

			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
			packet_judge(LINK_ETHERNET, frame, built.len, built.len, &judged);
			assert_int_equal(judged.verdict, SUM_BAD);
			frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

/*
 * A UDP sum that comes out as 0 is sent as 0xffff (RFC 768): found by trying all values of a word.
 */
static void test_udp_zero(void **state)
{
	unsigned int seen = 0;
	uint8_t frame[FRAME];

	(void)state;
	fill(1);
	for (unsigned int word = 0; word <= 0xffff; word++) {
		struct build build = make(&kinds[4], 64);
		struct built built;

		payload[10] = (uint8_t)(word >> 8);
		payload[11] = (uint8_t)word;
		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		assert_false(!frame[built.field] && !frame[built.field + 1]);
		seen += frame[built.field] == 0xff && frame[built.field + 1] == 0xff;
	}
	assert_true(seen >= 1);
}

static void test_hops(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct build build = make(&kinds[i], 10);
		size_t at = kinds[i].family == AF_INET ? 8 : 7;
		struct built built;

		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		assert_int_equal(frame[built.network + at], 64);
		build.hops = 3;
		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		assert_int_equal(frame[built.network + at], 3);
		check_frame(&kinds[i], &build, frame, &built);
	}
}

static void test_too_small(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct build build = make(&kinds[i], 20);
		struct built built, untouched = { .len = 99 };
		uint8_t *frame = malloc(FRAME);

		assert_int_equal(build_frame(&build, frame, FRAME, &built), 0);
		free(frame);
		for (size_t size = 0; size < built.len; size++) {
			frame = malloc(size + !size);
			assert_int_equal(build_frame(&build, frame, size, &untouched), -EMSGSIZE);
			free(frame);
		}
		assert_int_equal(untouched.len, 99);
		frame = malloc(built.len + !built.len);
		assert_int_equal(build_frame(&build, frame, built.len, &built), 0);
		free(frame);
	}
}

/*
 * Cuts a frame at every multiple of `step`. The datagram is judged when the last fragment arrives,
 * in both orders.
 */
static uint8_t verdict_of_parts(const uint8_t *frame, const struct built *built, size_t step,
				bool backwards)
{
	_cleanup_(fragments_cleanup) struct fragments *fragments = NULL;
	size_t all = built->len - built->transport, parts = (all + step - 1) / step;
	uint8_t verdict = SUM_VERDICTS;
	uint64_t given_up = 0;

	assert_int_equal(fragments_new(4, &fragments), 0);
	for (size_t n = 0; n < parts; n++) {
		size_t start = (backwards ? parts - 1 - n : n) * step, len;
		size_t take = start + step < all ? step : all - start;
		struct packet_judgement judged;
		uint8_t fragment[FRAME];
		int rc;

		assert_int_equal(build_fragment(frame, built, start, take, 0xa1b2, fragment,
						sizeof(fragment), &len),
				 0);
		packet_judge(LINK_ETHERNET, fragment, len, len, &judged);
		assert_true(judged.fragment.is);
		assert_int_equal(judged.fragment.first, start == 0);
		assert_int_equal(judged.fragment.last, start + take == all);
		assert_int_equal(judged.fragment.start, start);
		assert_int_equal(judged.fragment.len, take);
		assert_int_equal(judged.fragment.id, 0xa1b2);
		/* An IPv4 fragment's own header is right. */
		assert_int_not_equal(judged.verdict, SUM_BAD);
		rc = fragments_add(fragments, &judged, &given_up);
		assert_int_equal(rc, n + 1 == parts);
		if (rc)
			verdict = judged.verdict;
	}
	assert_int_equal(given_up, 0);
	assert_int_equal(fragments_waiting(fragments), 0);
	return verdict;
}

static void test_fragments(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct build build = make(&kinds[i], 128);
		struct built built;

		if (kinds[i].no_check)
			continue;
		fill(3);
		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		for (size_t step = 32; step < 128; step += 8) {
			assert_int_equal(verdict_of_parts(frame, &built, step, false), SUM_GOOD);
			assert_int_equal(verdict_of_parts(frame, &built, step, true), SUM_GOOD);
		}
		frame[built.payload + 71] ^= 0x04;
		assert_int_equal(verdict_of_parts(frame, &built, 72, false), SUM_BAD);
	}
}

static void test_fragment_limits(void **state)
{
	uint8_t frame[FRAME], fragment[FRAME];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct build build = make(&kinds[i], 100);
		size_t all, len = 99, header;
		struct built built;

		assert_int_equal(build_frame(&build, frame, sizeof(frame), &built), 0);
		all = built.len - built.transport;
		assert_int_equal(build_fragment(frame, &built, 4, 8, 1, fragment, FRAME, &len),
				 -EINVAL);
		assert_int_equal(build_fragment(frame, &built, 0, 0, 1, fragment, FRAME, &len),
				 -EINVAL);
		assert_int_equal(build_fragment(frame, &built, 8, all, 1, fragment, FRAME, &len),
				 -EINVAL);
		header = built.transport + (kinds[i].family == AF_INET ? 0 : 8);
		assert_int_equal(
			build_fragment(frame, &built, 8, 16, 1, fragment, header + 15, &len),
			-EMSGSIZE);
		assert_int_equal(len, 99);
		assert_int_equal(
			build_fragment(frame, &built, 8, 16, 1, fragment, header + 16, &len), 0);
		assert_int_equal(len, header + 16);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_every_bit_counts),
		cmocka_unit_test(test_udp_zero),
		cmocka_unit_test(test_hops),
		cmocka_unit_test(test_too_small),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_fragment_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
