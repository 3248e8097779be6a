// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where the first record of a part begins. Nothing in a capture marks a record, so every place is tried
 * for what must be true of a record there, of the one behind it, and so on: over CHAIN_BYTES and
 * CHAIN_RECORDS, or up to the end of the file exactly. A capture may contain captures; whoever reads
 * the part finds out whether the guess was right (reader_fits()), so a wrong one costs time only.
 */
#include <stdlib.h>

#include "pcap/reader_private.h"

enum {
	CHAIN_RECORDS = 16,
	CHAIN_BYTES = 128 << 10,
	SPAN = 1 << 20, /* a chain may reach this far */
	STEP = 256 << 10, /* places tried in one window */
	STEPS_MAX = 4 << 20, /* headers looked at in all: then it is given up */
	USUAL_MAX = 256 << 10, /* what capture programs write at most */
	YEARS_10 = 315360000,
	DAY = 86400,
};

struct guess {
	const struct reader *reader;
	bool swapped;
	uint32_t captured_max;
	uint32_t sub_max; /* of a pcap record's sub-seconds */
	uint32_t near; /* pcap: the first record's time, in seconds */
	const uint8_t *data; /* the window, of `len` bytes */
	size_t len;
	bool to_end; /* it reaches to the end of the file */
	uint32_t steps;
};

static uint64_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

/* The length of the record that could begin at `at`, with `left` bytes there; 0: none could. */
static size_t pcap_record(const struct guess *guess, const uint8_t *at, size_t left,
			  const uint8_t *before)
{
	uint32_t seconds, captured, len;

	if (left < guess->reader->header)
		return 0;
	captured = file32(at + 8, guess->swapped);
	len = file32(at + 12, guess->swapped);
	if (!captured || captured > guess->captured_max || captured > len || len > RECORD_MAX ||
	    file32(at + 4, guess->swapped) >= guess->sub_max)
		return 0;
	seconds = file32(at, guess->swapped);
	if (distance(seconds, guess->near) > YEARS_10 ||
	    (before && distance(seconds, file32(before, guess->swapped)) > DAY))
		return 0;
	return (size_t)guess->reader->header + captured;
}

/* The types that are common; a part that begins with another begins a block later. */
static bool known_type(uint32_t type)
{
	return (type && type <= 0xb) || type == 0x0a0d0d0a || type == 0xbad || type == 0x40000bad;
}

/* As pcap_record(). */
static size_t ng_block(const struct guess *guess, const uint8_t *at, size_t left)
{
	uint32_t total;

	if (left < 12 || !known_type(file32(at, guess->swapped)))
		return 0;
	total = file32(at + 4, guess->swapped);
	if (total < 12 || total % 4 || total > RECORD_MAX)
		return 0;
	if (total <= left && file32(at + total - 4, guess->swapped) != total)
		return 0;
	if (file32(at, guess->swapped) == 6 &&
	    (total < 32 || (left >= 24 && file32(at + 20, guess->swapped) > total - 32)))
		return 0;
	return total;
}

static bool chain_holds(struct guess *guess, size_t from)
{
	const uint8_t *before = NULL;
	size_t at = from, records = 0;

	while (records < CHAIN_RECORDS || at - from < CHAIN_BYTES) {
		const uint8_t *head = guess->data + at;
		size_t left = guess->len - at, len;

		if (!left && guess->to_end)
			return true;
		if (left < guess->reader->header)
			return !guess->to_end && records;
		guess->steps++;
		len = guess->reader->ng ? ng_block(guess, head, left)
					: pcap_record(guess, head, left, before);
		if (!len)
			return false;
		records++;
		if (len > left) /* cut off at the file's end, or longer than is looked at */
			return records > 1;
		before = head;
		at += len;
	}
	return true;
}

static bool load(struct guess *guess, uint64_t from)
{
	size_t want = STEP + SPAN;

	if (capture_bytes(guess->reader->capture, from, want, &guess->data, &guess->len))
		return false;
	guess->to_end = guess->len < want;
	return guess->len;
}

static void learn(struct guess *guess, const struct reader *first)
{
	uint32_t snaplen = first->snaplen;
	const uint8_t *data;
	size_t len;

	guess->reader = first;
	guess->swapped = first->section.swapped;
	guess->captured_max = snaplen && snaplen < UINT16_MAX ? snaplen : USUAL_MAX;
	guess->sub_max = first->scale == 1 ? 1000000000 : 1000000;
	if (!first->ng && !capture_bytes(first->capture, reader_at(first), 4, &data, &len) &&
	    len >= 4)
		guess->near = file32(data, guess->swapped);
}

uint64_t reader_guess(const struct reader *first, uint64_t from, uint64_t to)
{
	struct guess guess = { 0 };
	uint64_t place = 1;

	learn(&guess, first);
	if (first->ng) { /* blocks are multiples of 4 bytes long */
		from = (from + 3) / 4 * 4;
		place = 4;
	}
	for (; from < to; from += STEP) {
		if (!load(&guess, from))
			break;
		for (uint64_t i = 0; i < STEP && i < guess.len && from + i < to; i += place) {
			if (guess.steps > STEPS_MAX)
				return UINT64_MAX;
			if (chain_holds(&guess, i))
				return from + i;
		}
	}
	return UINT64_MAX;
}
