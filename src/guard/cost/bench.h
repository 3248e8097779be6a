/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test bench: one path at a time over veth devices, from a sender through a forwarding host into
 * a container, each in an unnamed network namespace (net/netns.h), with one flow; and samples of
 * what its traffic costs. A path without traffic costs nothing. All of it goes with the process.
 */
#ifndef TRUESUM_GUARD_COST_BENCH_H
#define TRUESUM_GUARD_COST_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/vocabulary.h"

/* A kind of path, as data. */
struct bench_path {
	const char *name, *about;
	bool wire; /* as from a wire: single packets with finished checksums */
	bool vouched; /* the host's NIC has verified them */
	bool merged; /* the host's NIC merges them (GRO) */
	bool conntrack; /* the host tracks connections, without verifying */
	bool vxlan; /* the sender's packets go through a tunnel */
	size_t datagram; /* bytes of the UDP datagrams; 0: TCP in bulk */
};

/* Where a mitigation is put. */
enum bench_place {
	BENCH_CONTAINER, /* the container's end of its veth */
	BENCH_SENDER, /* the end of the container that sends */
	BENCH_TUNNEL, /* the sender's VXLAN device */
	BENCH_HOST, /* the host's namespace */
	BENCH_PLACES
};

/* "container's end", ...; NULL-terminated. */
extern const char *const bench_place_names[];

struct bench;

/*
 * Loads the BPF programs, and pins this thread to a processor until the bench is freed. -errno with
 * a sentence.
 */
int bench_new(struct bench **ret_bench);
void bench_free(struct bench *bench);
DEFINE_CLEANUP(struct bench *, bench, bench_free)

/*
 * Builds a path; the one before it is closed. -EOPNOTSUPP and the like, with a sentence, if this
 * kernel lacks a part.
 */
int bench_build(struct bench *bench, const struct bench_path *path);

/* Puts a mitigation on or takes it off, as guard/mitigate.h does, but keeps no record of it. */
int bench_switch(struct bench *bench, enum bench_place place, enum mitigation mitigation, bool on);

enum bench_figure {
	/*
	 * One thread sends and reads in turn: processor time for a KiB that was read, in
	 * nanoseconds.
	 */
	BENCH_CPU,
	/*
	 * One thread sends, another reads, each as fast as it can: bytes read in a second of the
	 * busier thread.
	 */
	BENCH_THROUGHPUT,
	/*
	 * The mean size in bytes of the packets that enter the container; a merged packet counts
	 * once.
	 */
	BENCH_PACKET,
};

/* Sends through the path for `ns` nanoseconds and measures. -ETIMEDOUT if nothing arrives. */
int bench_sample(struct bench *bench, enum bench_figure figure, uint64_t ns, double *ret_value);

struct bench_facts {
	bool two_processors; /* sender and receiver have a processor each */
	/*
	 * The share, 0..1, of all rounds so far after which what was sent could not be read at
	 * once: there the kernel carried it in another context, and its processor time is missing
	 * in the figures.
	 */
	double elsewhere;
};
struct bench_facts bench_facts(const struct bench *bench);

#endif
