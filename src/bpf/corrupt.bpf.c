// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * `truesum corrupt`: damages the payload of matching packets on a device (tc, direct action), or
 * marks them as verified.
 *
 * The checksum in a packet stays that of the undamaged payload. If the packet has its final
 * checksum, the program leaves that alone. At egress the checksum may be unfinished
 * (CHECKSUM_PARTIAL): the field holds the pseudo-header's sum, and the device that finishes it
 * after this hook adds the payload, including the damage. So the program first subtracts from the
 * field what the damage adds: the finished sum is then the undamaged payload's. At ingress an
 * unfinished sum is trusted and never finished, so such packets are left alone.
 *
 * What the kernel knows about the undamaged packet is corrected: a device's sum over the whole
 * packet (CHECKSUM_COMPLETE) follows the change, and a mark as verified (CHECKSUM_UNNECESSARY) is
 * reset.
 */
#include "bpf/kernel.h"
#include "bpf/corrupt.h"

#include <stdbool.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet/damage.c"

#define TAGS_MAX 2
#define EXTENSIONS_MAX 6
#define V4_FRAGMENT 0x3fff
#define V6_FRAGMENT 0xfff9
#define WINDOWS_MAX (65536 / DAMAGE_WINDOW)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * False if the kernel has no bpf_cast_to_kern_ctx() (before 6.2): the program then guesses
 * ip_summed.
 */
const volatile bool status_readable = true;

struct corrupt_config config;

/*
 * A dead man's switch, CLOCK_MONOTONIC in ns. User space keeps moving it on. If that process is
 * killed, the filter stays, but damages nothing after this time.
 */
volatile __u64 alive_until;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct corrupt_state);
} state SEC(".maps");

struct scratch {
	struct damage_window window;
	__u8 before[DAMAGE_WINDOW];
	__u32 gained; /* one's complement sum that the damage adds */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct place {
	__u32 network; /* the IP header */
	__u32 transport, transport_len; /* header and payload */
	__u32 payload, payload_len;
	__u32 csum; /* the checksum field */
	__u32 family; /* 4 or 6 */
	__u32 proto;
	__u32 src_port, dst_port;
	__be32 src[4], dst[4]; /* IPv4: the first, the rest 0 */
};

void *bpf_cast_to_kern_ctx(void *) __ksym __weak;

static __always_inline int find_v4(struct __sk_buff *skb, __u32 at, struct place *place)
{
	struct iphdr ip;
	__u32 header_len, total_len;

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)))
		return -1;
	header_len = ip.ihl * 4;
	/* The length of a super-packet may not fit the field. */
	total_len = skb->gso_size ? skb->len - at : bpf_ntohs(ip.tot_len);
	if (ip.version != 4 || header_len < sizeof(ip) || total_len < header_len ||
	    total_len > skb->len - at || (bpf_ntohs(ip.frag_off) & V4_FRAGMENT))
		return -1;
	place->family = 4;
	place->proto = ip.protocol;
	place->src[0] = ip.saddr;
	place->dst[0] = ip.daddr;
	place->transport = at + header_len;
	place->transport_len = total_len - header_len;
	return 0;
}

static __always_inline int find_v6(struct __sk_buff *skb, __u32 at, struct place *place)
{
	struct ipv6hdr ip;
	__u32 end, proto, i;
	__u8 extension[4];

	if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.version != 6)
		return -1;
	at += sizeof(ip);
	end = skb->gso_size ? skb->len : at + bpf_ntohs(ip.payload_len);
	if (end > skb->len)
		return -1;
	proto = ip.nexthdr;
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING &&
		    proto != IPPROTO_DSTOPTS && proto != IPPROTO_FRAGMENT)
			break;
		if (bpf_skb_load_bytes(skb, at, extension, sizeof(extension)))
			return -1;
		if (proto != IPPROTO_FRAGMENT)
			at += (extension[1] + 1) * 8;
		else if ((extension[2] << 8 | extension[3]) & V6_FRAGMENT)
			return -1;
		else
			at += 8;
		proto = extension[0];
	}
	if (at > end)
		return -1;
	place->family = 6;
	place->proto = proto;
	__builtin_memcpy(place->src, &ip.saddr, sizeof(place->src));
	__builtin_memcpy(place->dst, &ip.daddr, sizeof(place->dst));
	place->transport = at;
	place->transport_len = end - at;
	return 0;
}

