/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling the service manager how a daemon is: sd_notify(3)'s protocol. */
#ifndef TRUESUM_GUARD_DAEMON_NOTIFY_H
#define TRUESUM_GUARD_DAEMON_NOTIFY_H

#include <stdint.h>

/*
 * Sends lines of NAME=VALUE to the socket of NOTIFY_SOCKET, a path or an abstract name ("@..."). 0 where
 * nobody wants to know; errors are nobody's business either.
 */
int notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* How often to send WATCHDOG=1, half of what is allowed; 0: not at all, or that is another process's task. */
uint64_t notify_watchdog_ns(void);

#endif
