// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wrong sums that are no damage: sums and lengths that a device fills in later, missing sums. And
 * headers that contradict themselves or the packet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet_build.h"

static struct build build;
static struct packet_judgement judged;

/* These are the last layer's; the packet's are judged.verdict and judged.reason. */
static const struct packet_layer *judge(uint32_t link)
{
	packet_judge(link, build_data(&build), build_len(&build), build_len(&build), &judged);
	return &judged.layer[judged.layer_count ? judged.layer_count - 1 : 0];
}

static uint8_t *built(const char *text, size_t more)
{
	build_packet(&build, text, more);
	return build_data(&build);
}

static void assert_last(enum sum_verdict verdict, enum sum_reason reason)
{
	const struct packet_layer *layer = judge(LINK_RAW);

	assert_string_equal(sum_verdict_names[layer->verdict], sum_verdict_names[verdict]);
	assert_int_equal(layer->reason, reason);
}

static void assert_packet(enum sum_verdict verdict, enum sum_reason reason)
{
	judge(LINK_RAW);
	assert_string_equal(sum_verdict_names[judged.verdict], sum_verdict_names[verdict]);
	assert_int_equal(judged.reason, reason);
}

/*
 * The field contains the pseudo-header's sum, as Linux and most devices want it; in NDIS without
 * the length.
 */
static void unfinished(void **state)
{
	static const struct {
		const char *words;
		bool v6;
		uint8_t proto;
		size_t field, transport;
	} rows[] = {
		{ "ip4 tcp 23", false, IPPROTO_TCP, 16, 20 },
		{ "ip6 tcp 23", true, IPPROTO_TCP, 16, 40 },
		{ "ip4 udp 23", false, IPPROTO_UDP, 6, 20 },
		{ "ip6 udp 23", true, IPPROTO_UDP, 6, 40 },
		{ "lsrr tcp 23", false, IPPROTO_TCP, 16, 36 },
		{ "ip6 route udp 23", true, IPPROTO_UDP, 6, 80 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *data = built(rows[i].words, 0),
			*field = data + rows[i].transport + rows[i].field;
		uint32_t len = (uint32_t)(build_len(&build) - rows[i].transport);
		uint16_t right = get16(field);

		put16(field, plain_pseudo(rows[i].v6, rows[i].proto, len));
		assert_last(SUM_UNFINISHED, REASON_PSEUDO);
		assert_int_equal(judged.layer[judged.layer_count - 1].computed, right);
		assert_int_equal(judged.verdict, SUM_UNFINISHED);
		assert_int_equal(judged.reason, REASON_NONE);
		put16(field, plain_pseudo(rows[i].v6, rows[i].proto, 0));
		assert_last(SUM_UNFINISHED, REASON_PSEUDO_NO_LENGTH);
		put16(field, plain_pseudo(rows[i].v6, rows[i].proto, len + 1));
		assert_last(SUM_BAD, REASON_NONE);
		put16(field, (uint16_t)~plain_pseudo(rows[i].v6, rows[i].proto, len));
		assert_last(SUM_BAD, REASON_NONE);
	}
}

static void zero_fields(void **state)
{
	(void)state;
	put16(built("ip4 tcp 8", 0) + 20 + 16, 0);
	assert_last(SUM_UNFINISHED, REASON_ZERO_FIELD);
	put32(built("ip4 sctp 8", 0) + 20 + 8, 0);
	assert_last(SUM_UNFINISHED, REASON_ZERO_FIELD);
	put16(built("ip4 grec 8", 0) + 20 + 4, 0);
	assert_last(SUM_UNFINISHED, REASON_ZERO_FIELD);
	put16(built("ip4 udp 8", 0) + 20 + 6, 0);
	assert_last(SUM_NONE, REASON_NONE);
	put16(built("ip6 udp 8", 0) + 40 + 6, 0);
	assert_last(SUM_ILLEGAL_NONE, REASON_NONE);
	put16(built("ip4 lite 8", 0) + 20 + 6, 0);
	assert_last(SUM_ILLEGAL_NONE, REASON_NONE);
	put16(built("ip4 icmp 8", 0) + 20 + 2, 0);
	assert_last(SUM_BAD, REASON_NONE);
	put16(built("ip6 icmp6 8", 0) + 40 + 2, 0);
	assert_last(SUM_BAD, REASON_NONE);

	put16(built("ip4 tcp 8", 0) + 10, 0);
	assert_last(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.layer[0].verdict, SUM_UNFINISHED);
	assert_int_equal(judged.layer[0].reason, REASON_ZERO_FIELD);
	assert_int_equal(judged.verdict, SUM_UNFINISHED);
}

/*
 * Packets longer than any frame: at the sender, not segmented yet; or at the receiver, merged by a
 * device.
 */
static void super_packets(void **state)
{
	uint8_t *data;

	(void)state;
	data = built("ip4 tcp", 60000);
	assert_last(SUM_GOOD, REASON_NONE);
	put16(data + 36, plain_pseudo(false, IPPROTO_TCP, 32 + 60000));
	assert_last(SUM_UNFINISHED, REASON_PSEUDO);
	put16(data + 36, 0x1234);
	assert_last(SUM_UNKNOWN, REASON_MERGED);
	assert_packet(SUM_UNKNOWN, REASON_MERGED);

	put16(built("ip4 tcp", 9216 - 52) + 36, 0x1234); /* a jumbo frame */
	assert_packet(SUM_BAD, REASON_NONE);
	put16(built("ip4 tcp", 9217 - 52) + 36, 0x1234);
	assert_packet(SUM_UNKNOWN, REASON_MERGED);
	put16(built("ip4 udp", 20000) + 26, 0x1234);
	assert_packet(SUM_BAD, REASON_NONE);
}

/* No length in the IPv4 header: large send offload, and Linux's BIG TCP. */
static void no_total_length(void **state)
{
	uint8_t *data;

	(void)state;
	data = built("ip4 tcp", 3000);
	put16(data + 2, 0);
	finish(&build, 10, 20, 0);
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.payload_full, 3000);
	put16(data + 10, 0);
	put16(data + 36, plain_pseudo(false, IPPROTO_TCP, 0));
	assert_packet(SUM_UNFINISHED, REASON_NONE);
	assert_int_equal(judged.layer[1].reason, REASON_PSEUDO_NO_LENGTH);
	/* The frame may be padded, so that a wrong sum proves nothing. */
	put16(data + 36, 0x1234);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);

	data = built("ip4 tcp", 70000);
	put16(data + 2, 0);
	finish(&build, 10, 20, 0);
	assert_packet(SUM_GOOD, REASON_NONE);
	put16(data + 36, plain_pseudo(false, IPPROTO_TCP, 70032));
	assert_packet(SUM_UNFINISHED, REASON_NONE);
	put16(data + 36, 0x1234);
	assert_packet(SUM_UNKNOWN, REASON_MERGED);

	data = built("ip4 udp", 8); /* UDP has its own */
	put16(data + 2, 0);
	finish(&build, 10, 20, 0);
	assert_packet(SUM_GOOD, REASON_NONE);
}

