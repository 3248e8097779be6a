// SPDX-License-Identifier: GPL-2.0-or-later
/* diff: finds damage of every kind, bit by bit, and no pairs in unrelated captures. */
#include "diff_traces.h"

#ifndef ANYTHING
#define ANYTHING 100 /* rounds of arbitrary packets, which the comparison must survive */
#endif

/* ---- Damage ---- */

static struct diff_change damage_one(kind_fn kind, const struct damage_spec *spec, uint32_t n,
				     struct plan (*change)(struct plan))
{
	struct plan plan;
	struct diff_change found;
	unsigned int bits;

	add_ten(kind, change);
	plan = kind(n);
	bits = damage_payload(spec, 3, after.frame[n].data + payload_at(&plan), plan.len);
	assert_true(bits > 0);
	found = only_change();
	expect((struct counts){
		.same = 9, .changed = 1, .unseen = !found.seen, .translated = change ? 9 : 0 });
	assert_int_equal(found.bits, bits);
	assert_int_equal(found.before, n + 1);
	assert_int_equal(found.after, n + 1);
	assert_int_equal(found.after_ns, n * 1000000000ll);
	assert_int_equal(found.where, DIFF_PAYLOAD);
	assert_int_equal(found.was, before.frame[n].data[payload_at(&plan) + found.offset]);
	assert_int_equal(found.is, after.frame[n].data[payload_at(&plan) + found.offset]);
	assert_int_not_equal(found.was, found.is);
	clear_both(NULL);
	return found;
}

static void test_each_damage(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (uint32_t damage = 0; damage < DAMAGE_KINDS; damage++) {
			const struct damage_spec spec = { .kind = damage,
							  .stride = 16,
							  .phase = 7,
							  .bit = 2,
							  .burst = 9,
							  .offset = -1,
							  .seed = kind };

			struct diff_change plain = damage_one(kinds[kind], &spec, 4, NULL);
			struct diff_change nat = damage_one(kinds[kind], &spec, 0, translate);

			assert_int_equal(plain.seen, !damage_unseen[damage]);
			assert_int_equal(nat.seen, !damage_unseen[damage]);
		}
	}
}

/* A device computes the checksum after the damage. */
static void test_laundered(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		struct diff_change change;

		for (uint32_t i = 0; i < 10; i++) {
			struct plan plan = kinds[kind](i);

			plan.unfinished = true;
			make(&before, &plan);
			plan.unfinished = false;
			bytes[100 + plan.payload - bytes] ^= i == 5 ? 0x10 : 0;
			make(&after, &plan);
			bytes[100 + plan.payload - bytes] ^= i == 5 ? 0x10 : 0;
		}
		change = only_change();
		assert_int_equal(change.after, 6);
		assert_int_equal(change.offset, 100);
		assert_int_equal(change.bits, 1);
		expect((struct counts){ .same = 9, .changed = 1, .unseen = 1 });
		clear_both(NULL);
	}
}

/* If an ICMP error does not quote an IP packet, hops rewrite nothing in it: every byte counts. */
static void test_quoted_bytes(void **state)
{
	(void)state;
	for (uint32_t at = 0; at + 4 <= 60; at += 4) {
		const uint32_t quoted = MAC + V4 + ICMP + at;
		struct diff diff;

		add_ten(icmp4, NULL);
		for (uint32_t i = 0; i < 10; i++) {
			for (uint32_t k = 0; k < 2; k++) {
				struct frame *frame = k ? &after.frame[i] : &before.frame[i];
				uint8_t *icmp = frame->data + MAC + V4;

				icmp[0] = 3; /* destination unreachable */
				icmp[ICMP] = 0xa5; /* quotes IP version 10 */
				put16(icmp + 2, 0);
				put16(icmp + 2,
				      (uint16_t)~csum_add(0, icmp, frame->len - MAC - V4));
			}
		}
		/* Two words exchanged: the sum stays what it was. */
		for (uint32_t k = 0; k < 2; k++) {
			uint8_t byte = after.frame[4].data[quoted + k];

			after.frame[4].data[quoted + k] = after.frame[4].data[quoted + 2 + k];
			after.frame[4].data[quoted + 2 + k] = byte;
		}
		diff = compare_as(false);
		assert_int_equal(diff.changed, 1);
		assert_int_equal(diff.changed_unseen, 1);
		diff_cleanup(&diff);
		clear_both(NULL);
	}
}

/* One flip at every bit of the headers from the IP header on. */
static void test_header_flips(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		const struct plan plan = kinds[kind](4);
		const uint32_t transport = plan.family == AF_INET6 ? MAC + V6 : MAC + V4;
		unsigned int found = 0, flips = 0;

		add_ten(kinds[kind], NULL);
		for (uint32_t at = MAC; at < payload_at(&plan); at++) {
			for (unsigned int bit = 0; bit < 8; bit++) {
				struct diff diff;

				after.frame[4].data[at] ^= (uint8_t)(1u << bit);
				diff = compare_as(false);
				assert_true(diff.changed <= 1);
				assert_int_equal(diff.lost, diff.new);
				assert_true(diff.same >= 9);
				flips++;
				found += diff.changed == 1;
				if (diff.changed) {
					assert_int_equal(diff.changes[0].bits, 1);
					assert_int_equal(diff.changes[0].where,
							 at < transport ? DIFF_NETWORK
									: DIFF_TRANSPORT);
					assert_int_equal(diff.changes[0].offset,
							 at - (at < transport ? MAC : transport));
				}
				diff_cleanup(&diff);
				after.frame[4].data[at] ^= (uint8_t)(1u << bit);
			}
		}
		/* Hops may change traffic class, flow label and hop limit of IPv6. */
		assert_int_equal(found, flips - (plan.family == AF_INET6 ? 36 : 0));
		clear_both(NULL);
	}
}