static __always_inline int find_transport(struct __sk_buff *skb, struct place *place)
{
	__u32 at = place->transport, header_len;
	struct tcphdr tcp;
	struct udphdr udp;

	if (place->proto == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)))
			return -1;
		header_len = tcp.doff * 4;
		if (header_len < sizeof(tcp))
			return -1;
		place->csum = at + __builtin_offsetof(struct tcphdr, check);
		place->src_port = bpf_ntohs(tcp.source);
		place->dst_port = bpf_ntohs(tcp.dest);
	} else if (place->proto == IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, at, &udp, sizeof(udp)))
			return -1;
		header_len = sizeof(udp);
		/* The length of a super-packet may be that of one segment. */
		if (!skb->gso_size && bpf_ntohs(udp.len) > place->transport_len)
			return -1;
		if (!skb->gso_size)
			place->transport_len = bpf_ntohs(udp.len);
		place->csum = at + __builtin_offsetof(struct udphdr, check);
		place->src_port = bpf_ntohs(udp.source);
		place->dst_port = bpf_ntohs(udp.dest);
	} else {
		return -1;
	}
	if (header_len > place->transport_len)
		return -1;
	place->payload = at + header_len;
	place->payload_len = place->transport_len - header_len;
	return 0;
}

/* Like packet/locate.c, but only the outermost headers, and from an skb. */
static __always_inline int find_place(struct __sk_buff *skb, struct place *place)
{
	__u32 at = config.link_header, i;
	__be16 type = skb->protocol;

	if (at && bpf_skb_load_bytes(skb, at - sizeof(type), &type, sizeof(type)))
		return -1;
	for (i = 0; i < TAGS_MAX && at; i++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if (bpf_skb_load_bytes(skb, at + 2, &type, sizeof(type)))
			return -1;
		at += 4;
	}
	place->network = at;
	if (type == bpf_htons(ETH_P_IP) ? find_v4(skb, at, place)
					: type != bpf_htons(ETH_P_IPV6) || find_v6(skb, at, place))
		return -1;
	return find_transport(skb, place);
}

static __always_inline bool same_address(const __u8 *address, const __be32 *other)
{
	const __be32 *one = (const __be32 *)address;

	return !((one[0] ^ other[0]) | (one[1] ^ other[1]) | (one[2] ^ other[2]) |
		 (one[3] ^ other[3]));
}

static __always_inline bool term_holds(const struct match_term *term, const struct place *place)
{
	bool src = term->side != MATCH_DST, dst = term->side != MATCH_SRC;

	switch (term->kind) {
	case MATCH_FAMILY:
		return term->number == place->family;
	case MATCH_PROTO:
		return term->number == place->proto;
	case MATCH_PORT:
		return (src && term->number == place->src_port) ||
		       (dst && term->number == place->dst_port);
	case MATCH_HOST:
		return term->number == place->family &&
		       ((src && same_address(term->address, place->src)) ||
			(dst && same_address(term->address, place->dst)));
	}
	return false;
}

static __always_inline bool matches(const struct place *place)
{
	__u32 next = config.match.count ? 0 : MATCH_YES, i;

	for (i = 0; i < MATCH_TERMS; i++) {
		if (i == next)
			next = term_holds(&config.match.term[i], place)
				       ? config.match.term[i].then
				       : config.match.term[i].otherwise;
	}
	return next == MATCH_YES;
}

/* An unfinished checksum field holds the sum of the pseudo-header, folded but not complemented. */
static __always_inline bool looks_unfinished(struct __sk_buff *skb, struct place *place)
{
	__be32 rest[2] = { bpf_htonl(place->transport_len), bpf_htonl(place->proto) };
	__u64 sum;
	__u16 field;

	if (bpf_skb_load_bytes(skb, place->csum, &field, sizeof(field)))
		return false;
	sum = bpf_csum_diff(NULL, 0, place->src, sizeof(place->src), 0);
	sum = bpf_csum_diff(NULL, 0, place->dst, sizeof(place->dst), sum);
	sum = (__u32)bpf_csum_diff(NULL, 0, rest, sizeof(rest), sum);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return field == sum;
}

