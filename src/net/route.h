/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the kernel which way it would send. */
#ifndef TRUESUM_NET_ROUTE_H
#define TRUESUM_NET_ROUTE_H

#include <stdbool.h>

#include "net/nl.h"

struct route {
	int oif; /* the device it leaves by, 0: none */
	unsigned char gateway[16]; /* network order; IPv4: the first 4; valid if has_gateway */
	bool has_gateway;
	unsigned int prefix_len; /* of the route that matched; 0: a default route */
	unsigned char type; /* RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE, ... */
};

/*
 * The route to an address, given as text, in the namespace of `nl` (NETLINK_ROUTE). -ENETUNREACH (or
 * -EHOSTUNREACH, -EACCES, -EINVAL for unreachable, prohibit, blackhole routes) where there is none.
 */
int route_get(struct nl *nl, const char *destination, struct route *ret_route);

/*
 * The same for a packet from `source` (4 or 16 bytes, network order) that came in by device `iif`: rules,
 * forwarding and rp_filter have their say. The kernel's -errno where it would not send it on. prefix_len and
 * gateway are not told.
 */
int route_forward(struct nl *nl, const char *destination, const unsigned char *source, int iif,
		  struct route *ret_route);

#endif
