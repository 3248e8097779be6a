// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Proves in a child process: see prover.h.
 *
 * The child keeps none of the daemon's descriptors. Most of all it does not keep the daemon's lock,
 * so that a daemon that was killed can be restarted at once.
 *
 * The child writes a policy only if at least one container has a verdict: a host without containers
 * proves nothing.
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/policy.h"
#include "guard/proof.h"
#include "net/inventory.h"

struct prover {
	pid_t pid;
	int fd; /* gets the child's report */
	struct prover_report report;
	size_t have; /* bytes of the report */
	prover_done_fn done;
	void *owner;
	struct loop_source *source;
};

/* ---- In the child ---- */

static void ignore_recovery(enum journal_news news, const char *sentence)
{
	(void)news;
	(void)sentence;
}

/* Gives each kind of device that has a verdict a row in the policy, even if it needs nothing. */
static void report_result(const struct inventory *inventory, struct proof_result *result,
			  struct prover_report *report)
{
	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];
		const struct device *device =
			inventory_device(&inventory->space[target->space], target->device, 0);

		if (inventory->space[target->space].own)
			continue;
		report->targets++;
		report->kept += target->kept != 0;
		if (*target->reason && !*report->text)
			snprintf(report->text, sizeof(report->text), "%.60s: %.170s",
				 inventory->space[target->space].name, target->reason);
		if (target->after == VERDICT_UNKNOWN || target->after == VERDICT_BLOCKED)
			continue;
		report->found++;
		if (device)
			policy_add(&result->policy, POLICY_KIND, device->kind, 0);
	}
	report->verdict = result->verdict;
	report->seconds = result->seconds;
}

static int prove_and_write(const char *path, struct prover_report *report)
{
	struct proof_settings settings = { .gate.say = ignore_recovery };
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
	if (report->found) {
		rc = policy_write(path, &result.policy);
		report->written = !rc;
	}
	proof_result_release(&result);
	return rc;
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

static int on_report(void *owner, uint32_t events)
{
	struct prover *prover = owner;
	ssize_t len = read(prover->fd, (char *)&prover->report + prover->have,
			   sizeof(prover->report) - prover->have);
	int status = 0;

	(void)events;
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	prover->have += len > 0 ? (size_t)len : 0;
	if (len > 0 && prover->have < sizeof(prover->report))
		return 0;
	/* The child has closed the pipe: it exits now, or has exited. */
	waitpid(prover->pid, &status, 0);
	prover->pid = 0;
	if (prover->have < sizeof(prover->report)) {
		prover->report = (struct prover_report){ .rc = -ECHILD };
		snprintf(prover->report.text, sizeof(prover->report.text),
			 "the proof's process ended early (%s %d)",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	loop_remove(&prover->source);
	prover->done(prover->owner, &prover->report);
	return 0;
}

int prover_start(struct loop *loop, const char *path, prover_done_fn done, void *owner,
		 struct prover **ret_prover)
{
	struct prover *prover = calloc(1, sizeof(*prover));
	pid_t parent = getpid();
	int ends[2], rc;

	if (!prover)
		return fail(-ENOMEM, "out of memory");
	prover->fd = -1;
	prover->done = done;
	prover->owner = owner;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(prover);
		return fail_errno(-errno, "cannot make a pipe");
	}
	prover->fd = ends[0];
	fflush(NULL);
	prover->pid = fork();
	if (!prover->pid)
		run_child(path, ends[1], parent);
	rc = prover->pid < 0 ? fail_errno(-errno, "cannot start a process") : 0;
	close(ends[1]);
	rc = rc ? rc : loop_add_fd(loop, prover->fd, EPOLLIN, on_report, prover, &prover->source);
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
	loop_remove(&prover->source);
	if (prover->pid > 0) {
		kill(prover->pid, SIGKILL);
		waitpid(prover->pid, NULL, 0);
	}
	cleanup_close(&prover->fd);
	free(prover);
}
