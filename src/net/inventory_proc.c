// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Namespaces and their processes, from /proc, /run and what is mounted. A namespace is known by its inode
 * on the kernel's one nsfs, so stat() tells what a path leads to; only what is new is opened, once. What is
 * open cannot die, so its inode number is not given out again while the rest is looked at. Processes come
 * and go meanwhile: one that is gone tells nothing, and the next one may.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/inventory_part.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define OWN_UTS "/proc/thread-self/ns/uts"
#define SPARE_FDS 64 /* for whoever works with the inventory */
#define PROC_KERNEL_THREAD 0x00200000 /* PF_KTHREAD, include/linux/sched.h */

struct search {
	struct inventory *inventory;
	dev_t dev; /* nsfs */
	ino_t *ino; /* of each space: dense, as every process is looked up in it */
	size_t capacity, count;
	DIR *proc;
	int rc; /* why it cannot go on */
};

/* A descriptor for each namespace is more than the usual limit of 1,024 allows on large hosts. */
static void raise_limit(size_t needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_more(int folder, const char *path)
{
	int fd = openat(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 || errno != EMFILE)
		return fd;
	raise_limit(SIZE_MAX);
	return openat(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

static bool make_room(struct search *search)
{
	struct inventory *inventory = search->inventory;
	size_t capacity = search->capacity ? search->capacity * 2 : 64;
	struct space *space;
	ino_t *ino;

	if (search->count < search->capacity)
		return true;
	space = realloc(inventory->space, capacity * sizeof(*space));
	if (space)
		inventory->space = space;
	ino = realloc(search->ino, capacity * sizeof(*ino));
	if (ino)
		search->ino = ino;
	if (!space || !ino)
		return false;
	search->capacity = capacity;
	return true;
}

static struct space *add(struct search *search, const struct stat *st, int fd)
{
	struct space *space;

	if (!make_room(search)) {
		close(fd);
		search->rc = fail(-ENOMEM, "out of memory");
		return NULL;
	}
	search->ino[search->count] = st->st_ino;
	space = &search->inventory->space[search->count];
	search->inventory->space_count = ++search->count;
	*space = (struct space){ .id = { .dev = st->st_dev, .ino = st->st_ino }, .fd = fd };
	return space;
}

/* The space of this inode, or a new one for what the path leads to. NULL: that is gone, or search->rc. */
static struct space *meet(struct search *search, int folder, const char *path,
			  const struct stat *st)
{
	_cleanup_close_ int fd = -1;
	struct stat opened;

	for (size_t n = 0; n < search->count; n++)
		if (search->ino[n] == st->st_ino)
			return &search->inventory->space[n];
	fd = open_more(folder, path);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		search->rc = fail_errno(-errno,
					"cannot open more than %zu network namespaces "
					"(raise ulimit -n)",
					search->count);
	if (fd < 0 || fstat(fd, &opened) < 0 || opened.st_dev != st->st_dev ||
	    opened.st_ino != st->st_ino || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return NULL;
	return add(search, st, TAKE_FD(fd));
}

static ssize_t read_file(int folder, const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	size_t at = 0;
	ssize_t len = fd < 0 ? -1 : 1;

	while (len > 0 && at + 1 < size) {
		len = read(fd, text + at, size - 1 - at);
		at += len > 0 ? (size_t)len : 0;
	}
	text[at] = '\0';
	return len < 0 ? -1 : (ssize_t)at;
}

/* Field `number` of /proc/PID/stat; the second, the name, may have any bytes in it. */
static bool stat_field(const char *text, int number, uint64_t *ret_value)
{
	const char *at = strrchr(text, ')');

	for (int n = 2; at && n < number; n++)
		at = strchr(at + 1, ' ');
	if (at)
		*ret_value = strtoull(at, NULL, 10);
	return at;
}

/* A kernel thread represents a namespace only where nobody else can: it counts as the youngest. */
static bool read_start(int proc, const char *process, uint64_t *ret_started)
{
	char path[300], text[1024];
	uint64_t flags;

	snprintf(path, sizeof(path), "%s/stat", process);
	if (read_file(proc, path, text, sizeof(text)) < 0 || !stat_field(text, 9, &flags) ||
	    !stat_field(text, 22, ret_started))
		return false;
	if (flags & PROC_KERNEL_THREAD)
		*ret_started = UINT64_MAX;
	return true;
}

static void meet_process(struct search *search, const char *process)
{
	pid_t pid = (pid_t)strtol(process, NULL, 10);
	struct space *space;
	uint64_t started;
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ns/net", process);
	if (fstatat(dirfd(search->proc), path, &st, 0) < 0 || st.st_dev != search->dev)
		return;
	if (!read_start(dirfd(search->proc), process, &started))
		return;
	space = meet(search, dirfd(search->proc), path, &st);
	if (!space)
		return;
	if (space->pid &&
	    (space->started < started || (space->started == started && space->pid < pid)))
		return;
	space->pid = pid;
	space->started = started;
}

static void meet_processes(struct search *search)
{
	const struct dirent *entry;

	while (!search->rc && (entry = readdir(search->proc)))
		if (isdigit((unsigned char)*entry->d_name))
			meet_process(search, entry->d_name);
}

static void meet_path(struct search *search, const char *path)
{
	struct space *space;
	struct stat st;

	if (stat(path, &st) < 0 || st.st_dev != search->dev)
		return;
	space = meet(search, AT_FDCWD, path, &st);
	if (space && !*space->path && strlen(path) < sizeof(space->path))
		memcpy(space->path, path, strlen(path));
}

static void meet_folder(struct search *search, const char *folder)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && !search->rc && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		meet_path(search, path);
	}
}

static char *field(char *line, int number)
{
	while (number-- && *line) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return line;
}

/* The fourth field names what is mounted, the fifth is where. */
static void meet_mounts(struct search *search)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (mounts && !search->rc && getline(&line, &size, mounts) >= 0) {
		const char *what = field(line, 3);
		char *where = field(line, 4);

		if (strncmp(what, "net:[", 5))
			continue;
		where[strcspn(where, " ")] = '\0';
		mountinfo_unescape(where);
		meet_path(search, where);
	}
}

static void search_end(struct search *search)
{
	free(search->ino);
	if (search->proc)
		closedir(search->proc);
}

int spaces_find(struct inventory *inventory)
{
	_cleanup_(search_end) struct search search = { .inventory = inventory };
	struct space *own = NULL;
	struct stat st;

	search.proc = opendir("/proc");
	if (search.proc && !stat(OWN_NETNS, &st)) {
		search.dev = st.st_dev;
		own = meet(&search, AT_FDCWD, OWN_NETNS, &st);
	}
	if (search.rc)
		return search.rc;
	if (!own)
		return fail(-EPERM, "cannot read the processes' network namespaces in /proc/PID/ns "
				    "(mount /proc, and run as root)");
	own->own = true;
	meet_processes(&search);
	/* The names that people use come first. */
	meet_folder(&search, "/run/netns");
	meet_folder(&search, "/run/docker/netns");
	meet_mounts(&search);
	raise_limit(search.count + SPARE_FDS);
	return search.rc;
}

/* What comes from a container may try to drive the terminal. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/*
 * The hostname as the process sees it. This thread goes where that is for a moment; nobody else notices,
 * and nothing of the container's runs.
 */
static void read_hostname(pid_t pid, char *ret_hostname, size_t size)
{
	_cleanup_close_ int home = open(OWN_UTS, O_RDONLY | O_CLOEXEC), fd = -1;
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || fd < 0 || fstat(home, &own) < 0 || fstat(fd, &other) < 0)
		return;
	if (own.st_ino == other.st_ino) {
		gethostname(ret_hostname, size);
		return;
	}
	if (setns(fd, CLONE_NEWUTS) < 0)
		return;
	gethostname(ret_hostname, size);
	/* Under a strange name everything would go on as before, but not be what was asked for. */
	if (setns(home, CLONE_NEWUTS) < 0)
		abort();
}

