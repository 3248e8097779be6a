// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a capture's bytes come from: see capture.h. A regular file that is not compressed is mapped
 * (mapping.h), standard input too if it is one read from its start. Everything else is a stream: an
 * input gives raw bytes, a decoder decompresses them, a buffer holds the window that was asked for.
 *
 * - An input can be read a second time. A pipe's bytes are kept in an unnamed file while they are
 *   read first: below `kept` they come from that file, from there on out of the pipe, so that
 *   rewinding is right at any moment. If the unnamed file cannot be made or written, reading goes
 *   on and only rewinding is lost.
 * - gzip files of several members and zstd files of several frames, skippable ones among them, read
 *   as one. Data that is damaged or cut off is given out as far as it goes; the error comes when
 *   more is asked for.
 */
#include "pcap/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "pcap/mapping.h"

enum {
	MAGIC = 4,
	PIPE_ROOM = 1 << 20,
	IN_ROOM_MIN = 16,
	IN_ROOM_MAX = 128 << 10,
	STREAM_ROOM = 1 << 20,
	PIECE = 1 << 21, /* of a mapped file, given out at once */
};

/* ---- Input: raw bytes, twice if need be ---- */

struct input {
	int fd; /* -1: memory */
	bool seekable;
	const uint8_t *memory;
	size_t memory_len;
	_Atomic uint64_t at; /* bytes read since the first; progress is read by other threads */
	int keep_fd; /* of a pipe; -1: not kept */
	int keep_error; /* why not */
	uint64_t kept; /* bytes in there */
};

/* O_TMPFILE leaves nothing on any exit; if the file system lacks it, a name is unlinked at once. */
static int unnamed_file(void)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];
	int fd;

	if (!dir || !*dir)
		dir = "/var/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	if (snprintf(path, sizeof(path), "%s/tsum-XXXXXX", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

/* Takes the descriptor over, in any case. `seekable`: a regular file, read from its first byte. */
static int input_new_fd(int fd, bool seekable, struct input **ret_input)
{
	struct input *input = calloc(1, sizeof(*input));

	if (!input) {
		close(fd);
		return -ENOMEM;
	}
	input->fd = fd;
	fcntl(fd, F_SETPIPE_SZ, PIPE_ROOM); /* fewer, longer reads, if it is a pipe */
	input->seekable = seekable;
	input->keep_fd = seekable ? -1 : unnamed_file();
	if (input->keep_fd < 0) {
		input->keep_error = input->keep_fd;
		input->keep_fd = -1;
	}
	*ret_input = input;
	return 0;
}

static int input_new_memory(const void *data, size_t len, struct input **ret_input)
{
	struct input *input = calloc(1, sizeof(*input));

	if (!input)
		return -ENOMEM;
	input->fd = -1;
	input->keep_fd = -1;
	input->memory = data;
	input->memory_len = len;
	*ret_input = input;
	return 0;
}

static void input_free(struct input *input)
{
	if (!input)
		return;
	if (input->fd >= 0)
		close(input->fd);
	if (input->keep_fd >= 0)
		close(input->keep_fd);
	free(input);
}

static void stop_keeping(struct input *input, int why)
{
	input->keep_error = why;
	close(input->keep_fd);
	input->keep_fd = -1;
}

static void keep(struct input *input, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t wrote = pwrite(input->keep_fd, bytes, len, (off_t)input->kept);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0) {
			stop_keeping(input, wrote < 0 ? -errno : -ENOSPC);
			return;
		}
		bytes += wrote;
		len -= (size_t)wrote;
		input->kept += (uint64_t)wrote;
	}
}

static ssize_t read_pipe(struct input *input, void *to, size_t room)
{
	ssize_t got;

	for (;;) {
		got = read(input->fd, to, room);
		if (got >= 0)
			break;
		if (errno == EAGAIN)
			poll(&(struct pollfd){ .fd = input->fd, .events = POLLIN }, 1, -1);
		else if (errno != EINTR)
			return -errno;
	}
	if (input->keep_fd >= 0)
		keep(input, to, (size_t)got);
	return got;
}

