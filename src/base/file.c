// SPDX-License-Identifier: GPL-2.0-or-later
/* Files as a whole: see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"

enum { FIRST_SIZE = 4096, NAME_TRIES = 100 };

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

/*
 * Creates the new file without a name if the file system can (O_TMPFILE), so that nothing of it
 * stays after SIGKILL; else under `fresh`, whose last six characters it sets.
 */
static int create_fresh(const char *folder, char *fresh, bool *ret_named)
{
	int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	*ret_named = fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT);
	if (*ret_named)
		fd = mkostemp(fresh, O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Gives a file without a name one that did not exist; sets the last six characters of `fresh`. */
static int name_fresh(int fd, char *fresh)
{
	char self[40];
	uint32_t number;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	for (int tries = 0; tries < NAME_TRIES; tries++) {
		if (getrandom(&number, sizeof(number), 0) < 0)
			return -errno;
		snprintf(fresh + strlen(fresh) - 6, 7, "%06" PRIx32, number & 0xffffff);
		if (!linkat(AT_FDCWD, self, AT_FDCWD, fresh, AT_SYMLINK_FOLLOW))
			return 0;
		if (errno != EEXIST)
			break;
	}
	return -errno;
}

int file_replace(const char *path, mode_t mode, const void *data, size_t len)
{
	_cleanup_free_ char *fresh = NULL, *folder = NULL;
	_cleanup_close_ int fd = -1;
	const char *slash = strrchr(path, '/');
	bool named = false;
	int rc;

	folder = slash ? strndup(path, (size_t)(slash + 1 - path)) : strdup("./");
	if (!folder || asprintf(&fresh, "%s.tsum.XXXXXX", folder) < 0) {
		fresh = NULL;
		return fail(-ENOMEM, "out of memory");
	}
	fd = create_fresh(folder, fresh, &named);
	if (fd < 0)
		return fail_errno(fd, "cannot write %s", path);
	rc = file_write(fd, data, len);
	if (!rc && (fchmod(fd, mode) < 0 || fsync(fd) < 0))
		rc = -errno;
	if (!rc && !named) {
		rc = name_fresh(fd, fresh);
		named = !rc;
	}
	if (!rc && rename(fresh, path) < 0)
		rc = -errno;
	if (!rc)
		return 0;
	if (named)
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
