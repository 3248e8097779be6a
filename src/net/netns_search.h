/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network namespaces the daemon knows: each by the number that this namespace has for it (nsid), under
 * which netlink reports its events, and by a way that leads into it, a path or a process.
 *
 * No descriptor is kept: it would keep a dead namespace, its devices and their filters alive.
 */
#ifndef TRUESUM_NET_NETNS_SEARCH_H
#define TRUESUM_NET_NETNS_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/netns.h"

struct spaces;

struct guard_space {
	struct guard_space *same_nsid, *same_ino; /* the next in the hash chain */
	int nsid;
	bool resolved; /* a way is known */
	bool was_mute; /* it had no number until it was found: its events were not reported */
	struct netns_id id; /* ino 0: no way was ever known */
	pid_t pid; /* in it; 0: `path` leads there */
	char *path;
	char name[64]; /* what to call it; printable */
	void *device; /* whoever works with it hangs on here what it knows of its devices */
	unsigned int round; /* of the latest spaces_check() that saw it alive */
};

/* Called for a namespace that a way was found to: `space->id` is set. */
typedef void (*spaces_found_fn)(void *owner, struct guard_space *space);

/* Called before one is forgotten: whatever hangs on it must be released. */
typedef void (*spaces_gone_fn)(void *owner, struct guard_space *space);

struct spaces_hooks {
	spaces_found_fn found;
	spaces_gone_fn gone;
	void *owner;
};

int spaces_new(const struct spaces_hooks *hooks, struct spaces **ret_spaces);
void spaces_free(struct spaces *spaces);

/* The namespace of that number; spaces_need(): made where there is none. NULL: none, this one, or no memory. */
struct guard_space *spaces_get(const struct spaces *spaces, int nsid);
struct guard_space *spaces_need(struct spaces *spaces, int nsid);
struct guard_space *spaces_by_id(const struct spaces *spaces, const struct netns_id *id);
void spaces_forget(struct spaces *spaces, struct guard_space *space);

size_t spaces_count(const struct spaces *spaces);
size_t spaces_unresolved(const struct spaces *spaces);

/* All of them, in no order; `fn` may forget the one it is called with. */
void spaces_each(struct spaces *spaces, void (*fn)(void *owner, struct guard_space *space),
		 void *owner);

/* Opens it by the way that is known; *ret_fd is the caller's. -ENOENT: the way leads there no more. */
int space_open(struct spaces *spaces, struct guard_space *space, int *ret_fd);

/*
 * Looks at what a path, or a process, leads to: a namespace that is new gets a number where it has none, so
 * that its events are reported from then on. True: it leads to another namespace than this one.
 */
bool spaces_try_path(struct spaces *spaces, const char *path);
bool spaces_try_process(struct spaces *spaces, pid_t pid);

/* The same of everything that is mounted here, of every process, of those started since the last call. */
int spaces_try_mounts(struct spaces *spaces);
int spaces_try_processes(struct spaces *spaces);
int spaces_try_new_processes(struct spaces *spaces);

/* While events may have been lost, what is known is held against what every way leads to. */
void spaces_doubt(struct spaces *spaces, bool in_doubt);

/* Asks the kernel which numbers there are: forgets namespaces that have none any more, and adds others. */
int spaces_check(struct spaces *spaces);

#endif
