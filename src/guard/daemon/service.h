/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon as a service: one on a host, known to the service manager, without rights it does not
 * need.
 */
#ifndef TRUESUM_GUARD_DAEMON_SERVICE_H
#define TRUESUM_GUARD_DAEMON_SERVICE_H

#include <sys/types.h>

struct loop;
struct loop_source;

/*
 * Locks /run/truesum/guard.lock until *ret_fd is closed, and writes the process's number into it.
 * -EBUSY with a sentence if another daemon holds it.
 */
int service_lock(int *ret_fd);

/* The process of the running daemon; 0: none runs. */
pid_t service_pid(void);

/*
 * Gives up all capabilities but those that guarding and proving need, forbids gaining others, and
 * leaves only the system calls in use; the others fail with EPERM, and the kernel logs them. This
 * holds for the process and its children, for good. Then, if the service manager wants it
 * (WATCHDOG_USEC), sends WATCHDOG=1 twice in each period; *ret_watchdog is the caller's. -errno
 * with a sentence.
 */
int service_start(struct loop *loop, struct loop_source **ret_watchdog);

/*
 * Sends lines of NAME=VALUE to the service manager: sd_notify(3)'s protocol, by the socket in
 * NOTIFY_SOCKET, a path or an abstract name ("@..."). Does nothing without one, and ignores errors.
 */
void service_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
