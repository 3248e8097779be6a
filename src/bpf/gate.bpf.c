// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The programs around a probe's TAP.
 *
 * tsum_gate, at the TAP's ingress, after GRO: notes in which conversations GRO merged segments. If
 * the probe plays a NIC that vouches for packets it did not check, marks every packet
 * CHECKSUM_UNNECESSARY. If packets must enter by another device (--via), hands them to its ingress.
 *
 * tsum_gate_out, at that device's egress: hands packets for the peer to the TAP. The peer's frames
 * have neither IP options nor extension headers, except in fragments, whose ports are not needed.
 *
 * If that device is a VXLAN device, packets still enter by the TAP, with outer headers. Packets for
 * the peer are left to the device, with a MAC address that makes their outer packets leave by the
 * TAP.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 vouching = 0;

const volatile __u32 tap = 0, via = 0; /* interface indices; via 0: none */
const volatile __u32 inner =
	0; /* offset of the inner frame in what enters by the TAP; 0: no tunnel */
const volatile __u8
	far_mac[6]; /* with a tunnel: the MAC address that packets for the peer are sent to */
const volatile __u8 peer_v4[4];
const volatile __u8 peer_v6[16];

/* By the peer's port. */
__u8 merged[65536];

enum {
	TYPE = 12,
	V4_DST = 14 + 16,
	V6_DST = 14 + 24,
	V6_NEXT = 14 + 6,
	V6_ICMP_TYPE = 14 + 40,
	V6_TARGET = 14 + 40 + 8,
	ARP_TARGET = 14 + 24,
	NEIGHBOUR_SOLICITATION = 135,
};

/*
 * QUERY fails unless the packet is UNNECESSARY; otherwise it returns how many sums beyond the first
 * are vouched for. INC leaves PARTIAL and COMPLETE alone. A tunnel packet has two sums, and a NIC
 * that knows tunnels vouches for both.
 */
static __always_inline void vouch_for_tunnel(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) < 0)
		bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	if (inner && bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) == 0)
		bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
}

SEC("tc")
int tsum_gate(struct __sk_buff *skb)
{
	__be16 type = 0, port;
	__u32 number;

	if (skb->gso_segs > 1 && !bpf_skb_load_bytes(skb, inner + TYPE, &type, sizeof(type)) &&
	    !bpf_skb_load_bytes(skb, inner + 14 + (type == bpf_htons(0x86dd) ? 40 : 20), &port,
				sizeof(port))) {
		number = bpf_ntohs(port);
		/*
		 * The verifier of Linux 6.1 does not know the bounds of a swapped number and needs
		 * the mask, which the compiler would leave out without the barrier.
		 */
		barrier_var(number);
		merged[number & 0xffff] = 1;
	}
	if (vouching)
		vouch_for_tunnel(skb);
	return via && !inner ? bpf_redirect(via, BPF_F_INGRESS) : TC_ACT_UNSPEC;
}

static __always_inline int bytes_are(struct __sk_buff *skb, __u32 at, const volatile __u8 *address,
				     int len)
{
	__u8 bytes[16] = { 0 };

	if (bpf_skb_load_bytes(skb, at, bytes, len))
		return 0;
	for (int i = 0; i < len; i++)
		if (bytes[i] != address[i])
			return 0;
	return 1;
}

static __always_inline int asks_for_peer(struct __sk_buff *skb)
{
	__u8 next = 0, type = 0;

	bpf_skb_load_bytes(skb, V6_NEXT, &next, 1);
	bpf_skb_load_bytes(skb, V6_ICMP_TYPE, &type, 1);
	return next == 58 && type == NEIGHBOUR_SOLICITATION &&
	       bytes_are(skb, V6_TARGET, peer_v6, 16);
}

SEC("tc")
int tsum_gate_out(struct __sk_buff *skb)
{
	__u8 mac[6];
	int ours = 0;

	switch (bpf_ntohs((__u16)skb->protocol)) {
	case 0x0800:
		ours = bytes_are(skb, V4_DST, peer_v4, 4);
		break;
	case 0x0806:
		ours = bytes_are(skb, ARP_TARGET, peer_v4, 4);
		break;
	case 0x86dd:
		ours = bytes_are(skb, V6_DST, peer_v6, 16) || asks_for_peer(skb);
		break;
	}
	if (!ours)
		return TC_ACT_UNSPEC;
	if (!inner)
		return bpf_redirect(tap, 0);
	/* So that no routing rule by mark leads the outer packet elsewhere. */
	skb->mark = 0;
	for (int i = 0; i < 6; i++)
		mac[i] = far_mac[i];
	return bpf_skb_store_bytes(skb, 0, mac, sizeof(mac), 0) ? TC_ACT_SHOT : TC_ACT_OK;
}
