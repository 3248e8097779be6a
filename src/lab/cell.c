// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One cell of the experiment: see cell.h.
 *
 * A timer at the cell's pace sends the messages. The damage window opens only when every message
 * before it was read: that is the control which shows that the way is open. It closes after its number
 * of messages, the rest is sent, and the cell is over when every message was read or patience ends.
 * What the socket read is compared, byte by byte, with what belongs there.
 */
#include "lab/cell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "lab/judge.h"
#include "lab/message.h"
#include "lab/peer.h"
#include "lab/site.h"
#include "lab/topology.h"
#include "lab/wire.h"
#include "net/nft.h"

const char *const proto_names[] = { "tcp", "udp", "udp-nocheck", NULL };
const char *const nic_names[] = { "plain", "honest", "lying", "partial", NULL };
const char *const behaviour_names[] = { "native", "veth-2016", NULL };

#define CONNECT_PATIENCE_NS UINT64_C(15000000000) /* only what is really blocked takes it */
#define LATE_NS UINT64_C(1000000000) /* a loop this late proves nothing by what did not happen */
#define DATAGRAM_GRACE_NS UINT64_C(100000000) /* nothing is retransmitted: later means lost */

struct cell {
	struct loop *loop;
	struct cell_key key;
	const struct lab_settings *settings;
	cell_watch_fn watch;
	cell_done_fn done;
	void *owner;
	struct cell_result result;

	struct site site;
	struct wire *wire;
	struct peers *peers;
	struct loop_source *pace, *deadline, *end;
	uint64_t start_ns; /* when the first message was sent */
	uint32_t next; /* the message to be sent next */
	bool window;
	uint64_t due_ns; /* when pace or deadline should come next, by clock_ns() */
	bool late; /* they came much later: the machine is too busy to tell what is blocked */
	uint64_t crossed; /* TCP: how far the stream was seen on the wire */
	uint64_t stream; /* TCP: how far it was read */
	size_t event_room, received_room;
};

static bool is_tcp(const struct cell *cell)
{
	return cell->key.proto == PROTO_TCP;
}

static uint64_t now(const struct cell *cell)
{
	return cell->start_ns ? clock_ns() - cell->start_ns : 0;
}

/* Makes room for `more` elements behind `used`; *room is what there is. */
static int make_room(void **array, size_t *room, size_t used, size_t more, size_t size)
{
	size_t wanted = *room ? *room : 64;
	void *larger;

	if (used + more <= *room)
		return 0;
	while (wanted < used + more)
		wanted *= 2;
	larger = reallocarray(*array, wanted, size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	*room = wanted;
	return 0;
}

static void add_event(struct cell *cell, struct event event)
{
	struct cell_result *result = &cell->result;

	event.at_ns = now(cell);
	if (make_room((void **)&result->events, &cell->event_room, result->event_count, 1,
		      sizeof(event)))
		return; /* the picture lacks a point; the verdict does not come from here */
	result->events[result->event_count++] = event;
	if (cell->watch)
		cell->watch(cell->owner, &event);
}

static int on_end(void *owner)
{
	struct cell *cell = owner;

	loop_remove(&cell->end);
	cell->done(cell->owner); /* frees the cell */
	return 0;
}

static void conclude(struct cell *cell);

/* From here on nothing changes; `done` is called from the loop, where no callback is below us. */
static void end(struct cell *cell)
{
	loop_remove(&cell->pace);
	loop_remove(&cell->deadline);
	if (cell->end)
		return;
	conclude(cell);
	if (loop_add_soon(cell->loop, on_end, cell, &cell->end))
		loop_quit(cell->loop, fail(-ENOMEM, "no memory to end a cell"));
}

static void due(struct cell *cell, uint64_t in_ns)
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
	cell->result.verdict = verdict;
	snprintf(cell->result.reason, sizeof(cell->result.reason), "%s", reason);
	end(cell);
}

static void on_failure(void *owner, bool blocked)
{
	struct cell *cell = owner;

	/* Nothing damaged has been sent yet: what does not connect is blocked. */
	give_up(cell, blocked && !cell->late ? VERDICT_BLOCKED : VERDICT_UNKNOWN, fail_text());
}

static bool is_whole(const struct cell *cell, uint32_t k)
{
	return cell->result.messages[k].bytes_read == message_len(k);
}

static bool is_intact(const struct cell *cell, uint32_t k)
{
	return is_whole(cell, k) && !cell->result.messages[k].bytes_wrong;
}

static bool all_of(const struct cell *cell, uint32_t from, uint32_t until,
		   bool (*holds)(const struct cell *, uint32_t))
{
	for (uint32_t k = from; k < until; k++)
		if (!holds(cell, k))
			return false;
	return true;
}

