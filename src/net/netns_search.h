/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds network namespaces and keeps track of them: by path, process, inode and cookie, and number.
 *
 * A struct netns_search knows each namespace by the number that this namespace has for it (nsid),
 * under which netlink reports its events, and by a way into it: a path where it is mounted, or a
 * process in it. It keeps no descriptor open: that would keep a dead namespace alive, with its
 * devices and their filters.
 */
#ifndef TRUESUM_NET_NETNS_SEARCH_H
#define TRUESUM_NET_NETNS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/term.h"
#include "net/netns.h"

/* ---- Ways into namespaces ---- */

/* The kinds of ways. */
enum netns_ways {
	NETNS_NAMES, /* in /run/netns and /run/docker/netns */
	NETNS_MOUNTS, /* everything that is mounted here */
	NETNS_PROCESSES, /* what each process is in */
	/* started since the last scan of processes; for netns_search_scan() only */
	NETNS_NEW_PROCESSES,
};

struct netns_way {
	ino_t ino; /* of the namespace */
	const char *path; /* leads there; NULL: `pid` does */
	/* a process's root, by O_PATH, that the path begins at; -1: our own root */
	int root;
	pid_t pid; /* a process in it; 0: `path` leads there */
};

/*
 * Calls `fn` for each way of that kind, in no order, until it returns another value than 0, and
 * returns that value. Several ways may lead to one namespace. -errno with a sentence if the ways
 * cannot be listed.
 */
typedef int (*netns_way_fn)(const struct netns_way *way, void *data);
int netns_search_ways(enum netns_ways ways, netns_way_fn fn, void *data);

/*
 * A descriptor of the namespace `way->ino`, the caller's to close; -errno without a sentence:
 * -ENOENT if the way leads to another by now.
 */
int netns_search_open_way(const struct netns_way *way);

/*
 * Reads a line of /proc/PID/mountinfo, in place. False if no network namespace is mounted there;
 * else which one and the path, which points into the line.
 */
bool netns_search_parse_mount(char *line, ino_t *ret_ino, char **ret_where);

/*
 * Finds a namespace again, by any way: a thread that is in it, a descriptor that a process holds, a
 * mount (as `ip netns` and container runtimes make them), in other mount namespaces, too. -ENOENT
 * with a sentence if there is none: the namespace is dead, or nothing here can reach it.
 */
int netns_search_find(const struct netns_id *id, int *ret_fd);

/* ---- Keeping track of all namespaces ---- */

struct netns_search;

/* A namespace other than this one. */
struct netns_entry {
	struct netns_entry *same_nsid, *same_ino; /* the next in the hash chain */
	int nsid;
	bool resolved; /* a way into it is known */
	bool had_no_nsid; /* until it was found: so its earlier events were not reported */
	struct netns_id id; /* ino 0: no way was known so far */
	pid_t pid; /* a process in it; 0: `path` leads there */
	char *path;
	char name[TERM_PRINTABLE_SIZE(65)]; /* for messages; printable */
	void *data; /* the user's; the hook `gone` releases it */
	unsigned int round; /* of the latest netns_search_check() that saw it alive */
};

typedef void (*netns_entry_fn)(void *owner, struct netns_entry *entry);

struct netns_search_hooks {
	netns_entry_fn found; /* a way into the namespace was found: `entry->id` is set */
	netns_entry_fn gone; /* the entry is about to be freed */
	void *owner;
};

int netns_search_new(const struct netns_search_hooks *hooks, struct netns_search **ret_search);
void netns_search_free(struct netns_search *search);

/*
 * The namespace with that number. netns_search_add() adds it if it is not known. NULL: not known,
 * the number is this namespace's own, or no memory.
 */
struct netns_entry *netns_search_by_nsid(const struct netns_search *search, int nsid);
struct netns_entry *netns_search_add(struct netns_search *search, int nsid);
struct netns_entry *netns_search_by_id(const struct netns_search *search,
				       const struct netns_id *id);
void netns_search_forget(struct netns_search *search, struct netns_entry *entry);

/* How many are known by number only. */
size_t netns_search_unresolved(const struct netns_search *search);

/* Calls `fn` for all of them, in no order; `fn` may forget the entry it is called with. */
void netns_search_each(struct netns_search *search, netns_entry_fn fn, void *owner);

/*
 * Opens the namespace by the way that is known; *ret_fd is the caller's. -ENOENT if the way no
 * longer leads there: then the namespace is known by number only.
 */
int netns_search_open(struct netns_search *search, struct netns_entry *entry, int *ret_fd);

/*
 * Looks where a path leads. A namespace that has no number gets one, so that the kernel reports its
 * events from now on. Returns whether the path leads to a network namespace other than this one.
 */
bool netns_search_try_path(struct netns_search *search, const char *path);

/* Does the same for all ways of a kind. -errno with a sentence if they cannot be listed. */
int netns_search_scan(struct netns_search *search, enum netns_ways ways);

/*
 * A scan of NETNS_PROCESSES in steps, so that a host with thousands of processes does not hold up
 * its caller: looks at the next `most` processes. *ret_done: all were looked at; the next call
 * begins again. -errno with a sentence.
 */
int netns_search_scan_some(struct netns_search *search, size_t most, bool *ret_done);

/*
 * Whether a scan of NETNS_NEW_PROCESSES left out some, as there were too many: a scan of all finds
 * them.
 */
bool netns_search_is_behind(const struct netns_search *search);

/*
 * Asks the kernel which numbers there are: forgets namespaces whose number is gone, adds new ones.
 * If events were lost, the following scans compare what is known with what each way leads to, until
 * a scan of NETNS_PROCESSES ends.
 */
int netns_search_check(struct netns_search *search, bool events_lost);

#endif
