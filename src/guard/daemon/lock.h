/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One daemon on a host, which others can ask for: it holds a lock on /run/truesum/guard.lock. */
#ifndef TRUESUM_GUARD_DAEMON_LOCK_H
#define TRUESUM_GUARD_DAEMON_LOCK_H

#include <sys/types.h>

/* Held until *ret_fd is closed. -EBUSY, with a sentence, where another daemon holds it. */
int guard_lock(int *ret_fd);

/* The daemon's process; 0: none runs. */
pid_t guard_daemon_pid(void);

#endif
