// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every damage pattern: what it changes, what it must not change, whether the checksum sees it, and
 * that the same seed repeats it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet/damage.h"
#include "sum/csum.h"

#define GUARD 0xc5
#define MARGIN 16

/* A payload between two guarded margins, and a copy of it. */
struct payload {
	uint8_t frame[MARGIN + 1500 + MARGIN];
	uint8_t before[1500];
	uint8_t *data;
	size_t len;
};

static void fill(struct payload *payload, size_t len, uint64_t seed)
{
	payload->data = payload->frame + MARGIN;
	payload->len = len;
	memset(payload->frame, GUARD, sizeof(payload->frame));
	for (size_t i = 0; i < len; i++)
		payload->data[i] = (uint8_t)damage_random(seed, i);
	memcpy(payload->before, payload->data, len);
}

static void assert_margins(const struct payload *payload)
{
	for (size_t i = 0; i < MARGIN; i++)
		assert_int_equal(payload->frame[i], GUARD);
	for (size_t i = payload->len; i < sizeof(payload->frame) - MARGIN; i++)
		assert_int_equal(payload->data[i], GUARD);
}

static unsigned int bits_changed(const struct payload *payload)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < payload->len; i++)
		bits += (unsigned int)__builtin_popcount(payload->before[i] ^ payload->data[i]);
	return bits;
}

static bool checksum_equal(const struct payload *payload)
{
	return csum_add(0, payload->before, payload->len) ==
	       csum_add(0, payload->data, payload->len);
}

static struct damage_spec spec_of(enum damage_kind kind)
{
	return (struct damage_spec){ .kind = kind,
				     .stride = 16,
				     .phase = 7,
				     .bit = 2,
				     .burst = 9,
				     .offset = -1,
				     .seed = 42 };
}

static void names(void **state)
{
	(void)state;
	for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
		assert_non_null(damage_meanings[kind]);
		assert_non_null(damage_names[kind]);
	}
	assert_null(damage_meanings[DAMAGE_KINDS]);
	assert_null(damage_names[DAMAGE_KINDS]);
}

/*
 * All kinds, all lengths up to more than two windows: the count is right, nothing outside changes.
 */
static void counts_and_margins(void **state)
{
	struct payload payload;

	(void)state;
	for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
		struct damage_spec spec = spec_of((enum damage_kind)kind);

		for (size_t len = 0; len < 600; len++) {
			unsigned int changed;

			fill(&payload, len, len);
			changed = damage_payload(&spec, len, payload.data, len);
			assert_int_equal(changed, bits_changed(&payload));
			assert_margins(&payload);
			if (damage_unseen[kind])
				assert_true(checksum_equal(&payload));
		}
	}
}

static void repeats_by_seed(void **state)
{
	struct payload one, two;
	bool differs;

	(void)state;
	for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
		struct damage_spec spec = spec_of((enum damage_kind)kind);
		bool everywhere = kind == DAMAGE_STUCK0 || kind == DAMAGE_STUCK1;

		fill(&one, 1400, 1);
		fill(&two, 1400, 1);
		damage_payload(&spec, 5, one.data, 1400);
		damage_payload(&spec, 5, two.data, 1400);
		assert_memory_equal(one.data, two.data, 1400);

		differs = false;
		for (uint64_t n = 6; n < 10 && !differs; n++) {
			fill(&two, 1400, 1);
			damage_payload(&spec, n, two.data, 1400);
			differs = memcmp(one.data, two.data, 1400);
		}
		assert_true(differs != everywhere);

		spec.seed++;
		fill(&two, 1400, 1);
		damage_payload(&spec, 5, two.data, 1400);
		assert_true(!memcmp(one.data, two.data, 1400) == everywhere);
	}
}

/* A change would break every recorded --seed, so the values are fixed here. */
static void random_is_pinned(void **state)
{
	(void)state;
	assert_true(damage_random(0, 0) == 0xa706dd2f4d197e6full);
	assert_true(damage_random(1, 2) == 0xbcd9dbb49673066bull);
	assert_true(damage_random(2, 1) != damage_random(1, 2));
}

static void flip_is_one_bit_and_seen(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_FLIP);
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 4000; n++) {
		fill(&payload, 1 + n % 1500, n);
		assert_int_equal(damage_payload(&spec, n, payload.data, payload.len), 1);
		assert_int_equal(bits_changed(&payload), 1);
		assert_false(checksum_equal(&payload));
	}
}

