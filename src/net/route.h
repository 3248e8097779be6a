/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asking the kernel which way it would send. */
#ifndef TRUESUM_NET_ROUTE_H
#define TRUESUM_NET_ROUTE_H

#include "net/nl.h"

struct route {
	int oif; /* the device it leaves by, 0: none */
	unsigned int prefix_len; /* of the route that matched; 0: a default route */
	unsigned char type; /* RTN_UNICAST, RTN_LOCAL, RTN_BLACKHOLE, ... */
};

/*
 * The route to an address, given as text, in the namespace of `nl` (NETLINK_ROUTE). -ENETUNREACH (or
 * -EHOSTUNREACH, -EACCES, -EINVAL for unreachable, prohibit, blackhole routes) where there is none.
 */
int route_get(struct nl *nl, const char *destination, struct route *ret_route);

#endif
