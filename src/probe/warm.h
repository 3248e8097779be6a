/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting until the gate is open. On a busy host a new device's queue and addresses may come to work only a
 * while after the kernel has said yes to them; what is sent before is lost. So datagrams are sent to the
 * peer until one comes out, of each family.
 */
#ifndef TRUESUM_PROBE_WARM_H
#define TRUESUM_PROBE_WARM_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/verdict.h"
#include "probe/gate.h"

struct warm {
	const struct gate *gate;
	int fd[2]; /* IPv4, IPv6; -1: not waited for */
	uint16_t port;
	uint64_t began_ns;
};

/* Begins, with datagrams to `port`, which nobody else uses. */
void warm_begin(struct warm *warm, const struct gate *gate, uint16_t port);

/* Sends once more. True when both families are through, or nothing more is to be hoped for. */
bool warm_tick(struct warm *warm, uint64_t now_ns);

/* A frame to the port came out. */
void warm_frame(struct warm *warm, const struct packet_judgement *judged);

void warm_end(struct warm *warm);

#endif
