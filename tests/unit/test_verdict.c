// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every kind of layer in every kind of packet: undamaged, cut off at every length, with every
 * single bit damaged. test_verdict_form.c has unfinished sums, lengths and tunnels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "packet_build.h"

static const struct stack {
	uint32_t link;
	const char *words;
} stacks[] = {
	/* transports */
	{ LINK_ETHERNET, "eth ip4 tcp 23" },
	{ LINK_ETHERNET, "eth ip4 tcp" },
	{ LINK_ETHERNET, "eth ip6 tcp 40" },
	{ LINK_ETHERNET, "eth ip4 udp 1" },
	{ LINK_ETHERNET, "eth ip6 udp 23" },
	{ LINK_ETHERNET, "eth ip4 udp0 8" },
	{ LINK_ETHERNET, "eth ip6 udpbad 8" },
	{ LINK_ETHERNET, "eth ip4 lite 23" },
	{ LINK_ETHERNET, "eth ip6 lite8 23" },
	{ LINK_ETHERNET, "eth ip4 lite13 23" },
	{ LINK_ETHERNET, "eth ip4 icmp 40" },
	{ LINK_ETHERNET, "eth ip6 icmp6 23" },
	{ LINK_ETHERNET, "eth ip4opt igmp" },
	{ LINK_ETHERNET, "eth ip4 sctp 40" },
	{ LINK_ETHERNET, "eth ip6 sctp 23" },
	{ LINK_ETHERNET, "eth ip4 esp" },
	{ LINK_ETHERNET, "eth ip6 esp" },
	/* options and extension headers */
	{ LINK_ETHERNET, "eth ip4opt tcp 8" },
	{ LINK_ETHERNET, "eth lsrr tcp 8" },
	{ LINK_ETHERNET, "eth ssrr udp 8" },
	{ LINK_ETHERNET, "eth ip4 ah tcp 8" },
	{ LINK_ETHERNET, "eth ip6 hop dst atomic ah tcp 8" },
	{ LINK_ETHERNET, "eth ip6 mobility hip shim6 icmp6 8" },
	{ LINK_ETHERNET, "eth ip6 route tcp 8" },
	{ LINK_ETHERNET, "eth ip6 srh udp 8" },
	{ LINK_ETHERNET, "eth ip6 home icmp6 8" },
	/* link types */
	{ LINK_ETHERNET, "eth vlan ip4 tcp 1" },
	{ LINK_ETHERNET, "eth ad vlan ip6 tcp 1" },
	{ LINK_ETHERNET, "eth qinq ad vlan ip4 udp 1" },
	{ LINK_ETHERNET, "802.3 snap ip4 udp 1" },
	{ LINK_ETHERNET, "eth vlan mpls mpls ip4 tcp 1" },
	{ LINK_ETHERNET, "eth mplsm ip6 tcp 1" },
	{ LINK_ETHERNET, "eth vlan pppoe ppp ip4 tcp 1" },
	{ LINK_ETHERNET, "eth pppoe ppp ip6 udp 1" },
	{ LINK_ETHERNET, "eth" },
	{ LINK_PPPOE, "pppoe ppp ip6 tcp 1" },
	{ LINK_PPP, "ppp ip4 udp 8" },
	{ LINK_PPP, "hdlc ppp mpls ip4 udp 8" },
	{ LINK_PPP_HDLC, "hdlc ppp ip6 udp 8" },
	{ LINK_PPP_HDLC, "cisco ip4 tcp 8" },
	{ LINK_SLL, "sll ip4 tcp 8" },
	{ LINK_SLL, "sll vlan ip6 udp 8" },
	{ LINK_SLL, "sll snap ip4 udp 8" },
	{ LINK_SLL2, "sll2 ip6 tcp 8" },
	{ LINK_SLL2, "sll2 vlan ip4 icmp 8" },
	{ LINK_RAW, "ip4 tcp 8" },
	{ LINK_RAW, "ip6 udp 8" },
	{ LINK_RAW_BSD, "ip4 tcp 8" },
	{ LINK_RAW_OPENBSD, "ip6 tcp 8" },
	{ LINK_IPV4, "ip4 udp 8" },
	{ LINK_IPV6, "ip6 udp 8" },
	{ LINK_NULL, "null2 ip4 tcp 8" },
	{ LINK_NULL, "null10 ip6 tcp 8" },
	{ LINK_LOOP, "null24 ip6 tcp 8" },
	{ LINK_NULL, "null28 ip6 udp 8" },
	{ LINK_LOOP, "null30 ip6 udp 8" },
	/* tunnels */
	{ LINK_ETHERNET, "eth ip4 udp0 vxlan eth ip4 tcp 23" },
	{ LINK_ETHERNET, "eth ip4 udp vxlan eth vlan ip6 udp 23" },
	{ LINK_ETHERNET, "eth ip6 udp0 vxlan8472 eth ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip6 udp vxlan8472 eth ip4 icmp 8" },
	{ LINK_ETHERNET, "eth ip4 udp geneve eth ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip6 udp0 geneve ip6 sctp 8" },
	{ LINK_ETHERNET, "eth ip4 gre ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip4 grec ip6 tcp 8" },
	{ LINK_ETHERNET, "eth ip6 greks eth ip4 udp 8" },
	{ LINK_ETHERNET, "eth ip4 grecks eth vlan ip4 udp0 8" },
	{ LINK_ETHERNET, "eth ip4 grecks mpls ip4 udp 8" },
	{ LINK_ETHERNET, "eth ip4 pptp ppp ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip4 ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip4 ip6 udp 8" },
	{ LINK_ETHERNET, "eth ip6 dst ip4 icmp 8" },
	{ LINK_ETHERNET, "eth ip6 ip6 icmp6 8" },
	{ LINK_ETHERNET, "eth ip4 mpls ip4 tcp 8" },
	{ LINK_ETHERNET, "eth ip4 udp vxlan eth ip4 grec ip4 ip6 tcp 8" },
};

