// SPDX-License-Identifier: GPL-2.0-or-later
/* What the formats have in common: the window, the end, and the parts. See reader.h. */
#include "pcap/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/reader_private.h"

struct grouped grouped(uint64_t number)
{
	struct grouped text = { "" };
	char digits[21];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *to = text.text;

	for (int i = 0; i < count; i++) {
		*to++ = digits[i];
		if (i < count - 1 && (count - 1 - i) % 3 == 0)
			*to++ = ',';
	}
	*to = '\0';
	return text;
}

static int next_broken(struct reader *reader, struct record *ret_record)
{
	(void)ret_record;
	return reader->broken;
}

/* Nonsense read from a mapped file that was cut short is no fault of what was in it. */
static int break_off(struct reader *reader, uint64_t offset, int rc, const char *format,
		     va_list args)
{
	const char *gone = capture_mapped(reader->capture) ? capture_error(reader->capture) : NULL;

	vsnprintf(reader->text, sizeof(reader->text), format, args);
	if (gone) {
		snprintf(reader->text, sizeof(reader->text), "%s", gone);
		rc = -EIO;
	}
	reader->broken = rc;
	reader->broken_at = offset;
	reader->next = next_broken;
	return rc;
}

int reader_break(struct reader *reader, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rc = break_off(reader, reader_offset(reader, reader->at), rc, format, args);
	va_end(args);
	return rc;
}

int reader_break_at(struct reader *reader, uint64_t offset, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	rc = break_off(reader, offset, rc, format, args);
	va_end(args);
	return rc;
}

/* Where records may begin: `soft` is behind the last header that lies in the window and in this part. */
static void set_soft(struct reader *reader, uint64_t at)
{
	size_t len = (size_t)(reader->end - reader->at);
	uint64_t heads = len < reader->header ? 0 : len - reader->header + 1;

	if (at >= reader->to)
		heads = 0;
	else if (heads > reader->to - at)
		heads = reader->to - at;
	reader->soft = reader->at + heads;
}

int reader_need(struct reader *reader, size_t want)
{
	uint64_t at = reader_offset(reader, reader->at);
	size_t most = want > READER_WINDOW ? want : READER_WINDOW;
	const uint8_t *data;
	size_t len;
	int rc;

	if ((size_t)(reader->end - reader->at) >= want)
		return 1;
	rc = capture_bytes(reader->capture, at, want, &data, &len);
	if (rc) {
		const char *why = capture_error(reader->capture);

		return reader_break(reader, rc, "%s",
				    why ? why : "the capture was read from here on already");
	}
	if (len > most)
		len = most;
	reader->at = data;
	reader->end = data + len;
	reader->delta = at - (uintptr_t)data;
	set_soft(reader, at);
	return len >= want;
}

int reader_head(struct reader *reader)
{
	int rc;

	if (reader_offset(reader, reader->at) >= reader->to)
		return 0;
	rc = reader_need(reader, reader->header);
	if (rc || reader->at == reader->end)
		return rc;
	return reader_break(reader, -EBADMSG, "the file ends inside a record's header");
}

void reader_jump(struct reader *reader, uint64_t offset)
{
	reader->at = reader->end = reader->soft = NULL;
	reader->delta = offset;
}

void reader_free(struct reader *reader)
{
	if (!reader)
		return;
	section_clear(&reader->section);
	section_clear(&reader->first_section);
	free(reader);
}

static int open_format(struct reader *reader)
{
	int rc = reader_need(reader, sizeof(uint32_t));

	if (rc < 0)
		return rc;
	if (!rc)
		return reader_break(reader, -EBADMSG, "the file ends inside its header");
	if (file32(reader->at, false) == 0x0a0d0d0a)
		return reader_ng_open(reader);
	return reader_pcap_open(reader);
}

int reader_new(struct capture *capture, struct reader **ret_reader)
{
	_cleanup_(reader_cleanup) struct reader *reader = calloc(1, sizeof(*reader));
	int rc;

	if (!reader)
		return fail(-ENOMEM, "no memory");
	reader->capture = capture;
	reader->to = UINT64_MAX;
	reader_jump(reader, 0);
	rc = open_format(reader);
	if (rc)
		return fail(rc, "%s: %s", capture_name(capture), reader->text);
	reader->first = reader_at(reader);
	rc = section_copy(&reader->section, &reader->first_section);
	if (rc)
		return fail(rc, "no memory");
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

const char *reader_format(const struct reader *reader)
{
	return reader->format;
}

int reader_next(struct reader *reader, struct record *ret_record)
{
	int rc;

	do
		rc = reader->next(reader, ret_record);
	while (unlikely(rc == READER_AGAIN));
	return rc;
}

const char *reader_broken(const struct reader *reader, uint64_t *ret_offset)
{
	if (!reader->broken)
		return NULL;
	*ret_offset = reader->broken_at;
	return reader->text;
}

uint64_t reader_at(const struct reader *reader)
{
	return reader->broken ? reader->broken_at : reader_offset(reader, reader->at);
}

uint64_t reader_first(const struct reader *part)
{
	return part->first;
}

bool reader_fits(const struct reader *before, const struct reader *part)
{
	return !before->broken && part->first == reader_at(before) &&
	       section_same(&before->section, &part->first_section);
}

/* The same place and state, and none of the memory. */
static int clone(const struct reader *from, struct reader **ret_reader)
{
	_cleanup_(reader_cleanup) struct reader *reader = malloc(sizeof(*reader));
	int rc;

	if (!reader)
		return -ENOMEM;
	*reader = *from;
	reader->section = reader->first_section = (struct section){ 0 };
	rc = section_copy(&from->section, &reader->section);
	if (rc)
		return rc;
	*ret_reader = TAKE_PTR(reader);
	return 0;
}

/* From here on, up to `to`. */
static int begin_part(struct reader *reader, uint64_t at, uint64_t to)
{
	reader->to = to;
	reader->first = at;
	reader_jump(reader, at);
	return section_copy(&reader->section, &reader->first_section);
}

int reader_follow(const struct reader *before, uint64_t to, struct reader **ret_part)
{
	_cleanup_(reader_cleanup) struct reader *part = NULL;
	int rc = clone(before, &part);

	if (!rc)
		rc = begin_part(part, reader_at(before), to);
	if (!rc)
		*ret_part = TAKE_PTR(part);
	return rc;
}

int reader_part(const struct reader *first, uint64_t from, uint64_t to, struct reader **ret_part)
{
	_cleanup_(reader_cleanup) struct reader *part = NULL;
	uint64_t at;
	int rc;

	if (!from)
		return reader_follow(first, to, ret_part);
	if (!capture_mapped(first->capture))
		return -ESPIPE;
	rc = clone(first, &part);
	if (rc)
		return rc;
	reader_ng_prelude(part);
	at = reader_guess(part, from, to);
	if (at == UINT64_MAX)
		to = 0;
	rc = begin_part(part, at, to);
	if (!rc)
		*ret_part = TAKE_PTR(part);
	return rc;
}
