// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IPv6 extension headers, and AH over IPv4. They are stepped over; three matter to the sums behind: a
 * jumbogram's length (RFC 2675), a routing header's final destination (RFC 8200 section 8.1), and
 * fragments.
 */
#include <errno.h>
#include <netinet/in.h>

#include "packet/verdict_walk.h"
#include "sum/csum.h"

enum {
	UNIT = 8, /* of extension headers, and the least they have; AH counts in 4 */
	V6_LEN = 40,
	OPTION_JUMBO = 0xc2,
	OPTION_HOME = 0xc9,
	JUMBO_MIN = 65536,
	ROUTE_SOURCE = 0, /* RFC 2460, deprecated by RFC 5095 */
	ROUTE_HOME = 2, /* RFC 6275 */
	ROUTE_SEGMENT = 4, /* RFC 8754 */
	FRAGMENT_MORE = 0x0001,
	FRAGMENT_OFFSET = 0xfff8,
};

/*
 * Looks for an option of `len` bytes: 1, with where they are; 0 where there is none; -EBADMSG where the
 * options' lengths contradict the header's.
 */
static int find_option(const uint8_t *header, size_t header_len, uint8_t type, uint8_t len,
		       const uint8_t **ret_option)
{
	for (size_t at = 2; at < header_len;) {
		if (!header[at]) { /* Pad1 */
			at++;
			continue;
		}
		if (header_len - at < 2 || header_len - at - 2 < header[at + 1])
			return -EBADMSG;
		if (header[at] == type) {
			*ret_option = header + at + 2;
			return header[at + 1] == len ? 1 : -EBADMSG;
		}
		at += 2u + header[at + 1];
	}
	return 0;
}

/* A packet whose length is not in its header, and not in this option, is as long as the frame. */
static enum step take_jumbo(struct walk *walk, const uint8_t *header, size_t header_len)
{
	const uint8_t *option;
	int found = find_option(header, header_len, OPTION_JUMBO, 4, &option);
	uint32_t len;

	if (!found)
		return STEP_EXTENSION;
	len = found > 0 ? cursor_be32(option) : 0;
	if (len < JUMBO_MIN || walk_limit(walk, walk->judgement->network + V6_LEN, len))
		return walk_stop(walk, REASON_LENGTH);
	walk->ip_len = len + V6_LEN;
	walk->framed = false;
	return STEP_EXTENSION;
}

static void sum_addresses(struct walk *walk)
{
	walk->addresses = csum_add(csum_add(0, walk->src, 16), walk->dst, 16);
}

/* A mobile node sends from where it is, and sums with its home address (RFC 6275 section 6.3). */
static enum step take_home(struct walk *walk, const uint8_t *header, size_t header_len)
{
	const uint8_t *option;
	int found = find_option(header, header_len, OPTION_HOME, 16, &option);

	if (found < 0)
		return walk_stop(walk, REASON_LENGTH);
	if (found) {
		walk->src = option;
		sum_addresses(walk);
	}
	return STEP_EXTENSION;
}

/* While segments are left, the address in the header is not the one the sender summed. */
static enum step take_route(struct walk *walk, const uint8_t *header, size_t header_len)
{
	size_t addresses = (header_len - UNIT) / 16, final;
	uint8_t left = header[3];

	if (!left)
		return STEP_EXTENSION;
	switch (header[2]) {
	case ROUTE_SOURCE:
	case ROUTE_HOME:
		if (!addresses || (header_len - UNIT) % 16 || left > addresses)
			return walk_stop(walk, REASON_LENGTH);
		final = addresses - 1;
		break;
	case ROUTE_SEGMENT: /* the first of the list is the last to be visited */
		if (addresses < header[4] + 1u)
			return walk_stop(walk, REASON_LENGTH);
		final = 0;
		break;
	default:
		walk->hidden = true;
		return STEP_EXTENSION;
	}
	walk->dst = header + UNIT + final * 16;
	sum_addresses(walk);
	return STEP_EXTENSION;
}

static enum step take_fragment(struct walk *walk, const uint8_t *header)
{
	uint16_t where = walk_be16(header + 2);

	if (!(where & (FRAGMENT_MORE | FRAGMENT_OFFSET))) /* RFC 6946: a whole packet */
		return STEP_EXTENSION;
	return walk_fragment(walk, cursor_be32(header + 4), where & FRAGMENT_OFFSET,
			     where & FRAGMENT_MORE);
}

enum step walk_extension(struct walk *walk)
{
	const uint8_t *header = walk_take(walk, UNIT);
	uint8_t proto = walk->proto;
	enum step step = STEP_EXTENSION;
	size_t len;

	if (!header)
		return walk_short(walk, UNIT);
	len = proto == IPPROTO_AH ? (header[1] + 2u) * 4u : (header[1] + 1u) * UNIT;
	if (proto == IPPROTO_FRAGMENT)
		len = UNIT;
	if (len < UNIT)
		return walk_stop(walk, REASON_LENGTH);
	if (!walk_take(walk, len - UNIT))
		return walk_short(walk, len - UNIT);

	walk->proto = walk->judgement->flow.proto = header[0];
	walk->judgement->transport = (uint32_t)walk->cursor.at;
	walk_payload(walk);
	if (proto == IPPROTO_HOPOPTS && walk->jumbo)
		step = take_jumbo(walk, header, len);
	else if (proto == IPPROTO_DSTOPTS)
		step = take_home(walk, header, len);
	else if (proto == IPPROTO_ROUTING)
		step = take_route(walk, header, len);
	else if (proto == IPPROTO_FRAGMENT)
		step = take_fragment(walk, header);
	walk_payload(walk);
	return step == STEP_EXTENSION ? walk_protocol(walk) : step;
}
