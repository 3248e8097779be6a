// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Raw bytes: see input.h. A pipe's bytes below `kept` come from the unnamed file, those from there on out
 * of the pipe, so that rewinding is right at any moment. Where the unnamed file cannot be made or
 * written, reading goes on and only rewinding is lost.
 */
#include "pcap/input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PIPE_ROOM = 1 << 20 };

struct input {
	int fd; /* -1: memory */
	bool seekable;
	const uint8_t *memory;
	size_t memory_len;
	_Atomic uint64_t at;
	int keep_fd; /* of a pipe; -1: not kept */
	int keep_error; /* why not */
	uint64_t kept; /* bytes in there */
};

/* O_TMPFILE leaves nothing behind on any exit; where the file system lacks it, a name is unlinked at once. */
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

int input_new_fd(int fd, bool seekable, struct input **ret_input)
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

int input_new_memory(const void *data, size_t len, struct input **ret_input)
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

void input_free(struct input *input)
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

ssize_t input_read(struct input *input, void *to, size_t room)
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

int input_rewind(struct input *input)
{
	if (input->fd >= 0 && !input->seekable && input->keep_fd < 0)
		return input->keep_error;
	input->at = 0;
	return 0;
}

void input_read_once(struct input *input)
{
	if (input->keep_fd >= 0 && input->at >= input->kept)
		stop_keeping(input, -ESPIPE);
}

uint64_t input_at(const struct input *input)
{
	return input->at;
}
