// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The peers: see peers.h.
 *
 * TCP: one side listens, the other connects; on_ready follows when the sender is connected. UDP:
 * the receiver binds its socket, the sender connects to it. If the receiver dials, it sends a
 * datagram first, whose source address (after any translation) tells the sender where to send.
 * netcat is only for TCP: it joins datagrams on its output, so that a missing message would not
 * show.
 */
#include "lab/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "net/netns.h"

#define POLL_NS UINT64_C(5000000) /* between two looks whether netcat listens */
#define POLLS_MAX 600
#define SEND_ROOM (8 << 20) /* bytes */

struct peers {
	struct loop *loop;
	struct peers_settings settings;
	int listener, sender, receiver;
	struct loop_source *on_listener, *on_sender, *on_receiver, *poll;
	pid_t netcat;
	unsigned int polls;
	bool ready;
};

static bool is_udp(const struct peers *peers)
{
	return peers->settings.proto != PROTO_TCP;
}

static void ready(struct peers *peers)
{
	if (peers->ready)
		return;
	peers->ready = true;
	peers->settings.on_ready(peers->settings.owner);
}

/*
 * Makes close() end the connection at once, also after SIGKILL. Otherwise the kernel would wait for
 * the other end, which is gone, and hold the namespace for minutes.
 */
