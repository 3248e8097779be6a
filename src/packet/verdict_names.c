// SPDX-License-Identifier: GPL-2.0-or-later
/* What verdicts, reasons and layers are called. */
#include "packet/verdict.h"

const char *const layer_names[LAYER_KINDS] = {
	[LAYER_IPV4] = "ipv4",	     [LAYER_TCP] = "tcp",   [LAYER_UDP] = "udp",
	[LAYER_UDPLITE] = "udplite", [LAYER_ICMP] = "icmp", [LAYER_ICMP6] = "icmp6",
	[LAYER_IGMP] = "igmp",	     [LAYER_SCTP] = "sctp", [LAYER_GRE] = "gre",
};

const char *const sum_verdict_names[SUM_VERDICTS] = {
	[SUM_GOOD] = "good",
	[SUM_BAD] = "bad",
	[SUM_ARTEFACT] = "artefact",
	[SUM_NONE] = "none",
	[SUM_ILLEGAL_NONE] = "illegal-none",
	[SUM_TRUNCATED] = "truncated",
	[SUM_UNKNOWN] = "unknown",
};

const char *const reason_words[SUM_REASONS] = {
	[REASON_NONE] = "",
	[REASON_PSEUDO] = "unfinished: the field is the pseudo-header's sum",
	[REASON_PSEUDO_NO_LENGTH] =
		"unfinished: the field is the pseudo-header's sum without a length",
	[REASON_ZERO_FIELD] = "unfinished: the field is 0, left to the device",
	[REASON_LOCAL_OFFLOAD] = "right as soon as the inner sum is finished",
	[REASON_FRAGMENT] = "a fragment: judged when its datagram is whole",
	[REASON_FRAGMENTS_MISSING] = "fragments are missing",
	[REASON_FRAGMENTS_OVERLAP] = "its fragments contradict each other",
	[REASON_IN_FRAGMENT] = "inside a tunnel packet that is fragmented",
	[REASON_MERGED] = "merged by a device: the field is one segment's",
	[REASON_LENGTH] = "a length in its headers contradicts the packet",
	[REASON_PROTOCOL] = "a version, type or flag that is not known",
	[REASON_ROUTING] = "its final destination is not known",
	[REASON_LAYERS] = "too many layers",
};
