/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cell of the experiment: topology x family x protocol x NIC model x behaviour x mitigation.
 *
 * A cell builds its networks (lab/topology.h), joins them by the wire (lab/wire.h), lets the client
 * send numbered messages, opens the damage window for a while, and judges by what the receiver's
 * socket read. Any number of cells run side by side on one event loop.
 */
#ifndef TRUESUM_LAB_CELL_H
#define TRUESUM_LAB_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/vocabulary.h"
#include "net/counter.h"
#include "packet/damage.h"

enum proto { PROTO_TCP, PROTO_UDP, PROTO_UDP_NOCHECK, PROTOS };
enum nic { NIC_PLAIN, NIC_HONEST, NIC_LYING, NIC_PARTIAL, NICS };
enum behaviour { BEHAVIOUR_NATIVE, BEHAVIOUR_VETH_2016, BEHAVIOURS };

/* Their names as in options and JSON ("veth-2016"), NULL-terminated. */
extern const char *const proto_names[], *const nic_names[], *const behaviour_names[];

struct marks; /* bpf/mark.h */
struct topology; /* lab/topology.h */

struct cell_key {
	const struct topology *topology;
	int family; /* AF_INET, AF_INET6 */
	enum proto proto;
	enum nic nic;
	enum behaviour behaviour;
	enum mitigation mitigation;
};

/* What all cells of a run have in common. */
struct lab_settings {
	struct damage_spec damage;
	uint64_t pace_ns; /* between two messages */
	uint32_t before, during, after; /* messages before, in and behind the damage window */
	uint64_t patience_ns; /* how long to wait for what is still missing at the end */
	bool netcat; /* the server is `nc`, not built in */
	uint16_t port;
	const struct marks *marks; /* loaded BPF programs (bpf/mark.h) */
};

/* What happened when, for the live view and the report. Times are ns since the cell's first message. */
enum event_kind {
	EVENT_SENT, /* the client wrote message `first` */
	EVENT_WIRE, /* a data segment with messages first .. first+count-1 crossed the wire */
	EVENT_READ, /* the server's socket (or nc's output) yielded bytes of those messages */
	EVENT_WINDOW, /* the damage window opened (damaged == true) or closed */
};

struct event {
	uint64_t at_ns;
	enum event_kind kind;
	uint32_t first, count; /* messages */
	bool damaged; /* on the wire: damaged there; read: holds wrong bytes */
	bool again; /* on the wire: (some of) it crossed before: a retransmission */
	uint64_t offset; /* READ: place of the bytes in cell_result.received */
	uint32_t len; /* READ: how many */
};

/* One message's fate. */
struct message_fate {
	uint64_t sent_ns; /* since the cell's first message; valid if sent */
	uint64_t read_ns; /* when its last byte was read */
	uint32_t bytes_read, bytes_wrong;
	bool sent;
};

struct cell_result {
	enum verdict verdict;
	enum caught_by caught_by;
	char reason[200]; /* why unknown or blocked, or what differs; empty otherwise */
	bool skipped; /* this kernel cannot build or emulate it */
	bool has_expected;
	enum verdict expected; /* what is known of this cell (lab/expect.h) */
	enum caught_by expected_by;
	bool as_expected;

	uint32_t sent, delivered, delivered_damaged,
		not_delivered; /* messages; delivered: intact */
	uint64_t bytes_wrong;
	uint64_t longest_delay_ns; /* from write to read, of a message read whole */
	uint32_t damaged_on_wire; /* segments the switch damaged */
	uint32_t damaged_unseen; /* ... of them, those whose checksum is right in spite of it */
	uint32_t unchanged_on_wire; /* segments in the window that the pattern could not change */
	struct counters container,
		host; /* at the end; both start at 0. The same where there is none */
	uint64_t rule_drops; /* packets the INVALID rule dropped */

	struct message_fate *messages; /* `message_count` of them, owned */
	uint32_t message_count;
	struct event *events; /* owned */
	size_t event_count;
	uint8_t *received; /* every byte read, in order, owned */
	size_t received_len;
};

/* Called as things happen (live view). The event's bytes are in cell_result_of(cell)->received. */
typedef void (*cell_watch_fn)(void *owner, const struct event *event);
typedef void (*cell_done_fn)(void *owner);

struct cell;

/*
 * Builds and starts a cell; `done` is called from the loop when its result stands, never from within
 * cell_start(). Where it cannot be built, the result says so (skipped or unknown) and it is still
 * reported through `done`. Returns -errno only where nothing can be run at all (memory).
 */
int cell_start(struct loop *loop, const struct cell_key *key, const struct lab_settings *settings,
	       cell_watch_fn watch, cell_done_fn done, void *owner, struct cell **ret_cell);

const struct cell_result *cell_result_of(const struct cell *cell);

/* Hands the result over (the caller frees it with cell_result_free()), takes everything down. */
void cell_finish(struct cell *cell, struct cell_result *ret_result);
void cell_result_free(struct cell_result *result);

#endif
