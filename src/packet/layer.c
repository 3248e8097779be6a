// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Judges one sum. It is good if the sum of everything covered is all ones. If not, the field may
 * hold an unfinished sum, which a device was to finish; a table says what that looks like in each
 * kind of layer. Anything else is damage.
 */
#include "packet/layer.h"

#include <endian.h>

#include "sum/csum.h"

enum {
	FORM_PSEUDO = 1, /* the pseudo-header's sum, with or without the length */
	FORM_ZERO = 2,
};

/* What unfinished sums look like. Software always finishes those of ICMP, IGMP and UDP-Lite. */
static const uint8_t forms[LAYER_KINDS] = {
	[LAYER_IPV4] = FORM_ZERO,  [LAYER_TCP] = FORM_PSEUDO | FORM_ZERO,
	[LAYER_UDP] = FORM_PSEUDO, [LAYER_SCTP] = FORM_ZERO,
	[LAYER_GRE] = FORM_ZERO, /* its seed without a pseudo-header, gre_build_header() */
};

/* Which verdict a packet gets if its layers have several: the highest. */
static const uint8_t rank[SUM_VERDICTS] = {
	[SUM_NONE] = 0,	     [SUM_GOOD] = 1,	[SUM_UNFINISHED] = 2, [SUM_ILLEGAL_NONE] = 3,
	[SUM_TRUNCATED] = 4, [SUM_UNKNOWN] = 5, [SUM_BAD] = 6,
};

static const uint8_t by_rank[SUM_VERDICTS] = {
	SUM_NONE, SUM_GOOD, SUM_UNFINISHED, SUM_ILLEGAL_NONE, SUM_TRUNCATED, SUM_UNKNOWN, SUM_BAD,
};

/* One's complement has two zeros. */
static bool equal_sums(uint32_t a, uint32_t b)
{
	return a % 0xffff == b % 0xffff;
}

uint16_t layer_pseudo(uint16_t addresses, uint8_t proto, uint32_t len)
{
	uint32_t sum = addresses + (uint32_t)proto + (len >> 16) + (len & 0xffff);

	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + sum);
}

static enum sum_reason unfinished_as(const struct packet_layer *layer, uint16_t addresses,
				     uint8_t proto, uint32_t len)
{
	uint8_t form = forms[layer->kind];

	if ((form & FORM_ZERO) && !layer->stored)
		return REASON_ZERO_FIELD;
	if (!(form & FORM_PSEUDO))
		return REASON_NONE;
	if (equal_sums(layer->stored, layer_pseudo(addresses, proto, len)))
		return REASON_PSEUDO;
	if (equal_sums(layer->stored, layer_pseudo(addresses, proto, 0)))
		return REASON_PSEUDO_NO_LENGTH;
	return REASON_NONE;
}

static void set_wrong(struct packet_layer *layer, enum sum_reason reason)
{
	layer->verdict = reason == REASON_NONE ? SUM_BAD : SUM_UNFINISHED;
	layer->reason = (uint8_t)reason;
}

void layer_judge(struct packet_layer *layer, uint16_t total, uint16_t addresses, uint8_t proto,
		 uint32_t len)
{
	if (total == 0xffff) {
		layer->verdict = SUM_GOOD;
		layer->reason = REASON_NONE;
		layer->computed = layer->stored;
		return;
	}
	layer->computed = (uint16_t)~csum_minus(total, (uint16_t)layer->stored);
	/*
	 * In UDP, 0 means that there is no sum. And if all bytes are 0, their sum is 0 and ~0 is
	 * right.
	 */
	if (!layer->computed &&
	    (layer->kind == LAYER_UDP || layer->kind == LAYER_UDPLITE || !total))
		layer->computed = 0xffff;
	set_wrong(layer, unfinished_as(layer, addresses, proto, len));
}

