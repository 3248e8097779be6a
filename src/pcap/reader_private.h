/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the reader share. A reader sees the capture through a window of bytes: a mapped
 * file's next piece, a stream's buffer. The formats' fast paths read in the window alone and call
 * reader_need() where it ends.
 */
#ifndef TRUESUM_PCAP_READER_PRIVATE_H
#define TRUESUM_PCAP_READER_PRIVATE_H

#include <string.h>

#include "pcap/reader.h"
#include "pcap/section.h"

#define READER_AGAIN 2 /* of a format's next(): call it again, the byte order may have changed */
#define READER_WINDOW (4U << 20) /* a window is no longer, but for one record */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

struct reader {
	int (*next)(struct reader *reader, struct record *ret_record);
	const uint8_t *at; /* the next record */
	const uint8_t *soft; /* what begins here or behind needs reader_need() first */
	const uint8_t *end; /* of the window */
	uint64_t delta; /* the capture's offset of a byte, less its address */
	uint32_t header; /* of a record, at least */

	bool ng; /* pcapng */
	uint32_t link, fcs; /* pcap */
	uint32_t scale; /* nanoseconds a sub-second unit */
	bool exchanged; /* captured and len may be exchanged (version 2.3) */
	uint32_t snaplen;

	struct section section; /* of a pcap file only the byte order */

	struct capture *capture;
	const char *format;
	uint64_t to; /* records from here on are not ours */
	uint64_t first; /* where this reader began */
	struct section first_section; /* and what it took for known */
	int broken; /* -errno */
	uint64_t broken_at;
	char text[200];
};

/* Numbers in the capture's byte order, at any address. */
static inline uint16_t file16(const uint8_t *at, bool swapped)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t file32(const uint8_t *at, bool swapped)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

/*
 * The next record's lines, as many as this one has: the processor's own prefetch does not see beyond where a
 * packet's sum ends, and most packets are like the one before. A prefetch of what is not there does nothing.
 */
#define PREFETCH_MAX 1536

static inline void reader_prefetch(const uint8_t *next, size_t len)
{
	len = len < PREFETCH_MAX ? len : PREFETCH_MAX;
	for (size_t at = 0; at <= len; at += 64)
		__builtin_prefetch(next + at);
}

static inline uint64_t file64(const uint8_t *at, bool swapped)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap64(value) : value;
}

static inline uint64_t reader_offset(const struct reader *reader, const uint8_t *at)
{
	return reader->delta + (uintptr_t)at;
}

/* Takes the frame check sequence off, as much of it as was captured. */
static inline void record_trim(struct record *record, uint32_t fcs)
{
	record->len -= fcs < record->len ? fcs : record->len;
	if (record->captured > record->len)
		record->captured = record->len;
}

/*
 * Makes the window hold `want` bytes from `at` on: 1; 0 where the capture ends before (the window then
 * reaches to its end); -errno, the reader being broken then.
 */
int reader_need(struct reader *reader, size_t want);

/*
 * For the header of a record: 1 if at least reader->header bytes of it are in the window; 0 at the end,
 * of the capture or of this part; -errno.
 */
int reader_head(struct reader *reader);

/* Moves to `offset` of the capture and gives the window up. */
void reader_jump(struct reader *reader, uint64_t offset);

/* Breaks off at the record `at` (or at `offset`). Returns rc, or -EIO if the file was cut short. */
int reader_break(struct reader *reader, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int reader_break_at(struct reader *reader, uint64_t offset, int rc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A number with commas, for sentences. */
struct grouped {
	char text[27];
};
struct grouped grouped(uint64_t number);

/* The formats. open: the window holds the first 4 bytes; -EBADMSG after reader_break(), no fail(). */
int reader_pcap_open(struct reader *reader);
int reader_ng_open(struct reader *reader);

/* Reads on over blocks that are no packets, as far as there are only such. */
void reader_ng_prelude(struct reader *reader);

/* The first record at `from` or behind, and before `to`, to all appearances; UINT64_MAX: none. */
uint64_t reader_guess(const struct reader *first, uint64_t from, uint64_t to);

#endif
