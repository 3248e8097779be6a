/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two ends of an ordinary connection or UDP flow, for `send` and `recv`. Sockets are returned
 * non-blocking; a failure leaves a sentence that names host, port and remedy.
 */
#ifndef TRUESUM_NET_ENDPOINT_H
#define TRUESUM_NET_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ENDPOINT_NAME 130

struct endpoint {
	const char *host; /* name or address; to listen: address, or NULL for all, IPv6 and IPv4 */
	uint16_t port;
	bool udp;
	bool no_check; /* connect: UDP without checksum. IPv4 only: -EAFNOSUPPORT else */
};

/* Connects, trying every address of the host. `name` gets the address that answered. */
int endpoint_connect(const struct endpoint *endpoint, int *ret_fd, char name[ENDPOINT_NAME]);

/* Listens for connections, or binds for datagrams. -EINVAL where `host` is not an address. */
int endpoint_listen(const struct endpoint *endpoint, int *ret_fd);

/* "192.0.2.1 port 5555"; an IPv4 address met on an IPv6 socket is written as IPv4. */
void endpoint_name(const struct sockaddr_storage *address, char name[ENDPOINT_NAME]);

#endif
