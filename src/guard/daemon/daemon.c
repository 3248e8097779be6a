// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The daemon: see daemon.h. It decides from the policy what is wanted on a device. The keeper
 * (keeper.h) puts that on. The prover (prover.h) finds out what helps here, in a process of its
 * own.
 *
 * While nothing is proven for this kernel, new containers get every mitigation that their device
 * can have. Containers that were there before stay as they are, because the proof needs them; if it
 * fails, they get everything, too. The daemon proves at its start. If there was no container to
 * prove on, it proves again soon after one appears.
 */
#include "guard/daemon/daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
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
#include "guard/catalog.h"
#include "guard/daemon/keeper.h"
#include "guard/daemon/links.h"
#include "guard/daemon/prover.h"
#include "guard/daemon/service.h"
#include "guard/policy.h"
#include "net/journal.h"

#define SECOND_NS UINT64_C(1000000000)
#define LIST_EVERY_NS (60 * SECOND_NS)
#define STATUS_EVERY_NS (5 * SECOND_NS)
/* From a new container to a proof: its network is still being set up. */
#define PROVE_SOON_NS (2 * SECOND_NS)

struct guard_daemon {
	const struct daemon_settings *settings;
	struct loop *loop;
	struct keeper *keeper;
	struct prover *prover;
	struct event_log log;
	struct policy policy;
	bool has_policy; /* for this kernel */
	bool has_failed; /* the last proof did: nothing is known, so everything is protected */
	char last_proof[160]; /* in words; empty: none yet */
	/* From a new container to the next proof, while nothing is proven. */
	uint64_t prove_wait_ns;
	int user_fd; /* SIGUSR1 */
	struct service_lock lock;
	struct service_watch watch;
	struct loop_source *on_user, *list, *status, *watchdog, *schedule, *soon, *caller;
};

/* Logs an event that is not about a device. */
__attribute__((format(printf, 4, 5))) static void log_daemon(struct guard_daemon *daemon,
							     enum guard_event_kind kind, int level,
							     const char *format, ...)
{
	const struct guard_event event = { .kind = kind, .level = level };
	char text[480];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_event(&daemon->log, &event, "%s", text);
}

/* ---- What is wanted ---- */

static uint32_t wanted(void *owner, const struct kept_device *device, bool is_host)
{
	const struct guard_daemon *daemon = owner;

	if (is_host && (daemon->settings->ordered || !daemon->has_policy))
		return device->has;
	if (is_host && !device->index)
		return daemon->policy.host;
	if (is_host)
		return policy_get(&daemon->policy, POLICY_DEVICE, device->name);
	if (daemon->settings->ordered)
		return daemon->settings->ordered;
	if (daemon->has_policy)
		return policy_get(&daemon->policy, POLICY_KIND, device->kind);
	return device->appeared || daemon->has_failed ? catalog_at(AT_END) : device->has;
}

/* Whether to watch the device. On the host every device counts, as a later policy may name it. */
static bool concerns(void *owner, const struct links_device *device, bool is_host)
{
	(void)owner;
	return !device->loopback && (is_host ? *device->name != '\0' : policy_is_end(device->kind));
}

/* ---- The policy ---- */

static int read_policy(struct guard_daemon *daemon)
{
	int rc = policy_read(daemon->settings->policy, POLICY_THIS_KERNEL, &daemon->policy);

	daemon->has_policy |= !rc;
	return rc;
}

/* Warns of kinds for which nothing helps. */
static void log_policy(struct guard_daemon *daemon)
{
	const struct policy *policy = &daemon->policy;
	char words[480] = "", row[300];
	size_t len = 0;

	for (size_t i = 0; i < policy->kind_count && len < sizeof(words); i++) {
		policy_words(&policy->kind[i], row, sizeof(row));
		len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", len ? ", " : "",
					row);
	}
	log_daemon(daemon, GUARD_STATE, policy_is_hopeless(policy) ? LOG_WARNING : LOG_INFO,
		   "policy: containers get %s",
		   *words ? words : "all that may help, as nothing is proven of them");
}

static void begin_policy(struct guard_daemon *daemon)
{
	struct guard_event event = { .kind = GUARD_STATE,
				     .level = LOG_WARNING,
				     .mitigations = catalog_at(AT_END) };
	char words[96];

	if (daemon->settings->ordered)
		return;
	if (!read_policy(daemon)) {
		log_policy(daemon);
		return;
	}
	catalog_words(event.mitigations, " and ", "", words, sizeof(words));
	log_event(&daemon->log, &event, "%s; until a proof, new containers get %s", fail_text(),
		  words);
}

