/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outside world, as a probed host sees it: a TAP device, and beyond it a peer at a
 * documentation address, which no real host has (RFC 5737, RFC 3849). The device's addresses,
 * routes, neighbour entries and sysctls belong to it, and the kernel removes it when this process
 * ends, even after SIGKILL.
 *
 * If packets enter by a VXLAN device, they come in outer packets from a made-up VTEP beyond the
 * TAP. Then the TAP is the underlay, and the peer is a neighbour on the VXLAN device.
 *
 * Anybody on the host may send to the peer's address. A BPF program in front of the TAP lets
 * through what belongs to an exchange in the table of tokens (bpf/token.h), and counts the rest.
 */
#ifndef TRUESUM_PROBE_GATE_H
#define TRUESUM_PROBE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "bpf/drop.h"
#include "bpf/token.h"
#include "net/journal.h"
#include "packet/verdict.h"
#include "probe/tunnel.h"

#define GATE_DEVICE "tsumprobe"
#define GATE_V4 "192.0.2.1" /* the host's end */
#define GATE_V6 "2001:db8:7473:756d::1"
#define GATE_PEER_V4 "192.0.2.2" /* the peer, to which a target connects */
#define GATE_PEER_V6 "2001:db8:7473:756d::2"

/* If packets enter by a VXLAN device: the TAP's addresses and the remote VTEP's. */
#define GATE_OUTER_V4 "198.51.100.1"
#define GATE_OUTER_V6 "2001:db8:7473:756e::1"
#define GATE_VTEP_V4 "198.51.100.2"
#define GATE_VTEP_V6 "2001:db8:7473:756e::2"

/*
 * A route with a prefix of this length or longer means that the host uses the documentation
 * addresses itself.
 */
#define GATE_DOCUMENTATION_V4 24
#define GATE_DOCUMENTATION_V6 32

struct device;
struct gate;
struct space;

struct gate_settings {
	bool vouching; /* packets enter marked CHECKSUM_UNNECESSARY, as from a NIC that lies */
	const char *via; /* the device by which packets enter and leave; NULL: the TAP itself */
	journal_say_fn say; /* reports what a killed run left on devices; that is undone first */
};

/* What a user of the gate may know. The strings are empty if nothing is missing. */
struct gate_info {
	int fd; /* the TAP, non-blocking: read() yields one Ethernet frame for gate_take() */
	int entrance; /* index of the device by which packets enter, in the host's namespace */
	uint8_t peer_v4[4], peer_v6[16];
	struct drops_of drops_of; /* the peer's packets, for drop_open() */
	struct token_table *tokens; /* the gate's own; each exchange enters its token there */
	char no_v4[200], no_v6[200]; /* why the host cannot reach the peer by this family */
	bool udp_never_merges; /* rx-udp-gro-forwarding is newer (Linux 5.12) than this kernel */
	char no_merging[200]; /* why segments that are written in a row are not merged by GRO */
};

/*
 * Builds the gate in the namespace this thread is in. Errors, all with a sentence: -EADDRINUSE if a
 * route of the host leads to the documentation addresses, -EBUSY if another probe runs, -ENODEV if
 * there is no device `via`, -EOPNOTSUPP if that is a VXLAN device of a kind that outer packets
 * cannot be made for, -EPERM without privilege.
 *
 * The device `via` gets a filter at its egress until gate_close(). If the host's routes do not lead
 * out by it, it also gets an address; a VXLAN device gets forwarding entries and neighbours. All of
 * this is recorded first (net/journal.h). If nobody undoes what a killed probe left, the kernel at
 * least removes the address, after two minutes.
 */
int gate_open(const struct gate_settings *settings, struct gate **ret_gate);
void gate_close(struct gate *gate);
DEFINE_CLEANUP(struct gate *, gate, gate_close)

/* The gate's own; it does not change. */
const struct gate_info *gate_describe(const struct gate *gate);

/*
 * Lets a target, or the host, ask for the peer's MAC address. Answers go to no address but those of
 * its devices.
 */
int gate_admit(struct gate *gate, const struct space *space);

/*
 * Anybody on a bridge may have changed the neighbour entries of others. gate_lead_answers(): from
 * now on the peer's packets that the host sends out by the bridge to an address of `device` go to
 * its MAC address, whatever the host's entry says; with a `port` of the bridge by that, whatever
 * its forwarding entries say (NULL: as these say). gate_lead_requests(): packets to the peer that
 * come in by a port of the bridge go to the bridge's MAC address, whatever their sender believes.
 * The bridge, or the port, has a filter until gate_close(), which is recorded first. -errno with a
 * sentence if that cannot be done.
 */
int gate_lead_answers(struct gate *gate, const struct device *bridge, const struct device *device,
		      const struct device *port);
int gate_lead_requests(struct gate *gate, const struct device *bridge, const struct device *port);

/* How many frames to the peer were dropped so far, as they belong to no exchange. */
uint64_t gate_foreign(const struct gate *gate);

/*
 * Whether packets get out. On a busy host a new device's queue and addresses may work only a while
 * after the kernel has acknowledged them; what is sent earlier is lost. So each call sends the peer
 * a datagram by each family that none has come out of yet. True when both have, or after three
 * seconds without. Read and take frames between the calls.
 */
bool gate_is_ready(struct gate *gate, uint64_t now_ns);

/*
 * Keeps the addresses that the device `via` got from expiring. Call it at least once a minute, with
 * clock_ns().
 */
void gate_renew(struct gate *gate, uint64_t now_ns);

/* How a packet came out, and so how an answer goes back. */
struct gate_way {
	uint8_t own_mac[6], remote_mac[6];
	struct tunnel tunnel; /* family 0: none */
};

struct gate_packet {
	struct gate_way way;
	const uint8_t *frame; /* in a tunnel: the inner one; lies in the frame that was taken */
	struct packet_judgement
		judged; /* in a tunnel: the inner packet and the outer sums (tunnel_judge()) */
};

/*
 * Handles a frame that was read from the TAP: answers questions for MAC addresses (ARP, neighbour
 * solicitation). True if it carries a packet to the peer.
 */
bool gate_take(struct gate *gate, const uint8_t *frame, size_t len, struct gate_packet *ret_packet);

/*
 * Sends a frame of `len` bytes back by a way. `sent` is the frame as it is after its damage,
 * `intact` as it was before; an outer packet contains the former and has the checksum of the
 * latter.
 */
void gate_send(const struct gate *gate, const struct gate_way *way, const uint8_t *intact,
	       const uint8_t *sent, size_t len);

/* Whether GRO merged segments that the peer sent from this port since it was forgotten. */
bool gate_merged(const struct gate *gate, uint16_t port);
void gate_forget(const struct gate *gate, uint16_t port);

#endif
