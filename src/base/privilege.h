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
 * What to do if something was not permitted: "run as root"; or what root lacks here. Leaves errno
 * as it is.
 */
const char *privilege_remedy(void);

/*
 * The remedy in parentheses, after a blank, if `rc` is -EPERM or -EACCES and fail_text() does not
 * end with one yet; else "".
 */
const char *privilege_hint(int rc);

/* fail_errno(), with the remedy after it. */
int privilege_fail(int rc, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * The kernel's lockdown mode out of the text "none [integrity] confidentiality"; empty if there is
 * none. privilege_read_lockdown() reads it.
 */
void privilege_parse_lockdown(const char *text, char *ret_mode, size_t size);
void privilege_read_lockdown(char *ret_mode, size_t size);

/*
 * Keeps, of the capabilities that the process has, only these (CAP_...), and lets none come back by
 * running another program, if it may lower the bounding set (CAP_SETPCAP). For good. -errno with a
 * sentence.
 */
int privilege_keep_only(const unsigned int *capability, size_t count);

#endif
