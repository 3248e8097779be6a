// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reading a capture, or a part of it: see reader.h. How records look is in format_pcap.c and
 * format_pcapng.c.
 *
 * Where a part's first record begins is guessed. Nothing in a capture marks a record, so every
 * place is tried: what lies there must be plausible as a record, and so must what follows it, over
 * CHAIN_BYTES and CHAIN_RECORDS or exactly up to the end of the file. A capture may contain
 * captures, so a guess may be wrong; the caller finds out when it puts the parts together
 * (reader_fits()), and loses time only.
 */
#include "pcap/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/format.h"

enum {
	CHAIN_RECORDS = 16,
	CHAIN_BYTES = 128 << 10,
	SPAN = 1 << 20, /* a chain may reach this far */
	STEP = 256 << 10, /* places tried in one window */
	TRIES_MAX = 4 << 20, /* headers looked at in all: then the guess is given up */
};

struct reader {
	struct format_file file;
	uint64_t first; /* where this reader began */
	struct format_section first_section; /* and what it took for known */
};

static const struct format *const formats[] = { &format_pcapng, &format_pcap };

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	format_section_clear(&reader->file.section);
	format_section_clear(&reader->first_section);
	free(reader);
}

static int open_format(struct format_file *file)
{
	int rc = format_need(file, sizeof(uint32_t));

	if (rc < 0)
		return rc;
	if (!rc)
		return format_break(file, 0, -EBADMSG, "the file ends inside its header");
	for (size_t i = 0; i < ARRAY_SIZE(formats) && !file->format; i++)
		if (formats[i]->is(file->at))
			file->format = formats[i];
	if (!file->format)
		return format_break(file, 0, -EBADMSG, "this is not a pcap or pcapng file");
	return file->format->open(file);
}

/* Begins at `at`, and reads records that begin before `to`. -ENOMEM */
static int begin_at(struct reader *reader, uint64_t at, uint64_t to)
{
	reader->file.to = to;
	reader->first = at;
	format_jump(&reader->file, at);
	return format_section_copy(&reader->file.section, &reader->first_section);
}

int reader_new(struct capture *capture, struct reader **ret_reader)
{
	_cleanup_(reader_cleanup) struct reader *reader = calloc(1, sizeof(*reader));
	struct format_file *file;
	int rc;

	if (!reader)
		return fail(-ENOMEM, "no memory");
	file = &reader->file;
	file->capture = capture;
	file->to = UINT64_MAX;
	rc = open_format(file);
	if (rc)
		return fail(rc, "%s: %s", capture_name(capture), file->why);
	rc = begin_at(reader, format_offset(file, file->at), UINT64_MAX);
	if (rc)
		return fail(rc, "no memory");
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

const char *reader_format(const struct reader *reader)
{
	return reader->file.name;
}

int reader_next(struct reader *reader, struct record *ret_record)
{
	struct format_file *file = &reader->file;
	int rc;

	do
		rc = file->next(file, ret_record);
	while (unlikely(rc == FORMAT_AGAIN));
	return rc;
}

const char *reader_broken(const struct reader *reader, uint64_t *ret_offset)
{
	if (!reader->file.broken)
		return NULL;
	*ret_offset = reader->file.broken_at;
	return reader->file.why;
}

uint64_t reader_at(const struct reader *reader)
{
	const struct format_file *file = &reader->file;

	return file->broken ? file->broken_at : format_offset(file, file->at);
}

/* ---- Where the first record of a part begins ---- */

struct guess {
	const struct format_file *file;
	const uint8_t *data; /* the window, of `len` bytes */
	size_t len;
	bool to_end; /* it reaches to the end of the file */
	uint32_t tries;
};

/* Whether what lies at `from` of the window, and what follows, may be records. */
static bool chain_holds(struct guess *guess, size_t from)
{
	const uint8_t *before = NULL;
	size_t at = from, records = 0;

	while (records < CHAIN_RECORDS || at - from < CHAIN_BYTES) {
		const uint8_t *head = guess->data + at;
		size_t left = guess->len - at, len;

		if (!left && guess->to_end)
			return true;
		if (left < guess->file->header)
			return !guess->to_end && records;
		guess->tries++;
		len = guess->file->format->plausible(guess->file, head, left, before);
		if (!len)
			return false;
		records++;
		if (len > left) /* cut off at the file's end, or longer than the window */
			return records > 1;
		before = head;
		at += len;
	}
	return true;
}

static bool load_window(struct guess *guess, uint64_t from)
{
	size_t want = STEP + SPAN;

	if (capture_bytes(guess->file->capture, from, want, &guess->data, &guess->len))
		return false;
	guess->to_end = guess->len < want;
	return guess->len;
}

/* The first record that seems to begin in [from, to); UINT64_MAX: none. */
static uint64_t guess_first(const struct format_file *file, uint64_t from, uint64_t to)
{
	struct guess guess = { .file = file };
	const unsigned int align = file->format->align;

	from = (from + align - 1) / align * align;
	for (; from < to; from += STEP) {
		if (!load_window(&guess, from))
			break;
		for (uint64_t i = 0; i < STEP && i < guess.len && from + i < to; i += align) {
			if (guess.tries > TRIES_MAX)
				return UINT64_MAX;
			if (chain_holds(&guess, i))
				return from + i;
		}
	}
	return UINT64_MAX;
}

/* ---- Parts ---- */

bool reader_fits(const struct reader *before, const struct reader *part)
{
	return !before->file.broken && part->first == reader_at(before) &&
	       format_section_same(&before->file.section, &part->first_section);
}

/* The same place and state, and a copy of what it owns. */
static int copy_reader(const struct reader *from, struct reader **ret_reader)
{
	_cleanup_(reader_cleanup) struct reader *reader = malloc(sizeof(*reader));
	int rc;

	if (!reader)
		return -ENOMEM;
	*reader = *from;
	reader->file.section = reader->first_section = (struct format_section){ 0 };
	rc = format_section_copy(&from->file.section, &reader->file.section);
	if (rc)
		return rc;
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

int reader_part(const struct reader *reader, uint64_t from, uint64_t to, struct reader **ret_part)
{
	_cleanup_(reader_cleanup) struct reader *part = NULL;
	uint64_t at = reader_at(reader);
	int rc;

	if (from && !capture_mapped(reader->file.capture))
		return -ESPIPE;
	rc = copy_reader(reader, &part);
	if (rc)
		return rc;
	if (from) {
		part->file.format->learn(&part->file);
		at = guess_first(&part->file, from, to);
	}
	rc = begin_at(part, at, at == UINT64_MAX ? 0 : to);
	if (!rc)
		*ret_part = TAKE_PTR(part);
	return rc;
}
