// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Choosing mitigations: see choose.h.
 *
 * All targets are probed, what delivers damage gets what helps (candidate.c), and the last probe, of all targets,
 * is the verdict.
 *
 * A probe on a busy host may come to no result by chance, so a target it says nothing of is asked twice.
 */
#include "guard/proof_part.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/records.h"
#include "probe/reach.h"
#include "probe/run.h"

/* ---- Places ---- */

static const struct device *find_device(const struct space *space, const char *name)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (!strcmp(space->device[i].name, name))
			return &space->device[i];
	return NULL;
}

static size_t find_ends(const struct inventory *inventory, size_t space,
			const struct device *ret_end[ENDS_MAX])
{
	static const int families[ENDS_MAX] = { AF_INET, AF_INET6 };
	size_t count = 0;

	for (size_t i = 0; !inventory->space[space].own && i < ENDS_MAX; i++) {
		const struct device *device = reach_device(inventory, space, families[i]);

		if (device && !(device->flags & IFF_LOOPBACK) && (!count || ret_end[0] != device))
			ret_end[count++] = device;
	}
	return count;
}

static void set_ends(struct choice *choice, struct chosen *chosen)
{
	const struct device *ends[ENDS_MAX];

	chosen->end_count = find_ends(choice->inventory, chosen->told->space, ends);
	for (size_t i = 0; i < chosen->end_count; i++) {
		chosen->end[i] = spot_of(&choice->inventory->space[chosen->told->space], ends[i]);
		snprintf(i ? chosen->told->device_v6 : chosen->told->device, IFNAMSIZ, "%s",
			 ends[i]->name);
	}
}

static const struct space *own_space(const struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		if (inventory->space[i].own)
			return &inventory->space[i];
	return NULL;
}

static int add_host_device(struct choice *choice, const char *name, enum where where)
{
	const struct space *own = own_space(choice->inventory);
	const struct device *device = own ? find_device(own, name) : NULL;

	if (!device)
		return fail(-ENODEV, "no device %.15s on this host", name);
	choice->host[choice->host_count++] = (struct host_spot){ spot_of(own, device), where };
	return 0;
}

static int set_host_spots(struct choice *choice)
{
	const struct guard_settings *settings = choice->settings;
	const struct space *own = own_space(choice->inventory);
	int rc = 0;

	if (!own)
		return fail(-ENOENT, "this network namespace is not in the inventory");
	choice->host[choice->host_count++] = (struct host_spot){ spot_of(own, NULL), AT_HOST };
	if (settings->gate.via)
		rc = add_host_device(choice, settings->gate.via, AT_BOUNDARY);
	for (size_t i = 0; !rc && i < settings->tunnel_count; i++)
		rc = add_host_device(choice, settings->tunnels[i], AT_TUNNELS);
	return rc;
}

/* ---- Probing ---- */

static void take_result(struct choice *choice, struct chosen *chosen,
			const struct probe_target *target)
{
	const struct plight plight = {
		.is_host = chosen->is_host,
		.has_via = choice->settings->gate.via,
		.device = chosen->told->device,
		.tried = chosen->told->tried,
	};

	chosen->grievance = grievance_of(target);
	chosen->told->isolated = target->isolated;
	chosen->told->after = target->verdict;
	explain(target, &plight, chosen->told->reason, sizeof(chosen->told->reason));
}

/* Probes those that are asked, and only who had no verdict stays asked. */
static int probe_once(struct choice *choice)
{
	const struct probe_settings settings = { .gate = choice->settings->gate };
	struct probe probe = { 0 };
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < choice->count; i++)
		if (choice->target[i].is_asked) {
			choice->spaces[count] = choice->target[i].told->space;
			choice->numbers[count++] = i;
		}
	if (!count)
		return 0;
	choice->result->probes++;
	rc = probe_run(&settings, choice->inventory, choice->spaces, count, &probe);
	for (size_t i = 0; !rc && i < count; i++) {
		struct chosen *chosen = &choice->target[choice->numbers[i]];

		take_result(choice, chosen, &probe.target[i]);
		chosen->is_asked =
			probe.target[i].verdict == VERDICT_UNKNOWN && !*probe.target[i].vanished;
	}
	if (!rc)
		probe_release(&probe);
	return rc;
}

