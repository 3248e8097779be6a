// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Follows devices: see links.h.
 *
 * A socket with NETLINK_LISTEN_ALL_NSID gets the events of every namespace that this namespace has
 * a number for, each with that number. The kernel numbers a namespace when a pair of devices joins
 * it to this one, or when a device moves there. Every other namespace gets its number from
 * net/netns_search.h as soon as a mount or a process leads to it, mostly before it has a device.
 * The event of a pair's end here also names the other end's namespace and index, so the order of
 * the two ends' events does not matter.
 *
 * To act on a namespace, the daemon needs a way into it, not only its number. It looks in the cheap
 * places first: names that just appeared in the folders of container runtimes, then the newest
 * processes, then all mounts, then all processes. A namespace that stays unreachable is tried again
 * after longer and longer pauses. If events were lost, and once a minute, all devices of all
 * namespaces are listed.
 */
#include "guard/daemon/links.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/trace.h"
#include "net/netns_search.h"
#include "net/nl.h"

#define MS UINT64_C(1000000)
#define SETTLED_NS (200 * MS) /* the least time between two lists of all mounts or all devices */
#define NAMES_MAX 1024 /* names without a namespace so far; a new one replaces the oldest */
#define NAME_LIFE_NS (10000 * MS)
#define RETRY_FIRST_NS (4 * MS)
#define RETRY_SOON_NS (64 * MS)
#define RETRY_LAST_NS (60000 * MS)
#define PROCESSES_EVERY_NS (2000 * MS)
#define STEP_NETNS 4 /* namespaces whose devices are listed in one step */
#define STEP_PROCESSES 64 /* that are looked at in one step */

static const char *const folders[] = { "/run/netns", "/run/docker/netns", "/var/run/netns",
				       "/var/run/docker/netns" };

/* A name that appeared in a folder: a namespace will be mounted on it. */
struct new_name {
	uint64_t since;
	char path[300];
};

struct links {
	struct loop *loop;
	struct links_hooks hooks;
	struct netns_search *search;
	struct nl *nl; /* for questions */
	int fd; /* for events */
	int inotify, mounts;
	int folder[ARRAY_SIZE(folders)]; /* inotify's descriptors; -1: not watched */
	struct new_name *name;
	size_t name_count;
	bool mounts_changed; /* since they were last read */
	bool has_new; /* a namespace without a known way, since the last search */
	bool lost; /* events were, since the last list of all devices */
	uint64_t mounts_read, listed; /* when */
	uint64_t retry_ns;
	/* namespaces that could not be opened, although everything was searched */
	size_t unreachable;
	int *to_list; /* numbers of namespaces whose devices are still to be listed */
	size_t to_list_count, to_list_room;
	struct loop_source *on_events, *on_names, *on_mounts, *tick, *retry, *reread, *stepper;
	struct loop_source *scanner; /* looks at all processes, in steps */
	bool is_retry; /* the scan is a search for ways, so another follows if it finds none */
};

struct netns_search *links_search(struct links *links)
{
	return links->search;
}

static int after_reading(struct links *links);

/* ---- Ways into namespaces ---- */

static void drop_name(struct links *links, size_t i)
{
	memmove(&links->name[i], &links->name[i + 1],
		(--links->name_count - i) * sizeof(*links->name));
}

static void add_name(struct links *links, const char *folder, const char *name)
{
	struct new_name *new;

	if (links->name_count == NAMES_MAX)
		drop_name(links, 0);
	new = &links->name[links->name_count++];
	new->since = clock_ns();
	snprintf(new->path, sizeof(new->path), "%s/%s", folder, name);
}

static void watch_folders(struct links *links)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (links->folder[i] < 0)
			links->folder[i] = inotify_add_watch(links->inotify, folders[i], IN_CREATE);
}

/*
 * On most hosts /var/run is /run. Then both folders have the same descriptor, and the first one
 * counts.
 */
