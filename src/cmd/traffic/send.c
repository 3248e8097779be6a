// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum send`: the client of the original experiment. One connection (or UDP flow), one numbered
 * line at a time, each handed to the network by itself.
 *
 * At the end it waits until the receiver's TCP has acknowledged everything. Messages that were sent
 * while packets were damaged may still be on their way: TCP sends them again.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "cmd/common/command.h"
#include "cmd/common/marked.h"
#include "lab/message.h"
#include "net/endpoint.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define PATIENCE (30 * SECOND) /* for the last acknowledgement */
#define ACK_POLL (20 * MS)
#define BIG 1200 /* bytes that fit into a packet on every path */
#define REFUSAL_WAIT (200 * MS) /* for an ICMP answer to the last datagram */

struct send_options {
	uint64_t interval_ns, count;
	uint32_t size; /* see lab/message.h */
	bool udp, no_check, quiet, json;
};

struct sender {
	struct send_options options;
	struct endpoint endpoint;
	char peer[ENDPOINT_NAME];
	int fd;
	struct loop *loop;
	struct loop_source *pace, *socket, *end;
	uint64_t start_ns, end_ns;
	uint32_t sent;
	char rest[MESSAGE_SIZE_MAX]; /* of the latest message: what the socket did not accept yet */
	size_t rest_len;
	const char *ended_by; /* "count", "signal", "receiver", "error", "patience" */
	int unacknowledged; /* bytes */
	bool announced; /* printed that it waits for them */
};

static void quit(struct sender *sender, const char *ended_by)
{
	if (!sender->ended_by)
		sender->ended_by = ended_by;
	loop_quit(sender->loop, 0);
}

