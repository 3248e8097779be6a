// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bpf/corrupt.bpf.c, run by the kernel over single frames (BPF_PROG_TEST_RUN). Skipped without
 * root.
 */
#include <bpf/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "bpf/corrupt.h"

enum { ETHERNET = 14, V4 = 20, UDP = 8, TCP = 20, PAYLOAD = 16 };

struct frame {
	uint8_t byte[128];
	size_t len;
};

/* Ethernet, IPv4, and `len` bytes of protocol `proto`, all of them 0. */
static struct frame frame_of(uint8_t proto, size_t len)
{
	struct frame frame = { .len = ETHERNET + V4 + len };

	frame.byte[12] = 0x08;
	frame.byte[ETHERNET] = 0x45;
	frame.byte[ETHERNET + 3] = (uint8_t)(V4 + len);
	frame.byte[ETHERNET + 8] = 64;
	frame.byte[ETHERNET + 9] = proto;
	return frame;
}

static struct frame udp_of(uint8_t len)
{
	struct frame frame = frame_of(17, UDP + PAYLOAD);

	frame.byte[ETHERNET + V4 + 5] = len;
	return frame;
}

static struct frame tcp_of(uint8_t words)
{
	struct frame frame = frame_of(6, TCP + PAYLOAD);

	frame.byte[ETHERNET + V4 + 12] = (uint8_t)(words << 4);
	return frame;
}

static const char *match_text; /* NULL: every packet */

/* Bit 0 of every payload byte becomes 1. Returns the bytes that changed; *ret_first is where. */
static size_t run_filter(const struct frame *frame, struct corrupt_state *ret_state,
			 size_t *ret_first)
{
	struct corrupt_config config = {
		.spec = { .kind = DAMAGE_STUCK1, .stride = 1 },
		.threshold = UINT64_MAX,
		.link_header = ETHERNET,
	};
	struct frame after = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->byte,
		    .data_size_in = (uint32_t)frame->len, .data_out = after.byte,
		    .data_size_out = sizeof(after.byte));
	struct corrupt_bpf *corrupt;
	size_t changed = 0;

	if (match_text)
		assert_int_equal(match_parse(match_text, &config.match), 0);
	if (corrupt_load(&config, &corrupt)) {
		print_message("skipped: %s\n", fail_text());
		skip();
	}
	assert_int_equal(bpf_prog_test_run_opts(corrupt_fd(corrupt), &opts), 0);
	assert_int_equal(corrupt_read(corrupt, ret_state), 0);
	corrupt_free(corrupt);
	for (size_t i = frame->len; i-- > 0;) {
		if (frame->byte[i] == after.byte[i])
			continue;
		changed++;
		*ret_first = i;
	}
	return changed;
}

static void expect_damage(const struct frame *frame, size_t first, size_t len)
{
	struct corrupt_state after;
	size_t at = 0;

	assert_int_equal(run_filter(frame, &after, &at), len);
	assert_int_equal(at, first);
	assert_int_equal(after.matched, 1);
	assert_int_equal(after.fate[CORRUPT_DONE], 1);
	assert_int_equal(after.bits, len);
}

static void expect_unchanged(const struct frame *frame)
{
	struct corrupt_state after;
	size_t at;

	assert_int_equal(run_filter(frame, &after, &at), 0);
	assert_int_equal(after.matched, 0);
}

static void test_tcp_payload(void **state)
{
	const struct frame plain = tcp_of(5), options = tcp_of(7);

	(void)state;
	expect_damage(&plain, ETHERNET + V4 + TCP, PAYLOAD);
	expect_damage(&options, ETHERNET + V4 + TCP + 8, PAYLOAD - 8);
}

static void test_tcp_header_too_short(void **state)
{
	(void)state;
	for (uint8_t words = 0; words < 5; words++) {
		const struct frame frame = tcp_of(words);

		expect_unchanged(&frame);
	}
}

/* Bytes of the IP packet after the datagram's end are padding. */
static void test_udp_payload_without_padding(void **state)
{
	const struct frame whole = udp_of(UDP + PAYLOAD), padded = udp_of(UDP + 5);

	(void)state;
	expect_damage(&whole, ETHERNET + V4 + UDP, PAYLOAD);
	expect_damage(&padded, ETHERNET + V4 + UDP, 5);
}

static void test_udp_length_that_does_not_fit(void **state)
{
	const struct frame zero = udp_of(0), shorter = udp_of(UDP - 1),
			   longer = udp_of(UDP + PAYLOAD + 1);

	(void)state;
	expect_unchanged(&zero);
	expect_unchanged(&shorter);
	expect_unchanged(&longer);
}

/* What test_match.c walks through in user space, the program walks through in the kernel. */
static void test_match(void **state)
{
	static const struct {
		const char *text;
		bool tcp, udp;
	} rows[] = {
		{ "tcp or udp", true, true },
		{ "not udp", true, false },
		{ "not (tcp or port 9)", false, true },
		{ "ip6 or udp", false, true },
		{ "not ip", false, false },
		{ "not ip6 and (tcp or udp dst port 7)", true, false },
		{ "host 0.0.0.0 and not host 10.0.0.1", true, true },
		{ "src host ::1 or not dst host 0.0.0.0", false, false },
		{ "port 1 or port 2 or port 3 or port 4 or port 5 or port 6 or port 7 or port 8 or port 9 "
		  "or port 10 or port 11 or port 12 or port 13 or port 14 or port 15 or udp",
		  false, true },
	};
	const struct frame tcp = tcp_of(5), udp = udp_of(UDP + PAYLOAD);
	struct corrupt_state after;
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		match_text = rows[i].text;
		assert_int_equal(run_filter(&tcp, &after, &at), rows[i].tcp ? PAYLOAD : 0);
		assert_int_equal(after.matched, rows[i].tcp);
		assert_int_equal(run_filter(&udp, &after, &at), rows[i].udp ? PAYLOAD : 0);
		assert_int_equal(after.matched, rows[i].udp);
	}
	match_text = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_payload),
		cmocka_unit_test(test_tcp_header_too_short),
		cmocka_unit_test(test_udp_payload_without_padding),
		cmocka_unit_test(test_udp_length_that_does_not_fit),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
