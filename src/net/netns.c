// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Network namespaces, and sysctls as seen inside of one: see netns.h.
 *
 * A path to a namespace may end at anything: a tenant chooses what its descriptors and mounts are,
 * and can swap them at any moment. Opening a FIFO blocks, opening a device may act on it, and even
 * stat() of a file on FUSE waits for the tenant's program. So netns_open_file() takes hold of the
 * file with O_PATH, which opens nothing; asks for its device without a question to its filesystem;
 * and opens it for reading, through the descriptor that it holds, only if it is on nsfs.
 */
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"

#define THIS_NETNS "/proc/thread-self/ns/net"

int netns_enter(int fd, int *ret_home)
{
	_cleanup_close_ int home = -1;

	if (fd < 0)
		return 0;
	home = open(THIS_NETNS, O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return fail_errno(-errno, "cannot open %s", THIS_NETNS);
	if (setns(fd, CLONE_NEWNET) < 0)
		return fail_errno(-errno, "cannot enter a network namespace (needs CAP_SYS_ADMIN)");
	*ret_home = TAKE_FD(home);
	return 0;
}

void netns_leave(const int *home)
{
	if (*home < 0)
		return;
	/* In the wrong namespace the program would change somebody else's network: end here. */
	if (setns(*home, CLONE_NEWNET) < 0)
		abort();
	close(*home);
}

int netns_new(int *ret_fd)
{
	_cleanup_(netns_leave) int home = open(THIS_NETNS, O_RDONLY | O_CLOEXEC);
	int fd;

	if (home < 0)
		return fail_errno(-errno, "cannot open %s", THIS_NETNS);
	if (unshare(CLONE_NEWNET) < 0)
		return privilege_fail(-errno, "cannot create a network namespace");
	fd = open(THIS_NETNS, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open %s", THIS_NETNS);
	*ret_fd = fd;
	return 0;
}

/* AT_STATX_DONT_SYNC: FUSE and network filesystems answer from memory, or not at all. */
static int look_at(int folder, const char *path, int flags, struct netns_id *ret_id)
{
	struct statx stx;

	if (statx(folder, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &stx) < 0)
		return -errno;
	*ret_id = (struct netns_id){ .dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
				     .ino = stx.stx_ino };
	return 0;
}

int netns_look(int folder, const char *path, struct netns_id *ret_id)
{
	return look_at(folder, path, 0, ret_id);
}

int netns_open_held(int held, ino_t ino)
{
	_cleanup_close_ int fd = -1;
	struct netns_id own = { 0 }, id = { 0 };
	struct statfs fs;
	char path[40];
	int rc = netns_look(AT_FDCWD, THIS_NETNS, &own);

	rc = rc ? rc : look_at(held, "", AT_EMPTY_PATH, &id);
	if (rc)
		return rc;
	/* There is one nsfs: what is elsewhere is not asked even for its filesystem. */
	if (id.dev != own.dev || fstatfs(held, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return -EINVAL;
	if (ino && id.ino != ino)
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", held);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET ? TAKE_FD(fd) : -EINVAL;
}

int netns_open_file(const char *path, ino_t ino)
{
	_cleanup_close_ int held = open(path, O_PATH | O_CLOEXEC);

	return held < 0 ? -errno : netns_open_held(held, ino);
}

int netns_open(const char *spec, int *ret_fd)
{
	char path[PATH_MAX];
	int fd, len;

	if (strchr(spec, '/'))
		len = snprintf(path, sizeof(path), "%s", spec);
	else if (*spec && strspn(spec, "0123456789") == strlen(spec))
		len = snprintf(path, sizeof(path), "/proc/%s/ns/net", spec);
	else
		len = snprintf(path, sizeof(path), "/run/netns/%s", spec);
	if (len < 0 || (size_t)len >= sizeof(path))
		return fail(-ENAMETOOLONG, "the path of a network namespace is too long");
	fd = *spec ? netns_open_file(path, 0) : -EINVAL;
	if (fd == -EINVAL)
		return fail(-EINVAL, "'%s' is not a network namespace", spec);
	if (fd < 0)
		return fail_errno(fd, "no network namespace '%s': cannot open %s", spec, path);
	*ret_fd = fd;
	return 0;
}

static int read_cookie(int fd, uint64_t *ret_cookie)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int any = -1;
	socklen_t size = sizeof(*ret_cookie);
	int rc = netns_enter(fd, &home);

	if (rc)
		return rc;
	any = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0)
		return fail_errno(-errno, "cannot open a socket");
	if (getsockopt(any, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &size) < 0)
		*ret_cookie = 0;
	return 0;
}

int netns_identify(int fd, struct netns_id *ret_id)
{
	struct netns_id id = { 0 };
	struct stat st;
	int rc = fd < 0 ? stat(THIS_NETNS, &st) : fstat(fd, &st);

	if (rc < 0)
		return fail_errno(-errno, "cannot identify the network namespace");
	rc = read_cookie(fd, &id.cookie);
	if (rc)
		return rc;
	id.dev = st.st_dev;
	id.ino = st.st_ino;
	*ret_id = id;
	return 0;
}

bool netns_same(const struct netns_id *one, const struct netns_id *other)
{
	return one->dev == other->dev && one->ino == other->ino && one->cookie == other->cookie;
}

static int open_sysctl(const char *name, int flags)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? fail_errno(-errno, "cannot open sysctl %s", name) : fd;
}

int netns_sysctl_read(int netns_fd, const char *name, char ret_value[SYSCTL_SIZE])
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	ssize_t len;
	int rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	fd = open_sysctl(name, O_RDONLY);
	if (fd < 0)
		return fd;
	len = read(fd, ret_value, SYSCTL_SIZE - 1);
	if (len < 0)
		return fail_errno(-errno, "cannot read sysctl %s", name);
	ret_value[len] = '\0';
	ret_value[strcspn(ret_value, "\n")] = '\0';
	return 0;
}

int netns_sysctl_write(int netns_fd, const char *name, const char *value)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	int rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	fd = open_sysctl(name, O_WRONLY);
	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		return fail_errno(-errno, "cannot set sysctl %s to %s", name, value);
	return 0;
}
