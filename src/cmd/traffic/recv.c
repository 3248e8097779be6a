// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum recv`: the server of the original experiment, which also knows what it should have
 * received. One connection or one UDP flow, then the summary.
 *
 * A connection or a UDP flow belongs to the first peer whose bytes look like a message. Whoever
 * connects and sends nothing or something else (a port scan, a health check) is turned away, and
 * holds nobody up: other connections wait beside it.
 *
 * Lines are printed as they arrive. A damaged line is shown whole, its wrong characters red or with
 * carets below, and the bits named. Of traffic that is not `truesum send`'s, only the first bytes
 * are shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/common/marked.h"
#include "lab/check.h"
#include "net/counter.h"
#include "net/endpoint.h"
#include "sum/detect.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define CLIENTS_MAX 16 /* connected at a time, until one is known as the sender */
#define BUFFER_SIZE 65536 /* the largest datagram */

#define TIME_WIDTH 11 /* "%9.3f" and two blanks */
#define BYTES_DESCRIBED 4 /* of a damaged line */
#define STRANGE_SHOWN 4
#define STRANGE_COLUMNS 48
#define GAPS_SHOWN 8
#define BIG 1200 /* bytes that fit into a packet on every path */
#define PATTERN_BYTES 4 /* so many wrong bytes of one kind are not chance */

enum recv_result { RECV_INTACT, RECV_DAMAGED, RECV_STRANGE, RECV_NOTHING };

/* The state of printing lines. */
struct recv_printer {
	bool quiet; /* damaged lines only */
	bool silent; /* none */
	bool datagrams;
	uint64_t start_ns; /* time 0 of the lines */
	bool begun;
	uint32_t due; /* the next message, if none is missing */
	unsigned int strange; /* lines shown that are not `truesum send`'s */
	struct detect_damage damage; /* of the messages with wrong bytes */
	uint64_t damaged; /* how many there are */
};

struct recv_outcome {
	const struct check_tally *tally;
	const struct recv_printer *printer;
	bool udp;
	uint16_t port;
	const char *peer; /* NULL: nobody connected or sent */
	const char *ended_by; /* "close", "reset", "idle", "time", "signal" */
	uint64_t duration_ns; /* from the first bytes to the last */
	uint64_t other_datagrams; /* from other peers */
	struct by_size {
		uint64_t sent, missing;
	} small, big; /* UDP: of the messages up to the last that was seen */
	bool has_csum_errors; /* the counter could be read */
	uint64_t csum_errors; /* packets this network namespace dropped meanwhile */
};

/* ---- A line ---- */

static void print_gap(struct recv_printer *printer, uint32_t k)
{
	if (printer->begun && printer->datagrams && k > printer->due)
		printf("%*s-- %" PRIu32 " missing here --\n", TIME_WIDTH, "", k - printer->due);
	if (!printer->begun || k >= printer->due)
		printer->due = k + 1;
	printer->begun = true;
}

static void print_strange(struct recv_printer *printer, const struct check_line *line)
{
	bool color = term_color(stdout);
	struct message_line text = line->text;

	if (printer->strange++ >= STRANGE_SHOWN)
		return;
	text.want = text.got;
	if (text.len > STRANGE_COLUMNS)
		text.len = STRANGE_COLUMNS;
	printf("%snot a message of `truesum send`, %zu bytes: \"", term_style(color, TERM_WARN),
	       line->size);
	marked_print(stdout, &text, STRANGE_COLUMNS, MARKED_PLAIN);
	printf("\"%s%s\n", line->size > text.len ? "..." : "", term_style(color, TERM_PLAIN));
}

static void print_wrong_bytes(const struct message_line *text, unsigned int columns, bool color)
{
	unsigned int described = 0;
	size_t left = 0;

	if (!color) {
		printf("%*s", TIME_WIDTH, "");
		marked_print(stdout, text, columns, MARKED_CARETS);
		putchar('\n');
	}
	for (size_t i = 0; i < text->len; i++) {
		if (text->got[i] == text->want[i])
			continue;
		if (described++ >= BYTES_DESCRIBED) {
			left++;
			continue;
		}
		printf("%*s%s", TIME_WIDTH, "", term_style(color, TERM_DIM));
		marked_describe(stdout, i, text->got[i], text->want[i]);
		printf("%s\n", term_style(color, TERM_PLAIN));
	}
	if (left)
		printf("%*sand %zu more wrong byte%s\n", TIME_WIDTH, "", left,
		       left == 1 ? "" : "s");
}

