// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds what helps: see proof.h.
 *
 * All targets are probed. Then each mitigation, the narrowest first (guard/catalog.h), is put on
 * every target that still delivers damage; these are probed again, and it is taken off at once from
 * those it did not help. What belongs on the host is put on once for all targets. A wider
 * mitigation may have made a narrower one useless: so at the end each but the widest is taken off
 * once more, and put back only if the targets get worse. The last probe, of all targets, gives the
 * verdicts.
 *
 * On a busy host a probe may come to no result by chance, so a target without a result is probed
 * twice.
 *
 * While all targets are probed, at the beginning and at the end, a witness (guard/witness.h) looks
 * whether somebody else sets anything in them. guard/conclusion.h makes the policy of what was
 * seen.
 */
#include "guard/proof.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/term.h"
#include "guard/catalog.h"
#include "guard/conclusion.h"
#include "guard/draft.h"
#include "guard/explain.h"
#include "guard/mitigate.h"
#include "guard/witness.h"
#include "net/inventory.h"
#include "net/journal.h"
#include "probe/reach.h"
#include "probe/run.h"

#define ENDS_MAX 2 /* devices of a target: one for each family */
#define CANDIDATES_MAX (MITIGATIONS * CATALOG_PLACES)

/* A mitigation at a place. */
struct candidate {
	enum mitigation mitigation;
	enum catalog_place place;
};

/* A target of the proof. */
struct subject {
	struct proof_target *result;
	struct mitigate_trial end[ENDS_MAX];
	size_t end_count;
	struct explain_score score; /* of its latest probe */
	struct witness witness;
	unsigned int forwards; /* namespaces that forward its packets */
	bool is_astray; /* in the last probe another container got its packets */
	bool is_host, was_bad;
	bool was_hurt; /* damage was received at first */
	bool is_witness; /* nobody set anything in it during the latest probe of all targets */
	bool is_asked; /* the next probe includes it */
	bool has_candidate; /* the candidate is on it, for now */
};

/* A device of the host, or its whole namespace. */
struct host_place {
	struct mitigate_trial trial;
	enum catalog_place place;
};

struct proof {
	const struct proof_settings *settings;
	const struct inventory *inventory;
	struct mitigator mitigator;
	struct proof_result *result;
	struct candidate candidate[CANDIDATES_MAX]; /* by rank */
	size_t candidate_count;
	struct subject *subject;
	size_t count;
	struct host_place host[2 + POLICY_DEVICES_MAX];
	size_t host_count;
	size_t *spaces, *numbers; /* of a probe: its targets in the inventory, and in `subject` */
	bool has_changed;
};

/* ---- Candidates ---- */

static unsigned int rank_of(const struct candidate *candidate)
{
	return catalog[candidate->mitigation].rank[candidate->place];
}

/* Fills the candidates, lowest rank first. */
static void list_candidates(struct proof *proof)
{
	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS; i++)
		for (unsigned int place = 0; place < CATALOG_PLACES; place++) {
			unsigned int rank = catalog[i].rank[place];
			size_t at = proof->candidate_count;

			if (!rank)
				continue;
			for (; at && rank_of(&proof->candidate[at - 1]) > rank; at--)
				proof->candidate[at] = proof->candidate[at - 1];
			proof->candidate[at] =
				(struct candidate){ (enum mitigation)i, (enum catalog_place)place };
			proof->candidate_count++;
		}
}

/* ---- Places ---- */

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

static struct mitigate_trial trial_of(const struct space *netns, const struct device *device)
{
	struct mitigate_trial trial = { .netns = netns };

	if (device) {
		trial.index = device->index;
		snprintf(trial.device, sizeof(trial.device), "%s", device->name);
		snprintf(trial.kind, sizeof(trial.kind), "%s", device->kind);
	}
	return trial;
}

