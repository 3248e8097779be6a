/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs around a probe's TAP: see gate.bpf.c. */
#ifndef TRUESUM_BPF_GATE_H
#define TRUESUM_BPF_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate_programs;

struct gate_programs_settings {
	bool vouching;
	int tap, via; /* interface indices; via 0: packets enter by the TAP itself */
	uint8_t peer_v4[4], peer_v6[16]; /* network order */
	uint32_t
		inner; /* `via` is a VXLAN device: where the inner frame begins in what enters; or 0 */
	uint8_t far_mac[6]; /* then: where its forwarding entry leads to the TAP */
};

/* Loads them. -errno with a sentence where this kernel or user cannot. */
int gate_programs_load(const struct gate_programs_settings *settings, struct gate_programs **ret);
void gate_programs_free(struct gate_programs *programs);

/* Their descriptors, the programs' own: for the TAP's ingress, and for the egress of `via`. */
int gate_programs_in(const struct gate_programs *programs);
int gate_programs_out(const struct gate_programs *programs);

/* Whether GRO merged segments from this port of the peer's (host order). False for NULL. */
bool gate_programs_merged(const struct gate_programs *programs, uint16_t port);

#endif
