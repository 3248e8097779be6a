/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses and neighbours by rtnetlink. `nl` is a NETLINK_ROUTE socket in the namespace;
 * devices are given by interface index, addresses as text ("192.0.2.1", "2001:db8::1"), which says
 * the family, too.
 */
#ifndef TRUESUM_NET_LINK_H
#define TRUESUM_NET_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl;

struct link_info {
	int index;
	char name[IFNAMSIZ];
	uint32_t flags; /* IFF_* */
	uint8_t mac[6];
	char kind[16]; /* "veth", "tun", ...; empty for hardware */
};

/* -ENODEV with a sentence if there is no such device. */
int link_get(struct nl *nl, const char *name, struct link_info *ret_info);

/* The same by index, which stays the same when the device's name changes. */
int link_get_by_index(struct nl *nl, int index, struct link_info *ret_info);

/* All of the namespace, sorted by index; *ret_link is the caller's to free. */
int link_list(struct nl *nl, struct link_info **ret_link, size_t *ret_count);

/* A veth pair: `name` here, `peer` in the namespace peer_netns (-1: here). */
int link_add_veth(struct nl *nl, const char *name, const char *peer, int peer_netns);
int link_add_bridge(struct nl *nl, const char *name);

/*
 * VXLAN id 42 on port 4789 between two addresses; `outer_csum`: the outer UDP checksum is computed.
 */
int link_add_vxlan(struct nl *nl, const char *name, const char *local, const char *remote,
		   bool outer_csum);

/* A device over `parent`, placed in netns_fd; `kind`: "macvlan" (bridge mode) or "ipvlan" (L2). */
int link_add_over(struct nl *nl, const char *kind, const char *name, int parent, int netns_fd);

int link_set_up(struct nl *nl, int index);
int link_set_master(struct nl *nl, int index, int master);
int link_set_mac(struct nl *nl, int index, const uint8_t mac[6]);

/*
 * Adds address/prefix_len, IPv6 without duplicate address detection. If `seconds` is not 0, the
 * kernel removes the address after that time, and an address that is there already gets the new
 * time; else that is -EEXIST.
 */
int link_addr_add(struct nl *nl, int index, const char *address, unsigned int prefix_len,
		  uint32_t seconds);

/*
 * The same for a link between two: `address` here, `peer` at the other end. The host routes to the
 * peer's address alone.
 */
int link_peer_add(struct nl *nl, int index, const char *address, const char *peer,
		  uint32_t seconds);

/* -EADDRNOTAVAIL if the device has no such address. */
int link_peer_delete(struct nl *nl, int index, const char *address, const char *peer);

/* Adds a permanent neighbour entry. */
int link_neigh_add(struct nl *nl, int index, const char *address, const uint8_t mac[6]);

/*
 * The MAC address of a neighbour entry, permanent or learned; -ENOENT if there is none, or it has
 * no MAC address yet. Needs Linux 5.0.
 */
int link_neigh_get(struct nl *nl, int index, const char *address, uint8_t ret_mac[6]);

/* Deletes a neighbour entry, permanent or learned; -ENOENT if there is none. */
int link_neigh_delete(struct nl *nl, int index, const char *address);

#endif
