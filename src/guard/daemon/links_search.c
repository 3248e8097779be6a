// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finding the way to a namespace that is known by number: see watch.c. Folders of runtimes are watched for new
 * names, on which namespaces are mounted a moment later; the kernel tells that mounts have changed, not which.
 */
#include "guard/daemon/links_part.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define NAMES_MAX 1024 /* that lead nowhere yet; the oldest make room */
#define NAME_LIFE_NS (10000 * MS)
#define RETRY_FIRST_NS (4 * MS)
#define RETRY_SOON_NS (64 * MS)
#define RETRY_LAST_NS (60000 * MS)
#define PROCESSES_EVERY_NS (2000 * MS)

static const char *const folders[WATCH_FOLDERS] = { "/run/netns", "/run/docker/netns",
						    "/var/run/netns", "/var/run/docker/netns" };

static void drop_name(struct watch *watch, size_t i)
{
	memmove(&watch->name[i], &watch->name[i + 1],
		(--watch->name_count - i) * sizeof(*watch->name));
}

static void add_name(struct watch *watch, const char *folder, const char *name)
{
	struct fresh_name *fresh;

	if (watch->name_count == NAMES_MAX)
		drop_name(watch, 0);
	fresh = &watch->name[watch->name_count++];
	fresh->since = clock_ns();
	snprintf(fresh->path, sizeof(fresh->path), "%s/%s", folder, name);
}

static void watch_folders(struct watch *watch)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (watch->folder[i] < 0)
			watch->folder[i] = inotify_add_watch(watch->inotify, folders[i], IN_CREATE);
}

/* /var/run is /run on most hosts: then both have one descriptor, and the first folder is meant. */
static void read_names(struct watch *watch)
{
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t len;

	while ((len = read(watch->inotify, buffer, sizeof(buffer))) > 0) {
		const char *at = buffer;

		while (at < buffer + len) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			size_t i = 0;

			at += sizeof(*event) + event->len;
			while (i < ARRAY_SIZE(folders) && watch->folder[i] != event->wd)
				i++;
			if (i == ARRAY_SIZE(folders))
				continue;
			if (event->mask & IN_IGNORED) /* the folder was removed */
				watch->folder[i] = -1;
			else if (event->len)
				add_name(watch, folders[i], event->name);
		}
	}
}

static void try_names(struct watch *watch)
{
	uint64_t now = clock_ns();

	read_names(watch);
	for (size_t i = watch->name_count; i-- > 0;)
		if (netns_search_try_path(watch->spaces, watch->name[i].path) ||
		    now - watch->name[i].since > NAME_LIFE_NS)
			drop_name(watch, i);
}

int search_mounts(struct watch *watch)
{
	watch->mounts_changed = false;
	watch->mounts_read = clock_ns();
	watch_folders(watch);
	return netns_search_scan(watch->spaces, NETNS_MOUNTS);
}

static int on_retry(void *owner);

int search(struct watch *watch)
{
	struct pollfd mounts = { .fd = watch->mounts, .events = POLLPRI };
	int rc = 0;

	if (!watch->has_new)
		return 0;
	watch->has_new = false;
	try_names(watch);
	if (netns_search_unresolved(watch->spaces))
		rc = netns_search_scan(watch->spaces, NETNS_NEW_PROCESSES);
	if (!rc && netns_search_unresolved(watch->spaces) &&
	    (watch->mounts_changed || poll(&mounts, 1, 0) > 0))
		rc = search_mounts(watch);
	/* What everything has been read in vain for is not worth it again. */
	if (rc || netns_search_unresolved(watch->spaces) <= watch->hopeless)
		return rc;
	watch->retry_ns = RETRY_FIRST_NS;
	loop_remove(&watch->retry);
	return loop_add_timer(watch->loop, watch->retry_ns, 0, on_retry, watch, &watch->retry);
}

static int on_reread(void *owner);

