// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes containers at a given rate, and measures whether and when the guard protects each:
 *
 *   guard_load latency COUNT            makes one after the other. One line for each, in order:
 *                                       microseconds from the request that creates a device in a
 *                                       container to the event that says that its rx checksum
 *                                       offload is off
 *   guard_load rate PER_SECOND SECONDS  makes that many containers per second; each lives
 *                                       LOAD_LIFE_MS (1000). Prints how many were made, and how
 *                                       many were not protected at their end
 *   guard_load lifetimes COUNT ALIVE    makes and removes them, ALIVE at a time, as fast as it can
 *
 * Runs in network and mount namespaces of its own, with a tmpfs on /run. Names are mounted in
 * /run/netns, like `ip netns add` does. LOAD_PROCESS=1: a process in each container instead of a
 * name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/nl.h"
#include "net/netns.h"

#define LIFE_MS 1000 /* LOAD_LIFE_MS */
#define WAIT_MS 10000 /* for protection, one at a time */
#define ALIVE_MAX 4096
#define MS UINT64_C(1000000)

struct container {
	char name[32];
	pid_t pid; /* 0: it has a name instead */
	uint64_t made;
};

static struct nl *nl;
static bool by_process;
static uint64_t life_ns = LIFE_MS * MS;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "guard_load: %s: %s\n", what, fail_text());
	exit(2);
}

