// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Namespaces by number: see spaces.h. The kernel tells the number of a descriptor (RTM_GETNSID), never a
 * descriptor of a number; so what may lead to a namespace is looked at, and found are all that it leads to.
 * That the descriptor still has the number is also the proof that a way leads where it led before: a number
 * is a namespace's for its whole life, and its end is reported before the number is given out again.
 */
#include "net/netns_search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/inventory_part.h"
#include "net/nl.h"

#define BUCKETS 4096
#define PROCESSES_BACK 64 /* looked at first: who is sought has just started */
#define PROCESSES_AT_ONCE 4096 /* more than these at a time: all of /proc is read instead */
#define SHORT_ID 12

struct spaces {
	struct spaces_hooks hooks;
	struct nl *nl; /* in this namespace */
	dev_t dev; /* nsfs */
	ino_t own;
	int own_nsid; /* what this namespace calls itself; -1: nothing */
	pid_t last_pid; /* the newest process when they were looked at */
	size_t count, unresolved;
	bool in_doubt;
	unsigned int round;
	struct guard_space *by_nsid[BUCKETS], *by_ino[BUCKETS];
};

int spaces_new(const struct spaces_hooks *hooks, struct spaces **ret_spaces)
{
	struct spaces *spaces = calloc(1, sizeof(*spaces));
	struct stat st;
	int rc;

	if (!spaces)
		return fail(-ENOMEM, "out of memory");
	spaces->hooks = *hooks;
	if (stat("/proc/thread-self/ns/net", &st) < 0)
		rc = fail_errno(-errno, "cannot read /proc/thread-self/ns/net (mount /proc)");
	else
		rc = nl_open(-1, NETLINK_ROUTE, &spaces->nl);
	if (rc) {
		spaces_free(spaces);
		return rc;
	}
	spaces->dev = st.st_dev;
	spaces->own = st.st_ino;
	spaces->own_nsid = NETNSA_NSID_NOT_ASSIGNED;
	*ret_spaces = spaces;
	return 0;
}

static void free_space(struct guard_space *space)
{
	free(space->path);
	free(space);
}

static void forget_one(void *owner, struct guard_space *space)
{
	spaces_forget(owner, space);
}

void spaces_free(struct spaces *spaces)
{
	if (!spaces)
		return;
	spaces_each(spaces, forget_one, spaces);
	nl_close(spaces->nl);
	free(spaces);
}

/* ---- The table ---- */

static size_t bucket(uint64_t key)
{
	return key % BUCKETS;
}

struct guard_space *spaces_get(const struct spaces *spaces, int nsid)
{
	struct guard_space *space = spaces->by_nsid[bucket((unsigned int)nsid)];

	while (space && space->nsid != nsid)
		space = space->same_nsid;
	return space;
}

struct guard_space *spaces_need(struct spaces *spaces, int nsid)
{
	struct guard_space *space = spaces_get(spaces, nsid);
	struct guard_space **chain = &spaces->by_nsid[bucket((unsigned int)nsid)];

	if (space)
		return space;
	space = nsid == spaces->own_nsid ? NULL : calloc(1, sizeof(*space));
	if (!space)
		return NULL;
	space->nsid = nsid;
	space->round = spaces->round;
	snprintf(space->name, sizeof(space->name), "namespace %d", nsid);
	space->same_nsid = *chain;
	*chain = space;
	spaces->count++;
	spaces->unresolved++;
	return space;
}

static struct guard_space *get_by_ino(const struct spaces *spaces, ino_t ino)
{
	struct guard_space *space = spaces->by_ino[bucket(ino)];

	while (space && space->id.ino != ino)
		space = space->same_ino;
	return space;
}

struct guard_space *spaces_by_id(const struct spaces *spaces, const struct netns_id *id)
{
	struct guard_space *space = get_by_ino(spaces, id->ino);

	return space && netns_same(&space->id, id) ? space : NULL;
}

static void unlink_ino(struct spaces *spaces, struct guard_space *space)
{
	struct guard_space **at = &spaces->by_ino[bucket(space->id.ino)];

	while (*at && *at != space)
		at = &(*at)->same_ino;
	if (*at)
		*at = space->same_ino;
}

void spaces_forget(struct spaces *spaces, struct guard_space *space)
{
	struct guard_space **at = &spaces->by_nsid[bucket((unsigned int)space->nsid)];

	if (spaces->hooks.gone)
		spaces->hooks.gone(spaces->hooks.owner, space);
	while (*at && *at != space)
		at = &(*at)->same_nsid;
	if (*at)
		*at = space->same_nsid;
	spaces->count--;
	if (space->resolved)
		unlink_ino(spaces, space);
	else
		spaces->unresolved--;
	free_space(space);
}

size_t spaces_count(const struct spaces *spaces)
{
	return spaces->count;
}

void spaces_doubt(struct spaces *spaces, bool in_doubt)
{
	spaces->in_doubt = in_doubt;
}

