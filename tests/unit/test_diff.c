// SPDX-License-Identifier: GPL-2.0-or-later
/* diff: pairs of captures, made here, of which it is known what happened in between. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "packet/cursor.h"
#include "packet/damage.h"
#include "diff/diff.h"
#include "pcap/capture.h"
#include "sum/csum.h"

enum { MAC = 14, V4 = 20, V6 = 40, TCP = 20, UDP = 8, ICMP = 8, VXLAN = 8, MTU_PAYLOAD = 1448 };
enum { FRAMES_MAX = 40000 };

#ifndef ANYTHING
#define ANYTHING 100 /* turns of what is only to survive */
#endif

/* ---- Packets ---- */

struct frame {
	uint8_t *data;
	uint32_t len, captured;
};

struct trace {
	struct frame frame[FRAMES_MAX];
	size_t count;
};

/* A packet to be built. Hosts are numbers: 10.0.0.N, fd00::N. */
struct about {
	int family; /* AF_INET if 0 */
	uint8_t proto;
	uint16_t src, dst, src_port, dst_port;
	uint16_t id;
	uint8_t ttl;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t mss; /* an option, on SYN */
	const uint8_t *payload;
	uint32_t len;
	bool vlan, vxlan, unfinished;
};

static struct trace before, after;

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static void clear(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		free(trace->frame[i].data);
	trace->count = 0;
}

static int clear_both(void **state)
{
	(void)state;
	clear(&before);
	clear(&after);
	return 0;
}

static struct frame *add(struct trace *trace, const uint8_t *data, uint32_t len)
{
	struct frame *frame = &trace->frame[trace->count++];

	assert_true(trace->count <= FRAMES_MAX);
	frame->data = malloc(len + 1);
	assert_non_null(frame->data);
	memcpy(frame->data, data, len);
	frame->len = frame->captured = len;
	return frame;
}

static struct frame *copy(struct trace *trace, const struct frame *frame)
{
	return add(trace, frame->data, frame->len);
}

static uint32_t transport_len(const struct about *about)
{
	return (about->proto == IPPROTO_TCP ? TCP + (about->mss ? 4 : 0) : UDP) + about->len;
}

static void build_addresses(const struct about *about, uint8_t *at)
{
	const size_t size = about->family == AF_INET6 ? 16 : 4;

	memset(at, 0, 2 * size);
	at[0] = at[size] = about->family == AF_INET6 ? 0xfd : 10;
	put16(at + size - 2, about->src);
	put16(at + 2 * size - 2, about->dst);
}

static void build_transport(const struct about *about, const uint8_t *addresses, uint8_t *at)
{
	const uint32_t header = transport_len(about) - about->len;
	const size_t size = about->family == AF_INET6 ? 16 : 4;
	const bool icmp = about->proto == IPPROTO_ICMP;
	uint8_t *field = at + (about->proto == IPPROTO_TCP ? 16 : icmp ? 2 : 6);
	uint16_t sum = 0;

	memset(at, 0, header);
	if (icmp) {
		at[0] = 8;
		put16(at + 4, about->src_port);
		put16(at + 6, about->seq);
	} else {
		put16(at, about->src_port);
		put16(at + 2, about->dst_port);
	}
	if (about->proto == IPPROTO_TCP) {
		put32(at + 4, about->seq);
		put32(at + 8, about->ack);
		at[12] = (uint8_t)(header / 4 << 4);
		at[13] = about->flags ? about->flags : 0x10;
		put16(at + 14, 500);
		if (about->mss)
			put32(at + 20, 0x02040000u | about->mss);
	} else if (!icmp) {
		put16(at + 4, header + about->len);
	}
	if (about->len)
		memcpy(at + header, about->payload, about->len);
	if (!icmp)
		sum = csum_pseudo(addresses, addresses + size, size, about->proto,
				  header + about->len);
	if (!about->unfinished)
		sum = (uint16_t)~csum_add(sum, at, header + about->len);
	put16(field, sum ? sum : 0xffff);
}

