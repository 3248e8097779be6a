// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams in fragments: in any order, twice; with missing, contradictory and damaged fragments;
 * and more datagrams than the limit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/fragments.h"
#include "packet_build.h"

#define PIECES_MAX 64

static struct build build;
static struct packet_judgement judged;
static uint64_t given_up;

/* A datagram, and where it is cut: `cut` bytes to a fragment. */
struct datagram {
	const char *words; /* one IP header and a transport */
	size_t more;
	size_t cut;
	uint32_t id;
};

static size_t header_len(const struct datagram *datagram)
{
	return datagram->words[2] == '4' ? 20 : 40;
}

static size_t count(const struct datagram *datagram)
{
	build_packet(&build, datagram->words, datagram->more);
	return (build_len(&build) - header_len(datagram) + datagram->cut - 1) / datagram->cut;
}

/*
 * Writes bytes [from, from + len) of the datagram's payload as a fragment; returns the packet's
 * length.
 */
static size_t cut_out(const struct datagram *datagram, size_t from, size_t len, uint8_t *packet)
{
	size_t header = header_len(datagram), all;
	bool more;

	build_packet(&build, datagram->words, datagram->more);
	all = build_len(&build) - header;
	if (len > all - from)
		len = all - from;
	more = from + len < all;
	memcpy(packet, build_data(&build), header);
	if (header == 20) {
		put16(packet + 2, 20 + len);
		put16(packet + 4, datagram->id);
		put16(packet + 6, from / 8 | (more ? 0x2000 : 0));
		put16(packet + 10, 0);
		put16(packet + 10, (uint16_t)~plain_sum(0, packet, 20));
	} else {
		memset(packet + 40, 0, 8);
		packet[40] = packet[6];
		packet[6] = IPPROTO_FRAGMENT;
		put16(packet + 4, 8 + len);
		put16(packet + 42, from | more);
		put32(packet + 44, datagram->id);
		header += 8;
	}
	memcpy(packet + header, build_data(&build) + header_len(datagram) + from, len);
	return header + len;
}

/* Judges and adds a fragment with these bytes of a datagram; `captured` of them were captured. */
static int add_part(struct fragments *fragments, const struct datagram *datagram, size_t from,
		    size_t len, size_t captured)
{
	static uint8_t packet[BUILD_MAX];
	size_t packet_len = cut_out(datagram, from, len, packet);

	if (captured > packet_len)
		captured = packet_len;
	packet_judge(LINK_RAW, packet, captured, packet_len, &judged);
	assert_true(judged.fragment.is);
	assert_int_equal(judged.verdict, SUM_UNKNOWN);
	assert_int_equal(judged.reason, REASON_FRAGMENT);
	return fragments_add(fragments, &judged, &given_up);
}

static int add(struct fragments *fragments, const struct datagram *datagram, size_t piece)
{
	return add_part(fragments, datagram, piece * datagram->cut, datagram->cut, SIZE_MAX);
}

static struct fragments *new_fragments(size_t limit)
{
	struct fragments *fragments;

	given_up = 0;
	assert_int_equal(fragments_new(limit, &fragments), 0);
	return fragments;
}

static void assert_transport(enum sum_verdict verdict, enum sum_reason reason)
{
	const struct packet_layer *layer = &judged.layer[judged.fragment.layer];

	assert_string_equal(sum_verdict_names[layer->verdict], sum_verdict_names[verdict]);
	assert_int_equal(layer->reason, reason);
}

static const struct datagram whole[] = {
	{ "ip4 udp", 3000, 1480, 1 },	{ "ip6 udp", 3001, 1448, 0x12345678 },
	{ "ip4 tcp", 700, 552, 3 },	{ "ip6 tcp", 701, 232, 4 },
	{ "ip4 icmp", 20001, 1480, 5 }, { "ip6 icmp6", 2000, 1232, 6 },
	{ "ip4 igmp", 100, 48, 7 },	{ "ip4 sctp", 3003, 1480, 8 },
	{ "ip6 sctp", 700, 16, 9 },	{ "ip4 lite", 100, 24, 10 },
	{ "ip6 lite13", 100, 24, 11 },	{ "ip4 udp", 100, 8, 12 },
	{ "ip4 icmp", 8, 8, 13 },
};

