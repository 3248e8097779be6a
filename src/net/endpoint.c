// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connecting and listening: see endpoint.h. Every address of a name is tried, in the resolver's
 * order; the sentence of the last failure remains.
 */
#include "net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

#define CONNECT_PATIENCE_MS 10000

static void cleanup_addrinfo(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

void endpoint_name(const struct sockaddr_storage *address, char name[ENDPOINT_NAME])
{
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
	char printable[INET6_ADDRSTRLEN + TERM_PRINTABLE_SIZE(IF_NAMESIZE)];
	const char *shown = host;

	getnameinfo((const struct sockaddr *)address, sizeof(*address), host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	if (!strncmp(host, "::ffff:", 7) && strchr(host, '.'))
		shown = host + 7;
	/* A link-local address ends with its device's name. */
	term_printable(printable, sizeof(printable), shown);
	snprintf(name, ENDPOINT_NAME, "%s port %.8s", printable, port);
}

static int resolve_host(const struct endpoint *endpoint, int family, int flags,
			struct addrinfo **ret_list)
{
	const struct addrinfo hints = {
		.ai_family = family,
		.ai_socktype = endpoint->udp ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = flags | AI_NUMERICSERV,
	};
	char port[8];
	int error;

	snprintf(port, sizeof(port), "%u", endpoint->port);
	error = getaddrinfo(endpoint->host, port, &hints, ret_list);
	if (!error)
		return 0;
	*ret_list = NULL;
	return fail(-EADDRNOTAVAIL, "cannot find host '%s': %s; check the name, or give an address",
		    endpoint->host, gai_strerror(error));
}

static int fail_connect(int rc, const struct endpoint *endpoint, const char *name)
{
	switch (rc) {
	case -ECONNREFUSED:
		return fail(rc,
			    "%s refused the connection: start 'truesum recv %u' on %s first, or "
			    "see whether a firewall rejects it",
			    name, endpoint->port, endpoint->host);
	case -ETIMEDOUT:
		return fail(rc,
			    "no answer from %s within %d s: is %s up, and does a firewall let port "
			    "%u through?",
			    name, CONNECT_PATIENCE_MS / 1000, endpoint->host, endpoint->port);
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return fail_errno(rc, "cannot reach %s (see 'ip route get')", name);
	default:
		return fail_errno(rc, "cannot connect to %s", name);
	}
}

/* Waits for a connection attempt to succeed or fail. */
static int finish_connect(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int error = 0, n = poll(&poll_fd, 1, CONNECT_PATIENCE_MS);
	socklen_t len = sizeof(error);

	if (n < 0)
		return -errno;
	if (!n)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

static int connect_address(const struct endpoint *endpoint, const struct addrinfo *address,
			   int *ret_fd)
{
	_cleanup_close_ int fd =
		socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* Each message becomes a segment of its own, sent when it is written. */
	if (!endpoint->udp && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return -errno;
	if (endpoint->no_check && setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) < 0)
		return -errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
		rc = errno == EINPROGRESS ? finish_connect(fd) : -errno;
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

int endpoint_connect(const struct endpoint *endpoint, int *ret_fd, char name[ENDPOINT_NAME])
{
	_cleanup_(cleanup_addrinfo) struct addrinfo *list = NULL;
	struct sockaddr_storage peer = { 0 };
	int rc = resolve_host(endpoint, AF_UNSPEC, 0, &list);
	bool tried = false;

	if (rc)
		return rc;
	for (const struct addrinfo *one = list; one; one = one->ai_next) {
		if (endpoint->no_check && one->ai_family != AF_INET)
			continue;
		memcpy(&peer, one->ai_addr, one->ai_addrlen);
		endpoint_name(&peer, name);
		rc = connect_address(endpoint, one, ret_fd);
		if (!rc)
			return 0;
		tried = true;
	}
	if (!tried)
		return fail(-EAFNOSUPPORT,
			    "--no-check needs IPv4, and %s has no IPv4 address: over IPv6 a UDP "
			    "datagram must have a checksum",
			    endpoint->host);
	return fail_connect(rc, endpoint, name);
}

static int fail_listen(int rc, const struct endpoint *endpoint)
{
	const char *proto = endpoint->udp ? "UDP" : "TCP";

	switch (rc) {
	case -EADDRINUSE:
		return fail(
			rc,
			"%s port %u is in use: choose another, or see by whom: ss -%s 'sport = :%u'",
			proto, endpoint->port, endpoint->udp ? "ulnp" : "tlnp", endpoint->port);
	case -EACCES:
		return fail(rc, "%s port %u needs root: choose one above 1023", proto,
			    endpoint->port);
	case -EADDRNOTAVAIL:
		return fail(rc, "no device here has the address %s (see 'ip address')",
			    endpoint->host);
	default:
		return fail_errno(rc, "cannot listen on %s port %u", proto, endpoint->port);
	}
}

static int listen_address(const struct endpoint *endpoint, const struct sockaddr *address,
			  socklen_t len, int *ret_fd)
{
	_cleanup_close_ int fd = socket(
		address->sa_family,
		(endpoint->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	/*
	 * Not for UDP: two receivers could share a port and take each other's datagrams.
	 */
	if (!endpoint->udp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (address->sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	if (bind(fd, address, len) < 0)
		return -errno;
	if (!endpoint->udp && listen(fd, 1) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int endpoint_listen(const struct endpoint *endpoint, int *ret_fd)
{
	const struct sockaddr_in6 any6 = { .sin6_family = AF_INET6,
					   .sin6_port = htons(endpoint->port) };
	const struct sockaddr_in any4 = { .sin_family = AF_INET,
					  .sin_port = htons(endpoint->port) };
	_cleanup_(cleanup_addrinfo) struct addrinfo *list = NULL;
	int rc;

	if (endpoint->host) {
		rc = resolve_host(endpoint, AF_UNSPEC, AI_NUMERICHOST | AI_PASSIVE, &list);
		if (rc || !list)
			return fail(-EINVAL, "'%s' is not an IPv4 or IPv6 address", endpoint->host);
		rc = listen_address(endpoint, list->ai_addr, list->ai_addrlen, ret_fd);
	} else {
		rc = listen_address(endpoint, (const struct sockaddr *)&any6, sizeof(any6), ret_fd);
		if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL) /* a host without IPv6 */
			rc = listen_address(endpoint, (const struct sockaddr *)&any4, sizeof(any4),
					    ret_fd);
	}
	return rc ? fail_listen(rc, endpoint) : 0;
}
