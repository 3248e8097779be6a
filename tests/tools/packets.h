/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated packets of every kind that truesum judges, and the truth about each: which checksums it
 * has, how it was damaged, and what its verdict must be. The seed determines everything. Shares no
 * code with truesum. The undamaged packets are the same in runs with and without damage.
 */
#ifndef TRUESUM_TESTS_PACKETS_H
#define TRUESUM_TESTS_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

uint64_t rng_draw(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t n);
bool rng_chance(struct rng *rng, uint32_t per_mille);

enum sum_of {
	OF_IPV4,
	OF_TCP,
	OF_UDP,
	OF_UDPLITE,
	OF_ICMP,
	OF_ICMP6,
	OF_IGMP,
	OF_SCTP,
	OF_GRE,
	OF_KINDS
};

enum truth {
	IS_GOOD,
	IS_BAD,
	IS_UNFINISHED,
	IS_NONE,
	IS_ILLEGAL_NONE,
	IS_TRUNCATED,
	IS_UNKNOWN,
	IS_KINDS
};

enum hurt {
	HURT_NOT,
	HURT_FLIP,
	HURT_STUCK,
	HURT_BURST,
	HURT_RANDOM,
	HURT_PAIR, /* two flips that cancel */
	HURT_SWAP16,
	HURT_KINDS
};

/* What the packet's verdict must be. */
enum expect {
	EXPECT_FINE, /* anything but bad */
	EXPECT_BAD,
	EXPECT_ANY, /* see enum doubt */
	EXPECT_KINDS
};

/* Why a damaged packet may be judged either way. */
enum doubt {
	DOUBT_NOT,
	DOUBT_STRUCTURE, /* a length, type, port, ... was hit: it is a different packet now */
	DOUBT_ZERO, /* the UDP field became 0: sent without a checksum */
	DOUBT_UNFINISHED, /* the field became that of an unfinished sum */
	DOUBT_MERGED, /* longer than any frame: the field may be one segment's */
	DOUBT_FRAGMENT, /* a fragment of this datagram was hit in what identifies it */
	DOUBT_LATER, /* a fragment: shows in the frame that completes its datagram */
	DOUBT_KINDS
};

extern const char *const of_names[OF_KINDS], *const truth_names[IS_KINDS];
extern const char *const hurt_names[HURT_KINDS], *const expect_names[EXPECT_KINDS];
extern const char *const doubt_names[DOUBT_KINDS], *const doubt_words[DOUBT_KINDS];

/* One checksum and what it covers. Offsets into the packet's data. */
struct covered {
	uint8_t of; /* enum sum_of */
	uint8_t was; /* enum truth, undamaged */
	uint8_t proto, addr_len; /* pseudo-header; addr_len 0: none */
	bool merged; /* the packet is longer than any frame */
	bool elsewhere; /* of a fragmented datagram: not in this packet's data */
	uint32_t header, header_len, field, from, len, src, dst, l4_len;
};

/* Bytes that decide how the rest is parsed; `own`: and the header's own sum. */
struct span {
	uint32_t at, len;
	bool own;
};

#define PACKET_COVERS 16
#define PACKET_SPANS 48
#define PACKET_HEAD 1024 /* room for headers, which are pushed in front of this */
#define PACKET_MAX 65536
#define DATAGRAM_MAX 8192
#define DATAGRAM_PIECES 12 /* fragments it has at most */

struct datagram;

struct packet {
	uint8_t *data, *pristine; /* PACKET_HEAD + PACKET_MAX each */
	uint32_t start, end; /* the frame */
	uint32_t ip, ip_end; /* outermost IP header, end of what its length covers */
	uint32_t captured; /* captured bytes, from start on */
	uint32_t link;
	int64_t time_ns;
	uint64_t number; /* from 1 */
	struct covered cover[PACKET_COVERS]; /* innermost first */
	size_t covers;
	struct span span[PACKET_SPANS];
	size_t spans;
	int open; /* the cover that waits for an IP header; -1 */
	struct datagram *datagram; /* of which this is a fragment */
	uint32_t piece, piece_len; /* which bytes of it */
	uint32_t inner; /* where these bytes begin in data */
	uint8_t hurt, expect, doubt;
};

enum mix {
	MIX_ALL, /* every link type, header and oddity */
	MIX_PLAIN, /* Ethernet, IP, TCP, UDP, ICMP; finished sums */
	MIX_BULK, /* 1514-byte TCP */
	MIX_SMALL, /* 100-byte TCP */
	MIX_IMIX, /* 64, 594, 1518 bytes: 7 to 4 to 1 */
	MIX_KINDS
};

extern const char *const mix_names[MIX_KINDS];

