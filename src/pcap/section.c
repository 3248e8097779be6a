// SPDX-License-Identifier: GPL-2.0-or-later
/* The interfaces of a pcapng section: their table, and their clocks. See section.h. */
#include "pcap/section.h"

#include <errno.h>
#include <stdlib.h>

enum { INTERFACES_MAX = 65536 };

#define NS_PER_S 1000000000

int section_copy(const struct section *from, struct section *ret_to)
{
	struct section copy = *from;

	copy.interfaces = NULL;
	copy.room = copy.count;
	if (copy.count) {
		copy.interfaces = malloc(copy.count * sizeof(*copy.interfaces));
		if (!copy.interfaces)
			return -ENOMEM;
		memcpy(copy.interfaces, from->interfaces, copy.count * sizeof(*copy.interfaces));
	}
	*ret_to = copy;
	return 0;
}

void section_clear(struct section *section)
{
	free(section->interfaces);
	*section = (struct section){ 0 };
}

bool section_same(const struct section *a, const struct section *b)
{
	return a->count == b->count && a->before == b->before && a->swapped == b->swapped &&
	       (!a->count ||
		!memcmp(a->interfaces, b->interfaces, a->count * sizeof(*a->interfaces)));
}

void section_begin(struct section *section, bool swapped)
{
	section->before += section->count;
	section->count = 0;
	section->swapped = swapped;
}

int section_add(struct section *section, const struct interface *interface)
{
	if (section->count == INTERFACES_MAX || section->before + section->count == UINT32_MAX)
		return -E2BIG;
	if (section->count == section->room) {
		uint32_t room = section->room ? section->room * 2 : 4;
		struct interface *grown = realloc(section->interfaces, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		section->interfaces = grown;
		section->room = room;
	}
	section->interfaces[section->count++] = *interface;
	return 0;
}

void interface_resolution(struct interface *interface, uint8_t tsresol)
{
	uint32_t exponent = tsresol & 0x7f;

	interface->scale = interface->divide = 0;
	interface->shift = 0;
	if (tsresol & 0x80) {
		interface->shift = exponent;
	} else if (exponent <= 9) {
		interface->scale = 1;
		for (uint32_t i = exponent; i < 9; i++)
			interface->scale *= 10;
	} else if (exponent <= 9 + 19) {
		interface->divide = 1;
		for (uint32_t i = 9; i < exponent; i++)
			interface->divide *= 10;
	} else {
		interface->shift = 127; /* 2^64 units are less than a nanosecond either way */
	}
	interface->units_end = 0;
	if (interface->scale && !interface->offset_s)
		interface->units_end = INT64_MAX / interface->scale;
}

/* No 128 bits overflow here: 2^64 units of up to 10^9 ns, and 2^63 s of 10^9 ns, are below 2^95. */
int64_t interface_time(const struct interface *interface, uint64_t units)
{
	__int128 ns = (__int128)interface->offset_s * NS_PER_S;

	if (interface->scale)
		ns += (__int128)units * interface->scale;
	else if (interface->divide)
		ns += units / interface->divide;
	else
		ns += (__int128)units * NS_PER_S >> interface->shift;
	if (ns > INT64_MAX)
		return INT64_MAX;
	return ns <= INT64_MIN ? INT64_MIN + 1 : (int64_t)ns;
}
