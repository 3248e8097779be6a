// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decompression: see stream.h. gzip files of several members and zstd files of several frames, skippable
 * ones among them, read as one. Data that is damaged or cut off is given out as far as it goes; the
 * error comes when more is asked for.
 */
#include "pcap/stream.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"

enum { IN_ROOM_MIN = 16, IN_ROOM_MAX = 128 << 10, MAGIC = 4 };

/* One decoder. `step` writes some bytes to `out`: how many; 0 at the end; -errno after complain(). */
struct decoder {
	const char *name;
	ssize_t (*step)(struct stream *stream, uint8_t *out, size_t room);
};

struct stream {
	struct input *input;
	const struct decoder *decoder;
	uint8_t *in; /* compressed bytes, in_at..in_end not used yet */
	size_t in_at, in_end, in_room;
	z_stream zlib;
	bool zlib_ready;
	ZSTD_DStream *zstd;
	bool open; /* within a member or frame */
	bool full; /* the last step filled its room: the decoder may hold more */
	uint8_t *out; /* bytes start..start+len are those from `offset` on */
	size_t room, start, len;
	uint64_t offset;
	bool ended;
	int error;
	char text[160];
};

static __attribute__((format(printf, 3, 4))) int complain(struct stream *stream, int rc,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(stream->text, sizeof(stream->text), format, args);
	va_end(args);
	stream->error = rc;
	return rc;
}

/* The place of the next byte in the compressed data. */
static unsigned long long place(const struct stream *stream)
{
	return input_at(stream->input) - (stream->in_end - stream->in_at);
}

static int cut_off(struct stream *stream)
{
	return complain(stream, -EBADMSG, "the %s data is cut off after its byte %llu",
			stream->decoder->name, place(stream));
}

static int damaged(struct stream *stream, const char *why)
{
	return complain(stream, -EBADMSG, "the %s data is damaged near its byte %llu (%s)",
			stream->decoder->name, place(stream), why);
}

static ssize_t read_input(struct stream *stream, void *to, size_t room)
{
	ssize_t got = input_read(stream->input, to, room);

	if (got < 0)
		complain(stream, (int)got, "cannot read on: %s", strerror((int)-got));
	return got;
}

/* Compressed bytes, if there are none left: 1; 0 at the end of the input; -errno. */
static ssize_t refill(struct stream *stream)
{
	ssize_t got;

	if (stream->in_at < stream->in_end)
		return 1;
	got = read_input(stream, stream->in, stream->in_room);
	if (got <= 0)
		return got;
	stream->in_at = 0;
	stream->in_end = (size_t)got;
	return 1;
}

static ssize_t step_none(struct stream *stream, uint8_t *out, size_t room)
{
	size_t held = stream->in_end - stream->in_at;

	if (!held)
		return read_input(stream, out, room);
	if (held > room)
		held = room;
	memcpy(out, stream->in + stream->in_at, held);
	stream->in_at += held;
	return (ssize_t)held;
}

static bool skip_zeros(struct stream *stream)
{
	while (stream->in_at < stream->in_end && !stream->in[stream->in_at])
		stream->in_at++;
	return stream->in_at < stream->in_end;
}

/* One call of inflate(); padding of zeros between and behind members (tapes) is skipped. */
static ssize_t inflate_some(struct stream *stream, uint8_t *out, size_t room)
{
	z_stream *zlib = &stream->zlib;
	size_t used;
	int rc;

	if (!stream->open) {
		if (!skip_zeros(stream))
			return 0;
		if (stream->in[stream->in_at] != 0x1f)
			return damaged(stream, "what follows is no gzip data");
		inflateReset(zlib);
		stream->open = true;
	}
	used = stream->in_end - stream->in_at;
	zlib->next_in = stream->in + stream->in_at;
	zlib->avail_in = (uInt)used;
	zlib->next_out = out;
	zlib->avail_out = room > INT32_MAX ? INT32_MAX : (uInt)room;
	room = zlib->avail_out;
	rc = inflate(zlib, Z_NO_FLUSH);
	stream->in_at += used - zlib->avail_in;
	stream->full = !zlib->avail_out;
	if (rc == Z_STREAM_END)
		stream->open = stream->full = false;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		damaged(stream, zlib->msg ? zlib->msg : "no reason given");
	return (ssize_t)(room - zlib->avail_out);
}

static ssize_t zstd_some(struct stream *stream, uint8_t *out, size_t room)
{
	ZSTD_inBuffer from = { .src = stream->in, .size = stream->in_end, .pos = stream->in_at };
	ZSTD_outBuffer to = { .dst = out, .size = room };
	size_t rc = ZSTD_decompressStream(stream->zstd, &to, &from);

	stream->in_at = from.pos;
	stream->full = to.pos == room;
	if (ZSTD_isError(rc))
		damaged(stream, ZSTD_getErrorName(rc));
	else
		stream->open = rc != 0;
	return (ssize_t)to.pos;
}

static ssize_t step_with(struct stream *stream, uint8_t *out, size_t room,
			 ssize_t (*some)(struct stream *, uint8_t *, size_t))
{
	for (;;) {
		ssize_t got = stream->full ? 1 : refill(stream);

		if (got < 0)
			return got;
		if (!got)
			return stream->open ? cut_off(stream) : 0;
		got = some(stream, out, room);
		if (got)
			return got;
		if (stream->error)
			return stream->error;
	}
}

static ssize_t step_gzip(struct stream *stream, uint8_t *out, size_t room)
{
	return step_with(stream, out, room, inflate_some);
}

static ssize_t step_zstd(struct stream *stream, uint8_t *out, size_t room)
{
	return step_with(stream, out, room, zstd_some);
}

static const struct decoder NONE = { "none", step_none };
static const struct decoder GZIP = { "gzip", step_gzip };
static const struct decoder ZSTD = { "zstd", step_zstd };

