/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The program of corrupt.bpf.c: the records it shares with user space, and its loader. */
#ifndef TRUESUM_BPF_CORRUPT_H
#define TRUESUM_BPF_CORRUPT_H

#include <linux/bpf.h>
#include <linux/types.h>

#include "packet/damage.h"
#include "packet/match.h"

/* What became of a matching packet. */
enum corrupt_fate {
	CORRUPT_DONE, /* damaged, or vouched for */
	CORRUPT_SPARED, /* not chosen by the rate */
	CORRUPT_AFTER_LIMIT, /* came after as many were damaged as were asked for */
	CORRUPT_NO_PAYLOAD,
	CORRUPT_SUPER_PACKET, /* several segments in one (GSO, GRO): their sums are made later */
	CORRUPT_UNFINISHED, /* an unfinished sum that would cover the damage, or is trusted */
	CORRUPT_UNCHANGED, /* the pattern changes nothing in this payload */
	CORRUPT_FAILED, /* the kernel could not make the packet writable */
	CORRUPT_ALREADY, /* --vouch: the packet was marked as verified before */
	CORRUPT_FATES
};

/* Set before the program is attached. */
struct corrupt_config {
	struct damage_spec spec;
	struct packet_match match;
	__u64 threshold; /* a packet is chosen if its random number is at most this */
	__u64 finishers; /* a device with any of these features may pass unfinished sums on */
	__u64 limit; /* damage at most this many; 0: no limit */
	__u32 link_header; /* bytes before the IP header: 14, or 0 without Ethernet */
	__u8 vouch; /* mark as verified instead of damaging */
	__u8 unfinished_stays; /* no device after this hook finishes unfinished sums */
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

#ifndef __bpf__
#include <stdbool.h>
#include <stdint.h>

#define CORRUPT_NAME "tsum_corrupt" /* as tc shows it */

struct corrupt_bpf;

/*
 * Loads the program without attaching it. -errno with a sentence: no privilege, no BPF, an old
 * kernel.
 */
int corrupt_load(const struct corrupt_config *config, struct corrupt_bpf **ret_corrupt);
void corrupt_free(struct corrupt_bpf *corrupt);

/* Whether it reads ip_summed; before Linux 6.2 it guesses which checksums are unfinished. */
bool corrupt_reads_status(const struct corrupt_bpf *corrupt);

/* The program's descriptor, which stays owned by `corrupt`. */
int corrupt_fd(const struct corrupt_bpf *corrupt);

/*
 * The program acts until CORRUPT_ALIVE_NS after the load or the latest call of this. From then on
 * it lets every packet pass uncounted, so that it stops by itself if this process is killed.
 */
#define CORRUPT_ALIVE_NS UINT64_C(2000000000)
void corrupt_keep_alive(struct corrupt_bpf *corrupt);

/* What the program has done so far. */
int corrupt_read(const struct corrupt_bpf *corrupt, struct corrupt_state *ret_state);
#endif

#endif
