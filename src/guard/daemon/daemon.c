// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon: see daemon.h. What is wanted on a device is decided here, from the policy; that it is there is
 * the keeper's task (guard/keeper.h), and what helps the proof's (guard/proof.h), in a process of its own.
 *
 * As long as nothing is proven for this kernel, containers that come get everything that can be put on a
 * device; those that were there stay as they are, for the proof is made on them. It is made at the start, and
 * soon after containers came where there was none to prove it on.
 */
#include "guard/daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/daemon/keeper.h"
#include "guard/daemon/lock.h"
#include "guard/mitigate.h"
#include "guard/daemon/notify.h"
#include "guard/policy.h"
#include "guard/daemon/prover.h"
#include "guard/daemon/sandbox.h"
#include "guard/daemon/log.h"

#define SECOND_NS UINT64_C(1000000000)
#define LOOK_EVERY_NS (60 * SECOND_NS)
#define STATUS_EVERY_NS (5 * SECOND_NS)
#define PROVE_SOON_NS (2 * SECOND_NS) /* after the first container came: it is being set up still */

struct guard_daemon {
	const struct daemon_settings *settings;
	struct loop *loop;
	struct keeper *keeper;
	struct proof *proof;
	struct teller teller;
	struct policy policy;
	bool has_policy; /* for this kernel */
	char last_proof[160]; /* in words; empty: none yet */
	uint64_t prove_wait_ns; /* before the next proof where nothing is proven */
	int user_fd; /* SIGUSR1 */
	struct loop_source *on_user, *look, *status, *watchdog, *schedule, *soon;
};

/* ---- What is wanted ---- */

static uint32_t wanted(void *owner, const struct kept_device *device, bool is_host)
{
	const struct guard_daemon *daemon = owner;

	if (is_host && (daemon->settings->ordered || !daemon->has_policy))
		return device->has;
	if (is_host && !device->index)
		return daemon->policy.host;
	if (is_host)
		return policy_of_device(&daemon->policy, device->name);
	if (daemon->settings->ordered)
		return daemon->settings->ordered;
	if (daemon->has_policy)
		return policy_of_kind(&daemon->policy, device->kind);
	return device->came ? GUARD_UNPROVEN : device->has;
}

/* Of this namespace any device may be named by a policy that is yet to come. */
static bool concerns(void *owner, const struct watch_link *link, bool is_host)
{
	(void)owner;
	return !link->loopback && (is_host ? *link->name != '\0' : policy_is_end(link->kind));
}

/* ---- The policy ---- */

static int read_policy(struct guard_daemon *daemon)
{
	int rc = policy_current(daemon->settings->policy, &daemon->policy);

	daemon->has_policy |= !rc;
	return rc;
}

static void say_policy(struct guard_daemon *daemon)
{
	char words[300] = "", mitigations[96];
	size_t len = 0;

	for (size_t i = 0; i < daemon->policy.kind_count && len < sizeof(words); i++) {
		guard_mitigation_words(daemon->policy.kind[i].mitigations, " and ", mitigations,
				       sizeof(mitigations));
		if (*mitigations)
			len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s on %s",
						len ? ", " : "", mitigations,
						daemon->policy.kind[i].kind);
	}
	tell(&daemon->teller, NEWS_STATE, LOG_INFO, NULL, NULL, 0, 0, "policy: containers get %s",
	     *words ? words : "nothing, as they need nothing");
}

static int begin_policy(struct guard_daemon *daemon)
{
	int rc = daemon->settings->ordered ? 0 : read_policy(daemon);

	if (!rc && !daemon->settings->ordered)
		say_policy(daemon);
	else if (rc)
		tell(&daemon->teller, NEWS_STATE, LOG_WARNING, NULL, NULL, GUARD_UNPROVEN, 0,
		     "%s; until a proof, new containers get rx-off and reset", fail_text());
	return 0;
}

