// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The best speed that a capture reader can reach on this machine, and a stopwatch:
 *   limit sum FILE       map the file and sum all its bytes, with page faults
 *   limit populate FILE  the same, with its pages mapped 4 MiB ahead
 *   limit memcpy FILE    map it and copy all bytes through a small buffer
 *   limit read FILE      read() all of it into a small buffer
 *   limit run COMMAND... run a command without output; prints "seconds user system peak-KiB
 *                        exit-code"
 *
 * The peak is that of anonymous memory (RssAnon), read every 0.5 ms. VmHWM and ru_maxrss would
 * include pages of a mapped file, which belong to the page cache: the kernel can free them at any
 * time.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sum/csum.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#define BLOCK (1U << 18)
#define AHEAD (4U << 20)
#define LOOK_NS 500000

extern char **environ;

static void die(const char *what)
{
	perror(what);
	exit(3);
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static unsigned long through_map(const char *how, int fd, size_t size)
{
	static uint8_t buffer[BLOCK];
	bool populate = strcmp(how, "populate") == 0, copy = strcmp(how, "memcpy") == 0;
	uint8_t *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	unsigned long result = 0;

	if (map == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < size; at += BLOCK) {
		size_t len = size - at < BLOCK ? size - at : BLOCK;

		if (populate && at % AHEAD == 0)
			madvise(map + at, size - at < AHEAD ? size - at : AHEAD,
				MADV_POPULATE_READ);
		if (copy) {
			memcpy(buffer, map + at, len);
			result += buffer[at / BLOCK % BLOCK];
		} else {
			result += csum_add(0, map + at, len);
		}
	}
	munmap(map, size);
	return result;
}

static unsigned long through_read(int fd)
{
	static uint8_t buffer[BLOCK];
	unsigned long result = 0;
	ssize_t got;

	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		result += buffer[0];
	if (got < 0)
		die("read");
	return result;
}

static long anonymous_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "r");
	if (!status)
		return 0;
	while (fgets(line, sizeof(line), status)) {
		if (strncmp(line, "RssAnon:", 8) == 0) {
			kib = strtol(line + 8, NULL, 10);
			break;
		}
	}
	fclose(status);
	return kib;
}

static int stopwatch(char **command)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	posix_spawn_file_actions_t actions;
	long peak = 0, kib;
	struct rusage used;
	double start;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	start = now();
	if (posix_spawnp(&pid, command[0], &actions, NULL, command, environ) != 0) {
		fprintf(stderr, "limit: cannot run %s\n", command[0]);
		return 3;
	}
	while (wait4(pid, &status, WNOHANG, &used) == 0) {
		kib = anonymous_kib(pid);
		peak = kib > peak ? kib : peak;
		nanosleep(&pause, NULL);
	}
	printf("%.4f %.4f %.4f %ld %d\n", now() - start,
	       (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec / 1e6,
	       (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec / 1e6, peak,
	       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long result;
	struct stat stat;
	int fd;

	if (argc >= 3 && strcmp(argv[1], "run") == 0)
		return stopwatch(argv + 2);
	if (argc != 3)
		return 2;
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) < 0)
		die(argv[2]);
	if (strcmp(argv[1], "read") == 0)
		result = through_read(fd);
	else
		result = through_map(argv[1], fd, (size_t)stat.st_size);
	printf("%lx\n", result);
	close(fd);
	return 0;
}
