// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sends datagrams before anything can read them, and reads them as early as possible:
 *     downpour send ADDRESS PORT MICROSECONDS    one after another until killed, ignoring errors
 *     downpour read PORT COUNT MILLISECONDS      binds first of all, reads until COUNT were intact
 * `read` prints how many were intact, how many were damaged, and how many bytes of these were
 * wrong. Linked statically: it may be the only file of a container.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LENGTH 512
#define LETTER 'a'

static int usage(void)
{
	fprintf(stderr, "downpour send ADDRESS PORT MICROSECONDS | read PORT COUNT MILLISECONDS\n");
	return 2;
}

/* IPv4 addresses are mapped into IPv6. */
static struct sockaddr_in6 address_of(const char *text, const char *port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)atoi(port)) };
	char mapped[64];

	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	if (inet_pton(AF_INET6, mapped, &address.sin6_addr) != 1)
		exit(usage());
	return address;
}

static _Noreturn void send_all(const char *to, const char *port, long pause_us)
{
	const struct sockaddr_in6 address = address_of(to, port);
	const struct timespec pause = { pause_us / 1000000, pause_us % 1000000 * 1000 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	char letters[LENGTH];

	memset(letters, LETTER, sizeof(letters));
	for (;;) {
		sendto(fd, letters, sizeof(letters), 0, (const struct sockaddr *)&address,
		       sizeof(address));
		nanosleep(&pause, NULL);
	}
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int read_all(const char *port, long count, long within_ms)
{
	const struct sockaddr_in6 address = address_of("::", port);
	struct pollfd fd = { .fd = socket(AF_INET6, SOCK_DGRAM, 0), .events = POLLIN };
	long intact = 0, damaged = 0, bytes = 0, end = now_ms() + within_ms, left;
	char letters[LENGTH + 1];

	if (bind(fd.fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("downpour: bind");
		return 1;
	}
	while (intact < count && (left = end - now_ms()) > 0 && poll(&fd, 1, (int)left) > 0) {
		ssize_t len = recv(fd.fd, letters, sizeof(letters), 0);
		long wrong = len != LENGTH;

		for (ssize_t i = 0; i < len; i++)
			wrong += letters[i] != LETTER;
		intact += !wrong;
		damaged += wrong > 0;
		bytes += wrong;
	}
	printf("%ld %ld %ld\n", intact, damaged, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		send_all(argv[2], argv[3], atol(argv[4]));
	if (argc == 5 && !strcmp(argv[1], "read"))
		return read_all(argv[2], atol(argv[3]), atol(argv[4]));
	return usage();
}
