// SPDX-License-Identifier: GPL-2.0-or-later
/* Following routes: see reach.h. */
#include "probe/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "net/inventory.h"
#include "net/link.h"
#include "net/nl.h"
#include "net/route.h"
#include "probe/gate.h"

#define HOPS_MAX 8

static int route_of(const struct space *space, const char *peer, struct route *ret_route)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(space->fd, NETLINK_ROUTE, &nl);

	return rc ? rc : route_get(nl, peer, NULL, 0, ret_route);
}

const struct device *reach_device(const struct inventory *inventory, size_t space, int family)
{
	const struct space *here = &inventory->space[space];
	struct route route = { 0 };

	if (route_of(here, family == AF_INET ? GATE_PEER_V4 : GATE_PEER_V6, &route))
		return NULL;
	return inventory_device(here, NULL, route.oif);
}

static int no_way(char *why, size_t size, const struct space *space, const struct device *device,
		  bool first)
{
	char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)] = "unknown device";

	if (device)
		term_printable(name, sizeof(name), device->name);
	snprintf(why, size,
		 "its packets leave %s%sby %s%s%s%s, which does not lead to this host's routing",
		 first ? "" : space->name, first ? "" : " ", name,
		 device && device->kind[0] ? " (" : "", device ? device->kind : "",
		 device && device->kind[0] ? ")" : "");
	return -EHOSTUNREACH;
}

static bool is_own_address(const struct space *own, int family, const uint8_t *address)
{
	size_t len = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < own->device_count; i++)
		for (size_t k = 0; k < own->device[i].address_count; k++)
			if (own->device[i].address[k].family == family &&
			    !memcmp(own->device[i].address[k].address, address, len))
				return true;
	return false;
}

/*
 * The last step, in our own namespace: whether what came in by `device` leaves by the entrance.
 * *ret_is_routed: this namespace forwards it; false if a bridge takes it past its routing.
 */
static int reach_entrance(const struct space *own, const struct device *device,
			  const struct route *route, const uint8_t *source, int family,
			  int entrance, bool *ret_is_routed, char *why, size_t size)
{
	const struct device *way_in = inventory_device(own, NULL, entrance);
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct route forward = { 0 };
	int rc;

	*ret_is_routed = true;
	if (device->index == entrance)
		return 0;
	/* If the device is a bridge's port, the next hop may be any host on the bridge. */
	if (device->master &&
	    !(route->has_gateway && is_own_address(own, family, route->gateway))) {
		*ret_is_routed = false;
		if (way_in && (way_in->index == device->master || way_in->master == device->master))
			return 0;
		snprintf(why, size,
			 "a bridge takes its packets past this host's routing: name the "
			 "bridge's port by --via");
		return -EHOSTUNREACH;
	}
	if (!source)
		return 0;
	rc = nl_open(-1, NETLINK_ROUTE, &nl);
	/*
	 * If the kernel would not forward the packets, it drops them and reports the reason: no
	 * harm done.
	 */
	if (rc || route_get(nl, family == AF_INET ? GATE_PEER_V4 : GATE_PEER_V6, source,
			    device->master ? device->master : device->index, &forward))
		return rc;
	if (forward.oif == entrance)
		return 0;
	snprintf(
		why, size,
		"the host's routing rules would send its packets out by another device than the probe's");
	return -EHOSTUNREACH;
}

int reach_gate(const struct inventory *inventory, size_t space, int family, int entrance,
	       struct reach *ret_reach, char *why, size_t size)
{
	bool v4 = family == AF_INET;
	const char *peer = v4 ? GATE_PEER_V4 : GATE_PEER_V6;
	unsigned int documentation = v4 ? GATE_DOCUMENTATION_V4 : GATE_DOCUMENTATION_V6;
	const uint8_t *source = NULL;
	struct reach reach = { 0 };
	size_t at = space;

	for (unsigned int hop = 0; hop < HOPS_MAX; hop++) {
		const struct space *here = &inventory->space[at];
		const struct device *device, *other;
		struct route route = { 0 };

		if (route_of(here, peer, &route)) {
			snprintf(why, size, "%s%s no route to the outside",
				 hop ? here->name : "it has", hop ? " has" : "");
			return -ENETUNREACH;
		}
		if (route.prefix_len >= documentation) {
			snprintf(why, size,
				 "a route leads to %s, a documentation address that the probe "
				 "needs for itself",
				 peer);
			return -EADDRINUSE;
		}
		device = inventory_device(here, NULL, route.oif);
		other = device ? inventory_link(inventory, device, &at) : NULL;
		if (!hop && device)
			source = device_global_address(device, family);
		reach.forwards = hop;
		/* A macvlan's packets leave by its lower device at once. */
		if (other && inventory->space[at].own && other->index == entrance &&
		    strcmp(device->kind, other->kind) != 0) {
			*ret_reach = reach;
			return 0;
		}
		/* By any other one they go past this host's routing. */
		if (!other || strcmp(device->kind, other->kind) != 0)
			return no_way(why, size, here, device, !hop);
		if (inventory->space[at].own) {
			int rc = reach_entrance(&inventory->space[at], other, &route,
						hop ? NULL : source, family, entrance,
						&reach.is_routed, why, size);

			if (rc)
				return rc;
			reach.forwards += reach.is_routed;
			reach.next = (size_t)(here - inventory->space);
			reach.port = other;
			*ret_reach = reach;
			return 0;
		}
	}
	snprintf(why, size, "its way out leads through more than %d namespaces", HOPS_MAX);
	return -EHOSTUNREACH;
}

/* Whether a device of the space has the MAC address, and the IP address if one is given. */
static bool has_mac(const struct space *space, const uint8_t mac[6], int family,
		    const uint8_t *address)
{
	size_t len = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < space->device_count; i++) {
		const struct device *device = &space->device[i];

		if (memcmp(device->mac, mac, sizeof(device->mac)) != 0)
			continue;
		if (!address)
			return true;
		for (size_t k = 0; k < device->address_count; k++)
			if (device->address[k].family == family &&
			    !memcmp(device->address[k].address, address, len))
				return true;
	}
	return false;
}

bool reach_router_is_wrong(const struct inventory *inventory, size_t space, int family,
			   const struct reach *reach)
{
	const char *peer = family == AF_INET ? GATE_PEER_V4 : GATE_PEER_V6;
	const struct space *here = &inventory->space[space];
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char gateway[INET6_ADDRSTRLEN];
	struct route route = { 0 };
	uint8_t mac[6];

	if (nl_open(here->fd, NETLINK_ROUTE, &nl) || route_get(nl, peer, NULL, 0, &route) ||
	    !route.has_gateway || !inet_ntop(family, route.gateway, gateway, sizeof(gateway)) ||
	    link_neigh_get(nl, route.oif, gateway, mac))
		return false;
	if (reach->is_routed)
		return !has_mac(&inventory->space[0], mac, family, route.gateway);
	/* The router is out there: its MAC address is not known, but is no container's. */
	for (size_t i = 0; i < inventory->space_count; i++)
		if (!inventory->space[i].own && has_mac(&inventory->space[i], mac, family, NULL))
			return true;
	return false;
}
