/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of a pcapng file at one place of it: its section's byte order and interfaces. */
#ifndef TRUESUM_PCAP_SECTION_H
#define TRUESUM_PCAP_SECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* No padding: compared as bytes. */
struct interface {
	uint64_t units_end; /* a timestamp below this is units * scale, in nanoseconds */
	uint64_t scale; /* nanoseconds a unit, where a unit is at least one; else 0 */
	uint64_t divide; /* units a nanosecond, or 0 */
	int64_t offset_s; /* seconds added to every time */
	uint32_t shift; /* units are 2^-shift s, where scale and divide are 0 */
	uint32_t link;
	uint32_t snaplen;
	uint32_t fcs; /* bytes of frame check sequence at the end of every packet */
};

struct section {
	struct interface *interfaces;
	uint32_t count, room;
	uint32_t before; /* interfaces of the sections before */
	bool swapped; /* its byte order is not this machine's */
};

/* -ENOMEM */
int section_copy(const struct section *from, struct section *ret_to);
void section_clear(struct section *section);
bool section_same(const struct section *a, const struct section *b);

/* The next section: no interfaces yet. */
void section_begin(struct section *section, bool swapped);
/* -E2BIG or -ENOMEM */
int section_add(struct section *section, const struct interface *interface);

/* Sets the clock's unit from an if_tsresol option (6: microseconds), after offset_s. */
void interface_resolution(struct interface *interface, uint8_t tsresol);
/* Nanoseconds since 1970; what does not fit becomes the nearest that does. */
int64_t interface_time(const struct interface *interface, uint64_t units);

#endif