static void jumbograms(void **state)
{
	static const uint8_t option[] = { 1, 0, 0xc2, 4 };
	uint8_t *data;

	(void)state;
	data = built("ip6 hop tcp", 70000);
	put16(data + 4, 0);
	assert_packet(SUM_GOOD, REASON_NONE); /* the frame's length */
	data[42] = 1; /* PadN over six bytes */
	data[43] = 4;
	memcpy(data + 48, option, sizeof(option));
	put32(data + 52, 16 + 32 + 70000);
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.payload_full, 70000);
	data[100] ^= 1;
	assert_packet(SUM_UNKNOWN, REASON_MERGED);
	put32(data + 52, 16 + 32 + 70001);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	put32(data + 52, 65535);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	put32(data + 52, 16 + 32 + 69999); /* the rest is a trailer */
	assert_int_equal(judge(LINK_RAW)->verdict, SUM_UNKNOWN);
	assert_int_equal(judged.payload_full, 69999);

	data = built("ip6 hop udp", 70000);
	put16(data + 4, 0);
	put16(data + 56 + 4, 0); /* RFC 2675 section 4 */
	put16(data + 62, 0);
	put16(data + 62,
	      (uint16_t)~plain_sum(plain_pseudo(true, IPPROTO_UDP, 70008), data + 56, 70008));
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.payload_full, 70000);

	data = built("ip6 tcp", 70000); /* BIG TCP without the option */
	put16(data + 4, 0);
	assert_packet(SUM_GOOD, REASON_NONE);
}

/*
 * Local checksum offload: the outer sum is computed as if the inner sum were finished. It shows
 * damage outside the inner sum's region. When the inner sum is finished, all sums are good.
 */