static void set_ends(struct proof *proof, struct subject *subject)
{
	const struct device *ends[ENDS_MAX];

	subject->end_count = find_ends(proof->inventory, subject->result->space, ends);
	for (size_t i = 0; i < subject->end_count; i++) {
		subject->end[i] =
			trial_of(&proof->inventory->space[subject->result->space], ends[i]);
		snprintf(i ? subject->result->device_v6 : subject->result->device, IFNAMSIZ, "%s",
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

static int add_host_device(struct proof *proof, const char *name, enum catalog_place place)
{
	const struct space *own = own_space(proof->inventory);
	const struct device *device = inventory_device(own, name, 0);

	if (!device)
		return fail(-ENODEV, "no device %.15s on this host", name);
	proof->host[proof->host_count++] = (struct host_place){ trial_of(own, device), place };
	return 0;
}

static int set_host_places(struct proof *proof)
{
	const struct proof_settings *settings = proof->settings;
	const struct space *own = own_space(proof->inventory);
	int rc = 0;

	if (!own)
		return fail(-ENOENT, "this network namespace is not in the inventory");
	proof->host[proof->host_count++] = (struct host_place){ trial_of(own, NULL), AT_HOST };
	if (settings->gate.via)
		rc = add_host_device(proof, settings->gate.via, AT_BOUNDARY);
	for (size_t i = 0; !rc && i < settings->tunnel_count; i++)
		rc = add_host_device(proof, settings->tunnels[i], AT_TUNNEL);
	return rc;
}

/* ---- Probing ---- */

static void note_result(struct proof *proof, struct subject *subject,
			const struct probe_target *target)
{
	const struct explain_context context = {
		.is_host = subject->is_host,
		.has_via = proof->settings->gate.via,
		.device = subject->result->device,
		.tried = subject->result->tried,
	};

	subject->score = explain_score(target);
	subject->forwards = target->reach_v4.forwards > target->reach_v6.forwards
				    ? target->reach_v4.forwards
				    : target->reach_v6.forwards;
	subject->is_astray = false;
	for (size_t i = 0; i < target->check_count; i++)
		subject->is_astray |= probe_is_astray(&target->check[i]);
	subject->result->isolated = target->isolated;
	subject->result->after = target->verdict;
	explain(target, &context, subject->result->reason, sizeof(subject->result->reason));
}

/* Probes the targets with `is_asked`; afterwards only those without a verdict have it. */
static int probe_once(struct proof *proof)
{
	const struct probe_settings settings = { .gate = proof->settings->gate };
	struct probe probe = { 0 };
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < proof->count; i++)
		if (proof->subject[i].is_asked) {
			proof->spaces[count] = proof->subject[i].result->space;
			proof->numbers[count++] = i;
		}
	if (!count)
		return 0;
	proof->result->probes++;
	rc = probe_run(&settings, proof->inventory, proof->spaces, count, &probe);
	for (size_t i = 0; !rc && i < count; i++) {
		struct subject *subject = &proof->subject[proof->numbers[i]];

		note_result(proof, subject, &probe.target[i]);
		subject->is_asked =
			probe.target[i].verdict == VERDICT_UNKNOWN && !*probe.target[i].vanished;
	}
	if (!rc)
		probe_release(&probe);
	return rc;
}

/*
 * Probes the targets with `is_asked`, twice if there is no verdict; clears it. `trying`: for the
 * progress line.
 */
static int probe_asked(struct proof *proof, const char *trying)
{
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < proof->count; i++)
		count += proof->subject[i].is_asked;
	if (count && proof->settings->progress)
		proof->settings->progress(proof->settings->owner, trying, count);
	rc = probe_once(proof);
	rc = rc ? rc : probe_once(proof);
	for (size_t i = 0; i < proof->count; i++)
		proof->subject[i].is_asked = false;
	return rc;
}

/* What is recorded for the ends: by earlier runs, too. */
static void read_earlier(struct proof *proof, struct subject *subject)
{
	for (size_t i = 0; i < subject->end_count; i++)
		mitigate_try(&subject->end[i], &proof->mitigator, subject->end[i].now, NULL);
}

static void watch(struct proof *proof, struct subject *subject, const uint8_t tag[WITNESS_TAG])
{
	struct witness_end end[ENDS_MAX] = { 0 };

	read_earlier(proof, subject);
	for (size_t i = 0; i < subject->end_count; i++)
		end[i] =
			(struct witness_end){ .index = subject->end[i].index,
					      .kind = subject->end[i].kind,
					      .on = subject->end[i].earlier | subject->end[i].now };
	if (subject->end_count)
		witness_watch(&subject->witness, proof->inventory->space[subject->result->space].fd,
			      end, subject->end_count, tag);
}

static void judge_witness(struct subject *subject)
{
	char *why = subject->result->others;
	size_t size = sizeof(subject->result->others);

	subject->is_witness = witness_judge(&subject->witness) && subject->forwards <= 1;
	snprintf(why, size, "%s", subject->witness.why);
	if (!*why && subject->forwards > 1)
		snprintf(why, size, "other containers forward its packets");
}

static int probe_all(struct proof *proof, const char *trying)
{
	uint8_t tag[WITNESS_TAG];
	int rc;

	mitigate_reset_tag(&proof->mitigator, tag);
	for (size_t i = 0; i < proof->count; i++) {
		proof->subject[i].is_asked = true;
		watch(proof, &proof->subject[i], tag);
	}
	rc = probe_asked(proof, trying);
	for (size_t i = 0; i < proof->count; i++)
		if (proof->subject[i].end_count)
			judge_witness(&proof->subject[i]);
	return rc;
}

/* ---- Trying ---- */

/*
 * Whether it was put on and was not in force before. A mitigation that cannot be put there is no
 * candidate.
 */
static bool put(struct proof *proof, struct mitigate_trial *trial, enum mitigation mitigation)
{
	bool changed = false;

	return !mitigate_try(trial, &proof->mitigator, trial->now | MITIGATION_BIT(mitigation),
			     &changed) &&
	       changed;
}

static int take_off(struct proof *proof, struct mitigate_trial *trial, enum mitigation mitigation)
{
	return mitigate_try(trial, &proof->mitigator, trial->now & ~MITIGATION_BIT(mitigation),
			    NULL);
}

static int take_off_ends(struct proof *proof, struct subject *subject, enum mitigation mitigation)
{
	int rc = 0;

	for (size_t i = 0; i < subject->end_count; i++) {
		int one = take_off(proof, &subject->end[i], mitigation);

		rc = rc ? rc : one;
	}
	return rc;
}

static bool delivers_damage(const struct subject *subject)
{
	return subject->score.delivering;
}

static int try_on_ends(struct proof *proof, enum mitigation mitigation)
{
	_cleanup_free_ struct explain_score *before = calloc(proof->count + 1, sizeof(*before));
	bool any = false;
	int rc;

	if (!before)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		before[i] = subject->score;
		subject->has_candidate = false;
		for (size_t k = 0; delivers_damage(subject) && k < subject->end_count; k++)
			subject->has_candidate |= put(proof, &subject->end[k], mitigation);
		subject->is_asked = subject->has_candidate;
		any |= subject->has_candidate;
	}
	if (!any)
		return 0;
	proof->has_changed = true;
	rc = probe_asked(proof, mitigation_names[mitigation]);
	for (size_t i = 0; !rc && i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		if (!subject->has_candidate || explain_compare(subject->score, before[i]) > 0)
			continue;
		subject->result->tried |= MITIGATION_BIT(mitigation);
		subject->score = before[i];
		rc = take_off_ends(proof, subject, mitigation);
	}
	return rc;
}

