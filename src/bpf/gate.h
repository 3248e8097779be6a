/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs around a probe's TAP: see gate.bpf.c. */
#ifndef TRUESUM_BPF_GATE_H
#define TRUESUM_BPF_GATE_H

#include <linux/types.h>

#define GATE_ASKERS_MAX 131072

/* One that may ask for the peer's MAC address: its own one, and the address it asks from. */
struct gate_asker {
	__u8 mac[6];
	__u8 version; /* of IP: 4, 6 */
	__u8 pad;
	__u8 address[16]; /* IPv4: the first 4, the rest 0 */
};

/* An address on a bridge of the host's. */
struct gate_station {
	__u32 bridge; /* interface index */
	__u8 version; /* of IP: 4, 6 */
	__u8 pad[3];
	__u8 address[16]; /* IPv4: the first 4, the rest 0 */
};

/* Where packets go. */
struct gate_lead {
	__u32 port; /* the bridge's port by which they leave at once; 0: as the bridge knows */
	__u8 mac[6];
	__u8 pad[2];
};

#ifndef __bpf__
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
	uint8_t vtep_v4[4], vtep_v6[16]; /* then: the far VTEP's addresses, and its UDP port */
	uint16_t vtep_port;
	int tokens_fd; /* token_table_fd() */
};

enum gate_program {
	GATE_PROGRAM_IN, /* for the TAP's ingress */
	GATE_PROGRAM_FILTER, /* for its egress */
	GATE_PROGRAM_OUT, /* for the egress of `via` */
	GATE_PROGRAM_ANSWERS, /* for the egress of a bridge */
	GATE_PROGRAM_REQUESTS, /* for the ingress of a bridge's port */
};

/* Loads them. -errno with a sentence if this kernel or user cannot. */
int gate_programs_load(const struct gate_programs_settings *settings, struct gate_bpf **ret);
void gate_programs_free(struct gate_bpf *programs);

/* The program's descriptor, owned by `programs`. */
int gate_programs_fd(const struct gate_bpf *programs, enum gate_program which);

/* From now on the filter lets this one ask. */
int gate_programs_admit(const struct gate_bpf *programs, const struct gate_asker *asker);

/*
 * From now on the peer's packets to this station are led so; or packets to the peer that come in by
 * a bridge's port.
 */
int gate_programs_answers(const struct gate_bpf *programs, const struct gate_station *station,
			  const struct gate_lead *lead);
int gate_programs_requests(const struct gate_bpf *programs, int port, const struct gate_lead *lead);

/*
 * Whether GRO merged segments from this port of the peer (host order) since it was forgotten. False
 * for NULL.
 */
bool gate_programs_merged(const struct gate_bpf *programs, uint16_t port);
void gate_programs_forget(struct gate_bpf *programs, uint16_t port);

/* How many frames to the peer the filter dropped, as they were from nobody it knows. 0 for NULL. */
uint64_t gate_programs_foreign(const struct gate_bpf *programs);
#endif

#endif
