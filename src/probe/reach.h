/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether what a target sends to the peer comes to the gate, before anything is sent. */
#ifndef TRUESUM_PROBE_REACH_H
#define TRUESUM_PROBE_REACH_H

#include <stddef.h>

#include "net/inventory.h"

/*
 * Follows the target's route to the peer from device to device: over veth pairs, through other containers
 * perhaps, into the namespace truesum runs in, and there by its rules and routes, or through a bridge, to the
 * gate's `entrance` (index of the device by which packets enter). 0, with the number of namespaces that
 * forward; or -ENETUNREACH, -EADDRINUSE or -EHOSTUNREACH with a reason in `why`: no packet of ours shall
 * leave by a way that does not end at the gate.
 */
int reach_gate(const struct inventory *inventory, size_t space, int family, int entrance,
	       unsigned int *ret_forwards, char *why, size_t size);

/* The target's own device by which its route to the peer leads; NULL where there is no such route. */
const struct device *reach_device(const struct inventory *inventory, size_t space, int family);

#endif
