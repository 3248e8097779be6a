// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running many cells side by side: see runner.h.
 *
 * A cell spends nearly all its time waiting for TCP's timers, so dozens run on one thread. Building
 * one takes some milliseconds in which the others wait; a cell is therefore started only in its own
 * turn of the loop.
 */
#include "lab/runner.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"

#define PROGRESS_NS UINT64_C(100000000)

/*
 * A cell's namespaces, ports, sockets and timers, and what a run has besides. libnftables calls select(),
 * which knows descriptors below FD_SETSIZE only: more than that are of no use.
 */
#define DESCRIPTORS_A_CELL 16
#define DESCRIPTORS_BESIDES 64

_Static_assert(RUNNER_JOBS_MAX *DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES <= FD_SETSIZE,
	       "all cells' descriptors are below FD_SETSIZE");

struct runner;

struct slot {
	struct runner *runner;
	struct cell *cell;
	struct lab_cell *target;
};

struct runner {
	struct loop *loop;
	const struct lab_settings *settings;
	struct lab_cell *cells;
	size_t count, started, done, jobs;
	struct slot *slots;
	struct loop_source *next;
	runner_progress_fn progress;
};

static int start_one(void *owner);

static int schedule(struct runner *runner)
{
	if (runner->next || runner->started == runner->count)
		return 0;
	return loop_add_soon(runner->loop, start_one, runner, &runner->next);
}

static void on_done(void *owner)
{
	struct slot *slot = owner;
	struct runner *runner = slot->runner;

	cell_finish(TAKE_PTR(slot->cell), &slot->target->result);
	runner->done++;
	if (runner->done == runner->count)
		loop_quit(runner->loop, 0);
	else if (schedule(runner))
		loop_quit(runner->loop, -ENOMEM);
}

static int start_one(void *owner)
{
	struct runner *runner = owner;
	struct slot *slot = runner->slots;

	loop_remove(&runner->next);
	while (slot < runner->slots + runner->jobs && slot->cell)
		slot++;
	if (slot == runner->slots + runner->jobs)
		return 0; /* on_done() schedules the next */
	slot->target = &runner->cells[runner->started++];
	if (cell_start(runner->loop, &slot->target->key, runner->settings, NULL, on_done, slot,
		       &slot->cell))
		return -ENOMEM;
	return schedule(runner);
}

static int on_signal(void *owner, int signo)
{
	(void)owner;
	(void)signo;
	return fail(-EINTR, "interrupted; everything was taken down");
}

static int on_progress(void *owner)
{
	const struct runner *runner = owner;

	runner->progress(runner->done, runner->count);
	return 0;
}

static int run(struct runner *runner)
{
	struct loop_source *progress = NULL;
	int rc = loop_add_signals(runner->loop, on_signal, runner);

	rc = rc ? rc
		: loop_add_timer(runner->loop, PROGRESS_NS, PROGRESS_NS, on_progress, runner,
				 &progress);
	rc = rc ? rc : schedule(runner);
	rc = rc ? rc : loop_run(runner->loop);
	for (size_t i = 0; i < runner->jobs; i++)
		if (runner->slots[i].cell)
			cell_finish(runner->slots[i].cell, &runner->slots[i].target->result);
	loop_remove(&progress);
	loop_remove(&runner->next);
	return rc;
}

size_t runner_make_room(size_t jobs)
{
	struct rlimit limit;
	rlim_t wanted = jobs * DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES;
	size_t room;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return jobs;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return jobs;
	room = limit.rlim_cur < DESCRIPTORS_BESIDES + DESCRIPTORS_A_CELL
		       ? 0
		       : (limit.rlim_cur - DESCRIPTORS_BESIDES) / DESCRIPTORS_A_CELL;
	if (!room)
		fail(-EMFILE, "%llu open files are too few: raise the limit (ulimit -n %d)",
		     (unsigned long long)limit.rlim_cur, DESCRIPTORS_A_CELL + DESCRIPTORS_BESIDES);
	return room;
}

int runner_run(const struct lab_settings *settings, struct lab_cell *cells, size_t count,
	       size_t jobs, runner_progress_fn progress)
{
	_cleanup_(loop_cleanup) struct loop *loop = NULL;
	_cleanup_free_ struct slot *slots = calloc(jobs, sizeof(*slots));
	struct runner runner = { .settings = settings,
				 .cells = cells,
				 .count = count,
				 .jobs = jobs,
				 .slots = slots,
				 .progress = progress };
	int rc;

	if (!slots)
		return -ENOMEM;
	rc = loop_new(&loop);
	if (rc)
		return rc;
	runner.loop = loop;
	for (size_t i = 0; i < jobs; i++)
		slots[i].runner = &runner;
	return run(&runner);
}
