// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves in a child process: see prover.h.
 *
 * The child keeps none of the daemon's descriptors. Most of all it does not keep the daemon's lock,
 * so that a daemon that was killed can be restarted at once.
 *
 * The child writes a policy only if at least one container has a verdict: a host without containers
 * proves nothing.
 *
 * The daemon never waits for the child: it is told by a pid descriptor that the child has ended,
 * and kills it by that at the deadline.
 */
#include "guard/daemon/prover.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/policy.h"
#include "guard/proof.h"
#include "net/inventory.h"
#include "net/journal.h"

#define STUCK_NS UINT64_C(10000000000) /* from the kill to the conclusion that it hangs */

struct prover {
	struct prover_settings settings;
	pid_t pid;
	int pid_fd; /* becomes readable when the child has ended */
	int fd; /* gets the child's report */
	struct prover_report report;
	size_t have; /* bytes of the report */
	uint64_t killed; /* when; 0: it was not */
	struct loop_source *on_report, *on_exit, *on_limit;
};

/* ---- In the child ---- */

static void ignore_recovery(enum journal_news news, const char *sentence)
{
	(void)news;
	(void)sentence;
}

static void report_result(const struct inventory *inventory, const struct proof_result *result,
			  struct prover_report *report)
{
	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];

		if (inventory->space[target->space].own)
			continue;
		report->kept += target->kept != 0;
		if (*target->reason && !*report->text)
			snprintf(report->text, sizeof(report->text), "%.60s: %.170s",
				 inventory->space[target->space].name, target->reason);
		if (*target->others && !*report->text)
			snprintf(report->text, sizeof(report->text),
				 "%.60s: mitigated by somebody else, so it proves nothing: %.110s",
				 inventory->space[target->space].name, target->others);
	}
	report->targets = result->containers;
	report->found = result->found;
	report->written = result->written;
	report->verdict = result->verdict;
	report->seconds = result->seconds;
}

static int prove_and_write(const char *path, struct prover_report *report)
{
	struct proof_settings settings = { .gate.say = ignore_recovery,
					   .policy_file = path,
					   .only_with_verdict = true };
	struct policy earlier;
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_free_ size_t *spaces = NULL;
	struct proof_result result = { 0 };
	int rc = inventory_take(NULL, &inventory);

	if (rc)
		return rc;
	if (!policy_read(path, POLICY_THIS_KERNEL, &earlier))
		settings.policy = &earlier;
	spaces = calloc(inventory.space_count, sizeof(*spaces));
	if (!spaces)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < inventory.space_count; i++)
		spaces[i] = i;
	rc = proof_run(&settings, &inventory, spaces, inventory.space_count, &result);
	if (rc)
		return rc;
	report_result(&inventory, &result, report);
	proof_result_release(&result);
	return 0;
}

static _Noreturn void run_child(const char *path, int fd, pid_t parent)
{
	struct prover_report report = { 0 };
	const char *at = (const char *)&report;
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd > 3)
		close_range(3, (unsigned int)fd - 1, 0);
	close_range((unsigned int)fd + 1, ~0U, 0);
	journal_set_waiting(true);
	setpriority(PRIO_PROCESS, 0, 0); /* a proof can wait for its turn */
	report.rc = prove_and_write(path, &report);
	if (report.rc)
		snprintf(report.text, sizeof(report.text), "%.*s", (int)sizeof(report.text) - 1,
			 fail_text());
	for (size_t left = sizeof(report); left;) {
		ssize_t len = write(fd, at, left);

		if (len <= 0)
			break;
		at += len;
		left -= (size_t)len;
	}
	_exit(EXIT_SUCCESS);
}

/* ---- In the daemon ---- */

static void read_report(struct prover *prover)
{
	ssize_t len = 1;

	while (len > 0 && prover->have < sizeof(prover->report)) {
		len = read(prover->fd, (char *)&prover->report + prover->have,
			   sizeof(prover->report) - prover->have);
		prover->have += len > 0 ? (size_t)len : 0;
	}
	/* Complete, or the child has closed the pipe: what counts now is that it ends. */
	if (!len || prover->have == sizeof(prover->report))
		loop_remove(&prover->on_report);
}

