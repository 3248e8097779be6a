// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any packets, of any link type, cut off anywhere: the first byte chooses the link type. Then come
 * packets, each with two bytes for its length and one for how much longer it was on the wire. The
 * layers found must lie in the captured bytes, and be the same if the packet is judged again at
 * another address. Fragments are put together, and the datagrams' judgements checked in the same
 * way.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/fragments.h"
#include "packet/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint32_t links[] = {
	LINK_ETHERNET, LINK_RAW,  LINK_NULL, LINK_PPP,	LINK_PPP_HDLC, LINK_PPPOE,	 LINK_LOOP,
	LINK_SLL,      LINK_SLL2, LINK_IPV4, LINK_IPV6, LINK_RAW_BSD,  LINK_RAW_OPENBSD, 105,
};

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_layer(const struct packet_layer *layer, size_t captured)
{
	expect(layer->kind < LAYER_KINDS && layer->verdict < SUM_VERDICTS);
	expect(layer->reason < SUM_REASONS);
	expect(layer->offset <= captured && layer->field >= layer->offset);
	if (layer->verdict == SUM_GOOD || layer->verdict == SUM_BAD ||
	    layer->verdict == SUM_UNFINISHED)
		expect(layer->field + (layer->wide ? 4u : 2u) <= captured);
	if (layer->verdict == SUM_GOOD)
		expect(layer->stored == layer->computed);
	if (layer->verdict == SUM_BAD || layer->verdict == SUM_UNFINISHED)
		expect(layer->stored != layer->computed);
	if (!layer->wide)
		expect(layer->stored <= 0xffff && layer->computed <= 0xffff);
}

static void check(const struct packet_judgement *judgement, size_t captured, size_t len)
{
	expect(judgement->layer_count <= PACKET_LAYERS);
	expect(judgement->verdict < SUM_VERDICTS && judgement->reason < SUM_REASONS);
	for (size_t i = 0; i < judgement->layer_count; i++)
		check_layer(&judgement->layer[i], captured);
	expect(judgement->network <= captured && judgement->transport <= captured);
	expect(judgement->payload <= captured);
	expect(judgement->payload_len <= captured - judgement->payload);
	expect(judgement->payload_len <= judgement->payload_full);
	expect(judgement->payload_full <= len - judgement->payload);
	if (judgement->fragment.is && judgement->fragment.kind != LAYER_KINDS) {
		expect(judgement->fragment.layer < judgement->layer_count);
		expect(judgement->fragment.len && judgement->fragment.len <= len);
	}
}

/* All that packet_judge() sets, and nothing beyond it. */
static int same(const struct packet_judgement *a, const struct packet_judgement *b)
{
	return !memcmp(&a->flow, &b->flow, sizeof(a->flow)) && a->verdict == b->verdict &&
	       a->reason == b->reason && a->layer_count == b->layer_count &&
	       a->payload == b->payload && a->fragment.sum == b->fragment.sum &&
	       a->fragment.crc == b->fragment.crc && a->fragment.stored == b->fragment.stored &&
	       !memcmp(a->layer, b->layer, a->layer_count * sizeof(a->layer[0]));
}

/* The computed value is right: written into the field, it makes the layer good. */
static void check_computed(uint32_t link, uint8_t *copy, size_t captured, size_t len,
			   const struct packet_judgement *judgement)
{
	struct packet_judgement finished;

	for (size_t i = judgement->layer_count; i-- > 0;) {
		const struct packet_layer *layer = &judgement->layer[i];
		uint8_t *field = copy + layer->field, kept[4];
		size_t size = layer->wide ? 4 : 2;

		if (layer->verdict != SUM_BAD && layer->verdict != SUM_UNFINISHED)
			continue;
		memcpy(kept, field, size);
		for (size_t j = 0; j < size; j++)
			field[j] = (uint8_t)(layer->computed >> 8 * (size - 1 - j));
		packet_judge(link, copy, captured, len, &finished);
		expect(finished.layer[i].verdict == SUM_GOOD);
		memcpy(field, kept, size);
	}
}

static void judge(struct fragments *fragments, uint32_t link, const uint8_t *data, size_t captured,
		  size_t len)
{
	uint8_t *copy = malloc(captured + 1);
	struct packet_judgement judgement, again;
	uint64_t given_up = 0, waiting = fragments_waiting(fragments);
	int rc;

	if (!copy)
		return;
	memcpy(copy + 1, data, captured); /* ends where the capture does; at an odd address */
	memset(&judgement, 0xa5, sizeof(judgement));
	packet_judge(link, copy + 1, captured, len, &judgement);
	memset(&again, 0x5a, sizeof(again));
	packet_judge(link, data, captured, len, &again);
	check(&judgement, captured, len > captured ? len : captured);
	expect(same(&judgement, &again));
	check_computed(link, copy + 1, captured, len, &judgement);
	free(copy);

	rc = fragments_add(fragments, &judgement, &given_up);
	expect(rc == 0 || rc == 1);
	check(&judgement, captured, len > captured ? len : captured);
	expect(fragments_waiting(fragments) <= waiting + 1);
	expect(given_up <= waiting + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fragments *fragments;
	uint32_t link;

	if (len < 1 || fragments_new(3, &fragments))
		return 0;
	link = links[data[0] % (sizeof(links) / sizeof(links[0]))];
	data++;
	len--;
	while (len >= 3) {
		size_t captured = (size_t)(data[0] << 8 | data[1]), more = data[2];

		data += 3;
		len -= 3;
		if (captured > len)
			captured = len;
		/* Up to 255 bytes more, or super-packets of which little was captured. */
		judge(fragments, link, data, captured, captured + (more < 255 ? more : 70000));
		data += captured;
		len -= captured;
	}
	fragments_free(fragments);
	return 0;
}
