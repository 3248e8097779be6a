// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The programs around a probe's TAP.
 *
 * tsum_gate, at the TAP's ingress, after GRO: notes in which exchanges GRO merged segments. If
 * the probe plays a NIC that vouches for packets it did not check, marks every packet
 * CHECKSUM_UNNECESSARY. If packets must enter by another device (--via), hands them to its ingress.
 *
 * tsum_gate_out, at that device's egress: hands packets for the peer to the TAP. The peer's frames
 * have neither IP options nor extension headers, except in fragments, whose ports are not needed.
 *
 * tsum_gate_filter, at the TAP's egress, in front of the peer: lets through what carries the secret
 * or the sequence numbers of an exchange (token.h), and questions for the peer's MAC address from
 * those whom the probe knows. Anybody may send to the peer's address: that is dropped and counted.
 *
 * tsum_answers, at the egress of a bridge on which somebody claims a target's address, and
 * tsum_requests, at the ingress of the target's port if somebody claims its router's: send the
 * peer's packets, and those to it, to the MAC addresses that the target and the bridge have,
 * whatever neighbour entries say; and answers by the target's port, if the bridge was made to
 * believe that the MAC address is elsewhere. They touch no other packets.
 *
 * If `via` is a VXLAN device, packets still enter by the TAP, with outer headers. Packets for
 * the peer are left to the device, with a MAC address that makes their outer packets leave by the
 * TAP.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/gate.h"
#include "bpf/token.h"