static struct explain_score total_score(const struct proof *proof)
{
	struct explain_score all = { 0 };

	for (size_t i = 0; i < proof->count; i++) {
		all.delivering += proof->subject[i].score.delivering;
		all.verified += proof->subject[i].score.verified;
		all.blocked += proof->subject[i].score.blocked;
	}
	return all;
}

static bool put_on_host(struct proof *proof, const struct candidate *candidate)
{
	bool any = false;

	for (size_t i = 0; i < proof->host_count; i++)
		if (proof->host[i].place == candidate->place)
			any |= put(proof, &proof->host[i].trial, candidate->mitigation);
	return any;
}

static int take_off_host(struct proof *proof, const struct candidate *candidate)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < proof->host_count; i++)
		if (proof->host[i].place == candidate->place)
			rc = take_off(proof, &proof->host[i].trial, candidate->mitigation);
	return rc;
}

static int try_on_host(struct proof *proof, const struct candidate *candidate)
{
	struct explain_score before = total_score(proof);
	int rc;

	if (!before.delivering || !put_on_host(proof, candidate))
		return 0;
	proof->has_changed = true;
	for (size_t i = 0; i < proof->count; i++)
		proof->subject[i].has_candidate = proof->subject[i].is_asked =
			delivers_damage(&proof->subject[i]);
	rc = probe_asked(proof, mitigation_names[candidate->mitigation]);
	if (rc || explain_compare(total_score(proof), before) > 0)
		return rc;
	for (size_t i = 0; i < proof->count; i++)
		if (proof->subject[i].has_candidate)
			proof->subject[i].result->tried |= MITIGATION_BIT(candidate->mitigation);
	return take_off_host(proof, candidate);
}

