/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first pass over a capture: every packet judged and counted, damaged ones remembered. A mapped
 * capture is read by as many threads as this process may use CPUs (8 at most); what they find is put
 * together in the order of the capture, and is exactly what one thread alone would have found.
 */
#ifndef TRUESUM_PCAP_SCAN_H
#define TRUESUM_PCAP_SCAN_H

#include "pcap/flows.h"
#include "pcap/piece.h"

#define SCAN_DAMAGE_MAX 100000 /* damaged packets remembered one by one */
#define SCAN_FLOWS_MAX 1000000 /* flows with damage */
#define SCAN_DIFFERENCES 65536
#define SCAN_BROKEN 200

/* What became of comparing a damaged packet with an undamaged copy of it (compare.h). */
enum damage_fate {
	DAMAGE_NO_COPY, /* none in the capture */
	DAMAGE_IN_IP, /* it is in the IP header, which is not compared */
	DAMAGE_FRAGMENT, /* its datagram came in fragments, which are not compared */
	DAMAGE_NOT_KEPT, /* its bytes were not kept: a stream with much damage */
	DAMAGE_COMPARED,
	DAMAGE_FATES
};

#define DAMAGE_FLIPS 8

/* One bit that changed: `offset` from the transport header; in the packet's payload if >= header. */
struct damage_flip {
	uint16_t offset;
	uint8_t bit; /* 0 (0x01) .. 7 (0x80) */
	bool up; /* from 0 to 1 */
};

struct scan_damage {
	uint64_t frame; /* as Wireshark counts, from 1 */
	int64_t time_ns; /* INT64_MIN: none */
	const uint8_t *data; /* as piece_damage */
	uint32_t captured, len, link;
	uint32_t flow; /* row; UINT32_MAX: there was no room for its flow */
	bool owned, wide;
	uint8_t kind; /* enum layer_kind of the innermost bad layer */
	uint8_t fate; /* enum damage_fate */
	uint32_t stored, computed;
	/* By comparing: */
	uint64_t copy; /* frame number of the undamaged copy */
	uint32_t bits; /* that changed; the first DAMAGE_FLIPS in `flips` */
	uint16_t header; /* length of the transport header: where the payload begins */
	struct damage_flip flips[DAMAGE_FLIPS];
};

struct scan {
	const char *format; /* static: "pcap", ... */
	struct scan_counts counts; /* all fragments that ever became whole are judged */
	uint64_t damaged; /* packets */
	uint64_t damaged_header; /* of these: an IP header is damaged: addresses may be wrong */
	struct flows *flows;
	uint64_t flows_left; /* damaged packets whose flow found no room */
	struct scan_damage *damage; /* by frame number, at most SCAN_DAMAGE_MAX */
	size_t damage_count, damage_room;
	uint32_t *differences; /* by computed - stored (16-bit sums): damaged packets */
	char broken[SCAN_BROKEN]; /* why reading ended early; empty: it did not */
	uint64_t broken_at; /* byte offset */
	uint64_t copies; /* bytes that may still be copied, of a stream */
};

/* Called now and then with bytes done and in all (0: not known), and damaged packets so far. */
struct scan_watch {
	void (*tell)(void *owner, uint64_t done, uint64_t total, uint64_t damaged);
	void *owner;
};

/*
 * Judges all of a capture. 0; -errno with a sentence where there is no capture in the file, or memory
 * or threads are missing. A capture that breaks off is no error: see `broken`. `watch` may be NULL.
 */
int scan_capture(struct capture *capture, const struct scan_watch *watch, struct scan *ret_scan);
void scan_cleanup(struct scan *scan);

/* An empty scan, to which scan_add() adds packets in their order. */
int scan_init(struct scan *scan);

/*
 * Counts a packet that was judged elsewhere, as scan_capture() does; `waits`: a fragment whose datagram
 * is not whole. Damaged packets are counted only, not remembered. -ENOMEM.
 */
int scan_add(struct scan *scan, const struct record *record,
	     const struct packet_judgement *judgement, bool waits);

/* Notes whether and why this reader ended early. */
void scan_note_broken(struct scan *scan, const struct reader *reader);

/* Whether anything was judged at all: good, bad, unfinished or forbidden to be missing. */
bool scan_judged(const struct scan *scan);

/* How many layers of all kinds have this verdict. */
uint64_t scan_layers(const struct scan *scan, enum sum_verdict verdict);

#endif