/* From the IP header on. */
static uint32_t build_ip(const struct about *about, uint8_t *at)
{
	const uint32_t len = transport_len(about);

	if (about->family == AF_INET6) {
		memset(at, 0, V6);
		at[0] = 0x60;
		put16(at + 4, len);
		at[6] = about->proto;
		at[7] = about->ttl ? about->ttl : 64;
		build_addresses(about, at + 8);
		build_transport(about, at + 8, at + V6);
		return V6 + len;
	}
	memset(at, 0, V4);
	at[0] = 0x45;
	put16(at + 2, V4 + len);
	put16(at + 4, about->id);
	at[6] = 0x40;
	at[8] = about->ttl ? about->ttl : 64;
	at[9] = about->proto;
	build_addresses(about, at + 12);
	put16(at + 10, (uint16_t)~csum_add(0, at, V4));
	build_transport(about, at + 12, at + V4);
	return V4 + len;
}

static uint32_t build_mac(const struct about *about, uint16_t type, uint8_t *at)
{
	uint32_t len = 12;

	memset(at, 0x02, len);
	if (about->vlan) {
		put32(at + len, 0x81000007);
		len += 4;
	}
	put16(at + len, type);
	return len + 2;
}

static struct frame *make(struct trace *trace, const struct about *about)
{
	static uint8_t inner[70000], outer[70200];
	const uint16_t type = about->family == AF_INET6 ? 0x86dd : 0x0800;
	struct about tunnel = { .proto = IPPROTO_UDP,
				.src = 900,
				.dst = 901,
				.src_port = 50000,
				.dst_port = 4789,
				.payload = outer };
	uint32_t len = build_mac(about, type, inner);

	len += build_ip(about, inner + len);
	if (!about->vxlan)
		return add(trace, inner, len);
	memset(outer, 0, VXLAN);
	outer[0] = 0x08;
	outer[6] = 42;
	memcpy(outer + VXLAN, inner, len);
	tunnel.len = VXLAN + len;
	len = build_mac(&tunnel, 0x0800, inner);
	len += build_ip(&tunnel, inner + len);
	return add(trace, inner, len);
}

/* Where the payload of a frame that make() made begins, without tags and tunnels. */
static uint32_t payload_at(const struct about *about)
{
	return MAC + (about->family == AF_INET6 ? V6 : V4) + transport_len(about) - about->len;
}

static uint64_t random_state;

static uint64_t next_random(void)
{
	return damage_random(4711, random_state++);
}

static uint32_t below(uint32_t bound)
{
	return (uint32_t)(next_random() >> 32) % bound;
}

static void fill(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(next_random() >> 17);
}

/* ---- Comparing ---- */

static void write_trace(const struct trace *trace, int fd, bool compressed)
{
	static const uint32_t head[6] = { 0xa1b2c3d4, 0x00040002, 0, 0, 262144, 1 };
	gzFile file = gzdopen(dup(fd), compressed ? "wb1" : "wbT");

	assert_non_null(file);
	assert_int_equal(gzwrite(file, head, sizeof(head)), sizeof(head));
	for (size_t i = 0; i < trace->count; i++) {
		const struct frame *frame = &trace->frame[i];
		const uint32_t record[4] = { (uint32_t)i, 0, frame->captured, frame->len };

		assert_int_equal(gzwrite(file, record, sizeof(record)), sizeof(record));
		assert_int_equal(gzwrite(file, frame->data, frame->captured), frame->captured);
	}
	assert_int_equal(gzclose(file), Z_OK);
}

static struct capture *open_trace(const struct trace *trace, bool compressed, int *ret_fd)
{
	struct capture *capture = NULL;
	char path[64];
	int fd = memfd_create("trace", 0);

	assert_true(fd >= 0);
	write_trace(trace, fd, compressed);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (capture_open(path, &capture))
		fail_msg("%s", fail_text());
	*ret_fd = fd;
	return capture;
}

static struct diff compare_as(bool compressed)
{
	_cleanup_close_ int before_fd = -1, after_fd = -1;
	_cleanup_(capture_cleanup) struct capture *one =
		open_trace(&before, compressed, &before_fd);
	_cleanup_(capture_cleanup) struct capture *two = open_trace(&after, compressed, &after_fd);
	struct diff diff;

	if (diff_captures(one, two, &diff))
		fail_msg("%s", fail_text());
	assert_int_equal(diff.packets_before, before.count);
	assert_int_equal(diff.packets_after, after.count);
	assert_int_equal(diff.same + diff.changed + diff.new, after.count);
	assert_int_equal(diff.not_compared, 0);
	assert_string_equal(diff.broken_before.why, "");
	return diff;
}

