/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where the kernel drops packets of ours, and why: the tracepoint skb:kfree_skb with its reason (kernel
 * 5.17). Only packets from or to one address of each family are looked at, in the open or inside of VXLAN
 * packets from or to one outer address. Other namespaces may have that address, too: who asks knows which
 * are meant. Where no namespace can be told, it was dropped while this process read it from a socket.
 */
#ifndef TRUESUM_BPF_DROP_H
#define TRUESUM_BPF_DROP_H

#include <linux/types.h>

struct drop_key {
	__u32 reason; /* enum skb_drop_reason of this kernel */
	__u32 netns; /* inode number of the namespace it was dropped in; 0: read by this process */
	__u16 port; /* the port at that address, host order */
	__u8 outbound; /* to the address, not from it */
	__u8 proto;
	__u8 tunnelled; /* it was dropped with its outer headers on */
	__u8 pad[3]; /* 0 */
};

#ifndef __bpf__
#include <stddef.h>
#include <stdint.h>

struct drops;

/* Whose packets, in network order. */
struct drops_of {
	uint8_t v4[4], v6[16];
	int outer_family; /* of a tunnel's far end, AF_INET or AF_INET6; 0: no tunnel */
	uint8_t outer[16]; /* IPv4: the first 4 */
	uint16_t outer_port; /* the UDP port that VXLAN packets are sent to; host order */
};

/* Starts to look. -EOPNOTSUPP with a sentence where this kernel has no such tracepoint, reasons or BTF. */
int drops_open(const struct drops_of *of, struct drops **ret_drops);
void drops_close(struct drops *drops);
void drops_cleanup(struct drops **drops);

/* Calls `fn` for every key seen so far with its number of packets; `reason` as the kernel names it ("TCP_CSUM"). */
typedef void (*drops_fn)(void *owner, const struct drop_key *key, const char *reason,
			 uint64_t packets);
int drops_each(const struct drops *drops, drops_fn fn, void *owner);
#endif

#endif