static void flip_reaches_every_byte(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_FLIP);
	unsigned int hits[601] = { 0 };
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 60000; n++) {
		fill(&payload, sizeof(hits) / sizeof(hits[0]), 0);
		damage_payload(&spec, n, payload.data, payload.len);
		for (size_t i = 0; i < payload.len; i++)
			hits[i] += payload.data[i] != payload.before[i];
	}
	for (size_t i = 0; i < sizeof(hits) / sizeof(hits[0]); i++)
		assert_in_range(hits[i], 20, 250);
}

static void flip_at_a_fixed_place(void **state)
{
	static const int offsets[] = { 0, 1, 255, 256, 257, 1398, 1399 };
	struct damage_spec spec = spec_of(DAMAGE_FLIP);
	struct payload payload;

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		spec.offset = offsets[i];
		fill(&payload, 1400, i);
		assert_int_equal(damage_payload(&spec, i, payload.data, 1400), 1);
		assert_int_equal(payload.data[offsets[i]], payload.before[offsets[i]] ^ 0x04);
	}
	spec.offset = 1400;
	assert_int_equal(damage_payload(&spec, 0, payload.data, 1400), 0);
	spec.offset = 5;
	assert_int_equal(damage_payload(&spec, 0, payload.data, 5), 0);
}

/* The bad switch: bit 0x04 reads 0 at payload offsets 7, 23, 39, 55, ... and nowhere else. */
static void stuck_signature(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_STUCK0);
	struct payload payload;

	(void)state;
	fill(&payload, 1448, 9);
	memset(payload.data, 0xff, 1448);
	memset(payload.before, 0xff, 1448);
	assert_int_equal(damage_payload(&spec, 0, payload.data, 1448), 1448 / 16 + 1);
	for (size_t i = 0; i < 1448; i++)
		assert_int_equal(payload.data[i], i % 16 == 7 ? 0xfb : 0xff);
	assert_false(checksum_equal(&payload));

	/* A bit that reads 0 already does not change: a second pass changes nothing. */
	assert_int_equal(damage_payload(&spec, 0, payload.data, 1448), 0);

	spec.kind = DAMAGE_STUCK1;
	assert_int_equal(damage_payload(&spec, 0, payload.data, 1448), 1448 / 16 + 1);
	assert_memory_equal(payload.data, payload.before, 1448);
}

/* A stride that does not divide the window keeps its phase from one window to the next. */
static void stuck_across_windows(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_STUCK1);
	struct payload payload;

	(void)state;
	for (uint32_t stride = 1; stride <= DAMAGE_WINDOW; stride += 5) {
		spec.stride = stride;
		spec.phase = stride / 2;
		fill(&payload, 1100, 0);
		memset(payload.data, 0, 1100);
		damage_payload(&spec, 0, payload.data, 1100);
		for (size_t i = 0; i < 1100; i++)
			assert_int_equal(payload.data[i], i % stride == spec.phase ? 4 : 0);
	}
}

static void stuck_refuses_nonsense(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_STUCK1);
	uint8_t data[64] = { 0 };

	(void)state;
	spec.stride = 0;
	assert_int_equal(damage_payload(&spec, 0, data, sizeof(data)), 0);
	spec.stride = DAMAGE_WINDOW + 1;
	assert_int_equal(damage_payload(&spec, 0, data, sizeof(data)), 0);
	spec.stride = 7;
	spec.phase = 7;
	assert_int_equal(damage_payload(&spec, 0, data, sizeof(data)), 0);
}

static void swap16_is_unseen(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_SWAP16);
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 2000; n++) {
		unsigned int words = 0;

		fill(&payload, 64 + n % 1400, n);
		assert_true(damage_payload(&spec, n, payload.data, payload.len) > 0);
		assert_true(checksum_equal(&payload));
		for (size_t i = 0; i + 1 < payload.len; i += 2)
			words += memcmp(payload.data + i, payload.before + i, 2) != 0;
		assert_int_equal(words, 2);
	}
}

/* Two bits, 16-bit words apart, one up and one down. */
static void compensate_is_unseen(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_COMPENSATE);
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 2000; n++) {
		unsigned int up = 0, down = 0;

		fill(&payload, 64 + n % 1400, n);
		assert_int_equal(damage_payload(&spec, n, payload.data, payload.len), 2);
		assert_true(checksum_equal(&payload));
		for (size_t i = 0; i < payload.len; i++) {
			up += payload.data[i] > payload.before[i];
			down += payload.data[i] < payload.before[i];
		}
		assert_int_equal(up, 1);
		assert_int_equal(down, 1);
	}
}

