/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Where the kernel drops packets of ours, and why: the tracepoint skb:kfree_skb with its reason (kernel
 * 5.17). Only packets from or to one address of each family are looked at.
 */
#ifndef TRUESUM_BPF_DROP_H
#define TRUESUM_BPF_DROP_H

#include <linux/types.h>

struct drop_key {
	__u32 reason; /* enum skb_drop_reason of this kernel */
	__u32 netns; /* inode number of the namespace it was dropped in; 0: not known */
	__u16 port; /* the port at that address, host order */
	__u8 outbound; /* to the address, not from it */
	__u8 proto;
};

#ifndef __bpf__
#include <stddef.h>
#include <stdint.h>

struct drops;

/*
 * Starts to look, for the addresses given in network order (IPv4: 4 bytes, IPv6: 16). -EOPNOTSUPP with a
 * sentence where this kernel has no such tracepoint, reasons or BTF.
 */
int drops_open(const uint8_t v4[4], const uint8_t v6[16], struct drops **ret_drops);
void drops_close(struct drops *drops);
void drops_cleanup(struct drops **drops);

/* Calls `fn` for every key seen so far with its number of packets; `reason` as the kernel names it ("TCP_CSUM"). */
typedef void (*drops_fn)(void *owner, const struct drop_key *key, const char *reason,
			 uint64_t packets);
int drops_each(const struct drops *drops, drops_fn fn, void *owner);
#endif

#endif