/* What is to come out, the rest being the same. */
struct counts {
	uint64_t same, translated, resegmented, changed, unseen, lost, new;
};

static void expect_of(const struct diff *diff, const struct counts *counts)
{
	assert_int_equal(diff->changed, counts->changed);
	assert_int_equal(diff->lost, counts->lost);
	assert_int_equal(diff->new, counts->new);
	assert_int_equal(diff->same, counts->same);
	assert_int_equal(diff->changed_unseen, counts->unseen);
	assert_int_equal(diff->translated, counts->translated);
	assert_int_equal(diff->resegmented, counts->resegmented);
}

static void expect(struct counts counts)
{
	struct diff diff = compare_as(false);

	expect_of(&diff, &counts);
	diff_cleanup(&diff);
	diff = compare_as(true);
	expect_of(&diff, &counts);
	diff_cleanup(&diff);
}

/* The one change there is. */
static struct diff_change only_change(void)
{
	struct diff diff = compare_as(false);
	struct diff_change change;

	assert_int_equal(diff.changed, 1);
	assert_int_equal(diff.change_count, 1);
	change = diff.changes[0];
	diff_cleanup(&diff);
	return change;
}

/* ---- Traffic ---- */

static uint8_t bytes[1 << 17];

static struct about tcp_of(uint32_t at, uint32_t len)
{
	return (struct about){ .proto = IPPROTO_TCP,
			       .src = 1,
			       .dst = 2,
			       .src_port = 40000,
			       .dst_port = 80,
			       .id = (uint16_t)(at / 100 + 1),
			       .seq = 1000 + at,
			       .ack = 5000,
			       .payload = bytes + at,
			       .len = len };
}

static struct about udp_of(uint32_t n, uint32_t len)
{
	return (struct about){ .proto = IPPROTO_UDP,
			       .src = 1,
			       .dst = 2,
			       .src_port = 40000,
			       .dst_port = 53,
			       .id = (uint16_t)(n + 1),
			       .payload = bytes + n * len,
			       .len = len };
}

static struct about translate(struct about about)
{
	about.src = 77;
	about.src_port = (uint16_t)(about.src_port ^ 0x2345);
	about.ttl = 63;
	return about;
}

/* Ten packets of a kind on either side; `change` makes those of `after` of those before. */
static void ten(struct about (*of)(uint32_t), struct about (*change)(struct about))
{
	for (uint32_t i = 0; i < 10; i++) {
		struct about about = of(i);

		make(&before, &about);
		if (change)
			about = change(about);
		make(&after, &about);
	}
}

static struct about tcp4(uint32_t i)
{
	return tcp_of(i * 500, 500);
}

static struct about tcp6(uint32_t i)
{
	struct about about = tcp4(i);

	about.family = AF_INET6;
	return about;
}

static struct about udp4(uint32_t i)
{
	return udp_of(i, 200);
}

static struct about udp6(uint32_t i)
{
	struct about about = udp4(i);

	about.family = AF_INET6;
	return about;
}

static struct about icmp4(uint32_t i)
{
	struct about about = udp4(i);

	about.proto = IPPROTO_ICMP;
	about.seq = i;
	return about;
}

typedef struct about (*kind_fn)(uint32_t);
static const kind_fn kinds[] = { tcp4, tcp6, udp4, udp6, icmp4 };

static void test_equal(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		ten(kinds[kind], NULL);
		expect((struct counts){ .same = 10 });
		clear_both(NULL);
	}
}

static void test_translated(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		ten(kinds[kind], translate);
		expect((struct counts){ .same = 10, .translated = 10 });
		clear_both(NULL);
	}
}

static struct about wrap(struct about about)
{
	about.vlan = true;
	about.vxlan = true;
	about.ttl = 3;
	return about;
}

static void test_wrapped(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		ten(kinds[kind], wrap);
		expect((struct counts){ .same = 10 });
		clear_both(NULL);
	}
}

static void test_empty(void **state)
{
	(void)state;
	expect((struct counts){ 0 });
	ten(tcp4, NULL);
	clear(&after);
	expect((struct counts){ .lost = 10 });
	ten(udp4, NULL);
	clear(&before);
	expect((struct counts){ .new = 10 });
}