char _license[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 vouching = 0;

const volatile __u32 tap = 0, via = 0; /* interface indices; via 0: none */
const volatile __u32 inner =
	0; /* offset of the inner frame in what enters by the TAP; 0: no tunnel */
const volatile __u8
	far_mac[6]; /* with a tunnel: the MAC address that packets for the peer are sent to */
const volatile __u8 peer_v4[4];
const volatile __u8 peer_v6[16];
/* with a tunnel: the far VTEP's address, and the UDP port it listens on */
const volatile __u8 vtep_v4[4];
const volatile __u8 vtep_v6[16];
const volatile __u16 vtep_port = 0;

/* By the peer's port. */
__u8 merged[65536];

/* Frames to the peer that are not from the probe's targets. */
__u64 foreign = 0;

/* Who may ask for the peer's MAC address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, GATE_ASKERS_MAX);
	__type(key, struct gate_asker);
	__type(value, __u8);
} askers SEC(".maps");

/* Where answers go. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, GATE_ASKERS_MAX);
	__type(key, struct gate_station);
	__type(value, struct gate_lead);
} stations SEC(".maps");

/* Where requests go that come in by a bridge's port, by its interface index. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, GATE_ASKERS_MAX);
	__type(key, __u32);
	__type(value, struct gate_lead);
} ports SEC(".maps");

enum {
	TYPE = 12,
	V4_DST = 14 + 16,
	V6_DST = 14 + 24,
	V6_NEXT = 14 + 6,
	V6_ICMP_TYPE = 14 + 40,
	V6_TARGET = 14 + 40 + 8,
	ARP_TARGET = 14 + 24,
	NEIGHBOUR_SOLICITATION = 135,
	ETHERNET_LEN = 14,
	TYPE_V4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_V6 = 0x86dd,
	V4_LEN = 20,
	V6_LEN = 40,
	TCP_LEN = 20,
	UDP_LEN = 8,
	ARP_LEN = 28,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ICMP6 = 58,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
	ND_HOPS = 255, /* a router would have lowered it (RFC 4861 section 7.1.1) */
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

/* ---- In front of the peer ---- */

/* What becomes of a frame: not for the peer at all, somebody else's, or to be read by the peer. */
enum { NOISE, FOREIGN, OURS };

static __always_inline int same_bytes(const volatile __u8 *one, const __u8 *other, int len)
{
	for (int i = 0; i < len; i++)
		if (one[i] != other[i])
			return 0;
	return 1;
}

static __always_inline int is_asker(const __u8 *mac, __u8 version, const __u8 *address)
{
	struct gate_asker key = { .version = version };

	__builtin_memcpy(key.mac, mac, 6);
	__builtin_memcpy(key.address, address, version == 4 ? 4 : 16);
	return bpf_map_lookup_elem(&askers, &key) ? OURS : FOREIGN;
}

/* The asker names its MAC address in the Ethernet header; so does the answer. */
static __always_inline int judge_arp(struct __sk_buff *skb, __u32 at, const volatile __u8 *wanted)
{
	__u8 mac[6], arp[ARP_LEN];

	if (bpf_skb_load_bytes(skb, at + 6, mac, sizeof(mac)) ||
	    bpf_skb_load_bytes(skb, at + ETHERNET_LEN, arp, sizeof(arp)) ||
	    !same_bytes(wanted, arp + 24, 4))
		return NOISE;
	return same_bytes(arp + 8, mac, 6) ? is_asker(mac, 4, arp + 14) : FOREIGN;
}

static __always_inline int judge_solicitation(struct __sk_buff *skb, __u32 at, const __u8 *ip,
					      const volatile __u8 *wanted)
{
	__u8 mac[6], icmp[24];

	if (bpf_skb_load_bytes(skb, at + 6, mac, sizeof(mac)) ||
	    bpf_skb_load_bytes(skb, at + ETHERNET_LEN + V6_LEN, icmp, sizeof(icmp)) ||
	    icmp[0] != NEIGHBOUR_SOLICITATION || !same_bytes(wanted, icmp + 8, 16))
		return NOISE;
	return ip[7] == ND_HOPS ? is_asker(mac, 6, ip + 8) : FOREIGN;
}

static __always_inline int judge_tcp(struct __sk_buff *skb, __u32 at)
{
	__be32 tcp[TCP_LEN / 4]; /* ports, sequence number, acknowledged, flags, ... */
	__u32 port, flags;
	struct token *token;

	if (bpf_skb_load_bytes(skb, at, tcp, sizeof(tcp)))
		return FOREIGN;
	port = bpf_ntohl(tcp[0]) & 0xffff;
	flags = bpf_ntohl(tcp[3]) >> 16;
	token = bpf_map_lookup_elem(&tokens, &port);
	if (token && token_is_to_peer(token, (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN,
				      bpf_ntohl(tcp[1]), bpf_ntohl(tcp[2])))
		return OURS;
	/* A target's kernel refuses what comes after the end of an exchange. */
	return flags & TCP_RST ? NOISE : FOREIGN;
}

static __always_inline int judge_udp(struct __sk_buff *skb, __u32 at)
{
	struct token *token;
	__u64 secret[2];
	__be16 dst;
	__u32 port;

	if (bpf_skb_load_bytes(skb, at + 2, &dst, sizeof(dst)) ||
	    bpf_skb_load_bytes(skb, at + UDP_LEN, secret, sizeof(secret)))
		return FOREIGN;
	port = bpf_ntohs(dst);
	token = bpf_map_lookup_elem(&tokens, &port);
	return token && token_is_secret(token, secret) ? OURS : FOREIGN;
}

/* The targets' packets have neither IP options nor extension headers, and are no fragments. */
static __always_inline int judge_v4(struct __sk_buff *skb, __u32 at)
{
	__u8 ip[V4_LEN];

	if (bpf_skb_load_bytes(skb, at + ETHERNET_LEN, ip, sizeof(ip)) ||
	    !same_bytes(peer_v4, ip + 16, 4))
		return NOISE;
	if (ip[0] != 0x45 || ip[6] & 0x3f || ip[7])
		return FOREIGN;
	if (ip[9] == PROTO_TCP)
		return judge_tcp(skb, at + ETHERNET_LEN + V4_LEN);
	if (ip[9] == PROTO_UDP)
		return judge_udp(skb, at + ETHERNET_LEN + V4_LEN);
	return NOISE; /* ICMP: what a router reports */
}

static __always_inline int judge_v6(struct __sk_buff *skb, __u32 at)
{
	__u8 ip[V6_LEN];

	if (bpf_skb_load_bytes(skb, at + ETHERNET_LEN, ip, sizeof(ip)))
		return NOISE;
	if (ip[6] == PROTO_ICMP6)
		return judge_solicitation(skb, at, ip, peer_v6);
	if (!same_bytes(peer_v6, ip + 24, 16))
		return NOISE;
	if (ip[6] == PROTO_TCP)
		return judge_tcp(skb, at + ETHERNET_LEN + V6_LEN);
	return ip[6] == PROTO_UDP ? judge_udp(skb, at + ETHERNET_LEN + V6_LEN) : FOREIGN;
}

static __always_inline int judge_frame(struct __sk_buff *skb, __u32 at)
{
	__be16 type = 0;

	bpf_skb_load_bytes(skb, at + TYPE, &type, sizeof(type));
	switch (bpf_ntohs(type)) {
	case TYPE_V4:
		return judge_v4(skb, at);
	case TYPE_ARP:
		return judge_arp(skb, at, peer_v4);
	case TYPE_V6:
		return judge_v6(skb, at);
	default:
		return NOISE;
	}
}

/* Outer packets have headers of one length; what is not VXLAN can only ask for the VTEP. */
static __always_inline int judge_outer(struct __sk_buff *skb)
{
	__u8 ip[V6_LEN] = { 0 }, proto;
	__be16 type = 0, port = 0;

	bpf_skb_load_bytes(skb, TYPE, &type, sizeof(type));
	if (type == bpf_htons(TYPE_ARP))
		return judge_arp(skb, 0, vtep_v4);
	if (bpf_skb_load_bytes(skb, ETHERNET_LEN, ip, sizeof(ip)))
		return NOISE;
	proto = type == bpf_htons(TYPE_V4) ? ip[9] : ip[6];
	if (type == bpf_htons(TYPE_V6) && proto == PROTO_ICMP6)
		return judge_solicitation(skb, 0, ip, vtep_v6);
	bpf_skb_load_bytes(skb, ETHERNET_LEN + (type == bpf_htons(TYPE_V4) ? V4_LEN : V6_LEN) + 2,
			   &port, sizeof(port));
	if (proto != PROTO_UDP || bpf_ntohs(port) != vtep_port)
		return NOISE;
	return judge_frame(skb, inner);
}

SEC("tc")
int tsum_gate_filter(struct __sk_buff *skb)
{
	int what = inner ? judge_outer(skb) : judge_frame(skb, 0);

	if (what == FOREIGN)
		__sync_fetch_and_add(&foreign, 1);
	return what == OURS ? TC_ACT_OK : TC_ACT_SHOT;
}

/* ---- On a bridge ---- */

/* Reads the IP header of a packet; returns IP's version, or 0. */
static __always_inline __u8 read_ip(struct __sk_buff *skb, __u8 ip[V6_LEN])
{
	if (skb->protocol == bpf_htons(TYPE_V4))
		return bpf_skb_load_bytes_relative(skb, 0, ip, V4_LEN, BPF_HDR_START_NET) ? 0 : 4;
	if (skb->protocol == bpf_htons(TYPE_V6))
		return bpf_skb_load_bytes_relative(skb, 0, ip, V6_LEN, BPF_HDR_START_NET) ? 0 : 6;
	return 0;
}

/* A packet with a VLAN tag goes by the bridge, which may have to take that off. */
static __always_inline int lead(struct __sk_buff *skb, const struct gate_lead *known)
{
	struct gate_lead to;

	if (!known)
		return TC_ACT_UNSPEC;
	to = *known;
	if (bpf_skb_store_bytes(skb, 0, to.mac, sizeof(to.mac), 0) || !to.port || skb->vlan_present)
		return TC_ACT_UNSPEC;
	return bpf_redirect(to.port, 0);
}

SEC("tc")
int tsum_answers(struct __sk_buff *skb)
{
	struct gate_station station = { .bridge = skb->ifindex };
	__u8 ip[V6_LEN];

	station.version = read_ip(skb, ip);
	if (station.version == 4 && same_bytes(peer_v4, ip + 12, 4))
		__builtin_memcpy(station.address, ip + 16, 4);
	else if (station.version == 6 && same_bytes(peer_v6, ip + 8, 16))
		__builtin_memcpy(station.address, ip + 24, 16);
	else
		return TC_ACT_UNSPEC;
	return lead(skb, bpf_map_lookup_elem(&stations, &station));
}

SEC("tc")
int tsum_requests(struct __sk_buff *skb)
{
	__u32 port = skb->ifindex;
	__u8 ip[V6_LEN], version = read_ip(skb, ip);

	if ((version == 4 && same_bytes(peer_v4, ip + 16, 4)) ||
	    (version == 6 && same_bytes(peer_v6, ip + 24, 16)))
		return lead(skb, bpf_map_lookup_elem(&ports, &port));
	return TC_ACT_UNSPEC;
}