static void read_names(struct links *links)
{
	char buffer[8192] __attribute__((aligned(8)));
	ssize_t len;

	while ((len = read(links->inotify, buffer, sizeof(buffer))) > 0) {
		const char *at = buffer;

		while (at < buffer + len) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			size_t i = 0;

			at += sizeof(*event) + event->len;
			while (i < ARRAY_SIZE(folders) && links->folder[i] != event->wd)
				i++;
			if (i == ARRAY_SIZE(folders))
				continue;
			if (event->mask & IN_IGNORED) /* the folder was removed */
				links->folder[i] = -1;
			else if (event->len)
				add_name(links, folders[i], event->name);
		}
	}
}

static void try_names(struct links *links)
{
	uint64_t now;

	read_names(links);
	now = clock_ns(); /* after the reading: no name is newer */
	for (size_t i = links->name_count; i-- > 0;)
		if (netns_search_try_path(links->search, links->name[i].path) ||
		    now - links->name[i].since > NAME_LIFE_NS)
			drop_name(links, i);
}

static int scan_mounts(struct links *links)
{
	trace("links", "reads the list of mounts");
	links->mounts_changed = false;
	links->mounts_read = clock_ns();
	watch_folders(links);
	return netns_search_scan(links->search, NETNS_MOUNTS);
}

static int on_retry(void *owner);

/* If namespaces without a known way are new, searches for ways, in the cheap places first. */
static int search_ways(struct links *links)
{
	struct pollfd mounts = { .fd = links->mounts, .events = POLLPRI };
	int rc = 0;

	if (!links->has_new)
		return 0;
	links->has_new = false;
	try_names(links);
	if (netns_search_unresolved(links->search))
		rc = netns_search_scan(links->search, NETNS_NEW_PROCESSES);
	if (!rc && netns_search_unresolved(links->search) &&
	    (links->mounts_changed || poll(&mounts, 1, 0) > 0))
		rc = scan_mounts(links);
	/* A full search that found nothing is not repeated until a further namespace appears. */
	if (rc || netns_search_unresolved(links->search) <= links->unreachable)
		return rc;
	links->retry_ns = RETRY_FIRST_NS;
	loop_remove(&links->retry);
	return loop_add_timer(links->loop, links->retry_ns, 0, on_retry, links, &links->retry);
}

static int on_reread(void *owner);

/* Reads the mounts when they have settled. */
static int scan_mounts_soon(struct links *links)
{
	if (links->reread)
		return 0;
	return loop_add_timer(links->loop, SETTLED_NS, 0, on_reread, links, &links->reread);
}

static int on_scan(void *owner);

static int begin_scan(struct links *links)
{
	return links->scanner ? 0 : loop_add_soon(links->loop, on_scan, links, &links->scanner);
}

/* The full search has ended. */
static int end_retry(struct links *links)
{
	links->is_retry = false;
	links->unreachable = netns_search_unresolved(links->search);
	links->retry_ns *= 4;
	if (links->retry || !links->unreachable || links->retry_ns > RETRY_LAST_NS)
		return 0;
	return loop_add_timer(links->loop, links->retry_ns, 0, on_retry, links, &links->retry);
}

static int on_scan(void *owner)
{
	struct links *links = owner;
	bool done = false;
	int rc;

	links->scanner = NULL;
	rc = netns_search_scan_some(links->search, STEP_PROCESSES, &done);
	if (!rc && !done)
		rc = begin_scan(links);
	else if (!rc && links->is_retry)
		rc = end_retry(links);
	return rc ? rc : after_reading(links);
}

static int on_retry(void *owner)
{
	struct links *links = owner;
	int rc;

	loop_remove(&links->retry);
	links->unreachable = 0;
	if (!netns_search_unresolved(links->search))
		return 0;
	try_names(links);
	rc = netns_search_unresolved(links->search) ? scan_mounts(links) : 0;
	if (!rc && netns_search_unresolved(links->search)) {
		links->is_retry = true;
		rc = begin_scan(links);
	}
	return rc ? rc : after_reading(links);
}

