// SPDX-License-Identifier: GPL-2.0-or-later
/* diff: what a hop does to undamaged packets; at most one of them is damaged. */
#include "diff_traces.h"

enum { MTU_PAYLOAD = 1448 };

static void test_equal(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		add_ten(kinds[kind], NULL);
		expect((struct counts){ .same = 10 });
		clear_both(NULL);
	}
}

static void test_translated(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		add_ten(kinds[kind], translate);
		expect((struct counts){ .same = 10, .translated = 10 });
		clear_both(NULL);
	}
}

static struct plan wrap(struct plan plan)
{
	plan.vlan = true;
	plan.vxlan = true;
	plan.ttl = 3;
	return plan;
}

static void test_wrapped(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		add_ten(kinds[kind], wrap);
		expect((struct counts){ .same = 10 });
		clear_both(NULL);
	}
}

static void test_empty(void **state)
{
	(void)state;
	expect((struct counts){ 0 });
	add_ten(tcp4, NULL);
	clear(&after);
	expect((struct counts){ .lost = 10 });
	add_ten(udp4, NULL);
	clear(&before);
	expect((struct counts){ .new = 10 });
}

/* The checksum is not finished yet on one side. */
static void test_unfinished(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds) - 1; kind++) {
		for (uint32_t i = 0; i < 10; i++) {
			struct plan plan = kinds[kind](i);

			plan.unfinished = true;
			make(&before, &plan);
			plan = translate(plan);
			plan.unfinished = false;
			make(&after, &plan);
		}
		expect((struct counts){ .same = 10, .translated = 10 });
		clear_both(NULL);
	}
}

static void test_clamped_mss(void **state)
{
	struct plan syn = { .proto = IPPROTO_TCP,
			    .src = 1,
			    .dst = 2,
			    .src_port = 40000,
			    .dst_port = 80,
			    .seq = 77,
			    .flags = 2,
			    .mss = 1460 };

	(void)state;
	make(&before, &syn);
	syn.mss = 1360;
	make(&after, &syn);
	expect((struct counts){ .same = 1 });
}
/* ---- Loss and order ---- */

static void test_lost_and_new(void **state)
{
	struct plan plan;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		plan = i % 3 ? udp_of(i, 300) : tcp_of(i * 300, 300);
		if (i != 20)
			make(&before, &plan);
		if (i % 10)
			make(&after, &plan);
	}
	/* Packets 0 and 10 are lost, 20 is on neither side. Now add a new one. */
	plan = udp_of(50, 300);
	make(&after, &plan);
	expect((struct counts){ .same = 27, .lost = 2, .new = 1 });
}

static void test_copies(void **state)
{
	const struct plan plan = udp_of(1, 100);

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		make(&before, &plan);
	for (uint32_t i = 0; i < 4; i++)
		make(&after, &plan);
	expect((struct counts){ .same = 4, .lost = 1 });
	make(&after, &plan);
	make(&after, &plan);
	expect((struct counts){ .same = 5, .new = 1 });
}

static void test_reordered(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		const struct plan plan = tcp_of(i * 100, 100);

		make(&before, &plan);
	}
	for (size_t i = 0; i < 40; i++)
		copy(&after, &before.frame[(i * 7 + 3) % 40]);
	after.frame[9].data[MAC + V4 + TCP + 50] ^= 1;
	expect((struct counts){ .same = 39, .changed = 1 });
	assert_int_equal(only_change().before, (9 * 7 + 3) % 40 + 1);
}

/* A packet is damaged, dropped by the receiver and sent again: both sides capture it twice. */
static void test_sent_again(void **state)
{
	struct plan plan;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		plan = tcp_of(i * 100, 100);
		make(&before, &plan);
		copy(&after, &before.frame[i]);
	}
	after.frame[3].data[MAC + V4 + TCP + 50] ^= 1;
	plan = tcp_of(300, 100);
	plan.id = 4711;
	plan.ack += 100;
	make(&before, &plan);
	copy(&after, &before.frame[10]);
	expect((struct counts){ .same = 10, .changed = 1 });
	assert_int_equal(only_change().before, 4);

	/* The same, byte for byte. */
	copy(&before, &before.frame[3]);
	copy(&after, &before.frame[3]);
	expect((struct counts){ .same = 11, .changed = 1 });
}

/* ---- Segments ---- */

/* A SYN, from which the flow is learned; then `total` bytes in pieces of `size`. */
static void segments(struct trace *trace, uint32_t total, uint32_t size, bool nat)
{
	struct plan plan = tcp_of(0, 0);

	plan.flags = 2;
	plan.seq--;
	if (nat)
		plan = translate(plan);
	make(trace, &plan);
	for (uint32_t at = 0; at < total; at += size) {
		plan = tcp_of(at, total - at < size ? total - at : size);
		plan.unfinished = size > MTU_PAYLOAD;
		if (nat)
			plan = translate(plan);
		make(trace, &plan);
	}
}