static void print_line(struct recv_printer *printer, const struct check_line *line)
{
	static const char *const remarks[CHECK_CLASSES] = {
		[CHECK_INTACT] = "",
		[CHECK_DAMAGED] = "",
		[CHECK_CUT] = "  (cut short: the connection ended here)",
		[CHECK_AGAIN] = "  (arrived before)",
	};
	unsigned int columns = term_is(stdout) ? term_columns(stdout) - TIME_WIDTH : UINT_MAX;
	const struct message_line *text = &line->text;
	bool color = term_color(stdout);

	if (line->class != CHECK_STRANGE && memcmp(text->got, text->want, text->len) != 0) {
		printer->damaged++;
		detect_add(&printer->damage, 0, text->got, text->want, text->len);
	}
	if (printer->silent)
		return;
	if (line->class == CHECK_STRANGE) {
		print_strange(printer, line);
	} else if (!printer->quiet || line->class != CHECK_INTACT) {
		print_gap(printer, line->k);
		printf("%9.3f  ", (double)(line->at_ns - printer->start_ns) / 1e9);
		marked_print(stdout, text, columns, color ? MARKED_COLORED : MARKED_PLAIN);
		printf("%s\n", remarks[line->class]);
		if (memcmp(text->got, text->want, text->len) != 0)
			print_wrong_bytes(text, columns, color);
	} else {
		print_gap(printer, line->k);
	}
	fflush(stdout);
}

/* ---- The summary ---- */

static enum recv_result result_of(const struct check_tally *tally)
{
	if (!tally->recognised)
		return tally->messages[CHECK_STRANGE] ? RECV_STRANGE : RECV_NOTHING;
	return tally->bytes_wrong ? RECV_DAMAGED : RECV_INTACT;
}

static void print_gaps(const struct check_tally *tally)
{
	size_t shown = tally->gap_count < GAPS_SHOWN ? tally->gap_count : GAPS_SHOWN;

	printf("missing: ");
	for (size_t i = 0; i < shown; i++) {
		const struct check_gap *gap = &tally->gaps[i];

		printf("%s%" PRIu32, i ? ", " : "", gap->first);
		if (gap->count > 1)
			printf(" to %" PRIu32, gap->first + gap->count - 1);
	}
	printf("%s\n", tally->gap_count > shown ? ", ..." : "");
}

