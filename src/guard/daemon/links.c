// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Following devices: see watch.h.
 *
 * A socket with NETLINK_LISTEN_ALL_NSID gets the events of every namespace that this one has a number for,
 * and the number with each. The kernel gives a namespace a number when a pair of devices joins it to this
 * one or a device moves there; the others get one as soon as a mount or a process leads to them
 * (net/netns_search.h), mostly before they have any device. A pair's end here tells the other's number and index
 * in its own event, too, so nothing depends on which came first.
 *
 * Finding the way to a number is a search: names that have just appeared in the folders of runtimes, then the
 * newest processes, then all mounts and all processes; what nothing leads to is sought again, ever
 * more seldom. When events were lost, and once in a while, everything is looked at.
 */
#include "guard/daemon/links_part.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/nl.h"

#define STEP_SPACES 16

struct netns_search *watch_spaces(struct watch *watch)
{
	return watch->spaces;
}

/* ---- Events ---- */

/* What a message about a device says. */
struct link_event {
	struct watch_link link;
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
	event.link.index = ifi->ifi_index;
	event.link.loopback = ifi->ifi_flags & IFF_LOOPBACK;
	mnl_attr_for_each(attr, message, sizeof(*ifi)) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			take_text(attr, event.link.name, sizeof(event.link.name));
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
					take_text(nested, event.link.kind, sizeof(event.link.kind));
			break;
		}
	}
	*ret_event = event;
	return true;
}

static bool is_pair(const char *kind)
{
	return !strcmp(kind, "veth") || !strcmp(kind, "netkit");
}

static struct netns_entry *need_space(struct watch *watch, int nsid)
{
	struct netns_entry *space = netns_search_by_nsid(watch->spaces, nsid);

	if (!space)
		watch->has_new = true;
	return space ? space : netns_search_add(watch->spaces, nsid);
}

static void take_link(struct watch *watch, struct netns_entry *space,
		      const struct nlmsghdr *message)
{
	struct link_event event;
	struct netns_entry *other;

	if (!read_link(message, &event))
		return;
	watch->hooks.link(watch->hooks.owner, space, &event.link);
	/* Other namespaces have numbers of their own for each other. */
	if (space || event.peer_nsid < 0 || event.peer <= 0 || !is_pair(event.link.kind))
		return;
	other = need_space(watch, event.peer_nsid);
	event.link.index = event.peer;
	*event.link.name = '\0';
	if (other)
		watch->hooks.link(watch->hooks.owner, other, &event.link);
}

static void take_nsid(struct watch *watch, const struct nlmsghdr *message)
{
	int nsid = nl_nsid_of(message);
	struct netns_entry *space;

	if (nsid < 0)
		return;
	space = message->nlmsg_type == RTM_NEWNSID ? need_space(watch, nsid)
						   : netns_search_by_nsid(watch->spaces, nsid);
	if (space && message->nlmsg_type == RTM_DELNSID)
		netns_search_forget(watch->spaces, space);
}

static void take_message(struct watch *watch, int nsid, const struct nlmsghdr *message)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(message);
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct netns_entry *space = nsid >= 0 ? need_space(watch, nsid) : NULL;

	if (nsid >= 0 && !space)
		return; /* no memory: the next look finds it */
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		take_link(watch, space, message);
		break;
	case RTM_DELLINK:
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*ifi) &&
		    ifi->ifi_family == AF_UNSPEC)
			watch->hooks.link_gone(watch->hooks.owner, space, ifi->ifi_index);
		break;
	case RTM_DELTFILTER:
	case RTM_DELQDISC:
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(*tc))
			watch->hooks.filter_gone(watch->hooks.owner, space, tc->tcm_ifindex);
		break;
	case RTM_NEWNSID:
	case RTM_DELNSID:
		if (nsid < 0)
			take_nsid(watch, message);
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

/* Returns 1 for a datagram, 0 where there is none, -errno. */
static int take_datagram(struct watch *watch)
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
	ssize_t len = recvmsg(watch->fd, &header, MSG_DONTWAIT);
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	int left = (int)len, nsid;

	if (len < 0)
		return errno == EAGAIN ? 0 : errno == EINTR ? 1 : -errno;
	if (from.nl_pid) /* not the kernel's */
		return 1;
	nsid = origin(&header);
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		take_message(watch, nsid, message);
	return 1;
}

int watch_drain(struct watch *watch)
{
	int rc = 1;

	while (rc > 0) {
		rc = take_datagram(watch);
		if (rc != -ENOBUFS)
			continue;
		watch->lost = true;
		rc = 1;
	}
	return rc ? fail_errno(rc, "cannot read netlink events") : 0;
}

/* A flood that goes on would have everything looked at all the time: not more often than the mounts. */
static int make_up(struct watch *watch)
{
	if (!watch->lost)
		return 0;
	if (clock_ns() - watch->looked < SETTLED_NS)
		return search_mounts_soon(watch);
	watch->hooks.overflowed(watch->hooks.owner);
	return watch_look_in_steps(watch);
}

int watch_finish(struct watch *watch)
{
	int rc = search(watch);

	rc = rc ? rc : make_up(watch);
	if (!rc)
		watch->hooks.drained(watch->hooks.owner);
	return rc;
}

