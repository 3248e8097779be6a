/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up capabilities that a process does not need any more. */
#ifndef TRUESUM_BASE_PRIVILEGE_H
#define TRUESUM_BASE_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

/* Newer than some C libraries' headers (Linux 5.8). */
#define PRIVILEGE_PERFMON 38
#define PRIVILEGE_BPF 39

/* Whether the process may use this capability now. */
bool privilege_has(unsigned int capability);

/*
 * Keeps, of the capabilities that the process has, only these (CAP_...), and lets none come back by
 * running another program, if it may lower the bounding set (CAP_SETPCAP). For good. -errno with a
 * sentence.
 */
int privilege_keep_only(const unsigned int *capability, size_t count);

#endif