/* Another checksum on one side because it was not finished there yet. */
static void test_unfinished(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds) - 1; kind++) {
		for (uint32_t i = 0; i < 10; i++) {
			struct about about = kinds[kind](i);

			about.unfinished = true;
			make(&before, &about);
			about = translate(about);
			about.unfinished = false;
			make(&after, &about);
		}
		expect((struct counts){ .same = 10, .translated = 10 });
		clear_both(NULL);
	}
}

static void test_clamped_mss(void **state)
{
	struct about syn = { .proto = IPPROTO_TCP,
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

/* ---- Damage ---- */

static struct diff_change damage_one(kind_fn kind, const struct damage_spec *spec, uint32_t n,
				     struct about (*change)(struct about))
{
	struct about about;
	struct diff_change found;
	unsigned int bits;

	ten(kind, change);
	about = kind(n);
	bits = damage_payload(spec, 3, after.frame[n].data + payload_at(&about), about.len);
	assert_true(bits > 0);
	found = only_change();
	expect((struct counts){
		.same = 9, .changed = 1, .unseen = !found.seen, .translated = change ? 9 : 0 });
	assert_int_equal(found.bits, bits);
	assert_int_equal(found.before, n + 1);
	assert_int_equal(found.after, n + 1);
	assert_int_equal(found.after_ns, n * 1000000000ll);
	assert_int_equal(found.where, DIFF_PAYLOAD);
	assert_int_equal(found.was, before.frame[n].data[payload_at(&about) + found.offset]);
	assert_int_equal(found.is, after.frame[n].data[payload_at(&about) + found.offset]);
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

			assert_int_equal(plain.seen, !damage_patterns[damage].unseen);
			assert_int_equal(nat.seen, !damage_patterns[damage].unseen);
		}
	}
}

/* The checksum was made over the damaged bytes. */
static void test_laundered(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < 3; kind++) {
		struct diff_change change;

		for (uint32_t i = 0; i < 10; i++) {
			struct about about = kinds[kind](i);

			about.unfinished = true;
			make(&before, &about);
			about.unfinished = false;
			bytes[100 + about.payload - bytes] ^= i == 5 ? 0x10 : 0;
			make(&after, &about);
			bytes[100 + about.payload - bytes] ^= i == 5 ? 0x10 : 0;
		}
		change = only_change();
		assert_int_equal(change.after, 6);
		assert_int_equal(change.offset, 100);
		assert_int_equal(change.bits, 1);
		expect((struct counts){ .same = 9, .changed = 1, .unseen = 1 });
		clear_both(NULL);
	}
}

/*
 * In an ICMP error that quotes no IP packet, every quoted byte counts: no hop rewrites anything
 * there.
 */