static void local_offload(void **state)
{
	static const struct {
		const char *words;
		uint8_t outer, inner; /* layers */
		bool v6; /* the inner one's */
		uint8_t proto;
	} rows[] = {
		{ "ip4 udp vxlan eth ip4 tcp 23", 1, 3, false, IPPROTO_TCP },
		{ "ip6 udp geneve eth ip6 udp 40", 0, 1, true, IPPROTO_UDP },
		{ "ip4 grecks ip6 tcp 8", 1, 2, true, IPPROTO_TCP },
		{ "ip4 udp vxlan eth ip4 grec ip4 tcp 8", 3, 5, false, IPPROTO_TCP },
		{ "ip4 udp vxlan eth ip4 grec ip4 tcp 8", 1, 5, false, IPPROTO_TCP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *data = built(rows[i].words, 0);
		const struct packet_layer *outer = &judged.layer[rows[i].outer],
					  *inner = &judged.layer[rows[i].inner];
		uint32_t len;

		judge(LINK_RAW);
		assert_int_equal(judged.verdict, SUM_GOOD);
		len = (uint32_t)(build_len(&build) - inner->offset);
		put16(data + inner->field, plain_pseudo(rows[i].v6, rows[i].proto, len));
		judge(LINK_RAW);
		assert_int_equal(judged.verdict, SUM_UNFINISHED);
		assert_int_equal(inner->reason, REASON_PSEUDO);
		assert_int_equal(outer->verdict, SUM_UNFINISHED);
		assert_int_equal(outer->reason, REASON_LOCAL_OFFLOAD);

		data[outer->offset + 12] ^= 4; /* between the outer and the inner header */
		judge(LINK_RAW);
		assert_int_equal(outer->verdict, SUM_BAD);
		assert_int_equal(judged.verdict, SUM_BAD);
		data[outer->offset + 12] ^= 4;

		put16(data + inner->field, 0x1234);
		judge(LINK_RAW);
		assert_int_equal(outer->verdict, SUM_BAD);
		assert_int_equal(inner->verdict, SUM_BAD);
	}
}

/* The device fills in both sums: segmentation offload of tunnels. */
static void both_unfinished(void **state)
{
	uint8_t *data = built("ip4 udp vxlan eth ip4 tcp", 3000);

	(void)state;
	put16(data + 26, plain_pseudo(false, IPPROTO_UDP, (uint32_t)build_len(&build) - 20));
	put16(data + 50 + 20 + 16, plain_pseudo(false, IPPROTO_TCP, 3032));
	assert_packet(SUM_UNFINISHED, REASON_NONE);
	assert_int_equal(judged.layer[1].reason, REASON_PSEUDO);
	assert_int_equal(judged.layer[3].reason, REASON_PSEUDO);
}

/* A UDP datagram may end before its IP packet does, and its sum with it. */
static void udp_lengths(void **state)
{
	uint8_t *data = built("ip4 udp 8", 40);

	(void)state;
	put16(data + 24, 16);
	put16(data + 26, 0);
	put16(data + 26, (uint16_t)~plain_sum(plain_pseudo(false, IPPROTO_UDP, 16), data + 20, 16));
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.payload_full, 8);
	data[40] ^= 1;
	assert_packet(SUM_GOOD, REASON_NONE);
	put16(data + 24, 7);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	put16(data + 24, 0);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	put16(data + 24, 57);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	assert_int_equal(judged.layer[1].verdict, SUM_UNKNOWN);
	assert_int_equal(judged.layer[1].reason, REASON_LENGTH);
}

static void udplite_coverage(void **state)
{
	uint8_t *data = built("ip4 lite13 23", 0);

	(void)state;
	data[20 + 13] ^= 1;
	assert_packet(SUM_GOOD, REASON_NONE);
	data[20 + 12] ^= 1;
	assert_packet(SUM_BAD, REASON_NONE);
	for (size_t i = 1; i < 8; i++) {
		put16(data + 24, i);
		assert_packet(SUM_UNKNOWN, REASON_LENGTH);
	}
	put16(data + 24, 8 + 23 + 1);
	assert_packet(SUM_UNKNOWN, REASON_LENGTH);

	/* Bytes that are cut off are not covered. */
	data = built("ip4 lite13 23", 0);
	packet_judge(LINK_RAW, data, 20 + 13, build_len(&build), &judged);
	assert_int_equal(judged.verdict, SUM_GOOD);
	packet_judge(LINK_RAW, data, 20 + 12, build_len(&build), &judged);
	assert_int_equal(judged.verdict, SUM_TRUNCATED);
}

