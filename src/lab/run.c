// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A run of the lab: see run.h.
 *
 * In a cell, a timer at the cell's pace sends the messages. The damage window opens when every
 * message before it was read: that is the control, which shows that there is a way in. It closes
 * after its number of messages, the rest is sent, and the cell ends when every message was read or
 * patience ends. Each byte that the socket read is compared with the byte that belongs there.
 *
 * A cell spends nearly all its time waiting for TCP's timers, so one thread runs dozens of them.
 * Building a cell takes some milliseconds, in which the others wait; each cell therefore starts in
 * a turn of the loop of its own.
 */
#include "lab/run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "lab/judge.h"
#include "lab/message.h"
#include "lab/peers.h"
#include "lab/topology.h"
#include "lab/wire.h"
#include "net/netfilter.h"

const char *const proto_names[] = { "tcp", "udp", "udp-nocheck", NULL };
const char *const nic_names[] = { "plain", "honest", "lying", "partial", NULL };
const char *const behaviour_names[] = { "native", "veth-2016", NULL };

const char *const nic_meanings[] = {
	"verifies nothing (CHECKSUM_NONE)",
	"vouches for undamaged packets only",
	"vouches for every packet (CHECKSUM_UNNECESSARY)",
	"hands checksums over unfinished (CHECKSUM_PARTIAL)",
	NULL,
};

const char *const behaviour_meanings[] = {
	"this kernel as it is",
	"with the statement that veth had before Linux 4.4",
	NULL,
};

#define CONNECT_PATIENCE_NS UINT64_C(15000000000) /* only a cell that is blocked waits so long */
#define LATE_NS UINT64_C(1000000000) /* with a timer this late, a missing message proves nothing */
#define DATAGRAM_GRACE_NS UINT64_C(100000000) /* nothing is retransmitted: later means lost */

/*
 * Descriptors of a cell (namespaces, ports, sockets, timers), and of the rest of the run.
 * libnftables calls select(), which takes only descriptors below FD_SETSIZE, so more of them are no
 * use.
 */
#define DESCRIPTORS_A_CELL 16
#define DESCRIPTORS_BESIDES 64

_Static_assert(RUN_JOBS_MAX *DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES <= FD_SETSIZE,
	       "all cells' descriptors are below FD_SETSIZE");

struct cell;

struct runner {
	struct loop *loop;
	const struct lab_settings *settings;
	const struct run_watcher *watcher;
	struct lab_cell *cells;
	size_t count, started, ended;
	struct cell *running[RUN_JOBS_MAX]; /* the first `jobs` may be used; NULL: free */
	size_t jobs;
	struct loop_source *next;
};

/* A cell while it runs. */
struct cell {
	struct runner *runner;
	struct lab_cell *lab;
	const struct cell_key *key; /* these two: in `lab` */
	struct cell_result *result;

	struct site site;
	struct wire *wire;
	struct peers *peers;
	struct loop_source *pace, *deadline, *end;
	uint64_t start_ns; /* when the first message was sent */
	uint32_t next; /* the message to send next */
	bool window;
	uint64_t due_ns; /* when pace or deadline should fire next, by clock_ns() */
	bool late; /* they fired much later: the machine is too busy to tell what is blocked */
	uint64_t crossed; /* TCP: how far the stream was seen on the wire */
	uint64_t stream; /* TCP: how far it was read */
	size_t event_room, received_room;
};

static bool is_tcp(const struct cell *cell)
{
	return cell->key->proto == PROTO_TCP;
}

static uint64_t since_start(const struct cell *cell)
{
	return cell->start_ns ? clock_ns() - cell->start_ns : 0;
}

static void add_event(struct cell *cell, struct event event)
{
	const struct run_watcher *watcher = cell->runner->watcher;
	struct cell_result *result = cell->result;

	event.at_ns = since_start(cell);
	if (ARRAY_RESERVE(result->events, cell->event_room, result->event_count + 1))
		return; /* the page lacks a point; the verdict does not depend on it */
	result->events[result->event_count++] = event;
	if (watcher->event)
		watcher->event(watcher->owner, result, &event);
}

