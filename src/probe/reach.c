// SPDX-License-Identifier: GPL-2.0-or-later
/* Following routes: see reach.h. */
#include "probe/reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "net/nl.h"
#include "net/route.h"
#include "probe/gate.h"

#define HOPS_MAX 8

static const struct device *device_by_index(const struct space *space, int index)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (space->device[i].index == index)
			return &space->device[i];
	return NULL;
}

static int route_of(const struct space *space, const char *peer, struct route *ret_route)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(space->fd, NETLINK_ROUTE, &nl);

	return rc ? rc : route_get(nl, peer, ret_route);
}

static int no_way(char *why, size_t size, const struct space *space, const struct device *device,
		  bool first)
{
	char name[IFNAMSIZ] = "a device unknown";

	if (device)
		term_printable(name, sizeof(name), device->name);
	snprintf(why, size,
		 "what it sends leaves %s%sby %s%s%s%s, which does not lead to this host's routing",
		 first ? "" : space->name, first ? "" : " ", name,
		 device && device->kind[0] ? " (" : "", device ? device->kind : "",
		 device && device->kind[0] ? ")" : "");
	return -EHOSTUNREACH;
}

int reach_gate(const struct inventory *inventory, size_t space, int family, int entrance, char *why,
	       size_t size)
{
	bool v4 = family == AF_INET;
	const char *peer = v4 ? GATE_PEER_V4 : GATE_PEER_V6;
	unsigned int documentation = v4 ? GATE_DOCUMENTATION_V4 : GATE_DOCUMENTATION_V6;
	size_t at = space;

	for (unsigned int hop = 0; hop < HOPS_MAX; hop++) {
		const struct space *here = &inventory->space[at];
		const struct device *device, *other;
		struct route route = { 0 };

		if (here->own)
			return 0;
		if (route_of(here, peer, &route)) {
			snprintf(why, size, "%s%s no route to the outside",
				 hop ? here->name : "it has", hop ? " has" : "");
			return -ENETUNREACH;
		}
		if (route.prefix_len >= documentation) {
			snprintf(why, size,
				 "a route there leads to %s, a documentation address that the "
				 "probe needs for itself",
				 peer);
			return -EADDRINUSE;
		}
		device = device_by_index(here, route.oif);
		other = device ? inventory_link(inventory, device, &at) : NULL;
		if (other && inventory->space[at].own && other->index == entrance)
			return 0;
		/* A macvlan's lower device is a way past this host's routing. */
		if (!other || strcmp(device->kind, other->kind) != 0)
			return no_way(why, size, here, device, !hop);
	}
	snprintf(why, size, "its way out leads through more than %d namespaces", HOPS_MAX);
	return -EHOSTUNREACH;
}
