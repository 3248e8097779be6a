// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding namespaces: see netns_search.h.
 *
 * netns_look() says which namespace a way leads to, so only new ones are opened. A tenant chooses
 * what most ways lead to (its descriptors, its mounts): see netns.c. A struct netns_search
 * needs more: the kernel says which number a descriptor has (RTM_GETNSID), but gives no descriptor
 * for a number. So everything that may lead to a namespace is looked at. The number also proves
 * that a way still leads where it led before: a namespace keeps its number for life, and the kernel
 * reports its end before it gives the number out again.
 */
#include "net/netns_search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/openat2.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "net/nl.h"
#include "net/process.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define BUCKETS 4096
#define PROCESSES_BACK                                                                             \
	64 /* looked at again: a new process may enter its namespace a moment later */
#define PROCESSES_AT_ONCE 4096 /* more than these at a time: all of /proc is read instead */
#define SHORT_ID 12

/* ---- Ways ---- */

/* What a walk does with each way. */
struct walk {
	dev_t dev; /* nsfs: the kernel has one */
	netns_way_fn fn;
	void *data;
};

/* The namespace this thread is in, without its cookie. */
static int look_at_own(struct netns_id *ret_own)
{
	int rc = netns_look(AT_FDCWD, OWN_NETNS, ret_own);

	return rc ? fail_errno(rc, "cannot read " OWN_NETNS " (mount /proc)") : 0;
}

static int begin_walk(struct walk *walk, netns_way_fn fn, void *data)
{
	struct netns_id own = { 0 };
	int rc = look_at_own(&own);

	*walk = (struct walk){ .dev = own.dev, .fn = fn, .data = data };
	return rc;
}

/* Looks at FOLDER/ENTRY/SUFFIX for every entry of the folder. */
static int walk_folder(const char *folder, const char *suffix, const struct walk *walk)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[PATH_MAX];
	struct netns_id id;
	int rc = 0;

	while (!rc && dir && (entry = readdir(dir))) {
		struct netns_way way = { .path = path, .root = -1 };

		snprintf(path, sizeof(path), "%s/%s%s", folder, entry->d_name, suffix);
		if (netns_look(AT_FDCWD, path, &id) || id.dev != walk->dev)
			continue;
		way.ino = id.ino;
		rc = walk->fn(&way, walk->data);
	}
	return rc;
}

static bool is_octal(char digit)
{
	return digit >= '0' && digit <= '7';
}

/*
 * Works in place: mountinfo has blanks, tabs, newlines and backslashes as three octal digits
 * (proc(5)). Anything else after a backslash stays as it is.
 */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text != '\\' || !is_octal(text[1]) || !is_octal(text[2]) || !is_octal(text[3]))
			continue;
		*to = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
		text += 3;
	}
	*to = '\0';
}

static char *field(char *line, int number)
{
	while (number-- && *line) {
		line += strcspn(line, " ");
		line += *line == ' ';
	}
	return line;
}

bool netns_search_parse_mount(char *line, ino_t *ret_ino, char **ret_where)
{
	/* The fourth field names what is mounted, the fifth is where. */
	const char *what = field(line, 3);
	char *where = field(line, 4);
	unsigned long ino;

	if (sscanf(what, "net:[%lu]", &ino) != 1 || *where != '/')
		return false;
	where[strcspn(where, " \n")] = '\0';
	unescape(where);
	*ret_ino = ino;
	*ret_where = where;
	return true;
}

/*
 * Looks at the namespaces that are mounted as /proc/PROCESS sees it. `root`: that process's root by
 * O_PATH; -1: the mounts are ours, and their paths need nothing before them.
 */