#define WHOLE (sizeof(whole) / sizeof(whole[0]))

/* Adds all pieces in this order; the last one must complete the datagram. */
static void add_all(const struct datagram *datagram, const size_t *order, size_t pieces)
{
	struct fragments *fragments = new_fragments(4);

	for (size_t i = 0; i < pieces; i++)
		assert_int_equal(add(fragments, datagram, order[i]), i == pieces - 1);
	assert_transport(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.verdict, SUM_GOOD);
	assert_int_equal(judged.reason, REASON_NONE);
	assert_int_equal(fragments_waiting(fragments), 0);
	fragments_free(fragments);
}

static void shuffle(size_t *order, size_t pieces)
{
	for (size_t left = pieces; left > 1; left--) {
		size_t at = (size_t)rand() % left, kept = order[left - 1];

		order[left - 1] = order[at];
		order[at] = kept;
	}
}

static void any_order(void **state)
{
	size_t order[PIECES_MAX];

	(void)state;
	srand(1);
	for (size_t i = 0; i < WHOLE; i++) {
		size_t pieces = count(&whole[i]);

		assert_in_range(pieces, 2, PIECES_MAX);
		for (size_t j = 0; j < pieces; j++)
			order[j] = j;
		add_all(&whole[i], order, pieces);
		for (size_t j = 0; j < pieces; j++)
			order[j] = pieces - 1 - j;
		add_all(&whole[i], order, pieces);
		for (size_t times = 0; times < 20; times++) {
			shuffle(order, pieces);
			add_all(&whole[i], order, pieces);
		}
	}
}

/* The same packet seen on two devices: at once, or one datagram after the other. */
static void twice(void **state)
{
	struct fragments *fragments = new_fragments(4);

	(void)state;
	for (size_t i = 0; i < WHOLE; i++) {
		size_t pieces = count(&whole[i]);

		for (size_t j = 0; j < pieces; j++) {
			assert_int_equal(add(fragments, &whole[i], j), j == pieces - 1);
			assert_int_equal(add(fragments, &whole[i], j), 0);
		}
		assert_int_equal(fragments_waiting(fragments), 0);
		for (size_t j = 0; j < pieces; j++)
			assert_int_equal(add(fragments, &whole[i], j), j == pieces - 1);
		assert_transport(SUM_GOOD, REASON_NONE);
	}
	assert_int_equal(given_up, 0);
	fragments_free(fragments);
}

/* Two datagrams at once that differ in identification, and two of which one is in a tunnel. */
static void interleaved(void **state)
{
	struct fragments *fragments = new_fragments(4);
	struct datagram a = whole[0], b = whole[0];
	size_t pieces = count(&a);

	(void)state;
	b.id++;
	b.more = 2999;
	for (size_t i = 0; i < pieces; i++) {
		assert_int_equal(add(fragments, &a, i), i == pieces - 1);
		assert_int_equal(add(fragments, &b, i), i == pieces - 1);
		assert_int_equal(fragments_waiting(fragments), i == pieces - 1 ? 0 : 2 * (i + 1));
	}
	assert_transport(SUM_GOOD, REASON_NONE);
	assert_int_equal(add(fragments, &a, 1), 0);
	judged.tunnelled = true;
	assert_int_equal(fragments_add(fragments, &judged, &given_up), 0);
	assert_int_equal(fragments_waiting(fragments), 2);
	fragments_free(fragments);
}