static int on_names(void *owner, uint32_t events)
{
	struct links *links = owner;

	(void)events;
	try_names(links);
	return after_reading(links);
}

static int on_reread(void *owner)
{
	struct links *links = owner;
	int rc;

	loop_remove(&links->reread);
	rc = links->mounts_changed ? scan_mounts(links) : 0;
	return rc ? rc : after_reading(links);
}

/*
 * The kernel reports that mounts changed, not which. If a new name explains the change, its
 * namespace is found by that name; else the list of mounts is read, once for many changes.
 */
static int on_mounts(void *owner, uint32_t events)
{
	struct links *links = owner;
	uint64_t since = clock_ns() - links->mounts_read;
	size_t names;
	int rc;

	(void)events;
	links->mounts_changed = true;
	read_names(links);
	names = links->name_count;
	try_names(links);
	if (names == links->name_count && since > SETTLED_NS) {
		rc = scan_mounts(links);
		return rc ? rc : after_reading(links);
	}
	rc = scan_mounts_soon(links);
	return rc ? rc : after_reading(links);
}

static int on_tick(void *owner)
{
	struct links *links = owner;
	int rc = netns_search_scan(links->search, NETNS_NEW_PROCESSES);

	if (!rc && netns_search_is_behind(links->search))
		rc = begin_scan(links);
	return rc ? rc : after_reading(links);
}

/* Searches for the way to a namespace whose known way no longer leads there. */
static void search_soon(struct links *links, bool urgent)
{
	if (links->retry && links->retry_ns <= RETRY_SOON_NS)
		return;
	loop_remove(&links->retry);
	links->retry_ns = urgent ? RETRY_FIRST_NS : RETRY_SOON_NS;
	loop_add_timer(links->loop, links->retry_ns, 0, on_retry, links, &links->retry);
}

int links_open_netns(struct links *links, struct netns_entry *netns, bool urgent, int *ret_fd)
{
	int rc = netns_search_open(links->search, netns, ret_fd);

	if (rc)
		search_soon(links, urgent);
	return rc;
}

/* unwatch_runtimes() undoes it, after a failure, too. */
static int watch_runtimes(struct links *links)
{
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		links->folder[i] = -1;
	links->name = calloc(NAMES_MAX, sizeof(*links->name));
	links->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	links->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (!links->name || links->inotify < 0 || links->mounts < 0)
		return fail_errno(-errno, "cannot watch mounts");
	watch_folders(links);
	rc = loop_add_fd(links->loop, links->inotify, EPOLLIN, on_names, links, &links->on_names);
	rc = rc ? rc
		: loop_add_fd(links->loop, links->mounts, EPOLLPRI, on_mounts, links,
			      &links->on_mounts);
	return rc ? rc
		  : loop_add_timer(links->loop, PROCESSES_EVERY_NS, PROCESSES_EVERY_NS, on_tick,
				   links, &links->tick);
}

static void unwatch_runtimes(struct links *links)
{
	loop_remove(&links->on_names);
	loop_remove(&links->on_mounts);
	loop_remove(&links->tick);
	loop_remove(&links->retry);
	loop_remove(&links->reread);
	cleanup_close(&links->inotify);
	cleanup_close(&links->mounts);
	free(links->name);
}

/* ---- Events ---- */

/* What a message about a device says. */
struct link_event {
	struct links_device device;
	int peer, peer_nsid; /* IFLA_LINK, IFLA_LINK_NETNSID; -1 */
};

static void take_text(const struct nlattr *attr, char *to, size_t size)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	len = len < size ? len : size - 1;
	memcpy(to, mnl_attr_get_payload(attr), len);
	to[len] = '\0';
}

static int take_number(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) < 0 ? -1 : (int)mnl_attr_get_u32(attr);
}

