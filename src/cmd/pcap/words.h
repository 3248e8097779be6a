/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How `truesum pcap` names numbers, times, flows and sums, in text and JSON alike. */
#ifndef TRUESUM_CMD_PCAP_WORDS_H
#define TRUESUM_CMD_PCAP_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/shape.h"
#include "packet/verdict.h"

/* Room for any of these; they return their buffer. */
#define WORDS_MAX 128

struct words {
	char text[WORDS_MAX];
};

/* "41,200" */
const char *words_number(uint64_t number, struct words *ret);
/* "1 packet", "41,200 packets" */
const char *words_count(uint64_t number, const char *what, struct words *ret);
/* "1.07 GB" */
const char *words_bytes(uint64_t bytes, struct words *ret);
/* "5.26 %"; never 0 or 100 where it is neither */
const char *words_percent(uint64_t part, uint64_t whole, struct words *ret);
/* RFC 3339, UTC, nanoseconds: "2026-11-23T04:49:49.123456789Z"; "no time" for INT64_MIN */
const char *words_time(int64_t time_ns, struct words *ret);
/* "10.9.0.1", "fd09::1" */
const char *words_address(uint8_t family, const uint8_t *address, struct words *ret);
/* "tcp", "icmp6", "ip-protocol-50"; "none" without an IP header */
const char *words_protocol(const struct packet_flow *flow, struct words *ret);
/* "tcp 10.9.0.1:40000 → [fd09::2]:5555" */
const char *words_flow(const struct packet_flow *flow, struct words *ret);
/* "0x1234", with 8 digits if wide */
const char *words_sum(uint32_t sum, bool wide, struct words *ret);

/* computed - stored as "0x0400" or "-0x0400" (one's complement); of 32-bit sums, the bits that differ */
const char *words_difference(uint32_t computed, uint32_t stored, bool wide, struct words *ret);

/*
 * Which single flip would make a field's difference of computed - stored: column 0 .. 15 of a 16-bit
 * word and the direction. False where none would.
 */
bool words_single_flip(uint16_t difference, unsigned int *ret_column, bool *ret_up);

/* Whether ports mean something in this flow. */
bool flow_has_ports(const struct packet_flow *flow);

/* "1 bit 1→0", "3 bits: 2 1→0, 1 0→1" */
const char *words_bits(const struct shape *shape, struct words *ret);

#endif
