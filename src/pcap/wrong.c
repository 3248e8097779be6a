// SPDX-License-Identifier: GPL-2.0-or-later
/* What is wrong with a packet's sums: see wrong.h. */
#include "pcap/wrong.h"

#include <string.h>
#include <sys/socket.h>

#include "packet/cursor.h"
#include "packet/layer.h"
#include "sum/csum.h"

enum { TCP_SYN = 0x02 };

static uint16_t reduced(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

/* now - before of what a sum covers: the field is the sum's complement. */
static uint16_t change_of(const struct packet_layer *layer)
{
	return reduced(csum_minus((uint16_t)layer->stored, (uint16_t)layer->computed));
}

static uint16_t sum_of_addresses(const struct packet_flow *flow)
{
	const uint8_t *src = flow->src, *dst = flow->dst;
	uint32_t sum;

	if (flow->family == AF_INET6)
		return csum_add(csum_add(0, src, 16), dst, 16);
	sum = (uint32_t)cursor_be16(src) + cursor_be16(src + 2) + cursor_be16(dst) +
	      cursor_be16(dst + 2);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

static bool has_pseudo(const struct packet_layer *layer)
{
	return layer->kind == LAYER_TCP || layer->kind == LAYER_UDP ||
	       layer->kind == LAYER_UDPLITE || layer->kind == LAYER_ICMP6;
}

const struct packet_layer *wrong_transport(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].offset == judgement->transport &&
		    has_pseudo(&judgement->layer[i]))
			return &judgement->layer[i];
	return NULL;
}

const struct packet_layer *wrong_header(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].offset == judgement->network &&
		    judgement->layer[i].kind == LAYER_IPV4)
			return &judgement->layer[i];
	return NULL;
}

static uint32_t transport_len(const struct packet_judgement *judgement)
{
	return judgement->payload - judgement->transport + judgement->payload_full;
}

struct wrong wrong_of(const struct packet_judgement *judgement)
{
	const struct packet_layer *transport = wrong_transport(judgement);
	const struct packet_layer *header = wrong_header(judgement);
	struct wrong wrong = { .syn = judgement->tcp_flags & TCP_SYN };
	uint16_t pseudo;

	for (unsigned int i = 0; i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];

		wrong.other |= layer->verdict == SUM_BAD && layer != transport && layer != header;
	}
	if (header && header->verdict == SUM_BAD) {
		wrong.header = true;
		wrong.header_change = change_of(header);
		wrong.header_computed = (uint16_t)header->computed;
	}
	if (transport && transport->verdict == SUM_BAD) {
		pseudo = layer_pseudo(sum_of_addresses(&judgement->flow), judgement->flow.proto,
				      transport_len(judgement));
		wrong.transport = true;
		wrong.change = change_of(transport);
		wrong.computed = (uint16_t)transport->computed;
		wrong.seed_change = reduced(csum_minus(pseudo, (uint16_t)transport->stored));
	}
	return wrong;
}

static uint16_t sum_of_fields(const struct packet_flow *flow)
{
	return csum_plus(csum_plus(sum_of_addresses(flow), flow->src_port), flow->dst_port);
}

/* Whether `now` is what this rewriting made of `before`. */
bool wrong_is_change(const struct packet_flow *before, const struct packet_flow *now,
		     const struct wrong *wrong)
{
	uint16_t fields = reduced(csum_minus(sum_of_fields(now), sum_of_fields(before)));
	uint16_t addresses = reduced(csum_minus(sum_of_addresses(now), sum_of_addresses(before)));

	return before->family == now->family && before->proto == now->proto &&
	       memcmp(before, now, sizeof(*before)) != 0 &&
	       ((fields && fields == wrong->change) ||
		(addresses && addresses == wrong->seed_change));
}
