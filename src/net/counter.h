/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of a network namespace that say who noticed a damaged packet. */
#ifndef TRUESUM_NET_COUNTER_H
#define TRUESUM_NET_COUNTER_H

#include <stdint.h>

struct counters {
	uint64_t tcp_in_csum_errors; /* TcpInCsumErrors, both families */
	uint64_t udp_in_csum_errors; /* UdpInCsumErrors + Udp6InCsumErrors */
	uint64_t icmp_in_csum_errors; /* IcmpInCsumErrors + Icmp6InCsumErrors */
	/* TCP segments, UDP datagrams and ICMP messages received, damaged ones too */
	uint64_t in_packets;
	uint64_t conntrack_invalid; /* 0 without conntrack */
};

int counter_read(int netns_fd, struct counters *ret_counters);

#endif