static bool read_link(const struct nlmsghdr *message, struct link_event *ret_event)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct link_event event = { .peer = -1, .peer_nsid = -1 };
	const struct nlattr *attr, *nested;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC)
		return false;
	event.device.index = ifi->ifi_index;
	event.device.loopback = ifi->ifi_flags & IFF_LOOPBACK;
	mnl_attr_for_each(attr, message, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			take_text(attr, event.device.name, sizeof(event.device.name));
			break;
		case IFLA_LINK:
			event.peer = take_number(attr);
			break;
		case IFLA_LINK_NETNSID:
			event.peer_nsid = take_number(attr);
			break;
		case IFLA_LINKINFO:
			mnl_attr_for_each_nested(nested, attr)
				if (mnl_attr_get_type(nested) == IFLA_INFO_KIND)
					take_text(nested, event.device.kind,
						  sizeof(event.device.kind));
			break;
		}
	}
	*ret_event = event;
	return true;
}

static bool is_pair_kind(const char *kind)
{
	return !strcmp(kind, "veth") || !strcmp(kind, "netkit");
}

static struct netns_entry *netns_of_nsid(struct links *links, int nsid)
{
	struct netns_entry *netns = netns_search_by_nsid(links->search, nsid);

	if (!netns)
		links->has_new = true;
	return netns ? netns : netns_search_add(links->search, nsid);
}

static void take_link(struct links *links, struct netns_entry *netns,
		      const struct nlmsghdr *message)
{
	struct link_event event;
	struct netns_entry *other;

	if (!read_link(message, &event))
		return;
	trace("links", "%s: device %d %s, kind %s", netns ? netns->name : "host",
	      event.device.index, event.device.name,
	      *event.device.kind ? event.device.kind : "hardware");
	links->hooks.link(links->hooks.owner, netns, &event.device);
	/*
	 * IFLA_LINK_NETNSID is a number in the namespace of the message; only this one's numbers
	 * are known here.
	 */
	if (netns || event.peer_nsid < 0 || event.peer <= 0 || !is_pair_kind(event.device.kind))
		return;
	other = netns_of_nsid(links, event.peer_nsid);
	event.device.index = event.peer;
	*event.device.name = '\0';
	if (other)
		links->hooks.link(links->hooks.owner, other, &event.device);
}

static void take_link_gone(struct links *links, struct netns_entry *netns, int index)
{
	trace("links", "%s: device %d is gone", netns ? netns->name : "host", index);
	links->hooks.link_gone(links->hooks.owner, netns, index);
}

static void take_nsid(struct links *links, const struct nlmsghdr *message)
{
	int nsid = nl_nsid_of(message);
	struct netns_entry *netns;

	if (nsid < 0)
		return;
	netns = message->nlmsg_type == RTM_NEWNSID ? netns_of_nsid(links, nsid)
						   : netns_search_by_nsid(links->search, nsid);
	if (netns && message->nlmsg_type == RTM_DELNSID)
		netns_search_forget(links->search, netns);
}

static void take_message(struct links *links, int nsid, const struct nlmsghdr *message)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct netns_entry *netns = nsid >= 0 ? netns_of_nsid(links, nsid) : NULL;

	if (nsid >= 0 && !netns)
		return; /* no memory: the next list of all devices finds it */
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		take_link(links, netns, message);
		break;
	case RTM_DELLINK:
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*ifi) &&
		    ifi->ifi_family == AF_UNSPEC)
			take_link_gone(links, netns, ifi->ifi_index);
		break;
	case RTM_DELTFILTER:
	case RTM_DELQDISC:
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*tc))
			links->hooks.filter_gone(links->hooks.owner, netns, tc->tcm_ifindex);
		break;
	case RTM_NEWNSID:
	case RTM_DELNSID:
		if (nsid < 0)
			take_nsid(links, message);
		break;
	}
}

