/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Judges every checksum in a packet: header by header from the link layer inwards, through tags,
 * tunnels and extension headers. Knows packets only: no files, no sockets.
 */
#ifndef TRUESUM_PACKET_VERDICT_H
#define TRUESUM_PACKET_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sum_verdict {
	SUM_GOOD, /* stored and computed sums agree */
	SUM_BAD, /* they differ: the packet was damaged on the way here */
	SUM_UNFINISHED, /* a device was to finish the sum later */
	SUM_NONE, /* UDP over IPv4 without a checksum, GRE without one: nothing to check */
	SUM_ILLEGAL_NONE, /* UDP over IPv6 without one, outside tunnels (RFC 8200 section 8.1) */
	SUM_TRUNCATED, /* the capture kept too few bytes */
	SUM_UNKNOWN, /* see enum sum_reason */
	SUM_VERDICTS
};

/* Why a verdict is what it is, if the verdict alone does not say. */
enum sum_reason {
	REASON_NONE,
	/* unfinished */
	REASON_PSEUDO, /* the field is the folded pseudo-header sum (CHECKSUM_PARTIAL) */
	REASON_PSEUDO_NO_LENGTH, /* ... with length 0, for large send offload (NDIS, some NICs) */
	REASON_ZERO_FIELD, /* IPv4 header or TCP: the field is 0, left to the device */
	REASON_ZERO_FOR_FFFF, /* of ILLEGAL_NONE: the sum is 0, which has to be sent as 0xffff */
	REASON_LOCAL_OFFLOAD, /* an outer sum, right when the inner one is finished (LCO) */
	/* unknown */
	REASON_FRAGMENT, /* a fragment: judged when its datagram is complete */
	REASON_FRAGMENTS_MISSING, /* its datagram never became complete */
	REASON_FRAGMENTS_OVERLAP, /* fragments that contradict each other */
	REASON_IN_FRAGMENT, /* inside a tunnel packet that is fragmented */
	REASON_MERGED, /* longer than any frame: merged by a device, the field is one segment's */
	REASON_LENGTH, /* a length in the headers contradicts the packet */
	REASON_PROTOCOL, /* a version, type or flag that this program does not know */
	REASON_NO_LENGTH, /* TCP over IPv6 whose length is 0, which large send offload leaves so */
	REASON_ROUTING, /* an unfinished routing header hides the final destination */
	REASON_LAYERS, /* more layers than PACKET_LAYERS */
	SUM_REASONS
};

enum layer_kind {
	LAYER_IPV4, /* its header checksum */
	LAYER_TCP,
	LAYER_UDP,
	LAYER_UDPLITE,
	LAYER_ICMP,
	LAYER_ICMP6,
	LAYER_IGMP,
	LAYER_SCTP,
	LAYER_GRE,
	LAYER_KINDS
};

/*
 * What a packet may carry that is named in reports: a tunnel that is not opened, or somebody who
 * may send UDP over IPv6 without a sum.
 */
enum packet_cargo {
	CARGO_NONE,
	CARGO_GTPU, /* 3GPP TS 29.281 */
	CARGO_AMT, /* RFC 7450 */
	CARGO_LISP, /* RFC 9300 */
	CARGO_GRE_UDP, /* RFC 8086 */
	CARGO_VXLAN, /* RFC 7348 */
	CARGO_VXLAN_GPE,
	CARGO_GUE,
	CARGO_GENEVE, /* RFC 8926 */
	CARGO_MPLS_UDP, /* RFC 7510 */
	CARGO_L2TP, /* RFC 2661, 3931 */
	CARGO_TEREDO, /* RFC 4380 */
	CARGO_CAPWAP, /* RFC 5415 */
	CARGO_TZSP,
	CARGO_IPSEC, /* ESP: encrypted */
	CARGO_IPCOMP, /* RFC 3173: compressed */
	CARGO_ETHERIP, /* RFC 3378 */
	CARGO_GRE, /* with something that is neither IP nor Ethernet */
	CARGO_ERSPAN,
	CARGO_NSH, /* RFC 8300 */
	CARGO_MACSEC, /* IEEE 802.1AE */
	CARGO_PBB, /* IEEE 802.1ah */
	CARGO_TRILL, /* RFC 6325 */
	CARGO_BATMAN,
	CARGO_PPP, /* compressed or encrypted */
	CARGO_PSEUDOWIRE, /* MPLS with something other than IP */
	CARGO_ROCE, /* RoCEv2: RDMA, checked by its own CRC */
	CARGO_TIPC,
	CARGO_STAMP, /* RFC 8762 */
	CARGO_TRUESUM, /* its own messages */
	CARGO_KINDS
};