static int on_report(void *owner, uint32_t events)
{
	(void)events;
	read_report(owner);
	return 0;
}

static void explain_end(struct prover *prover, int status)
{
	struct prover_report *report = &prover->report;

	if (prover->have == sizeof(*report))
		return;
	*report = (struct prover_report){ .rc = prover->killed ? -ETIMEDOUT : -ECHILD };
	if (prover->killed)
		snprintf(report->text, sizeof(report->text),
			 "it was not over after %.0f s, so its process was killed",
			 (double)prover->settings.limit_ns / 1e9);
	else
		snprintf(report->text, sizeof(report->text),
			 "the proof's process ended early (%s %d)",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static int on_exit_of_child(void *owner, uint32_t events)
{
	struct prover *prover = owner;
	int status = 0;

	(void)events;
	if (waitpid(prover->pid, &status, WNOHANG) == 0)
		return 0;
	prover->pid = 0;
	read_report(prover);
	explain_end(prover, status);
	loop_remove(&prover->on_exit);
	loop_remove(&prover->on_limit);
	prover->settings.done(prover->settings.owner, &prover->report);
	return 0;
}

static void kill_child(const struct prover *prover)
{
	syscall(SYS_pidfd_send_signal, prover->pid_fd, SIGKILL, NULL, 0);
}

static int on_limit(void *owner)
{
	struct prover *prover = owner;

	loop_remove(&prover->on_limit);
	prover->killed = clock_ns();
	kill_child(prover);
	return 0;
}

bool prover_is_stuck(const struct prover *prover)
{
	return prover && prover->killed && clock_ns() - prover->killed > STUCK_NS;
}

static int start_child(struct prover *prover)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail_errno(-errno, "cannot make a pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	prover->fd = ends[0];
	fflush(NULL);
	prover->pid = fork();
	if (!prover->pid)
		run_child(prover->settings.policy, ends[1], parent);
	close(ends[1]);
	if (prover->pid < 0)
		return fail_errno(-errno, "cannot start a process");
	prover->pid_fd = (int)syscall(SYS_pidfd_open, prover->pid, 0);
	return prover->pid_fd < 0 ? fail_errno(-errno, "cannot watch a process") : 0;
}

static int add_sources(struct prover *prover, struct loop *loop)
{
	int rc = loop_add_fd(loop, prover->fd, EPOLLIN, on_report, prover, &prover->on_report);

	rc = rc ? rc
		: loop_add_fd(loop, prover->pid_fd, EPOLLIN, on_exit_of_child, prover,
			      &prover->on_exit);
	return rc ? rc
		  : loop_add_timer(loop, prover->settings.limit_ns, 0, on_limit, prover,
				   &prover->on_limit);
}

int prover_start(struct loop *loop, const struct prover_settings *settings,
		 struct prover **ret_prover)
{
	struct prover *prover = calloc(1, sizeof(*prover));
	int rc;

	if (!prover)
		return fail(-ENOMEM, "out of memory");
	prover->fd = prover->pid_fd = -1;
	prover->settings = *settings;
	rc = start_child(prover);
	rc = rc ? rc : add_sources(prover, loop);
	if (rc)
		prover_free(prover);
	else
		*ret_prover = prover;
	return rc;
}

void prover_free(struct prover *prover)
{
	if (!prover)
		return;
	loop_remove(&prover->on_report);
	loop_remove(&prover->on_exit);
	loop_remove(&prover->on_limit);
	/* A child that hangs in the kernel gets the signal; init reaps it. */
	if (prover->pid > 0 && kill(prover->pid, SIGKILL) == 0 && !prover->killed)
		waitpid(prover->pid, NULL, 0);
	cleanup_close(&prover->pid_fd);
	cleanup_close(&prover->fd);
	free(prover);
}