static int walk_mounts(const char *process, int root, const struct walk *walk)
{
	_cleanup_fclose_ FILE *mounts = NULL;
	_cleanup_free_ char *line = NULL;
	char path[300], *where;
	size_t size = 0;
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%s/mountinfo", process);
	mounts = fopen(path, "re");
	if (!mounts)
		return fail_errno(-errno, "cannot read %s", path);
	while (!rc && getline(&line, &size, mounts) >= 0) {
		struct netns_way way = { .root = root };

		if (!netns_search_parse_mount(line, &way.ino, &where))
			continue;
		way.path = where;
		rc = walk->fn(&way, walk->data);
	}
	return rc;
}

typedef int (*process_fn)(int proc, const char *process, const struct walk *walk);

/* Calls `fn` for each process, with a descriptor of /proc and the process's folder there. */
static int each_process(process_fn fn, const struct walk *walk)
{
	_cleanup_(cleanup_closedir) DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int rc = 0;

	if (!proc)
		return fail_errno(-errno, "cannot read /proc");
	while (!rc && (entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			rc = fn(dirfd(proc), entry->d_name, walk);
	return rc;
}

/* `process`: its folder, from the folder `proc`. */
static int walk_process_at(int proc, const char *process, pid_t pid, const struct walk *walk)
{
	struct netns_way way = { .pid = pid };
	char path[300];
	struct netns_id id;

	snprintf(path, sizeof(path), "%s/ns/net", process);
	if (netns_look(proc, path, &id) || id.dev != walk->dev)
		return 0;
	way.ino = id.ino;
	return walk->fn(&way, walk->data);
}

static int walk_process(int proc, const char *process, const struct walk *walk)
{
	return walk_process_at(proc, process, (pid_t)strtol(process, NULL, 10), walk);
}

int netns_search_ways(enum netns_ways ways, netns_way_fn fn, void *data)
{
	struct walk walk;
	int rc = begin_walk(&walk, fn, data);

	if (rc)
		return rc;
	switch (ways) {
	case NETNS_NAMES:
		rc = walk_folder("/run/netns", "", &walk);
		return rc ? rc : walk_folder("/run/docker/netns", "", &walk);
	case NETNS_MOUNTS:
		return walk_mounts("self", -1, &walk);
	case NETNS_PROCESSES:
		return each_process(walk_process, &walk);
	case NETNS_NEW_PROCESSES:
		break;
	}
	return -EINVAL;
}

/*
 * Takes hold of a path below a process's root. What is mounted there is in the kernel's cache with
 * all folders above it. So no lookup is needed that would ask a filesystem, which may be a tenant's
 * (FUSE); nor is a link, which would lead out of that root.
 */
static int hold_below(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_CACHED };
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0 && errno == EINVAL) { /* before Linux 5.12 */
		how.resolve &= ~(uint64_t)RESOLVE_CACHED;
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
	}
	return fd < 0 ? -errno : (int)fd;
}

int netns_search_open_way(const struct netns_way *way)
{
	_cleanup_close_ int held = -1;
	char path[64];

	if (way->path && way->root >= 0) {
		held = hold_below(way->root, way->path);
		return held < 0 ? held : netns_open_held(held, way->ino);
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)way->pid);
	return netns_open_file(way->path ? way->path : path, way->ino);
}

/* ---- Finding one again ---- */

struct sought {
	const struct netns_id *id;
	int fd;
};

/* 1: found. */
static int try_sought(const struct netns_way *way, void *data)
{
	_cleanup_close_ int fd = -1;
	struct sought *sought = data;
	struct netns_id id = { 0 };

	if (way->ino != sought->id->ino)
		return 0;
	fd = netns_search_open_way(way);
	if (fd < 0 || netns_identify(fd, &id) || !netns_same(&id, sought->id))
		return 0;
	sought->fd = TAKE_FD(fd);
	return 1;
}

static bool same_mounts(const char *process)
{
	struct netns_id own, others;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", process);
	return !netns_look(AT_FDCWD, "/proc/self/ns/mnt", &own) &&
	       !netns_look(AT_FDCWD, path, &others) && own.dev == others.dev &&
	       own.ino == others.ino;
}