#define STACKS (sizeof(stacks) / sizeof(stacks[0]))

static struct build build;

/* Judges a copy of exactly `captured` bytes, so that a sanitizer sees a read past the end. */
static void judge(uint32_t link, const uint8_t *data, size_t captured, size_t len,
		  struct packet_judgement *ret)
{
	uint8_t *copy = malloc(captured ? captured : 1);

	assert_non_null(copy);
	memcpy(copy, data, captured);
	memset(ret, 0x5a, sizeof(*ret));
	packet_judge(link, copy, captured, len, ret);
	free(copy);
}

static void judge_built(uint32_t link, struct packet_judgement *ret)
{
	judge(link, build_data(&build), build_len(&build), build_len(&build), ret);
}

/* Expects what the words say: each layer, and the packet's verdict by precedence. */
static size_t expected(const char *text, const struct word **ret_layers, uint8_t *ret_verdict)
{
	static const uint8_t rank[SUM_VERDICTS] = {
		[SUM_GOOD] = 1,
		[SUM_ILLEGAL_NONE] = 2,
	};
	const struct word *word[BUILD_WORDS];
	size_t count = split_words(text, word), layers = 0;

	*ret_verdict = SUM_NONE;
	for (size_t i = 0; i < count; i++) {
		if (word[i]->kind == NO_LAYER)
			continue;
		ret_layers[layers++] = word[i];
		if (rank[word[i]->verdict] > rank[*ret_verdict])
			*ret_verdict = word[i]->verdict;
	}
	return layers;
}

static void assert_as_sent(const struct stack *stack, const struct packet_judgement *judgement)
{
	const struct word *layers[BUILD_WORDS];
	uint8_t verdict;
	size_t count = expected(stack->words, layers, &verdict);

	if (judgement->verdict != verdict || judgement->layer_count != count)
		fail_msg("%s: %s, %u layers", stack->words, sum_verdict_names[judgement->verdict],
			 judgement->layer_count);
	assert_int_equal(judgement->reason, REASON_NONE);
	for (size_t i = 0; i < count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];

		if (layer->kind != layers[i]->kind || layer->verdict != layers[i]->verdict)
			fail_msg("%s: layer %zu is %s, %s", stack->words, i,
				 layer_names[layer->kind], sum_verdict_names[layer->verdict]);
		assert_int_equal(layer->reason, REASON_NONE);
		assert_int_equal(layer->wide, layer->kind == LAYER_SCTP);
		if (layer->verdict == SUM_GOOD)
			assert_int_equal(layer->stored, layer->computed);
	}
}

