/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VXLAN devices of the host: how they encapsulate, and their forwarding entries, by rtnetlink. */
#ifndef TRUESUM_NET_VXLAN_H
#define TRUESUM_NET_VXLAN_H

#include <stdbool.h>
#include <stdint.h>

struct nl;

struct vxlan {
	bool v6; /* its outer packets are IPv6 */
	uint16_t port; /* UDP, where it listens and sends to; host order */
	bool external; /* no VNI of its own: who sends by it says where to (collect metadata) */
	bool gpe; /* what is inside need not be a frame (VXLAN-GPE) */
	/* inner checksums are finished behind the tunnel (remote checksum offload) */
	bool remote_csum;
};

/* -EINVAL with a sentence where device `index` is no VXLAN device. */
int vxlan_get(struct nl *nl, int index, struct vxlan *ret_vxlan);

/*
 * Adds a permanent entry: what goes to `mac` goes to the VTEP with address `to`, and by device `by`
 * (0: by its route). Replaces one that is there. vxlan_fdb_delete(): -ENOENT where there is none; a
 * bridge that the device is a port of forgets the address, too.
 */
int vxlan_fdb_add(struct nl *nl, int index, const uint8_t mac[6], const char *to, int by);
int vxlan_fdb_delete(struct nl *nl, int index, const uint8_t mac[6]);

#endif
