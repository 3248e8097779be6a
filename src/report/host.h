/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a bug report says about the kernel and the machine. Reads only; everything is readable for
 * everybody, or empty.
 */
#ifndef TRUESUM_REPORT_HOST_H
#define TRUESUM_REPORT_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "base/term.h"

#define HOST_TAINTS 32

struct host {
	char hostname[65]; /* any bytes */
	/* The rest is printable. */
	char release[65], version[65], machine[65]; /* as `uname -r`, `-v`, `-m` have them */
	char banner[400]; /* /proc/version: also the compiler that built the kernel, and by whom */
	char distribution[128]; /* PRETTY_NAME of /etc/os-release */
	char lockdown[24]; /* "none", "integrity", "confidentiality"; empty: not known */
	/* the hypervisor's machine; "yes" if only the processor says so; empty: none is seen */
	char virtualisation[128];
	int64_t tainted; /* -1: not known */
	char taints[HOST_TAINTS +
		    1]; /* as letters: Documentation/admin-guide/tainted-kernels.rst */
	unsigned int processors;
	char build_id[41]; /* of this program, hexadecimal; empty: the linker made none */
};

void host_read(struct host *ret_host);

/*
 * Replaces USER@HOST, which names the machine that the kernel was built on, in the line of
 * /proc/version: "Linux version 6.1.0 (builder) (gcc ...) #1 ...".
 */
void host_hide_builder(char *banner, size_t size);

#endif
