/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outside world, as a probed host sees it: a TAP device with a peer behind it, at an address that is
 * nobody's (RFC 5737, RFC 3849). Everything of it belongs to the device, which the kernel takes away with
 * this process, by SIGKILL too: its addresses, the routes to the peer, the neighbour entries, its sysctls.
 *
 * By a VXLAN device packets enter in outer ones, from a VTEP behind the TAP that is nobody's either: then
 * the TAP is that underlay, and the peer is the device's neighbour.
 */
#ifndef TRUESUM_PROBE_GATE_H
#define TRUESUM_PROBE_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "bpf/drop.h"
#include "net/journal.h"
#include "packet/verdict.h"
#include "probe/tunnel.h"

#define GATE_DEVICE "tsumprobe"
#define GATE_V4 "192.0.2.1" /* the host's end */
#define GATE_V6 "2001:db8:7473:756d::1"
#define GATE_PEER_V4 "192.0.2.2" /* the peer's: what a target connects to */
#define GATE_PEER_V6 "2001:db8:7473:756d::2"

/* The TAP's addresses and the remote VTEP's, where packets enter by a VXLAN device. */
#define GATE_OUTER_V4 "198.51.100.1"
#define GATE_OUTER_V6 "2001:db8:7473:756e::1"
#define GATE_VTEP_V4 "198.51.100.2"
#define GATE_VTEP_V6 "2001:db8:7473:756e::2"

/* A route as narrow as these prefixes, or narrower, is somebody's use of the documentation addresses. */
#define GATE_DOCUMENTATION_V4 24
#define GATE_DOCUMENTATION_V6 32

struct gate;

struct gate_settings {
	bool vouching; /* frames are marked CHECKSUM_UNNECESSARY as they enter, as by a lying NIC */
	const char *via; /* the device by which packets enter and leave; NULL: the TAP itself */
	journal_say_fn say; /* told what a killed run left on devices, which is undone first */
};

/*
 * Builds it in the namespace this thread is in. -EADDRINUSE where a route of the host leads to the
 * documentation addresses, -EBUSY where another probe runs, -ENODEV where there is no device `via`,
 * -EOPNOTSUPP where it is a VXLAN device that outer packets cannot be made for, -EPERM without privilege;
 * all with a sentence.
 *
 * With `via` that device gets, until the end, a filter at its egress, which is recorded (net/journal.h);
 * and, if the host's routes do not lead out by it, an address that the kernel itself takes away two
 * minutes after a probe that could not. A VXLAN device also gets forwarding entries, and neighbours; they
 * are recorded.
 */
int gate_open(const struct gate_settings *settings, struct gate **ret_gate);
void gate_close(struct gate *gate);
DEFINE_CLEANUP(struct gate *, gate, gate_close)

/* The TAP's descriptor, non-blocking: read() yields one Ethernet frame for gate_take(). The gate's. */
int gate_fd(const struct gate *gate);

/* How a packet came out, and so how an answer goes back. */
struct gate_way {
	uint8_t own_mac[6], remote_mac[6];
	struct tunnel tunnel; /* family 0: none */
};

struct gate_packet {
	struct gate_way way;
	struct packet_judgement
		judged; /* in a tunnel: of the inner packet, and outer sums (tunnel_judge()) */
};

/*
 * Takes a frame out of the TAP. Questions for MAC addresses (ARP, neighbour solicitation) it answers. False:
 * there is nothing in it for the peer.
 */
bool gate_take(const struct gate *gate, const uint8_t *frame, size_t len,
	       struct gate_packet *ret_packet);

/*
 * Sends a frame of `len` bytes back by a way: as it was, and as it is after its damage. The checksum of an
 * outer packet is made for the first, what is inside is the second.
 */
void gate_send(const struct gate *gate, const struct gate_way *way, const uint8_t *intact,
	       const uint8_t *sent, size_t len);

/* Whether the host can reach the peer by this family; `*ret_why` says why not (static or the gate's). */
bool gate_has(const struct gate *gate, int family, const char **ret_why);

/* Whether segments written in a row are merged by GRO, and why not. */
bool gate_merges(const struct gate *gate, const char **ret_why);

/* Whether segments that the peer sent from this port were merged, as seen behind GRO. */
bool gate_merged(const struct gate *gate, uint16_t port);

/* The peer's address (4 or 16 bytes). */
const uint8_t *gate_peer(const struct gate *gate, int family);

/* The device by which packets enter: its index in the host's namespace. */
int gate_entrance(const struct gate *gate);

/* Whose drops are the peer's. */
void gate_drops_of(const struct gate *gate, struct drops_of *ret_of);

#endif
