/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs around a probe's TAP: see gate.bpf.c. */
#ifndef TRUESUM_BPF_GATE_H
#define TRUESUM_BPF_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct gate_bpf;

struct gate_programs_settings {
	bool vouching; /* mark every packet as verified */
	int tap, via; /* interface indices; via 0: packets enter by the TAP itself */
	uint8_t peer_v4[4], peer_v6[16]; /* network order */
	/* If `via` is a VXLAN device: offset of the inner frame in what enters. Otherwise 0. */
	uint32_t inner;
	uint8_t far_mac[6]; /* then: the MAC address whose forwarding entry leads to the TAP */
};

/* Loads them. -errno with a sentence if this kernel or user cannot. */
int gate_programs_load(const struct gate_programs_settings *settings, struct gate_bpf **ret);
void gate_programs_free(struct gate_bpf *programs);

/*
 * The descriptor, owned by `programs`, of the one for the TAP's ingress or (`out`) for the egress
 * of `via`.
 */
int gate_programs_fd(const struct gate_bpf *programs, bool out);

/* Whether GRO merged segments from this port of the peer (host order). False for NULL. */
bool gate_programs_merged(const struct gate_bpf *programs, uint16_t port);

#endif