static int on_end(void *owner);
static void conclude(struct cell *cell);

/*
 * From here on nothing changes. on_end() follows from the loop, when no callback of the cell is
 * running.
 */
static void end_cell(struct cell *cell)
{
	loop_remove(&cell->pace);
	loop_remove(&cell->deadline);
	if (cell->end)
		return;
	conclude(cell);
	if (loop_add_soon(cell->runner->loop, on_end, cell, &cell->end))
		loop_quit(cell->runner->loop, fail(-ENOMEM, "no memory to end a cell"));
}

static void expect_timer(struct cell *cell, uint64_t in_ns)
{
	cell->due_ns = clock_ns() + in_ns;
}

static void note_lateness(struct cell *cell)
{
	cell->late |= clock_ns() > cell->due_ns + LATE_NS;
}

static void give_up(struct cell *cell, enum verdict verdict, const char *reason)
{
	if (cell->end)
		return;
	cell->result->verdict = verdict;
	snprintf(cell->result->reason, sizeof(cell->result->reason), "%s", reason);
	end_cell(cell);
}

static void on_peers_failed(void *owner, bool blocked)
{
	struct cell *cell = owner;

	/* Nothing was damaged yet: a connection that fails now is blocked. */
	give_up(cell, blocked && !cell->late ? VERDICT_BLOCKED : VERDICT_UNKNOWN, fail_text());
}

static bool is_whole(const struct cell *cell, uint32_t k)
{
	return cell->result->messages[k].bytes_read == message_len(k);
}

static bool is_intact(const struct cell *cell, uint32_t k)
{
	return is_whole(cell, k) && !cell->result->messages[k].bytes_wrong;
}

static bool all_of(const struct cell *cell, uint32_t from, uint32_t until,
		   bool (*holds)(const struct cell *, uint32_t))
{
	for (uint32_t k = from; k < until; k++)
		if (!holds(cell, k))
			return false;
	return true;
}

/* Finds which messages a payload on the wire holds; false if none of the cell. */
static bool messages_in(const struct cell *cell, const struct wire_segment *segment,
			struct event *event)
{
	if (segment->tcp) {
		event->first = message_at(segment->stream_offset);
		event->count = message_at(segment->stream_offset + segment->payload_len - 1) -
			       event->first + 1;
		event->again = segment->stream_offset < cell->crossed;
		return event->first + event->count <= cell->result->message_count;
	}
	event->count = 1;
	return !message_identify(segment->payload, segment->payload_len, 0,
				 cell->result->message_count, &event->first) &&
	       event->first < cell->result->message_count;
}

static void on_segment(void *owner, const struct wire_segment *segment)
{
	struct cell *cell = owner;
	struct event event = { .kind = EVENT_WIRE, .damaged = segment->damaged };

	cell->result->damaged_on_wire += segment->damaged;
	cell->result->damaged_unseen += segment->unseen;
	cell->result->unchanged_on_wire += segment->unchanged;
	if (!messages_in(cell, segment, &event))
		return;
	if (segment->tcp && segment->stream_offset + segment->payload_len > cell->crossed)
		cell->crossed = segment->stream_offset + segment->payload_len;
	add_event(cell, event);
}

/* Compares bytes that were read with message k from `place` on; returns how many are wrong. */
static uint32_t compare_read(struct cell *cell, uint32_t k, size_t place, const uint8_t *bytes,
			     size_t len)
{
	struct message_fate *fate = &cell->result->messages[k];
	char text[MESSAGE_MAX];
	uint32_t wrong = 0;

	message_write(k, text);
	for (size_t i = 0; i < len; i++)
		wrong += bytes[i] != (uint8_t)text[place + i];
	fate->bytes_read += (uint32_t)len;
	fate->bytes_wrong += wrong;
	fate->read_ns = since_start(cell);
	cell->result->bytes_wrong += wrong;
	return wrong;
}

