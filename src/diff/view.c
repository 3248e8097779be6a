// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is compared of a packet: everything from the innermost transport header on except what
 * routers and NAT write. That is ports, checksums, the identifier of an echo, the MSS that a SYN
 * announces (routers lower it), and in an ICMP error the same fields of the packet that it
 * quotes. Without IP: everything after the link header and its VLAN tags, without the zeros that
 * fill up a short frame.
 *
 * The bytes that a hop may write are masked: they are 0 in the view's head, a copy of the first
 * bytes.
 */
#include "diff/view.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "packet/cursor.h"
#include "sum/csum.h"

#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

#define TCP_SYN 0x02
#define TCP_OPTION_MSS 2

static const struct diff_protocol protocols[] = {
	{ IPPROTO_TCP, 20, 16, 2, true, true },	  { IPPROTO_UDP, 8, 6, 2, true, true },
	{ IPPROTO_UDPLITE, 8, 6, 2, true, true }, { IPPROTO_SCTP, 12, 8, 4, true, false },
	{ IPPROTO_DCCP, 12, 6, 2, true, true },	  { IPPROTO_ICMP, 8, 2, 2, false, false },
	{ IPPROTO_ICMPV6, 8, 2, 2, false, true },
};

static const struct diff_protocol *known_protocol(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == proto)
			return &protocols[i];
	return NULL;
}

/* Sets what follows from the other fields, before the head is made. */
static void complete(struct diff_view *view)
{
	const uint32_t header = view->payload - view->transport;

	view->protocol =
		view->flow.family && !view->start ? known_protocol(view->flow.proto) : NULL;
	view->payload_len = view->end - view->payload;
	view->payload_full = view->full > header ? view->full - header : 0;
}

/* ---- Hashes ---- */