static void close_abruptly(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static int open_in_netns(const struct peers *peers, int netns_fd, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	int fd, rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	fd = socket(peers->settings.family,
		    (is_udp(peers) ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(-errno, "cannot open an %s socket",
				  peers->settings.family == AF_INET6 ? "IPv6" : "IPv4");
	close_abruptly(fd);
	*ret_fd = fd;
	return 0;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Fills in address `text` (NULL: any) and the port. Returns the length. */
static socklen_t fill_address(const struct peers *peers, const char *text, union address *address)
{
	uint16_t port = htons(peers->settings.port);

	memset(address, 0, sizeof(*address));
	address->any.sa_family = (sa_family_t)peers->settings.family;
	if (peers->settings.family == AF_INET6) {
		address->v6.sin6_port = port;
		if (text)
			inet_pton(AF_INET6, text, &address->v6.sin6_addr);
		return sizeof(address->v6);
	}
	address->v4.sin_port = port;
	if (text)
		inet_pton(AF_INET, text, &address->v4.sin_addr);
	return sizeof(address->v4);
}

static int bind_here(const struct peers *peers, int fd)
{
	union address address;
	socklen_t len = fill_address(peers, NULL, &address);

	if (bind(fd, &address.any, len) < 0 || (!is_udp(peers) && listen(fd, 1) < 0))
		return fail_errno(-errno, "cannot listen on port %u", peers->settings.port);
	return 0;
}

static int dial(const struct peers *peers, int fd)
{
	union address address;
	socklen_t len = fill_address(peers, peers->settings.dial, &address);

	if (connect(fd, &address.any, len) < 0 && errno != EINPROGRESS)
		return fail_errno(-errno, "cannot connect to %s port %u", peers->settings.dial,
				  peers->settings.port);
	return 0;
}

static void netcat_failed(struct peers *peers)
{
	fail(-ENOENT, "nc does not listen on port %u (is netcat-openbsd installed?)",
	     peers->settings.port);
	peers->settings.on_failure(peers->settings.owner, false);
}

static int on_receiver(void *owner, uint32_t events)
{
	struct peers *peers = owner;
	uint8_t bytes[4096];

	(void)events;
	for (int i = 0; i < 16; i++) {
		ssize_t len = read(peers->receiver, bytes, sizeof(bytes));

		if (len > 0) {
			peers->settings.on_data(peers->settings.owner, bytes, (size_t)len);
			continue;
		}
		if (len == 0 && !is_udp(peers) && peers->netcat > 0 && !peers->ready)
			netcat_failed(peers);
		if (len == 0 || errno != EAGAIN)
			loop_remove(&peers->on_receiver);
		return 0;
	}
	return 0;
}

static int watch_receiver(struct peers *peers)
{
	return loop_add_fd(peers->loop, peers->receiver, EPOLLIN, on_receiver, peers,
			   &peers->on_receiver);
}

/* Sends each message at once, and has room for a whole damage window of them. */
static void prepare_sender(const struct peers *peers)
{
	int one = 1, room = SEND_ROOM;

	if (is_udp(peers))
		return;
	setsockopt(peers->sender, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(peers->sender, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
}

static int on_accept(void *owner, uint32_t events)
{
	struct peers *peers = owner;
	int fd = accept4(peers->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
		return 0;
	loop_remove(&peers->on_listener);
	if (fd < 0) {
		fail_errno(-errno, "cannot accept the connection");
		peers->settings.on_failure(peers->settings.owner, false);
		return 0;
	}
	close_abruptly(fd);
	if (!peers->settings.receiver_dials) {
		peers->receiver = fd;
		return watch_receiver(peers);
	}
	peers->sender = fd;
	prepare_sender(peers);
	ready(peers);
	return 0;
}

/* The sender's connect() ended, well or not. */
static int on_connected(void *owner, uint32_t events)
{
	struct peers *peers = owner;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	getsockopt(peers->sender, SOL_SOCKET, SO_ERROR, &error, &len);
	loop_remove(&peers->on_sender);
	if (error) {
		fail_errno(-error, "cannot connect to %s port %u", peers->settings.dial,
			   peers->settings.port);
		peers->settings.on_failure(peers->settings.owner, true);
		return 0;
	}
	prepare_sender(peers);
	ready(peers);
	return 0;
}

/* UDP, the receiver dialled: send the data to its datagram's source. */
static int on_first_datagram(void *owner, uint32_t events)
{
	struct peers *peers = owner;
	union address from;
	socklen_t len = sizeof(from);
	char byte;

	(void)events;
	if (recvfrom(peers->sender, &byte, 1, 0, &from.any, &len) < 0)
		return 0;
	loop_remove(&peers->on_sender);
	if (connect(peers->sender, &from.any, len) < 0)
		return fail_errno(-errno, "cannot connect a UDP socket");
	ready(peers);
	return 0;
}

/* Takes ownership of the socket. */
static int start_listening(struct peers *peers, int fd)
{
	int rc;

	peers->listener = fd;
	rc = bind_here(peers, fd);
	return rc ? rc
		  : loop_add_fd(peers->loop, fd, EPOLLIN, on_accept, peers, &peers->on_listener);
}

static int open_sender(struct peers *peers)
{
	bool dials = !peers->settings.receiver_dials;
	int one = 1, fd = -1, rc = open_in_netns(peers, peers->settings.sender_netns, &fd);

	if (rc)
		return rc;
	if (!is_udp(peers) && !dials)
		return start_listening(peers, fd);
	peers->sender = fd;
	if (peers->settings.proto == PROTO_UDP_NOCHECK &&
	    setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one)) < 0)
		return fail_errno(-errno, "SO_NO_CHECK");
	rc = dials ? dial(peers, fd) : bind_here(peers, fd);
	if (rc)
		return rc;
	return loop_add_fd(peers->loop, fd, dials ? EPOLLOUT : EPOLLIN,
			   dials ? on_connected : on_first_datagram, peers, &peers->on_sender);
}

static int open_receiver(struct peers *peers)
{
	bool dials = peers->settings.receiver_dials;
	int fd = -1, rc = open_in_netns(peers, peers->settings.receiver_netns, &fd);

	if (rc)
		return rc;
	if (!is_udp(peers) && !dials)
		return start_listening(peers, fd);
	peers->receiver = fd;
	rc = dials ? dial(peers, fd) : bind_here(peers, fd);
	if (!rc && dials && is_udp(peers) && send(fd, "\n", 1, 0) < 0)
		rc = fail_errno(-errno, "cannot send to %s", peers->settings.dial);
	return rc ? rc : watch_receiver(peers);
}

static _Noreturn void become_netcat(const struct peers *peers, int out, pid_t truesum)
{
	char port[8];
	const char *argv[8];
	int n = 0, silence[2];
	sigset_t none;

	snprintf(port, sizeof(port), "%u", peers->settings.port);
	argv[n++] = "nc";
	argv[n++] = peers->settings.family == AF_INET6 ? "-6" : "-4";
	argv[n++] = peers->settings.receiver_dials ? peers->settings.dial : "-l";
	argv[n++] = port;
	argv[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* nc ends with truesum, even if truesum was killed before this line. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != truesum)
		_exit(126);
	/* Standard input stays open and silent; nc would close the connection at its end. */
	if (pipe(silence) < 0 || setns(peers->settings.receiver_netns, CLONE_NEWNET) < 0)
		_exit(126);
	dup2(silence[0], STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execvp("nc", (char *const *)argv);
	_exit(127);
}

/* Whether a socket of the receiver's namespace is bound to the port, from /proc. */
static bool port_is_bound(const struct peers *peers)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_fclose_ FILE *file = NULL;
	char path[64], line[256];
	unsigned int port;

	if (netns_enter(peers->settings.receiver_netns, &home))
		return false;
	snprintf(path, sizeof(path), "/proc/thread-self/net/tcp%s",
		 peers->settings.family == AF_INET6 ? "6" : "");
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x", &port) == 1 &&
		    port == peers->settings.port)
			return true;
	return false;
}

static int on_netcat_poll(void *owner)
{
	struct peers *peers = owner;
	bool ended = waitpid(peers->netcat, NULL, WNOHANG) > 0;

	if (ended)
		peers->netcat = 0; /* the number may be another process's from here on */
	if (!ended && port_is_bound(peers)) {
		loop_remove(&peers->poll);
		return open_sender(peers);
	}
	if (!ended && peers->polls++ < POLLS_MAX)
		return 0;
	loop_remove(&peers->poll);
	netcat_failed(peers);
	return 0;
}

static int start_netcat(struct peers *peers)
{
	pid_t self = getpid();
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0 || fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) < 0)
		return fail_errno(-errno, "cannot make a pipe");
	peers->receiver = pipe_fds[0];
	peers->netcat = fork();
	if (peers->netcat == 0)
		become_netcat(peers, pipe_fds[1], self);
	close(pipe_fds[1]);
	if (peers->netcat < 0)
		return fail_errno(-errno, "fork");
	return watch_receiver(peers);
}

static int open_both(struct peers *peers)
{
	int rc;

	if (!peers->settings.netcat) {
		/* The side that is dialled comes first. */
		bool sender_first = peers->settings.receiver_dials;

		rc = sender_first ? open_sender(peers) : open_receiver(peers);
		return rc ? rc : sender_first ? open_receiver(peers) : open_sender(peers);
	}
	if (peers->settings.receiver_dials) {
		rc = open_sender(peers);
		return rc ? rc : start_netcat(peers);
	}
	rc = start_netcat(peers);
	return rc ? rc
		  : loop_add_timer(peers->loop, POLL_NS, POLL_NS, on_netcat_poll, peers,
				   &peers->poll);
}

int peers_open(struct loop *loop, const struct peers_settings *settings, struct peers **ret_peers)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	int rc;

	if (!peers)
		return fail(-ENOMEM, "no memory for the peers");
	*peers = (struct peers){
		.loop = loop, .settings = *settings, .listener = -1, .sender = -1, .receiver = -1
	};
	rc = open_both(peers);
	if (rc) {
		peers_close(peers);
		return rc;
	}
	*ret_peers = peers;
	return 0;
}

void peers_close(struct peers *peers)
{
	if (!peers)
		return;
	loop_remove(&peers->on_listener);
	loop_remove(&peers->on_sender);
	loop_remove(&peers->on_receiver);
	loop_remove(&peers->poll);
	cleanup_close(&peers->listener);
	cleanup_close(&peers->sender);
	cleanup_close(&peers->receiver);
	if (peers->netcat > 0) {
		kill(peers->netcat, SIGKILL);
		waitpid(peers->netcat, NULL, 0);
	}
	free(peers);
}

int peers_send(struct peers *peers, const char *text, size_t len)
{
	ssize_t sent;

	sent = send(peers->sender, text, len, MSG_NOSIGNAL);
	/* This error may report an ICMP answer to an earlier datagram: try again. */
	if (sent < 0 && is_udp(peers) && errno == ECONNREFUSED)
		sent = send(peers->sender, text, len, MSG_NOSIGNAL);
	if (sent < 0)
		return fail_errno(-errno, "cannot send");
	return (size_t)sent == len ? 0 : fail(-ENOBUFS, "the connection's buffer is full");
}