/* "GTP-U", "VXLAN", ...; "" for CARGO_NONE. */
extern const char *const cargo_names[CARGO_KINDS];

/* "ipv4", "tcp", ... (JSON keys); "good", ..., "illegal-none"; phrases for the reasons. */
extern const char *const layer_names[LAYER_KINDS];
extern const char *const sum_verdict_names[SUM_VERDICTS];
extern const char *const reason_words[SUM_REASONS];

#define PACKET_LAYERS 16

/* One checksum. Offsets from the first captured byte. */
struct packet_layer {
	uint8_t kind; /* enum layer_kind */
	uint8_t verdict; /* enum sum_verdict */
	uint8_t reason; /* enum sum_reason */
	bool wide; /* stored and computed have 32 bits (SCTP), not 16 */
	uint32_t offset; /* of the header */
	uint32_t field; /* of the checksum field */
	uint32_t stored; /* as in the packet, host order; 0 if truncated before it */
	uint32_t computed; /* the right value of the field; 0 if none could be computed */
};

/* Addresses and ports, of the innermost IP header that was reached. */
struct packet_flow {
	uint8_t family; /* AF_INET, AF_INET6; 0: no IP header */
	uint8_t proto; /* IPPROTO_...: what IP and its extension headers carry */
	uint16_t src_port, dst_port; /* host order; 0 if the protocol has none or it is cut off */
	uint8_t src[16], dst[16]; /* network order; IPv4: the first 4, the rest 0 */
};

/* A fragment of a datagram: what is needed to judge the datagram when all are there. */
struct packet_fragment {
	bool is; /* this packet is one; the other fields are set only then */
	bool first, last;
	bool cut; /* the capture kept too little of it: len bytes are not all summed */
	bool tunnel; /* of the first: it carries a tunnel whose contents would be judged */
	bool may_none; /* of the first: a tunnel, so UDP over IPv6 needs no checksum */
	uint8_t kind; /* enum layer_kind of the transport; LAYER_KINDS: none of them */
	uint16_t sum; /* csum of this fragment's bytes; UDP-Lite: of those it covers */
	uint16_t pseudo; /* sum of the pseudo-header without the length; 0: none */
	uint32_t crc; /* crc32c of them if kind is LAYER_SCTP; its field taken as 0 in the first */
	uint32_t id; /* identification, host order */
	uint32_t start, len; /* which bytes of the datagram's IP payload */
	/*
	 * Of the first: the checksum field. If that has 16 bits, the high half holds UDP's length,
	 * UDP-Lite's coverage or GRE's flags.
	 */
	uint32_t stored;
	uint32_t layer; /* index of the transport's layer in the judgement */
};

struct packet_judgement {
	uint8_t verdict; /* BAD, else UNKNOWN, TRUNCATED, ILLEGAL_NONE, UNFINISHED, GOOD, NONE */
	uint8_t reason; /* why the walk ended early, or REASON_NONE; also without any layer */
	bool tunnelled; /* the flow is an inner one */
	uint8_t layer_count;
	/*
	 * Something about the packet has to be looked at: it is a fragment, one of the three fields
	 * below is set, or the verdict is BAD, ILLEGAL_NONE or UNFINISHED.
	 */
	bool notable;
	uint8_t closed; /* enum packet_cargo: the tunnel that was not opened */
	uint8_t unsummed; /* ... who sent UDP over IPv6 without a sum, and may do so */
	bool no_length; /* TCP over IPv6 with the length 0 */
	struct packet_flow flow;
	uint32_t network; /* offset of the innermost IP header, whose flow this is */
	uint32_t transport; /* offset of what it carries */
	uint32_t payload,
		payload_len; /* after the transport header; never beyond what was captured */
	uint32_t payload_full; /* its length by the headers */
	uint32_t seq, ack; /* TCP, host order */
	uint8_t tcp_flags;
	struct packet_fragment fragment;
	struct packet_layer layer[PACKET_LAYERS]; /* outermost first; layer_count of them are set */
};

/* Link types by their LINKTYPE_ numbers (pcap-linktype(7)). */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12,
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPPOE = 51,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_SLL2 = 276,
};

/* Whether packets of this link type can be judged at all. */
bool packet_link_known(uint32_t link);

/*
 * Judges one captured packet: `captured` bytes at `data`, of `len` that were on the wire. Never
 * fails, reads nothing outside these bytes, keeps nothing; thread-safe. Sources: RFC 791, 793, 768,
 * 8200, 3828, 792, 4443, 3376, 9260, 2784, 2003, 2473, 7348, 8926, 3032, 2516;
 * include/net/checksum.h.
 */
void packet_judge(uint32_t link, const uint8_t *data, size_t captured, size_t len,
		  struct packet_judgement *ret);

#endif