static ssize_t read_at(int fd, void *to, size_t room, uint64_t at)
{
	ssize_t got;

	do
		got = pread(fd, to, room, (off_t)at);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t read_memory(const struct input *input, void *to, size_t room)
{
	size_t left = input->memory_len - input->at;
	size_t len = left < room ? left : room;

	if (len)
		memcpy(to, input->memory + input->at, len);
	return (ssize_t)len;
}

/* Up to `room` bytes, at least one unless it is the end (0). -errno, no sentence. */
static ssize_t input_read(struct input *input, void *to, size_t room)
{
	uint64_t at = input->at;
	ssize_t got;

	if (input->fd < 0)
		got = read_memory(input, to, room);
	else if (input->seekable)
		got = read_at(input->fd, to, room, at);
	else if (input->keep_fd >= 0 && at < input->kept)
		got = read_at(input->keep_fd, to, room < input->kept - at ? room : input->kept - at,
			      at);
	else
		got = read_pipe(input, to, room);
	if (got > 0)
		input->at = at + (uint64_t)got;
	return got;
}

/* Back to the first byte. -errno, no sentence: a pipe's bytes could not be kept. */
static int input_rewind(struct input *input)
{
	if (input->fd >= 0 && !input->seekable && input->keep_fd < 0)
		return input->keep_error;
	input->at = 0;
	return 0;
}

/*
 * There will be no second time: a pipe's bytes are no longer kept, unless some are being read
 * again.
 */
static void input_read_once(struct input *input)
{
	if (input->keep_fd >= 0 && input->at >= input->kept)
		stop_keeping(input, -ESPIPE);
}

/* ---- Stream: decoders and the window ---- */

struct stream;

/*
 * A decoder. step() writes bytes to `out` and returns how many; 0 at the end; -errno after
 * complain().
 */
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
	bool open; /* in the middle of a member or frame */
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

/* The offset of the next byte in the compressed data. */
static unsigned long long compressed_at(const struct stream *stream)
{
	return stream->input->at - (stream->in_end - stream->in_at);
}

static int report_cut_off(struct stream *stream)
{
	return complain(stream, -EBADMSG, "the %s data is cut off after its byte %llu",
			stream->decoder->name, compressed_at(stream));
}

static int report_damaged(struct stream *stream, const char *why)
{
	return complain(stream, -EBADMSG, "the %s data is damaged near its byte %llu (%s)",
			stream->decoder->name, compressed_at(stream), why);
}

static ssize_t read_input(struct stream *stream, void *to, size_t room)
{
	ssize_t got = input_read(stream->input, to, room);

	if (got < 0)
		complain(stream, (int)got, "cannot read on: %s", strerror((int)-got));
	return got;
}

/* Reads compressed bytes if there are none left: 1; 0 at the end of the input; -errno. */
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

/* One call of inflate(); zeros between and after members (padding on tapes) are skipped. */
static ssize_t inflate_some(struct stream *stream, uint8_t *out, size_t room)
{
	z_stream *zlib = &stream->zlib;
	size_t used;
	int rc;

	if (!stream->open) {
		if (!skip_zeros(stream))
			return 0;
		if (stream->in[stream->in_at] != 0x1f)
			return report_damaged(stream, "what follows is not gzip data");
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
		report_damaged(stream, zlib->msg ? zlib->msg : "no reason given");
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
		report_damaged(stream, ZSTD_getErrorName(rc));
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
			return stream->open ? report_cut_off(stream) : 0;
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

static void stream_free(struct stream *stream)
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

/* Chooses the decoder by the first bytes, which a pipe may bring one by one. */
static int choose_decoder(struct stream *stream)
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

/*
 * Takes the input over, in any case, and reads its first bytes. The buffer begins with `room` bytes
 * and grows to what is asked of it. -errno, no sentence.
 */
static int stream_new(struct input *input, size_t room, struct stream **ret_stream)
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
	rc = choose_decoder(stream);
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

/* Gives up the bytes before `offset`, as many of them as the window holds. */
static void drop_before(struct stream *stream, uint64_t offset)
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
static int make_window(struct stream *stream, size_t want)
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

/* Appends bytes to the window: 1; 0 at the end; -errno. */
static int extend(struct stream *stream)
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

/* As capture_bytes(). -ESPIPE: `offset` lies before what an earlier call gave up. */
static int stream_bytes(struct stream *stream, uint64_t offset, size_t want,
			const uint8_t **ret_data, size_t *ret_len)
{
	int rc = 1;

	if (offset < stream->offset)
		return -ESPIPE;
	drop_before(stream, offset);
	while (rc > 0 && stream->offset < offset) {
		rc = extend(stream);
		drop_before(stream, offset);
	}
	if (rc >= 0 && make_window(stream, want) < 0)
		return stream->error;
	while (rc > 0 && stream->len < want)
		rc = extend(stream);
	if (rc < 0)
		return rc;
	*ret_data = stream->out + stream->start;
	*ret_len = stream->offset == offset ? stream->len : 0;
	return 0;
}

static int stream_rewind(struct stream *stream)
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

/* ---- Captures ---- */

struct capture {
	char *name;
	int fd; /* of a mapped file, else -1 */
	struct mapping *mapping;
	struct stream *stream; /* NULL: all bytes are at data */
	const uint8_t *data;
	uint64_t size; /* of the input; 0: not known */
	_Atomic uint64_t done; /* bytes read so far, of a mapped capture only */
};

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	mapping_free(capture->mapping);
	stream_free(capture->stream);
	if (capture->fd >= 0)
		close(capture->fd);
	free(capture->name);
	free(capture);
}

static struct capture *capture_alloc(const char *name)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	size_t size = TERM_PRINTABLE_SIZE(strlen(name) + 1);

	if (capture)
		capture->name = malloc(size);
	if (capture && capture->name)
		term_printable(capture->name, size, name);
	if (!capture || !capture->name) {
		free(capture);
		return NULL;
	}
	capture->fd = -1;
	return capture;
}

/* Files that are no captures, but that people may take for captures. */
static const struct alien {
	const char *magic;
	const char *advice;
} ALIENS[] = {
	{ "\xfd"
	  "7zX",
	  "is compressed with xz: xz -dc FILE | truesum pcap -" },
	{ "BZh", "is compressed with bzip2: bzip2 -dc FILE | truesum pcap -" },
	{ "\x04\x22\x4d\x18", "is compressed with lz4: lz4 -dc FILE | truesum pcap -" },
	{ "PK\x03\x04", "is a zip archive: unpack it first" },
	{ "snoo", "is a snoop capture: editcap -F pcapng makes it one that can be read" },
};

static const uint32_t MAGICS[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34, 0x0a0d0d0a };

static int check_magic(const struct capture *capture, const uint8_t *bytes, size_t len)
{
	uint32_t magic;

	if (!len)
		return fail(-ENODATA, "%s is empty", capture->name);
	if (len < MAGIC)
		return fail(-EBADMSG, "%s is not a pcap or pcapng file: it has %zu bytes",
			    capture->name, len);
	memcpy(&magic, bytes, sizeof(magic));
	for (size_t i = 0; i < ARRAY_SIZE(MAGICS); i++)
		if (magic == MAGICS[i] || magic == __builtin_bswap32(MAGICS[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ALIENS); i++)
		if (!strncmp((const char *)bytes, ALIENS[i].magic, strlen(ALIENS[i].magic)))
			return fail(-EBADMSG, "%s %s", capture->name, ALIENS[i].advice);
	return fail(-EBADMSG,
		    "%s is not a pcap or pcapng file (it begins with %02x %02x %02x %02x)",
		    capture->name, bytes[0], bytes[1], bytes[2], bytes[3]);
}

static int open_mapping(struct capture *capture, int fd)
{
	int rc;

	capture->fd = fd;
	rc = mapping_new(fd, capture->size, &capture->mapping, &capture->data);
	if (rc)
		return fail_errno(rc, "cannot map %s", capture->name);
	return 0;
}

static int open_stream(struct capture *capture, int fd, bool seekable)
{
	struct input *input;
	const uint8_t *bytes;
	size_t len;
	int rc = input_new_fd(fd, seekable, &input);

	if (!rc)
		rc = stream_new(input, STREAM_ROOM, &capture->stream);
	if (rc)
		return fail_errno(rc, "cannot read %s", capture->name);
	rc = stream_bytes(capture->stream, 0, MAGIC, &bytes, &len);
	if (rc)
		return fail(rc, "%s: %s", capture->name, capture->stream->text);
	return check_magic(capture, bytes, len);
}

/* A regular file that is read from its first byte. Takes the descriptor over. */
static int open_regular(struct capture *capture, int fd)
{
	uint8_t magic[MAGIC] = { 0 };
	ssize_t got = pread(fd, magic, sizeof(magic), 0);
	int rc = got < 0 ? -errno : 0;

	if (rc)
		fail_errno(rc, "cannot read %s", capture->name);
	else if (got == MAGIC && decoder_for(magic) != &NONE)
		return open_stream(capture, fd, true);
	else
		rc = check_magic(capture, magic, (size_t)got);
	if (!rc)
		return open_mapping(capture, fd);
	close(fd);
	return rc;
}

static int open_fd(struct capture *capture, const char *path)
{
	_cleanup_close_ int fd = -1;
	bool is_stdin = !strcmp(path, "-");
	struct stat st;

	fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
		      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_errno(-errno, "cannot open %s", capture->name);
	if (S_ISDIR(st.st_mode))
		return fail(-EISDIR, "%s is a directory", capture->name);
	if (isatty(fd))
		return fail(-EINVAL, "%s is a terminal: name a file, or pipe a capture in",
			    capture->name);
	if (!S_ISREG(st.st_mode) || (is_stdin && lseek(fd, 0, SEEK_CUR) != 0))
		return open_stream(capture, TAKE_FD(fd), false);
	capture->size = (uint64_t)st.st_size;
	return open_regular(capture, TAKE_FD(fd));
}

int capture_open(const char *path, struct capture **ret_capture)
{
	_cleanup_(capture_cleanup) struct capture *capture =
		capture_alloc(strcmp(path, "-") ? path : "standard input");
	int rc;

	if (!capture)
		return fail(-ENOMEM, "no memory");
	rc = open_fd(capture, path);
	if (rc)
		return rc;
	*ret_capture = TAKE_PTR(capture);
	return 0;
}

int capture_memory(const void *data, size_t len, size_t room, struct capture **ret_capture)
{
	_cleanup_(capture_cleanup) struct capture *capture = capture_alloc("memory");
	struct input *input;
	int rc = 0;

	if (!capture)
		return fail(-ENOMEM, "no memory");
	capture->data = data;
	capture->size = len;
	if (room) {
		rc = input_new_memory(data, len, &input);
		rc = rc ? rc : stream_new(input, room, &capture->stream);
	}
	if (rc)
		return fail(rc, "no memory");
	*ret_capture = TAKE_PTR(capture);
	return 0;
}

const char *capture_name(const struct capture *capture)
{
	return capture->name;
}

const char *capture_compression(const struct capture *capture)
{
	return capture->stream ? capture->stream->decoder->name : "none";
}

bool capture_mapped(const struct capture *capture)
{
	return !capture->stream;
}

void capture_progress(const struct capture *capture, uint64_t *ret_done, uint64_t *ret_total)
{
	uint64_t done = capture->stream ? capture->stream->input->at : capture->done;

	*ret_total = capture->size;
	*ret_done = capture->size && done > capture->size ? capture->size : done;
}

int capture_rewind(struct capture *capture)
{
	int rc = capture->stream ? stream_rewind(capture->stream) : 0;

	if (rc)
		return fail_errno(rc,
				  "cannot read %s a second time: it was not possible to keep it "
				  "in %s (set TMPDIR)",
				  capture->name, getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp");
	capture->done = 0;
	return 0;
}

void capture_read_once(struct capture *capture)
{
	if (capture->stream)
		input_read_once(capture->stream->input);
}

/*
 * Gives out bytes up to the end of a piece, so that the reader comes back for the next one and the
 * file's size is checked again. (Measured: populating the piece here, MADV_POPULATE_READ, costs
 * more than the page faults it saves.)
 */
static int mapped_bytes(struct capture *capture, uint64_t offset, size_t want,
			const uint8_t **ret_data, size_t *ret_len)
{
	uint64_t from = offset < capture->size ? offset : capture->size;
	uint64_t to = capture->size;

	if (want < to - from)
		to = from + want;
	to = (to + PIECE - 1) / PIECE * PIECE;
	if (to > capture->size)
		to = capture->size;
	if (capture->mapping && mapping_check(capture->mapping))
		return -EIO;
	atomic_fetch_add_explicit(&capture->done, to - from, memory_order_relaxed);
	*ret_data = capture->data + from;
	*ret_len = to - from;
	return 0;
}

int capture_bytes(struct capture *capture, uint64_t offset, size_t want, const uint8_t **ret_data,
		  size_t *ret_len)
{
	if (capture->stream)
		return stream_bytes(capture->stream, offset, want, ret_data, ret_len);
	return mapped_bytes(capture, offset, want, ret_data, ret_len);
}

const char *capture_error(const struct capture *capture)
{
	if (capture->stream)
		return capture->stream->error ? capture->stream->text : NULL;
	return capture->mapping ? mapping_check(capture->mapping) : NULL;
}