static int on_events(void *owner, uint32_t events)
{
	struct watch *watch = owner;
	int rc = watch_drain(watch);

	(void)events;
	return rc ? rc : watch_finish(watch);
}

/* ---- Looking at everything ---- */

static int on_step(void *owner);

struct look {
	struct watch *watch;
	struct netns_entry *space; /* NULL: this namespace */
};

static int take_looked(const struct nlmsghdr *message, void *data)
{
	const struct look *look = data;

	if (message->nlmsg_type == RTM_NEWLINK)
		take_link(look->watch, look->space, message);
	return MNL_CB_OK;
}

static int look_at(struct watch *watch, struct netns_entry *space)
{
	struct look look = { watch, space };
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	int rc;

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	if (space)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)space->nsid);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = nl_dump(watch->nl, request, take_looked, NULL, &look);
	if (!rc)
		watch->hooks.looked(watch->hooks.owner, space);
	return rc;
}

static void list_space(void *owner, struct netns_entry *space)
{
	struct watch *watch = owner;

	if (watch->step_count == watch->step_room) {
		size_t room = watch->step_room ? 2 * watch->step_room : 64;
		int *more = realloc(watch->step, room * sizeof(*more));

		if (!more)
			return; /* the next look has it */
		watch->step = more;
		watch->step_room = room;
	}
	watch->step[watch->step_count++] = space->nsid;
}

static int begin_steps(struct watch *watch)
{
	return watch->stepper ? 0 : loop_add_soon(watch->loop, on_step, watch, &watch->stepper);
}

/* What came before it had a number was not reported. */
static void on_found(void *owner, struct netns_entry *space)
{
	struct watch *watch = owner;

	if (space->had_no_nsid) {
		list_space(watch, space);
		begin_steps(watch);
	}
	watch->hooks.found(watch->hooks.owner, space);
}

static void on_gone(void *owner, struct netns_entry *space)
{
	struct watch *watch = owner;

	watch->hooks.gone(watch->hooks.owner, space);
}

/* Numbers first, then everything that leads to a namespace, so that all are listed. */
static int begin_look(struct watch *watch)
{
	bool events_lost = watch->lost;
	int rc;

	watch->lost = false;
	watch->looked = clock_ns();
	rc = netns_search_check(watch->spaces, events_lost);
	rc = rc ? rc : search_mounts(watch);
	rc = rc ? rc : netns_search_scan(watch->spaces, NETNS_PROCESSES);
	if (rc)
		return rc;
	watch->step_count = 0;
	netns_search_each(watch->spaces, list_space, watch);
	return look_at(watch, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static void look_at_some(struct watch *watch, size_t most)
{
	while (watch->step_count && most--) {
		struct netns_entry *space =
			netns_search_by_nsid(watch->spaces, watch->step[--watch->step_count]);

		if (space)
			look_at(watch, space); /* one that cannot be looked at is going */
	}
}

int watch_look(struct watch *watch)
{
	int rc = begin_look(watch);

	if (!rc)
		look_at_some(watch, SIZE_MAX);
	return rc ? rc : watch_finish(watch);
}

static int on_step(void *owner)
{
	struct watch *watch = owner;
	int rc = 0;

	watch->stepper = NULL;
	look_at_some(watch, STEP_SPACES);
	if (watch->step_count)
		rc = begin_steps(watch);
	return rc ? rc : watch_finish(watch);
}

int watch_look_in_steps(struct watch *watch)
{
	int rc = begin_look(watch);

	return rc ? rc : begin_steps(watch);
}

static int take_asked(const struct nlmsghdr *message, void *data)
{
	struct link_event event;
	struct watch_link *ret_link = data;

	if (message->nlmsg_type == RTM_NEWLINK && read_link(message, &event))
		*ret_link = event.link;
	return MNL_CB_OK;
}

int watch_ask(struct watch *watch, const struct netns_entry *space, int index,
	      struct watch_link *ret_link)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

	ifi->ifi_index = index;
	if (space)
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)space->nsid);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return nl_talk(watch->nl, request, take_asked, ret_link);
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
	/* Beyond the limit for everybody; where that is not allowed, up to it. */
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

static int open_all(struct watch *watch, size_t buffer)
{
	const struct netns_search_hooks hooks = { on_found, on_gone, watch };
	int rc = netns_search_new(&hooks, &watch->spaces);

	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &watch->nl);
	rc = rc ? rc : open_events(buffer, &watch->fd);
	if (rc)
		return rc;
	rc = loop_add_fd(watch->loop, watch->fd, EPOLLIN, on_events, watch, &watch->on_events);
	return rc ? rc : search_begin(watch);
}

int watch_new(struct loop *loop, const struct watch_hooks *hooks, size_t buffer,
	      struct watch **ret_watch)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int rc;

	if (!watch)
		return fail(-ENOMEM, "out of memory");
	watch->loop = loop;
	watch->hooks = *hooks;
	watch->fd = watch->inotify = watch->mounts = -1;
	rc = open_all(watch, buffer);
	if (rc)
		watch_free(watch);
	else
		*ret_watch = watch;
	return rc;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	loop_remove(&watch->on_events);
	loop_remove(&watch->stepper);
	search_end(watch);
	cleanup_close(&watch->fd);
	netns_search_free(watch->spaces);
	nl_close(watch->nl);
	free(watch->step);
	free(watch);
}
