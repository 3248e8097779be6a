/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VXLAN devices of the host: how they encapsulate, and their forwarding entries, by rtnetlink. */
#ifndef TRUESUM_NET_VXLAN_H
#define TRUESUM_NET_VXLAN_H

#include <stdbool.h>
#include <stdint.h>

struct nl;

struct vxlan {
	bool v6; /* its outer packets are IPv6 */
	uint16_t port; /* UDP, on which it listens and to which it sends; host order */
	/* no VNI of its own: the sender sets the destination of each packet (collect metadata) */
	bool external;
	bool gpe; /* the inner packet may be something else than a frame (VXLAN-GPE) */
	/* the far end finishes inner checksums (remote checksum offload) */
	bool remote_csum;
};

/* -EINVAL with a sentence if device `index` is not a VXLAN device. */
int vxlan_get(struct nl *nl, int index, struct vxlan *ret_vxlan);

/*
 * Adds or replaces a permanent entry: frames to `mac` go to the VTEP with address `to`, by device
 * `by` (0: by the route). vxlan_fdb_delete(): -ENOENT if there is none; if the device is a port of
 * a bridge, the bridge forgets the address, too.
 */
int vxlan_fdb_add(struct nl *nl, int index, const uint8_t mac[6], const char *to, int by);
int vxlan_fdb_delete(struct nl *nl, int index, const uint8_t mac[6]);

#endif