/* Damage in each fragment's payload, and in a fragment that arrives first damaged, then intact. */
static void damaged(void **state)
{
	static uint8_t packet[BUILD_MAX];

	(void)state;
	for (size_t i = 0; i < WHOLE; i++) {
		size_t pieces = count(&whole[i]);

		if (!strcmp(whole[i].words, "ip6 lite13"))
			continue;
		for (size_t bad = 0; bad < pieces; bad++) {
			struct fragments *fragments = new_fragments(4);
			size_t len;

			for (size_t j = 0; j < pieces; j++)
				if (j != bad)
					assert_int_equal(add(fragments, &whole[i], j), 0);
			len = cut_out(&whole[i], bad * whole[i].cut, whole[i].cut, packet);
			packet[len - 1] ^= 0x40;
			packet_judge(LINK_RAW, packet, len, len, &judged);
			assert_int_equal(fragments_add(fragments, &judged, &given_up), 1);
			if (!(whole[i].cut == 8 && bad == 0)) { /* UDP's checksum itself */
				assert_transport(SUM_BAD, REASON_NONE);
				assert_int_equal(judged.verdict, SUM_BAD);
			}
			fragments_free(fragments);
		}
	}
}

/* A fragment whose IP header is damaged belongs to no datagram. */
static void damaged_header(void **state)
{
	static uint8_t packet[BUILD_MAX];
	struct fragments *fragments = new_fragments(4);
	size_t len = cut_out(&whole[0], 0, 1480, packet);

	(void)state;
	packet[5] ^= 1;
	packet_judge(LINK_RAW, packet, len, len, &judged);
	assert_int_equal(judged.verdict, SUM_BAD);
	assert_int_equal(fragments_add(fragments, &judged, &given_up), 0);
	assert_int_equal(fragments_waiting(fragments), 0);
	fragments_free(fragments);
}

static void contradicting(void **state)
{
	static const struct {
		size_t from, len, from_2, len_2;
	} rows[] = {
		{ 0, 800, 0, 600 }, /* another length */
		{ 0, 800, 0, 1000 },  { 0, 800, 792, 800 }, /* by eight bytes */
		{ 800, 800, 0, 808 }, { 2000, 9999, 2008, 9999 }, /* two ends */
		{ 800, 80, 0, 1600 }, /* around it */
	};
	static const struct datagram datagram = { "ip4 udp", 3000, 8, 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fragments *fragments = new_fragments(4);

		add_part(fragments, &datagram, rows[i].from, rows[i].len, SIZE_MAX);
		assert_int_equal(
			add_part(fragments, &datagram, rows[i].from_2, rows[i].len_2, SIZE_MAX), 1);
		assert_transport(SUM_UNKNOWN, REASON_FRAGMENTS_OVERLAP);
		assert_int_equal(judged.verdict, SUM_UNKNOWN);
		assert_int_equal(judged.reason, REASON_FRAGMENTS_OVERLAP);
		assert_int_equal(given_up, 1);
		/* It was judged as far as it goes. */
		assert_int_equal(fragments_waiting(fragments), 0);
		fragments_free(fragments);
	}
}

/*
 * Senders reuse identifications: the rest of an old datagram does not spoil the new one, but then a
 * wrong sum is no proof of damage.
 */
static void reused_identification(void **state)
{
	struct datagram old = { "ip4 udp", 3000, 1480, 77 }, new = { "ip4 icmp", 3000, 1480, 77 };
	struct fragments *fragments = new_fragments(4);

	(void)state;
	old.words = "ip4 udp 23"; /* shifts the bytes, so that the pieces differ */
	new.words = "ip4 udp 40";
	add(fragments, &old, 0);
	assert_int_equal(add(fragments, &new, 0), 1);
	assert_transport(SUM_UNKNOWN, REASON_FRAGMENTS_OVERLAP);
	assert_int_equal(add(fragments, &new, 1), 0);
	assert_int_equal(add(fragments, &new, 2), 1);
	assert_transport(SUM_GOOD, REASON_NONE);
	assert_int_equal(given_up, 1);

	add(fragments, &old, 0);
	add(fragments, &new, 0);
	add(fragments, &new, 1);
	assert_int_equal(add(fragments, &old, 2), 1);
	assert_transport(SUM_UNKNOWN, REASON_LENGTH);
	new.words = "ip4 icmp 40";
	old.words = "ip4 icmp 23";
	add(fragments, &old, 0);
	add(fragments, &new, 0);
	add(fragments, &old, 1);
	assert_int_equal(add(fragments, &new, 2), 1);
	assert_transport(SUM_UNKNOWN, REASON_FRAGMENTS_OVERLAP);
	fragments_free(fragments);
}

