/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What becomes of a probe's packets on this host.
 *
 * Where the kernel drops them, and why: the tracepoint skb:kfree_skb with its reason
 * (kernel 5.17). Counts only packets from or to the peer, which has one address of each family,
 * and those inside VXLAN packets from or to one outer address, if they carry the secret or the
 * sequence numbers of an exchange (token.h): anybody can send packets with the peer's address
 * and have them dropped. If a packet's namespace is not known, it was dropped while this process
 * read it from a socket.
 *
 * By which ports of the host's bridges they go astray: the tracepoint net:net_dev_start_xmit. If a
 * container claims a target's address, by ARP, neighbour discovery or the source of a frame, or
 * that of its router, it gets the packets by a port that leads to it. It cannot hide this, as the
 * port is the host's.
 */
#ifndef TRUESUM_BPF_DROP_H
#define TRUESUM_BPF_DROP_H

#include <linux/types.h>

struct drop_key {
	__u32 reason; /* enum skb_drop_reason of this kernel */
	__u32 netns; /* inode number of the namespace it was dropped in; 0: read by this process */
	__u32 number; /* of the exchange: struct token */
	__u8 outbound; /* to the peer, not from it */
	__u8 proto;
	__u8 tunnelled; /* it was dropped with its outer headers still on */
	__u8 pad; /* 0 */
};

/* Packets of an exchange that left by a port that leads elsewhere than the token says. */
struct drop_stray {
	__u32 number; /* of the exchange */
	__u32 ifindex; /* of the port */
	__u32 outbound; /* to the peer, not from it */
};

#define DROP_ANYWHERE 0xffffffff /* where a port leads: packets of all exchanges may leave by it */

#ifndef __bpf__
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct drops;

/* The peer's addresses, in network order. */
struct drops_of {
	uint8_t v4[4], v6[16];
	int outer_family; /* of a tunnel's far end, AF_INET or AF_INET6; 0: no tunnel */
	uint8_t outer[16]; /* IPv4: the first 4 */
	uint16_t outer_port; /* the UDP port that VXLAN packets are sent to; host order */
	int tokens_fd; /* token_table_fd() */
	uint32_t netns; /* the host's: inode number */
};

/*
 * Starts to count. -EOPNOTSUPP with a sentence if this kernel has no such tracepoint, reasons or
 * BTF.
 */
int drop_open(const struct drops_of *of, struct drops **ret_drops);
void drop_close(struct drops *drops);
DEFINE_CLEANUP(struct drops *, drops, drop_close)

/*
 * Calls `fn` for every key seen so far, with its number of packets. `reason` is the kernel's name
 * for it ("TCP_CSUM").
 */
typedef void (*drops_fn)(void *owner, const struct drop_key *key, const char *reason,
			 uint64_t packets);
int drop_each(const struct drops *drops, drops_fn fn, void *owner);

/*
 * Says where a port of one of the host's bridges leads: DROP_ANYWHERE, or a number as in the
 * exchanges' tokens (leads_to). Packets stray if they leave by a port of which nothing was said.
 */
int drop_allow_port(const struct drops *drops, int ifindex, uint32_t leads_to);

/* Calls `fn` for everything that went astray so far. */
typedef void (*drops_stray_fn)(void *owner, const struct drop_stray *stray);
int drop_each_stray(const struct drops *drops, drops_stray_fn fn, void *owner);
#endif

#endif