static uint64_t load64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* The 128-bit product, folded: every bit of both depends on every other. */
static uint64_t fold_product(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define SECRET0 0x2d358dccaa6c78a5ull
#define SECRET1 0x8bb84b93962eacc9ull
#define SECRET2 0x4b33a62ed433d4a3ull
#define SECRET3 0x4d5a2da51de1aa47ull

uint64_t diff_hash(uint64_t seed, const void *data, size_t len)
{
	const uint8_t *at = data;
	uint64_t a = seed ^ SECRET0, b = seed ^ SECRET1, c = seed ^ SECRET2;
	uint8_t last[48] = { 0 };
	size_t left = len;

	for (; left >= 48; left -= 48, at += 48) {
		a = fold_product(load64(at) ^ SECRET1, load64(at + 8) ^ a);
		b = fold_product(load64(at + 16) ^ SECRET2, load64(at + 24) ^ b);
		c = fold_product(load64(at + 32) ^ SECRET3, load64(at + 40) ^ c);
	}
	if (left)
		memcpy(last, at, left);
	for (size_t i = 0; i < left; i += 16)
		a = fold_product(load64(last + i) ^ SECRET1, load64(last + i + 8) ^ a);
	return fold_product(fold_product(a ^ SECRET3, b ^ len), c ^ SECRET0);
}

uint64_t diff_view_hash(const struct diff_view *view)
{
	uint32_t rest = view->transport + view->head_len;
	const uint64_t about[2] = { (uint64_t)view->full << 32 | (view->end - view->transport),
				    (uint64_t)view->start << 16 | view->parsed << 9 |
					    (view->flow.family != 0) << 8 | view->flow.proto };

	return diff_hash(diff_hash(diff_hash(0, about, sizeof(about)), view->head, view->head_len),
			 view->data + rest, view->end - rest);
}

/* ---- Masks ---- */

static void mask(struct diff_view *view, uint32_t at, uint32_t len)
{
	for (uint32_t end = at + len; at < end && at < view->head_len; at++) {
		view->mask[at / 64] |= 1ull << at % 64;
		view->head[at] = 0;
	}
}

static bool is_masked(const struct diff_view *view, uint32_t at)
{
	return view->mask[at / 64] >> at % 64 & 1;
}

static bool icmp_has_id(uint8_t proto, uint8_t type)
{
	/* Echo request and reply; of IPv4 timestamps, too (RFC 792, RFC 4443). */
	return proto == IPPROTO_ICMP ? type == 0 || type == 8 || type == 13 || type == 14
				     : type == 128 || type == 129;
}

static bool icmp_quotes(uint8_t proto, uint8_t type)
{
	return proto == IPPROTO_ICMP
		       ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12
		       : type >= 1 && type <= 4;
}

static void mask_transport(struct diff_view *view, uint8_t proto, uint32_t at)
{
	const struct diff_protocol *protocol = known_protocol(proto);

	if (!protocol)
		return;
	mask(view, at + protocol->sum_at, protocol->sum_len);
	if (protocol->ports)
		mask(view, at, 4);
	else if (at < view->head_len && icmp_has_id(proto, view->head[at]))
		mask(view, at + 4, 2);
}

/* Masks what a hop may write in the packet that an ICMP error quotes. */
static void mask_quoted(struct diff_view *view)
{
	const uint32_t at = 8;
	uint8_t proto;

	if (view->head_len < at + 20)
		return;
	if (view->head[at] >> 4 == 4) {
		proto = view->head[at + 9];
		mask(view, at + 1, 1); /* type of service */
		mask(view, at + 8, 1); /* time to live */
		mask(view, at + 10, 10); /* checksum and addresses */
		mask_transport(view, proto, at + (view->head[at] & 0xfu) * 4);
	} else if (view->head[at] >> 4 == 6 && view->head_len >= at + 40) {
		proto = view->head[at + 6];
		mask(view, at + 1, 3); /* flow label */
		mask(view, at + 7, 33); /* hop limit and addresses */
		mask_transport(view, proto, at + 40);
	}
}

static void mask_mss(struct diff_view *view)
{
	uint32_t at = 20;

	while (at + 1 < view->head_len && view->head[at] != 0) {
		uint32_t len = view->head[at] == 1 ? 1 : view->head[at + 1];

		if (view->head[at] == TCP_OPTION_MSS && len == 4)
			mask(view, at + 2, 2);
		if (len < 1 || (view->head[at] != 1 && len < 2))
			return;
		at += len;
	}
}

static void sum_masked(struct diff_view *view)
{
	const uint8_t *at = view->data + view->transport;
	const struct diff_protocol *protocol = view->protocol;

	view->masked = csum_minus(csum_add(0, at, view->head_len),
				  csum_add(0, view->head, view->head_len));
	if (protocol && protocol->sum_at + 2u <= view->head_len)
		view->masked = csum_minus(view->masked, cursor_be16(at + protocol->sum_at));
}

/* Fills head, head_len, mask and masked from the offsets and the protocol. */
static void make_head(struct diff_view *view)
{
	const struct diff_protocol *protocol = view->protocol;
	const uint8_t *at = view->data + view->transport;
	uint32_t captured = view->end - view->transport;
	uint32_t len = protocol ? view->payload - view->transport : 0;
	bool icmp = protocol && !protocol->ports;

	if (icmp)
		len = captured && icmp_quotes(view->flow.proto, at[0]) ? DIFF_VIEW_HEAD : 8;
	else if (protocol && len < protocol->header)
		len = protocol->header;
	if (len > captured)
		len = captured;
	view->head_len = len > DIFF_VIEW_HEAD ? DIFF_VIEW_HEAD : len;
	if (!view->head_len)
		return;
	memcpy(view->head, at, view->head_len);
	mask_transport(view, view->flow.proto, 0);
	if (icmp && len > 8)
		mask_quoted(view);
	if (view->flow.proto == IPPROTO_TCP && view->head_len > 20 && view->head[13] & TCP_SYN)
		mask_mss(view);
	sum_masked(view);
}

void diff_view_mask_both(struct diff_view *one, struct diff_view *other)
{
	const uint32_t len = one->head_len < other->head_len ? one->head_len : other->head_len;

	one->head_len = other->head_len = len;
	for (uint32_t at = 0; at < len; at++) {
		if (is_masked(one, at) == is_masked(other, at))
			continue;
		mask(one, at, 1);
		mask(other, at, 1);
	}
	sum_masked(one);
	sum_masked(other);
}

/* ---- Reading a packet ---- */

/*
 * Length of the link header with its VLAN tags: a tag comes after the type field that announces
 * it.
 */
static uint32_t link_header_len(uint32_t link, const uint8_t *data, uint32_t captured)
{
	uint32_t len = 0;

	switch (link) {
	case LINK_ETHERNET:
		len = 14;
		break;
	case LINK_SLL:
		len = 16;
		break;
	case LINK_SLL2:
		return captured < 20 ? captured : 20;
	case LINK_NULL:
	case LINK_LOOP:
		return captured < 4 ? captured : 4;
	default:
		return 0;
	}
	while (len <= captured && captured - len >= 4 &&
	       (cursor_be16(data + len - 2) == ETH_P_8021Q ||
		cursor_be16(data + len - 2) == ETH_P_8021AD))
		len += 4;
	return len < captured ? len : captured;
}

static void set_sum(struct diff_sum *sum, const struct packet_layer *layer)
{
	sum->verdict = layer->verdict;
	sum->wide = layer->wide;
	sum->stored = layer->stored;
	sum->computed = layer->computed;
}

static void set_layers(struct diff_view *view, const struct packet_judgement *judgement)
{
	view->ip.verdict = view->sum.verdict = SUM_UNKNOWN;
	for (unsigned int i = 0; i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];

		view->bad |= layer->verdict == SUM_BAD;
		if (layer->kind == LAYER_IPV4 && layer->offset == view->network)
			set_sum(&view->ip, layer);
		if (layer->kind == LAYER_IPV4 || layer->offset != view->transport)
			continue;
		set_sum(&view->sum, layer);
		view->parsed = true;
	}
	view->parsed |= view->fragment || !view->protocol;
}

static uint32_t capped(uint32_t value, uint32_t limit)
{
	return value < limit ? value : limit;
}

