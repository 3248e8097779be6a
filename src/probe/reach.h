/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a target's packets to the peer reach the gate. Asked before anything is sent. */
#ifndef TRUESUM_PROBE_REACH_H
#define TRUESUM_PROBE_REACH_H

#include <stdbool.h>
#include <stddef.h>

struct device;
struct inventory;

/* A target's way to the gate. */
struct reach {
	/* how many namespaces forward its packets on the way, each taking one off the hop limit */
	unsigned int forwards;
	size_t next; /* the namespace next to the host: the target's own, or one that forwards */
	const struct device *port; /* the host's device that leads there; NULL: none of its own */
	bool is_routed; /* the host forwards its packets; no bridge takes them past its routing */
};

/*
 * Follows the target's route to the peer from device to device: over veth pairs, possibly through
 * other containers, into the namespace truesum runs in, and from there by that namespace's rules
 * and routes, or through a bridge, to the gate's `entrance` (index of the device by which packets
 * enter). -ENETUNREACH, -EADDRINUSE or -EHOSTUNREACH, with the reason in `why`, if the way does not
 * end at the gate: our packets must not leave by any other.
 */
int reach_gate(const struct inventory *inventory, size_t space, int family, int entrance,
	       struct reach *ret_reach, char *why, size_t size);

/*
 * Whether the target believes that its router, which the host or a bridge leads to, has a MAC
 * address that is somebody else's. False if there is nothing to tell from. Only for a target next
 * to the host (reach->next is the target itself).
 */
bool reach_router_is_wrong(const struct inventory *inventory, size_t space, int family,
			   const struct reach *reach);

/* The target's own device on its route to the peer; NULL if there is no such route. */
const struct device *reach_device(const struct inventory *inventory, size_t space, int family);

#endif