/* All ways of a process: what its threads are in, what it holds open, what it has mounted. */
static int walk_whole_process(int proc, const char *process, const struct walk *walk)
{
	_cleanup_close_ int root = -1;
	char path[300];
	int rc;

	(void)proc;
	snprintf(path, sizeof(path), "/proc/%s/task", process);
	rc = walk_folder(path, "/ns/net", walk);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	rc = walk_folder(path, "", walk);
	if (rc || same_mounts(process))
		return rc;
	snprintf(path, sizeof(path), "/proc/%s/root", process);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	rc = root < 0 ? 0 : walk_mounts(process, root, walk);
	return rc < 0 ? 0 : rc; /* the process is gone, or out of reach */
}

int netns_search_find(const struct netns_id *id, int *ret_fd)
{
	struct sought sought = { .id = id, .fd = -1 };
	struct walk walk = { id->dev, try_sought, &sought };
	int rc = walk_mounts("self", -1, &walk);

	if (rc <= 0)
		rc = each_process(walk_whole_process, &walk);
	if (rc < 0)
		return rc;
	if (!rc)
		return fail(-ENOENT,
			    "no process, mount or descriptor leads to network namespace %lu",
			    (unsigned long)id->ino);
	*ret_fd = sought.fd;
	return 0;
}

/* ---- The table of all namespaces ---- */

struct netns_search {
	struct netns_search_hooks hooks;
	struct nl *nl; /* in this namespace */
	dev_t dev; /* nsfs */
	ino_t own;
	int own_nsid; /* its own number for itself; -1: none */
	pid_t last_pid; /* the newest process at the last scan */
	size_t unresolved;
	bool is_behind; /* new processes were left out */
	DIR *proc; /* of a scan in steps; NULL: none runs */
	pid_t newest; /* when that scan began */
	bool in_doubt; /* events were lost: what is known may be wrong */
	unsigned int round;
	struct netns_entry *by_nsid[BUCKETS], *by_ino[BUCKETS];
};

int netns_search_new(const struct netns_search_hooks *hooks, struct netns_search **ret_search)
{
	struct netns_search *search = calloc(1, sizeof(*search));
	struct netns_id own = { 0 };
	int rc;

	if (!search)
		return fail(-ENOMEM, "out of memory");
	search->hooks = *hooks;
	rc = look_at_own(&own);
	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &search->nl);
	if (rc) {
		netns_search_free(search);
		return rc;
	}
	search->dev = own.dev;
	search->own = own.ino;
	search->own_nsid = NETNSA_NSID_NOT_ASSIGNED;
	*ret_search = search;
	return 0;
}

static void free_entry(struct netns_entry *entry)
{
	free(entry->path);
	free(entry);
}

static void forget_one(void *owner, struct netns_entry *entry)
{
	netns_search_forget(owner, entry);
}

void netns_search_free(struct netns_search *search)
{
	if (!search)
		return;
	netns_search_each(search, forget_one, search);
	cleanup_closedir(&search->proc);
	nl_close(search->nl);
	free(search);
}

static size_t bucket(uint64_t key)
{
	return key % BUCKETS;
}

struct netns_entry *netns_search_by_nsid(const struct netns_search *search, int nsid)
{
	struct netns_entry *entry = search->by_nsid[bucket((unsigned int)nsid)];

	while (entry && entry->nsid != nsid)
		entry = entry->same_nsid;
	return entry;
}

struct netns_entry *netns_search_add(struct netns_search *search, int nsid)
{
	struct netns_entry *entry = netns_search_by_nsid(search, nsid);
	struct netns_entry **chain = &search->by_nsid[bucket((unsigned int)nsid)];

	if (entry)
		return entry;
	entry = nsid == search->own_nsid ? NULL : calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->nsid = nsid;
	entry->round = search->round;
	snprintf(entry->name, sizeof(entry->name), "namespace %d", nsid);
	entry->same_nsid = *chain;
	*chain = entry;
	search->unresolved++;
	return entry;
}

