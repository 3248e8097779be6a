/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following the devices of all network namespaces of this host as they come, change and go, from one
 * netlink socket in this namespace.
 */
#ifndef TRUESUM_GUARD_DAEMON_LINKS_H
#define TRUESUM_GUARD_DAEMON_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "net/netns_search.h"

struct watch;

struct watch_link {
	int index; /* in its own namespace */
	char name[IFNAMSIZ]; /* empty: not told */
	char kind[16]; /* IFLA_INFO_KIND; empty: hardware */
	bool loopback;
};

/*
 * What is told, `space` NULL for this namespace. None of them may ask the kernel, which would be in the
 * middle of an answer: they note what is to be done, and do it when `drained` is called.
 */
struct watch_hooks {
	/* A device that is there: new, changed, or seen by a look at everything. */
	void (*link)(void *owner, struct netns_entry *space, const struct watch_link *link);
	void (*link_gone)(void *owner, struct netns_entry *space, int index);
	/* A filter or a qdisc was taken off. */
	void (*filter_gone)(void *owner, struct netns_entry *space, int index);
	/* All devices of the namespace have been told by a look at everything. */
	void (*looked)(void *owner, struct netns_entry *space);
	/* A way to the namespace was found; it is about to be forgotten. */
	void (*found)(void *owner, struct netns_entry *space);
	void (*gone)(void *owner, struct netns_entry *space);
	/* Events were lost: everything is being looked at anew. */
	void (*overflowed)(void *owner);
	void (*drained)(void *owner);
	void *owner;
};

/*
 * Opens the sockets, which needs CAP_NET_BROADCAST; their rights stay when the process's are dropped.
 * `buffer`: bytes of the receive buffer.
 */
int watch_new(struct loop *loop, const struct watch_hooks *hooks, size_t buffer,
	      struct watch **ret_watch);
void watch_free(struct watch *watch);

/* The namespaces it knows. */
struct netns_search *watch_spaces(struct watch *watch);

/*
 * Takes what has been reported so far, so that the socket does not overflow while somebody works. Does not
 * call `drained`.
 */
int watch_drain(struct watch *watch);

/* The way to a namespace led elsewhere: it is sought anew. */
void watch_lost_way(struct watch *watch);

/* Looks at everything: at once, or in steps between other events. */
int watch_look(struct watch *watch);
int watch_look_in_steps(struct watch *watch);

/* Asks for a device whose name was not told. */
int watch_ask(struct watch *watch, const struct netns_entry *space, int index,
	      struct watch_link *ret_link);

#endif