/* The number of the namespace that a message comes from; -1: this one. */
static int origin(struct msghdr *header)
{
	int nsid = -1;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg))
		if (cmsg->cmsg_level == SOL_NETLINK && cmsg->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(&nsid, CMSG_DATA(cmsg), sizeof(nsid));
	return nsid;
}

/* Returns 1 if it read a datagram, 0 if there is none, -errno. */
static int take_datagram(struct links *links)
{
	static char buffer[65536] __attribute__((aligned(8)));
	char control[CMSG_SPACE(sizeof(int)) + 64] __attribute__((aligned(8)));
	struct sockaddr_nl from;
	struct iovec iov = { buffer, sizeof(buffer) };
	struct msghdr header = { .msg_name = &from,
				 .msg_namelen = sizeof(from),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t len = recvmsg(links->fd, &header, MSG_DONTWAIT);
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	int left = (int)len, nsid;

	if (len < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	if (from.nl_pid) /* not the kernel's */
		return 1;
	nsid = origin(&header);
	for (; nl_fits(message, left); message = mnl_nlmsg_next(message, &left))
		take_message(links, nsid, message);
	return 1;
}

int links_drain(struct links *links)
{
	int rc = 1;

	while (rc > 0) {
		rc = take_datagram(links);
		if (rc != -ENOBUFS)
			continue;
		trace("links", "events were lost");
		links->lost = true;
		rc = 1;
	}
	return rc ? fail_errno(rc, "cannot read netlink events") : 0;
}

/*
 * Lists all devices if events were lost; no more often than the mounts are read, as a flood may go
 * on.
 */
static int list_if_lost(struct links *links)
{
	if (!links->lost)
		return 0;
	if (clock_ns() - links->listed < SETTLED_NS)
		return scan_mounts_soon(links);
	links->hooks.overflowed(links->hooks.owner);
	return links_list(links, true);
}

/* Called when the events have been read or a search has ended. */
static int after_reading(struct links *links)
{
	int rc = search_ways(links);

	rc = rc ? rc : list_if_lost(links);
	if (!rc)
		links->hooks.drained(links->hooks.owner);
	return rc;
}

static int on_events(void *owner, uint32_t events)
{
	struct links *links = owner;
	int rc = links_drain(links);

	(void)events;
	return rc ? rc : after_reading(links);
}

/* ---- Lists of all devices ---- */

static int on_step(void *owner);

struct list {
	struct links *links;
	struct netns_entry *netns; /* NULL: this namespace */
};

static int take_listed(const struct nlmsghdr *message, void *data)
{
	const struct list *list = data;

	if (message->nlmsg_type == RTM_NEWLINK)
		take_link(list->links, list->netns, message);
	return MNL_CB_OK;
}

static int list_devices(struct links *links, struct netns_entry *netns)
{
	struct list list = { links, netns };
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	int rc;

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (netns)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)netns->nsid);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = nl_dump(links->nl, request, take_listed, NULL, &list);
	if (!rc)
		links->hooks.listed(links->hooks.owner, netns);
	return rc;
}

static void add_to_list(void *owner, struct netns_entry *netns)
{
	struct links *links = owner;

	/* Without memory, the next list of all devices includes it. */
	if (!ARRAY_RESERVE(links->to_list, links->to_list_room, links->to_list_count + 1))
		links->to_list[links->to_list_count++] = netns->nsid;
}

static int begin_steps(struct links *links)
{
	return links->stepper ? 0 : loop_add_soon(links->loop, on_step, links, &links->stepper);
}

/* The kernel did not report the devices that it got before it had a number: they are listed. */
static void on_found(void *owner, struct netns_entry *netns)
{
	struct links *links = owner;

	if (netns->had_no_nsid) {
		add_to_list(links, netns);
		begin_steps(links);
	}
	links->hooks.found(links->hooks.owner, netns);
}

