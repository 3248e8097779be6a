/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The second pass over a capture with damage: counts the packets of the flows that have some, and looks
 * for an undamaged copy of what was damaged, which tells the bits that changed.
 */
#ifndef TRUESUM_DIFF_COMPARE_H
#define TRUESUM_DIFF_COMPARE_H

#include "packet/shape.h"
#include "pcap/scan.h"

struct comparison {
	uint64_t fate[DAMAGE_FATES]; /* of the damaged packets that the scan remembers */
	struct shape shape; /* by offset in the payload; a header's bits by offset before it */
	uint64_t bits;
	uint64_t header_bits; /* of these, in a TCP, UDP, ... header */
};

/*
 * Reads all of the capture once more, from its beginning. Fills flow_row.packets, and what comparing
 * tells of scan->damage. 0; -errno with a sentence.
 */
int compare_damage(struct capture *capture, const struct pass_watch *watch, struct scan *scan,
		   struct comparison *ret_comparison);

#endif