static struct netns_entry *get_by_ino(const struct netns_search *search, ino_t ino)
{
	struct netns_entry *entry = search->by_ino[bucket(ino)];

	while (entry && entry->id.ino != ino)
		entry = entry->same_ino;
	return entry;
}

struct netns_entry *netns_search_by_id(const struct netns_search *search, const struct netns_id *id)
{
	struct netns_entry *entry = get_by_ino(search, id->ino);

	return entry && netns_same(&entry->id, id) ? entry : NULL;
}

static void unlink_ino(struct netns_search *search, struct netns_entry *entry)
{
	struct netns_entry **at = &search->by_ino[bucket(entry->id.ino)];

	while (*at && *at != entry)
		at = &(*at)->same_ino;
	if (*at)
		*at = entry->same_ino;
}

void netns_search_forget(struct netns_search *search, struct netns_entry *entry)
{
	struct netns_entry **at = &search->by_nsid[bucket((unsigned int)entry->nsid)];

	if (search->hooks.gone)
		search->hooks.gone(search->hooks.owner, entry);
	while (*at && *at != entry)
		at = &(*at)->same_nsid;
	if (*at)
		*at = entry->same_nsid;
	if (entry->resolved)
		unlink_ino(search, entry);
	else
		search->unresolved--;
	free_entry(entry);
}

size_t netns_search_unresolved(const struct netns_search *search)
{
	return search->unresolved;
}

void netns_search_each(struct netns_search *search, netns_entry_fn fn, void *owner)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct netns_entry *entry = search->by_nsid[i];

		while (entry) {
			struct netns_entry *next = entry->same_nsid;

			fn(owner, entry);
			entry = next;
		}
	}
}

/* ---- Numbers ---- */

/*
 * Gives the open namespace a number if it has none. Another process may do the same at that moment.
 */
static int need_nsid(struct netns_search *search, int fd, bool *ret_had_none)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	int nsid = nl_nsid(search->nl, fd);

	*ret_had_none = nsid < 0;
	if (nsid >= 0)
		return nsid;
	request = nl_request(buffer, RTM_NEWNSID, 0);
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)fd);
	nl_talk(search->nl, request, NULL, NULL);
	return nl_nsid(search->nl, fd);
}

/* This namespace may have a number for itself, which must not count as another namespace. */
static void learn_own(struct netns_search *search)
{
	_cleanup_close_ int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	struct netns_entry *entry;

	search->own_nsid = fd < 0 ? NETNSA_NSID_NOT_ASSIGNED : nl_nsid(search->nl, fd);
	entry = search->own_nsid < 0 ? NULL : netns_search_by_nsid(search, search->own_nsid);
	if (entry)
		netns_search_forget(search, entry);
}

struct numbers {
	int *nsid;
	size_t count;
};

static int add_number(const struct nlmsghdr *message, void *data)
{
	struct numbers *numbers = data;
	int nsid = nl_nsid_of(message), *number;

	if (nsid < 0)
		return MNL_CB_OK;
	number = ARRAY_ADD(numbers->nsid, numbers->count);
	if (!number) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	*number = nsid;
	return MNL_CB_OK;
}

static void forget_numbers(void *data)
{
	((struct numbers *)data)->count = 0;
}

/*
 * A dump may miss numbers while others come and go. The kernel refuses a number that no namespace
 * has.
 */
static bool has_number(struct netns_search *search, const struct netns_entry *entry)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

	ifi->ifi_index = 1; /* lo */
	mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)entry->nsid);
	return nl_talk(search->nl, request, NULL, NULL) != -EINVAL;
}

static void forget_unless_seen(void *owner, struct netns_entry *entry)
{
	struct netns_search *search = owner;

	if (entry->round != search->round && !has_number(search, entry))
		netns_search_forget(search, entry);
}

