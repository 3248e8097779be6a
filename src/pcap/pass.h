/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass over a capture: every packet, in order, is read, judged and shown to the visitors. The
 * report, --packets, --write and --diff are visitors; nothing else loops over the packets of a
 * capture.
 */
#ifndef TRUESUM_PCAP_PASS_H
#define TRUESUM_PCAP_PASS_H

#include "packet/verdict.h"
#include "pcap/reader.h"

/* How much a pass does with each packet before the visitors see it. */
enum pass_depth {
	PASS_RECORDS, /* reads it: link_known, waits and the judgement are not set */
	PASS_PACKETS, /* judges it; a fragment on its own (REASON_FRAGMENT) */
	PASS_DATAGRAMS, /* also puts fragments together */
};

/*
 * A packet. It and the record's data are valid during the visit. If the capture is mapped, the data
 * are valid until it is closed.
 */
struct pass_packet {
	struct record record;
	uint64_t frame; /* as Wireshark counts, from 1 */
	bool link_known; /* false: no layer of the judgement is set, its flow is empty */
	/* a fragment: the datagram's verdict comes with the fragment that completes it */
	bool waits;
	bool completes; /* that fragment: the judgement is the datagram's */
	struct packet_judgement judgement;
};

#define PASS_STOP 1

struct pass_visitor {
	/* 0: go on; PASS_STOP: the pass ends here, well; -errno with a sentence: the pass fails. */
	int (*visit)(void *owner, const struct pass_packet *packet);
	void *owner;
};

/* Told about progress every few thousand packets, and at the end. */
struct pass_watch {
	/*
	 * Called with the bytes of the file that are done, their total (0: unknown), and the
	 * damaged packets so far.
	 */
	void (*tell)(void *owner, uint64_t done, uint64_t total, uint64_t damaged);
	void *owner;
};

struct pass {
	enum pass_depth depth;
	const struct pass_visitor *visitors; /* in the order in which they see a packet */
	size_t visitor_count;
	const struct pass_watch *watch; /* may be NULL */
};

#define PASS_BROKEN 200

/* How a pass ended. */
struct pass_end {
	const char *format; /* static: "pcap", ...: see reader_format() */
	uint64_t packets; /* how many were visited */
	uint64_t fragments_missing; /* fragments whose datagram never became whole */
	int broken; /* 0; -EBADMSG or another -errno: the capture breaks off */
	char broken_why[PASS_BROKEN]; /* a sentence; "" unless it breaks off */
	uint64_t broken_at; /* byte offset of the broken record in the decompressed capture */
};

/*
 * Runs a pass from the first byte, whether the capture was read before or not. 0 and *ret_end; a
 * capture that breaks off is no failure. -errno with a sentence: the file has no capture's head,
 * cannot be read a second time (capture_rewind()), there is no memory, or a visitor failed.
 */
int pass_run(struct capture *capture, const struct pass *pass, struct pass_end *ret_end);

/*
 * Reads the rest of a reader's packets and shows them to one visitor, with frame numbers from 1
 * (PASS_PACKETS). Returns 0 at the end, or if the capture breaks off (reader_broken()); else what
 * the visitor returned. Threads that read parts of a capture may call it: it never calls fail().
 */
int pass_part(struct reader *reader, const struct pass_visitor *visitor);

/* The layer that makes a packet damaged: the innermost whose verdict is SUM_BAD; NULL: none is. */
const struct packet_layer *pass_damaged_layer(const struct packet_judgement *judgement);

/* Why a packet has the verdict SUM_UNKNOWN. */
enum sum_reason pass_unknown_reason(const struct packet_judgement *judgement);

#endif
