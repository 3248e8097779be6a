// SPDX-License-Identifier: GPL-2.0-or-later
/* Network namespaces, and sysctls as seen inside of one: see netns.h. */
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"

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
		return fail_errno(-errno, "cannot create a network namespace (run as root)");
	fd = open(THIS_NETNS, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open %s", THIS_NETNS);
	*ret_fd = fd;
	return 0;
}

int netns_open(const char *spec, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (strchr(spec, '/'))
		snprintf(path, sizeof(path), "%s", spec);
	else if (*spec && strspn(spec, "0123456789") == strlen(spec))
		snprintf(path, sizeof(path), "/proc/%s/ns/net", spec);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", spec);
	/* O_NONBLOCK: opening a FIFO would block. */
	fd = *spec ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd < 0 && *spec)
		return fail_errno(-errno, "no network namespace '%s': cannot open %s", spec, path);
	if (fd < 0 || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return fail(-EINVAL, "'%s' is not a network namespace", spec);
	*ret_fd = TAKE_FD(fd);
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
