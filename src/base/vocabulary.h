/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that every command shares: verdicts, who caught damage, mitigations. Each has one
 * spelling, used in options, tables, files and JSON.
 */
#ifndef TRUESUM_BASE_VOCABULARY_H
#define TRUESUM_BASE_VOCABULARY_H

#include <stdbool.h>
#include <stdint.h>

/* What `lab` and `probe` conclude about a path into a socket. */
enum verdict {
	VERDICT_UNKNOWN,
	VERDICT_VERIFIED,
	VERDICT_DELIVERS_CORRUPT,
	VERDICT_BLOCKED,
	VERDICT_NOT_POSSIBLE, /* of a single check: what it tries is newer than this kernel */
	VERDICTS
};

/* "unknown", "verified", "delivers-corrupt", "blocked", "not-possible"; NULL-terminated. */
extern const char *const verdict_names[], *const verdict_meanings[];

/*
 * Of two verdicts the one that a summary must show: delivers-corrupt before unknown, blocked,
 * verified and not-possible. VERDICTS means "none yet" and yields to every verdict.
 */
enum verdict vocabulary_worse(enum verdict a, enum verdict b);

/* Who noticed the damage and dropped the packet. */
enum caught_by {
	CAUGHT_UNKNOWN,
	CAUGHT_NOBODY,
	CAUGHT_SOCKET, /* the TCP or UDP of the socket that was to read it (`probe`) */
	CAUGHT_CONTAINER, /* the container's TCP or UDP (`lab`) */
	/*
	 * the host's own TCP or UDP: it is the receiver, or its conntrack did not translate (`lab`)
	 */
	CAUGHT_HOST,
	/* the host's conntrack did not translate, so the host's TCP or UDP dropped it (`probe`) */
	CAUGHT_CONNTRACK,
	CAUGHT_RULE, /* a firewall rule that drops ctstate INVALID */
	CAUGHT_OUTER_UDP, /* the host's UDP, by the tunnel's outer checksum */
	CAUGHT_BYS
};

/* "unknown", "nobody", "socket", ...; NULL-terminated. */
extern const char *const caught_by_names[], *const caught_by_meanings[];

/* Narrowest first: `guard` tries them in this order. */
enum mitigation {
	MITIGATION_NONE,
	MITIGATION_RX_OFF, /* rx checksum offload off */
	MITIGATION_RESET, /* tc BPF at ingress: CHECKSUM_UNNECESSARY becomes CHECKSUM_NONE */
	/* sysctl: conntrack verifies, so NAT does not translate damaged packets */
	MITIGATION_CONNTRACK_CHECKSUM,
	MITIGATION_TX_OFF, /* tx checksum offload off: sums are finished before the device */
	MITIGATIONS
};

/*
 * "none", "rx-off", "reset", ...; NULL-terminated. From mitigation_names + 1 on,
 * options_parse_names() yields MITIGATION_BIT()s.
 */
extern const char *const mitigation_names[], *const mitigation_meanings[];

/* A set of mitigations is a mask of these bits; NONE has no bit. */
#define MITIGATION_BIT(mitigation) ((UINT32_C(1) << (mitigation)) >> 1)

#endif
