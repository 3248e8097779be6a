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

struct netns_search {
	struct netns_search_hooks hooks;
	struct nl *nl; /* in this namespace */
	dev_t dev; /* nsfs */
	ino_t own;
	int own_nsid; /* what this namespace calls itself; -1: nothing */
	pid_t last_pid; /* the newest process when they were looked at */
	size_t unresolved;
	bool in_doubt; /* events were lost: what is known may be wrong */
	unsigned int round;
	struct netns_entry *by_nsid[BUCKETS], *by_ino[BUCKETS];
};

int netns_search_new(const struct netns_search_hooks *hooks, struct netns_search **ret_spaces)
{
	struct netns_search *search = calloc(1, sizeof(*search));
	struct stat st;
	int rc;

	if (!search)
		return fail(-ENOMEM, "out of memory");
	search->hooks = *hooks;
	if (stat("/proc/thread-self/ns/net", &st) < 0)
		rc = fail_errno(-errno, "cannot read /proc/thread-self/ns/net (mount /proc)");
	else
		rc = nl_open(-1, NETLINK_ROUTE, &search->nl);
	if (rc) {
		netns_search_free(search);
		return rc;
	}
	search->dev = st.st_dev;
	search->own = st.st_ino;
	search->own_nsid = NETNSA_NSID_NOT_ASSIGNED;
	*ret_spaces = search;
	return 0;
}

static void free_space(struct netns_entry *entry)
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
	nl_close(search->nl);
	free(search);
}

/* ---- The table ---- */

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
	free_space(entry);
}

size_t netns_search_unresolved(const struct netns_search *search)
{
	return search->unresolved;
}

void netns_search_each(struct netns_search *search,
		       void (*fn)(void *owner, struct netns_entry *entry), void *owner)
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

/* The number of what is open, given where it has none. Another may give it one at the same moment. */
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

