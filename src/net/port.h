/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two kinds of port at the ends of the wire. Both read and write whole Ethernet frames after a
 * struct virtio_net_hdr of PORT_HEADER bytes, which says whether the frame's checksum is unfinished
 * (VIRTIO_NET_HDR_F_NEEDS_CSUM: csum_start, csum_offset).
 */
#ifndef TRUESUM_NET_PORT_H
#define TRUESUM_NET_PORT_H

#define PORT_HEADER 10 /* sizeof(struct virtio_net_hdr) */

/*
 * A TAP device called `name` in the namespace, gone when *ret_fd is closed. The stack finishes
 * every sum and segment before the frame is read; a frame written arrives as CHECKSUM_NONE or, with
 * NEEDS_CSUM, as CHECKSUM_PARTIAL (drivers/net/tun.c).
 */
int port_open_tap(int netns_fd, const char *name, int *ret_fd);

/*
 * A packet socket on device `index` of the namespace: reads what the device receives (not what its
 * own stack sends), sums left unfinished as they are, and writes frames out of it (net/packet/
 * af_packet.c, PACKET_VNET_HDR).
 */
int port_open_packet(int netns_fd, int index, int *ret_fd);

#endif
