// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a capture's bytes come from: see capture.h. A regular file that is not compressed is mapped
 * (mapping.h), standard input too if it is one read from its start; everything else is a stream
 * (stream.h).
 */
#include "pcap/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/mapping.h"
#include "pcap/stream.h"

enum { STREAM_ROOM = 1 << 20, PIECE = 1 << 21, MAGIC = 4 };

struct capture {
	char *name;
	int fd; /* of a mapped file; -1 */
	struct mapping *mapping;
	struct stream *stream; /* NULL: data and size are all there is */
	const uint8_t *data;
	uint64_t size; /* of the input; 0: not known */
	_Atomic uint64_t done; /* of a mapped capture */
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

	if (capture)
		capture->name = strdup(name);
	if (!capture || !capture->name) {
		free(capture);
		return NULL;
	}
	capture->fd = -1;
	return capture;
}

/* What a file that is no capture is instead, where somebody could take it for one. */
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
		return fail(-EBADMSG, "%s is no pcap or pcapng file: it has %zu bytes",
			    capture->name, len);
	memcpy(&magic, bytes, sizeof(magic));
	for (size_t i = 0; i < ARRAY_SIZE(MAGICS); i++)
		if (magic == MAGICS[i] || magic == __builtin_bswap32(MAGICS[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_SIZE(ALIENS); i++)
		if (!strncmp((const char *)bytes, ALIENS[i].magic, strlen(ALIENS[i].magic)))
			return fail(-EBADMSG, "%s %s", capture->name, ALIENS[i].advice);
	return fail(-EBADMSG, "%s is no pcap or pcapng file (it begins with %02x %02x %02x %02x)",
		    capture->name, bytes[0], bytes[1], bytes[2], bytes[3]);
}

static int open_mapping(struct capture *capture, int fd)
{
	int rc;

	capture->fd = fd;
	rc = mapping_new(fd, capture->size, &capture->mapping);
	if (rc)
		return fail_errno(rc, "cannot map %s", capture->name);
	capture->data = mapping_data(capture->mapping);
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
		return fail(rc, "%s: %s", capture->name, stream_error(capture->stream));
	return check_magic(capture, bytes, len);
}

/* A regular file whose first byte is the next one. Takes the descriptor over. */
static int open_regular(struct capture *capture, int fd)
{
	uint8_t magic[MAGIC] = { 0 };
	ssize_t got = pread(fd, magic, sizeof(magic), 0);
	int rc = got < 0 ? -errno : 0;

	if (rc)
		fail_errno(rc, "cannot read %s", capture->name);
	else if (got == MAGIC && stream_magic(magic))
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
	return capture->stream ? stream_compression(capture->stream) : "none";
}

bool capture_mapped(const struct capture *capture)
{
	return !capture->stream;
}

void capture_progress(const struct capture *capture, uint64_t *ret_done, uint64_t *ret_total)
{
	uint64_t done = capture->stream ? input_at(stream_input(capture->stream)) : capture->done;

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
		stream_read_once(capture->stream);
}

/*
 * Up to the end of a piece, so that the reader comes back for the next one and the file is looked at
 * again. (Populating the piece here, MADV_POPULATE_READ, was measured to cost more than its faults.)
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
		return stream_error(capture->stream);
	return capture->mapping ? mapping_check(capture->mapping) : NULL;
}
