/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What watch.c and watch_search.c share. */
#ifndef TRUESUM_GUARD_DAEMON_LINKS_PART_H
#define TRUESUM_GUARD_DAEMON_LINKS_PART_H

#include "guard/daemon/links.h"
#include "net/nl.h"

#define MS UINT64_C(1000000)
#define SETTLED_NS (200 * MS) /* lists of everything are not read more often */
#define WATCH_FOLDERS 4

/* A name that appeared in a folder: a namespace will be mounted on it. */
struct fresh_name {
	uint64_t since;
	char path[300];
};

struct watch {
	struct loop *loop;
	struct watch_hooks hooks;
	struct netns_search *spaces;
	struct nl *nl; /* for questions */
	int fd; /* for events */
	int inotify, mounts;
	int folder[WATCH_FOLDERS]; /* inotify's descriptors; -1 */
	struct fresh_name *name;
	size_t name_count;
	bool mounts_changed, has_new; /* since they were searched */
	bool lost; /* events, since everything was looked at */
	uint64_t mounts_read, looked; /* when */
	uint64_t retry_ns;
	size_t hopeless; /* numbers that nothing leads to, though everything was read */
	int *step; /* numbers that are still to be looked at */
	size_t step_count, step_room;
	struct loop_source *on_events, *on_names, *on_mounts, *tick, *retry, *reread, *stepper;
};

/* Watches folders and mounts; to be undone by search_end(), on failure, too. */
int search_begin(struct watch *watch);
void search_end(struct watch *watch);

/* Searches for what no way is known to, if something of that kind is new: the cheap places first. */
int search(struct watch *watch);

/* All mounts, now, or when they have settled. */
int search_mounts(struct watch *watch);
int search_mounts_soon(struct watch *watch);

/* What is to be done when the socket was read or a search has ended. */
int watch_finish(struct watch *watch);

#endif
