/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be true of any bytes that are read as a capture: reading them as a stream through a
 * small buffer, in parts, and in one go gives the same packets and ends in the same place with the
 * same message; and every byte of a packet is readable.
 */
#ifndef TRUESUM_FUZZ_READER_ORACLE_H
#define TRUESUM_FUZZ_READER_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pcap/reader.h"

enum { CONTROL = 3, PARTS_MAX = 8 };

struct reading {
	uint64_t hash, records;
	int end;
	uint64_t broken_at, at;
	char broken[256];
};

static inline void reading_mix(struct reading *reading, uint64_t value)
{
	reading->hash = (reading->hash ^ value) * 0x100000001b3;
}

static inline void reading_add(struct reading *reading, struct reader *reader)
{
	struct record record;
	const char *broken;

	while ((reading->end = reader_next(reader, &record)) == 1) {
		reading->records++;
		reading_mix(reading, record.captured);
		reading_mix(reading, record.len);
		reading_mix(reading, record.link);
		reading_mix(reading, record.interface);
		reading_mix(reading, (uint64_t)record.time_ns);
		reading_mix(reading, record.offset);
		for (uint32_t i = 0; i < record.captured; i++)
			reading_mix(reading, record.data[i]);
		if (record.len < record.captured)
			abort();
	}
	broken = reader_broken(reader, &reading->broken_at);
	strncpy(reading->broken, broken ? broken : "", sizeof(reading->broken) - 1);
	reading->at = reader_at(reader);
}

static inline void must_agree(const struct reading *a, const struct reading *b)
{
	if (a->hash != b->hash || a->records != b->records || a->end != b->end ||
	    a->broken_at != b->broken_at || a->at != b->at || strcmp(a->broken, b->broken))
		abort();
}

/* Reads everything, mapped (room 0) or as a stream. Returns whether it has a capture's header. */
static inline bool read_whole(const uint8_t *data, size_t len, size_t room,
			      struct reading *ret_reading)
{
	struct capture *capture;
	struct reader *reader;
	bool opened;

	if (capture_memory(data, len, room, &capture))
		abort();
	opened = !reader_new(capture, &reader);
	if (opened) {
		reading_add(ret_reading, reader);
		reader_free(reader);
	}
	capture_free(capture);
	return opened;
}

static inline void read_parts(const uint8_t *data, size_t len, size_t size,
			      struct reading *ret_reading)
{
	struct reader *first, *before = NULL, *part;
	struct capture *capture;

	if (capture_memory(data, len, 0, &capture) || reader_new(capture, &first))
		abort();
	for (uint64_t from = 0; from < len && !ret_reading->end; from += size) {
		struct reading tried = *ret_reading;

		if (reader_part(first, from, from + size, &part))
			abort();
		reading_add(&tried, part);
		if (from && !reader_fits(before, part)) {
			reader_free(part);
			if (reader_part(before, 0, from + size, &part))
				abort();
			tried = *ret_reading;
			reading_add(&tried, part);
		}
		*ret_reading = tried;
		reader_free(before);
		before = part;
	}
	reader_free(before);
	reader_free(first);
	capture_free(capture);
}

static inline bool is_compressed(const uint8_t *data, size_t len)
{
	struct capture *capture;
	bool compressed;

	if (capture_memory(data, len, 4, &capture))
		abort();
	compressed = strcmp(capture_compression(capture), "none") != 0;
	capture_free(capture);
	return compressed;
}

/* The last bytes say how long the buffer and the parts are. */
static inline void reader_oracle(const uint8_t *bytes, size_t len)
{
	struct reading whole = { 0 }, stream = { 0 }, parts = { 0 };
	const uint8_t *control;
	size_t room, size;
	uint8_t *data;
	bool opened;

	if (len < CONTROL)
		return;
	len -= CONTROL;
	if (is_compressed(bytes, len))
		return; /* zlib and libzstd are slow here, and fuzzed by others */
	control = bytes + len;
	room = 1 + control[0] * 4U;
	size = 1 + (control[1] | control[2] << 8) + len / PARTS_MAX;
	data = malloc(len ? len : 1); /* of just this size: one more byte is out of bounds */
	if (!data)
		abort();
	memcpy(data, bytes, len);
	opened = read_whole(data, len, 0, &whole);
	if (opened != read_whole(data, len, room, &stream))
		abort();
	must_agree(&whole, &stream);
	if (opened) {
		read_parts(data, len, size, &parts);
		must_agree(&whole, &parts);
	}
	free(data);
}

#endif