size_t spaces_unresolved(const struct spaces *spaces)
{
	return spaces->unresolved;
}

void spaces_each(struct spaces *spaces, void (*fn)(void *owner, struct guard_space *space),
		 void *owner)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct guard_space *space = spaces->by_nsid[i];

		while (space) {
			struct guard_space *next = space->same_nsid;

			fn(owner, space);
			space = next;
		}
	}
}

/* ---- Numbers ---- */

/* The number of what is open, given where it has none. Another may give it one at the same moment. */
static int need_nsid(struct spaces *spaces, int fd, bool *ret_had_none)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	int nsid = nl_nsid(spaces->nl, fd);

	*ret_had_none = nsid < 0;
	if (nsid >= 0)
		return nsid;
	request = nl_request(buffer, RTM_NEWNSID, 0);
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)fd);
	nl_talk(spaces->nl, request, NULL, NULL);
	return nl_nsid(spaces->nl, fd);
}

/* It may have one, too, which leads to nothing new. */
static void learn_own(struct spaces *spaces)
{
	_cleanup_close_ int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct guard_space *space;

	spaces->own_nsid = fd < 0 ? NETNSA_NSID_NOT_ASSIGNED : nl_nsid(spaces->nl, fd);
	space = spaces->own_nsid < 0 ? NULL : spaces_get(spaces, spaces->own_nsid);
	if (space)
		spaces_forget(spaces, space);
}

struct numbers {
	int *nsid;
	size_t count, capacity;
};

static int take_number(const struct nlmsghdr *message, void *data)
{
	struct numbers *numbers = data;
	int nsid = nl_nsid_of(message);

	if (nsid < 0)
		return MNL_CB_OK;
	if (numbers->count == numbers->capacity) {
		size_t capacity = numbers->capacity ? 2 * numbers->capacity : 256;
		int *more = realloc(numbers->nsid, capacity * sizeof(*more));

		if (!more)
			return MNL_CB_ERROR;
		numbers->nsid = more;
		numbers->capacity = capacity;
	}
	numbers->nsid[numbers->count++] = nsid;
	return MNL_CB_OK;
}

/* A dump leaves some out where numbers come and go meanwhile; the kernel refuses one that is nobody's. */
static bool has_number(struct spaces *spaces, const struct guard_space *space)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

	ifi->ifi_index = 1; /* lo */
	mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)space->nsid);
	return nl_talk(spaces->nl, request, NULL, NULL) != -EINVAL;
}

static void forget_unless_seen(void *owner, struct guard_space *space)
{
	struct spaces *spaces = owner;

	if (space->round != spaces->round && !has_number(spaces, space))
		spaces_forget(spaces, space);
}

int spaces_check(struct spaces *spaces)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETNSID, NLM_F_DUMP);
	struct numbers numbers = { 0 };
	int rc;

	learn_own(spaces);
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	rc = nl_talk(spaces->nl, request, take_number, &numbers);
	if (!rc) {
		spaces->round++;
		for (size_t i = 0; i < numbers.count; i++) {
			struct guard_space *space = spaces_need(spaces, numbers.nsid[i]);

			if (space)
				space->round = spaces->round;
		}
		spaces_each(spaces, forget_unless_seen, spaces);
	}
	free(numbers.nsid);
	return rc;
}

/* ---- Ways ---- */

/* The container's id, the end of the path, or the process. */
static void give_name(struct guard_space *space)
{
	const char *slash = space->path ? strrchr(space->path, '/') : NULL;
	struct space facts = { .pid = space->pid };

	if (slash) {
		term_printable(space->name, sizeof(space->name), slash + 1);
		return;
	}
	space_describe(&facts);
	if (*facts.container)
		snprintf(space->name, sizeof(space->name), "%.*s",
			 strlen(facts.container) == 64 ? SHORT_ID : (int)sizeof(space->name) - 1,
			 facts.container);
	else
		snprintf(space->name, sizeof(space->name), "%s[%d]", facts.comm, (int)space->pid);
}

/* A path leads there as long as it is mounted, a process until it ends: so a path is preferred. */
static void learn_way(struct guard_space *space, const char *path, pid_t pid)
{
	char *copy = path ? strdup(path) : NULL;

	if ((path && !copy) || (pid && space->path))
		return;
	free(space->path);
	space->path = copy;
	space->pid = pid;
	give_name(space);
}