static int try_all(struct proof *proof)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < proof->candidate_count; i++)
		rc = proof->candidate[i].place == AT_END
			     ? try_on_ends(proof, proof->candidate[i].mitigation)
			     : try_on_host(proof, &proof->candidate[i]);
	return rc;
}

/* ---- What is no longer needed ---- */

static bool host_has(const struct proof *proof, const struct candidate *candidate)
{
	for (size_t i = 0; i < proof->host_count; i++)
		if (proof->host[i].place == candidate->place &&
		    proof->host[i].trial.now & MITIGATION_BIT(candidate->mitigation))
			return true;
	return false;
}

static bool ends_have(const struct subject *subject, enum mitigation mitigation)
{
	for (size_t i = 0; i < subject->end_count; i++)
		if (subject->end[i].now & MITIGATION_BIT(mitigation))
			return true;
	return false;
}

/*
 * Whether a candidate of higher rank was kept for this target; of the host's alone if it is NULL.
 */
static bool has_wider(const struct proof *proof, const struct subject *subject, size_t candidate)
{
	for (size_t i = candidate + 1; i < proof->candidate_count; i++) {
		const struct candidate *wider = &proof->candidate[i];

		if (wider->place == AT_END ? subject && ends_have(subject, wider->mitigation)
					   : host_has(proof, wider))
			return true;
	}
	return false;
}

static int retry_without_on_ends(struct proof *proof, size_t candidate)
{
	enum mitigation mitigation = proof->candidate[candidate].mitigation;
	_cleanup_free_ struct explain_score *before = calloc(proof->count + 1, sizeof(*before));
	int rc = 0;

	if (!before)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; !rc && i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		before[i] = subject->score;
		subject->has_candidate = subject->is_asked =
			ends_have(subject, mitigation) && has_wider(proof, subject, candidate);
		if (subject->has_candidate)
			rc = take_off_ends(proof, subject, mitigation);
	}
	rc = rc ? rc : probe_asked(proof, "what is no longer needed");
	for (size_t i = 0; !rc && i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		if (!subject->has_candidate || explain_compare(subject->score, before[i]) >= 0)
			continue;
		subject->score = before[i];
		for (size_t k = 0; k < subject->end_count; k++)
			put(proof, &subject->end[k], mitigation);
	}
	return rc;
}

static int retry_without_on_host(struct proof *proof, size_t candidate)
{
	struct explain_score before = total_score(proof);
	int rc;

	if (!host_has(proof, &proof->candidate[candidate]) || !has_wider(proof, NULL, candidate))
		return 0;
	rc = take_off_host(proof, &proof->candidate[candidate]);
	for (size_t i = 0; i < proof->count; i++)
		proof->subject[i].is_asked = proof->subject[i].was_bad;
	rc = rc ? rc : probe_asked(proof, "what is no longer needed");
	if (!rc && explain_compare(total_score(proof), before) < 0)
		put_on_host(proof, &proof->candidate[candidate]);
	return rc;
}

/*
 * Takes off each candidate that a wider one may have made useless, and puts it back if it is
 * missed.
 */