int netns_search_check(struct netns_search *search, bool events_lost)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETNSID, NLM_F_DUMP);
	struct numbers numbers = { 0 };
	int rc;

	learn_own(search);
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	rc = nl_dump(search->nl, request, add_number, forget_numbers, &numbers);
	if (!rc) {
		search->round++;
		for (size_t i = 0; i < numbers.count; i++) {
			struct netns_entry *entry = netns_search_add(search, numbers.nsid[i]);

			if (entry)
				entry->round = search->round;
		}
		netns_search_each(search, forget_unless_seen, search);
	}
	free(numbers.nsid);
	search->in_doubt = events_lost && !rc;
	return rc;
}

/* ---- Looking where ways lead ---- */

/* The container's id, the end of the path, or the process. */
static void set_name(struct netns_entry *entry)
{
	const char *slash = entry->path ? strrchr(entry->path, '/') : NULL;
	struct process process;

	if (slash) {
		term_printable(entry->name, sizeof(entry->name), slash + 1);
		return;
	}
	process_read(entry->pid, &process);
	if (*process.container)
		snprintf(entry->name, sizeof(entry->name), "%.*s",
			 strlen(process.container) == 64 ? SHORT_ID : (int)sizeof(entry->name) - 1,
			 process.container);
	else
		snprintf(entry->name, sizeof(entry->name), "%s[%d]", process.comm, (int)entry->pid);
}

/* A path is preferred: it leads there as long as it is mounted, a process only until it ends. */
static void learn_way(struct netns_entry *entry, const struct netns_way *way)
{
	char *copy = way->path ? strdup(way->path) : NULL;

	if ((way->path && !copy) || (way->pid && entry->path))
		return;
	free(entry->path);
	entry->path = copy;
	entry->pid = way->pid;
	set_name(entry);
}

int netns_search_open(struct netns_search *search, struct netns_entry *entry, int *ret_fd)
{
	const struct netns_way way = {
		.path = entry->path, .root = -1, .pid = entry->pid, .ino = entry->id.ino
	};
	_cleanup_close_ int fd = -1;

	if (!entry->resolved)
		return fail(-ENOENT, "nothing leads to %s", entry->name);
	fd = netns_search_open_way(&way);
	if (fd >= 0 && nl_nsid(search->nl, fd) == entry->nsid) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	unlink_ino(search, entry);
	entry->resolved = false;
	free(entry->path);
	entry->path = NULL;
	entry->pid = 0;
	search->unresolved++;
	return fail(-ENOENT, "nothing leads to %s any more", entry->name);
}

static void set_resolved(struct netns_search *search, struct netns_entry *entry,
			 const struct netns_id *id, const struct netns_way *way)
{
	struct netns_entry **chain = &search->by_ino[bucket(id->ino)];

	learn_way(entry, way);
	entry->id = *id;
	entry->resolved = true;
	entry->same_ino = *chain;
	*chain = entry;
	search->unresolved--;
	if (search->hooks.found)
		search->hooks.found(search->hooks.owner, entry);
}

/*
 * Whether this way says nothing new. If the namespace is known, only a better way is new. But a
 * second path may lead to a new namespace with the inode number of a dead one whose end was not
 * read yet.
 */
static bool says_nothing_new(struct netns_search *search, const struct netns_way *way)
{
	struct netns_entry *entry = search->in_doubt ? NULL : get_by_ino(search, way->ino);

	if (!entry || !way->path)
		return entry;
	if (!entry->path)
		learn_way(entry, way);
	return !strcmp(entry->path ? entry->path : way->path, way->path);
}

/*
 * Whether the entry may be the namespace `id`. A namespace keeps its number: if the entry is
 * another one, that one is dead, and the event of its end was not read yet or was lost.
 */
static bool may_be(struct netns_search *search, struct netns_entry **entry,
		   const struct netns_id *id)
{
	int nsid = (*entry)->nsid;

	if (!(*entry)->id.ino || netns_same(&(*entry)->id, id))
		return true;
	if (!search->in_doubt)
		return false;
	netns_search_forget(search, *entry);
	*entry = netns_search_add(search, nsid);
	return *entry;
}

