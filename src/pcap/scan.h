/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a pass over a capture finds out: every packet judged and counted, damaged ones remembered. A
 * mapped capture is read by as many threads as this process may use CPUs (8 at most); what they
 * find is put together in the order of the capture, and is exactly what one thread finds.
 */
#ifndef TRUESUM_PCAP_SCAN_H
#define TRUESUM_PCAP_SCAN_H

#include "pcap/flows.h"
#include "pcap/pass.h"
#include "pcap/wrong.h"

#define SCAN_DAMAGE_MAX 100000 /* damaged packets remembered one by one */
#define SCAN_FLOWS_MAX 1000000 /* flows with damage */
#define SCAN_DIFFERENCES 65536

#define SCAN_SENDERS 32

/* Senders of packets with unfinished sums. */
struct scan_senders {
	uint32_t count;
	bool more; /* than SCAN_SENDERS */
	struct packet_flow sender[SCAN_SENDERS]; /* family and src; the rest is 0 */
};

struct scan_counts {
	uint64_t packets, bytes; /* bytes captured */
	uint64_t layer[LAYER_KINDS][SUM_VERDICTS];
	uint64_t unknown[SUM_REASONS]; /* packets not judged, by reason */
	uint64_t truncated; /* packets not judged because too little of them was kept */
	uint64_t unfinished; /* packets whose verdict is that */
	uint64_t illegal; /* packets with a sum missing that they must have */
	uint64_t closed[CARGO_KINDS]; /* packets in tunnels that were not opened */
	uint64_t unsummed[CARGO_KINDS]; /* packets without a sum, from those who may do so */
	uint64_t no_length; /* TCP over IPv6 with the length 0 */
	uint64_t link_unknown; /* packets whose link type is not known */
	uint32_t link; /* the first such link type */
	struct scan_senders senders;
	int64_t first_ns,
		last_ns; /* earliest and latest time; INT64_MAX, INT64_MIN: no packet has one */
};

/* What became of comparing a damaged packet with an undamaged copy of it (diff_find_copies()). */
enum damage_fate {
	DAMAGE_NO_COPY, /* there is none in the capture */
	DAMAGE_IN_IP, /* the damage is in the IP header, which is not compared */
	DAMAGE_FRAGMENT, /* its datagram came in fragments, which are not compared */
	DAMAGE_NOT_KEPT, /* its bytes were not kept: a stream with much damage */
	DAMAGE_COMPARED,
	DAMAGE_FATES
};

#define DAMAGE_FLIPS 8

/* One bit that changed: `offset` from the transport header; in the payload if >= header. */
struct damage_flip {
	uint16_t offset;
	uint8_t bit; /* 0 (0x01) .. 7 (0x80) */
	bool up; /* from 0 to 1 */
};

/* A damaged packet. */
struct scan_damage {
	uint64_t frame; /* as Wireshark counts, from 1 */
	int64_t time_ns; /* INT64_MIN: none */
	const uint8_t *data; /* NULL: not kept, or a fragment */
	uint32_t captured, len, link;
	uint32_t flow; /* row; UINT32_MAX: there was no room for its flow */
	bool owned; /* data is a copy that the scan releases */
	bool wide; /* stored and computed have 32 bits (SCTP), not 16 */
	uint8_t kind; /* enum layer_kind of the innermost bad layer */
	uint8_t fate; /* enum damage_fate */
	uint32_t stored, computed; /* of that layer */
	struct wrong wrong;
	/* Set by comparing: */
	uint64_t copy; /* frame number of the undamaged copy */
	uint32_t bits; /* that changed; the first DAMAGE_FLIPS in `flips` */
	uint16_t header; /* length of the transport header: where the payload begins */
	struct damage_flip flips[DAMAGE_FLIPS];
};

struct scan {
	struct scan_counts counts; /* a fragment's layers count when its datagram is whole */
	bool judged; /* a checksum was: good, bad, unfinished, or missing though required */
	uint64_t damaged; /* packets; diagnosis_decide() takes the rewritten ones out */
	uint64_t
		damaged_flows; /* that have some; those without room (flows_left) are not counted */
	uint64_t rewritten; /* packets: their header fields were changed (rewritten.h) */
	uint64_t damaged_header; /* of these: an IP header is damaged, so addresses may be wrong */
	struct flows *flows;
	uint64_t flows_left; /* damaged packets whose flow found no room */
	struct scan_damage *damage; /* by frame number, at most SCAN_DAMAGE_MAX */
	size_t damage_count, damage_room;
	uint32_t *differences; /* damaged packets by computed - stored (16-bit sums) */
	bool count_only; /* remembers no damaged packets in `damage` */
	uint64_t copies; /* bytes of a stream's packets that may still be copied */
	struct pass_end end;
};

struct scan_plan {
	const struct pass_watch *watch; /* may be NULL */
	const struct pass_visitor
		*visitor; /* sees each packet, too; one thread reads then; may be NULL */
	bool count_only; /* remembers no damaged packets in scan.damage */
};

/*
 * Judges all of a capture, from its first byte. 0; -errno with a sentence if there is no capture in
 * the file, memory is missing, or the visitor failed. A capture that breaks off is no error: see
 * `end`.
 */
int scan_capture(struct capture *capture, const struct scan_plan *plan, struct scan *ret_scan);
void scan_cleanup(struct scan *scan);

/* How many layers of all kinds have this verdict. */
uint64_t scan_layers(const struct scan *scan, enum sum_verdict verdict);

/* How many packets were not judged, and how many are in tunnels and link types not opened. */
uint64_t scan_not_judged(const struct scan *scan);
uint64_t scan_not_opened(const struct scan *scan);

#endif