/* The only index with a count, or -1. */
static int only_one(const uint64_t *counts, int n)
{
	int found = -1;

	for (int i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static void print_damage_summary(const struct check_tally *tally)
{
	int phase = only_one(tally->wrong_at, CHECK_PHASES), bit = only_one(tally->wrong_bit, 8);
	const char *separator = "";

	printf("%" PRIu64 " of %" PRIu64 " bytes wrong; bits: %" PRIu64 " 1→0, %" PRIu64 " 0→1\n",
	       tally->bytes_wrong, tally->bytes, tally->bits_1to0, tally->bits_0to1);
	printf("wrong bytes by offset mod %d: ", CHECK_PHASES);
	for (int i = 0; i < CHECK_PHASES; i++) {
		if (!tally->wrong_at[i])
			continue;
		printf("%s%d (%" PRIu64 ")", separator, i, tally->wrong_at[i]);
		separator = ", ";
	}
	putchar('\n');
	if (phase >= 0 && bit >= 0 && tally->bytes_wrong >= PATTERN_BYTES &&
	    !(tally->bits_0to1 && tally->bits_1to0))
		printf("always bit %d at offset mod %d = %d, stuck at %d: one bad data line of a "
		       "128-bit-wide memory on the way looks like this\n",
		       bit, CHECK_PHASES, phase, tally->bits_0to1 ? 1 : 0);
}

/* How much of this damage a checksum can see: see sum/detect.h. */
static void print_detection(const struct recv_printer *printer)
{
	uint64_t damaged = printer->damaged, missed = printer->damage.missed;
	double share = detect_missed_share(&printer->damage);

	if (!missed)
		printf("a TCP or UDP checksum would have stopped %s\n",
		       damaged == 1 ? "the damaged message" : "all damaged messages");
	else if (missed == damaged)
		printf("no TCP or UDP checksum can see the damage in %s\n",
		       damaged == 1 ? "the damaged message" : "any of the damaged messages");
	else
		printf("no TCP or UDP checksum can see the damage in %" PRIu64 " of %" PRIu64
		       " damaged messages; one would have stopped the other %" PRIu64 "\n",
		       missed, damaged, damaged - missed);
	if (share > 2.0 / 3)
		printf("a TCP or UDP checksum lets most packets with damage of this kind through\n");
	else if (share > 0)
		printf("a TCP or UDP checksum lets about 1 in %.0f packets with damage of this "
		       "kind through\n",
		       1 / share);
}

static void print_conclusion(const struct recv_outcome *outcome)
{
	bool color = term_color(stdout), damaged = outcome->tally->bytes_wrong;

	if (damaged)
		printf("%sDamaged data was delivered to this program%s: no checksum on its way here "
		       "stopped it.\n",
		       term_style(color, TERM_BAD), term_style(color, TERM_PLAIN));
	else
		printf("%sNothing damaged was delivered%s: every byte received is right.\n",
		       term_style(color, TERM_GOOD), term_style(color, TERM_PLAIN));
	if (outcome->has_csum_errors && outcome->csum_errors)
		printf("The network stack here dropped %" PRIu64
		       " packets with a bad %s checksum meanwhile.\n",
		       outcome->csum_errors, outcome->udp ? "UDP" : "TCP");
}

static void print_summary(const struct recv_outcome *outcome)
{
	const struct check_tally *tally = outcome->tally;
	const uint64_t *n = tally->messages;

	if (outcome->other_datagrams)
		printf("%" PRIu64 " datagrams from other peers were ignored\n",
		       outcome->other_datagrams);
	if (result_of(tally) >= RECV_STRANGE)
		return;
	printf("\n%" PRIu64 " messages from %s in %.1f s: %" PRIu64 " intact, %" PRIu64
	       " damaged, %" PRIu64 " missing",
	       n[CHECK_INTACT] + n[CHECK_DAMAGED] + n[CHECK_CUT] + n[CHECK_AGAIN], outcome->peer,
	       (double)outcome->duration_ns / 1e9, n[CHECK_INTACT], n[CHECK_DAMAGED],
	       tally->missing);
	if (n[CHECK_AGAIN])
		printf(", %" PRIu64 " again", n[CHECK_AGAIN]);
	if (n[CHECK_STRANGE])
		printf(", %" PRIu64 " not messages", n[CHECK_STRANGE]);
	putchar('\n');
	if (tally->first)
		printf("the first seen was message %" PRIu32
		       ": earlier ones were lost, or sent before this program listened\n",
		       tally->first);
	if (tally->gap_count)
		print_gaps(tally);
	if (outcome->small.missing == 0 && outcome->big.missing &&
	    outcome->big.missing == outcome->big.sent)
		printf("no message of more than %d bytes arrived, and all smaller ones did: the path loses "
		       "big\npackets (see: tracepath -n)\n",
		       BIG);
	if (tally->bytes_wrong) {
		print_damage_summary(tally);
		print_detection(outcome->printer);
	}
	print_conclusion(outcome);
}

/* ---- JSON ---- */

static json_t *counts_json(const uint64_t *counts, int n)
{
	json_t *array = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(array, json_integer((json_int_t)counts[i]));
	return array;
}

static json_t *gaps_json(const struct check_tally *tally)
{
	json_t *array = json_array();

	for (size_t i = 0; i < tally->gap_count; i++)
		json_array_append_new(array, json_pack("{sI sI}", "first",
						       (json_int_t)tally->gaps[i].first, "count",
						       (json_int_t)tally->gaps[i].count));
	return array;
}

static int print_outcome_json(const struct recv_outcome *outcome)
{
	static const char *const results[] = {
		[RECV_INTACT] = "intact",
		[RECV_DAMAGED] = "damaged",
		[RECV_STRANGE] = "strange",
		[RECV_NOTHING] = "nothing",
	};
	const struct check_tally *tally = outcome->tally;
	const uint64_t *n = tally->messages;
	json_t *object = json_pack("{ss ss ss ss si ss? ss sf}", "command", "recv", "version",
				   TRUESUM_VERSION, "result", results[result_of(tally)], "proto",
				   outcome->udp ? "udp" : "tcp", "port", (int)outcome->port, "peer",
				   outcome->peer, "ended_by", outcome->ended_by, "duration_s",
				   (double)outcome->duration_ns / 1e9);
	json_t *counts = json_pack(
		"{sI sI sI sI sI sI sI sI sI sI}", "intact", (json_int_t)n[CHECK_INTACT], "damaged",
		(json_int_t)n[CHECK_DAMAGED], "missing", (json_int_t)tally->missing, "again",
		(json_int_t)n[CHECK_AGAIN], "strange", (json_int_t)n[CHECK_STRANGE],
		"other_datagrams", (json_int_t)outcome->other_datagrams, "bytes",
		(json_int_t)tally->bytes, "bytes_wrong", (json_int_t)tally->bytes_wrong,
		"bits_0_to_1", (json_int_t)tally->bits_0to1, "bits_1_to_0",
		(json_int_t)tally->bits_1to0);
	json_t *rest = json_pack(
		"{sI so so so so}", "first", (json_int_t)tally->first, "wrong_by_offset_mod_16",
		counts_json(tally->wrong_at, CHECK_PHASES), "wrong_by_bit",
		counts_json(tally->wrong_bit, 8), "gaps", gaps_json(tally), "in_csum_errors",
		outcome->has_csum_errors ? json_integer((json_int_t)outcome->csum_errors)
					 : json_null());
	int rc = 0;

	if (!object || !counts || !rest || json_object_update(object, counts) < 0 ||
	    json_object_update(object, rest) < 0)
		rc = fail(-ENOMEM, "out of memory");
	else
		json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(object);
	json_decref(counts);
	json_decref(rest);
	return rc;
}

struct recv_options {
	uint64_t idle_ns, for_ns; /* for_ns 0: until the peer closes */
	const char *bind;
	bool udp, quiet, json;
};

/* A connection. */
struct client {
	struct receiver *receiver;
	int fd; /* -1: none */
	struct loop_source *source;
	struct check *check;
	char peer[ENDPOINT_NAME];
	uint64_t since_ns, first_ns; /* when it connected; when its first bytes came */
};

struct receiver {
	struct recv_options options;
	struct endpoint endpoint;
	int listen_fd; /* with UDP the socket */
	struct client client[CLIENTS_MAX], *sender; /* the sender: once it is known */
	struct loop *loop;
	struct loop_source *listener, *idle, *limit;
	struct check *check; /* of the sender; as long as there is none, of the last other peer */
	struct recv_printer printer;
	char peer[ENDPOINT_NAME];
	struct sockaddr_storage address; /* UDP: of the flow, once known */
	uint64_t first_ns, last_ns; /* when bytes came */
	uint64_t other_datagrams;
	const char *ended_by;
	uint8_t buffer[BUFFER_SIZE];
};

/* ---- Receiving ---- */

static int quit(struct receiver *receiver, const char *ended_by)
{
	receiver->ended_by = ended_by;
	loop_quit(receiver->loop, 0);
	return 0;
}

static void on_line(void *owner, const struct check_line *line)
{
	struct receiver *receiver = owner;

	print_line(&receiver->printer, line);
}

static void note_bytes(struct receiver *receiver)
{
	receiver->last_ns = clock_ns();
	if (receiver->first_ns)
		return;
	receiver->first_ns = receiver->last_ns;
	receiver->printer.start_ns = receiver->last_ns;
}

static int on_time(void *owner)
{
	return quit(owner, "time");
}

static int on_idle(void *owner)
{
	return quit(owner, "idle");
}

static int on_signal(void *owner, int signo)
{
	(void)signo;
	return quit(owner, "signal");
}

/* If nobody is known as the sender yet, the outcome is about this peer. */
static void report_on(struct client *client)
{
	struct receiver *receiver = client->receiver;
	struct check *former = receiver->check;

	receiver->check = client->check;
	client->check = former;
	receiver->first_ns = client->first_ns;
	memcpy(receiver->peer, client->peer, sizeof(receiver->peer));
}

static void drop_client(struct client *client)
{
	loop_remove(&client->source);
	check_cleanup(&client->check);
	client->check = NULL;
	cleanup_close(&client->fd);
	client->fd = -1;
}

/* Nobody else is needed any more. */
static void choose(struct client *client)
{
	struct receiver *receiver = client->receiver;

	receiver->sender = client;
	report_on(client);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (&receiver->client[i] != client)
			drop_client(&receiver->client[i]);
	loop_remove(&receiver->listener);
	cleanup_close(&receiver->listen_fd);
	receiver->listen_fd = -1;
}

/* It is not the sender: a port scan, a health check, something else. Others may still come. */
static int reject(struct client *client)
{
	struct receiver *receiver = client->receiver;

	fprintf(stderr, "truesum recv: %s %s; still listening\n", client->peer,
		client->first_ns ? "does not send messages of `truesum send`"
				 : "connected and left without sending a byte");
	if (client->first_ns)
		report_on(client);
	drop_client(client);
	receiver->printer.strange = 0;
	return 0;
}

static int on_end(struct client *client, const char *ended_by)
{
	struct receiver *receiver = client->receiver;

	if (!receiver->sender && client->first_ns) {
		check_end(client->check); /* it may have been cut off in its first message */
		if (check_tally(client->check)->recognised)
			choose(client);
	}
	return receiver->sender ? quit(receiver, ended_by) : reject(client);
}

static int on_readable(void *owner, uint32_t events)
{
	struct client *client = owner;
	struct receiver *receiver = client->receiver;
	ssize_t n = read(client->fd, receiver->buffer, sizeof(receiver->buffer));

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return on_end(client, n ? "reset" : "close");
	receiver->last_ns = clock_ns();
	if (!client->first_ns)
		client->first_ns = receiver->last_ns;
	if (!receiver->sender)
		receiver->printer.start_ns = client->first_ns;
	check_stream(receiver->sender ? receiver->check : client->check, receiver->buffer,
		     (size_t)n, receiver->last_ns);
	if (receiver->sender)
		return 0;
	if (check_tally(client->check)->recognised)
		choose(client);
	else if (check_tally(client->check)->no_truesum)
		return reject(client);
	return 0;
}

/* A place for another connection: a free one, else that of the one which connected first. */
static struct client *make_room(struct receiver *receiver)
{
	struct client *oldest = &receiver->client[0];

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &receiver->client[i];

		if (client->fd < 0)
			return client;
		if (client->since_ns < oldest->since_ns)
			oldest = client;
	}
	drop_client(oldest);
	return oldest;
}

static int on_connect(void *owner, uint32_t events)
{
	struct receiver *receiver = owner;
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int fd = accept4(receiver->listen_fd, (struct sockaddr *)&address, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;

	(void)events;
	if (fd < 0)
		return 0; /* the client has left already */
	client = make_room(receiver);
	*client = (struct client){ .receiver = receiver, .fd = fd, .since_ns = clock_ns() };
	endpoint_name(&address, client->peer);
	if (!receiver->options.json)
		fprintf(stderr, "truesum recv: %s connected\n", client->peer);
	/* Without memory for one more the others go on. */
	if (check_new(on_line, receiver, &client->check) ||
	    loop_add_fd(receiver->loop, fd, EPOLLIN, on_readable, client, &client->source))
		drop_client(client);
	return 0;
}

static bool same_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return a->ss_family == b->ss_family && !memcmp(a, b, sizeof(*a));
}

static int on_datagram(void *owner, uint32_t events)
{
	struct receiver *receiver = owner;
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	ssize_t n = recvfrom(receiver->listen_fd, receiver->buffer, sizeof(receiver->buffer), 0,
			     (struct sockaddr *)&address, &len);
	bool known = check_tally(receiver->check)->recognised;

	(void)events;
	if (n < 0)
		return 0; /* the kernel found a wrong checksum, or an ICMP error came */
	if (known && !same_peer(&address, &receiver->address)) {
		receiver->other_datagrams++;
		return 0;
	}
	note_bytes(receiver);
	check_datagram(receiver->check, receiver->buffer, (size_t)n, receiver->last_ns);
	if (!known) {
		receiver->address = address;
		endpoint_name(&address, receiver->peer);
		/* What strangers sent before does not count as this flow's time. */
		receiver->first_ns = receiver->printer.start_ns = receiver->last_ns;
	}
	if (!check_tally(receiver->check)->recognised)
		return 0;
	loop_remove(&receiver->idle);
	return loop_add_timer(receiver->loop, receiver->options.idle_ns, 0, on_idle, receiver,
			      &receiver->idle);
}

static void announce(const struct receiver *receiver)
{
	const struct endpoint *endpoint = &receiver->endpoint;

	if (receiver->options.json)
		return;
	printf("listening on %s port %u (%s); on the other machine: truesum send%s %s %u\n",
	       endpoint->host ? endpoint->host : "every address,", endpoint->port,
	       endpoint->udp ? "UDP" : "TCP", endpoint->udp ? " --udp" : "",
	       endpoint->host ? endpoint->host : "THIS_HOST", endpoint->port);
	fflush(stdout);
}

static int run(struct receiver *receiver)
{
	struct recv_options *options = &receiver->options;
	_cleanup_(loop_cleanup) struct loop *loop = NULL;
	int rc = loop_new(&loop);

	if (rc)
		return rc;
	receiver->loop = loop;
	rc = loop_add_signals(loop, on_signal, receiver);
	if (!rc)
		rc = loop_add_fd(loop, receiver->listen_fd, EPOLLIN,
				 options->udp ? on_datagram : on_connect, receiver,
				 &receiver->listener);
	if (!rc && options->for_ns)
		rc = loop_add_timer(loop, options->for_ns, 0, on_time, receiver, &receiver->limit);
	if (!rc) {
		announce(receiver);
		rc = loop_run(loop);
	}
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (!receiver->sender && receiver->client[i].first_ns && receiver->client[i].check)
			report_on(&receiver->client[i]);
		drop_client(&receiver->client[i]);
	}
	loop_remove(&receiver->listener);
	loop_remove(&receiver->idle);
	loop_remove(&receiver->limit);
	return rc;
}