static bool try_way(struct netns_search *search, const struct netns_way *way)
{
	_cleanup_close_ int fd = -1;
	struct netns_entry *entry;
	struct netns_id id;
	bool had_no_nsid;
	int nsid;

	if (way->ino == search->own)
		return false;
	if (says_nothing_new(search, way))
		return true;
	fd = netns_search_open_way(way);
	if (fd < 0)
		return false;
	nsid = need_nsid(search, fd, &had_no_nsid);
	entry = nsid >= 0 && !netns_identify(fd, &id) ? netns_search_add(search, nsid) : NULL;
	if (!entry || !may_be(search, &entry, &id))
		return false;
	entry->had_no_nsid = had_no_nsid;
	if (!entry->resolved)
		set_resolved(search, entry, &id, way);
	return true;
}

static int scan_way(const struct netns_way *way, void *data)
{
	try_way(data, way);
	return 0;
}

bool netns_search_try_path(struct netns_search *search, const char *path)
{
	struct netns_way way = { .path = path, .root = -1 };
	struct netns_id id;

	if (netns_look(AT_FDCWD, path, &id) || id.dev != search->dev)
		return false;
	way.ino = id.ino;
	return try_way(search, &way);
}

/* The latest process number in this PID namespace; 0: not known. */
static pid_t newest_pid(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/loadavg", "re");
	int pid;

	return file && fscanf(file, "%*s %*s %*s %*s %d", &pid) == 1 ? pid : 0;
}

static int scan_processes(struct netns_search *search)
{
	pid_t newest = newest_pid();
	int rc;

	learn_own(search);
	rc = netns_search_ways(NETNS_PROCESSES, scan_way, search);
	if (rc)
		return rc;
	search->last_pid = newest;
	search->in_doubt = search->is_behind = false;
	return 0;
}

int netns_search_scan_some(struct netns_search *search, size_t most, bool *ret_done)
{
	const struct walk walk = { search->dev, scan_way, search };
	const struct dirent *entry = NULL;

	if (!search->proc) {
		search->newest = newest_pid();
		learn_own(search);
		search->proc = opendir("/proc");
	}
	if (!search->proc)
		return fail_errno(-errno, "cannot read /proc");
	while (most && (entry = readdir(search->proc))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		walk_process(dirfd(search->proc), entry->d_name, &walk);
		most--;
	}
	*ret_done = !entry;
	if (entry)
		return 0;
	closedir(TAKE_PTR(search->proc));
	search->last_pid = search->newest;
	search->in_doubt = search->is_behind = false;
	return 0;
}

bool netns_search_is_behind(const struct netns_search *search)
{
	return search->is_behind;
}

/* If there are too many, or their numbers began again, only the newest. */
static int scan_new_processes(struct netns_search *search)
{
	const struct walk walk = { search->dev, scan_way, search };
	pid_t newest = newest_pid(), oldest = search->last_pid;
	char process[32];

	if (!newest)
		return scan_processes(search);
	if (newest < oldest || newest - oldest > PROCESSES_AT_ONCE) {
		search->is_behind = true;
		oldest = newest - PROCESSES_BACK;
	}
	oldest = oldest < newest - PROCESSES_BACK ? oldest : newest - PROCESSES_BACK;
	for (pid_t pid = newest; pid > 0 && pid > oldest; pid--) {
		snprintf(process, sizeof(process), "/proc/%d", (int)pid);
		walk_process_at(AT_FDCWD, process, pid, &walk);
	}
	search->last_pid = newest;
	return 0;
}

int netns_search_scan(struct netns_search *search, enum netns_ways ways)
{
	if (ways == NETNS_PROCESSES)
		return scan_processes(search);
	if (ways == NETNS_NEW_PROCESSES)
		return scan_new_processes(search);
	return netns_search_ways(ways, scan_way, search);
}