static void read_stream(struct cell *cell, const uint8_t *bytes, size_t len, struct event *event)
{
	size_t done = 0;

	event->first = message_at(cell->stream);
	while (done < len) {
		uint32_t k = message_at(cell->stream);
		size_t place = cell->stream - message_offset(k);
		size_t part = message_len(k) - place;

		if (k >= cell->result->message_count) { /* more than was sent */
			cell->result->bytes_wrong += len - done;
			event->damaged = true;
			return;
		}
		if (part > len - done)
			part = len - done;
		event->damaged |= compare_read(cell, k, place, bytes + done, part) > 0;
		event->count = k - event->first + 1;
		cell->stream += part;
		done += part;
	}
}

/*
 * Finds which message the datagram is: of those sent and not yet read, the one with the fewest
 * wrong bytes.
 */
static bool find_unread(const struct cell *cell, const uint8_t *bytes, size_t len, uint32_t *ret_k)
{
	size_t fewest = SIZE_MAX;
	char text[MESSAGE_MAX];

	for (uint32_t k = 0; k < cell->next; k++) {
		size_t wrong = 0;

		if (cell->result->messages[k].bytes_read || message_write(k, text) != len)
			continue;
		for (size_t i = 0; i < len; i++)
			wrong += bytes[i] != (uint8_t)text[i];
		if (wrong < fewest) {
			fewest = wrong;
			*ret_k = k;
		}
	}
	return fewest != SIZE_MAX;
}

static void read_datagram(struct cell *cell, const uint8_t *bytes, size_t len, struct event *event)
{
	uint32_t k;

	event->count = 1;
	if (!find_unread(cell, bytes, len, &k)) {
		cell->result->bytes_wrong +=
			len; /* no such message was sent, or it was read already */
		event->damaged = true;
		return;
	}
	event->first = k;
	event->damaged = compare_read(cell, k, 0, bytes, len) > 0;
}

static void on_peers_data(void *owner, const uint8_t *bytes, size_t len)
{
	struct cell *cell = owner;
	struct cell_result *result = cell->result;
	struct event event = { .kind = EVENT_READ,
			       .offset = result->received_len,
			       .len = (uint32_t)len };

	if (cell->end ||
	    ARRAY_RESERVE(result->received, cell->received_room, result->received_len + len))
		return;
	memcpy(result->received + result->received_len, bytes, len);
	result->received_len += len;
	if (is_tcp(cell))
		read_stream(cell, bytes, len, &event);
	else
		read_datagram(cell, bytes, len, &event);
	add_event(cell, event);
	if (all_of(cell, 0, result->message_count, is_whole))
		end_cell(cell);
}

static void set_window(struct cell *cell, bool open)
{
	cell->window = open;
	wire_set_window(cell->wire, open);
	add_event(cell, (struct event){ .kind = EVENT_WINDOW, .damaged = open });
}

static int on_deadline(void *owner)
{
	note_lateness(owner);
	end_cell(owner);
	return 0;
}

