// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Scanning a capture: threads and pieces find the same as reading packet by packet, in the same
 * frames; and the comparison with an undamaged copy finds exactly the flipped bits.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "diff/diff.h"
#include "pcap/scan.h"
#include "sum/csum.h"

#define PAYLOAD_MAX 1400
#define HEADERS 40
#define FLOWS 37

struct fixture {
	char path[64];
	FILE *file;
	uint32_t packets;
	uint64_t flipped; /* bits */
};

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void begin(struct fixture *f)
{
	const uint32_t head[] = { 0xa1b23c4d, 2 | 4 << 16, 0, 0, 65535, 101 };
	int fd;

	*f = (struct fixture){ .path = "/tmp/tsum-scan-XXXXXX" };
	fd = mkstemp(f->path);
	assert_true(fd >= 0);
	f->file = fdopen(fd, "w");
	assert_non_null(f->file);
	assert_int_equal(fwrite(head, sizeof(head), 1, f->file), 1);
}

static void put_record(struct fixture *f, const uint8_t *packet, uint32_t len)
{
	const uint32_t head[] = { 1700000000, f->packets++, len, len };

	assert_int_equal(fwrite(head, sizeof(head), 1, f->file), 1);
	assert_int_equal(fwrite(packet, len, 1, f->file), 1);
}

static void finish_ip(uint8_t *packet, uint16_t len, uint16_t id, uint16_t fragment, uint8_t proto)
{
	memset(packet, 0, 12);
	packet[0] = 0x45;
	put16(packet + 2, len);
	put16(packet + 4, id);
	put16(packet + 6, fragment);
	packet[8] = 64;
	packet[9] = proto;
	put16(packet + 10, (uint16_t)~csum_add(0, packet, 20));
}

/* An undamaged TCP packet with random bytes; the number makes flow and sequence number. */
static uint32_t make_tcp(uint8_t *packet, uint32_t number)
{
	uint32_t len = 20 + (uint32_t)rand() % (PAYLOAD_MAX - 20);

	for (uint32_t i = 12; i < HEADERS + len; i++)
		packet[i] = (uint8_t)rand();
	memcpy(packet + 12, (uint8_t[]){ 10, 0, 0, (uint8_t)(number % FLOWS), 10, 0, 1, 1 }, 8);
	memcpy(packet + 20, (uint8_t[]){ 0x9c, 0x40, 0x15, 0xb3 }, 4);
	/* Sequence numbers wrap, so that some are around 0. */
	put16(packet + 24, (uint16_t)((0xfff00000u + number * 2048) >> 16));
	put16(packet + 26, (uint16_t)(number * 2048));
	packet[32] = 0x50;
	packet[33] = 0x10;
	put16(packet + 36, 0);
	finish_ip(packet, (uint16_t)(HEADERS + len), (uint16_t)number, 0, 6);
	put16(packet + 36,
	      (uint16_t)~csum_add(csum_pseudo(packet + 12, packet + 16, 4, 6, 20 + len),
				  packet + 20, 20 + len));
	return HEADERS + len;
}

/* Writes the packet with one or two flipped payload bits, and undamaged before or after it. */
static void put_damaged(struct fixture *f, uint8_t *packet, uint32_t len, bool before)
{
	uint32_t flips = 1 + (uint32_t)rand() % 2,
		 at = HEADERS + (uint32_t)rand() % (len - HEADERS);

	if (before)
		put_record(f, packet, len);
	packet[at] ^= (uint8_t)(flips == 1 ? 0x20 : 0x21);
	put_record(f, packet, len);
	packet[at] ^= (uint8_t)(flips == 1 ? 0x20 : 0x21);
	if (!before)
		put_record(f, packet, len);
	f->flipped += flips;
}

/* Writes a UDP datagram in two fragments; some are damaged, some never complete. */
static void put_fragments(struct fixture *f, uint8_t *packet, uint16_t id)
{
	uint8_t datagram[808] = { 3, 232, 7, 208, 3, 40 };
	bool damaged = rand() % 4 == 0, missing = rand() % 4 == 0;

	memcpy(packet + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 1, 1 }, 8);
	for (size_t i = 8; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)rand();
	put16(datagram + 6,
	      (uint16_t)~csum_add(csum_pseudo(packet + 12, packet + 16, 4, 17, sizeof(datagram)),
				  datagram, sizeof(datagram)));
	datagram[500] ^= damaged;
	memcpy(packet + 20, datagram, 400);
	finish_ip(packet, 420, id, 0x2000, 17);
	put_record(f, packet, 420);
	memcpy(packet + 20, datagram + 400, 408);
	finish_ip(packet, 428, id, 400 / 8, 17);
	if (!missing)
		put_record(f, packet, 428);
}