static uint64_t csum_errors(const struct receiver *receiver, const struct counters *counters)
{
	return receiver->options.udp ? counters->udp_in_csum_errors : counters->tcp_in_csum_errors;
}

static void count_sizes(const struct check *check, struct recv_outcome *outcome)
{
	uint32_t k = outcome->tally->first, end = check_end_of(check);

	for (; outcome->udp && outcome->tally->gap_count && k < end; k++) {
		bool is_big = message_sized_len(check_size(check), k) > BIG;
		struct by_size *count = is_big ? &outcome->big : &outcome->small;

		count->sent++;
		count->missing += check_is_missing(check, k);
	}
}

/* Listens, receives and prints the result. Returns an exit code, or -errno. */
static int receive(struct receiver *receiver)
{
	struct counters before = { 0 }, after = { 0 };
	struct recv_outcome outcome = { .printer = &receiver->printer,
					.udp = receiver->options.udp,
					.port = receiver->endpoint.port };
	int rc = endpoint_listen(&receiver->endpoint, &receiver->listen_fd);

	if (rc)
		return rc;
	outcome.has_csum_errors = !counter_read(-1, &before);
	rc = run(receiver);
	if (rc)
		return rc;
	check_end(receiver->check);
	if (outcome.has_csum_errors && !counter_read(-1, &after))
		outcome.csum_errors =
			csum_errors(receiver, &after) - csum_errors(receiver, &before);
	outcome.tally = check_tally(receiver->check);
	count_sizes(receiver->check, &outcome);
	outcome.peer = receiver->first_ns ? receiver->peer : NULL;
	outcome.ended_by = receiver->ended_by;
	outcome.duration_ns = receiver->last_ns - receiver->first_ns;
	outcome.other_datagrams = receiver->other_datagrams;
	if (receiver->options.json)
		rc = print_outcome_json(&outcome);
	else
		print_summary(&outcome);
	if (rc)
		return rc;
	switch (result_of(outcome.tally)) {
	case RECV_INTACT:
		return EXIT_NOTHING_WRONG;
	case RECV_DAMAGED:
		return EXIT_FOUND;
	case RECV_STRANGE:
		return fail(-EPROTO, "%s does not send messages of `truesum send`", receiver->peer);
	case RECV_NOTHING:
		break;
	}
	return fail(-ENODATA, "nothing was received%s",
		    outcome.csum_errors ? "; packets with a bad checksum were dropped here" : "");
}

