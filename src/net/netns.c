// SPDX-License-Identifier: GPL-2.0-or-later
/* Network namespaces and what is seen only from inside one: see netns.h. */
#include "net/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
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
	/* Staying in the wrong namespace would act on somebody's network: better to end here. */
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
		return fail_errno(-errno, "cannot make a network namespace (run as root)");
	fd = open(THIS_NETNS, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open %s", THIS_NETNS);
	*ret_fd = fd;
	return 0;
}

int netns_open(const char *spec, int *ret_fd)
{
	char path[300];
	int fd;

	if (strchr(spec, '/'))
		snprintf(path, sizeof(path), "%s", spec);
	else if (*spec && strspn(spec, "0123456789") == strlen(spec))
		snprintf(path, sizeof(path), "/proc/%s/ns/net", spec);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", spec);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "no network namespace '%s': cannot open %s", spec, path);
	*ret_fd = fd;
	return 0;
}

static int open_if_same(const char *path, dev_t dev, ino_t ino, int *ret_fd)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != dev || st.st_ino != ino)
		return -ENOENT;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int netns_find(dev_t dev, ino_t ino, int *ret_fd)
{
	static const struct {
		const char *folder, *suffix;
	} places[] = { { "/proc", "/ns/net" }, { "/run/netns", "" }, { "/run/docker/netns", "" } };
	char path[320];

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_(cleanup_closedir) DIR *dir = opendir(places[i].folder);
		const struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "%s/%s%s", places[i].folder, entry->d_name,
				 places[i].suffix);
			if (!open_if_same(path, dev, ino, ret_fd))
				return 0;
		}
	}
	return fail(-ENOENT, "network namespace %lu is gone", (unsigned long)ino);
}

static int open_sysctl(int netns_fd, const char *name, int flags, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	char path[160];
	int fd, rc;

	rc = netns_enter(netns_fd, &home);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open sysctl %s", name);
	*ret_fd = fd;
	return 0;
}

int sysctl_write(int netns_fd, const char *name, const char *value)
{
	_cleanup_close_ int fd = -1;
	int rc = open_sysctl(netns_fd, name, O_WRONLY, &fd);

	if (rc)
		return rc;
	if (write(fd, value, strlen(value)) < 0)
		return fail_errno(-errno, "cannot set sysctl %s to %s", name, value);
	return 0;
}

int sysctl_read(int netns_fd, const char *name, char *ret_value, size_t size)
{
	_cleanup_close_ int fd = -1;
	int rc = open_sysctl(netns_fd, name, O_RDONLY, &fd);
	ssize_t len;

	if (rc)
		return rc;
	len = read(fd, ret_value, size - 1);
	if (len < 0)
		return fail_errno(-errno, "cannot read sysctl %s", name);
	ret_value[len] = '\0';
	ret_value[strcspn(ret_value, "\n")] = '\0';
	return 0;
}