static void make_capture(struct fixture *f, uint32_t packets)
{
	uint8_t packet[HEADERS + PAYLOAD_MAX];

	begin(f);
	for (uint32_t i = 0; i < packets; i++) {
		uint32_t len = make_tcp(packet, i);

		if (i % 41 == 7)
			put_damaged(f, packet, len, i % 2);
		else
			put_record(f, packet, len);
		if (i % 19 == 3)
			put_fragments(f, packet, (uint16_t)i);
	}
	assert_int_equal(fclose(f->file), 0);
}

/* Frame numbers of damaged packets. */
struct frames {
	uint64_t frame[4000];
	size_t count;
};

static int note_damaged(void *owner, const struct pass_packet *packet)
{
	struct frames *frames = owner;

	if (packet->waits || packet->judgement.verdict != SUM_BAD)
		return 0;
	assert_true(frames->count < ARRAY_SIZE(frames->frame));
	frames->frame[frames->count++] = packet->frame;
	return 0;
}

/* With a visitor, one thread sees packet after packet. */
static void one_by_one(const char *path, struct scan *scan, struct frames *frames)
{
	const struct pass_visitor visitor = { note_damaged, frames };
	const struct scan_plan plan = { .visitor = &visitor };
	struct capture *capture;

	frames->count = 0;
	assert_int_equal(capture_open(path, &capture), 0);
	assert_int_equal(scan_capture(capture, &plan, scan), 0);
	capture_free(capture);
}

static const struct scan_plan PLAN;

static void test_threads_find_all_damage(void **state)
{
	static struct frames frames;
	struct fixture f;
	struct scan want, scan;
	struct diff_copies copies;
	struct capture *capture;
	uint64_t down, up, packets = 0, fragments = 0;

	(void)state;
	srand(1);
	make_capture(&f, 16000); /* 12 MB: several pieces */
	one_by_one(f.path, &want, &frames);
	assert_true(frames.count > 390);
	assert_int_equal(capture_open(f.path, &capture), 0);
	assert_int_equal(scan_capture(capture, &PLAN, &scan), 0);
	assert_memory_equal(&scan.counts.layer, &want.counts.layer, sizeof(want.counts.layer));
	assert_memory_equal(&scan.counts.unknown, &want.counts.unknown,
			    sizeof(want.counts.unknown));
	assert_int_equal(scan.counts.packets, f.packets);
	assert_int_equal(scan.counts.bytes, want.counts.bytes);
	assert_int_equal(scan.counts.first_ns, 1700000000000000000);
	assert_int_equal(scan.counts.last_ns, 1700000000000000000 + f.packets - 1);
	assert_int_equal(scan.damaged, want.damaged);
	assert_int_equal(scan.damage_count, frames.count);
	for (size_t i = 0; i < frames.count; i++) {
		assert_int_equal(scan.damage[i].frame, frames.frame[i]);
		assert_int_equal(want.damage[i].frame, frames.frame[i]);
	}
	assert_int_equal(flows_count(scan.flows), flows_count(want.flows));

	assert_int_equal(diff_find_copies(capture, NULL, NULL, &scan, &copies), 0);
	for (size_t i = 0; i < scan.damage_count; i++)
		fragments += scan.damage[i].fate == DAMAGE_FRAGMENT;
	assert_int_equal(copies.compared + fragments, frames.count);
	assert_int_equal(copies.bits, f.flipped);
	shape_directions(&copies.shape, &down, &up);
	assert_int_equal(down + up, f.flipped);
	for (size_t i = 0; i < flows_count(scan.flows); i++)
		packets += flows_row(scan.flows, i)->packets;
	assert_true(packets > 15000 && packets <= f.packets);
	scan_cleanup(&scan);
	scan_cleanup(&want);
	capture_free(capture);
	unlink(f.path);
}

static void test_a_broken_capture_ends_all_threads(void **state)
{
	static struct frames frames;
	const off_t cuts[] = { 24, 30, 2000, 3000001, 5000000, 8388608 };
	struct fixture f;

	(void)state;
	srand(2);
	make_capture(&f, 12000);
	/* From the longest to the shortest. */
	for (size_t i = ARRAY_SIZE(cuts); i-- > 0;) {
		struct scan want, scan;
		struct capture *capture;

		assert_int_equal(truncate(f.path, cuts[i]), 0);
		one_by_one(f.path, &want, &frames);
		assert_int_equal(capture_open(f.path, &capture), 0);
		assert_int_equal(scan_capture(capture, &PLAN, &scan), 0);
		assert_int_equal(scan.counts.packets, want.counts.packets);
		assert_int_equal(scan.damaged, want.damaged);
		assert_string_equal(scan.end.broken_why, want.end.broken_why);
		assert_int_equal(scan.end.broken, want.end.broken);
		assert_int_equal(scan.end.broken_at, want.end.broken_at);
		assert_int_equal(!scan.end.broken, cuts[i] == 24);
		assert_int_equal(scan.judged, scan.counts.packets > 0);
		scan_cleanup(&scan);
		scan_cleanup(&want);
		capture_free(capture);
	}
	unlink(f.path);
}

