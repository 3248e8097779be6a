// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IPv4 and IPv6 headers: the checksum of the first, where the packet ends, who talks to whom, and by
 * which addresses the checksums behind are made.
 *
 * Large send offload leaves the length 0 to the device, and a packet over 64 KiB that Linux carries
 * inside one host (BIG TCP) has no other: the frame's end is the packet's then.
 */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "packet/verdict_sum.h"
#include "packet/verdict_walk.h"
#include "sum/csum.h"

enum {
	V4_MORE = 0x2000,
	V4_OFFSET = 0x1fff,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LSRR = 131,
	OPTION_SSRR = 137,
};

#define WIRE __attribute__((packed, may_alias))

struct WIRE v4 {
	uint8_t version_len, service;
	uint16_t len, id, fragment;
	uint8_t ttl, proto;
	uint16_t check;
	uint8_t src[4], dst[4];
};

struct WIRE v6 {
	uint32_t version_class_flow;
	uint16_t len;
	uint8_t next, hops;
	uint8_t src[16], dst[16];
};

/* From here on the judgement speaks of this IP packet, whose header begins at `start`. */
static struct packet_flow *enter(struct walk *walk, size_t start, uint8_t family)
{
	struct packet_judgement *judgement = walk->judgement;
	struct packet_flow *flow = &judgement->flow;

	judgement->tunnelled = flow->family != 0;
	if (judgement->tunnelled) {
		memset(flow, 0, sizeof(*flow));
		judgement->seq = judgement->ack = judgement->tcp_flags = 0;
	}
	flow->family = family;
	flow->proto = walk->proto;
	judgement->network = (uint32_t)start;
	judgement->transport = (uint32_t)walk->cursor.at;
	walk->v6 = family == AF_INET6;
	walk->framed = walk->jumbo = walk->hidden = false;
	return flow;
}

/*
 * Takes the final destination of a source route whose pointer has not passed its last address (RFC
 * 791). -EBADMSG where the options make no sense.
 */
static int take_options(struct walk *walk, const uint8_t *option, const uint8_t *end)
{
	for (size_t len; option < end && option[0] != OPTION_END; option += len) {
		len = 1;
		if (option[0] == OPTION_NOP)
			continue;
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return -EBADMSG;
		len = option[1];
		if (option[0] != OPTION_LSRR && option[0] != OPTION_SSRR)
			continue;
		if (len < 3 || (len - 3) % 4 || option[2] < 4)
			return -EBADMSG;
		if (option[2] + 3u <= len)
			walk->dst = option + len - 4;
	}
	walk->addresses = csum_add(csum_add(0, walk->src, 4), walk->dst, 4);
	return 0;
}

/* Behind the header: how long the packet is, and what is in it. */
static enum step behind_v4(struct walk *walk, const struct v4 *v4, size_t start, size_t header_len)
{
	size_t total = be16toh(v4->len);
	uint16_t fragment = be16toh(v4->fragment);

	if (!total) {
		walk->framed = true;
		total = walk->end - start;
	}
	if (walk_limit(walk, start, total)) {
		walk_payload(walk);
		return walk_stop(walk, REASON_LENGTH);
	}
	walk->ip_len = (uint32_t)total;
	walk_payload(walk);
	if (header_len > sizeof(*v4) &&
	    take_options(walk, (const uint8_t *)(v4 + 1), (const uint8_t *)v4 + header_len))
		return walk_stop(walk, REASON_ROUTING);
	if (fragment & (V4_MORE | V4_OFFSET))
		return walk_fragment(walk, be16toh(v4->id), (fragment & V4_OFFSET) * 8u,
				     fragment & V4_MORE);
	return walk_protocol(walk);
}

/* Five words as this machine reads them, folded; not worth a call for every packet. */
static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return be16toh((uint16_t)((sum >> 16) + sum));
}

/* The header's sum; that of its addresses goes to the pseudo-header. */
static uint16_t sum_v4(struct walk *walk, const struct v4 *v4, size_t header_len)
{
	uint32_t word[sizeof(*v4) / 4];
	uint64_t addresses;
	uint16_t sum;

	memcpy(word, v4, sizeof(word));
	addresses = (uint64_t)word[3] + word[4];
	walk->addresses = fold(addresses);
	sum = fold(addresses + word[0] + word[1] + word[2]);
	return header_len == sizeof(*v4) ? sum : csum_add(sum, v4 + 1, header_len - sizeof(*v4));
}

enum step walk_v4(struct walk *walk)
{
	size_t start = walk->cursor.at, header_len;
	struct packet_layer *layer = walk_layer(walk, LAYER_IPV4);
	struct packet_flow *flow;
	const struct v4 *v4;

	if (!layer)
		return STEP_END;
	v4 = (const struct v4 *)walk_take(walk, sizeof(*v4));
	if (!v4)
		return walk_short_layer(walk, layer, sizeof(*v4));
	if (v4->version_len >> 4 != 4)
		return walk_stop_layer(walk, layer, REASON_PROTOCOL);
	header_len = (v4->version_len & 0xf) * 4u;
	if (header_len < sizeof(*v4))
		return walk_stop_layer(walk, layer, REASON_LENGTH);
	if (header_len > sizeof(*v4) && !walk_take(walk, header_len - sizeof(*v4)))
		return walk_short_layer(walk, layer, header_len - sizeof(*v4));
	sum_judge(layer, sum_v4(walk, v4, header_len), 0, 0, 0);
	walk->proto = v4->proto;
	flow = enter(walk, start, AF_INET);
	memcpy(flow->src, walk->src = v4->src, sizeof(v4->src));
	memcpy(flow->dst, walk->dst = v4->dst, sizeof(v4->dst));
	return behind_v4(walk, v4, start, header_len);
}

enum step walk_v6(struct walk *walk)
{
	size_t start = walk->cursor.at, len;
	const struct v6 *v6 = (const struct v6 *)walk_take(walk, sizeof(*v6));
	struct packet_flow *flow;

	if (!v6)
		return walk_short(walk, sizeof(*v6));
	if (be32toh(v6->version_class_flow) >> 28 != 6)
		return walk_stop(walk, REASON_PROTOCOL);
	walk->proto = v6->next;
	flow = enter(walk, start, AF_INET6);
	memcpy(flow->src, walk->src = v6->src, sizeof(v6->src));
	memcpy(flow->dst, walk->dst = v6->dst, sizeof(v6->dst));
	walk->addresses = csum_add(0, v6->src, 2 * sizeof(v6->src));
	len = be16toh(v6->len);
	if (!len && v6->next != IPPROTO_NONE) {
		walk->framed = true;
		walk->jumbo = v6->next == IPPROTO_HOPOPTS;
		len = walk->end - walk->cursor.at;
	}
	if (walk_limit(walk, walk->cursor.at, len)) {
		walk_payload(walk);
		return walk_stop(walk, REASON_LENGTH);
	}
	walk->ip_len = (uint32_t)(sizeof(*v6) + len);
	walk_payload(walk);
	return walk_protocol(walk);
}