/* One byte is changed so that the headers contradict themselves or the packet. */
static void contradictions(void **state)
{
	static const struct {
		const char *words;
		size_t at;
		uint8_t value, verdict, reason;
		bool v4; /* its header sum is corrected */
	} rows[] = {
		{ "ip4 tcp 8", 3, 61, SUM_UNKNOWN, REASON_LENGTH,
		  true }, /* one more byte than there is */
		{ "ip4 tcp 8", 3, 39, SUM_UNKNOWN, REASON_LENGTH, true }, /* cuts the TCP header */
		{ "ip4 tcp 8", 3, 19, SUM_UNKNOWN, REASON_LENGTH, true },
		{ "ip4 tcp 8", 0, 0x44, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip4 tcp 8", 0, 0x35, SUM_UNKNOWN, REASON_PROTOCOL, false },
		{ "ip4opt tcp 8", 21, 17, SUM_UNKNOWN, REASON_ROUTING, true },
		{ "ip4opt tcp 8", 21, 1, SUM_UNKNOWN, REASON_ROUTING, true },
		{ "lsrr tcp 8", 22, 12, SUM_UNKNOWN, REASON_ROUTING, true },
		{ "lsrr tcp 8", 23, 3, SUM_UNKNOWN, REASON_ROUTING, true },
		{ "ip6 tcp 8", 5, 41, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip6 tcp 8", 5, 19, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip6 tcp 8", 0, 0x50, SUM_UNKNOWN, REASON_PROTOCOL, false },
		{ "ip6 hop tcp 8", 41, 9, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip6 ah tcp 8", 41, 0, SUM_NONE, REASON_NONE,
		  false }, /* 8 bytes: what follows is ESP's */
		{ "ip6 route tcp 8", 42, 3, SUM_UNKNOWN, REASON_ROUTING, false },
		{ "ip6 route tcp 8", 43, 3, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip6 srh tcp 8", 44, 2, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip6 home tcp 8", 45, 17, SUM_UNKNOWN, REASON_LENGTH, false },
		{ "ip4 gre ip4", 20, 0x40, SUM_UNKNOWN, REASON_PROTOCOL, false },
		{ "ip4 gre ip4", 21, 2, SUM_UNKNOWN, REASON_PROTOCOL, false },
		{ "ip4 gre ip4 icmp", 27, 29, SUM_BAD, REASON_LENGTH,
		  false }, /* and the sum of its header shows it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *data = built(rows[i].words, 0);

		data[rows[i].at] = rows[i].value;
		if (rows[i].v4)
			finish(&build, 10, (data[0] & 0xf) * 4u, 0);
		if (i == 13)
			data[40] = IPPROTO_ESP;
		judge(LINK_RAW);
		if (judged.reason != rows[i].reason || judged.verdict != rows[i].verdict)
			fail_msg("%s, %zu: %s, %s", rows[i].words, rows[i].at,
				 sum_verdict_names[judged.verdict], reason_words[judged.reason]);
	}
}

/* The link layer's. */
static void link_contradictions(void **state)
{
	uint8_t *data = built("pppoe ppp ip4 udp 8", 0);

	(void)state;
	data[0] = 0x21;
	judge(LINK_PPPOE);
	assert_int_equal(judged.reason, REASON_PROTOCOL);
	data[0] = 0x11;
	data[5]++;
	judge(LINK_PPPOE);
	assert_int_equal(judged.reason, REASON_LENGTH);
	data[1] = 9; /* discovery */
	judge(LINK_PPPOE);
	assert_int_equal(judged.verdict, SUM_NONE);

	put16(built("802.3 snap ip4 udp 8", 0) + 12, 1000);
	judge(LINK_ETHERNET);
	assert_int_equal(judged.verdict, SUM_UNKNOWN);
	assert_int_equal(judged.reason, REASON_LENGTH);
	/* 1500 is the longest length; what is above is no length. */
	built("802.3 snap ip4 udp", 1500 - 8 - 20 - 8);
	assert_int_equal(build_len(&build), 14 + 1500);
	judge(LINK_ETHERNET);
	assert_int_equal(judged.verdict, SUM_GOOD);
	built("802.3 snap ip4 udp", 1501 - 8 - 20 - 8);
	judge(LINK_ETHERNET);
	assert_int_equal(judged.verdict, SUM_NONE);
	built("802.3 snap ip4 udp 8", 0)[14] = 0x42; /* spanning tree */
	judge(LINK_ETHERNET);
	assert_int_equal(judged.verdict, SUM_NONE);

	built("ip4 udp 8", 0);
	judge(105);
	assert_int_equal(judged.verdict, SUM_UNKNOWN);
	assert_int_equal(judged.reason, REASON_PROTOCOL);
	built("ip4 udp 8", 0)[0] = 0x75;
	judge(LINK_RAW);
	assert_int_equal(judged.reason, REASON_PROTOCOL);
}

/* A pseudowire, a tunnel's port and an ICMP error may contain anything. */
static void unknown_contents(void **state)
{
	uint8_t *data;

	(void)state;
	built("eth mpls eth ip4 tcp 8", 0);
	judge(LINK_ETHERNET); /* a control word begins with 0 bits, like this address */
	assert_int_equal(judged.verdict, SUM_NONE);
	assert_int_equal(judged.layer_count, 0);

	for (size_t len = 0; len < 12; len++) { /* no room for a tunnel's header */
		data = built("ip4 udp", len);
		put16(data + 22, 8472);
		finish(&build, 10, 20, 0);
		put16(data + 26, 0);
		put16(data + 26,
		      (uint16_t)~plain_sum(plain_pseudo(false, IPPROTO_UDP, (uint32_t)(8 + len)),
					   data + 20, 8 + len));
		assert_packet(SUM_GOOD, REASON_NONE);
		assert_int_equal(judged.layer_count, 2);
	}

	data = built("ip4 icmp ip4 udp 8", 0);
	data[28 + 26] ^= 1;
	finish(&build, 10, 20, 0);
	put16(data + 22, 0);
	put16(data + 22, (uint16_t)~plain_sum(0, data + 20, build_len(&build) - 20));
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.layer_count, 2);
	assert_int_equal(judged.flow.proto, IPPROTO_ICMP);
}

static void too_many_layers(void **state)
{
	(void)state;
	built("ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 tcp 8", 0);
	assert_packet(SUM_GOOD, REASON_NONE);
	assert_int_equal(judged.layer_count, PACKET_LAYERS);
	built("ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 ip4 tcp 8", 0);
	assert_packet(SUM_UNKNOWN, REASON_LAYERS);
	assert_int_equal(judged.layer_count, PACKET_LAYERS);
}

static void truncated(void **state)
{
	uint8_t *data = built("ip4 udp0", 100);

	(void)state;
	packet_judge(LINK_RAW, data, 28, 128, &judged);
	assert_int_equal(judged.verdict, SUM_GOOD); /* the IPv4 header is; UDP has none */
	assert_int_equal(judged.layer[1].verdict, SUM_NONE);
	packet_judge(LINK_RAW, data, 27, 128, &judged);
	assert_int_equal(judged.verdict, SUM_TRUNCATED);
	assert_int_equal(judged.layer[0].verdict, SUM_GOOD);
	assert_int_equal(judged.layer[1].verdict, SUM_TRUNCATED);

	data = built("ip4 tcp", 100);
	data[8]++; /* damage where it can be seen */
	packet_judge(LINK_RAW, data, 60, build_len(&build), &judged);
	assert_int_equal(judged.verdict, SUM_BAD);
	assert_int_equal(judged.layer[1].verdict, SUM_TRUNCATED);
	assert_int_equal(judged.layer[1].stored, get16(data + 36));
	packet_judge(LINK_RAW, data, 37, build_len(&build), &judged);
	assert_int_equal(judged.layer[1].stored, 0);
	packet_judge(LINK_RAW, NULL, 0, 100, &judged);
	assert_int_equal(judged.verdict, SUM_TRUNCATED);
	assert_int_equal(judged.layer_count, 0);
}

/* RFC 6935: the outer header of a tunnel may have no checksum. */
static void udp6_without_checksum(void **state)
{
	static const uint16_t ports[] = { 2152, 4754, 4789, 4790, 6081, 6635, 8472 };
	uint8_t *data = built("ip6 udp0 23", 0);

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		put16(data + 42, ports[i]);
		assert_packet(SUM_NONE, REASON_NONE);
	}
	put16(data + 42, 5353);
	assert_packet(SUM_ILLEGAL_NONE, REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfinished),
		cmocka_unit_test(zero_fields),
		cmocka_unit_test(super_packets),
		cmocka_unit_test(no_total_length),
		cmocka_unit_test(jumbograms),
		cmocka_unit_test(local_offload),
		cmocka_unit_test(both_unfinished),
		cmocka_unit_test(udp_lengths),
		cmocka_unit_test(udplite_coverage),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(link_contradictions),
		cmocka_unit_test(unknown_contents),
		cmocka_unit_test(too_many_layers),
		cmocka_unit_test(truncated),
		cmocka_unit_test(udp6_without_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
