/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What corrupt.bpf.c and its loader share. */
#ifndef TRUESUM_BPF_CORRUPT_RECORD_H
#define TRUESUM_BPF_CORRUPT_RECORD_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "packet/damage.h"
#include "packet/match.h"

/* What became of a matching packet. */
enum corrupt_fate {
	CORRUPT_DONE, /* damaged, or vouched for */
	CORRUPT_SPARED, /* not chosen by the rate */
	CORRUPT_AFTER_LIMIT, /* the number asked for had been reached */
	CORRUPT_NO_PAYLOAD,
	CORRUPT_SUPER_PACKET, /* several segments in one (GSO, GRO): their sums are made later */
	CORRUPT_UNFINISHED, /* an unfinished sum that would be finished over the damage, or is trusted */
	CORRUPT_UNCHANGED, /* the pattern changes nothing in this payload */
	CORRUPT_FAILED, /* the kernel could not make the packet writable */
	CORRUPT_ALREADY, /* --vouch: somebody had vouched for it already */
	CORRUPT_FATES
};

/* Set before the program is attached. */
struct corrupt_config {
	struct damage_spec spec;
	struct packet_match match;
	__u64 threshold; /* a packet is chosen where its random number is not above this */
	__u64 finishers; /* device features with any of which the kernel leaves an unfinished sum so */
	__u64 limit; /* damage at most so many; 0: no limit */
	__u32 link_header; /* bytes before the IP header: 14, or 0 where there is no Ethernet */
	__u8 vouch; /* mark as verified instead of damaging */
	__u8 unfinished_stays; /* nobody finishes unfinished sums behind this hook */
	__u8 pad[2];
};

struct corrupt_state {
	struct bpf_spin_lock lock; /* over number and taken */
	__u32 pad;
	__u64 number; /* the next candidate's number */
	__u64 taken; /* how much of the limit is used */
	__u64 matched;
	__u64 bits; /* changed in all */
	__u64 fate[CORRUPT_FATES];
};

#endif