static void as_sent(void **state)
{
	struct packet_judgement judgement;

	(void)state;
	for (size_t i = 0; i < STACKS; i++) {
		for (size_t more = 0; more < 4; more++) {
			build_packet(&build, stacks[i].words, more);
			judge_built(stacks[i].link, &judgement);
			assert_as_sent(&stacks[i], &judgement);
		}
	}
}

/* Ethernet padding and trailers, which no sum covers, captured or not. */
static void padded(void **state)
{
	static uint8_t frame[BUILD_MAX];
	struct packet_judgement judgement;

	(void)state;
	for (size_t i = 0; i < STACKS; i++) {
		size_t len;

		if (stacks[i].link != LINK_ETHERNET)
			continue;
		build_packet(&build, stacks[i].words, 0);
		len = build_len(&build);
		memcpy(frame, build_data(&build), len);
		memset(frame + len, 0xee, 46);
		judge(LINK_ETHERNET, frame, len + 46, len + 46, &judgement);
		assert_as_sent(&stacks[i], &judgement);
		judge(LINK_ETHERNET, frame, len, len + 46, &judgement);
		assert_as_sent(&stacks[i], &judgement);
	}
}

/* The captured part decides how much can be judged, but an intact packet is never bad. */
static void truncated(void **state)
{
	struct packet_judgement whole, judgement;

	(void)state;
	for (size_t i = 0; i < STACKS; i++) {
		build_packet(&build, stacks[i].words, 0);
		judge_built(stacks[i].link, &whole);
		for (size_t len = 0; len < build_len(&build); len++) {
			judge(stacks[i].link, build_data(&build), len, build_len(&build),
			      &judgement);
			if (judgement.verdict == SUM_BAD || judgement.verdict == SUM_UNKNOWN)
				fail_msg("%s at %zu: %s", stacks[i].words, len,
					 sum_verdict_names[judgement.verdict]);
			assert_in_range(judgement.layer_count, 0, whole.layer_count);
			for (size_t j = 0; j < judgement.layer_count; j++) {
				assert_int_equal(judgement.layer[j].kind, whole.layer[j].kind);
				assert_int_equal(judgement.layer[j].offset, whole.layer[j].offset);
				if (judgement.layer[j].verdict != SUM_TRUNCATED)
					assert_int_equal(judgement.layer[j].verdict,
							 whole.layer[j].verdict);
			}
		}
	}
}

/* Whether a good sum covers this byte. */
static bool covered(const struct packet_judgement *judgement, size_t at, size_t len)
{
	for (size_t i = 0; i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];
		size_t end = len;

		if (layer->verdict != SUM_GOOD || at < layer->offset)
			continue;
		if (layer->kind == LAYER_IPV4)
			end = layer->offset + (build_data(&build)[layer->offset] & 0xfu) * 4;
		if (layer->kind == LAYER_UDPLITE && get16(build_data(&build) + layer->offset + 4))
			end = layer->offset + get16(build_data(&build) + layer->offset + 4);
		if (at < end)
			return true;
	}
	return false;
}

/*
 * A single damaged bit that a sum covers makes the packet bad. Exceptions are versions, lengths and
 * types, which say what is covered: if their damage leads to a contradiction, the verdict is
 * unknown, and if it hides the sum, no sum can be bad.
 */