int search_mounts_soon(struct watch *watch)
{
	if (watch->reread)
		return 0;
	return loop_add_timer(watch->loop, SETTLED_NS, 0, on_reread, watch, &watch->reread);
}

static int on_retry(void *owner)
{
	struct watch *watch = owner;
	int rc;

	loop_remove(&watch->retry);
	watch->hopeless = 0;
	if (!netns_search_unresolved(watch->spaces))
		return 0;
	try_names(watch);
	rc = netns_search_unresolved(watch->spaces) ? search_mounts(watch) : 0;
	if (!rc && netns_search_unresolved(watch->spaces))
		rc = netns_search_scan(watch->spaces, NETNS_PROCESSES);
	watch->hopeless = netns_search_unresolved(watch->spaces);
	watch->retry_ns *= 4;
	if (!rc && netns_search_unresolved(watch->spaces) && watch->retry_ns <= RETRY_LAST_NS)
		rc = loop_add_timer(watch->loop, watch->retry_ns, 0, on_retry, watch,
				    &watch->retry);
	return rc ? rc : watch_finish(watch);
}

static int on_names(void *owner, uint32_t events)
{
	struct watch *watch = owner;

	(void)events;
	try_names(watch);
	return watch_finish(watch);
}

static int on_reread(void *owner)
{
	struct watch *watch = owner;
	int rc;

	loop_remove(&watch->reread);
	rc = watch->mounts_changed ? search_mounts(watch) : 0;
	return rc ? rc : watch_finish(watch);
}

/* A mount that a name was known of is found by the name; the whole list is read once for many changes. */
static int on_mounts(void *owner, uint32_t events)
{
	struct watch *watch = owner;
	uint64_t since = clock_ns() - watch->mounts_read;
	size_t names;
	int rc;

	(void)events;
	watch->mounts_changed = true;
	read_names(watch);
	names = watch->name_count;
	try_names(watch);
	if (names == watch->name_count && since > SETTLED_NS) {
		rc = search_mounts(watch);
		return rc ? rc : watch_finish(watch);
	}
	rc = search_mounts_soon(watch);
	return rc ? rc : watch_finish(watch);
}

static int on_tick(void *owner)
{
	struct watch *watch = owner;
	int rc = netns_search_scan(watch->spaces, NETNS_NEW_PROCESSES);

	return rc ? rc : watch_finish(watch);
}

void watch_lost_way(struct watch *watch)
{
	if (watch->retry && watch->retry_ns <= RETRY_SOON_NS)
		return;
	loop_remove(&watch->retry);
	watch->retry_ns = RETRY_FIRST_NS;
	loop_add_timer(watch->loop, watch->retry_ns, 0, on_retry, watch, &watch->retry);
}

int search_begin(struct watch *watch)
{
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		watch->folder[i] = -1;
	watch->name = calloc(NAMES_MAX, sizeof(*watch->name));
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	watch->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (!watch->name || watch->inotify < 0 || watch->mounts < 0)
		return fail_errno(-errno, "cannot watch mounts");
	watch_folders(watch);
	rc = loop_add_fd(watch->loop, watch->inotify, EPOLLIN, on_names, watch, &watch->on_names);
	rc = rc ? rc
		: loop_add_fd(watch->loop, watch->mounts, EPOLLPRI, on_mounts, watch,
			      &watch->on_mounts);
	return rc ? rc
		  : loop_add_timer(watch->loop, PROCESSES_EVERY_NS, PROCESSES_EVERY_NS, on_tick,
				   watch, &watch->tick);
}

void search_end(struct watch *watch)
{
	loop_remove(&watch->on_names);
	loop_remove(&watch->on_mounts);
	loop_remove(&watch->tick);
	loop_remove(&watch->retry);
	loop_remove(&watch->reread);
	cleanup_close(&watch->inotify);
	cleanup_close(&watch->mounts);
	free(watch->name);
}