void process_place(pid_t pid, struct cgroup_place *ret_place)
{
	char path[64], text[16384];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (read_file(AT_FDCWD, path, text, sizeof(text)) < 0)
		*text = '\0';
	cgroup_parse(text, ret_place);
}

void space_describe(struct space *space)
{
	struct cgroup_place place;
	char path[64];

	if (!space->pid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)space->pid);
	if (read_file(AT_FDCWD, path, space->comm, sizeof(space->comm)) < 0)
		*space->comm = '\0';
	space->comm[strcspn(space->comm, "\n")] = '\0';
	make_printable(space->comm);
	process_place(space->pid, &place);
	memcpy(space->container, place.container, sizeof(space->container));
	memcpy(space->pod, place.pod, sizeof(space->pod));
	read_hostname(space->pid, space->hostname, sizeof(space->hostname));
	make_printable(space->hostname);
}

int process_netns(pid_t pid, struct netns_id *ret_id)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st) < 0)
		return -errno;
	*ret_id = (struct netns_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

int process_each(int (*fn)(pid_t pid, void *data), void *data)
{
	_cleanup_(cleanup_closedir) DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int rc = 0;

	if (!proc)
		return fail_errno(-errno, "cannot read /proc");
	while (!rc && (entry = readdir(proc)))
		if (isdigit((unsigned char)*entry->d_name))
			rc = fn((pid_t)strtol(entry->d_name, NULL, 10), data);
	return rc;
}
