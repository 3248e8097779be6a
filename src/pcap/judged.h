/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The packets of a capture one after the other, each with its verdict, datagrams in fragments included. */
#ifndef TRUESUM_PCAP_JUDGED_H
#define TRUESUM_PCAP_JUDGED_H

#include "base/cleanup.h"
#include "packet/verdict.h"
#include "pcap/scan.h"

struct judged;

struct judged_packet {
	struct record record;
	uint64_t frame; /* as Wireshark counts, from 1 */
	bool link_known; /* else it was not judged */
	bool waits; /* a fragment; the datagram's verdict is at the fragment that completes it */
	struct packet_judgement judgement;
};

/* From the capture's beginning, read or not before. 0, or -errno with a sentence. */
int judged_new(struct capture *capture, struct judged **ret_judged);
void judged_free(struct judged *judged);
DEFINE_CLEANUP(struct judged *, judged, judged_free)

/*
 * 1; 0 at the end, or where the capture breaks off; -ENOMEM with a sentence.
 * At the end `scan` knows what scan_capture() would count, if it is not NULL and came from scan_init().
 */
int judged_next(struct judged *judged, struct scan *scan, struct judged_packet *ret_packet);

#endif