static void set_deadline(struct cell *cell, uint64_t ns)
{
	loop_remove(&cell->deadline);
	expect_timer(cell, ns);
	if (loop_add_timer(cell->runner->loop, ns, 0, on_deadline, cell, &cell->deadline))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static void send_next(struct cell *cell)
{
	char text[MESSAGE_MAX];
	uint32_t k = cell->next;
	size_t len = message_write(k, text);

	cell->next++;
	cell->result->sent++;
	cell->result->messages[k].sent = true;
	cell->result->messages[k].sent_ns = since_start(cell);
	add_event(cell, (struct event){ .kind = EVENT_SENT, .first = k, .count = 1 });
	if (peers_send(cell->peers, text, len))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static int on_send_time(void *owner)
{
	struct cell *cell = owner;
	const struct lab_settings *settings = cell->runner->settings;
	uint32_t closes = settings->before + settings->during;

	note_lateness(cell);
	expect_timer(cell, settings->pace_ns);
	if (cell->next == cell->result->message_count) {
		if (cell->window)
			set_window(cell, false);
		loop_remove(&cell->pace);
		set_deadline(cell, is_tcp(cell) ? settings->patience_ns : DATAGRAM_GRACE_NS);
		return 0;
	}
	if (cell->next == settings->before && !cell->window) {
		if (!all_of(cell, 0, cell->next, is_intact))
			return 0; /* the control has not arrived yet; the deadline is running */
		set_window(cell, true);
		loop_remove(&cell->deadline);
	}
	if (cell->next == closes && cell->window)
		set_window(cell, false);
	send_next(cell);
	return 0;
}

static void on_peers_ready(void *owner)
{
	struct cell *cell = owner;

	cell->start_ns = clock_ns();
	set_deadline(cell, cell->runner->settings->pace_ns * cell->runner->settings->before +
				   CONNECT_PATIENCE_NS);
	expect_timer(cell, 0);
	if (loop_add_timer(cell->runner->loop, 0, cell->runner->settings->pace_ns, on_send_time,
			   cell, &cell->pace))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static int read_counters(struct cell *cell)
{
	struct cell_result *result = cell->result;
	int rc = counter_read(cell->site.receiver, &result->container);

	rc = rc ? rc : counter_read(cell->site.host, &result->host);
	if (!rc && cell->key->topology->host_check == HOST_CHECK_RULE)
		rc = netfilter_counter(cell->site.host, "invalid", &result->rule_drops);
	return rc;
}

/* Completes the evidence and judges it. */
static void conclude(struct cell *cell)
{
	struct cell_result *result = cell->result;

	if (!result->reason[0] && read_counters(cell))
		snprintf(result->reason, sizeof(result->reason), "%s", fail_text());
	judge_cell(cell->key, cell->runner->settings, cell->late, result);
}

/* Builds networks, wire and peers. */
static int build_cell(struct cell *cell)
{
	const struct lab_settings *settings = cell->runner->settings;
	struct wire_settings wire = { .port = settings->port,
				      .partial = cell->key->nic == NIC_PARTIAL,
				      .damage = settings->damage,
				      .on_segment = on_segment,
				      .owner = cell };
	struct peers_settings peers = { .dial = cell->site.dial,
					.family = cell->key->family,
					.proto = cell->key->proto,
					.receiver_dials = cell->key->topology->container_dials,
					.netcat = settings->netcat,
					.port = settings->port,
					.on_ready = on_peers_ready,
					.on_data = on_peers_data,
					.on_failure = on_peers_failed,
					.owner = cell };
	int rc = topology_build(cell->key, settings->port, settings->marks, &cell->site);

	if (rc)
		return rc;
	wire.sender_port = cell->site.sender_port;
	wire.host_port = cell->site.host_port;
	rc = wire_open(cell->runner->loop, &wire, &cell->wire);
	if (rc)
		return rc;
	set_deadline(cell, CONNECT_PATIENCE_NS);
	peers.sender_netns = cell->site.sender;
	peers.receiver_netns = cell->site.receiver;
	return peers_open(cell->runner->loop, &peers, &cell->peers);
}

/*
 * Starts a cell; if it cannot be built, it ends at once. -ENOMEM, with a sentence: nothing was
 * started.
 */
static int start_cell(struct runner *runner, struct lab_cell *lab, struct cell **slot)
{
	const struct lab_settings *settings = runner->settings;
	struct cell_result *result = &lab->result;
	struct cell *cell = calloc(1, sizeof(*cell));
	int rc;

	*result = (struct cell_result){ .message_count = settings->before + settings->during +
							 settings->after };
	result->messages = calloc(result->message_count, sizeof(struct message_fate));
	if (!cell || !result->messages) {
		free(cell);
		return fail(-ENOMEM, "no memory for a cell");
	}
	*cell = (struct cell){ .runner = runner,
			       .lab = lab,
			       .key = &lab->key,
			       .result = result,
			       .site = { -1, -1, -1, -1, -1, -1, "" } };
	*slot = cell;
	rc = build_cell(cell);
	if (rc) {
		result->skipped = rc == -EOPNOTSUPP;
		give_up(cell, VERDICT_UNKNOWN, fail_text());
	}
	return 0;
}

/* Takes everything of the cell down; its result stays in lab_cell. */
static void free_cell(struct cell *cell)
{
	if (!cell)
		return;
	loop_remove(&cell->pace);
	loop_remove(&cell->deadline);
	loop_remove(&cell->end);
	peers_close(cell->peers);
	wire_close(cell->wire);
	topology_close(&cell->site);
	free(cell);
}

static int start_next(void *owner);

static int schedule_next(struct runner *runner)
{
	if (runner->next || runner->started == runner->count)
		return 0;
	return loop_add_soon(runner->loop, start_next, runner, &runner->next);
}

static int start_next(void *owner)
{
	struct runner *runner = owner;
	const struct run_watcher *watcher = runner->watcher;
	struct lab_cell *lab;
	size_t slot = 0;
	int rc;

	loop_remove(&runner->next);
	while (slot < runner->jobs && runner->running[slot])
		slot++;
	if (slot == runner->jobs)
		return 0; /* on_end() schedules the next */
	lab = &runner->cells[runner->started++];
	if (watcher->begin)
		watcher->begin(watcher->owner, lab);
	rc = start_cell(runner, lab, &runner->running[slot]);
	return rc ? rc : schedule_next(runner);
}

static int on_end(void *owner)
{
	struct cell *cell = owner;
	struct runner *runner = cell->runner;
	const struct run_watcher *watcher = runner->watcher;
	const struct lab_cell *lab = cell->lab;

	for (size_t i = 0; i < runner->jobs; i++)
		if (runner->running[i] == cell)
			runner->running[i] = NULL;
	free_cell(cell);
	runner->ended++;
	if (watcher->end)
		watcher->end(watcher->owner, lab);
	if (runner->ended == runner->count)
		loop_quit(runner->loop, 0);
	return schedule_next(runner);
}

static int on_run_signal(void *owner, int signo)
{
	(void)owner;
	(void)signo;
	return fail(-EINTR, "interrupted; everything was taken down");
}

int run_cells(struct loop *loop, const struct lab_settings *settings, struct lab_cell *cells,
	      size_t count, size_t jobs, const struct run_watcher *watcher)
{
	struct runner runner = { .loop = loop,
				 .settings = settings,
				 .watcher = watcher,
				 .cells = cells,
				 .count = count,
				 .jobs = jobs < RUN_JOBS_MAX ? jobs : RUN_JOBS_MAX };
	int rc = loop_add_signals(loop, on_run_signal, &runner);

	rc = rc ? rc : schedule_next(&runner);
	rc = rc ? rc : loop_run(loop);
	for (size_t i = 0; i < runner.jobs; i++)
		free_cell(runner.running[i]);
	loop_remove(&runner.next);
	return rc;
}

size_t run_room(size_t jobs)
{
	struct rlimit limit;
	rlim_t wanted = jobs * DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES;
	size_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return jobs;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return jobs;
	room = limit.rlim_cur < DESCRIPTORS_BESIDES + DESCRIPTORS_A_CELL
		       ? 0
		       : (limit.rlim_cur - DESCRIPTORS_BESIDES) / DESCRIPTORS_A_CELL;
	if (!room)
		fail(-EMFILE, "%llu open files are too few: raise the limit (ulimit -n %d)",
		     (unsigned long long)limit.rlim_cur, DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES);
	return room;
}

void run_free_result(struct cell_result *result)
{
	free(result->messages);
	free(result->events);
	free(result->received);
	*result = (struct cell_result){ 0 };
}

static size_t *counter_of(struct lab_counts *counts, const struct cell_result *result)
{
	if (result->skipped)
		return &counts->skipped;
	if (result->verdict == VERDICT_UNKNOWN)
		return &counts->unknown;
	if (result->agreement == AGREEMENT_NONE)
		return &counts->no_expectation;
	return result->agreement == AGREEMENT_DIFFERS ? &counts->differing : &counts->as_known;
}

struct lab_counts run_count(const struct lab_cell *cells, size_t count)
{
	struct lab_counts counts = { .cells = count };

	for (size_t i = 0; i < count; i++)
		++*counter_of(&counts, &cells[i].result);
	return counts;
}