static int open_way(const char *path, pid_t pid)
{
	char of_process[64];

	snprintf(of_process, sizeof(of_process), "/proc/%d/ns/net", (int)pid);
	/* Somebody's FIFO would block. */
	return open(path ? path : of_process, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int space_open(struct spaces *spaces, struct guard_space *space, int *ret_fd)
{
	_cleanup_close_ int fd = -1;

	if (!space->resolved)
		return fail(-ENOENT, "nothing leads to %s", space->name);
	fd = open_way(space->path, space->pid);
	if (fd >= 0 && nl_nsid(spaces->nl, fd) == space->nsid) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	unlink_ino(spaces, space);
	space->resolved = false;
	free(space->path);
	space->path = NULL;
	space->pid = 0;
	spaces->unresolved++;
	return fail(-ENOENT, "nothing leads to %s any more", space->name);
}

static void resolve(struct spaces *spaces, struct guard_space *space, const struct netns_id *id,
		    const char *path, pid_t pid)
{
	struct guard_space **chain = &spaces->by_ino[bucket(id->ino)];

	learn_way(space, path, pid);
	space->id = *id;
	space->resolved = true;
	space->same_ino = *chain;
	*chain = space;
	spaces->unresolved--;
	if (spaces->hooks.found)
		spaces->hooks.found(spaces->hooks.owner, space);
}

/*
 * Of a namespace that is known only a better way is new. Another path may lead to another one that got the
 * inode of a dead one, whose end is still to be read.
 */
static bool is_known(struct spaces *spaces, ino_t ino, const char *path)
{
	struct guard_space *space = spaces->in_doubt ? NULL : get_by_ino(spaces, ino);

	if (!space || !path)
		return space;
	if (!space->path)
		learn_way(space, path, 0);
	return !strcmp(space->path ? space->path : path, path);
}

/*
 * Whether the entry may be of the namespace `id`. A namespace keeps its number: where it is another's, that
 * one is dead, and the event of its end is still to be read, or was lost.
 */
static bool may_be(struct spaces *spaces, struct guard_space **space, const struct netns_id *id)
{
	int nsid = (*space)->nsid;

	if (!(*space)->id.ino || netns_same(&(*space)->id, id))
		return true;
	if (!spaces->in_doubt)
		return false;
	spaces_forget(spaces, *space);
	*space = spaces_need(spaces, nsid);
	return *space;
}

static bool try_way(struct spaces *spaces, int folder, const char *shown, const char *path,
		    pid_t pid)
{
	_cleanup_close_ int fd = -1;
	struct guard_space *space;
	struct netns_id id;
	struct stat st;
	bool was_mute;
	int nsid;

	if (fstatat(folder, shown, &st, 0) < 0 || st.st_dev != spaces->dev ||
	    st.st_ino == spaces->own)
		return false;
	if (is_known(spaces, st.st_ino, path))
		return true;
	fd = open_way(path, pid);
	if (fd < 0 || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return false;
	nsid = need_nsid(spaces, fd, &was_mute);
	space = nsid >= 0 && !netns_identify(fd, &id) ? spaces_need(spaces, nsid) : NULL;
	if (!space || !may_be(spaces, &space, &id))
		return false;
	space->was_mute = was_mute;
	if (!space->resolved)
		resolve(spaces, space, &id, path, pid);
	return true;
}

bool spaces_try_path(struct spaces *spaces, const char *path)
{
	return try_way(spaces, AT_FDCWD, path, path, 0);
}

bool spaces_try_process(struct spaces *spaces, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return try_way(spaces, AT_FDCWD, path, NULL, pid);
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
int spaces_try_mounts(struct spaces *spaces)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!mounts)
		return fail_errno(-errno, "cannot read /proc/self/mountinfo");
	while (getline(&line, &size, mounts) >= 0) {
		const char *what = field(line, 3);
		char *where = field(line, 4);
		unsigned long ino;

		if (sscanf(what, "net:[%lu]", &ino) != 1 || ino == spaces->own)
			continue;
		where[strcspn(where, " ")] = '\0';
		mountinfo_unescape(where);
		if (!is_known(spaces, ino, where))
			spaces_try_path(spaces, where);
	}
	return 0;
}

/* The number given out last, as this PID namespace has it; 0: not known. */
static pid_t newest_pid(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/loadavg", "re");
	int pid;

	return file && fscanf(file, "%*s %*s %*s %*s %d", &pid) == 1 ? pid : 0;
}

int spaces_try_processes(struct spaces *spaces)
{
	pid_t newest = newest_pid();
	_cleanup_(cleanup_closedir) DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return fail_errno(-errno, "cannot read /proc");
	learn_own(spaces);
	while ((entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			spaces_try_process(spaces, (pid_t)strtol(entry->d_name, NULL, 10));
	spaces->last_pid = newest;
	return 0;
}

int spaces_try_new_processes(struct spaces *spaces)
{
	pid_t newest = newest_pid(), oldest = spaces->last_pid;

	if (newest < oldest || newest - oldest > PROCESSES_AT_ONCE || !newest)
		return spaces_try_processes(spaces);
	oldest = oldest < newest - PROCESSES_BACK ? oldest : newest - PROCESSES_BACK;
	for (pid_t pid = newest; pid > 0 && pid > oldest; pid--)
		spaces_try_process(spaces, pid);
	spaces->last_pid = newest;
	return 0;
}