int choice_probe(struct choice *choice, const char *trying)
{
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < choice->count; i++)
		count += choice->target[i].is_asked;
	if (count && choice->settings->progress)
		choice->settings->progress(choice->settings->owner, trying, count);
	rc = probe_once(choice);
	rc = rc ? rc : probe_once(choice);
	for (size_t i = 0; i < choice->count; i++)
		choice->target[i].is_asked = false;
	return rc;
}

int choice_probe_all(struct choice *choice, const char *trying)
{
	for (size_t i = 0; i < choice->count; i++)
		choice->target[i].is_asked = true;
	return choice_probe(choice, trying);
}

/* ---- The whole ---- */

/* Signals wait for the next probe, which they end, so that what was put on is taken back. */
static void hold_signals(sigset_t *former)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ending, former);
}

static void let_signals(const sigset_t *former)
{
	sigprocmask(SIG_SETMASK, former, NULL);
}

static int set_targets(struct choice *choice, const size_t *spaces, size_t count)
{
	choice->result->target = calloc(count + 1, sizeof(*choice->result->target));
	choice->target = calloc(count + 1, sizeof(*choice->target));
	choice->spaces = calloc(count + 1, sizeof(*choice->spaces));
	choice->numbers = calloc(count + 1, sizeof(*choice->numbers));
	if (!choice->result->target || !choice->target || !choice->spaces || !choice->numbers)
		return fail(-ENOMEM, "out of memory");
	choice->count = choice->result->target_count = count;
	for (size_t i = 0; i < count; i++) {
		struct chosen *chosen = &choice->target[i];

		chosen->told = &choice->result->target[i];
		chosen->told->space = spaces[i];
		chosen->is_host = choice->inventory->space[spaces[i]].own;
		set_ends(choice, chosen);
	}
	return 0;
}

static int choose(struct choice *choice)
{
	int rc = choice_probe_all(choice, NULL);

	for (size_t i = 0; !rc && i < choice->count; i++) {
		choice->target[i].told->before = choice->target[i].told->after;
		choice->target[i].was_bad = choice->target[i].grievance.delivering;
	}
	if (rc)
		return rc;
	if (choice->settings->ordered)
		candidates_order(choice);
	else
		rc = candidates_try(choice);
	return rc || !choice->has_changed ? rc : choice_probe_all(choice, "what is on now");
}

static void judge(struct choice *choice)
{
	enum verdict worst = VERDICTS;

	for (size_t i = 0; i < choice->count; i++)
		if (!choice->target[i].told->isolated)
			worst = verdict_worse(worst, choice->target[i].told->after);
	choice->result->verdict = worst == VERDICTS ? VERDICT_BLOCKED : worst;
}

/* What is on the targets, by this run or an earlier one. */
static int look_at_kept(struct choice *choice)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < choice->count; i++) {
		struct chosen *chosen = &choice->target[i];

		for (size_t k = 0; !rc && k < chosen->end_count; k++) {
			rc = spot_look(&chosen->end[k]);
			chosen->told->kept |= chosen->end[k].earlier | chosen->end[k].now;
		}
		/* One that vanished has nothing. */
		rc = *chosen->told->reason ? 0 : rc;
	}
	return rc;
}

static bool was_seen(const struct choice *choice, const char *kind)
{
	for (size_t i = 0; i < choice->count; i++)
		for (size_t k = 0; k < choice->target[i].end_count; k++)
			if (!strcmp(choice->target[i].end[k].kind, kind) ||
			    (!*choice->target[i].end[k].kind && !strcmp(kind, "hardware")))
				return true;
	return false;
}

