// SPDX-License-Identifier: GPL-2.0-or-later
/* Network namespaces and what is seen only from inside one: see netns.h. */
#include "net/netns.h"

#include <dirent.h>
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
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];

	if (strchr(spec, '/'))
		snprintf(path, sizeof(path), "%s", spec);
	else if (*spec && strspn(spec, "0123456789") == strlen(spec))
		snprintf(path, sizeof(path), "/proc/%s/ns/net", spec);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", spec);
	/* Somebody's FIFO would block. */
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

/* stat() first: most candidates are another one, and to open what is no namespace may have effects. */
static int open_if_same(const char *path, const struct netns_id *sought, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct netns_id id = { 0 };
	struct stat st;

	if (stat(path, &st) < 0 || st.st_dev != sought->dev || st.st_ino != sought->ino)
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || netns_identify(fd, &id) || !netns_same(&id, sought))
		return -ENOENT;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* Tries FOLDER/ENTRY/SUFFIX for every entry of the folder. */
static int find_in_folder(const char *folder, const char *suffix, const struct netns_id *sought,
			  int *ret_fd)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s%s", folder, entry->d_name, suffix);
		if (!open_if_same(path, sought, ret_fd))
			return 0;
	}
	return -ENOENT;
}

void mountinfo_unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		unsigned int code;

		*to = *text;
		if (*text != '\\' || sscanf(text + 1, "%3o", &code) != 1)
			continue;
		*to = (char)code;
		text += 3;
	}
	*to = '\0';
}

/* Tries what is mounted as process /proc/PROCESS sees it; its paths begin behind `root`. */
static int find_in_mounts(const char *process, const char *root, const struct netns_id *sought,
			  int *ret_fd)
{
	_cleanup_fclose_ FILE *mounts = NULL;
	_cleanup_free_ char *line = NULL;
	char path[PATH_MAX], mounted[40];
	size_t size = 0;
	int rc = -ENOENT;

	/* The fourth field names what is mounted, the fifth is where. */
	snprintf(mounted, sizeof(mounted), " net:[%lu] ", (unsigned long)sought->ino);
	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	mounts = fopen(path, "re");
	while (rc && mounts && getline(&line, &size, mounts) >= 0) {
		char *where = strstr(line, mounted);

		if (!where)
			continue;
		where += strlen(mounted);
		where[strcspn(where, " ")] = '\0';
		mountinfo_unescape(where);
		snprintf(path, sizeof(path), "%s%s", root, where);
		rc = open_if_same(path, sought, ret_fd);
	}
	return rc;
}

static bool same_mounts(const char *process)
{
	struct stat own, others;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return !stat("/proc/self/ns/mnt", &own) && !stat(path, &others) &&
	       own.st_dev == others.st_dev && own.st_ino == others.st_ino;
}

/* Tries what a process is in (each of its threads), holds open, and has mounted. */
static int find_in_process(const char *process, const struct netns_id *sought, int *ret_fd)
{
	char path[300], root[300];
	int rc;

	snprintf(path, sizeof(path), "/proc/%s/task", process);
	rc = find_in_folder(path, "/ns/net", sought, ret_fd);
	if (!rc)
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	rc = find_in_folder(path, "", sought, ret_fd);
	if (!rc || same_mounts(process))
		return rc;
	snprintf(root, sizeof(root), "/proc/%s/root", process);
	return find_in_mounts(process, root, sought, ret_fd);
}

int netns_find(const struct netns_id *sought, int *ret_fd)
{
	_cleanup_(cleanup_closedir) DIR *processes = opendir("/proc");
	const struct dirent *entry;

	if (!find_in_mounts("self", "", sought, ret_fd))
		return 0;
	if (!processes)
		return fail_errno(-errno, "cannot read /proc");
	while ((entry = readdir(processes)))
		if (*entry->d_name >= '0' && *entry->d_name <= '9' &&
		    !find_in_process(entry->d_name, sought, ret_fd))
			return 0;
	return fail(-ENOENT, "no process, mount or descriptor leads to network namespace %lu",
		    (unsigned long)sought->ino);
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