static void evicted(void **state)
{
	struct fragments *fragments = new_fragments(3);
	struct datagram datagram = whole[0];

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		datagram.id = i;
		assert_int_equal(add(fragments, &datagram, 0), 0);
		assert_int_equal(add(fragments, &datagram, 1), 0);
		assert_int_equal(fragments_waiting(fragments), i < 3 ? 2 * (i + 1) : 6);
		assert_int_equal(given_up, i < 3 ? 0 : 2 * (i - 2));
	}
	for (uint32_t i = 97; i < 100; i++) { /* the newest are still there */
		datagram.id = i;
		assert_int_equal(add(fragments, &datagram, 2), 1);
		assert_transport(SUM_GOOD, REASON_NONE);
	}
	datagram.id = 96;
	assert_int_equal(add(fragments, &datagram, 2), 0);
	assert_int_equal(fragments_waiting(fragments), 1);
	fragments_free(fragments);
}

/* Complete datagrams make room first, oldest first, then those that wait, oldest first. */
static void evicted_in_order(void **state)
{
	struct fragments *fragments = new_fragments(4);
	struct datagram datagram = whole[0];

	(void)state;
	for (uint32_t id = 1; id <= 4; id++) { /* 2 and 3 are complete */
		datagram.id = id;
		for (size_t piece = 0; piece < (id == 2 || id == 3 ? 3 : 2); piece++)
			add(fragments, &datagram, piece);
	}
	assert_int_equal(fragments_waiting(fragments), 4);
	for (uint32_t id = 5; id <= 6; id++) { /* in place of 2 and 3: nothing is lost */
		datagram.id = id;
		add(fragments, &datagram, 0);
		assert_int_equal(given_up, 0);
		/* The last piece of a complete datagram is known as long as it is kept. */
		datagram.id = 3;
		if (id == 5)
			assert_int_equal(add(fragments, &datagram, 2), 0);
		assert_int_equal(fragments_waiting(fragments), id);
	}
	datagram.id = 7; /* in place of 1, the oldest */
	add(fragments, &datagram, 0);
	assert_int_equal(given_up, 2);
	datagram.id = 4;
	assert_int_equal(add(fragments, &datagram, 2), 1);
	assert_transport(SUM_GOOD, REASON_NONE);
	fragments_free(fragments);
}

/* One datagram with too many pieces, and others at the same time. */
static void many_pieces(void **state)
{
	struct fragments *fragments = new_fragments(2);
	struct datagram datagram = { "ip4 icmp", 2000, 8, 1 };
	size_t pieces = count(&datagram);
	int rc = 0;

	(void)state;
	add(fragments, &whole[0], 0);
	for (size_t i = 0; i < pieces; i++)
		rc |= add(fragments, &datagram, i);
	assert_int_equal(rc, 0);
	assert_true(given_up >= 33);
	/* Each fragment waits or was given up. */
	assert_int_equal(given_up + fragments_waiting(fragments), 1 + pieces);
	assert_true(fragments_waiting(fragments) <= 32);
	fragments_free(fragments);

	fragments = new_fragments(64); /* room enough */
	for (size_t i = 0; i < pieces; i++)
		rc = add(fragments, &datagram, pieces - 1 - i);
	assert_int_equal(rc, 1);
	assert_transport(SUM_GOOD, REASON_NONE);
	fragments_free(fragments);
}