static void test_segmented(void **state)
{
	const uint32_t total = 100000, frames = (total + MTU_PAYLOAD - 1) / MTU_PAYLOAD;
	struct diff_change change;

	(void)state;
	for (unsigned int nat = 0; nat < 2; nat++) {
		segments(&before, total, 65000, false);
		segments(&after, total, MTU_PAYLOAD, nat);
		expect((struct counts){ .same = frames + 1,
					.resegmented = frames,
					.translated = nat ? frames + 1 : 0 });
		after.frame[5].data[MAC + V4 + TCP + 77] ^= 0x20;
		expect((struct counts){ .same = frames,
					.changed = 1,
					.resegmented = frames - 1,
					.translated = nat ? frames : 0 });
		change = only_change();
		assert_int_equal(change.before, 2);
		assert_int_equal(change.after, 6);
		assert_int_equal(change.offset, 77);
		assert_int_equal(change.bits, 1);
		assert_true(change.seen);
		assert_true(change.resegmented);

		/* The same bytes again, in a segment of their own. */
		{
			struct plan again = tcp_of(4 * MTU_PAYLOAD, MTU_PAYLOAD);

			make(&before, &again);
			again = nat ? translate(again) : again;
			make(&after, &again);
		}
		expect((struct counts){ .same = frames + 1,
					.changed = 1,
					.resegmented = frames - 1,
					.translated = nat ? frames + 1 : 0 });
		clear_both(NULL);
	}
}

static void test_merged(void **state)
{
	const uint32_t total = 100000;

	(void)state;
	segments(&before, total, 1000, false);
	segments(&after, total, 10000, true);
	expect((struct counts){ .same = 11, .resegmented = 10, .translated = 11 });
	after.frame[3].data[MAC + V4 + TCP + 4321] ^= 0x20;
	expect((struct counts){ .same = 10,
				.resegmented = 9,
				.translated = 10,
				.changed = 1,
				.unseen = after.count ? 1 : 0 });
	assert_int_equal(only_change().offset, 4321);
	/* A whole merged packet is missing: ten are lost. */
	clear(&after);
	segments(&after, total - 10000, 10000, true);
	expect((struct counts){ .same = 10, .resegmented = 9, .translated = 10, .lost = 10 });
}

static void test_wrapping_sequence(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 20000; at += 10000) {
		struct plan plan = tcp_of(at, 10000);

		plan.seq += 0xffffffff - 7000;
		make(&before, &plan);
	}
	for (uint32_t at = 0; at < 20000; at += 1000) {
		struct plan plan = tcp_of(at, 1000);

		plan.seq += 0xffffffff - 7000;
		make(&after, &plan);
	}
	expect((struct counts){ .same = 20, .resegmented = 20 });
}

/* ---- Captures that keep too little ---- */

static void test_truncated(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		add_ten(kinds[kind], translate);
		for (size_t i = 0; i < 10; i++)
			before.frame[i].captured = 130;
		expect((struct counts){ .same = 10, .translated = 10 });
		after.frame[4].data[110] ^= 4;
		expect((struct counts){ .same = 9, .translated = 9, .changed = 1 });
		after.frame[4].data[110] ^= 4;
		for (size_t i = 0; i < 10; i++)
			after.frame[i].captured = 120;
		expect((struct counts){ .same = 10, .translated = 10 });
		clear_both(NULL);
	}
}

/* A capture that breaks off is compared up to there. */
static void test_broken(void **state)
{
	_cleanup_close_ int before_fd = -1, after_fd = -1;
	_cleanup_(capture_cleanup) struct capture *one = NULL, *two = NULL;
	struct diff diff;
	char path[64];

	(void)state;
	add_ten(tcp4, NULL);
	one = open_trace(&before, false, &before_fd);
	two = open_trace(&after, false, &after_fd);
	capture_cleanup(&two);
	assert_int_equal(ftruncate(after_fd, lseek(after_fd, 0, SEEK_END) - 5), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", after_fd);
	assert_int_equal(capture_open(path, &two), 0);
	assert_int_equal(diff_captures(one, two, &diff), 0);
	assert_string_equal(diff.broken_before.why, "");
	assert_string_not_equal(diff.broken_after.why, "");
	assert_true(diff.broken_after.at > 24);
	assert_int_equal(diff.same, 9);
	assert_int_equal(diff.lost, 1);
	diff_cleanup(&diff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_equal),
		TEST(test_translated),
		TEST(test_wrapped),
		TEST(test_empty),
		TEST(test_unfinished),
		TEST(test_clamped_mss),
		TEST(test_lost_and_new),
		TEST(test_copies),
		TEST(test_reordered),
		TEST(test_sent_again),
		TEST(test_segmented),
		TEST(test_merged),
		TEST(test_wrapping_sequence),
		TEST(test_truncated),
		TEST(test_broken),
	};

	return cmocka_run_group_tests(tests, prepare_bytes, NULL);
}