/* What an earlier policy says of what this run did not look at. */
static int add_earlier(struct choice *choice)
{
	const struct policy *earlier = choice->settings->policy;
	struct policy *policy = &choice->result->policy;
	bool partial = choice->count < choice->inventory->space_count;
	int rc = 0;

	if (!earlier)
		return 0;
	policy->host |= partial ? earlier->host : 0;
	for (size_t i = 0; !rc && i < earlier->kind_count; i++)
		if (partial || !was_seen(choice, earlier->kind[i].kind))
			rc = policy_add_kind(policy, earlier->kind[i].kind,
					     earlier->kind[i].mitigations);
	for (size_t i = 0; !rc && i < earlier->device_count; i++) {
		const char *via = choice->settings->gate.via;

		if (!via || strcmp(earlier->device[i].device, via) != 0)
			rc = policy_add_device(policy, earlier->device[i].device,
					       earlier->device[i].mitigations);
	}
	return rc;
}

static int make_policy(struct choice *choice)
{
	struct policy *policy = &choice->result->policy;
	struct utsname name;
	int rc = kept_policy(choice->inventory, policy);

	rc = rc ? rc : add_earlier(choice);
	if (!uname(&name))
		snprintf(policy->kernel, sizeof(policy->kernel), "%.64s", name.release);
	policy->proven = choice->settings->ordered ? 0 : time(NULL);
	policy->verdict = choice->result->verdict;
	return rc;
}

/* Everything this run has put on. */
static void undo(struct choice *choice)
{
	char why[400];

	snprintf(why, sizeof(why), "%s", fail_text());
	for (size_t i = 0; i < choice->host_count; i++)
		spot_set(&choice->host[i].spot, choice->mitigator, 0);
	for (size_t i = 0; i < choice->count; i++)
		for (size_t k = 0; k < choice->target[i].end_count; k++)
			spot_set(&choice->target[i].end[k], choice->mitigator, 0);
	fail(0, "%s", why);
}

static int run_choice(struct choice *choice, const size_t *spaces, size_t count)
{
	sigset_t pending;
	int rc = mitigator_new(&choice->mitigator);

	rc = rc ? rc : set_targets(choice, spaces, count);
	rc = rc ? rc : set_host_spots(choice);
	rc = rc ? rc : choose(choice);
	if (!rc)
		judge(choice);
	rc = rc ? rc : look_at_kept(choice);
	rc = rc ? rc : make_policy(choice);
	if (!rc && !sigpending(&pending) &&
	    (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	     sigismember(&pending, SIGHUP) || sigismember(&pending, SIGQUIT)))
		rc = fail(-EINTR, "interrupted");
	if (rc)
		undo(choice);
	return rc;
}

int guard_apply(const struct guard_settings *settings, struct inventory *inventory,
		const size_t *spaces, size_t count, struct guard_result *ret_result)
{
	struct guard_result result = { 0 };
	struct choice choice = { .settings = settings, .inventory = inventory, .result = &result };
	_cleanup_close_ int lock = -1;
	uint64_t start = clock_ns();
	sigset_t former;
	int rc = journal_kept_lock(&lock);

	if (rc)
		return rc;
	hold_signals(&former);
	rc = run_choice(&choice, spaces, count);
	mitigator_free(choice.mitigator);
	free(choice.target);
	free(choice.spaces);
	free(choice.numbers);
	result.seconds = (double)(clock_ns() - start) / 1e9;
	if (rc)
		guard_result_release(&result);
	else
		*ret_result = result;
	let_signals(&former);
	return rc;
}

void guard_result_release(struct guard_result *result)
{
	free(result->target);
	*result = (struct guard_result){ 0 };
}

void guard_plan(const struct guard_settings *settings, const struct inventory *inventory,
		size_t space, struct guard_plan *ret_plan)
{
	const struct device *ends[ENDS_MAX];
	size_t count = find_ends(inventory, space, ends);

	*ret_plan = (struct guard_plan){ 0 };
	if (count)
		snprintf(ret_plan->device, IFNAMSIZ, "%s", ends[0]->name);
	if (count > 1)
		snprintf(ret_plan->device_v6, IFNAMSIZ, "%s", ends[1]->name);
	ret_plan->mitigations = count ? candidates_at_end() : 0;
	if (settings->ordered)
		ret_plan->mitigations &= settings->ordered;
}