struct generator_options {
	uint64_t seed;
	uint64_t count;
	uint32_t hurt; /* damaged packets per mille */
	uint32_t kinds; /* of damage: a bit each of enum hurt; 0: all */
	uint32_t link; /* only this link type; UINT32_MAX: those of the mix */
	uint32_t flows; /* of the last three mixes */
	bool little; /* byte order of LINKTYPE_NULL */
	enum mix mix;
};

struct generator;

struct generator *generator_new(const struct generator_options *options);
void generator_free(struct generator *generator);

/* The next packet, valid until the next call; NULL after the last. */
const struct packet *generator_next(struct generator *generator);

/* Link types, by their LINKTYPE_ numbers. */
enum {
	ON_NULL = 0,
	ON_ETHERNET = 1,
	ON_RAW = 101,
	ON_LOOP = 108,
	ON_SLL = 113,
	ON_SLL2 = 276,
};

/*
 * headers.c, transports.c: each header is pushed in front of the existing bytes, and its checksum
 * filled in at once.
 */
struct ends {
	bool six;
	uint8_t src[16], dst[16];
};

struct ip_form {
	uint32_t id;
	uint32_t fragment; /* offset in bytes */
	bool is_fragment, more;
	bool no_total, no_sum; /* as large send offload leaves an IPv4 header */
	bool plain; /* no options, no extension headers */
};

/* In which state the transport's field is left. */
enum finish {
	FINISH_FULL,
	FINISH_PSEUDO,
	FINISH_PSEUDO_NO_LENGTH,
	FINISH_ZERO,
	FINISH_SEGMENT, /* another segment's sum: merged by a device */
};

void push_tcp_plain(struct packet *packet, const struct ends *ends, uint32_t port, uint32_t seq);
uint8_t *push(struct packet *packet, uint32_t len);
void put16(uint8_t *at, uint32_t value);
void put32(uint8_t *at, uint32_t value);
void push_transport(struct packet *packet, struct rng *rng, const struct ends *ends, enum sum_of of,
		    enum finish finish);
void push_ip(struct packet *packet, struct rng *rng, const struct ends *ends, uint8_t proto,
	     const struct ip_form *form);
/*
 * Wraps the IP packet at packet->start into a tunnel; returns the protocol of the outer IP header.
 */
uint8_t push_tunnel(struct packet *packet, struct rng *rng, const struct ends *ends, bool six,
		    bool lco);
void push_link(struct packet *packet, struct rng *rng, uint32_t link, bool six, bool little,
	       bool tags);
struct covered *cover_new(struct packet *packet, enum sum_of of, uint32_t header_len,
			  uint32_t field);
void seal(struct packet *packet, struct covered *cover, uint64_t pseudo, enum finish finish);
void push_udp(struct packet *packet, const struct ends *ends, uint32_t from, uint32_t to,
	      enum finish finish);
void mark(struct packet *packet, uint32_t at, uint32_t len, bool own);

/* pieces.c: a datagram that goes out in fragments. */
struct datagram {
	struct packet whole; /* its data: the addresses, then its bytes */
	struct ends ends;
	uint8_t bytes[DATAGRAM_MAX], pristine[DATAGRAM_MAX];
	uint32_t id, len, piece; /* bytes in it, and in each fragment but the last */
	uint32_t waiting; /* fragments not sent yet */
	uint8_t hurt;
	bool lost; /* a fragment was damaged in what identifies it */
};

/* Makes a datagram. `scratch` is an empty packet, in which payload and transport are made. */
struct datagram *datagram_new(struct packet *scratch, struct rng *rng, uint32_t id);
/* Frees a datagram that was sent or will never be sent. */
void datagram_leave(struct datagram *datagram);
/* Makes an IP packet of the bytes from `from` on, without a link layer. */
void datagram_piece(struct datagram *datagram, struct packet *packet, struct rng *rng,
		    uint32_t from);
/*
 * Called for each fragment that is sent, damaged or not. The last one gets the datagram's
 * expectation.
 */
void datagram_send(struct packet *packet);

/* packets.c */
void fill(struct rng *rng, uint8_t *data, uint32_t len);
void choose_ends(struct rng *rng, struct ends *ends, bool six);
extern const uint8_t proto_of[OF_KINDS + 1]; /* the last: ESP */

/* hurt.c */
uint16_t pseudo_sum(const struct packet *packet, const struct covered *cover, bool length);
/* Damages between `from` and `to`; true if any bit changed. packet->pristine is set before. */
bool hurt_packet(struct packet *packet, struct rng *rng, enum hurt kind, uint32_t from,
		 uint32_t to);
/* Judges a damaged packet independently: sets expect and doubt. */
void hurt_judge(struct packet *packet);
/* Judges one cover, by formula. */
enum truth hurt_truth(const struct packet *packet, const struct covered *cover);
/* Whether bytes changed that decide how the cover is reached. */
bool hurt_path(const struct packet *packet, const struct covered *cover);

#endif
