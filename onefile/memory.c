// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files in memory: see onefile.h. A library is mapped and never run as a program, so that it needs
 * no right to be: a kernel with vm.memfd_noexec = 2 lets no other file be made in memory.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "onefile.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

int onefile_open(const struct onefile_part *part)
{
	int fd = memfd_create("truesum", MFD_CLOEXEC | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("truesum", MFD_CLOEXEC);
	for (const char *at = part->start; fd >= 0 && at < part->end;) {
		ssize_t len = write(fd, at, (size_t)(part->end - at));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0) {
			close(fd);
			return -1;
		}
		at += len;
	}
	return fd;
}
