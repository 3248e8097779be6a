// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A proof in a child: see proof.h. The child keeps none of the daemon's descriptors, above all not its lock,
 * so that a daemon that was killed can be started anew at once.
 *
 * A policy is written only where at least one container was found out about: a host without containers has
 * proven nothing.
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
#include "guard/proof.h"

struct proof {
	pid_t pid;
	int fd; /* what the child reports */
	struct proof_report report;
	size_t have; /* bytes of it */
	proof_done_fn done;
	void *owner;
	struct loop_source *source;
};

/* ---- In the child ---- */

static void say_nothing(enum journal_news news, const char *sentence)
{
	(void)news;
	(void)sentence;
}

static const struct device *device_of(const struct inventory *inventory,
				      const struct guard_target *target)
{
	const struct space *space = &inventory->space[target->space];

	for (size_t i = 0; i < space->device_count; i++)
		if (!strcmp(space->device[i].name, target->device))
			return &space->device[i];
	return NULL;
}

/* A kind of device that was found out about has a row, though it may need nothing. */
static void judge(const struct inventory *inventory, struct guard_result *result,
		  struct proof_report *report)
{
	for (size_t i = 0; i < result->target_count; i++) {
		const struct guard_target *target = &result->target[i];
		const struct device *device = device_of(inventory, target);

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
			policy_add_kind(&result->policy, device->kind, 0);
	}
	report->verdict = result->verdict;
	report->seconds = result->seconds;
}

static int prove(const char *path, struct proof_report *report)
{
	struct guard_settings settings = { .gate.say = say_nothing };
	struct policy earlier;
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_free_ size_t *spaces = NULL;
	struct guard_result result = { 0 };
	int rc = inventory_take(NULL, &inventory);

	if (rc)
		return rc;
	if (!policy_current(path, &earlier))
		settings.policy = &earlier;
	spaces = calloc(inventory.space_count, sizeof(*spaces));
	if (!spaces)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < inventory.space_count; i++)
		spaces[i] = i;
	rc = guard_apply(&settings, &inventory, spaces, inventory.space_count, &result);
	if (rc)
		return rc;
	judge(&inventory, &result, report);
	if (report->found) {
		rc = policy_write(path, &result.policy);
		report->written = !rc;
	}
	guard_result_release(&result);
	return rc;
}

static _Noreturn void be_child(const char *path, int fd, pid_t parent)
{
	struct proof_report report = { 0 };
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
	report.rc = prove(path, &report);
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
	struct proof *proof = owner;
	ssize_t len = read(proof->fd, (char *)&proof->report + proof->have,
			   sizeof(proof->report) - proof->have);
	int status = 0;

	(void)events;
	if (len < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	proof->have += len > 0 ? (size_t)len : 0;
	if (len > 0 && proof->have < sizeof(proof->report))
		return 0;
	/* It has closed the pipe, and so ends, or has ended. */
	waitpid(proof->pid, &status, 0);
	proof->pid = 0;
	if (proof->have < sizeof(proof->report)) {
		proof->report = (struct proof_report){ .rc = -ECHILD };
		snprintf(proof->report.text, sizeof(proof->report.text),
			 "the proof's process ended early (%s %d)",
			 WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	}
	loop_remove(&proof->source);
	proof->done(proof->owner, &proof->report);
	return 0;
}

int proof_start(struct loop *loop, const char *path, proof_done_fn done, void *owner,
		struct proof **ret_proof)
{
	struct proof *proof = calloc(1, sizeof(*proof));
	pid_t parent = getpid();
	int ends[2], rc;

	if (!proof)
		return fail(-ENOMEM, "out of memory");
	proof->fd = -1;
	proof->done = done;
	proof->owner = owner;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(proof);
		return fail_errno(-errno, "cannot make a pipe");
	}
	proof->fd = ends[0];
	fflush(NULL);
	proof->pid = fork();
	if (!proof->pid)
		be_child(path, ends[1], parent);
	rc = proof->pid < 0 ? fail_errno(-errno, "cannot start a process") : 0;
	close(ends[1]);
	rc = rc ? rc : loop_add_fd(loop, proof->fd, EPOLLIN, on_report, proof, &proof->source);
	if (rc)
		proof_free(proof);
	else
		*ret_proof = proof;
	return rc;
}

void proof_free(struct proof *proof)
{
	if (!proof)
		return;
	loop_remove(&proof->source);
	if (proof->pid > 0) {
		kill(proof->pid, SIGKILL);
		waitpid(proof->pid, NULL, 0);
	}
	cleanup_close(&proof->fd);
	free(proof);
}
