// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's lock: see lock.h. The file holds the number of the process that has it. */
#include "guard/daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define LOCK_FOLDER "/run/truesum"
#define LOCK_FILE LOCK_FOLDER "/guard.lock"

static pid_t read_pid(int fd)
{
	char text[24] = "";

	return pread(fd, text, sizeof(text) - 1, 0) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

int guard_lock(int *ret_fd)
{
	_cleanup_close_ int fd = -1;

	if (mkdir(LOCK_FOLDER, 0700) < 0 && errno != EEXIST)
		return fail_errno(-errno, "cannot make " LOCK_FOLDER " (run as root)");
	fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_errno(-errno, "cannot open " LOCK_FILE);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? fail(-EBUSY, "another `truesum guard run` is at work (pid %d)",
				      (int)read_pid(fd))
			       : fail_errno(-errno, "cannot lock " LOCK_FILE);
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return fail_errno(-errno, "cannot write " LOCK_FILE);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

pid_t guard_daemon_pid(void)
{
	_cleanup_close_ int fd = open(LOCK_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	return read_pid(fd);
}
