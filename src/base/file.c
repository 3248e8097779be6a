// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as a whole: see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"

enum { FIRST_SIZE = 4096 };

int file_read(int fd, const char *what, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, room = 0;
	ssize_t got = 1;

	while (got) {
		int rc = ARRAY_RESERVE(text, room, len + FIRST_SIZE);

		if (rc)
			return rc;
		got = read(fd, text + len, room - len - 1);
		if (got < 0 && errno != EINTR)
			return fail_errno(-errno, "cannot read %s", what);
		len += got > 0 ? (size_t)got : 0;
		if (len > max)
			return fail(-EFBIG, "there are more than %zu bytes on %s", max, what);
	}
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

int file_write(int fd, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		ssize_t written = write(fd, from, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		from += written;
		len -= (size_t)written;
	}
	return 0;
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len)
{
	_cleanup_free_ char *fresh = NULL;
	_cleanup_close_ int fd = -1;
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash + 1 - path) : 0;
	int rc;

	if (asprintf(&fresh, "%.*s.tsum.XXXXXX", folder, path) < 0) {
		fresh = NULL;
		return fail(-ENOMEM, "out of memory");
	}
	fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot write %s", path);
	rc = file_write(fd, data, len);
	if (!rc && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(fresh, path) < 0))
		rc = -errno;
	if (!rc)
		return 0;
	unlink(fresh);
	return fail_errno(rc, "cannot write %s", path);
}

int file_lock(int fd, bool waits)
{
	while (flock(fd, LOCK_EX | (waits ? 0 : LOCK_NB)) < 0)
		if (errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	return 0;
}
