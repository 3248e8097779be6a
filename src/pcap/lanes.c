// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad data lines over constant bytes: see lanes.h. */
#include "pcap/lanes.h"

#define MODULUS 0xffff /* of one's complement sums: 2^16 counts as 1 */

void lanes_add(struct lanes *lanes, const uint8_t *bytes, size_t offset, size_t len, size_t whole)
{
	for (size_t i = 0; i < len; i++) {
		size_t lane = (offset + i) % LANES;

		lanes->have[lane] |= bytes[i];
		lanes->lack[lane] |= (uint8_t)~bytes[i];
	}
	if (whole && (!lanes->shortest || whole < lanes->shortest))
		lanes->shortest = (uint32_t)whole;
}

/* How often 2^column has to be added to make this change: 1 .. 65534. */
static uint32_t times(uint16_t change, unsigned int column)
{
	uint32_t value = change % MODULUS;

	/* Halving is a rotation, as 2^16 is 1. */
	return ((value >> column) | (value << (16 - column))) & 0xffff;
}

static uint16_t negated(uint16_t change)
{
	return (uint16_t)(MODULUS - change % MODULUS);
}

bool lanes_one_bit(uint16_t change)
{
	uint16_t minus = negated(change);

	return change % MODULUS && (!(change & (change - 1)) || !(minus & (minus - 1)));
}

/* Whether every byte on this line of a memory `width` bytes wide has the bit as `up` says. */
static bool is_constant(const struct lanes *lanes, unsigned int phase, unsigned int bit, bool up,
			unsigned int width)
{
	bool used = false;

	for (unsigned int lane = phase; lane < LANES; lane += width) {
		if (!(lanes->have[lane] | lanes->lack[lane])) /* no byte was there */
			continue;
		if ((up ? lanes->lack[lane] : lanes->have[lane]) >> bit & 1)
			return false;
		used = true;
	}
	return used;
}

/* An 8-bit-wide path: the line changes bytes at even and at odd offsets. */
static bool explains_narrow(const struct lanes *lanes, uint16_t change, unsigned int bit, bool up)
{
	uint32_t count = times(up ? change : negated(change), bit);
	uint32_t most = lanes->shortest / 2 + 1;

	return is_constant(lanes, 0, bit, up, 1) && (count & 0xff) <= most && count >> 8 <= most;
}

bool lanes_explain(const struct lanes *lanes, uint16_t change, bool odd, unsigned int width)
{
	for (unsigned int bit = 0; bit < 8; bit++) {
		for (unsigned int up = 0; up < 2; up++) {
			if (explains_narrow(lanes, change, bit, up))
				return true;
			for (unsigned int i = 0; i < 2; i++) {
				bool high = (i & 1) == odd;
				uint32_t count =
					times(up ? change : negated(change), bit + (high ? 8 : 0));

				for (unsigned int wide = 2; wide <= width; wide *= 2)
					for (unsigned int phase = i; phase < wide; phase += 2)
						if (count <= (lanes->shortest + wide - 1) / wide &&
						    is_constant(lanes, phase, bit, up, wide))
							return true;
			}
		}
	}
	return false;
}