/* A datagram never makes room for its own next piece, even if it is the oldest that waits. */
static void own_pieces_stay(void **state)
{
	struct fragments *fragments = new_fragments(2);
	struct datagram oldest = { "ip4 icmp", 100, 48, 9 }, many = { "ip4 icmp", 2000, 8, 1 };
	size_t pieces = count(&oldest), taken = 0;

	(void)state;
	given_up = 0;
	assert_int_equal(add(fragments, &oldest, 0), 0);
	while (fragments_waiting(fragments) < 32)
		assert_int_equal(add(fragments, &many, taken++), 0);
	assert_int_equal(given_up, 0);
	for (size_t i = 1; i < pieces; i++)
		assert_int_equal(add(fragments, &oldest, i), i == pieces - 1);
	assert_transport(SUM_GOOD, REASON_NONE);
	assert_int_equal(given_up, taken);
	fragments_free(fragments);
}

static void without_sum(void **state)
{
	static const struct {
		struct datagram datagram;
		enum sum_verdict verdict, packet;
		enum sum_reason reason; /* the packet's */
	} rows[] = {
		{ { "ip4 udp0", 100, 48, 1 }, SUM_NONE, SUM_GOOD, REASON_NONE },
		{ { "ip6 udp0", 100, 48, 1 }, SUM_ILLEGAL_NONE, SUM_ILLEGAL_NONE, REASON_NONE },
		{ { "ip6 udp0 vxlan eth", 100, 48, 1 }, SUM_NONE, SUM_UNKNOWN, REASON_IN_FRAGMENT },
		{ { "ip4 udp vxlan eth", 100, 48, 1 }, SUM_GOOD, SUM_UNKNOWN, REASON_IN_FRAGMENT },
		{ { "ip4 gre ip4 icmp", 100, 48, 1 }, SUM_NONE, SUM_UNKNOWN, REASON_IN_FRAGMENT },
		{ { "ip4 grecks ip4", 100, 48, 1 }, SUM_GOOD, SUM_UNKNOWN, REASON_IN_FRAGMENT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fragments *fragments = new_fragments(2);
		size_t pieces = count(&rows[i].datagram);

		for (size_t j = 0; j < pieces; j++)
			assert_int_equal(add(fragments, &rows[i].datagram, j), j == pieces - 1);
		assert_transport(rows[i].verdict, REASON_NONE);
		assert_int_equal(judged.verdict, rows[i].packet);
		assert_int_equal(judged.reason, rows[i].reason);
		fragments_free(fragments);
	}
}

/* Unfinished sums, which are rare in fragments, and sums whose header lies in two fragments. */
static void unusual_sums(void **state)
{
	static const struct datagram tiny = { "ip4 tcp", 100, 8, 1 },
				     sctp = { "ip4 sctp", 100, 8, 2 };
	static const struct datagram lite = { "ip4 lite13", 100, 8, 3 };
	struct fragments *fragments = new_fragments(8);
	size_t last;

	(void)state;
	last = count(&tiny);
	for (size_t i = 0; i < last; i++)
		add(fragments, &tiny, i);
	assert_transport(SUM_UNKNOWN, REASON_LENGTH);
	last = count(&sctp);
	for (size_t i = 0; i < last; i++)
		add(fragments, &sctp, i);
	assert_transport(SUM_UNKNOWN, REASON_LENGTH);
	last = count(&lite);
	for (size_t i = 0; i < last; i++)
		add(fragments, &lite, i);
	assert_transport(SUM_UNKNOWN, REASON_FRAGMENT);
	fragments_free(fragments);
}

static void cut_by_capture(void **state)
{
	(void)state;
	for (size_t i = 0; i < WHOLE; i++) {
		for (size_t captured = 20; captured < 90; captured++) {
			struct fragments *fragments = new_fragments(2);
			size_t pieces = count(&whole[i]);

			if (header_len(&whole[i]) == 40 && captured < 48)
				captured = 48;
			for (size_t j = 0; j < pieces; j++)
				add_part(fragments, &whole[i], j * whole[i].cut, whole[i].cut,
					 captured);
			assert_int_not_equal(judged.verdict, SUM_BAD);
			assert_int_not_equal(judged.layer[judged.fragment.layer].verdict, SUM_BAD);
			fragments_free(fragments);
		}
	}
}

/* Fragments that no receiver could put together, and those without a sum to judge. */
static void refused(void **state)
{
	static uint8_t packet[BUILD_MAX];
	struct datagram esp = { "ip4 esp", 0, 24, 1 }, ipip = { "ip4 ip4 udp", 100, 24, 1 };
	struct fragments *fragments = new_fragments(2);
	size_t len = cut_out(&whole[0], 1480, 1480, packet);

	(void)state;
	put16(packet + 6, 0x3fff); /* beyond 64 KiB */
	put16(packet + 10, 0);
	put16(packet + 10, (uint16_t)~plain_sum(0, packet, 20));
	packet_judge(LINK_RAW, packet, len, len, &judged);
	assert_int_equal(judged.verdict, SUM_UNKNOWN);
	assert_int_equal(judged.reason, REASON_LENGTH);
	assert_false(judged.fragment.is);
	assert_int_equal(fragments_add(fragments, &judged, &given_up), 0);

	len = cut_out(&esp, 0, 24, packet);
	packet_judge(LINK_RAW, packet, len, len, &judged);
	assert_true(judged.fragment.is);
	assert_int_equal(judged.verdict, SUM_GOOD);
	assert_int_equal(fragments_add(fragments, &judged, &given_up), 0);

	len = cut_out(&ipip, 0, 24, packet);
	packet_judge(LINK_RAW, packet, len, len, &judged);
	assert_int_equal(judged.verdict, SUM_UNKNOWN);
	assert_int_equal(judged.reason, REASON_IN_FRAGMENT);
	assert_int_equal(fragments_add(fragments, &judged, &given_up), 0);
	assert_int_equal(fragments_waiting(fragments), 0);
	fragments_free(fragments);
	assert_int_equal(fragments_new(0, &fragments), -EINVAL);
	fragments_free(NULL);
}

static void first_fragment(void **state)
{
	struct fragments *fragments = new_fragments(2);

	(void)state;
	add(fragments, &whole[2], 0);
	assert_int_equal(judged.flow.src_port, 40000);
	assert_int_equal(judged.seq, 0xdeadbeef);
	assert_int_equal(judged.payload, 20 + 32);
	assert_int_equal(judged.payload_len, 552 - 32);
	assert_int_equal(judged.fragment.len, 552);
	assert_true(judged.fragment.first && !judged.fragment.last);
	add(fragments, &whole[2], 1);
	assert_int_equal(judged.flow.src_port, 0);
	assert_int_equal(judged.payload, 20);
	assert_int_equal(judged.fragment.start, 552);
	assert_true(!judged.fragment.first && judged.fragment.last);
	fragments_free(fragments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(twice),
		cmocka_unit_test(interleaved),
		cmocka_unit_test(damaged),
		cmocka_unit_test(damaged_header),
		cmocka_unit_test(contradicting),
		cmocka_unit_test(reused_identification),
		cmocka_unit_test(evicted),
		cmocka_unit_test(evicted_in_order),
		cmocka_unit_test(many_pieces),
		cmocka_unit_test(own_pieces_stay),
		cmocka_unit_test(without_sum),
		cmocka_unit_test(unusual_sums),
		cmocka_unit_test(cut_by_capture),
		cmocka_unit_test(refused),
		cmocka_unit_test(first_fragment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
