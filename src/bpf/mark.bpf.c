// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Marks on a packet's checksum: tc programs that turn CHECKSUM_NONE into CHECKSUM_UNNECESSARY
 * ("vouch") or back ("reset"). None of them touches PARTIAL or COMPLETE, and all let the next
 * filter decide (TC_ACT_UNSPEC).
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/kernel.h"
#include "bpf/mark.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/*
 * NETIF_F_RXCSUM's bit in net_device.features; its number differs between releases, so user space
 * sets it.
 */
const volatile __u32 rxcsum_bit = 0;

/* Weak: a kernel before 6.2 lacks it, and can still load the programs that do not call it. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/*
 * QUERY fails unless the packet is UNNECESSARY already. INC leaves PARTIAL and COMPLETE alone.
 */
static __always_inline void vouch_for(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) < 0)
		bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
}

/* A NIC that vouches for every packet, damaged or not. */
SEC("tc")
int tsum_vouch(struct __sk_buff *skb)
{
	vouch_for(skb);
	return TC_ACT_UNSPEC;
}

/*
 * A NIC that vouches for good packets only: the wire's switch sets a special source MAC in damaged
 * ones.
 */
SEC("tc")
int tsum_honest(struct __sk_buff *skb)
{
	static const __u8 damaged[6] = MARK_DAMAGED_MAC;
	__u8 source[6];
	int differs = 0;

	if (bpf_skb_load_bytes(skb, 6, source, sizeof(source)) < 0)
		return TC_ACT_UNSPEC;
	for (int i = 0; i < 6; i++)
		differs |= source[i] ^ damaged[i];
	if (differs)
		vouch_for(skb);
	return TC_ACT_UNSPEC;
}

/* Takes the mark back: the stack verifies again. */
SEC("tc")
int tsum_reset(struct __sk_buff *skb)
{
	bpf_csum_level(skb, BPF_CSUM_LEVEL_RESET);
	return TC_ACT_UNSPEC;
}

/*
 * veth_xmit() as it was before commit ce8c839b74e3 (Linux 4.4), on the egress of a veth:
 *	if (skb->ip_summed == CHECKSUM_NONE && rcv->features & NETIF_F_RXCSUM)
 *		skb->ip_summed = CHECKSUM_UNNECESSARY;
 * `rcv`, the receiving end, is the first member of veth's private data, which begins after struct
 * net_device, aligned to 32 bytes (netdev_priv()).
 */
SEC("tc")
int tsum_veth_2016(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct net_device *dev = BPF_CORE_READ(skb, dev), *rcv = NULL;
	__u64 private = (bpf_core_type_size(struct net_device) + 31) & ~31ULL;

	bpf_probe_read_kernel(&rcv, sizeof(rcv), (void *)dev + private);
	if (rcv && BPF_CORE_READ(rcv, features) & (1ULL << rxcsum_bit))
		vouch_for(ctx);
	return TC_ACT_UNSPEC;
}
