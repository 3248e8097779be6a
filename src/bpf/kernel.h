/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The kernel's structures, with the used fields only. Their offsets are relocated when a program is
 * loaded (CO-RE).
 */
#ifndef TRUESUM_BPF_KERNEL_H
#define TRUESUM_BPF_KERNEL_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	unsigned int priv_flags; /* IFF_BRIDGE_PORT, ...; a bit field since Linux 6.12 */
	int ifindex;
	__u64 features;
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	/* a pointer; low bit set: it holds no reference (SKB_DST_NOREF) */
	unsigned long _skb_refdst;
	unsigned char *head;
	unsigned char *data;
	__u16 csum_start; /* from head */
	__u16 network_header; /* from head */
	__u8 ip_summed : 2;
};

#pragma clang attribute pop

#define IFF_BRIDGE_PORT (1 << 9) /* net_device.priv_flags (include/linux/netdevice.h) */

/* sk_buff.ip_summed (include/linux/skbuff.h) */
enum {
	CHECKSUM_NONE,
	CHECKSUM_UNNECESSARY,
	CHECKSUM_COMPLETE,
	CHECKSUM_PARTIAL,
};

#endif