static int take_off_useless(struct proof *proof)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < proof->candidate_count; i++)
		rc = proof->candidate[i].place == AT_END ? retry_without_on_ends(proof, i)
							 : retry_without_on_host(proof, i);
	return rc;
}

/* ---- Mitigations by order ---- */

static void put_ordered(struct proof *proof, struct mitigate_trial *trial,
			enum mitigation mitigation)
{
	struct proof_result *result = proof->result;
	bool changed = false;
	char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)];

	if (!mitigate_try(trial, &proof->mitigator, trial->now | MITIGATION_BIT(mitigation),
			  &changed)) {
		proof->has_changed |= changed;
		return;
	}
	result->problems++;
	if (*result->problem)
		return;
	term_printable(device, sizeof(device), trial->device);
	snprintf(result->problem, sizeof(result->problem),
		 "%s could not be put on %.64s%s%.64s: %.200s", mitigation_names[mitigation],
		 device, *device ? " of " : "", trial->netns->name, fail_text());
}

/* An order concerns the device that packets enter by (--via) only if the host is a target. */
static bool is_concerned(const struct proof *proof, const struct host_place *host)
{
	for (size_t i = 0; i < proof->count; i++)
		if (proof->subject[i].is_host)
			return true;
	return host->place != AT_BOUNDARY;
}

static void put_all_ordered(struct proof *proof)
{
	for (size_t c = 0; c < proof->candidate_count; c++) {
		enum mitigation mitigation = proof->candidate[c].mitigation;

		if (!(proof->settings->ordered & MITIGATION_BIT(mitigation)))
			continue;
		for (size_t i = 0; i < proof->host_count; i++)
			if (proof->host[i].place == proof->candidate[c].place &&
			    is_concerned(proof, &proof->host[i]))
				put_ordered(proof, &proof->host[i].trial, mitigation);
		for (size_t i = 0; proof->candidate[c].place == AT_END && i < proof->count; i++)
			for (size_t k = 0; k < proof->subject[i].end_count; k++)
				put_ordered(proof, &proof->subject[i].end[k], mitigation);
	}
}

/* ---- The whole proof ---- */

/*
 * A probe ends when one of these arrives. Outside of probes they are blocked, so that nothing stays
 * on.
 */
static sigset_t ending_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGQUIT);
	return ending;
}

static bool was_interrupted(void)
{
	const sigset_t ending = ending_signals();
	sigset_t pending, both;

	return !sigpending(&pending) && !sigandset(&both, &pending, &ending) &&
	       !sigisemptyset(&both);
}

static int set_targets(struct proof *proof, const size_t *spaces, size_t count)
{
	proof->result->target = calloc(count + 1, sizeof(*proof->result->target));
	proof->subject = calloc(count + 1, sizeof(*proof->subject));
	proof->spaces = calloc(count + 1, sizeof(*proof->spaces));
	proof->numbers = calloc(count + 1, sizeof(*proof->numbers));
	if (!proof->result->target || !proof->subject || !proof->spaces || !proof->numbers)
		return fail(-ENOMEM, "out of memory");
	proof->count = proof->result->target_count = count;
	for (size_t i = 0; i < count; i++) {
		struct subject *subject = &proof->subject[i];

		subject->result = &proof->result->target[i];
		subject->result->space = spaces[i];
		subject->is_host = proof->inventory->space[spaces[i]].own;
		subject->witness = WITNESS_INIT;
		set_ends(proof, subject);
	}
	return 0;
}

static int find_mitigations(struct proof *proof)
{
	int rc = probe_all(proof, NULL);

	for (size_t i = 0; !rc && i < proof->count; i++) {
		proof->subject[i].result->before = proof->subject[i].result->after;
		proof->subject[i].was_bad = proof->subject[i].score.delivering;
		proof->subject[i].was_hurt = proof->subject[i].score.received;
	}
	if (rc)
		return rc;
	if (proof->settings->ordered)
		put_all_ordered(proof);
	else
		rc = try_all(proof);
	if (!rc && !proof->settings->ordered)
		rc = take_off_useless(proof);
	return rc || !proof->has_changed ? rc : probe_all(proof, "the result");
}

