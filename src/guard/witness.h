/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a container's probe says anything about other containers of its kind: only if nobody but
 * truesum has set anything in its namespace that may stop or hide damage. What somebody set there
 * protects that container only, so it must not lower the protection of the next one.
 *
 * Looked at before and after a probe: the features, qdiscs, filters and XDP programs of its
 * devices, nftables and iptables. A setting that came and went in between shows in the kernel's
 * events and in nftables' generation.
 */
#ifndef TRUESUM_GUARD_WITNESS_H
#define TRUESUM_GUARD_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WITNESS_ENDS_MAX 2
#define WITNESS_TAG 8

/* A device of the container that leads outside. */
struct witness_end {
	int index;
	const char *kind; /* as in struct device */
	uint32_t on; /* MITIGATION_BIT()s that truesum has recorded for it */
};

/* What is watched. Starts as WITNESS_INIT; witness_close() may be called at any time. */
struct witness {
	int netns_fd; /* the caller's */
	struct witness_end end[WITNESS_ENDS_MAX];
	size_t end_count;
	uint8_t tag[WITNESS_TAG]; /* of truesum's reset program */
	int events, features; /* sockets; -1: not open */
	uint32_t generation; /* of nftables */
	char why[120]; /* what somebody else set; empty: nothing */
};

#define WITNESS_INIT ((struct witness){ .events = -1, .features = -1 })

/*
 * Begins to watch; `netns_fd` stays open until witness_judge(). What cannot be looked at counts as
 * set by somebody else.
 */
void witness_watch(struct witness *witness, int netns_fd, const struct witness_end *end,
		   size_t count, const uint8_t tag[WITNESS_TAG]);

/* Looks again and stops watching. True: nobody set anything. Else `why` says what was found. */
bool witness_judge(struct witness *witness);

void witness_close(struct witness *witness);

#endif
