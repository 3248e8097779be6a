/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon as a service: one on a host, known to the service manager, without rights it does not
 * need.
 */
#ifndef TRUESUM_GUARD_DAEMON_SERVICE_H
#define TRUESUM_GUARD_DAEMON_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

struct loop;
struct loop_source;

/*
 * Held until they are closed: the lock on /run/truesum/guard.lock, which holds the process's
 * number, and the abstract socket name @truesum.guard of this network namespace; -1: somebody who
 * is not root has taken it.
 */
struct service_lock {
	int file, socket;
};

/* -EBUSY with a sentence if another daemon holds one of them. service_unlock() after success. */
int service_lock(struct service_lock *ret_lock);
void service_unlock(const struct service_lock *lock);

/* Takes and drops the connections of those who ask who has the name; `lock` must stay. */
int service_answer(struct loop *loop, struct service_lock *lock, struct loop_source **ret_source);

/* The process of the running daemon; 0: none runs. */
pid_t service_pid(void);

/* What the watchdog depends on. */
struct service_watch {
	bool (*is_well)(void *owner); /* false: WATCHDOG=1 is not sent */
	void *owner;
};

/*
 * Gives up all capabilities but those that guarding and proving need, forbids gaining others, and
 * leaves only the system calls in use; the others fail with EPERM, and the kernel logs them. This
 * holds for the process and its children, for good. Then, if the service manager wants it
 * (WATCHDOG_USEC), sends WATCHDOG=1 twice in each period; *ret_watchdog is the caller's, `watch`
 * must stay. -errno with a sentence.
 */
int service_start(struct loop *loop, const struct service_watch *watch,
		  struct loop_source **ret_watchdog);

/*
 * Sends lines of NAME=VALUE to the service manager: sd_notify(3)'s protocol, by the socket in
 * NOTIFY_SOCKET, a path or an abstract name ("@..."). Does nothing without one, and ignores errors.
 */
void service_notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
