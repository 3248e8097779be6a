/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture file format, as the reader uses it: one row of functions per format. A format sees the
 * file through a window of bytes (a mapped file's next piece, a stream's buffer). Its fast path
 * reads within the window and calls format_need() where the window ends.
 */
#ifndef TRUESUM_PCAP_FORMAT_H
#define TRUESUM_PCAP_FORMAT_H

#include <string.h>

#include "pcap/reader.h"

struct format_file;

#define FORMAT_AGAIN 2 /* of next(): call next() again, it may have changed */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct format {
	/* Whether a file that begins with these 4 bytes has this format. */
	bool (*is)(const uint8_t *magic);

	/*
	 * Reads the file's head, of which 4 bytes are in the window; sets name, header and next. 0,
	 * or what format_break() returned.
	 */
	int (*open)(struct format_file *file);

	/*
	 * Before records are guessed: learns what they have in common, reading on as far as
	 * necessary.
	 */
	void (*learn)(struct format_file *file);

	/*
	 * The length of the record that could begin at `at`, where `left` bytes are; 0: none could.
	 * `before`: the record before it, or NULL.
	 */
	size_t (*plausible)(const struct format_file *file, const uint8_t *at, size_t left,
			    const uint8_t *before);
	unsigned int align; /* records begin at multiples of this */
};

extern const struct format format_pcap, format_pcapng;

/* An interface of a pcapng file. No padding: compared as bytes. */
struct format_interface {
	uint64_t units_end; /* a timestamp below this is units * scale, in nanoseconds */
	uint64_t scale; /* nanoseconds per unit if a unit is at least one; else 0 */
	uint64_t divide; /* units per nanosecond, or 0 */
	int64_t offset_s; /* seconds added to every time */
	uint32_t shift; /* units are 2^-shift s if scale and divide are 0 */
	uint32_t link;
	uint32_t snaplen;
	uint32_t fcs; /* bytes of frame check sequence at the end of every packet */
};

/* What is known at one place of a file from what was read before. */
struct format_section {
	struct format_interface *interfaces; /* pcapng */
	uint32_t count, room;
	uint32_t before; /* interfaces of the sections before */
	bool swapped; /* the byte order is not this machine's */
};

struct format_file {
	/* 1: a record; 0 at the end; FORMAT_AGAIN; or what format_break() returned. */
	int (*next)(struct format_file *file, struct record *ret_record);
	const uint8_t *at; /* the next record */
	const uint8_t *soft; /* a record that begins here or later needs format_head() first */
	const uint8_t *end; /* of the window */
	uint64_t delta; /* offset of a byte in the capture minus its address in memory */
	uint32_t header; /* bytes of a record's header, at least */

	uint32_t link, fcs; /* pcap */
	uint32_t scale; /* pcap: nanoseconds per sub-second unit */
	uint32_t snaplen; /* pcap */
	uint32_t first_s; /* pcap, set by learn(): the first record's time in seconds */
	bool exchanged; /* pcap: captured and len may be exchanged (version 2.3) */

	struct format_section section; /* of a pcap file only the byte order */

	const struct format *format;
	const char *name; /* "pcap", ...: see reader_format() */
	struct capture *capture;
	uint64_t to; /* records that begin here or later are not read */
	int broken; /* 0, or -errno: the file breaks off */
	uint64_t broken_at;
	char why[200];
};

/* Numbers in the file's byte order, at any address. */
static inline uint16_t format_16(const uint8_t *at, bool swapped)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t format_32(const uint8_t *at, bool swapped)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t format_64(const uint8_t *at, bool swapped)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap64(value) : value;
}

#define FORMAT_PREFETCH_MAX 1536

/*
 * Fetches the next record's cache lines, as many as this one has: the processor's own prefetch does
 * not see past the bytes that are summed, and most packets are like the one before. Prefetching an
 * address that is not mapped does nothing.
 */
static inline void format_prefetch(const uint8_t *next, size_t len)
{
	len = len < FORMAT_PREFETCH_MAX ? len : FORMAT_PREFETCH_MAX;
	for (size_t at = 0; at <= len; at += 64)
		__builtin_prefetch(next + at);
}

static inline uint64_t format_offset(const struct format_file *file, const uint8_t *at)
{
	return file->delta + (uintptr_t)at;
}

/* Takes the frame check sequence off, as much of it as was captured. */
static inline void format_trim(struct record *record, uint32_t fcs)
{
	record->len -= fcs < record->len ? fcs : record->len;
	if (record->captured > record->len)
		record->captured = record->len;
}

/*
 * Makes the window hold `want` bytes from `at` on: 1; 0 if the capture ends before (then the window
 * reaches to its end); -errno from format_break().
 */
int format_need(struct format_file *file, size_t want);

/*
 * Makes the window hold file->header bytes of the next record: 1; 0 at the end of the capture or of
 * the part that is read; -errno from format_break().
 */
int format_head(struct format_file *file);

/* Moves to `offset` of the capture and gives the window up. */
void format_jump(struct format_file *file, uint64_t offset);

/*
 * Notes that the file breaks off at `offset`, and why. Returns rc, or -EIO if a mapped file was cut
 * short meanwhile: what was read then proves nothing about the file. Calls no fail().
 */
int format_break(struct format_file *file, uint64_t offset, int rc, const char *why, ...)
	__attribute__((format(printf, 4, 5)));

/* A number with commas, for these sentences. */
struct format_number {
	char text[27];
};
struct format_number format_number(uint64_t number);

/* A copy that owns its interfaces. -ENOMEM */
int format_section_copy(const struct format_section *from, struct format_section *ret_to);
void format_section_clear(struct format_section *section);
bool format_section_same(const struct format_section *a, const struct format_section *b);

#endif