static uint64_t told, total_told, damaged_told;

static void on_progress(void *owner, uint64_t done, uint64_t total, uint64_t damaged)
{
	(void)owner;
	assert_true(done >= told && done <= total && damaged >= damaged_told);
	told = done;
	total_told = total;
	damaged_told = damaged;
}

static int see_packet(void *owner, const struct pass_packet *packet)
{
	(void)owner;
	(void)packet;
	return 0;
}

/* By one thread, as a visitor needs it, and by several. */
static void test_progress_ends_at_the_end(void **state)
{
	const struct pass_watch watch = { .tell = on_progress };
	const struct pass_visitor visitor = { .visit = see_packet };
	struct fixture f;

	(void)state;
	srand(3);
	make_capture(&f, 8000);
	for (int alone = 0; alone < 2; alone++) {
		const struct scan_plan plan = { .watch = &watch,
						.visitor = alone ? &visitor : NULL };
		struct scan scan;
		struct capture *capture;

		told = total_told = damaged_told = 0;
		assert_int_equal(capture_open(f.path, &capture), 0);
		assert_int_equal(scan_capture(capture, &plan, &scan), 0);
		assert_int_equal(told, total_told);
		assert_true(told > 5000000);
		assert_int_equal(damaged_told, scan.damaged);
		assert_true(damaged_told > 100);
		scan_cleanup(&scan);
		capture_free(capture);
	}
	unlink(f.path);
}

struct cut {
	const char *path;
	off_t to; /* this length */
};

static int cut_at_packet(void *owner, const struct pass_packet *packet)
{
	const struct cut *cut = owner;

	if (packet->frame == 1)
		assert_int_equal(truncate(cut->path, cut->to), 0);
	return 0;
}

static void cut_at_piece(void *owner, uint64_t done, uint64_t total, uint64_t damaged)
{
	const struct cut *cut = owner;

	(void)done, (void)total, (void)damaged;
	assert_int_equal(truncate(cut->path, cut->to), 0);
}

/* The file becomes shorter while it is read: what is lost reads as zeros and proves nothing. */
static void test_cut_short_meanwhile(void **state)
{
	static const struct {
		uint32_t packets;
		off_t by; /* 10 bytes: no record is missing, only the end of the last one */
		bool threads;
	} rows[] = { { 8000, 5000000, true },  { 8000, 10, true }, { 8000, 10, false },
		     { 8000, 5000000, false }, { 50, 10, false },  { 50, 5000, false } };

	(void)state;
	srand(4);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cut cut;
		const struct pass_visitor visitor = { cut_at_packet, &cut };
		const struct pass_watch watch = { .tell = cut_at_piece, .owner = &cut };
		const struct scan_plan plan = { .visitor = rows[i].threads ? NULL : &visitor,
						.watch = rows[i].threads ? &watch : NULL };
		struct fixture f;
		struct scan scan;
		struct capture *capture;
		struct stat st;

		make_capture(&f, rows[i].packets);
		assert_int_equal(capture_open(f.path, &capture), 0);
		assert_int_equal(stat(f.path, &st), 0);
		cut = (struct cut){ f.path, st.st_size - rows[i].by };
		assert_int_equal(scan_capture(capture, &plan, &scan), -EIO);
		assert_non_null(strstr(fail_text(), f.path));
		capture_free(capture);
		unlink(f.path);
	}
}

/* ---- What counts as a copy of a damaged packet ---- */

enum { TCP = 6, UDP = 17 };

/* A packet whose payload is `len` bytes of one and the same stream, from `at` on. */
static uint32_t make_part(uint8_t *packet, uint8_t proto, uint32_t seq, uint32_t at, uint32_t len,
			  uint16_t id)
{
	const uint32_t header = proto == TCP ? 20 : 8;
	uint8_t *segment = packet + 20;

	memset(packet, 0, 20 + header);
	memcpy(packet + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 1, 1 }, 8);
	memcpy(segment, (uint8_t[]){ 0x9c, 0x40, 0x15, 0xb3 }, 4);
	for (uint32_t i = 0; i < len; i++)
		segment[header + i] = (uint8_t)((at + i) * 151 >> 3);
	if (proto == TCP) {
		put16(segment + 4, (uint16_t)(seq >> 16));
		put16(segment + 6, (uint16_t)seq);
		segment[12] = 0x50;
		segment[13] = 0x10;
	} else {
		put16(segment + 4, (uint16_t)(header + len));
	}
	finish_ip(packet, (uint16_t)(20 + header + len), id, 0, proto);
	put16(segment + (proto == TCP ? 16 : 6),
	      (uint16_t)~csum_add(csum_pseudo(packet + 12, packet + 16, 4, proto, header + len),
				  segment, header + len));
	return 20 + header + len;
}

