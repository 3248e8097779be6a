/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two traces of packets, `before` and `after`, and the expected result when they are written to
 * captures and compared. For the unit tests of diff only, each of which includes it once.
 */
#ifndef TRUESUM_UNIT_DIFF_TRACES_H
#define TRUESUM_UNIT_DIFF_TRACES_H

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

#include "diff/diff.h"
#include "packet/damage.h"
#include "pcap/capture.h"
#include "sum/csum.h"

enum { MAC = 14, V4 = 20, V6 = 40, TCP = 20, UDP = 8, ICMP = 8, VXLAN = 8 };
enum { FRAMES_MAX = 40000 };

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
struct plan {
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

static inline void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

static inline void clear(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		free(trace->frame[i].data);
	trace->count = 0;
}

static inline int clear_both(void **state)
{
	(void)state;
	clear(&before);
	clear(&after);
	return 0;
}

static inline struct frame *add(struct trace *trace, const uint8_t *data, uint32_t len)
{
	struct frame *frame = &trace->frame[trace->count++];

	assert_true(trace->count <= FRAMES_MAX);
	frame->data = malloc(len + 1);
	assert_non_null(frame->data);
	memcpy(frame->data, data, len);
	frame->len = frame->captured = len;
	return frame;
}

static inline struct frame *copy(struct trace *trace, const struct frame *frame)
{
	return add(trace, frame->data, frame->len);
}

static inline uint32_t transport_len(const struct plan *plan)
{
	return (plan->proto == IPPROTO_TCP ? TCP + (plan->mss ? 4 : 0) : UDP) + plan->len;
}

static inline void build_addresses(const struct plan *plan, uint8_t *at)
{
	const size_t size = plan->family == AF_INET6 ? 16 : 4;

	memset(at, 0, 2 * size);
	at[0] = at[size] = plan->family == AF_INET6 ? 0xfd : 10;
	put16(at + size - 2, plan->src);
	put16(at + 2 * size - 2, plan->dst);
}

static inline void build_transport(const struct plan *plan, const uint8_t *addresses, uint8_t *at)
{
	const uint32_t header = transport_len(plan) - plan->len;
	const size_t size = plan->family == AF_INET6 ? 16 : 4;
	const bool icmp = plan->proto == IPPROTO_ICMP;
	uint8_t *field = at + (plan->proto == IPPROTO_TCP ? 16 : icmp ? 2 : 6);
	uint16_t sum = 0;

	memset(at, 0, header);
	if (icmp) {
		at[0] = 8;
		put16(at + 4, plan->src_port);
		put16(at + 6, plan->seq);
	} else {
		put16(at, plan->src_port);
		put16(at + 2, plan->dst_port);
	}
	if (plan->proto == IPPROTO_TCP) {
		put32(at + 4, plan->seq);
		put32(at + 8, plan->ack);
		at[12] = (uint8_t)(header / 4 << 4);
		at[13] = plan->flags ? plan->flags : 0x10;
		put16(at + 14, 500);
		if (plan->mss)
			put32(at + 20, 0x02040000u | plan->mss);
	} else if (!icmp) {
		put16(at + 4, header + plan->len);
	}
	if (plan->len)
		memcpy(at + header, plan->payload, plan->len);
	if (!icmp)
		sum = csum_pseudo(addresses, addresses + size, size, plan->proto,
				  header + plan->len);
	if (!plan->unfinished)
		sum = (uint16_t)~csum_add(sum, at, header + plan->len);
	put16(field, sum ? sum : 0xffff);
}

/* Builds a packet from the IP header on; returns its length. */
static inline uint32_t build_ip(const struct plan *plan, uint8_t *at)
{
	const uint32_t len = transport_len(plan);

	if (plan->family == AF_INET6) {
		memset(at, 0, V6);
		at[0] = 0x60;
		put16(at + 4, len);
		at[6] = plan->proto;
		at[7] = plan->ttl ? plan->ttl : 64;
		build_addresses(plan, at + 8);
		build_transport(plan, at + 8, at + V6);
		return V6 + len;
	}
	memset(at, 0, V4);
	at[0] = 0x45;
	put16(at + 2, V4 + len);
	put16(at + 4, plan->id);
	at[6] = 0x40;
	at[8] = plan->ttl ? plan->ttl : 64;
	at[9] = plan->proto;
	build_addresses(plan, at + 12);
	put16(at + 10, (uint16_t)~csum_add(0, at, V4));
	build_transport(plan, at + 12, at + V4);
	return V4 + len;
}

static inline uint32_t build_mac(const struct plan *plan, uint16_t type, uint8_t *at)
{
	uint32_t len = 12;

	memset(at, 0x02, len);
	if (plan->vlan) {
		put32(at + len, 0x81000007);
		len += 4;
	}
	put16(at + len, type);
	return len + 2;
}

static inline struct frame *make(struct trace *trace, const struct plan *plan)
{
	static uint8_t inner[70000], outer[70200];
	const uint16_t type = plan->family == AF_INET6 ? 0x86dd : 0x0800;
	struct plan tunnel = { .proto = IPPROTO_UDP,
			       .src = 900,
			       .dst = 901,
			       .src_port = 50000,
			       .dst_port = 4789,
			       .payload = outer };
	uint32_t len = build_mac(plan, type, inner);

	len += build_ip(plan, inner + len);
	if (!plan->vxlan)
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

/* Offset of the payload in a frame that make() makes, without tags and tunnels. */
static inline uint32_t payload_at(const struct plan *plan)
{
	return MAC + (plan->family == AF_INET6 ? V6 : V4) + transport_len(plan) - plan->len;
}

static uint64_t random_state;

static inline uint64_t next_random(void)
{
	return damage_random(4711, random_state++);
}

static inline uint32_t below(uint32_t bound)
{
	return (uint32_t)(next_random() >> 32) % bound;
}

static inline void fill(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(next_random() >> 17);
}

/* ---- Comparing ---- */

static inline void write_trace(const struct trace *trace, int fd, bool compressed)
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

static inline struct capture *open_trace(const struct trace *trace, bool compressed, int *ret_fd)
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

static inline struct diff compare_as(bool compressed)
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

/* The expected counts. */
struct counts {
	uint64_t same, translated, resegmented, changed, unseen, lost, new;
};

static inline void expect_of(const struct diff *diff, const struct counts *counts)
{
	assert_int_equal(diff->changed, counts->changed);
	assert_int_equal(diff->lost, counts->lost);
	assert_int_equal(diff->new, counts->new);
	assert_int_equal(diff->same, counts->same);
	assert_int_equal(diff->changed_unseen, counts->unseen);
	assert_int_equal(diff->translated, counts->translated);
	assert_int_equal(diff->resegmented, counts->resegmented);
}

static inline void expect(struct counts counts)
{
	struct diff diff = compare_as(false);

	expect_of(&diff, &counts);
	diff_cleanup(&diff);
	diff = compare_as(true);
	expect_of(&diff, &counts);
	diff_cleanup(&diff);
}

/* Returns the change if there is exactly one. */
static inline struct diff_change only_change(void)
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

static inline struct plan tcp_of(uint32_t at, uint32_t len)
{
	return (struct plan){ .proto = IPPROTO_TCP,
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

static inline struct plan udp_of(uint32_t n, uint32_t len)
{
	return (struct plan){ .proto = IPPROTO_UDP,
			      .src = 1,
			      .dst = 2,
			      .src_port = 40000,
			      .dst_port = 53,
			      .id = (uint16_t)(n + 1),
			      .payload = bytes + n * len,
			      .len = len };
}

static inline struct plan translate(struct plan plan)
{
	plan.src = 77;
	plan.src_port = (uint16_t)(plan.src_port ^ 0x2345);
	plan.ttl = 63;
	return plan;
}

/* Adds ten packets of a kind to both traces; `change` may modify those after. */
static inline void add_ten(struct plan (*of)(uint32_t), struct plan (*change)(struct plan))
{
	for (uint32_t i = 0; i < 10; i++) {
		struct plan plan = of(i);

		make(&before, &plan);
		if (change)
			plan = change(plan);
		make(&after, &plan);
	}
}

static inline struct plan tcp4(uint32_t i)
{
	return tcp_of(i * 500, 500);
}

static inline struct plan tcp6(uint32_t i)
{
	struct plan plan = tcp4(i);

	plan.family = AF_INET6;
	return plan;
}

static inline struct plan udp4(uint32_t i)
{
	return udp_of(i, 200);
}

static inline struct plan udp6(uint32_t i)
{
	struct plan plan = udp4(i);

	plan.family = AF_INET6;
	return plan;
}

static inline struct plan icmp4(uint32_t i)
{
	struct plan plan = udp4(i);

	plan.proto = IPPROTO_ICMP;
	plan.seq = i;
	return plan;
}

typedef struct plan (*kind_fn)(uint32_t);
static const kind_fn kinds[] = { tcp4, tcp6, udp4, udp6, icmp4 };

static inline int prepare_bytes(void **state)
{
	(void)state;
	random_state = 1;
	fill(bytes, sizeof(bytes));
	return 0;
}

#define TEST(function) cmocka_unit_test_teardown(function, clear_both)

#endif
