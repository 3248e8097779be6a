/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run of the lab: its cells, what happened in each, and how to run them.
 *
 * A cell is one experiment: topology x family x protocol x NIC model x behaviour x mitigation. It
 * builds its networks (lab/topology.h) and joins them by a wire (lab/wire.h). The client sends
 * numbered messages; for a while, the damage window, every segment is damaged on the wire. What the
 * receiver's socket read decides the verdict (lab/judge.h).
 */
#ifndef TRUESUM_LAB_RUN_H
#define TRUESUM_LAB_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/vocabulary.h"
#include "net/counter.h"
#include "packet/damage.h"

enum proto { PROTO_TCP, PROTO_UDP, PROTO_UDP_NOCHECK, PROTOS };
enum nic { NIC_PLAIN, NIC_HONEST, NIC_LYING, NIC_PARTIAL, NICS };
enum behaviour { BEHAVIOUR_NATIVE, BEHAVIOUR_VETH_2016, BEHAVIOURS };

/* Their names in options and JSON ("veth-2016"), and what they mean; NULL-terminated. */
extern const char *const proto_names[], *const nic_names[], *const behaviour_names[];
extern const char *const nic_meanings[], *const behaviour_meanings[];

struct loop; /* base/loop.h */
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
	uint32_t before, during, after; /* messages before, in and after the damage window */
	uint64_t patience_ns; /* how long to wait at the end for what is still missing */
	bool netcat; /* the server is `nc`, not built in */
	uint16_t port; /* the server's */
	const struct marks *marks; /* loaded BPF programs */
};

enum event_kind {
	EVENT_SENT, /* the client wrote message `first` */
	EVENT_WIRE, /* a data segment with messages first .. first+count-1 crossed the wire */
	EVENT_READ, /* the server's socket (or nc's output) yielded bytes of these messages */
	EVENT_WINDOW, /* the damage window opened (damaged == true) or closed */
};

/* Something that happened in a cell, for the live view and the page. */
struct event {
	uint64_t at_ns; /* since the cell's first message */
	enum event_kind kind;
	uint32_t first, count; /* messages */
	bool damaged; /* on the wire: damaged there; read: holds wrong bytes */
	bool again; /* on the wire: at least part of it crossed before, it is a retransmission */
	uint64_t offset; /* READ: where its bytes are in cell_result.received */
	uint32_t len; /* READ: how many */
};

/* What became of one message. */
struct message_fate {
	uint64_t sent_ns; /* since the cell's first message; valid if sent */
	uint64_t read_ns; /* when its last byte was read */
	uint32_t bytes_read, bytes_wrong;
	bool sent;
};

/* Whether a cell's verdict, and who caught the damage, are as expected (lab/judge.h). */
enum agreement {
	AGREEMENT_NONE, /* no verdict, or nothing is known to expect */
	AGREEMENT_AS_EXPECTED,
	AGREEMENT_DIFFERS,
};

struct cell_result {
	enum verdict verdict;
	enum caught_by caught_by;
	char reason[200]; /* why unknown or blocked, or what is missing; else empty */
	bool skipped; /* this kernel cannot build or emulate it; the verdict is unknown */
	enum agreement agreement;
	enum verdict expected; /* these two: valid unless AGREEMENT_NONE */
	enum caught_by expected_by;

	uint32_t sent, delivered, delivered_damaged,
		not_delivered; /* messages; delivered: intact */
	uint64_t bytes_wrong;
	uint64_t longest_delay_ns; /* from write to read, of the messages that were read whole */
	uint32_t damaged_on_wire; /* segments that the wire damaged */
	uint32_t damaged_unseen; /* ... of them, those whose checksum is still right */
	uint32_t unchanged_on_wire; /* segments in the window that the pattern could not change */
	struct counters container,
		host; /* at the end; all start at 0. In `bare` both are the host's */
	uint64_t rule_drops; /* packets that the rule against INVALID dropped */
	uint64_t caught; /* how many damaged packets the counter of `caught_by` shows */

	struct message_fate *messages; /* `message_count` of them, owned */
	uint32_t message_count;
	struct event *events; /* in order, owned */
	size_t event_count;
	uint8_t *received; /* every byte that was read, in order, owned */
	size_t received_len;
};

struct lab_cell {
	struct cell_key key;
	struct cell_result result;
};

/* A run for those who show it. Its cells are in the order of their keys' fields. */
struct lab_run {
	const struct lab_settings *settings;
	const char *kernel; /* uname's release, "6.18.0" */
	const char *version; /* truesum's */
	uint64_t duration_ns; /* of the whole run */
	time_t started; /* wall clock; 0: unknown */
};

/* Every cell is in exactly one of these. */
struct lab_counts {
	size_t cells; /* all of them */
	size_t as_known; /* judged, as expected */
	size_t differing; /* judged, not as expected */
	size_t no_expectation; /* judged, but nothing is known to expect */
	size_t skipped; /* this kernel cannot build or emulate it */
	size_t unknown; /* not judged, and not skipped */
};

/* Who watches a run. Each function may be NULL. */
struct run_watcher {
	/* A cell begins. */
	void (*begin)(void *owner, const struct lab_cell *cell);
	/* Something happened; the result so far has the event's bytes in `received`. */
	void (*event)(void *owner, const struct cell_result *result, const struct event *event);
	/* A cell ended. Its result is complete. */
	void (*end)(void *owner, const struct lab_cell *cell);
	void *owner;
};

#define RUN_JOBS_MAX 60

/*
 * Raises the limit of open files to what `jobs` cells side by side need, and returns how many cells
 * there is room for: fewer if the limit cannot be raised so far; 0, with a sentence, if there is
 * not room for one.
 */
size_t run_room(size_t jobs);

/*
 * Runs cells[0 .. count-1], whose keys are set, at most `jobs` at a time, and fills in their
 * results (free each with run_free_result(), after a failure too). A cell that cannot be built here
 * says so in its result (skipped or unknown). Uses the caller's loop, which may have timers of the
 * caller's. -EINTR, with a sentence, after SIGINT, SIGTERM, SIGHUP or SIGQUIT.
 */
int run_cells(struct loop *loop, const struct lab_settings *settings, struct lab_cell *cells,
	      size_t count, size_t jobs, const struct run_watcher *watcher);

void run_free_result(struct cell_result *result);

struct lab_counts run_count(const struct lab_cell *cells, size_t count);

#endif