static void reload(struct guard_daemon *daemon)
{
	service_notify("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(clock_ns() / 1000));
	if (!daemon->settings->ordered && read_policy(daemon))
		log_daemon(daemon, GUARD_TROUBLE, LOG_ERR,
			   "cannot read the policy again, so nothing changes: %s", fail_text());
	else if (!daemon->settings->ordered)
		log_policy(daemon);
	keeper_check(daemon->keeper, false);
	service_notify("READY=1");
}

/* ---- Status ---- */

static int update_status(void *owner)
{
	struct guard_daemon *daemon = owner;
	struct keeper_tally tally;

	keeper_count(daemon->keeper, &tally);
	service_notify("STATUS=%zu of %zu container devices protected, in %zu namespaces; %s",
		       tally.protected, tally.devices, tally.netns,
		       daemon->settings->ordered ? "as ordered, without proof"
		       : *daemon->last_proof	 ? daemon->last_proof
		       : daemon->has_policy	 ? "not proven since the start"
						 : "not proven yet");
	return 0;
}

/* ---- Proofs ---- */

static void log_report(struct guard_daemon *daemon, const struct prover_report *report)
{
	if (report->rc) {
		snprintf(daemon->last_proof, sizeof(daemon->last_proof), "the last proof failed");
		log_daemon(daemon, GUARD_PROOF, LOG_ERR, "the proof failed: %s", report->text);
		return;
	}
	if (!report->found) {
		snprintf(daemon->last_proof, sizeof(daemon->last_proof), "nothing to prove on");
		log_daemon(daemon, GUARD_PROOF, LOG_NOTICE,
			   "nothing was proven: none of %zu containers could be probed%s%s",
			   report->targets, *report->text ? "; " : "", report->text);
		return;
	}
	snprintf(daemon->last_proof, sizeof(daemon->last_proof),
		 "last proof: %s, %zu of %zu containers probed", verdict_names[report->verdict],
		 report->found, report->targets);
	log_daemon(
		daemon, GUARD_PROOF, report->verdict == VERDICT_VERIFIED ? LOG_INFO : LOG_WARNING,
		"proven in %.1f s: %s; %zu of %zu containers probed, %zu of them with a mitigation%s%s",
		report->seconds, verdict_names[report->verdict], report->found, report->targets,
		report->kept, *report->text ? "; " : "", report->text);
}

static void on_proven(void *owner, const struct prover_report *report)
{
	struct guard_daemon *daemon = owner;

	log_report(daemon, report);
	daemon->has_failed = report->rc != 0;
	if (report->written && read_policy(daemon))
		log_daemon(daemon, GUARD_TROUBLE, LOG_ERR, "%s", fail_text());
	else if (report->written)
		log_policy(daemon);
	prover_free(TAKE_PTR(daemon->prover));
	keeper_set_proof(daemon->keeper, false);
	update_status(daemon);
}

static int prove(struct guard_daemon *daemon)
{
	const struct prover_settings settings = { .policy = daemon->settings->policy,
						  .limit_ns = daemon->settings->prove_limit_ns,
						  .done = on_proven,
						  .owner = daemon };
	int rc;

	if (daemon->prover || daemon->settings->ordered)
		return 0;
	log_daemon(daemon, GUARD_PROOF, LOG_INFO, "proving what helps here");
	rc = prover_start(daemon->loop, &settings, &daemon->prover);
	if (!rc)
		keeper_set_proof(daemon->keeper, true);
	else
		log_daemon(daemon, GUARD_TROUBLE, LOG_ERR, "%s", fail_text());
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

/*
 * If nothing is proven yet, a new container may make a proof possible: try, each time after a
 * longer wait.
 */
static void on_appeared(void *owner)
{
	struct guard_daemon *daemon = owner;

	if (daemon->has_policy || daemon->settings->ordered || daemon->soon)
		return;
	if (!loop_add_timer(daemon->loop, daemon->prove_wait_ns, 0, on_soon, daemon, &daemon->soon))
		daemon->prove_wait_ns *= 2;
}

/* ---- Signals ---- */

static int on_daemon_signal(void *owner, int signo)
{
	struct guard_daemon *daemon = owner;

	if (signo == SIGHUP) {
		reload(daemon);
		return 0;
	}
	service_notify("STOPPING=1");
	log_daemon(daemon, GUARD_STATE, LOG_NOTICE,
		   "ending; the protection stays on (`truesum guard revert` takes it off)");
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
	int rc = loop_add_signals(daemon->loop, on_daemon_signal, daemon);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	daemon->user_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (!rc && (daemon->user_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0))
		rc = fail_errno(-errno, "signalfd");
	return rc ? rc
		  : loop_add_fd(daemon->loop, daemon->user_fd, EPOLLIN, on_user, daemon,
				&daemon->on_user);
}

/* ---- Life ---- */

static int on_list(void *owner)
{
	struct guard_daemon *daemon = owner;
	int rc = keeper_check(daemon->keeper, true);

	if (rc)
		log_daemon(daemon, GUARD_TROUBLE, LOG_ERR, "%s", fail_text());
	return 0;
}

static int add_timers(struct guard_daemon *daemon)
{
	uint64_t every = daemon->settings->prove_every_ns;
	int rc = loop_add_timer(daemon->loop, LIST_EVERY_NS, LIST_EVERY_NS, on_list, daemon,
				&daemon->list);

	rc = rc ? rc
		: loop_add_timer(daemon->loop, STATUS_EVERY_NS, STATUS_EVERY_NS, update_status,
				 daemon, &daemon->status);
	if (!rc && every && !daemon->settings->ordered)
		rc = loop_add_timer(daemon->loop, every, every, on_schedule, daemon,
				    &daemon->schedule);
	return rc;
}

static int open_all(struct guard_daemon *daemon)
{
	const struct keeper_settings settings = { .wanted = wanted,
						  .concerns = concerns,
						  .appeared = on_appeared,
						  .owner = daemon,
						  .log = &daemon->log,
						  .buffer = daemon->settings->buffer };
	int rc = loop_new(&daemon->loop);

	daemon->log = (struct event_log){ .loop = daemon->loop,
					  .write = daemon->settings->log,
					  .owner = daemon->settings->owner };
	rc = rc ? rc : add_signals(daemon);
	return rc ? rc : keeper_new(daemon->loop, &settings, &daemon->keeper);
}

static bool is_well(void *owner)
{
	const struct guard_daemon *daemon = owner;

	return !prover_is_stuck(daemon->prover);
}

static int begin_work(struct guard_daemon *daemon)
{
	struct keeper_tally tally;
	int rc;

	daemon->watch = (struct service_watch){ is_well, daemon };
	rc = service_start(daemon->loop, &daemon->watch, &daemon->watchdog);
	rc = rc ? rc : service_answer(daemon->loop, &daemon->lock, &daemon->caller);

	if (rc)
		return rc;
	begin_policy(daemon);
	rc = keeper_begin(daemon->keeper);
	rc = rc ? rc : add_timers(daemon);
	if (rc)
		return rc;
	keeper_count(daemon->keeper, &tally);
	log_daemon(daemon, GUARD_STATE, LOG_INFO,
		   "ready: %zu container devices in %zu namespaces, %zu protected", tally.devices,
		   tally.netns, tally.protected);
	service_notify("READY=1");
	update_status(daemon);
	if (daemon->lock.socket < 0)
		log_daemon(
			daemon, GUARD_TROUBLE, LOG_WARNING,
			"a user other than root has taken the socket name @truesum.guard: now only "
			"the lock in /run/truesum keeps a second daemon from starting");
	return daemon->has_policy && !daemon->policy.is_old ? 0 : prove(daemon);
}

static void close_all(struct guard_daemon *daemon)
{
	prover_free(daemon->prover);
	loop_remove(&daemon->list);
	loop_remove(&daemon->status);
	loop_remove(&daemon->watchdog);
	loop_remove(&daemon->schedule);
	loop_remove(&daemon->soon);
	loop_remove(&daemon->on_user);
	loop_remove(&daemon->caller);
	cleanup_close(&daemon->user_fd);
	keeper_free(daemon->keeper);
	log_end(&daemon->log);
	loop_free(daemon->loop);
}

int daemon_run(const struct daemon_settings *settings)
{
	struct guard_daemon daemon = { .settings = settings,
				       .user_fd = -1,
				       .prove_wait_ns = PROVE_SOON_NS };
	int rc = service_lock(&daemon.lock);

	if (rc)
		return rc;
	/* Whatever other processes do, new containers must not wait for them. */
	journal_set_waiting(false);
	rc = open_all(&daemon);
	rc = rc ? rc : begin_work(&daemon);
	rc = rc ? rc : loop_run(daemon.loop);
	close_all(&daemon);
	journal_set_waiting(true);
	service_unlock(&daemon.lock);
	return rc;
}
