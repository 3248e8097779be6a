// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum recv`: the server of the original experiment, which also knows what it should have got.
 * One connection or one UDP flow, then the summary.
 *
 * Whoever connects and leaves without a byte (a port scan, a health check) is not taken for the
 * sender. A UDP flow belongs to the first peer whose datagram looks like a message.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "cmd/traffic/recv_output.h"
#include "cmd/common/command.h"
#include "lab/check.h"
#include "net/counter.h"
#include "net/endpoint.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define BUFFER_SIZE 65536 /* the largest datagram */

struct recv_options {
	uint64_t idle_ns, for_ns; /* for_ns 0: until the peer ends it */
	const char *bind;
	bool udp, quiet, json;
};

struct receiver {
	struct recv_options options;
	struct endpoint endpoint;
	int listen_fd; /* with UDP the socket */
	int fd; /* the connection */
	struct loop *loop;
	struct loop_source *listener, *connection, *idle, *limit;
	struct check *check;
	struct recv_printer printer;
	char peer[ENDPOINT_NAME];
	struct sockaddr_storage address; /* UDP: of the flow, once known */
	uint64_t first_ns, last_ns; /* when bytes came */
	uint64_t other_datagrams;
	const char *ended_by;
	uint8_t buffer[BUFFER_SIZE];
};

static int quit(struct receiver *receiver, const char *ended_by)
{
	receiver->ended_by = ended_by;
	loop_quit(receiver->loop, 0);
	return 0;
}

static void on_line(void *owner, const struct check_line *line)
{
	struct receiver *receiver = owner;

	recv_print_line(&receiver->printer, line);
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

static void drop_connection(struct receiver *receiver)
{
	loop_remove(&receiver->connection);
	if (receiver->fd >= 0)
		close(receiver->fd);
	receiver->fd = -1;
}

static int on_readable(void *owner, uint32_t events)
{
	struct receiver *receiver = owner;
	ssize_t n = read(receiver->fd, receiver->buffer, sizeof(receiver->buffer));

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0 && receiver->first_ns)
		return quit(receiver, n ? "reset" : "close");
	if (n <= 0) {
		fprintf(stderr,
			"truesum recv: %s connected and left without a word; still listening\n",
			receiver->peer);
		drop_connection(receiver);
		return 0;
	}
	if (!receiver->first_ns && receiver->listen_fd >= 0) { /* the sender is here */
		loop_remove(&receiver->listener);
		close(receiver->listen_fd);
		receiver->listen_fd = -1;
	}
	note_bytes(receiver);
	check_stream(receiver->check, receiver->buffer, (size_t)n, receiver->last_ns);
	return check_tally(receiver->check)->no_truesum ? quit(receiver, "strange") : 0;
}

static int on_connect(void *owner, uint32_t events)
{
	struct receiver *receiver = owner;
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int fd = accept4(receiver->listen_fd, (struct sockaddr *)&address, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return 0; /* it has gone again */
	/* A silent one may be nobody: the next takes its place. */
	drop_connection(receiver);
	receiver->fd = fd;
	endpoint_name(&address, receiver->peer);
	if (!receiver->options.json)
		fprintf(stderr, "truesum recv: %s connected\n", receiver->peer);
	return loop_add_fd(receiver->loop, fd, EPOLLIN, on_readable, receiver,
			   &receiver->connection);
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
		return 0; /* a checksum found bad on the way to us, or an ICMP error */
	if (known && !same_peer(&address, &receiver->address)) {
		receiver->other_datagrams++;
		return 0;
	}
	note_bytes(receiver);
	check_datagram(receiver->check, receiver->buffer, (size_t)n, receiver->last_ns);
	if (!known) {
		receiver->address = address;
		endpoint_name(&address, receiver->peer);
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
	drop_connection(receiver);
	loop_remove(&receiver->listener);
	loop_remove(&receiver->idle);
	loop_remove(&receiver->limit);
	return rc;
}

static uint64_t csum_errors(const struct receiver *receiver, const struct counters *counters)
{
	return receiver->options.udp ? counters->udp_in_csum_errors : counters->tcp_in_csum_errors;
}

/* Listens, receives, judges, prints; returns an exit code, or -errno. */
static int receive(struct receiver *receiver)
{
	struct counters before = { 0 }, after = { 0 };
	struct recv_outcome outcome = { .udp = receiver->options.udp,
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
	outcome.peer = receiver->first_ns ? receiver->peer : NULL;
	outcome.ended_by = receiver->ended_by;
	outcome.duration_ns = receiver->last_ns - receiver->first_ns;
	outcome.other_datagrams = receiver->other_datagrams;
	if (receiver->options.json)
		rc = recv_print_json(&outcome);
	else
		recv_print_summary(&outcome);
	if (rc)
		return rc;
	switch (recv_result(outcome.tally)) {
	case RECV_INTACT:
		return EXIT_NOTHING_WRONG;
	case RECV_DAMAGED:
		return EXIT_FOUND;
	case RECV_STRANGE:
		return fail(-EPROTO, "%s sends something else than truesum's messages",
			    receiver->peer);
	case RECV_NOTHING:
		break;
	}
	return fail(-ENODATA, "nothing was received%s",
		    outcome.csum_errors ? "; packets with a bad checksum were dropped here" : "");
}

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
	cleanup_close(&(*receiver)->fd);
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
	receiver->fd = -1;
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