/* Sets the offsets of a frame without an IP header. */
static void set_frame(struct diff_view *view, uint32_t link)
{
	uint32_t end = view->captured;

	view->network = link_header_len(link, view->data, view->captured);
	view->transport = view->payload = view->network;
	while (end > view->network && !view->data[end - 1])
		end--;
	view->end = end;
	view->full = view->captured < view->len ? view->len - view->network : end - view->network;
}

static void set_ip(struct diff_view *view, const struct packet_judgement *judgement)
{
	const uint32_t captured = view->captured;
	uint32_t header;

	view->network = capped(judgement->network, captured);
	view->transport = capped(judgement->transport, captured);
	if (view->transport < view->network)
		view->transport = view->network;
	view->payload = capped(judgement->payload, captured);
	if (view->payload < view->transport)
		view->payload = view->transport;
	view->end = view->payload + capped(judgement->payload_len, captured - view->payload);
	header = view->payload - view->transport;
	view->full = header + judgement->payload_full;
	view->seq = judgement->seq;
	view->ack = judgement->ack;
	view->tcp_flags = judgement->tcp_flags;
	view->fragment = judgement->fragment.is;
	view->start = view->fragment ? judgement->fragment.start : 0;
	if (view->fragment)
		view->id = judgement->fragment.id;
	else if (judgement->flow.family == AF_INET && captured - view->network >= 6)
		view->id = cursor_be16(view->data + view->network + 4);
}

void diff_view_of(const struct diff_packet *packet, const struct packet_judgement *judgement,
		  struct diff_view *ret_view)
{
	struct packet_judgement own;

	if (!judgement) {
		packet_judge(packet->link, packet->data, packet->captured, packet->len, &own);
		judgement = &own;
	}
	memset(ret_view, 0, offsetof(struct diff_view, head));
	ret_view->data = packet->data;
	ret_view->captured = packet->captured;
	ret_view->len = packet->len;
	ret_view->flow = judgement->flow;
	if (judgement->flow.family)
		set_ip(ret_view, judgement);
	else
		set_frame(ret_view, packet->link);
	complete(ret_view);
	set_layers(ret_view, judgement);
	make_head(ret_view);
}

/* Reads addresses and ports from where the view says they are. */
static void read_flow(struct diff_view *view)
{
	const uint8_t *network = view->data + view->network;
	const uint8_t *transport = view->data + view->transport;
	const size_t size = view->flow.family == AF_INET ? 4 : 16;
	const size_t at = view->flow.family == AF_INET ? 12 : 8;

	memcpy(view->flow.src, network + at, size);
	memcpy(view->flow.dst, network + at + size, size);
	if (view->protocol && view->protocol->ports && view->end - view->transport >= 4) {
		view->flow.src_port = cursor_be16(transport);
		view->flow.dst_port = cursor_be16(transport + 2);
	}
}

static void read_sum(struct diff_view *view)
{
	const struct diff_protocol *protocol = view->protocol;

	if (protocol && protocol->sum_len == 2 &&
	    protocol->sum_at + 2u <= view->end - view->transport)
		view->sum.stored = cursor_be16(view->data + view->transport + protocol->sum_at);
}

bool diff_view_like(const struct diff_view *model, const struct diff_view *view,
		    struct diff_view *ret_view)
{
	const uint32_t captured = view->captured - view->network;
	const uint32_t wanted = model->end - model->network;
	const uint32_t len = view->len - view->network, model_len = model->len - model->network;
	/*
	 * Frames up to this length may have been filled up: Ethernet's least payload and a VLAN
	 * tag.
	 */
	const uint32_t padded = 50;
	const uint32_t header = model->flow.family == AF_INET ? 20 : 40;

	if (!model->flow.family || model->transport - model->network < header ||
	    captured < wanted || (len != model_len && (len > padded || model_len > padded)))
		return false;
	memset(ret_view, 0, offsetof(struct diff_view, head));
	ret_view->data = view->data;
	ret_view->captured = view->captured;
	ret_view->len = view->len;
	ret_view->network = view->network;
	ret_view->transport = view->network + (model->transport - model->network);
	ret_view->payload = view->network + (model->payload - model->network);
	ret_view->end = view->network + wanted;
	ret_view->full = model->full;
	ret_view->start = model->start;
	ret_view->fragment = model->fragment;
	ret_view->bad = view->bad;
	ret_view->parsed = model->parsed;
	ret_view->ip = view->ip;
	ret_view->sum = (struct diff_sum){ .verdict = SUM_UNKNOWN };
	ret_view->flow.family = model->flow.family;
	ret_view->flow.proto = model->flow.proto;
	if (model->flow.family == AF_INET)
		ret_view->id = cursor_be16(view->data + view->network + 4);
	if (model->flow.proto == IPPROTO_TCP && !model->start && wanted >= 28) {
		ret_view->seq = cursor_be32(view->data + ret_view->transport + 4);
		ret_view->ack = cursor_be32(view->data + ret_view->transport + 8);
	}
	complete(ret_view);
	read_flow(ret_view);
	read_sum(ret_view);
	make_head(ret_view);
	return true;
}
