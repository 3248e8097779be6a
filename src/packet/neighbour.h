/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answering who has an address: ARP (RFC 826) and neighbour discovery (RFC 4861). */
#ifndef TRUESUM_PACKET_NEIGHBOUR_H
#define TRUESUM_PACKET_NEIGHBOUR_H

#include <stddef.h>
#include <stdint.h>

#define NEIGHBOUR_ANSWER_MAX 96

/*
 * If the Ethernet frame asks for the MAC address of `v4` (4 bytes) or `v6` (16 bytes), writes the answer,
 * with `mac`, into `answer` (NEIGHBOUR_ANSWER_MAX bytes) and returns 0. -ENOENT: it asks nothing like that.
 */
int neighbour_answer(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t *v6,
		     const uint8_t mac[6], uint8_t *answer, size_t *ret_len);

#endif