static void test_quoted_bytes(void **state)
{
	(void)state;
	for (uint32_t at = 0; at + 4 <= 60; at += 4) {
		const uint32_t quoted = MAC + V4 + ICMP + at;
		struct diff diff;

		ten(icmp4, NULL);
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
		const struct about about = kinds[kind](4);
		const uint32_t transport = about.family == AF_INET6 ? MAC + V6 : MAC + V4;
		unsigned int found = 0, flips = 0;

		ten(kinds[kind], NULL);
		for (uint32_t at = MAC; at < payload_at(&about); at++) {
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
		/* Traffic class, flow label and hop limit of IPv6 are the hops' to change. */
		assert_int_equal(found, flips - (about.family == AF_INET6 ? 36 : 0));
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
		struct about about = i % 2 ? tcp_of(i * 1000, 1000) : udp_of(i, 1000);

		make(&before, &about);
		about = translate(about);
		make(&after, &about);
		bits += damage_payload(&spec, i, after.frame[i].data + payload_at(&about), 1000);
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

/* Two words of an address swapped: no checksum can see it, the rest of the flow can. */
static void test_swapped_address(void **state)
{
	struct diff_change change;
	uint8_t *at, word[2];

	(void)state;
	ten(tcp4, NULL);
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

/* ---- Loss and order ---- */

static void test_lost_and_new(void **state)
{
	struct about about;

	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		about = i % 3 ? udp_of(i, 300) : tcp_of(i * 300, 300);
		if (i != 20)
			make(&before, &about);
		if (i % 10)
			make(&after, &about);
	}
	/* 0, 10 are lost, 20 was on neither side; now one that is new. */
	about = udp_of(50, 300);
	make(&after, &about);
	expect((struct counts){ .same = 27, .lost = 2, .new = 1 });
}

static void test_copies(void **state)
{
	const struct about about = udp_of(1, 100);

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		make(&before, &about);
	for (uint32_t i = 0; i < 4; i++)
		make(&after, &about);
	expect((struct counts){ .same = 4, .lost = 1 });
	make(&after, &about);
	make(&after, &about);
	expect((struct counts){ .same = 5, .new = 1 });
}

static void test_reordered(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		const struct about about = tcp_of(i * 100, 100);

		make(&before, &about);
	}
	for (size_t i = 0; i < 40; i++)
		copy(&after, &before.frame[(i * 7 + 3) % 40]);
	after.frame[9].data[MAC + V4 + TCP + 50] ^= 1;
	expect((struct counts){ .same = 39, .changed = 1 });
	assert_int_equal(only_change().before, (9 * 7 + 3) % 40 + 1);
}

/* Damaged, dropped at the receiver, sent again: seen twice on both sides. */
static void test_sent_again(void **state)
{
	struct about about;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		about = tcp_of(i * 100, 100);
		make(&before, &about);
		copy(&after, &before.frame[i]);
	}
	after.frame[3].data[MAC + V4 + TCP + 50] ^= 1;
	about = tcp_of(300, 100);
	about.id = 4711;
	about.ack += 100;
	make(&before, &about);
	copy(&after, &before.frame[10]);
	expect((struct counts){ .same = 10, .changed = 1 });
	assert_int_equal(only_change().before, 4);

	/* The same, byte for byte. */
	copy(&before, &before.frame[3]);
	copy(&after, &before.frame[3]);
	expect((struct counts){ .same = 11, .changed = 1 });
}

/* ---- Segments ---- */

/* The handshake, by which the flows are known; then `total` bytes in pieces. */
static void segments(struct trace *trace, uint32_t total, uint32_t size, bool nat)
{
	struct about about = tcp_of(0, 0);

	about.flags = 2;
	about.seq--;
	if (nat)
		about = translate(about);
	make(trace, &about);
	for (uint32_t at = 0; at < total; at += size) {
		about = tcp_of(at, total - at < size ? total - at : size);
		about.unfinished = size > MTU_PAYLOAD;
		if (nat)
			about = translate(about);
		make(trace, &about);
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

		/* Sent again in a piece of its own. */
		{
			struct about again = tcp_of(4 * MTU_PAYLOAD, MTU_PAYLOAD);

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
		struct about about = tcp_of(at, 10000);

		about.seq += 0xffffffff - 7000;
		make(&before, &about);
	}
	for (uint32_t at = 0; at < 20000; at += 1000) {
		struct about about = tcp_of(at, 1000);

		about.seq += 0xffffffff - 7000;
		make(&after, &about);
	}
	expect((struct counts){ .same = 20, .resegmented = 20 });
}

/* ---- Captures that keep too little ---- */

static void test_truncated(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		ten(kinds[kind], translate);
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

/* ---- No false pairs ---- */

static struct about random_about(uint8_t *payload, uint32_t flows)
{
	const uint32_t flow = below(flows);
	struct about about = {
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

	fill(payload, about.len);
	return about;
}

static void expect_unrelated(size_t count, uint32_t flows)
{
	uint8_t payload[400];

	for (size_t i = 0; i < count; i++) {
		struct about about = random_about(payload, flows);

		make(&before, &about);
		about = random_about(payload, flows);
		make(&after, &about);
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

/* Acknowledgements before the one and after the other capture; payloads that only count. */
static void test_other_times(void **state)
{
	char text[2000][64];

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		struct trace *trace = i < 1000 ? &before : &after;
		struct about ack = tcp_of(0, 0), line = udp_of(0, 0);

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

/* What was done to the packets, by the frame number after. */
struct done {
	uint32_t bits;
	uint32_t before;
	bool seen;
};

static struct about random_packet(uint32_t n, uint8_t *payload)
{
	static uint32_t seq[64];
	struct about about = random_about(payload, 64);

	about.len = below(8) ? 16 + below(384) : 380;
	about.id = (uint16_t)(n + 1);
	if (about.proto == IPPROTO_TCP) {
		about.seq = seq[about.src % 64];
		seq[about.src % 64] += about.len;
	}
	return about;
}

static void happen(uint32_t seed, struct done *done, struct counts *counts, uint64_t *bits)
{
	const uint32_t count = 4000;
	uint8_t payload[400];

	random_state = seed;
	for (uint32_t i = 0; i < count; i++) {
		struct about about = random_packet(i, payload);
		const uint32_t fate = below(100);
		const bool nat = about.src % 2;
		struct damage_spec spec = { .kind = below(DAMAGE_KINDS),
					    .stride = 16,
					    .phase = 7,
					    .bit = 2,
					    .burst = 5,
					    .offset = -1,
					    .seed = seed };
		struct frame *frame;
		uint32_t at = payload_at(&about);

		make(&before, &about);
		if (fate < 3) {
			counts->lost++;
			continue;
		}
		about = nat ? translate(about) : about;
		frame = make(&after, &about);
		if (fate < 5) {
			copy(&after, frame);
			counts->new ++;
		}
		if (fate < 90) {
			counts->same++;
			counts->translated += nat;
			continue;
		}
		done[after.count].bits = damage_payload(&spec, i, frame->data + at, about.len);
		done[after.count].before = i + 1;
		*bits += done[after.count].bits;
		if (done[after.count].bits) {
			uint16_t sum = csum_minus(csum_add(0, before.frame[i].data + at, about.len),
						  csum_add(0, frame->data + at, about.len));

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
	static struct done done[FRAMES_MAX];

	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		struct counts counts = { 0 };
		uint64_t bits = 0, down, up;
		struct diff diff;

		memset(done, 0, sizeof(done));
		happen(seed, done, &counts, &bits);
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

/*
 * Damage from the IP header on. It may look like a hop's work or leave nothing to go by, but not
 * much.
 */
static void test_random_headers(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 8; seed++) {
		uint32_t damaged = 0;
		uint8_t payload[400];
		struct diff diff;

		random_state = seed * 1000000;
		for (uint32_t i = 0; i < 4000; i++) {
			const struct about about = random_packet(i, payload);
			const struct damage_spec spec = { .kind = below(DAMAGE_KINDS),
							  .stride = 16,
							  .phase = 3,
							  .burst = 5,
							  .offset = -1,
							  .seed = seed };
			struct frame *frame = make(&before, &about);

			frame = copy(&after, frame);
			if (below(50) == 0)
				damaged += damage_payload(&spec, i, frame->data + MAC,
							  payload_at(&about) + 16 - MAC) > 0;
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

/* Bytes anywhere overwritten, lengths cut: whatever comes out, nothing is counted twice. */
static void test_anything(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < ANYTHING; seed++) {
		uint8_t payload[400];
		struct diff diff;

		random_state = 7000 + seed * 100000;
		for (uint32_t i = 0; i < 40; i++) {
			struct about about =
				i % 8 ? random_packet(i, payload) : tcp_of(i * 500, 4000);
			struct frame *frame = make(&before, &about);

			about.vxlan = !below(4);
			frame = below(2) ? make(&after, &about) : copy(&after, frame);
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

/* A capture that breaks off is compared as far as it goes. */
static void test_broken(void **state)
{
	_cleanup_close_ int before_fd = -1, after_fd = -1;
	_cleanup_(capture_cleanup) struct capture *one = NULL, *two = NULL;
	struct diff diff;
	char path[64];

	(void)state;
	ten(tcp4, NULL);
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

static int prepare(void **state)
{
	(void)state;
	random_state = 1;
	fill(bytes, sizeof(bytes));
	return 0;
}

#define TEST(function) cmocka_unit_test_teardown(function, clear_both)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_equal),	TEST(test_translated),	    TEST(test_wrapped),
		TEST(test_empty),	TEST(test_unfinished),	    TEST(test_clamped_mss),
		TEST(test_each_damage), TEST(test_laundered),	    TEST(test_header_flips),
		TEST(test_stuck_line),	TEST(test_swapped_address), TEST(test_lost_and_new),
		TEST(test_copies),	TEST(test_reordered),	    TEST(test_sent_again),
		TEST(test_segmented),	TEST(test_merged),	    TEST(test_wrapping_sequence),
		TEST(test_truncated),	TEST(test_unrelated),	    TEST(test_other_times),
		TEST(test_random),	TEST(test_random_headers),  TEST(test_anything),
		TEST(test_broken),	TEST(test_quoted_bytes),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