/* The field holds the CRC least significant byte first, but `stored` was read as big-endian. */
void layer_judge_crc(struct packet_layer *layer, uint32_t crc)
{
	layer->computed = __builtin_bswap32(crc);
	if (layer->computed == layer->stored) {
		layer->verdict = SUM_GOOD;
		layer->reason = REASON_NONE;
		return;
	}
	set_wrong(layer, unfinished_as(layer, 0, 0, 0));
}

/*
 * If a device finishes a checksum, the field changes from `stored` to `computed`. That changes
 * every outer checksum that covers the field by the same difference.
 */
void layer_local_offload(struct packet_layer *layers, size_t count)
{
	uint16_t change = 0;
	bool unfinished = false;

	for (size_t i = count; i-- > 0;) {
		struct packet_layer *layer = &layers[i];
		bool covers = layer->kind == LAYER_UDP || layer->kind == LAYER_GRE;

		if (layer->verdict == SUM_BAD && covers && unfinished &&
		    equal_sums(csum_minus((uint16_t)layer->computed, change), layer->stored))
			set_wrong(layer, REASON_LOCAL_OFFLOAD);
		if (layer->verdict != SUM_UNFINISHED || layer->wide || layer->kind == LAYER_IPV4 ||
		    layer->reason == REASON_LOCAL_OFFLOAD)
			continue;
		/* Every header here has an even length, so the words of both sums are the same. */
		change = csum_plus(change,
				   csum_minus((uint16_t)layer->computed, (uint16_t)layer->stored));
		unfinished = true;
	}
}

enum sum_verdict layer_worst(enum sum_verdict ended, const struct packet_layer *layers,
			     size_t count)
{
	uint8_t highest = rank[ended];

	for (size_t i = 0; i < count; i++)
		if (rank[layers[i].verdict] > highest)
			highest = rank[layers[i].verdict];
	return (enum sum_verdict)by_rank[highest];
}

/* ---- Names ---- */

const char *const layer_names[LAYER_KINDS] = {
	[LAYER_IPV4] = "ipv4",	     [LAYER_TCP] = "tcp",   [LAYER_UDP] = "udp",
	[LAYER_UDPLITE] = "udplite", [LAYER_ICMP] = "icmp", [LAYER_ICMP6] = "icmp6",
	[LAYER_IGMP] = "igmp",	     [LAYER_SCTP] = "sctp", [LAYER_GRE] = "gre",
};

const char *const sum_verdict_names[SUM_VERDICTS] = {
	[SUM_GOOD] = "good",
	[SUM_BAD] = "bad",
	[SUM_UNFINISHED] = "unfinished",
	[SUM_NONE] = "none",
	[SUM_ILLEGAL_NONE] = "illegal-none",
	[SUM_TRUNCATED] = "truncated",
	[SUM_UNKNOWN] = "unknown",
};

const char *const reason_words[SUM_REASONS] = {
	[REASON_NONE] = "",
	[REASON_PSEUDO] = "unfinished: the field is the pseudo-header's sum",
	[REASON_PSEUDO_NO_LENGTH] =
		"unfinished: the field is the pseudo-header's sum without a length",
	[REASON_ZERO_FIELD] = "unfinished: the field is 0, left to the device",
	[REASON_ZERO_FOR_FFFF] = "its sum is 0, which a sender has to write as 0xffff",
	[REASON_LOCAL_OFFLOAD] = "right as soon as the inner sum is finished",
	[REASON_FRAGMENT] = "a fragment: judged when its datagram is whole",
	[REASON_FRAGMENTS_MISSING] = "fragments are missing",
	[REASON_FRAGMENTS_OVERLAP] = "its fragments contradict each other",
	[REASON_IN_FRAGMENT] = "inside a tunnel packet that is fragmented",
	[REASON_MERGED] = "merged by a device: the field is one segment's",
	[REASON_LENGTH] = "a length in its headers contradicts the packet",
	[REASON_PROTOCOL] = "a version, type or flag that is not known",
	[REASON_NO_LENGTH] = "its IPv6 length is 0, as large send offload leaves it",
	[REASON_ROUTING] = "its final destination is not known",
	[REASON_LAYERS] = "too many layers",
};