/* Which messages a payload on the wire holds. */
static bool messages_in(const struct cell *cell, const struct wire_segment *segment,
			struct event *event)
{
	if (segment->tcp) {
		event->first = message_at(segment->stream_offset);
		event->count = message_at(segment->stream_offset + segment->payload_len - 1) -
			       event->first + 1;
		event->again = segment->stream_offset < cell->crossed;
		return event->first + event->count <= cell->result.message_count;
	}
	event->count = 1;
	return !message_identify(segment->payload, segment->payload_len, 0,
				 cell->result.message_count, &event->first) &&
	       event->first < cell->result.message_count;
}

static void on_segment(void *owner, const struct wire_segment *segment)
{
	struct cell *cell = owner;
	struct event event = { .kind = EVENT_WIRE, .damaged = segment->damaged };

	if (!messages_in(cell, segment, &event))
		return;
	if (segment->tcp && segment->stream_offset + segment->payload_len > cell->crossed)
		cell->crossed = segment->stream_offset + segment->payload_len;
	add_event(cell, event);
}

/* Compares bytes with message k from `place` on. */
static uint32_t compare(struct cell *cell, uint32_t k, size_t place, const uint8_t *bytes,
			size_t len)
{
	struct message_fate *fate = &cell->result.messages[k];
	char text[MESSAGE_MAX];
	uint32_t wrong = 0;

	message_write(k, text);
	for (size_t i = 0; i < len; i++)
		wrong += bytes[i] != (uint8_t)text[place + i];
	fate->bytes_read += (uint32_t)len;
	fate->bytes_wrong += wrong;
	fate->read_ns = now(cell);
	cell->result.bytes_wrong += wrong;
	return wrong;
}

static void take_stream(struct cell *cell, const uint8_t *bytes, size_t len, struct event *event)
{
	size_t done = 0;

	event->first = message_at(cell->stream);
	while (done < len) {
		uint32_t k = message_at(cell->stream);
		size_t place = cell->stream - message_offset(k);
		size_t part = message_len(k) - place;

		if (k >= cell->result.message_count) { /* more than was ever sent */
			cell->result.bytes_wrong += len - done;
			event->damaged = true;
			return;
		}
		if (part > len - done)
			part = len - done;
		event->damaged |= compare(cell, k, place, bytes + done, part) > 0;
		event->count = k - event->first + 1;
		cell->stream += part;
		done += part;
	}
}

