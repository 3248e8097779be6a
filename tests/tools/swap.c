// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A tenant that makes root open something else than it looked at: swap NETNS FIFO SECONDS
 *
 * One descriptor alternates between a network namespace and a FIFO that nobody writes to, as fast
 * as the kernel can. Prints "ready", then at the end (or on SIGTERM) how often somebody else opened
 * the FIFO with O_NONBLOCK: it could have been a device. Whoever opens it without hangs.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_over;

static void on_signal(int signo)
{
	(void)signo;
	is_over = true;
}

static unsigned long opened(int watch)
{
	char events[4096] __attribute__((aligned(8)));
	struct pollfd ready = { .fd = watch, .events = POLLIN };
	unsigned long count = 0;

	while (poll(&ready, 1, 0) > 0) {
		ssize_t len = read(watch, events, sizeof(events));

		for (ssize_t at = 0; at < len; count++)
			at += (ssize_t)(sizeof(struct inotify_event) +
					((struct inotify_event *)(events + at))->len);
	}
	return count;
}

int main(int argc, char **argv)
{
	int netns = argc == 4 ? open(argv[1], O_RDONLY) : -1;
	int fifo = argc == 4 ? open(argv[2], O_RDONLY | O_NONBLOCK) : -1;
	int watch = inotify_init1(IN_NONBLOCK), swapped;
	time_t end = time(NULL) + (argc == 4 ? atoi(argv[3]) : 0);
	unsigned long count = 0, turns = 0;

	if (netns < 0 || fifo < 0 || watch < 0 || inotify_add_watch(watch, argv[2], IN_OPEN) < 0) {
		fprintf(stderr, "usage: swap NETNS FIFO SECONDS\n");
		return 2;
	}
	/* The one that alternates has the lowest number: who reads the list meets it first. */
	swapped = netns;
	netns = fcntl(netns, F_DUPFD, 100);
	if (netns < 0)
		return 1;
	puts("ready");
	fflush(stdout);
	signal(SIGTERM, on_signal);
	while (!is_over && time(NULL) < end) {
		for (int i = 0; i < 1000; i++) {
			dup2(fifo, swapped);
			dup2(netns, swapped);
		}
		count += opened(watch);
		turns++;
	}
	printf("%lu opened, %lu turns\n", count, turns);
	return 0;
}