static void set_verdict(struct proof *proof)
{
	enum verdict worst = VERDICTS;

	for (size_t i = 0; i < proof->count; i++)
		if (!proof->subject[i].result->isolated)
			worst = vocabulary_worse(worst, proof->subject[i].result->after);
	proof->result->verdict = worst == VERDICTS ? VERDICT_BLOCKED : worst;
}

/* Notes what is on the targets' devices, by this run or an earlier one. */
static int note_kept(struct proof *proof)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		for (size_t k = 0; !rc && k < subject->end_count; k++) {
			rc = mitigate_try(&subject->end[k], &proof->mitigator, subject->end[k].now,
					  NULL);
			subject->result->kept |= subject->end[k].earlier | subject->end[k].now;
		}
		/* A target that vanished has nothing on it; its reason says so. */
		rc = *subject->result->reason ? 0 : rc;
	}
	return rc;
}

/* ---- The policy ---- */

/* *ret_sight: an element for each end of a target, the caller's. */
static int list_sights(const struct proof *proof, struct conclusion_sight **ret_sight,
		       size_t *ret_count)
{
	struct conclusion_sight *sight = calloc(proof->count * ENDS_MAX + 1, sizeof(*sight));
	size_t count = 0;

	if (!sight)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < proof->count; i++) {
		const struct subject *subject = &proof->subject[i];

		for (size_t k = 0; k < subject->end_count; k++)
			sight[count++] = (struct conclusion_sight){
				.kind = subject->end[k].kind,
				.was_bad = subject->was_hurt,
				.is_bad = subject->score.received,
				.verifies = subject->result->after == VERDICT_VERIFIED,
				.is_astray = subject->is_astray,
				.is_witness = subject->is_witness,
				.on = subject->end[k].earlier | subject->end[k].now,
				.tried = subject->result->tried,
			};
	}
	*ret_sight = sight;
	*ret_count = count;
	return 0;
}

static int make_policy(struct proof *proof, const size_t *spaces)
{
	_cleanup_free_ struct conclusion_sight *sight = NULL;
	struct draft draft = {
		.inventory = proof->inventory,
		.spaces = spaces,
		.space_count = proof->count,
		.earlier = proof->settings->policy,
		.via = proof->settings->gate.via,
		.is_ordered = proof->settings->ordered,
	};
	int rc = list_sights(proof, &sight, &draft.sight_count);

	draft.sight = sight;
	rc = rc ? rc : draft_policy(&draft, &proof->result->policy);
	proof->result->policy.verdict = proof->result->verdict;
	return rc;
}

/* If nothing helps a kind, all that may help stays on its devices. */
static void put_all_that_may_help(struct proof *proof)
{
	for (size_t i = 0; !proof->settings->ordered && i < proof->count; i++) {
		struct subject *subject = &proof->subject[i];

		for (size_t k = 0; k < subject->end_count; k++) {
			const struct policy_row *row =
				policy_kind(&proof->result->policy, subject->end[k].kind);

			for (unsigned int m = MITIGATION_NONE + 1;
			     row && row->state == POLICY_NOTHING_HELPS && m < MITIGATIONS; m++)
				if (row->mitigations & MITIGATION_BIT(m))
					put(proof, &subject->end[k], (enum mitigation)m);
		}
	}
}

static int save_policy(struct proof *proof)
{
	struct proof_result *result = proof->result;
	int rc;

	if (!proof->settings->policy_file || (proof->settings->only_with_verdict && !result->found))
		return 0;
	rc = policy_write(proof->settings->policy_file, &result->policy);
	result->written = !rc;
	return rc;
}

static void count_verdicts(struct proof_result *result, const struct inventory *inventory)
{
	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];

		if (inventory->space[target->space].own)
			continue;
		result->containers++;
		result->found += target->after == VERDICT_VERIFIED ||
				 target->after == VERDICT_DELIVERS_CORRUPT;
	}
}

/* ---- Undoing ---- */

