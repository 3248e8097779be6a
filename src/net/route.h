/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes by rtnetlink: which way the kernel would send, and changes of the main table. */
#ifndef TRUESUM_NET_ROUTE_H
#define TRUESUM_NET_ROUTE_H

#include <stdbool.h>

struct nl;

struct route {
	int oif; /* the device it leaves by, 0: none */
	unsigned char gateway[16]; /* network order; IPv4: the first 4; valid if has_gateway */
	bool has_gateway;
	unsigned int prefix_len; /* of the route that matched; 0: a default route */
	unsigned char type; /* RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE, ... */
};

/*
 * The route to an address, given as text, in the namespace of `nl` (NETLINK_ROUTE). -ENETUNREACH
 * (or -EHOSTUNREACH, -EACCES, -EINVAL for unreachable, prohibit, blackhole routes) if there is
 * none.
 *
 * iif 0: for a packet of this host's own; `source` NULL. Else for a packet from `source` (4 or 16
 * bytes, network order) that came in by device `iif`: rules, forwarding and rp_filter decide, too,
 * and the result has no prefix_len and no gateway.
 */
int route_get(struct nl *nl, const char *destination, const unsigned char *source, int iif,
	      struct route *ret_route);

/*
 * Adds a route to destination/prefix_len ("0.0.0.0"/0 or "::"/0: the default route) through
 * `gateway` (NULL: on link) by device `index` (0: the device that leads to the gateway).
 */
int route_add(struct nl *nl, const char *destination, unsigned int prefix_len, const char *gateway,
	      int index);

/* Deletes a route by device `index`; -ESRCH if there is none. */
int route_delete(struct nl *nl, const char *destination, unsigned int prefix_len, int index);

#endif