/* Which of the messages sent and not yet read the datagram is: the one with the fewest wrong bytes. */
static bool identify(const struct cell *cell, const uint8_t *bytes, size_t len, uint32_t *ret_k)
{
	size_t fewest = SIZE_MAX;
	char text[MESSAGE_MAX];

	for (uint32_t k = 0; k < cell->next; k++) {
		size_t wrong = 0;

		if (cell->result.messages[k].bytes_read || message_write(k, text) != len)
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

static void take_datagram(struct cell *cell, const uint8_t *bytes, size_t len, struct event *event)
{
	uint32_t k;

	event->count = 1;
	if (!identify(cell, bytes, len, &k)) {
		cell->result.bytes_wrong += len; /* nothing like it was sent, or not twice */
		event->damaged = true;
		return;
	}
	event->first = k;
	event->damaged = compare(cell, k, 0, bytes, len) > 0;
}

static void on_data(void *owner, const uint8_t *bytes, size_t len)
{
	struct cell *cell = owner;
	struct cell_result *result = &cell->result;
	struct event event = { .kind = EVENT_READ,
			       .offset = result->received_len,
			       .len = (uint32_t)len };

	if (cell->end || make_room((void **)&result->received, &cell->received_room,
				   result->received_len, len, 1))
		return;
	memcpy(result->received + result->received_len, bytes, len);
	result->received_len += len;
	if (is_tcp(cell))
		take_stream(cell, bytes, len, &event);
	else
		take_datagram(cell, bytes, len, &event);
	add_event(cell, event);
	if (all_of(cell, 0, result->message_count, is_whole))
		end(cell);
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
	end(owner);
	return 0;
}

static void set_deadline(struct cell *cell, uint64_t ns)
{
	loop_remove(&cell->deadline);
	due(cell, ns);
	if (loop_add_timer(cell->loop, ns, 0, on_deadline, cell, &cell->deadline))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static void send_next(struct cell *cell)
{
	char text[MESSAGE_MAX];
	uint32_t k = cell->next;
	size_t len = message_write(k, text);

	cell->next++;
	cell->result.sent++;
	cell->result.messages[k].sent = true;
	cell->result.messages[k].sent_ns = now(cell);
	add_event(cell, (struct event){ .kind = EVENT_SENT, .first = k, .count = 1 });
	if (peers_send(cell->peers, text, len))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static int on_pace(void *owner)
{
	struct cell *cell = owner;
	const struct lab_settings *settings = cell->settings;
	uint32_t closes = settings->before + settings->during;

	note_lateness(cell);
	due(cell, settings->pace_ns);
	if (cell->next == cell->result.message_count) {
		if (cell->window)
			set_window(cell, false);
		loop_remove(&cell->pace);
		set_deadline(cell, is_tcp(cell) ? settings->patience_ns : DATAGRAM_GRACE_NS);
		return 0;
	}
	if (cell->next == settings->before && !cell->window) {
		if (!all_of(cell, 0, cell->next, is_intact))
			return 0; /* the control is still under way; the deadline watches */
		set_window(cell, true);
		loop_remove(&cell->deadline);
	}
	if (cell->next == closes && cell->window)
		set_window(cell, false);
	send_next(cell);
	return 0;
}

static void on_ready(void *owner)
{
	struct cell *cell = owner;

	cell->start_ns = clock_ns();
	set_deadline(cell, cell->settings->pace_ns * cell->settings->before + CONNECT_PATIENCE_NS);
	due(cell, 0);
	if (loop_add_timer(cell->loop, 0, cell->settings->pace_ns, on_pace, cell, &cell->pace))
		give_up(cell, VERDICT_UNKNOWN, fail_text());
}

static int read_counters(struct cell *cell)
{
	struct cell_result *result = &cell->result;
	int rc = counter_read(cell->site.receiver, &result->container);

	rc = rc ? rc : counter_read(cell->site.host, &result->host);
	if (!rc && cell->key.topology->host_check == HOST_CHECK_RULE)
		rc = nft_counter(cell->site.host, "invalid", &result->rule_drops);
	return rc;
}

/* Completes the evidence and has it judged. */
static void conclude(struct cell *cell)
{
	struct cell_result *result = &cell->result;

	if (cell->wire) {
		struct wire_counts counts = wire_counts(cell->wire);

		result->damaged_on_wire = counts.damaged;
		result->damaged_unseen = counts.unseen;
		result->unchanged_on_wire = counts.unchanged;
	}
	if (!result->reason[0] && read_counters(cell))
		snprintf(result->reason, sizeof(result->reason), "%s", fail_text());
	judge(&cell->key, cell->settings, cell->late, result);
}

/* Builds networks, wire and peers. */
static int build(struct cell *cell)
{
	const struct lab_settings *settings = cell->settings;
	struct wire_settings wire = { .port = settings->port,
				      .partial = cell->key.nic == NIC_PARTIAL,
				      .damage = settings->damage,
				      .on_segment = on_segment,
				      .owner = cell };
	struct peers_settings peers = { .dial = cell->site.dial,
					.family = cell->key.family,
					.proto = cell->key.proto,
					.receiver_dials = cell->key.topology->container_dials,
					.netcat = settings->netcat,
					.port = settings->port,
					.on_ready = on_ready,
					.on_data = on_data,
					.on_failure = on_failure,
					.owner = cell };
	int rc = site_build(&cell->key, settings->port, settings->marks, &cell->site);

	if (rc)
		return rc;
	wire.sender_port = cell->site.sender_port;
	wire.host_port = cell->site.host_port;
	rc = wire_open(cell->loop, &wire, &cell->wire);
	if (rc)
		return rc;
	set_deadline(cell, CONNECT_PATIENCE_NS);
	peers.sender_netns = cell->site.sender;
	peers.receiver_netns = cell->site.receiver;
	return peers_open(cell->loop, &peers, &cell->peers);
}

int cell_start(struct loop *loop, const struct cell_key *key, const struct lab_settings *settings,
	       cell_watch_fn watch, cell_done_fn done, void *owner, struct cell **ret_cell)
{
	struct cell *cell = calloc(1, sizeof(*cell));
	int rc;

	if (!cell)
		return -ENOMEM;
	*cell = (struct cell){ .loop = loop,
			       .key = *key,
			       .settings = settings,
			       .watch = watch,
			       .done = done,
			       .owner = owner,
			       .site = { -1, -1, -1, -1, -1, -1, "" } };
	cell->result.message_count = settings->before + settings->during + settings->after;
	cell->result.messages = calloc(cell->result.message_count, sizeof(struct message_fate));
	if (!cell->result.messages) {
		free(cell);
		return -ENOMEM;
	}
	*ret_cell = cell; /* callbacks may come before we return */
	rc = build(cell);
	if (rc) {
		cell->result.skipped = rc == -EOPNOTSUPP;
		give_up(cell, VERDICT_UNKNOWN, fail_text());
	}
	return 0;
}

const struct cell_result *cell_result_of(const struct cell *cell)
{
	return &cell->result;
}

void cell_finish(struct cell *cell, struct cell_result *ret_result)
{
	loop_remove(&cell->pace);
	loop_remove(&cell->deadline);
	loop_remove(&cell->end);
	peers_close(cell->peers);
	wire_close(cell->wire);
	site_close(&cell->site);
	*ret_result = cell->result;
	free(cell);
}

void cell_result_free(struct cell_result *result)
{
	free(result->messages);
	free(result->events);
	free(result->received);
	*result = (struct cell_result){ 0 };
}