/* How many damaged packets have a copy among the others; the capture is made so far. */
static uint64_t copies_in(struct fixture *f)
{
	struct diff_copies copies;
	struct capture *capture;
	struct scan scan;

	assert_int_equal(fclose(f->file), 0);
	assert_int_equal(capture_open(f->path, &capture), 0);
	assert_int_equal(scan_capture(capture, &PLAN, &scan), 0);
	assert_int_equal(scan.damaged, 1);
	assert_int_equal(diff_find_copies(capture, NULL, NULL, &scan, &copies), 0);
	scan_cleanup(&scan);
	capture_free(capture);
	unlink(f->path);
	return copies.compared;
}

/* Most bytes must be equal, unless only a few bits differ; header and payload count for UDP. */
static void test_how_alike_copies_are(void **state)
{
	static const struct {
		uint8_t proto;
		uint32_t len; /* of the payload */
		uint32_t bytes; /* changed in the damaged one, two bits in each */
		bool one_more; /* bit, in the first of them */
		bool same_id;
		uint64_t copies;
	} rows[] = {
		{ TCP, 100, 75, false, false, 1 }, { TCP, 100, 76, false, false, 0 },
		{ TCP, 3, 3, false, false, 1 },	   { TCP, 5, 5, false, false, 0 },
		{ TCP, 4, 4, false, false, 1 },	   { TCP, 4, 4, true, false, 0 },
		{ UDP, 92, 75, false, true, 1 },   { UDP, 92, 76, false, true, 0 },
		{ UDP, 92, 4, false, false, 1 },   { UDP, 92, 4, true, false, 0 },
		{ UDP, 92, 5, false, false, 0 },   { UDP, 92, 5, false, true, 1 },
	};
	uint8_t packet[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint32_t header = rows[i].proto == TCP ? 20 : 8;
		struct fixture f;
		uint32_t len;

		begin(&f);
		len = make_part(packet, rows[i].proto, 1000, 0, rows[i].len, 7);
		/* Not the same bits in every byte: these could cancel each other in the sum. */
		for (uint32_t k = 0; k < rows[i].bytes; k++)
			packet[20 + header + k] ^= k % 2 ? 0x03 : 0x28;
		packet[20 + header] ^= rows[i].one_more ? 0x40 : 0;
		put_record(&f, packet, len);
		make_part(packet, rows[i].proto, 1000, 0, rows[i].len, rows[i].same_id ? 7 : 8);
		put_record(&f, packet, len);
		if (copies_in(&f) != rows[i].copies)
			fail_msg("row %zu", i);
	}
}

/* A retransmission cuts the stream elsewhere, also where its sequence numbers wrap. */
static void test_copies_across_the_wrap(void **state)
{
	static const struct {
		int32_t damaged, copy; /* where their payload of 500 bytes begins, from 0 on */
		uint64_t copies;
	} rows[] = {
		{ -300, -100, 1 }, { -100, -300, 1 }, { -200, 100, 1 },	 { 100, -200, 1 },
		{ -499, 0, 1 },	   { 0, -499, 1 },    { -500, 0, 0 },	 { 0, -500, 0 },
		{ 10, 200, 1 },	   { 200, 10, 1 },    { -900, -600, 1 }, { 600, -600, 0 },
	};
	uint8_t packet[600];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const int32_t from = rows[i].damaged, to = rows[i].copy;
		/* The first byte that both have, if any; it is the damaged one. */
		const int32_t both = from > to ? from : to;
		struct fixture f;
		uint32_t len;

		begin(&f);
		len = make_part(packet, TCP, (uint32_t)from, (uint32_t)(from + 2000), 500, 7);
		packet[HEADERS + (both - from < 500 ? both - from : 0)] ^= 0x10;
		put_record(&f, packet, len);
		make_part(packet, TCP, (uint32_t)to, (uint32_t)(to + 2000), 500, 8);
		put_record(&f, packet, len);
		if (copies_in(&f) != rows[i].copies)
			fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_find_all_damage),
		cmocka_unit_test(test_a_broken_capture_ends_all_threads),
		cmocka_unit_test(test_progress_ends_at_the_end),
		cmocka_unit_test(test_cut_short_meanwhile),
		cmocka_unit_test(test_how_alike_copies_are),
		cmocka_unit_test(test_copies_across_the_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