/* If all words are equal, there is nothing to swap, and no pair that cancels. */
static void uniform_payload(void **state)
{
	struct damage_spec swap = spec_of(DAMAGE_SWAP16), pair = spec_of(DAMAGE_COMPENSATE);
	uint8_t data[300];

	(void)state;
	memset(data, 'a', sizeof(data));
	for (uint64_t n = 0; n < 50; n++) {
		assert_int_equal(damage_payload(&swap, n, data, sizeof(data)), 0);
		assert_int_equal(damage_payload(&pair, n, data, sizeof(data)), 0);
	}
	/* A single different word is found at any place. */
	for (size_t i = 0; i < 256; i++) {
		data[i] = 'b';
		assert_int_equal(damage_payload(&pair, i, data, 256), 2);
		memset(data, 'a', sizeof(data));
	}
}

static void burst_is_a_row(void **state)
{
	struct damage_spec spec = spec_of(DAMAGE_BURST);
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 3000; n++) {
		size_t first = SIZE_MAX, last = 0;

		spec.burst = 1 + n % DAMAGE_RUN;
		fill(&payload, 8 + n % 900, n);
		assert_int_equal(damage_payload(&spec, n, payload.data, payload.len), spec.burst);
		for (size_t i = 0; i < payload.len * 8; i++) {
			if (!((payload.data[i / 8] ^ payload.before[i / 8]) & 0x80 >> i % 8))
				continue;
			first = first == SIZE_MAX ? i : first;
			last = i;
		}
		assert_int_equal(last - first + 1, spec.burst);
	}
	spec.burst = DAMAGE_RUN;
	fill(&payload, 3, 0);
	assert_int_equal(damage_payload(&spec, 0, payload.data, 3), 24);
}

static void zero_and_random_stay_in_their_run(void **state)
{
	struct payload payload;

	(void)state;
	for (uint64_t n = 0; n < 2000; n++) {
		struct damage_spec spec = spec_of(n % 2 ? DAMAGE_ZERO : DAMAGE_RANDOM);
		size_t first = SIZE_MAX, last = 0;

		fill(&payload, 65 + n % 1400, n);
		assert_true(damage_payload(&spec, n, payload.data, payload.len) > 100);
		for (size_t i = 0; i < payload.len; i++) {
			if (payload.data[i] == payload.before[i])
				continue;
			first = first == SIZE_MAX ? i : first;
			last = i;
			if (spec.kind == DAMAGE_ZERO)
				assert_int_equal(payload.data[i], 0);
		}
		assert_in_range(last - first + 1, DAMAGE_RUN - 8, DAMAGE_RUN);
	}
}

static void tiny_payloads(void **state)
{
	struct damage_spec spec;
	uint8_t data[3];

	(void)state;
	for (int kind = 0; kind < DAMAGE_KINDS; kind++) {
		spec = spec_of((enum damage_kind)kind);
		assert_int_equal(damage_payload(&spec, 0, NULL, 0), 0);
	}
	/* No two whole words: nothing to swap. */
	spec = spec_of(DAMAGE_SWAP16);
	memcpy(data, "abc", 3);
	for (size_t len = 1; len <= 3; len++)
		assert_int_equal(damage_payload(&spec, 1, data, len), 0);
	assert_memory_equal(data, "abc", 3);
	spec = spec_of(DAMAGE_FLIP);
	assert_int_equal(damage_payload(&spec, 1, data, 1), 1);
	assert_memory_equal(data + 1, "bc", 2);
	spec = spec_of(DAMAGE_ZERO);
	assert_int_equal(damage_payload(&spec, 1, data, 2) > 0, 1);
	assert_memory_equal(data, "\0\0c", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(counts_and_margins),
		cmocka_unit_test(repeats_by_seed),
		cmocka_unit_test(random_is_pinned),
		cmocka_unit_test(flip_is_one_bit_and_seen),
		cmocka_unit_test(flip_reaches_every_byte),
		cmocka_unit_test(flip_at_a_fixed_place),
		cmocka_unit_test(stuck_signature),
		cmocka_unit_test(stuck_across_windows),
		cmocka_unit_test(stuck_refuses_nonsense),
		cmocka_unit_test(swap16_is_unseen),
		cmocka_unit_test(compensate_is_unseen),
		cmocka_unit_test(uniform_payload),
		cmocka_unit_test(burst_is_a_row),
		cmocka_unit_test(zero_and_random_stay_in_their_run),
		cmocka_unit_test(tiny_payloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
