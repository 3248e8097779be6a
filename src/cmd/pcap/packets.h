/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `truesum pcap --packets`: a line or a JSON object for each packet; and `--write`. */
#ifndef TRUESUM_CMD_PCAP_PACKETS_H
#define TRUESUM_CMD_PCAP_PACKETS_H

#include "pcap/scan.h"
#include "pcap/writer.h"

enum packets_which { PACKETS_NOT, PACKETS_BAD, PACKETS_ARTEFACT, PACKETS_ALL };

struct packets_plan {
	enum packets_which which;
	bool json;
	const char *file; /* named in each object; with several files in a line before */
	bool several;
	bool count_only; /* the scan need not remember damaged packets */
};

/* Scans the capture and prints the packets asked for, in order. 0, or -errno with a sentence. */
int packets_print(struct capture *capture, const struct packets_plan *plan, struct scan *ret_scan);

/*
 * Adds the damaged packets to the file, with comments; `scan` knows the bits of some. Returns how many,
 * or -errno with a sentence.
 */
int64_t packets_write(struct capture *capture, const struct scan *scan, struct writer *writer);

#endif
