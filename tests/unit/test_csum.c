// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Internet checksum, compared with the example in RFC 1071 and with a very simple loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet/damage.h"
#include "sum/csum.h"

/* RFC 1071 section 3. */
static const uint8_t rfc[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

static uint16_t plain(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void rfc_example(void **state)
{
	(void)state;
	assert_int_equal(csum_add(0, rfc, sizeof(rfc)), 0xddf2);
	assert_int_equal(csum_add(0, rfc, 2), 0x0001);
	assert_int_equal(csum_add(csum_add(0, rfc, 4), rfc + 4, 4), 0xddf2);
}

static void odd_and_empty(void **state)
{
	(void)state;
	assert_int_equal(csum_add(0, NULL, 0), 0);
	assert_int_equal(csum_add(0x1234, NULL, 0), 0x1234);
	assert_int_equal(csum_add(0, "\xab", 1), 0xab00);
	assert_int_equal(csum_add(0, "\x01\x02\x03", 3), 0x0402);
	assert_int_equal(csum_add(0xffff, "\x00\x00", 2), 0xffff);
	assert_int_equal(csum_add(0xffff, "\x00\x01", 2), 0x0001);
}

static void equals_plain_loop(void **state)
{
	uint8_t data[700];

	(void)state;
	for (uint64_t run = 0; run < 3000; run++) {
		size_t at = damage_random(1, run) % 9;
		size_t len = damage_random(2, run) % (sizeof(data) - 8);

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = run % 7 ? (uint8_t)damage_random(run, i) : 0xff;
		assert_int_equal(csum_add(0, data + at, len), plain(data + at, len));
	}
}

static void sixty_four_kilobytes_of_ones(void **state)
{
	static uint8_t data[65535];

	(void)state;
	memset(data, 0xff, sizeof(data));
	assert_int_equal(csum_add(0, data, sizeof(data)), plain(data, sizeof(data)));
	assert_int_equal(csum_add(0, data, 65534), 0xffff);
}

static void plus_and_minus(void **state)
{
	(void)state;
	assert_int_equal(csum_plus(0xffff, 1), 1);
	assert_int_equal(csum_plus(0x8000, 0x8000), 1);
	assert_int_equal(csum_minus(5, 3), 2);
	for (uint32_t i = 0; i < 5000; i++) {
		uint16_t a = (uint16_t)damage_random(3, i) | 1, b = (uint16_t)damage_random(4, i);

		assert_int_equal(csum_minus(csum_plus(a, b), b), a);
	}
}

/* 10.0.0.1 to 10.0.0.2, TCP, 20 bytes, and the same shape in IPv6. */
static void pseudo_header(void **state)
{
	static const uint8_t src[16] = { 10, 0, 0, 1 }, dst[16] = { 10, 0, 0, 2 };
	static const uint8_t header[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 20 };
	uint8_t header6[40] = { 0 };

	(void)state;
	assert_int_equal(csum_pseudo(src, dst, 4, 6, 20), plain(header, sizeof(header)));
	memcpy(header6, src, 16);
	memcpy(header6 + 16, dst, 16);
	header6[33] = 0x01; /* 0x00010203 bytes long, UDP */
	header6[34] = 0x02;
	header6[35] = 0x03;
	header6[39] = 17;
	assert_int_equal(csum_pseudo(src, dst, 16, 17, 0x00010203),
			 plain(header6, sizeof(header6)));
}

/* An IPv4 header that includes its checksum sums to all ones. */
static void verifies_a_real_header(void **state)
{
	static const uint8_t header[] = { 0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
					  0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
					  0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7 };

	(void)state;
	assert_int_equal(csum_add(0, header, sizeof(header)), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_example),
		cmocka_unit_test(odd_and_empty),
		cmocka_unit_test(equals_plain_loop),
		cmocka_unit_test(sixty_four_kilobytes_of_ones),
		cmocka_unit_test(plus_and_minus),
		cmocka_unit_test(pseudo_header),
		cmocka_unit_test(verifies_a_real_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