static void every_bit(void **state)
{
	struct packet_judgement whole, judgement;
	size_t found = 0, hidden = 0;

	(void)state;
	for (size_t i = 0; i < STACKS; i++) {
		size_t len;

		build_packet(&build, stacks[i].words, 0);
		len = build_len(&build);
		judge_built(stacks[i].link, &whole);
		for (size_t bit = 0; bit < len * 8; bit++) {
			uint8_t *byte = build_data(&build) + bit / 8;
			bool soft = build.soft[build.at + bit / 8];

			*byte ^= (uint8_t)(1 << bit % 8);
			packet_judge(stacks[i].link, build_data(&build), len, len, &judgement);
			*byte ^= (uint8_t)(1 << bit % 8);
			if (judgement.verdict == SUM_BAD)
				found++;
			else if (soft)
				hidden++;
			else if (covered(&whole, bit / 8, len))
				fail_msg("%s: byte %zu bit %zu: %s", stacks[i].words, bit / 8,
					 bit % 8, sum_verdict_names[judgement.verdict]);
		}
	}
	print_message("%zu bits found, %zu in fields that say what is covered\n", found, hidden);
	assert_true(found > 10000);
}

/* Addresses are covered by the pseudo-header. */
static void addresses(void **state)
{
	static const char *const texts[] = { "ip6 tcp 8", "ip6 udp 8", "ip6 lite 8",
					     "ip6 icmp6 8" };
	struct packet_judgement judgement;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		build_packet(&build, texts[i], 0);
		for (size_t bit = 8 * 8; bit < 40 * 8; bit++) {
			build_data(&build)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			judge_built(LINK_IPV6, &judgement);
			build_data(&build)[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(judgement.verdict, SUM_BAD);
		}
	}
}

/* The field's right value is known although the stored one is wrong. */
static void stored_and_computed(void **state)
{
	static const char *const texts[] = { "ip4 tcp 8",  "ip4 udp 8",	  "ip4 icmp 8",
					     "ip4 igmp 8", "ip6 icmp6 8", "ip4 lite 8",
					     "ip4 sctp 8", "ip4 grec ip6" };
	struct packet_judgement good, bad;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t last;

		build_packet(&build, texts[i], 0);
		judge_built(LINK_RAW, &good);
		last = good.layer_count - 1u;
		build_data(&build)[good.layer[last].field + 1] ^= 0x10;
		judge_built(LINK_RAW, &bad);
		assert_int_equal(bad.verdict, SUM_BAD);
		assert_int_equal(bad.layer[last].verdict, SUM_BAD);
		assert_int_equal(bad.layer[last].computed, good.layer[last].stored);
		assert_int_equal(bad.layer[last].stored,
				 good.layer[last].stored ^
					 (bad.layer[last].wide ? 0x100000 : 0x10));
	}
}

/* A sum of zero: UDP sends ~0 for it; in other protocols both zeros are right. */
static void zeros(void **state)
{
	struct packet_judgement judgement;
	uint8_t *data;

	(void)state;
	build_packet(&build, "ip4 udp 8", 0);
	data = build_data(&build);
	put16(data + 26, 0);
	put16(data + 28, 0);
	put16(data + 28, (uint16_t)~plain_sum(plain_pseudo(false, IPPROTO_UDP, 16), data + 20, 16));
	put16(data + 26, 0xffff);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].verdict, SUM_GOOD);
	put16(data + 26, 0x1234);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].computed, 0xffff);
	put16(data + 26, 0);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].verdict, SUM_NONE);

	/* All zero is not a right sum of zeros (an echo reply of nothing). */
	build_packet(&build, "ip4 icmp", 0);
	memset(build_data(&build) + 20, 0, 8);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].verdict, SUM_BAD);
	assert_int_equal(judgement.layer[1].computed, 0xffff);
	put16(build_data(&build) + 22, 0x1234);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].verdict, SUM_BAD);
	assert_int_equal(judgement.layer[1].computed, 0xffff);
	put16(build_data(&build) + 22, 0xffff);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.layer[1].verdict, SUM_GOOD);
}