/* It may have one, too, which leads to nothing new. */
static void learn_own(struct netns_search *search)
{
	_cleanup_close_ int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct netns_entry *entry;

	search->own_nsid = fd < 0 ? NETNSA_NSID_NOT_ASSIGNED : nl_nsid(search->nl, fd);
	entry = search->own_nsid < 0 ? NULL : netns_search_by_nsid(search, search->own_nsid);
	if (entry)
		netns_search_forget(search, entry);
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
	rc = nl_talk(search->nl, request, take_number, &numbers);
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

/* ---- Ways ---- */

/* The container's id, the end of the path, or the process. */
static void give_name(struct netns_entry *entry)
{
	const char *slash = entry->path ? strrchr(entry->path, '/') : NULL;
	struct space facts = { .pid = entry->pid };

	if (slash) {
		term_printable(entry->name, sizeof(entry->name), slash + 1);
		return;
	}
	space_describe(&facts);
	if (*facts.container)
		snprintf(entry->name, sizeof(entry->name), "%.*s",
			 strlen(facts.container) == 64 ? SHORT_ID : (int)sizeof(entry->name) - 1,
			 facts.container);
	else
		snprintf(entry->name, sizeof(entry->name), "%s[%d]", facts.comm, (int)entry->pid);
}

/* A path leads there as long as it is mounted, a process until it ends: so a path is preferred. */
static void learn_way(struct netns_entry *entry, const char *path, pid_t pid)
{
	char *copy = path ? strdup(path) : NULL;

	if ((path && !copy) || (pid && entry->path))
		return;
	free(entry->path);
	entry->path = copy;
	entry->pid = pid;
	give_name(entry);
}

static int open_way(const char *path, pid_t pid)
{
	char of_process[64];

	snprintf(of_process, sizeof(of_process), "/proc/%d/ns/net", (int)pid);
	/* Somebody's FIFO would block. */
	return open(path ? path : of_process, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

int netns_search_open(struct netns_search *search, struct netns_entry *entry, int *ret_fd)
{
	_cleanup_close_ int fd = -1;

	if (!entry->resolved)
		return fail(-ENOENT, "nothing leads to %s", entry->name);
	fd = open_way(entry->path, entry->pid);
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

static void resolve(struct netns_search *search, struct netns_entry *entry,
		    const struct netns_id *id, const char *path, pid_t pid)
{
	struct netns_entry **chain = &search->by_ino[bucket(id->ino)];

	learn_way(entry, path, pid);
	entry->id = *id;
	entry->resolved = true;
	entry->same_ino = *chain;
	*chain = entry;
	search->unresolved--;
	if (search->hooks.found)
		search->hooks.found(search->hooks.owner, entry);
}

/*
 * Of a namespace that is known only a better way is new. Another path may lead to another one that got the
 * inode of a dead one, whose end is still to be read.
 */
static bool is_known(struct netns_search *search, ino_t ino, const char *path)
{
	struct netns_entry *entry = search->in_doubt ? NULL : get_by_ino(search, ino);

	if (!entry || !path)
		return entry;
	if (!entry->path)
		learn_way(entry, path, 0);
	return !strcmp(entry->path ? entry->path : path, path);
}

/*
 * Whether the entry may be of the namespace `id`. A namespace keeps its number: where it is another's, that
 * one is dead, and the event of its end is still to be read, or was lost.
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

static bool try_way(struct netns_search *search, int folder, const char *shown, const char *path,
		    pid_t pid)
{
	_cleanup_close_ int fd = -1;
	struct netns_entry *entry;
	struct netns_id id;
	struct stat st;
	bool had_no_nsid;
	int nsid;

	if (fstatat(folder, shown, &st, 0) < 0 || st.st_dev != search->dev ||
	    st.st_ino == search->own)
		return false;
	if (is_known(search, st.st_ino, path))
		return true;
	fd = open_way(path, pid);
	if (fd < 0 || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return false;
	nsid = need_nsid(search, fd, &had_no_nsid);
	entry = nsid >= 0 && !netns_identify(fd, &id) ? netns_search_add(search, nsid) : NULL;
	if (!entry || !may_be(search, &entry, &id))
		return false;
	entry->had_no_nsid = had_no_nsid;
	if (!entry->resolved)
		resolve(search, entry, &id, path, pid);
	return true;
}

bool netns_search_try_path(struct netns_search *search, const char *path)
{
	return try_way(search, AT_FDCWD, path, path, 0);
}

static bool try_process(struct netns_search *search, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	return try_way(search, AT_FDCWD, path, NULL, pid);
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
static int scan_mounts(struct netns_search *search)
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

		if (sscanf(what, "net:[%lu]", &ino) != 1 || ino == search->own)
			continue;
		where[strcspn(where, " ")] = '\0';
		mountinfo_unescape(where);
		if (!is_known(search, ino, where))
			netns_search_try_path(search, where);
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

static int scan_processes(struct netns_search *search)
{
	pid_t newest = newest_pid();
	_cleanup_(cleanup_closedir) DIR *proc = opendir("/proc");
	const struct dirent *entry;

	if (!proc)
		return fail_errno(-errno, "cannot read /proc");
	learn_own(search);
	while ((entry = readdir(proc)))
		if (*entry->d_name >= '1' && *entry->d_name <= '9')
			try_process(search, (pid_t)strtol(entry->d_name, NULL, 10));
	search->last_pid = newest;
	search->in_doubt = false;
	return 0;
}

static int scan_new_processes(struct netns_search *search)
{
	pid_t newest = newest_pid(), oldest = search->last_pid;

	if (newest < oldest || newest - oldest > PROCESSES_AT_ONCE || !newest)
		return scan_processes(search);
	oldest = oldest < newest - PROCESSES_BACK ? oldest : newest - PROCESSES_BACK;
	for (pid_t pid = newest; pid > 0 && pid > oldest; pid--)
		try_process(search, pid);
	search->last_pid = newest;
	return 0;
}

int netns_search_scan(struct netns_search *search, enum netns_ways ways)
{
	switch (ways) {
	case NETNS_MOUNTS:
		return scan_mounts(search);
	case NETNS_PROCESSES:
		return scan_processes(search);
	case NETNS_NEW_PROCESSES:
		return scan_new_processes(search);
	}
	return -EINVAL;
}
