/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a target's packets to the peer reach the gate. Asked before anything is sent. */
#ifndef TRUESUM_PROBE_REACH_H
#define TRUESUM_PROBE_REACH_H

#include <stddef.h>

struct device;
struct inventory;

/*
 * Follows the target's route to the peer from device to device: over veth pairs, possibly through
 * other containers, into the namespace truesum runs in, and from there by that namespace's rules
 * and routes, or through a bridge, to the gate's `entrance` (index of the device by which packets
 * enter). *ret_forwards: how many namespaces forward on the way, each taking one off the hop
 * limit. -ENETUNREACH, -EADDRINUSE or -EHOSTUNREACH, with the reason in `why`, if the way does not
 * end at the gate: our packets must not leave by any other.
 */
int reach_gate(const struct inventory *inventory, size_t space, int family, int entrance,
	       unsigned int *ret_forwards, char *why, size_t size);

/* The target's own device on its route to the peer; NULL if there is no such route. */
const struct device *reach_device(const struct inventory *inventory, size_t space, int family);

#endif