static void flow(void **state)
{
	struct packet_judgement judgement;

	(void)state;
	build_packet(&build, "eth vlan ip4 tcp 23", 0);
	judge_built(LINK_ETHERNET, &judgement);
	assert_int_equal(judgement.flow.family, AF_INET);
	assert_int_equal(judgement.flow.proto, IPPROTO_TCP);
	assert_int_equal(judgement.flow.src_port, 40000);
	assert_int_equal(judgement.flow.dst_port, 443);
	assert_memory_equal(judgement.flow.src, v4_src, 4);
	assert_memory_equal(judgement.flow.dst, v4_dst, 4);
	for (size_t i = 4; i < 16; i++)
		assert_int_equal(judgement.flow.src[i] | judgement.flow.dst[i], 0);
	assert_false(judgement.tunnelled);
	assert_int_equal(judgement.network, 18);
	assert_int_equal(judgement.transport, 38);
	assert_int_equal(judgement.payload, 70);
	assert_int_equal(judgement.payload_len, 23);
	assert_int_equal(judgement.payload_full, 23);
	assert_int_equal(judgement.seq, 0xdeadbeef);
	assert_int_equal(judgement.ack, 0x01020304);
	assert_int_equal(judgement.tcp_flags, 0x18);
	assert_false(judgement.fragment.is);

	judge(LINK_ETHERNET, build_data(&build), 75, 93, &judgement);
	assert_int_equal(judgement.payload_len, 5);
	assert_int_equal(judgement.payload_full, 23);
	judge(LINK_ETHERNET, build_data(&build), 42, 93, &judgement);
	assert_int_equal(judgement.flow.dst_port, 443);
	assert_int_equal(judgement.payload_len, 4); /* of what IP carries */
	judge(LINK_ETHERNET, build_data(&build), 41, 93, &judgement);
	assert_int_equal(judgement.flow.dst_port, 0);
}

static void flow_inside(void **state)
{
	struct packet_judgement judgement;

	(void)state;
	build_packet(&build, "eth ip4 udp vxlan eth ip6 hop udp 8", 0);
	judge_built(LINK_ETHERNET, &judgement);
	assert_true(judgement.tunnelled);
	assert_int_equal(judgement.flow.family, AF_INET6);
	assert_int_equal(judgement.flow.proto, IPPROTO_UDP);
	assert_memory_equal(judgement.flow.src, v6_src, 16);
	assert_int_equal(judgement.flow.dst_port, 53);
	assert_int_equal(judgement.network, 14 + 20 + 8 + 8 + 14);
	assert_int_equal(judgement.transport, judgement.network + 40 + 16);
	assert_int_equal(judgement.payload, judgement.transport + 8);
	assert_int_equal(judgement.payload_len, 8);

	/* The inner header is cut off: only the outer flow is known. */
	judge(LINK_ETHERNET, build_data(&build), 14 + 20 + 8 + 8 + 14 + 39, build_len(&build),
	      &judgement);
	assert_false(judgement.tunnelled);
	assert_int_equal(judgement.flow.dst_port, 4789);
	assert_int_equal(judgement.payload, 42);

	/* IPv4 inside IPv6: nothing is left of the longer addresses. */
	build_packet(&build, "ip6 ip4 icmp 8", 0);
	judge_built(LINK_RAW, &judgement);
	assert_int_equal(judgement.flow.family, AF_INET);
	assert_int_equal(judgement.flow.src_port, 0);
	for (size_t i = 4; i < 16; i++)
		assert_int_equal(judgement.flow.src[i] | judgement.flow.dst[i], 0);
	assert_int_equal(judgement.payload, 40 + 20 + 8);
}

static void names(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYER_KINDS; i++)
		assert_non_null(layer_names[i]);
	for (size_t i = 0; i < SUM_VERDICTS; i++)
		assert_non_null(sum_verdict_names[i]);
	for (size_t i = 0; i < SUM_REASONS; i++)
		assert_non_null(reason_words[i]);
	assert_true(packet_link_known(LINK_SLL2));
	assert_true(packet_link_known(LINK_NULL));
	assert_false(packet_link_known(105)); /* IEEE 802.11 */
	assert_false(packet_link_known(0xffffffff));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_sent),     cmocka_unit_test(padded),
		cmocka_unit_test(truncated),   cmocka_unit_test(every_bit),
		cmocka_unit_test(addresses),   cmocka_unit_test(stored_and_computed),
		cmocka_unit_test(zeros),       cmocka_unit_test(flow),
		cmocka_unit_test(flow_inside), cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