static void test_stuck_line(void **state)
{
	const struct damage_spec spec = {
		.kind = DAMAGE_STUCK0, .stride = 16, .phase = 7, .bit = 2
	};
	uint64_t bits = 0, down, up;
	struct shape_line line;
	struct diff diff;

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		struct plan plan = i % 2 ? tcp_of(i * 1000, 1000) : udp_of(i, 1000);

		make(&before, &plan);
		plan = translate(plan);
		make(&after, &plan);
		bits += damage_payload(&spec, i, after.frame[i].data + payload_at(&plan), 1000);
	}
	diff = compare_as(false);
	assert_int_equal(diff.changed, 60);
	assert_int_equal(diff.changed_unseen, 0);
	assert_true(shape_stuck_line(&diff.shape, &line));
	assert_int_equal(line.stride, 16);
	assert_int_equal(line.phase, 7);
	assert_int_equal(line.bit, 2);
	assert_false(line.up);
	shape_directions(&diff.shape, &down, &up);
	assert_int_equal(down, bits);
	assert_int_equal(up, 0);
	diff_cleanup(&diff);
}

/* Two words of an address are swapped: no checksum shows it, but the other packets do. */
static void test_swapped_address(void **state)
{
	struct diff_change change;
	uint8_t *at, word[2];

	(void)state;
	add_ten(tcp4, NULL);
	at = after.frame[4].data + MAC + 12;
	memcpy(word, at, 2);
	memcpy(at, at + 2, 2);
	memcpy(at + 2, word, 2);
	change = only_change();
	assert_int_equal(change.where, DIFF_NETWORK);
	assert_int_equal(change.offset, 12);
	assert_false(change.seen);
	assert_int_equal(change.before, 5);
}
/* ---- No false pairs ---- */

static struct plan random_plan(uint8_t *payload, uint32_t flows)
{
	const uint32_t flow = below(flows);
	struct plan plan = {
		.family = flow % 3 ? AF_INET : AF_INET6,
		.proto = flow % 2 ? IPPROTO_TCP : IPPROTO_UDP,
		.src = (uint16_t)(flow + 1),
		.dst = 2,
		.src_port = (uint16_t)(30000 + flow),
		.dst_port = 443,
		.id = (uint16_t)(1 + below(60000)),
		.seq = (uint32_t)next_random(),
		.ack = (uint32_t)next_random(),
		.payload = payload,
		.len = below(4) ? 100 : 20 + below(300),
	};

	fill(payload, plan.len);
	return plan;
}

static void expect_unrelated(size_t count, uint32_t flows)
{
	uint8_t payload[400];

	for (size_t i = 0; i < count; i++) {
		struct plan plan = random_plan(payload, flows);

		make(&before, &plan);
		plan = random_plan(payload, flows);
		make(&after, &plan);
	}
	expect((struct counts){ .lost = count, .new = count });
	clear_both(NULL);
}

static void test_unrelated(void **state)
{
	(void)state;
	random_state = 99;
	expect_unrelated(10000, 1000);
	expect_unrelated(10000, 4);
}

/* Captures of different times: acknowledgements and lines of text that differ in a number. */
static void test_other_times(void **state)
{
	char text[2000][64];

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		struct trace *trace = i < 1000 ? &before : &after;
		struct plan ack = tcp_of(0, 0), line = udp_of(0, 0);

		ack.ack += i * 1448;
		ack.id = (uint16_t)(i + 1);
		make(trace, &ack);
		ack.family = AF_INET6;
		make(trace, &ack);
		line.len = (uint32_t)snprintf(text[i], sizeof(text[i]),
					      "a line of text, number %08u\n", i);
		line.payload = (const uint8_t *)text[i];
		line.id = (uint16_t)(i + 1);
		make(trace, &line);
		line.family = AF_INET6;
		make(trace, &line);
	}
	expect((struct counts){ .lost = 4000, .new = 4000 });
}

/* ---- Everything at once ---- */

/* How a packet was changed; the index is its frame number after. */
struct expected_change {
	uint32_t bits;
	uint32_t before;
	bool seen;
};

static struct plan random_packet(uint32_t n, uint8_t *payload)
{
	static uint32_t seq[64];
	struct plan plan = random_plan(payload, 64);

	plan.len = below(8) ? 16 + below(384) : 380;
	plan.id = (uint16_t)(n + 1);
	if (plan.proto == IPPROTO_TCP) {
		plan.seq = seq[plan.src % 64];
		seq[plan.src % 64] += plan.len;
	}
	return plan;
}

