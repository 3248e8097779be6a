/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop: file descriptors, timers and signals, one thread (epoll, timerfd, signalfd).
 *
 * A source belongs to the code that added it, which must remove it before the memory its callback
 * uses goes away; removing NULL, or the source whose callback is running, is allowed. Callbacks
 * return 0 to go on or -errno to end loop_run() with that value.
 */
#ifndef TRUESUM_BASE_LOOP_H
#define TRUESUM_BASE_LOOP_H

#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct loop;
struct loop_source;

typedef int (*loop_fd_fn)(void *owner, uint32_t events);
typedef int (*loop_timer_fn)(void *owner);
typedef int (*loop_signal_fn)(void *owner, int signo);

int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop *, loop, loop_free)

/*
 * Calls `fn` while any of `events` (EPOLLIN, ...) holds on fd. The descriptor stays the caller's.
 */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *owner,
		struct loop_source **ret_source);

/* Calls `fn` first after `first_ns`, then every `every_ns` nanoseconds (0: once). */
int loop_add_timer(struct loop *loop, uint64_t first_ns, uint64_t every_ns, loop_timer_fn fn,
		   void *owner, struct loop_source **ret_source);

/* Calls `fn` once, after the other callbacks of this round. Uses no descriptor. */
int loop_add_soon(struct loop *loop, loop_timer_fn fn, void *owner,
		  struct loop_source **ret_source);

/*
 * Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT and reports them here instead; loop_free() unblocks
 * them.
 */
int loop_add_signals(struct loop *loop, loop_signal_fn fn, void *owner);

/*
 * Blocks the same signals until the process ends. For what must not be left half done and needs no
 * loop.
 */
void loop_hold_signals(void);

/* Takes the source out; *source becomes NULL. */
void loop_remove(struct loop_source **source);

/* Runs until loop_quit() (returns its value) or a callback's error. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop, int value);

#endif