/* ---- The command ---- */

static int parse(int argc, char **argv, struct receiver *receiver)
{
	struct recv_options *options = &receiver->options;
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG, .name = "udp", .letter = 'u', .target = &options->udp,
		  .help = "receive datagrams instead of a connection" },
		{ .type = OPTION_STRING, .name = "bind", .letter = 'b', .value = "ADDR",
		  .target = &options->bind,
		  .help = "listen on this address only (default: all, IPv6 and IPv4)" },
		{ .type = OPTION_DURATION, .name = "idle", .value = "TIME",
		  .target = &options->idle_ns, .min = 10 * MS, .max = 3600 * SECOND,
		  .help = "end a UDP flow after this silence (default 15s: longer than ten\n"
			  "seconds of damage that the network stack drops completely)" },
		{ .type = OPTION_DURATION, .name = "for", .value = "TIME",
		  .target = &options->for_ns, .min = 10 * MS, .max = 31 * 86400 * SECOND,
		  .help = "end after this long in any case (default: when the sender\n"
			  "closes the connection, or ^C)" },
		{ .type = OPTION_FLAG, .name = "quiet", .letter = 'q', .target = &options->quiet,
		  .help = "print damaged lines only" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json,
		  .help = "print one JSON object at the end and nothing else" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "recv",
		.synopsis = "[OPTION]... PORT",
		.about =
			"Receives what 'truesum send' on another machine sends, once, and checks every byte:\n"
			"damaged characters are marked, their bits named and counted. Run it on a host and in\n"
			"a container on it, and compare. Exit code 1: damaged data was delivered.",
		.epilog = "Examples:\n"
			  "  truesum recv 5555\n"
			  "  truesum recv --udp --idle 30s --quiet 5555",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
		.operands_min = 1,
		.operands_max = 1,
	};
	uint64_t port = 0;
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return rc;
	if (options_parse_number(argv[1], 1, UINT16_MAX, &port)) {
		fprintf(stderr, "truesum recv: PORT: %s\n", fail_text());
		return -EINVAL;
	}
	receiver->endpoint = (struct endpoint){ .host = options->bind,
						.port = (uint16_t)port,
						.udp = options->udp };
	receiver->printer = (struct recv_printer){ .quiet = options->quiet,
						   .silent = options->json,
						   .datagrams = options->udp };
	return 0;
}

static void cleanup_receiver(struct receiver **receiver)
{
	if (!*receiver)
		return;
	cleanup_close(&(*receiver)->listen_fd);
	check_cleanup(&(*receiver)->check);
	free(*receiver);
}

int command_recv(int argc, char **argv)
{
	_cleanup_(cleanup_receiver) struct receiver *receiver = calloc(1, sizeof(*receiver));
	int rc;

	if (!receiver)
		return EXIT_UNKNOWN;
	receiver->listen_fd = -1;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		receiver->client[i].fd = -1;
	receiver->options.idle_ns = 15 * SECOND;
	rc = parse(argc, argv, receiver);
	if (rc < 0)
		return options_exit(rc);
	rc = check_new(on_line, receiver, &receiver->check);
	if (!rc)
		rc = receive(receiver);
	if (rc >= 0)
		return rc;
	fprintf(stderr, "truesum recv: %s\n", fail_text());
	return rc == -EINVAL ? EXIT_USAGE : EXIT_UNKNOWN;
}
