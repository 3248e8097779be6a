// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Counts dropped packets of the probe's peer by exchange, reason and namespace, and those that
 * leave by a wrong port: see drop.h. It reads a packet as it is at that moment: the network header
 * is set from IP's receive path on, and by bridges. If a VXLAN packet still has its outer headers,
 * it looks inside.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/drop.h"
#include "bpf/kernel.h"
#include "bpf/token.h"

char _license[] SEC("license") = "Dual BSD/GPL";

const volatile __u8 peer_v4[4];
const volatile __u8 peer_v6[16];
/* The loading process, by its number in its PID namespace. */
const volatile __u64 pid_dev = 0, pid_ino = 0;
const volatile __u32 pid = 0;
const volatile __u32 host_netns = 0; /* inode number */
const volatile __u32 outer_version = 0; /* of IP; 0: no tunnel */
const volatile __u16 outer_port = 0;
const volatile __u8 outer_v4[4];
const volatile __u8 outer_v6[16];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct drop_key);
	__type(value, __u64);
} drops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct drop_stray);
	__type(value, __u64);
} strays SEC(".maps");

/* Where ports of bridges lead, by interface index. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

static __always_inline int same_bytes(const volatile __u8 *one, const __u8 *other, int len)
{
	for (int i = 0; i < len; i++)
		if (one[i] != other[i])
			return 0;
	return 1;
}

enum {
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_FRAGMENT = 44,
	UDP_LEN = 8,
	VXLAN_LEN = 8,
	ETHERNET_LEN = 14,
	TCP_SYN = 0x02,
	TCP_ACK = 0x10,
};

struct seen {
	__u8 from_peer, to_peer, proto, fragment;
	__u32 transport; /* offset from the head */
};

/* IPv6 has a fragment header before the transport's, which only the first fragment has. */
static __always_inline void see_fragment(const unsigned char *head, struct seen *seen)
{
	__u8 header[8];

	if (bpf_probe_read_kernel(header, sizeof(header), head + seen->transport))
		return;
	seen->proto = header[0];
	seen->fragment = header[2] || header[3] & 0xf8;
	seen->transport += sizeof(header);
}

static __always_inline int see(const unsigned char *head, __u32 network, struct seen *seen)
{
	__u8 ip[40];

	if (bpf_probe_read_kernel(ip, sizeof(ip), head + network))
		return 0;
	if (ip[0] >> 4 == 4) {
		seen->from_peer = same_bytes(peer_v4, ip + 12, 4);
		seen->to_peer = same_bytes(peer_v4, ip + 16, 4);
		seen->proto = ip[9];
		seen->fragment = (ip[6] & 0x1f) || ip[7];
		seen->transport = network + (ip[0] & 15) * 4;
	} else if (ip[0] >> 4 == 6) {
		seen->from_peer = same_bytes(peer_v6, ip + 8, 16);
		seen->to_peer = same_bytes(peer_v6, ip + 24, 16);
		seen->proto = ip[6];
		seen->transport = network + 40;
		if (ip[6] == PROTO_FRAGMENT)
			see_fragment(head, seen);
	}
	return seen->from_peer || seen->to_peer;
}

/* The token of the exchange that a packet belongs to; NULL if it is none of the probe's. */
static __always_inline const struct token *find_token(const unsigned char *head,
						      const struct seen *seen)
{
	const struct token *token;
	__be32 tcp[4] = { 0 }; /* ports, sequence number, acknowledged, flags; UDP has ports, too */
	__u64 secret[2];
	__u32 port, seq, ack, flags;

	if (bpf_probe_read_kernel(tcp, sizeof(tcp), head + seen->transport))
		return 0;
	port = bpf_ntohl(tcp[0]);
	port = seen->from_peer ? port >> 16 : port & 0xffff;
	token = bpf_map_lookup_elem(&tokens, &port);
	if (!token)
		return 0;
	if (seen->proto == PROTO_UDP)
		return !bpf_probe_read_kernel(secret, sizeof(secret),
					      head + seen->transport + UDP_LEN) &&
				       token_is_secret(token, secret)
			       ? token
			       : 0;
	if (seen->proto != PROTO_TCP)
		return 0;
	seq = bpf_ntohl(tcp[1]);
	ack = bpf_ntohl(tcp[2]);
	flags = bpf_ntohl(tcp[3]) >> 16 & (TCP_SYN | TCP_ACK);
	if (seen->from_peer)
		return token_is_from_peer(token, seq, ack) ? token : 0;
	return token_is_to_peer(token, flags == TCP_SYN, seq, ack) ? token : 0;
}