static void reload(struct guard_daemon *daemon)
{
	notify("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_ns() / 1000));
	if (!daemon->settings->ordered && read_policy(daemon))
		tell(&daemon->teller, NEWS_TROUBLE, LOG_ERR, NULL, NULL, 0, 0,
		     "cannot read the policy anew, so all stays as it is: %s", fail_text());
	else if (!daemon->settings->ordered)
		say_policy(daemon);
	keeper_see_to_all(daemon->keeper);
	notify("READY=1");
}

/* ---- Status ---- */

static int on_status(void *owner)
{
	struct guard_daemon *daemon = owner;
	struct keeper_tally tally;

	keeper_count(daemon->keeper, &tally);
	notify("STATUS=%zu of %zu container devices protected, in %zu namespaces; %s",
	       tally.protected, tally.devices, tally.spaces,
	       daemon->settings->ordered ? "as ordered, without proof"
	       : *daemon->last_proof	 ? daemon->last_proof
	       : daemon->has_policy	 ? "not proven since the start"
					 : "not proven yet");
	return 0;
}

static int on_watchdog(void *owner)
{
	(void)owner;
	notify("WATCHDOG=1");
	return 0;
}

/* ---- Proofs ---- */

static int on_schedule(void *owner);

static void take_result(struct guard_daemon *daemon, const struct proof_report *report)
{
	if (report->rc) {
		snprintf(daemon->last_proof, sizeof(daemon->last_proof), "the last proof failed");
		tell(&daemon->teller, NEWS_PROOF, LOG_ERR, NULL, NULL, 0, 0,
		     "nothing could be proven: %s", report->text);
		return;
	}
	if (!report->found) {
		snprintf(daemon->last_proof, sizeof(daemon->last_proof), "nothing to prove on");
		tell(&daemon->teller, NEWS_PROOF, LOG_NOTICE, NULL, NULL, 0, 0,
		     "nothing was proven: of %zu containers none could be probed%s%s",
		     report->targets, *report->text ? "; " : "", report->text);
		return;
	}
	snprintf(daemon->last_proof, sizeof(daemon->last_proof),
		 "last proof: %s, %zu of %zu containers probed", verdict_names[report->verdict],
		 report->found, report->targets);
	tell(&daemon->teller, NEWS_PROOF,
	     report->verdict == VERDICT_VERIFIED ? LOG_INFO : LOG_WARNING, NULL, NULL, 0, 0,
	     "proven in %.1f s: %s; %zu of %zu containers probed, %zu of them with a mitigation%s%s",
	     report->seconds, verdict_names[report->verdict], report->found, report->targets,
	     report->kept, *report->text ? "; " : "", report->text);
}

static void on_proven(void *owner, const struct proof_report *report)
{
	struct guard_daemon *daemon = owner;

	take_result(daemon, report);
	if (report->written && read_policy(daemon))
		tell(&daemon->teller, NEWS_TROUBLE, LOG_ERR, NULL, NULL, 0, 0, "%s", fail_text());
	else if (report->written)
		say_policy(daemon);
	proof_free(TAKE_PTR(daemon->proof));
	keeper_resume(daemon->keeper);
	on_status(daemon);
}

static int prove(struct guard_daemon *daemon)
{
	int rc;

	if (daemon->proof || daemon->settings->ordered)
		return 0;
	tell(&daemon->teller, NEWS_PROOF, LOG_INFO, NULL, NULL, 0, 0, "proving what helps here");
	rc = proof_start(daemon->loop, daemon->settings->policy, on_proven, daemon, &daemon->proof);
	if (!rc)
		keeper_pause(daemon->keeper);
	else
		tell(&daemon->teller, NEWS_TROUBLE, LOG_ERR, NULL, NULL, 0, 0, "%s", fail_text());
	return 0;
}

static int on_schedule(void *owner)
{
	return prove(owner);
}

static int on_soon(void *owner)
{
	struct guard_daemon *daemon = owner;

	loop_remove(&daemon->soon);
	return daemon->has_policy ? 0 : prove(daemon);
}

/* Where nothing is proven yet, a container that came may be one to prove it on; ever more seldom. */
static void came(void *owner)
{
	struct guard_daemon *daemon = owner;

	if (daemon->has_policy || daemon->settings->ordered || daemon->soon)
		return;
	if (!loop_add_timer(daemon->loop, daemon->prove_wait_ns, 0, on_soon, daemon, &daemon->soon))
		daemon->prove_wait_ns *= 2;
}

/* ---- Signals ---- */

static int on_signal(void *owner, int signo)
{
	struct guard_daemon *daemon = owner;

	if (signo == SIGHUP) {
		reload(daemon);
		return 0;
	}
	notify("STOPPING=1");
	tell(&daemon->teller, NEWS_STATE, LOG_NOTICE, NULL, NULL, 0, 0,
	     "ending; what is protected stays so (`truesum guard revert` takes it off)");
	loop_quit(daemon->loop, 0);
	return 0;
}

static int on_user(void *owner, uint32_t events)
{
	struct guard_daemon *daemon = owner;
	struct signalfd_siginfo info;

	(void)events;
	return read(daemon->user_fd, &info, sizeof(info)) == sizeof(info) ? prove(daemon) : 0;
}

static int add_signals(struct guard_daemon *daemon)
{
	sigset_t set;
	int rc = loop_add_signals(daemon->loop, on_signal, daemon);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	daemon->user_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (!rc && (daemon->user_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0))
		rc = fail_errno(-errno, "signalfd");
	return rc ? rc
		  : loop_add_fd(daemon->loop, daemon->user_fd, EPOLLIN, on_user, daemon,
				&daemon->on_user);
}

/* ---- Beginning and end ---- */

/* Held as long as the daemon lives; it says who has it. */
static int on_look(void *owner)
{
	struct guard_daemon *daemon = owner;
	int rc = keeper_look(daemon->keeper);

	if (rc)
		tell(&daemon->teller, NEWS_TROUBLE, LOG_ERR, NULL, NULL, 0, 0, "%s", fail_text());
	return 0;
}

static int add_timers(struct guard_daemon *daemon)
{
	uint64_t watchdog = notify_watchdog_ns(), every = daemon->settings->prove_every_ns;
	int rc = loop_add_timer(daemon->loop, LOOK_EVERY_NS, LOOK_EVERY_NS, on_look, daemon,
				&daemon->look);

	rc = rc ? rc
		: loop_add_timer(daemon->loop, STATUS_EVERY_NS, STATUS_EVERY_NS, on_status, daemon,
				 &daemon->status);
	if (!rc && watchdog)
		rc = loop_add_timer(daemon->loop, watchdog, watchdog, on_watchdog, daemon,
				    &daemon->watchdog);
	if (!rc && every && !daemon->settings->ordered)
		rc = loop_add_timer(daemon->loop, every, every, on_schedule, daemon,
				    &daemon->schedule);
	return rc;
}

static int open_all(struct guard_daemon *daemon)
{
	const struct keeper_settings settings = { .wanted = wanted,
						  .concerns = concerns,
						  .came = came,
						  .owner = daemon,
						  .teller = &daemon->teller,
						  .buffer = daemon->settings->buffer };
	int rc = loop_new(&daemon->loop);

	daemon->teller = (struct teller){ .loop = daemon->loop,
					  .say = daemon->settings->say,
					  .owner = daemon->settings->owner };
	rc = rc ? rc : add_signals(daemon);
	return rc ? rc : keeper_new(daemon->loop, &settings, &daemon->keeper);
}

static int begin(struct guard_daemon *daemon)
{
	struct keeper_tally tally;
	int rc = sandbox_enter();

	rc = rc ? rc : begin_policy(daemon);
	rc = rc ? rc : keeper_begin(daemon->keeper);
	rc = rc ? rc : add_timers(daemon);
	if (rc)
		return rc;
	keeper_count(daemon->keeper, &tally);
	tell(&daemon->teller, NEWS_STATE, LOG_INFO, NULL, NULL, 0, 0,
	     "ready: %zu container devices in %zu namespaces, %zu protected", tally.devices,
	     tally.spaces, tally.protected);
	notify("READY=1");
	on_status(daemon);
	return daemon->has_policy ? 0 : prove(daemon);
}

static void close_all(struct guard_daemon *daemon)
{
	proof_free(daemon->proof);
	loop_remove(&daemon->look);
	loop_remove(&daemon->status);
	loop_remove(&daemon->watchdog);
	loop_remove(&daemon->schedule);
	loop_remove(&daemon->soon);
	loop_remove(&daemon->on_user);
	cleanup_close(&daemon->user_fd);
	keeper_free(daemon->keeper);
	tell_end(&daemon->teller);
	loop_free(daemon->loop);
}

int daemon_run(const struct daemon_settings *settings)
{
	_cleanup_close_ int lock = -1;
	struct guard_daemon daemon = { .settings = settings,
				       .user_fd = -1,
				       .prove_wait_ns = PROVE_SOON_NS };
	int rc = guard_lock(&lock);

	if (rc)
		return rc;
	rc = open_all(&daemon);
	rc = rc ? rc : begin(&daemon);
	rc = rc ? rc : loop_run(daemon.loop);
	close_all(&daemon);
	return rc;
}
