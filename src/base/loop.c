// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The event loop: see loop.h.
 *
 * Every source is one descriptor in an epoll set. A source that is removed during a round is only
 * marked dead and freed after the round, because the event array may still hold its address.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_SOON };

struct loop_source {
	struct loop *loop;
	struct loop_source *next_dead;
	struct loop_source *next_soon;
	enum source_kind kind;
	bool dead;
	int fd;
	union {
		loop_fd_fn on_fd;
		loop_timer_fn on_timer;
		loop_signal_fn on_signal;
	};
	void *owner;
};

struct loop {
	int epoll_fd;
	bool quit;
	int value;
	struct loop_source *dead;
	struct loop_source *soon; /* the latest first */
	struct loop_source *signals;
	sigset_t former_mask;
};

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		int rc = fail_errno(-errno, "epoll_create1");

		free(loop);
		return rc;
	}
	*ret_loop = loop;
	return 0;
}

static void free_dead(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *source = loop->dead;

		loop->dead = source->next_dead;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->signals) {
		loop_remove(&loop->signals);
		sigprocmask(SIG_SETMASK, &loop->former_mask, NULL);
	}
	free_dead(loop);
	while (loop->soon) {
		struct loop_source *source = loop->soon;

		loop->soon = source->next_soon;
		free(source);
	}
	close(loop->epoll_fd);
	free(loop);
}

static int add_source(struct loop *loop, struct loop_source source, uint32_t events,
		      struct loop_source **ret_source)
{
	struct loop_source *added = malloc(sizeof(*added));
	struct epoll_event event = { .events = events, .data.ptr = added };

	if (!added)
		return -ENOMEM;
	*added = source;
	added->loop = loop;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source.fd, &event) < 0) {
		int rc = fail_errno(-errno, "epoll_ctl");

		free(added);
		return rc;
	}
	*ret_source = added;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *owner,
		struct loop_source **ret_source)
{
	struct loop_source source = { .kind = SOURCE_FD, .fd = fd, .on_fd = fn, .owner = owner };

	return add_source(loop, source, events, ret_source);
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
				  .tv_nsec = (long)(ns % 1000000000) };
}

int loop_add_timer(struct loop *loop, uint64_t first_ns, uint64_t every_ns, loop_timer_fn fn,
		   void *owner, struct loop_source **ret_source)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	/* A first value of 0 would disarm the timer; 1 ns is the shortest time. */
	struct itimerspec when = { .it_value = to_timespec(first_ns ? first_ns : 1),
				   .it_interval = to_timespec(every_ns) };
	struct loop_source source = { .kind = SOURCE_TIMER, .on_timer = fn, .owner = owner };
	int rc;

	if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
		return fail_errno(-errno, "timerfd");
	source.fd = fd;
	rc = add_source(loop, source, EPOLLIN, ret_source);
	if (!rc)
		TAKE_FD(fd);
	return rc;
}

int loop_add_soon(struct loop *loop, loop_timer_fn fn, void *owner, struct loop_source **ret_source)
{
	struct loop_source *source = malloc(sizeof(*source));

	if (!source)
		return -ENOMEM;
	*source = (struct loop_source){ .loop = loop,
					.next_soon = loop->soon,
					.kind = SOURCE_SOON,
					.fd = -1,
					.on_timer = fn,
					.owner = owner };
	loop->soon = source;
	*ret_source = source;
	return 0;
}

static sigset_t ending_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	return set;
}

int loop_add_signals(struct loop *loop, loop_signal_fn fn, void *owner)
{
	struct loop_source source = { .kind = SOURCE_SIGNAL, .on_signal = fn, .owner = owner };
	_cleanup_close_ int fd = -1;
	const sigset_t set = ending_signals();
	int rc;

	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "signalfd");
	source.fd = fd;
	rc = add_source(loop, source, EPOLLIN, &loop->signals);
	if (rc)
		return rc;
	sigprocmask(SIG_BLOCK, &set, &loop->former_mask);
	TAKE_FD(fd);
	return 0;
}

void loop_hold_signals(void)
{
	const sigset_t set = ending_signals();

	sigprocmask(SIG_BLOCK, &set, NULL);
}

void loop_remove(struct loop_source **source)
{
	struct loop_source *gone = *source;

	if (!gone)
		return;
	*source = NULL;
	gone->dead = true;
	if (gone->kind == SOURCE_SOON)
		return; /* run_soon() frees it */
	epoll_ctl(gone->loop->epoll_fd, EPOLL_CTL_DEL, gone->fd, NULL);
	if (gone->kind != SOURCE_FD)
		close(gone->fd);
	gone->next_dead = gone->loop->dead;
	gone->loop->dead = gone;
}

static int dispatch(struct loop_source *source, uint32_t events)
{
	struct signalfd_siginfo info;
	uint64_t expirations;

	switch (source->kind) {
	case SOURCE_FD:
		return source->on_fd(source->owner, events);
	case SOURCE_TIMER:
		if (read(source->fd, &expirations, sizeof(expirations)) != sizeof(expirations))
			return 0;
		return source->on_timer(source->owner);
	case SOURCE_SIGNAL:
		if (read(source->fd, &info, sizeof(info)) != sizeof(info))
			return 0;
		return source->on_signal(source->owner, (int)info.ssi_signo);
	case SOURCE_SOON:
		break;
	}
	return 0;
}

/* Calls the sources added by loop_add_soon(); those that they add wait for the next round. */
static int run_soon(struct loop *loop)
{
	struct loop_source *now = loop->soon;
	int rc = 0;

	loop->soon = NULL;
	while (now && !rc) {
		struct loop_source *source = now;

		now = source->next_soon;
		if (!source->dead)
			rc = source->on_timer(source->owner);
		free(source);
	}
	/* After an error the others are not called; loop_free() frees them. */
	while (now) {
		struct loop_source *source = now;

		now = source->next_soon;
		source->next_soon = loop->soon;
		loop->soon = source;
	}
	return rc;
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[64];
	int rc = 0;

	loop->quit = false;
	while (!rc && !loop->quit) {
		int n = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events), loop->soon ? 0 : -1);

		if (n < 0 && errno != EINTR)
			rc = fail_errno(-errno, "epoll_wait");
		for (int i = 0; i < n && !rc; i++) {
			struct loop_source *source = events[i].data.ptr;

			if (!source->dead)
				rc = dispatch(source, events[i].events);
		}
		free_dead(loop);
		if (!rc)
			rc = run_soon(loop);
	}
	return rc ? rc : loop->value;
}

void loop_quit(struct loop *loop, int value)
{
	loop->quit = true;
	loop->value = value;
}