static int unacknowledged(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

static int check_acknowledged(void *owner)
{
	struct sender *sender = owner;

	uint64_t waited_ns = clock_ns() - sender->end_ns;

	sender->unacknowledged = unacknowledged(sender->fd);
	if (sender->unacknowledged && !sender->announced && waited_ns > SECOND) {
		sender->announced = true;
		fprintf(stderr,
			"truesum send: waiting up to %d s for the receiver's TCP to acknowledge the "
			"rest (^C: leave)\n",
			(int)(PATIENCE / SECOND));
	}
	if (sender->unacknowledged && waited_ns < PATIENCE)
		return 0;
	if (sender->unacknowledged)
		sender->ended_by = "patience";
	quit(sender, sender->ended_by);
	return 0;
}

static int on_refusal_wait_over(void *owner)
{
	struct sender *sender = owner;

	quit(sender, sender->ended_by);
	return 0;
}

/* Stops sending, and waits until everything has arrived. */
static int finish(struct sender *sender, const char *ended_by)
{
	sender->ended_by = ended_by;
	sender->end_ns = clock_ns();
	loop_remove(&sender->pace);
	if (sender->options.udp)
		return loop_add_timer(sender->loop, REFUSAL_WAIT, 0, on_refusal_wait_over, sender,
				      &sender->end);
	shutdown(sender->fd, SHUT_WR);
	return loop_add_timer(sender->loop, 0, ACK_POLL, check_acknowledged, sender, &sender->end);
}

static int lost(struct sender *sender, int rc)
{
	const char *what = sender->options.udp ? "datagrams" : "connection";

	if (rc == -ECONNREFUSED && sender->sent <= 1)
		fail(rc, "%s refuses the datagrams: start 'truesum recv --udp %u' there first",
		     sender->peer, sender->endpoint.port);
	else if (rc == -ECONNREFUSED)
		fail(rc, "%s refuses the datagrams after %" PRIu32 ": the receiver has ended",
		     sender->peer, sender->sent);
	else
		fail_errno(rc, "the %s to %s failed after %" PRIu32 " messages", what, sender->peer,
			   sender->sent);
	fprintf(stderr, "truesum send: %s\n", fail_text());
	sender->ended_by = "error";
	quit(sender, "error");
	return 0;
}

static void print_line(const struct sender *sender, const char *text, size_t len)
{
	const struct message_line line = { (const uint8_t *)text, (const uint8_t *)text, len };

	if (sender->options.quiet || sender->options.json)
		return;
	printf("%9.3f  ", (double)(clock_ns() - sender->start_ns) / 1e9);
	marked_print(stdout, &line, UINT_MAX, MARKED_PLAIN);
	if (sender->options.size != MESSAGE_LINES)
		printf("  (%zu bytes)", len);
	putchar('\n');
	fflush(stdout);
}

/* Writes the rest of the latest message; some of it stays if the socket buffer is full. */
static int push(struct sender *sender)
{
	ssize_t n = send(sender->fd, sender->rest, sender->rest_len, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == ENOBUFS ? 0 : -errno;
	sender->rest_len -= (size_t)n;
	memmove(sender->rest, sender->rest + n, sender->rest_len);
	return 0;
}

static int on_pace(void *owner)
{
	struct sender *sender = owner;
	int rc = sender->rest_len ? push(sender) : 0;

	if (!rc && !sender->rest_len) {
		char text[MESSAGE_SIZE_MAX];
		size_t len = message_sized_write(sender->options.size, sender->sent, text);

		memcpy(sender->rest, text, len);
		sender->rest_len = len;
		rc = push(sender);
		if (!rc) {
			print_line(sender, text, len);
			sender->sent++;
		}
	}
	if (rc)
		return lost(sender, rc);
	if (sender->sent == sender->options.count && !sender->rest_len)
		return finish(sender, "count");
	return 0;
}

/* The receiver sends nothing: if the socket is readable, it was closed or failed. */
static int on_socket(void *owner, uint32_t events)
{
	struct sender *sender = owner;
	char ignored[4096];
	ssize_t n = read(sender->fd, ignored, sizeof(ignored));

	(void)events;
	if (n < 0 && errno != EAGAIN)
		return lost(sender, -errno);
	if (n || sender->options.udp)
		return 0;
	loop_remove(&sender->socket);
	if (sender->ended_by) /* all is sent, and the receiver has read it */
		return check_acknowledged(sender);
	fprintf(stderr, "truesum send: %s closed the connection after %" PRIu32 " messages\n",
		sender->peer, sender->sent);
	quit(sender, "receiver");
	return 0;
}

/* The first signal ends the run in order, the second at once. */
static int on_signal(void *owner, int signo)
{
	struct sender *sender = owner;

	(void)signo;
	if (!sender->ended_by)
		return finish(sender, "signal");
	quit(sender, "signal");
	return 0;
}

static int run(struct sender *sender)
{
	_cleanup_(loop_cleanup) struct loop *loop = NULL;
	int rc = loop_new(&loop);

	if (rc)
		return rc;
	sender->loop = loop;
	sender->start_ns = clock_ns();
	rc = loop_add_signals(loop, on_signal, sender);
	if (!rc)
		rc = loop_add_fd(loop, sender->fd, EPOLLIN, on_socket, sender, &sender->socket);
	if (!rc)
		rc = loop_add_timer(loop, 0, sender->options.interval_ns, on_pace, sender,
				    &sender->pace);
	if (!rc)
		rc = loop_run(loop);
	loop_remove(&sender->pace);
	loop_remove(&sender->socket);
	loop_remove(&sender->end);
	if (!sender->end_ns)
		sender->end_ns = clock_ns();
	return rc;
}

static const char *proto_name(const struct send_options *options)
{
	return options->no_check ? "udp-nocheck" : options->udp ? "udp" : "tcp";
}

static json_t *size_json(uint32_t size)
{
	return size == MESSAGE_LINES ? json_string("lines")
	       : size == MESSAGE_MIX ? json_string("mix")
				     : json_integer(size);
}

static int print_json(const struct sender *sender)
{
	json_t *object = json_pack(
		"{ss ss ss ss si ss so sI sf sf si ss}", "command", "send", "version",
		TRUESUM_VERSION, "proto", proto_name(&sender->options), "host",
		sender->endpoint.host, "port", (int)sender->endpoint.port, "peer", sender->peer,
		"size", size_json(sender->options.size), "sent", (json_int_t)sender->sent,
		"interval_s", (double)sender->options.interval_ns / 1e9, "duration_s",
		(double)(sender->end_ns - sender->start_ns) / 1e9, "unacknowledged_bytes",
		sender->unacknowledged, "ended_by", sender->ended_by);

	if (!object)
		return fail(-ENOMEM, "out of memory");
	json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(object);
	return 0;
}

/* Whether the first message that is not acknowledged needs more than one packet of usual size. */
static bool is_stuck_in_large(const struct sender *sender)
{
	/* The end of the connection counts as one more byte. */
	uint64_t rest = (uint64_t)(sender->unacknowledged - (sender->end_ns != 0));
	uint32_t k = sender->sent;

	if (sender->unacknowledged < 2 || sender->options.size != MESSAGE_MIX)
		return false;
	while (k > 0 && rest > message_sized_len(MESSAGE_MIX, k - 1))
		rest -= message_sized_len(MESSAGE_MIX, --k);
	return k > 0 && message_sized_len(MESSAGE_MIX, k - 1) > BIG;
}

static int print_summary(const struct sender *sender)
{
	if (sender->options.json)
		return print_json(sender);
	printf("sent %" PRIu32 " message%s to %s in %.1f s\n", sender->sent,
	       sender->sent == 1 ? "" : "s", sender->peer,
	       (double)(sender->end_ns - sender->start_ns) / 1e9);
	if (sender->unacknowledged)
		printf("%d bytes of them are not acknowledged: the receiver's TCP did not accept them\n",
		       sender->unacknowledged);
	if (is_stuck_in_large(sender))
		printf("It accepted the small messages before a large one: a path that loses big packets\n"
		       "looks like this (see: tracepath -n %s)\n",
		       sender->endpoint.host);
	return 0;
}

static int parse_size(const char *value, void *target)
{
	uint32_t *size = target;
	uint64_t bytes;

	if (!strcmp(value, "lines") || !strcmp(value, "mix")) {
		*size = *value == 'l' ? MESSAGE_LINES : MESSAGE_MIX;
		return 0;
	}
	if (options_parse_number(value, MESSAGE_SIZE_MIN, MESSAGE_SIZE_MAX, &bytes))
		return fail(-EINVAL, "it is 'mix', 'lines' or %d to %d bytes", MESSAGE_SIZE_MIN,
			    MESSAGE_SIZE_MAX);
	*size = (uint32_t)bytes;
	return 0;
}

static int parse(int argc, char **argv, struct sender *sender)
{
	struct send_options *options = &sender->options;
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_DURATION, .name = "interval", .letter = 'i', .value = "TIME",
		  .target = &options->interval_ns, .min = 10 * MS, .max = 3600 * SECOND,
		  .help = "between two messages, 10ms to 1h (default 1s)" },
		{ .type = OPTION_CALL, .name = "size", .letter = 's', .value = "SIZE",
		  .target = &options->size, .parse = parse_size,
		  .help = "of a message: 80 to 65000 bytes; mix: up to 65000 in turn; lines: the\n"
			  "lines of 2015, 60 bytes (default mix)" },
		{ .type = OPTION_NUMBER, .name = "count", .letter = 'n', .value = "N",
		  .target = &options->count, .min = 1, .max = UINT32_MAX,
		  .help = "messages to send (default: until ^C)" },
		{ .type = OPTION_FLAG, .name = "udp", .letter = 'u', .target = &options->udp,
		  .help = "send datagrams, one for each message, instead of a connection" },
		{ .type = OPTION_FLAG, .name = "no-check", .target = &options->no_check,
		  .help = "with --udp, IPv4: send without checksums, so that only the\n"
			  "receiving program can notice damage" },
		{ .type = OPTION_FLAG, .name = "quiet", .letter = 'q', .target = &options->quiet,
		  .help = "do not print the lines" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json,
		  .help = "print one JSON object at the end and nothing else" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "send",
		.synopsis = "[OPTION]... HOST PORT",
		.about =
			"Sends numbered lines to 'truesum recv' on another machine, one at a time. HOST is a\n"
			"name, an IPv4 or an IPv6 address. Damage packets on the way meanwhile (truesum\n"
			"corrupt, or a bad switch) and see what the receiver gets.",
		.epilog =
			"Examples:\n"
			"  truesum send 192.0.2.7 5555\n"
			"  truesum send --udp --no-check --interval 10ms --count 1000 192.0.2.7 5555",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
		.operands_min = 2,
		.operands_max = 2,
	};
	uint64_t port = 0;
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return rc;
	if (options_parse_number(argv[2], 1, UINT16_MAX, &port)) {
		fprintf(stderr, "truesum send: PORT: %s\n", fail_text());
		return -EINVAL;
	}
	if (options->no_check && !options->udp) {
		fprintf(stderr,
			"truesum send: --no-check needs --udp: TCP always has a checksum\n");
		return -EINVAL;
	}
	sender->endpoint = (struct endpoint){ .host = argv[1],
					      .port = (uint16_t)port,
					      .udp = options->udp,
					      .no_check = options->no_check };
	return 0;
}

int command_send(int argc, char **argv)
{
	struct sender sender = { .options = { .interval_ns = SECOND, .size = MESSAGE_MIX },
				 .fd = -1 };
	_cleanup_close_ int fd = -1;
	int rc = parse(argc, argv, &sender);

	if (rc < 0)
		return options_exit(rc);
	rc = endpoint_connect(&sender.endpoint, &fd, sender.peer);
	sender.fd = fd;
	if (!rc)
		rc = run(&sender);
	if (!rc)
		rc = print_summary(&sender);
	if (rc) {
		fprintf(stderr, "truesum send: %s\n", fail_text());
		return rc == -EAFNOSUPPORT ? EXIT_USAGE : EXIT_UNKNOWN;
	}
	if (strcmp(sender.ended_by, "count") != 0 && strcmp(sender.ended_by, "signal") != 0)
		return EXIT_UNKNOWN;
	return EXIT_NOTHING_WRONG;
}