/* RFC 1952; RFC 8878: a frame, or a skippable one before it. */
static const struct decoder *decoder_for(const uint8_t *bytes)
{
	if (bytes[0] == 0x1f && bytes[1] == 0x8b)
		return &GZIP;
	if (!memcmp(bytes, "\x28\xb5\x2f\xfd", MAGIC) ||
	    ((bytes[0] & 0xf0) == 0x50 && !memcmp(bytes + 1, "\x2a\x4d\x18", MAGIC - 1)))
		return &ZSTD;
	return &NONE;
}

const char *stream_magic(const uint8_t *bytes)
{
	const struct decoder *decoder = decoder_for(bytes);

	return decoder == &NONE ? NULL : decoder->name;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	input_free(stream->input);
	if (stream->zlib_ready)
		inflateEnd(&stream->zlib);
	ZSTD_freeDStream(stream->zstd);
	free(stream->in);
	free(stream->out);
	free(stream);
}

static void stream_cleanup(struct stream **stream)
{
	stream_free(*stream);
}

/* The first bytes decide; a pipe may bring them one by one. */
static int look(struct stream *stream)
{
	uint8_t magic[MAGIC] = { 0 };

	while (stream->in_end < MAGIC) {
		ssize_t got = input_read(stream->input, stream->in + stream->in_end,
					 stream->in_room - stream->in_end);

		if (got < 0)
			return (int)got;
		if (!got)
			break;
		stream->in_end += (size_t)got;
	}
	memcpy(magic, stream->in, stream->in_end < MAGIC ? stream->in_end : MAGIC);
	stream->decoder = decoder_for(magic);
	return 0;
}

int stream_new(struct input *input, size_t room, struct stream **ret_stream)
{
	_cleanup_(stream_cleanup) struct stream *stream = calloc(1, sizeof(*stream));
	int rc;

	if (!stream) {
		input_free(input);
		return -ENOMEM;
	}
	stream->input = input;
	stream->room = room;
	stream->in_room = room < IN_ROOM_MIN ? IN_ROOM_MIN : room;
	if (stream->in_room > IN_ROOM_MAX)
		stream->in_room = IN_ROOM_MAX;
	stream->in = malloc(stream->in_room);
	stream->out = malloc(room);
	if (!stream->in || !stream->out)
		return -ENOMEM;
	rc = look(stream);
	if (rc)
		return rc;
	if (stream->decoder == &GZIP) {
		if (inflateInit2(&stream->zlib, 15 + 16) != Z_OK)
			return -ENOMEM;
		stream->zlib_ready = true;
	} else if (stream->decoder == &ZSTD) {
		stream->zstd = ZSTD_createDStream();
		if (!stream->zstd)
			return -ENOMEM;
	}
	*ret_stream = TAKE_PTR(stream);
	return 0;
}

const char *stream_compression(const struct stream *stream)
{
	return stream->decoder->name;
}

const struct input *stream_input(const struct stream *stream)
{
	return stream->input;
}

const char *stream_error(const struct stream *stream)
{
	return stream->error ? stream->text : NULL;
}

/* The window begins at `offset`, as far as it holds that much. */
static void drop(struct stream *stream, uint64_t offset)
{
	uint64_t skip = offset - stream->offset;

	if (skip >= stream->len) {
		skip = stream->len;
		stream->start = 0;
	} else {
		stream->start += skip;
	}
	stream->len -= skip;
	stream->offset += skip;
}

/* Room for `want` bytes from `start` on. */
static int make_room(struct stream *stream, size_t want)
{
	uint8_t *grown;

	if (stream->room - stream->start >= want)
		return 0;
	memmove(stream->out, stream->out + stream->start, stream->len);
	stream->start = 0;
	if (stream->room >= want)
		return 0;
	grown = realloc(stream->out, want);
	if (!grown)
		return complain(stream, -ENOMEM, "no memory for a record of %zu bytes", want);
	stream->out = grown;
	stream->room = want;
	return 0;
}

/* Appends to the window. 1, 0 at the end, -errno. */
static int step(struct stream *stream)
{
	size_t end = stream->start + stream->len;
	ssize_t got;

	if (stream->error)
		return stream->error;
	if (stream->ended)
		return 0;
	got = stream->decoder->step(stream, stream->out + end, stream->room - end);
	if (got < 0)
		return (int)got;
	if (!got)
		stream->ended = true;
	stream->len += (size_t)got;
	return got > 0;
}

int stream_bytes(struct stream *stream, uint64_t offset, size_t want, const uint8_t **ret_data,
		 size_t *ret_len)
{
	int rc = 1;

	if (offset < stream->offset)
		return -ESPIPE;
	drop(stream, offset);
	while (rc > 0 && stream->offset < offset) {
		rc = step(stream);
		drop(stream, offset);
	}
	if (rc >= 0 && make_room(stream, want) < 0)
		return stream->error;
	while (rc > 0 && stream->len < want)
		rc = step(stream);
	if (rc < 0)
		return rc;
	*ret_data = stream->out + stream->start;
	*ret_len = stream->offset == offset ? stream->len : 0;
	return 0;
}

void stream_read_once(struct stream *stream)
{
	input_read_once(stream->input);
}

int stream_rewind(struct stream *stream)
{
	int rc;

	if (!stream->offset) /* the window begins with the first byte */
		return 0;
	rc = input_rewind(stream->input);
	if (rc)
		return rc;
	stream->in_at = stream->in_end = 0;
	if (stream->zstd)
		ZSTD_initDStream(stream->zstd);
	stream->open = stream->full = stream->ended = false;
	stream->start = stream->len = 0;
	stream->offset = 0;
	stream->error = 0;
	return 0;
}