static void make_traffic(uint32_t seed, struct expected_change *done, struct counts *counts,
			 uint64_t *bits)
{
	const uint32_t count = 4000;
	uint8_t payload[400];

	random_state = seed;
	for (uint32_t i = 0; i < count; i++) {
		struct plan plan = random_packet(i, payload);
		const uint32_t fate = below(100);
		const bool nat = plan.src % 2;
		struct damage_spec spec = { .kind = below(DAMAGE_KINDS),
					    .stride = 16,
					    .phase = 7,
					    .bit = 2,
					    .burst = 5,
					    .offset = -1,
					    .seed = seed };
		struct frame *frame;
		uint32_t at = payload_at(&plan);

		make(&before, &plan);
		if (fate < 3) {
			counts->lost++;
			continue;
		}
		plan = nat ? translate(plan) : plan;
		frame = make(&after, &plan);
		if (fate < 5) {
			copy(&after, frame);
			counts->new ++;
		}
		if (fate < 90) {
			counts->same++;
			counts->translated += nat;
			continue;
		}
		done[after.count].bits = damage_payload(&spec, i, frame->data + at, plan.len);
		done[after.count].before = i + 1;
		*bits += done[after.count].bits;
		if (done[after.count].bits) {
			uint16_t sum = csum_minus(csum_add(0, before.frame[i].data + at, plan.len),
						  csum_add(0, frame->data + at, plan.len));

			counts->changed++;
			done[after.count].seen = sum != 0 && sum != 0xffff;
			counts->unseen += !done[after.count].seen;
		} else {
			counts->same++;
			counts->translated += nat;
		}
	}
}

static void test_random(void **state)
{
	static struct expected_change done[FRAMES_MAX];

	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		struct counts counts = { 0 };
		uint64_t bits = 0, down, up;
		struct diff diff;

		memset(done, 0, sizeof(done));
		make_traffic(seed, done, &counts, &bits);
		diff = compare_as(seed % 2);
		for (size_t i = 0; i < diff.change_count; i++) {
			const struct diff_change *change = &diff.changes[i];

			assert_int_equal(change->before, done[change->after].before);
			assert_int_equal(change->bits, done[change->after].bits);
			assert_int_equal(change->seen, done[change->after].seen);
		}
		expect_of(&diff, &counts);
		shape_directions(&diff.shape, &down, &up);
		assert_int_equal(down + up, bits);
		diff_cleanup(&diff);
		clear_both(NULL);
	}
}

/* Damages headers, too. A few such packets look as if a hop rewrote them, or match nothing. */
static void test_random_headers(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++) {
		uint32_t damaged = 0;
		uint8_t payload[400];
		struct diff diff;

		random_state = seed * 1000000;
		for (uint32_t i = 0; i < 4000; i++) {
			const struct plan plan = random_packet(i, payload);
			const struct damage_spec spec = { .kind = below(DAMAGE_KINDS),
							  .stride = 16,
							  .phase = 3,
							  .burst = 5,
							  .offset = -1,
							  .seed = seed };
			struct frame *frame = make(&before, &plan);

			frame = copy(&after, frame);
			if (below(50) == 0)
				damaged += damage_payload(&spec, i, frame->data + MAC,
							  payload_at(&plan) + 16 - MAC) > 0;
		}
		diff = compare_as(false);
		for (size_t i = 0; i < diff.change_count; i++)
			assert_int_equal(diff.changes[i].before, diff.changes[i].after);
		assert_int_equal(diff.lost, diff.new);
		assert_true(diff.changed + diff.lost <= damaged);
		assert_true(diff.changed * 10 >= damaged * 8);
		diff_cleanup(&diff);
		clear_both(NULL);
	}
}

/* Overwrites bytes anywhere and cuts lengths: nothing may be counted twice. */
static void test_anything(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < ANYTHING; seed++) {
		uint8_t payload[400];
		struct diff diff;

		random_state = 7000 + seed * 100000;
		for (uint32_t i = 0; i < 40; i++) {
			struct plan plan =
				i % 8 ? random_packet(i, payload) : tcp_of(i * 500, 4000);
			struct frame *frame = make(&before, &plan);

			plan.vxlan = !below(4);
			frame = below(2) ? make(&after, &plan) : copy(&after, frame);
			for (uint32_t n = below(4); n > 0; n--) {
				uint32_t at = below(below(2) ? frame->len : 80);

				frame->data[at % frame->len] = (uint8_t)next_random();
			}
			frame->captured = below(8) ? frame->len : below(frame->len + 1);
		}
		diff = compare_as(seed % 2);
		assert_true(diff.lost <= before.count);
		diff_cleanup(&diff);
		clear_both(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_damage),	   TEST(test_laundered),   TEST(test_quoted_bytes),
		TEST(test_header_flips),   TEST(test_stuck_line),  TEST(test_swapped_address),
		TEST(test_unrelated),	   TEST(test_other_times), TEST(test_random),
		TEST(test_random_headers), TEST(test_anything),
	};

	return cmocka_run_group_tests(tests, prepare_bytes, NULL);
}