enum sum_status { SUM_FINISHED, SUM_OURS_TO_ADJUST, SUM_OUT_OF_REACH };

static __always_inline enum sum_status sum_status(struct __sk_buff *skb, struct place *place)
{
	struct sk_buff *kernel;

	if (status_readable) {
		kernel = bpf_cast_to_kern_ctx(skb);
		if (BPF_CORE_READ_BITFIELD(kernel, ip_summed) != CHECKSUM_PARTIAL)
			return SUM_FINISHED;
		/* The sum of an inner packet covers headers that are payload here. */
		if (kernel->csum_start != kernel->data - kernel->head + place->transport)
			return SUM_OUT_OF_REACH;
		/* The device that gets it may pass it on unfinished, as veth does. */
		if (kernel->dev->features & config.finishers)
			return SUM_OUT_OF_REACH;
	} else if (!looks_unfinished(skb, place)) {
		return SUM_FINISHED;
	}
	return config.unfinished_stays ? SUM_OUT_OF_REACH : SUM_OURS_TO_ADJUST;
}

/*
 * Cannot fail: the program just stored a byte that lies after the field. For that store the kernel
 * made all bytes up to there writable.
 */
static __always_inline void take_out_of_seed(struct __sk_buff *skb, __u32 csum, __u32 gained)
{
	__u16 field;
	__u64 sum;

	if (bpf_skb_load_bytes(skb, csum, &field, sizeof(field)))
		return;
	sum = (__u64)field + (__u32)~gained;
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	field = (sum >> 16) + sum;
	bpf_skb_store_bytes(skb, csum, &field, sizeof(field), 0);
}

/*
 * Damages one window of the payload. Returns how many bits changed, or a negative number. A global
 * function, so that the verifier walks through it once and not for each turn of the loop around it.
 */
__noinline int damage_window_at(struct __sk_buff *skb, __u32 payload, __u32 start, __u32 len,
				__u64 random)
{
	__u32 zero = 0, changed;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	__u64 size = len - 1;

	/*
	 * The verifier must see the very register that was checked. Up to Linux 6.1 it learns a
	 * lower bound of 1 only from an addition, not from a comparison with 0.
	 */
	barrier_var(size);
	if (!scratch || size >= DAMAGE_WINDOW)
		return -1;
	size += 1;
	scratch->window.start = start;
	scratch->window.len = size;
	__builtin_memset(scratch->window.byte, 0, sizeof(scratch->window.byte));
	if (bpf_skb_load_bytes(skb, payload + start, scratch->window.byte, size))
		return -1;
	__builtin_memcpy(scratch->before, scratch->window.byte, sizeof(scratch->before));
	changed = damage_apply(&config.spec, random, &scratch->window);
	if (!changed)
		return 0;
	if (bpf_skb_store_bytes(skb, payload + start, scratch->window.byte, size,
				BPF_F_RECOMPUTE_CSUM))
		return -1;
	scratch->gained = bpf_csum_diff((__be32 *)scratch->before, sizeof(scratch->before),
					(__be32 *)scratch->window.byte,
					sizeof(scratch->window.byte), scratch->gained);
	return changed;
}

/*
 * Returns how many bits of the payload changed, or a negative number if the first window failed. If
 * a later one fails, the damage to earlier ones stays.
 */
static __always_inline int damage_in_place(struct __sk_buff *skb, const struct place *place,
					   __u64 random, bool unfinished)
{
	__u32 zero = 0, start, len, i, changed = 0;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	bool everywhere = damage_everywhere(&config.spec);
	int now;

	if (!scratch)
		return -1;
	scratch->gained = 0;
	start = everywhere ? 0 : damage_window_start(&config.spec, random, place->payload_len);
	for (i = 0; i < WINDOWS_MAX; i++) {
		len = place->payload_len - start;
		if (len > DAMAGE_WINDOW)
			len = DAMAGE_WINDOW;
		now = damage_window_at(skb, place->payload, start, len, random);
		if (now < 0 && !changed)
			return -1;
		if (now < 0)
			break;
		changed += now;
		start += DAMAGE_WINDOW;
		if (!everywhere || start >= place->payload_len)
			break;
	}
	if (changed && unfinished)
		take_out_of_seed(skb, place->csum, scratch->gained);
	return changed;
}

