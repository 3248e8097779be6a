// SPDX-License-Identifier: GPL-2.0-or-later
/* Waiting for the gate: see warm.h. */
#include "probe/warm.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"

#define HOPE_NS UINT64_C(3000000000)

static const int families[] = { AF_INET, AF_INET6 };

static int open_socket(const struct gate *gate, int family)
{
	const char *why;

	return gate_has(gate, family, &why)
		       ? socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
		       : -1;
}

void warm_begin(struct warm *warm, const struct gate *gate, uint16_t port)
{
	warm->gate = gate;
	warm->port = port;
	warm->began_ns = clock_ns();
	for (size_t i = 0; i < 2; i++)
		warm->fd[i] = open_socket(gate, families[i]);
}

static void send_word(const struct warm *warm, size_t i)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(warm->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(warm->port) };
	const struct sockaddr *to = i ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;

	memcpy(&v4.sin_addr, gate_peer(warm->gate, AF_INET), 4);
	memcpy(&v6.sin6_addr, gate_peer(warm->gate, AF_INET6), 16);
	/* A route that is not there yet fails here: that is what is waited for. */
	if (sendto(warm->fd[i], "truesum", 7, 0, to, i ? sizeof(v6) : sizeof(v4)) < 0)
		return;
}

static void close_one(struct warm *warm, size_t i)
{
	if (warm->fd[i] >= 0)
		close(warm->fd[i]);
	warm->fd[i] = -1;
}

bool warm_tick(struct warm *warm, uint64_t now_ns)
{
	bool cold = false;

	for (size_t i = 0; i < 2; i++) {
		if (warm->fd[i] < 0)
			continue;
		send_word(warm, i);
		cold = true;
	}
	if (cold && now_ns < warm->began_ns + HOPE_NS)
		return false;
	warm_end(warm);
	return true;
}

void warm_frame(struct warm *warm, const struct packet_judgement *judged)
{
	close_one(warm, judged->flow.family == AF_INET6);
}

void warm_end(struct warm *warm)
{
	close_one(warm, 0);
	close_one(warm, 1);
}