static void on_netns_gone(void *owner, struct netns_entry *netns)
{
	struct links *links = owner;

	/* It may be one of those that no way was found to: then the next one is a new one. */
	if (!netns->resolved && links->unreachable)
		links->unreachable--;
	links->hooks.gone(links->hooks.owner, netns);
}

/*
 * Asks for all numbers, then follows all ways, so that each namespace has a number and is listed.
 */
static int begin_list(struct links *links, bool in_steps)
{
	bool events_lost = links->lost;
	int rc;

	links->lost = false;
	links->listed = clock_ns();
	rc = netns_search_check(links->search, events_lost);
	rc = rc ? rc : scan_mounts(links);
	if (!rc)
		rc = in_steps ? begin_scan(links)
			      : netns_search_scan(links->search, NETNS_PROCESSES);
	if (rc)
		return rc;
	links->to_list_count = 0;
	netns_search_each(links->search, add_to_list, links);
	return list_devices(links, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static void list_some(struct links *links, size_t most)
{
	while (links->to_list_count && most--) {
		struct netns_entry *netns =
			netns_search_by_nsid(links->search, links->to_list[--links->to_list_count]);

		if (netns)
			list_devices(links, netns); /* fails only if the namespace is going away */
	}
}

int links_list(struct links *links, bool in_steps)
{
	int rc = begin_list(links, in_steps);

	if (rc || in_steps)
		return rc ? rc : begin_steps(links);
	list_some(links, SIZE_MAX);
	return after_reading(links);
}

static int on_step(void *owner)
{
	struct links *links = owner;
	int rc = 0;

	links->stepper = NULL;
	list_some(links, STEP_NETNS);
	if (links->to_list_count)
		rc = begin_steps(links);
	return rc ? rc : after_reading(links);
}

static int take_asked(const struct nlmsghdr *message, void *data)
{
	struct link_event event;
	struct links_device *ret_device = data;

	if (message->nlmsg_type == RTM_NEWLINK && read_link(message, &event))
		*ret_device = event.device;
	return MNL_CB_OK;
}

int links_ask(struct links *links, const struct netns_entry *netns, int index,
	      struct links_device *ret_device)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

	ifi->ifi_index = index;
	if (netns)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)netns->nsid);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_talk(links->nl, request, take_asked, ret_device);
}

/* ---- Beginning and end ---- */

static int open_events(size_t buffer, int *ret_fd)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_NSID, RTNLGRP_TC };
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int one = 1, bytes = (int)buffer;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return fail_errno(-errno, "cannot open a netlink socket");
	/* Above net.core.rmem_max if privilege allows it, else up to that limit. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &one, sizeof(one)) < 0)
		return fail_errno(-errno, "cannot listen to other network namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return fail_errno(-errno, "cannot listen to netlink events");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_all(struct links *links, size_t buffer)
{
	const struct netns_search_hooks hooks = { on_found, on_netns_gone, links };
	int rc = netns_search_new(&hooks, &links->search);

	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &links->nl);
	rc = rc ? rc : open_events(buffer, &links->fd);
	if (rc)
		return rc;
	rc = loop_add_fd(links->loop, links->fd, EPOLLIN, on_events, links, &links->on_events);
	return rc ? rc : watch_runtimes(links);
}

int links_new(struct loop *loop, const struct links_hooks *hooks, size_t buffer,
	      struct links **ret_links)
{
	struct links *links = calloc(1, sizeof(*links));
	int rc;

	if (!links)
		return fail(-ENOMEM, "out of memory");
	links->loop = loop;
	links->hooks = *hooks;
	links->fd = links->inotify = links->mounts = -1;
	rc = open_all(links, buffer);
	if (rc)
		links_free(links);
	else
		*ret_links = links;
	return rc;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	loop_remove(&links->on_events);
	loop_remove(&links->stepper);
	loop_remove(&links->scanner);
	unwatch_runtimes(links);
	cleanup_close(&links->fd);
	netns_search_free(links->search);
	nl_close(links->nl);
	free(links->to_list);
	free(links);
}