static __always_inline __u64 next_number(struct corrupt_state *state)
{
	__u64 number;

	bpf_spin_lock(&state->lock);
	number = state->number++;
	bpf_spin_unlock(&state->lock);
	return number;
}

/* Takes one of the limit before damaging. Given back if the pattern changes nothing. */
static __always_inline bool take_one(struct corrupt_state *state)
{
	bool taken = false;

	bpf_spin_lock(&state->lock);
	if (!config.limit || state->taken < config.limit) {
		state->taken++;
		taken = true;
	}
	bpf_spin_unlock(&state->lock);
	return taken;
}

static __always_inline void give_back(struct corrupt_state *state)
{
	bpf_spin_lock(&state->lock);
	state->taken--;
	bpf_spin_unlock(&state->lock);
}

static __always_inline enum corrupt_fate vouch(struct __sk_buff *skb)
{
	if (bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return CORRUPT_ALREADY;
	bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	/* The mark works on CHECKSUM_NONE only. */
	return bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0 ? CORRUPT_DONE : CORRUPT_UNFINISHED;
}

/* The part to damage becomes the "payload". Bytes before it are left alone. */
static __always_inline void widen(struct place *place)
{
	__u32 end = place->payload + place->payload_len;

	if (config.spec.where == DAMAGE_TRANSPORT)
		place->payload = place->transport;
	else if (config.spec.where == DAMAGE_NETWORK)
		place->payload = place->network;
	place->payload_len = end - place->payload;
}

static __always_inline enum corrupt_fate treat(struct __sk_buff *skb, struct place *place,
					       struct corrupt_state *state)
{
	enum sum_status status;
	enum corrupt_fate fate;
	__u64 random;
	int changed;

	if (!config.vouch && !place->payload_len)
		return CORRUPT_NO_PAYLOAD;
	random = damage_random(config.spec.seed, next_number(state));
	if (random > config.threshold)
		return CORRUPT_SPARED;

	if (!config.vouch) {
		if (skb->gso_size && (skb->gso_segs > 1 || place->payload_len > skb->gso_size))
			return CORRUPT_SUPER_PACKET;
		status = sum_status(skb, place);
		/* If the header is damaged, finishing its sum could turn one flip into several. */
		if (status == SUM_OUT_OF_REACH ||
		    (status == SUM_OURS_TO_ADJUST && config.spec.where != DAMAGE_PAYLOAD))
			return CORRUPT_UNFINISHED;
		widen(place);
	}
	if (!take_one(state))
		return CORRUPT_AFTER_LIMIT;

	if (config.vouch) {
		fate = vouch(skb);
	} else {
		changed = damage_in_place(skb, place, random, status == SUM_OURS_TO_ADJUST);
		fate = changed < 0 ? CORRUPT_FAILED : changed ? CORRUPT_DONE : CORRUPT_UNCHANGED;
		if (changed > 0) {
			__sync_fetch_and_add(&state->bits, changed);
			bpf_csum_level(skb, BPF_CSUM_LEVEL_RESET);
		}
	}
	if (fate != CORRUPT_DONE)
		give_back(state);
	return fate;
}

SEC("tc")
int truesum_corrupt(struct __sk_buff *skb)
{
	struct place place = { 0 };
	__u32 zero = 0;
	struct corrupt_state *counted = bpf_map_lookup_elem(&state, &zero);
	__u32 fate;

	if (bpf_ktime_get_ns() >= alive_until)
		return TC_ACT_UNSPEC;
	if (!counted || find_place(skb, &place) || !matches(&place))
		return TC_ACT_UNSPEC;
	__sync_fetch_and_add(&counted->matched, 1);
	fate = treat(skb, &place, counted);
	if (fate < CORRUPT_FATES)
		__sync_fetch_and_add(&counted->fate[fate], 1);
	return TC_ACT_UNSPEC; /* the next filter decides */
}