static void sleep_until(uint64_t ns)
{
	struct timespec when = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

static int start_process(pid_t *ret_pid)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe(ends) < 0)
		return -errno;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) < 0 || write(ends[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		die("a process with a namespace");
	close(ends[0]);
	*ret_pid = pid;
	return 0;
}

/* What `ip netns add` does. */
static void give_name(const char *name)
{
	_cleanup_close_ int fd = -1, file = -1;
	char path[64], from[64];

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (file < 0 || netns_new(&fd))
		die(path);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (mount(from, path, "none", MS_BIND, NULL) < 0)
		die("mount");
}

static int open_container(const struct container *container)
{
	char spec[64];
	int fd;

	if (container->pid)
		snprintf(spec, sizeof(spec), "%d", (int)container->pid);
	else
		snprintf(spec, sizeof(spec), "%s", container->name);
	if (netns_open(spec, &fd))
		die("netns_open");
	return fd;
}

static void make(struct container *container, unsigned long number)
{
	*container = (struct container){ .made = clock_ns() };
	snprintf(container->name, sizeof(container->name), "load%lu", number);
	if (by_process)
		start_process(&container->pid);
	else
		give_name(container->name);
}

static void connect_it(const struct container *container, unsigned long number, int fd)
{
	char host[IFNAMSIZ];

	(void)container;
	/* A new name for each: the kernel may still be removing an earlier run's. */
	snprintf(host, sizeof(host), "l%x-%lx", (unsigned int)getpid(), number % 0x1000000);
	if (link_add_veth(nl, host, "eth0", fd))
		die("a veth pair");
}

static void removed(const struct container *container)
{
	char path[64];

	if (container->pid) {
		kill(container->pid, SIGKILL);
		waitpid(container->pid, NULL, 0);
		return;
	}
	snprintf(path, sizeof(path), "/run/netns/%s", container->name);
	umount2(path, MNT_DETACH);
	unlink(path);
}

static bool is_protected(int fd)
{
	bool on = true;

	return !feature_get(fd, "eth0", "rx-checksum", &on) && !on;
}

/* Opens a socket in the container that receives events about its devices. */
static int listen_in(int fd)
{
	_cleanup_(netns_leave) int home = -1;
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int heard;

	if (netns_enter(fd, &home))
		die("entering");
	heard = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (heard < 0 || bind(heard, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("listening");
	return heard;
}

/*
 * Returns the time of the event after which the feature is off; if it was off at once, the time of
 * the check.
 */
static uint64_t wait_for_protection(int fd, int heard)
{
	uint64_t end = clock_ns() + WAIT_MS * MS;
	bool was_on = false;
	char buffer[16384];

	while (clock_ns() < end) {
		struct pollfd one = { .fd = heard, .events = POLLIN };
		uint64_t at;

		if (poll(&one, 1, (int)((end - clock_ns()) / MS) + 1) <= 0)
			break;
		at = clock_ns();
		if (recv(heard, buffer, sizeof(buffer), 0) < 0)
			die("recv");
		if (is_protected(fd))
			return was_on ? at : clock_ns();
		was_on = true;
	}
	return 0;
}

static int latency(unsigned long count)
{
	for (unsigned long i = 0; i < count; i++) {
		struct container container;
		uint64_t start, end;
		int fd, heard;

		make(&container, i);
		fd = open_container(&container);
		heard = listen_in(fd);
		sleep_until(clock_ns() + 10 * MS); /* a runtime does other things here */
		start = clock_ns();
		connect_it(&container, i, fd);
		end = wait_for_protection(fd, heard);
		if (end)
			printf("%llu\n", (unsigned long long)((end - start) / 1000));
		else
			printf("never\n");
		close(heard);
		close(fd);
		removed(&container);
	}
	return 0;
}

static void end_oldest(struct container *alive, size_t *count, unsigned long *missed)
{
	int fd = open_container(&alive[0]);

	if (!is_protected(fd)) {
		++*missed;
		fprintf(stderr, "missed: %s\n", alive[0].name);
	}
	close(fd);
	removed(&alive[0]);
	memmove(alive, alive + 1, --*count * sizeof(*alive));
}

static int rate(unsigned long per_second, unsigned long seconds)
{
	static struct container alive[ALIVE_MAX];
	unsigned long missed = 0, total = per_second * seconds;
	size_t count = 0;
	uint64_t start = clock_ns(), end;

	for (unsigned long i = 0; i < total; i++) {
		int fd;

		sleep_until(start + i * 1000 * MS / per_second);
		make(&alive[count], i);
		fd = open_container(&alive[count++]);
		connect_it(&alive[count - 1], i, fd);
		close(fd);
		while (count && (count == ALIVE_MAX || clock_ns() - alive[0].made > life_ns))
			end_oldest(alive, &count, &missed);
	}
	end = clock_ns();
	sleep_until(end + life_ns);
	while (count)
		end_oldest(alive, &count, &missed);
	printf("%lu containers in %.1f s (%.1f a second), %lu missed\n", total,
	       (double)(end - start) / 1e9, (double)total * 1e9 / (double)(end - start), missed);
	return missed != 0;
}

static int lifetimes(unsigned long total, unsigned long most)
{
	static struct container alive[ALIVE_MAX];
	uint64_t start = clock_ns();
	size_t count = 0;

	for (unsigned long i = 0; i < total; i++) {
		int fd;

		make(&alive[count], i);
		fd = open_container(&alive[count++]);
		connect_it(&alive[count - 1], i, fd);
		close(fd);
		if (count < most && i + 1 < total)
			continue;
		removed(&alive[0]);
		memmove(alive, alive + 1, --count * sizeof(*alive));
	}
	while (count)
		removed(&alive[--count]);
	printf("%lu lifetimes in %.1f s\n", total, (double)(clock_ns() - start) / 1e9);
	return 0;
}

static unsigned long number(const char *text)
{
	return strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	const char *life = getenv("LOAD_LIFE_MS");

	by_process = getenv("LOAD_PROCESS");
	if (life)
		life_ns = strtoul(life, NULL, 10) * MS;
	mkdir("/run/netns", 0755);
	if (nl_open(-1, NETLINK_ROUTE, &nl))
		die("netlink");
	if (argc == 3 && !strcmp(argv[1], "latency"))
		return latency(number(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "rate") && number(argv[2]))
		return rate(number(argv[2]), number(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "lifetimes") && number(argv[3]) < ALIVE_MAX)
		return lifetimes(number(argv[2]), number(argv[3]));
	fprintf(stderr,
		"usage: guard_load latency COUNT | rate PER_SECOND SECONDS | lifetimes COUNT ALIVE\n");
	return 2;
}