/* Adds what stays on a place though it should have been taken off. */
static void say_left(const struct mitigate_trial *trial, char *left, size_t size)
{
	char words[96], device[IFNAMSIZ];
	size_t len = strlen(left);

	if (!trial->now || len >= size)
		return;
	catalog_words(trial->now, " and ", "", words, sizeof(words));
	term_printable(device, sizeof(device), trial->device);
	snprintf(left + len, size - len, "%s%s on %s%s%.100s", len ? ", " : "", words, device,
		 *device ? " of " : "", trial->netns->name);
}

static void undo_trial(struct proof *proof, struct mitigate_trial *trial, char *left, size_t size)
{
	if (trial->is_known)
		mitigate_try(trial, &proof->mitigator, 0, NULL);
	say_left(trial, left, size);
}

/* Takes back everything this run has put on. Keeps the error's sentence, and says what stays. */
static void undo(struct proof *proof)
{
	char why[400], left[400] = "";
	bool had = proof->has_changed;

	snprintf(why, sizeof(why), "%s", fail_text());
	for (size_t i = 0; i < proof->host_count; i++)
		undo_trial(proof, &proof->host[i].trial, left, sizeof(left));
	for (size_t i = 0; i < proof->count; i++)
		for (size_t k = 0; k < proof->subject[i].end_count; k++)
			undo_trial(proof, &proof->subject[i].end[k], left, sizeof(left));
	if (*left)
		fail(0, "%s; could not be taken back: %s", why, left);
	else
		fail(0, "%s%s", why, had ? "; what this run had put on was taken back" : "");
}

static int run(struct proof *proof, const size_t *spaces, size_t count)
{
	int rc = set_targets(proof, spaces, count);

	rc = rc ? rc : set_host_places(proof);
	rc = rc ? rc : find_mitigations(proof);
	if (!rc)
		set_verdict(proof);
	rc = rc ? rc : make_policy(proof, spaces);
	if (!rc)
		put_all_that_may_help(proof);
	rc = rc ? rc : note_kept(proof);
	if (!rc && was_interrupted())
		rc = fail(-EINTR, "interrupted");
	if (!rc)
		count_verdicts(proof->result, proof->inventory);
	rc = rc ? rc : save_policy(proof);
	if (rc)
		undo(proof);
	return rc;
}

int proof_run(const struct proof_settings *settings, struct inventory *inventory,
	      const size_t *spaces, size_t count, struct proof_result *ret_result)
{
	struct proof_result result = { 0 };
	struct proof proof = { .settings = settings,
			       .inventory = inventory,
			       .mitigator = MITIGATOR_INIT,
			       .result = &result };
	_cleanup_close_ int lock = -1;
	uint64_t start = clock_ns();
	const sigset_t ending = ending_signals();
	sigset_t former;
	int rc = journal_kept_lock(&lock);

	if (rc)
		return rc;
	sigprocmask(SIG_BLOCK, &ending, &former);
	list_candidates(&proof);
	rc = run(&proof, spaces, count);
	mitigate_release(&proof.mitigator);
	for (size_t i = 0; i < proof.count; i++)
		witness_close(&proof.subject[i].witness);
	free(proof.subject);
	free(proof.spaces);
	free(proof.numbers);
	result.seconds = (double)(clock_ns() - start) / 1e9;
	if (rc)
		proof_result_release(&result);
	else
		*ret_result = result;
	sigprocmask(SIG_SETMASK, &former, NULL);
	return rc;
}

void proof_result_release(struct proof_result *result)
{
	free(result->target);
	*result = (struct proof_result){ 0 };
}

void proof_plan(const struct proof_settings *settings, const struct inventory *inventory,
		size_t space, struct proof_plan *ret_plan)
{
	const struct device *ends[ENDS_MAX];
	size_t count = find_ends(inventory, space, ends);

	*ret_plan = (struct proof_plan){ 0 };
	if (count)
		snprintf(ret_plan->device, IFNAMSIZ, "%s", ends[0]->name);
	if (count > 1)
		snprintf(ret_plan->device_v6, IFNAMSIZ, "%s", ends[1]->name);
	ret_plan->mitigations = count ? catalog_at(AT_END) : 0;
	if (settings->ordered)
		ret_plan->mitigations &= settings->ordered;
}