/*
 * Returns the offset of the inner IP header of a VXLAN packet from or to the tunnel's far end; 0
 * for any other packet.
 */
static __always_inline __u32 find_inner(const unsigned char *head, __u32 network)
{
	__u32 udp = network + 40;
	__be16 port;
	__u8 ip[40];

	if (!outer_version || bpf_probe_read_kernel(ip, sizeof(ip), head + network) ||
	    ip[0] >> 4 != outer_version)
		return 0;
	if (outer_version == 4) {
		if (ip[9] != PROTO_UDP || (ip[6] & 0x3f) || ip[7] ||
		    !(same_bytes(outer_v4, ip + 12, 4) || same_bytes(outer_v4, ip + 16, 4)))
			return 0;
		udp = network + (ip[0] & 15) * 4;
	} else if (ip[6] != PROTO_UDP ||
		   !(same_bytes(outer_v6, ip + 8, 16) || same_bytes(outer_v6, ip + 24, 16))) {
		return 0;
	}
	if (bpf_probe_read_kernel(&port, sizeof(port), head + udp + 2) ||
	    bpf_ntohs(port) != outer_port)
		return 0;
	return udp + UDP_LEN + VXLAN_LEN + ETHERNET_LEN;
}

/* TCP clears skb->dev. The packet's route still has a device of that namespace. */
static __always_inline __u32 netns_of(struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);

	if (!dev) {
		struct dst_entry *dst = (void *)(BPF_CORE_READ(skb, _skb_refdst) & ~1UL);

		dev = BPF_CORE_READ(dst, dev);
	}
	return BPF_CORE_READ(dev, nd_net.net, ns.inum);
}

/*
 * Whether this process runs: it drops packets that it reads from a socket. A namespace's stack
 * drops them in softirq, when any process may run.
 */
static __always_inline int reads(void)
{
	struct bpf_pidns_info info = { 0 };

	return !bpf_get_ns_current_pid_tgid(pid_dev, pid_ino, &info, sizeof(info)) &&
	       info.tgid == pid;
}

/* The packet's token, if it is of one of the probe's exchanges; else NULL. */
static __always_inline const struct token *look(struct sk_buff *skb, struct seen *seen,
						__u8 *tunnelled)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	__u32 network = BPF_CORE_READ(skb, network_header);

	if (!see(head, network, seen)) {
		network = find_inner(head, network);
		if (!network || !see(head, network, seen))
			return 0;
		*tunnelled = 1;
	}
	return seen->fragment ? 0 : find_token(head, seen);
}

static __always_inline void count_one(void *map, const void *key)
{
	__u64 one = 1, *count = bpf_map_lookup_elem(map, key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(map, key, &one, BPF_NOEXIST);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(tsum_drop, struct sk_buff *skb, void *location, __u32 reason)
{
	struct drop_key key = { .reason = reason };
	struct seen seen = { 0 };
	const struct token *token = look(skb, &seen, &key.tunnelled);

	if (!token)
		return 0;
	key.outbound = !seen.from_peer;
	key.number = token->number;
	key.proto = seen.proto;
	key.netns = netns_of(skb);
	if (!key.netns && !reads())
		return 0;
	count_one(&drops, &key);
	return 0;
}

SEC("tp_btf/net_dev_start_xmit")
int BPF_PROG(tsum_stray, struct sk_buff *skb, struct net_device *dev)
{
	struct drop_stray key = { .ifindex = BPF_CORE_READ(dev, ifindex) };
	struct seen seen = { 0 };
	const struct token *token;
	const __u32 *leads_to;
	__u8 tunnelled;

	if (!(BPF_CORE_READ_BITFIELD_PROBED(dev, priv_flags) & IFF_BRIDGE_PORT) ||
	    BPF_CORE_READ(dev, nd_net.net, ns.inum) != host_netns)
		return 0;
	token = look(skb, &seen, &tunnelled);
	if (!token || !token->leads_to)
		return 0;
	leads_to = bpf_map_lookup_elem(&ports, &key.ifindex);
	if (leads_to && (*leads_to == DROP_ANYWHERE || *leads_to == token->leads_to))
		return 0;
	key.number = token->number;
	key.outbound = !seen.from_peer;
	count_one(&strays, &key);
	return 0;
}
