/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows the network devices of all network namespaces of this host: which there are, which
 * appear, change and disappear. One netlink socket in this namespace reports them all.
 */
#ifndef TRUESUM_GUARD_DAEMON_LINKS_H
#define TRUESUM_GUARD_DAEMON_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct links;
struct loop;
struct netns_entry; /* net/netns_search.h */

struct links_device {
	int index; /* in its own namespace */
	char name[IFNAMSIZ]; /* empty: not reported */
	char kind[16]; /* IFLA_INFO_KIND; empty: hardware */
	bool loopback;
};

/*
 * Called for each event; `netns` is NULL for this namespace. A hook must not ask the kernel, which
 * may be in the middle of an answer: it notes what to do, and does it when `drained` is called.
 */
struct links_hooks {
	/* The device exists: it is new, has changed, or is in a list of all devices. */
	void (*link)(void *owner, struct netns_entry *netns, const struct links_device *device);
	void (*link_gone)(void *owner, struct netns_entry *netns, int index);
	/* A filter or a qdisc was removed from the device. */
	void (*filter_gone)(void *owner, struct netns_entry *netns, int index);
	/* The list of all devices of the namespace is complete. */
	void (*listed)(void *owner, struct netns_entry *netns);
	/* A way into the namespace was found; the entry is about to be freed. */
	void (*found)(void *owner, struct netns_entry *netns);
	void (*gone)(void *owner, struct netns_entry *netns);
	/* Events were lost: all devices are being listed again. */
	void (*overflowed)(void *owner);
	/* All events that were there have been read. */
	void (*drained)(void *owner);
	void *owner;
};

/*
 * Opens the sockets, which needs CAP_NET_BROADCAST; they keep that right when the process drops it.
 * `buffer`: bytes of the receive buffer. -errno with a sentence.
 */
int links_new(struct loop *loop, const struct links_hooks *hooks, size_t buffer,
	      struct links **ret_links);
void links_free(struct links *links);

/* The namespaces that are known; owned by the links. */
struct netns_search *links_search(struct links *links);

/*
 * Reads the events that have arrived, so that the socket does not overflow while the caller works.
 * Does not call `drained`. -errno with a sentence.
 */
int links_drain(struct links *links);

/*
 * Opens a namespace; *ret_fd is the caller's. If the known way no longer leads there, searches for
 * another: at once if it is `urgent`, else a little later, as the namespace is most likely about to
 * go.
 */
int links_open_netns(struct links *links, struct netns_entry *netns, bool urgent, int *ret_fd);

/*
 * Lists all devices: before it returns, or `in_steps` between other events. -errno with a sentence.
 */
int links_list(struct links *links, bool in_steps);

/* Asks for one device. -ENODEV with a sentence if it does not exist. */
int links_ask(struct links *links, const struct netns_entry *netns, int index,
	      struct links_device *ret_device);

#endif
