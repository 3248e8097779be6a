/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fuzzer's data as a file, for functions that read a file by its path or descriptor. */
#ifndef TRUESUM_FUZZ_MEMORY_FILE_H
#define TRUESUM_FUZZ_MEMORY_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

/* One file, whose content is replaced by each call. */
static inline int memory_file(const void *data, size_t len)
{
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzzed", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, len, 0) != (ssize_t)len)
		abort();
	return fd;
}

/* Its path, as long as the next call. */
static inline const char *memory_path(const void *data, size_t len)
{
	static char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory_file(data, len));
	return path;
}

#endif
