// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trying mitigations: see choose_part.h.
 *
 * Candidates are rows, narrowest first. Each is put on all targets that still deliver damage, these are probed
 * again, and it is taken back at once where less damage was not the outcome. What is the host's is put on once
 * for all of them. A wider one may have made a narrower one idle: so in the end each but the last is taken
 * off once more, and put back only where it is missed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "guard/proof_part.h"

static const struct candidate {
	enum mitigation mitigation;
	enum where where;
} candidates[] = {
	{ MITIGATION_RX_OFF, AT_END },
	{ MITIGATION_RESET, AT_END },
	{ MITIGATION_CONNTRACK_CHECKSUM, AT_HOST },
	{ MITIGATION_RESET, AT_BOUNDARY },
	{ MITIGATION_RX_OFF, AT_BOUNDARY },
	{ MITIGATION_TX_OFF, AT_TUNNELS },
};

/* Where one cannot be put it is no candidate. */
static bool put(struct choice *choice, struct spot *spot, enum mitigation mitigation)
{
	bool changed = false;

	return !spot_put(spot, choice->mitigator, mitigation, &changed) && changed;
}

static int take_off(struct choice *choice, struct spot *spot, enum mitigation mitigation)
{
	return spot_set(spot, choice->mitigator, spot->now & ~MITIGATION_BIT(mitigation));
}

static int take_off_ends(struct choice *choice, struct chosen *chosen, enum mitigation mitigation)
{
	int rc = 0;

	for (size_t i = 0; i < chosen->end_count; i++) {
		int one = take_off(choice, &chosen->end[i], mitigation);

		rc = rc ? rc : one;
	}
	return rc;
}

static bool is_bad(const struct chosen *chosen)
{
	return chosen->grievance.delivering;
}

static int try_on_ends(struct choice *choice, enum mitigation mitigation)
{
	_cleanup_free_ struct grievance *before = calloc(choice->count + 1, sizeof(*before));
	bool any = false;
	int rc;

	if (!before)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < choice->count; i++) {
		struct chosen *chosen = &choice->target[i];

		before[i] = chosen->grievance;
		chosen->is_on = false;
		for (size_t k = 0; is_bad(chosen) && k < chosen->end_count; k++)
			chosen->is_on |= put(choice, &chosen->end[k], mitigation);
		chosen->is_asked = chosen->is_on;
		any |= chosen->is_on;
	}
	if (!any)
		return 0;
	choice->has_changed = true;
	rc = choice_probe(choice, mitigation_names[mitigation]);
	for (size_t i = 0; !rc && i < choice->count; i++) {
		struct chosen *chosen = &choice->target[i];

		if (!chosen->is_on || grievance_is_less(chosen->grievance, before[i]))
			continue;
		chosen->told->tried |= MITIGATION_BIT(mitigation);
		chosen->grievance = before[i];
		rc = take_off_ends(choice, chosen, mitigation);
	}
	return rc;
}

static struct grievance all_grievances(const struct choice *choice)
{
	struct grievance all = { 0 };

	for (size_t i = 0; i < choice->count; i++) {
		all.delivering += choice->target[i].grievance.delivering;
		all.verified += choice->target[i].grievance.verified;
		all.blocked += choice->target[i].grievance.blocked;
	}
	return all;
}

static bool put_on_host(struct choice *choice, const struct candidate *candidate)
{
	bool any = false;

	for (size_t i = 0; i < choice->host_count; i++)
		if (choice->host[i].where == candidate->where)
			any |= put(choice, &choice->host[i].spot, candidate->mitigation);
	return any;
}

static int take_off_host(struct choice *choice, const struct candidate *candidate)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < choice->host_count; i++)
		if (choice->host[i].where == candidate->where)
			rc = take_off(choice, &choice->host[i].spot, candidate->mitigation);
	return rc;
}

static int try_on_host(struct choice *choice, const struct candidate *candidate)
{
	struct grievance before = all_grievances(choice);
	int rc;

	if (!before.delivering || !put_on_host(choice, candidate))
		return 0;
	choice->has_changed = true;
	for (size_t i = 0; i < choice->count; i++)
		choice->target[i].is_on = choice->target[i].is_asked = is_bad(&choice->target[i]);
	rc = choice_probe(choice, mitigation_names[candidate->mitigation]);
	if (rc || grievance_is_less(all_grievances(choice), before))
		return rc;
	for (size_t i = 0; i < choice->count; i++)
		if (choice->target[i].is_on)
			choice->target[i].told->tried |= MITIGATION_BIT(candidate->mitigation);
	return take_off_host(choice, candidate);
}

static int try_all(struct choice *choice)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(candidates); i++)
		rc = candidates[i].where == AT_END ? try_on_ends(choice, candidates[i].mitigation)
						   : try_on_host(choice, &candidates[i]);
	return rc;
}

/* ---- What is not needed any more ---- */

static bool host_has(const struct choice *choice, const struct candidate *candidate)
{
	for (size_t i = 0; i < choice->host_count; i++)
		if (choice->host[i].where == candidate->where &&
		    choice->host[i].spot.now & MITIGATION_BIT(candidate->mitigation))
			return true;
	return false;
}

static bool ends_have(const struct chosen *chosen, enum mitigation mitigation)
{
	for (size_t i = 0; i < chosen->end_count; i++)
		if (chosen->end[i].now & MITIGATION_BIT(mitigation))
			return true;
	return false;
}

/* Whether a wider one than the candidate was kept, for this target. */
static bool has_wider(const struct choice *choice, const struct chosen *chosen, size_t candidate)
{
	for (size_t i = candidate + 1; i < ARRAY_SIZE(candidates); i++)
		if (candidates[i].where == AT_END ? ends_have(chosen, candidates[i].mitigation)
						  : host_has(choice, &candidates[i]))
			return true;
	return false;
}

static int spare_on_ends(struct choice *choice, size_t candidate)
{
	enum mitigation mitigation = candidates[candidate].mitigation;
	_cleanup_free_ struct grievance *before = calloc(choice->count + 1, sizeof(*before));
	int rc = 0;

	if (!before)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; !rc && i < choice->count; i++) {
		struct chosen *chosen = &choice->target[i];

		before[i] = chosen->grievance;
		chosen->is_on = chosen->is_asked =
			ends_have(chosen, mitigation) && has_wider(choice, chosen, candidate);
		if (chosen->is_on)
			rc = take_off_ends(choice, chosen, mitigation);
	}
	rc = rc ? rc : choice_probe(choice, "what can be spared");
	for (size_t i = 0; !rc && i < choice->count; i++) {
		struct chosen *chosen = &choice->target[i];

		if (!chosen->is_on || !grievance_is_more(chosen->grievance, before[i]))
			continue;
		chosen->grievance = before[i];
		for (size_t k = 0; k < chosen->end_count; k++)
			put(choice, &chosen->end[k], mitigation);
	}
	return rc;
}

static int spare_on_host(struct choice *choice, size_t candidate)
{
	struct grievance before = all_grievances(choice);
	static const struct chosen nobody;
	int rc;

	if (!host_has(choice, &candidates[candidate]) || !has_wider(choice, &nobody, candidate))
		return 0;
	rc = take_off_host(choice, &candidates[candidate]);
	for (size_t i = 0; i < choice->count; i++)
		choice->target[i].is_asked = choice->target[i].was_bad;
	rc = rc ? rc : choice_probe(choice, "what can be spared");
	if (!rc && grievance_is_more(all_grievances(choice), before))
		put_on_host(choice, &candidates[candidate]);
	return rc;
}

static int spare(struct choice *choice)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(candidates); i++)
		rc = candidates[i].where == AT_END ? spare_on_ends(choice, i)
						   : spare_on_host(choice, i);
	return rc;
}

int candidates_try(struct choice *choice)
{
	int rc = try_all(choice);

	return rc ? rc : spare(choice);
}

uint32_t candidates_at_end(void)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++)
		if (candidates[i].where == AT_END)
			mask |= MITIGATION_BIT(candidates[i].mitigation);
	return mask;
}

/* ---- What was ordered ---- */

static void put_ordered(struct choice *choice, struct spot *spot, enum mitigation mitigation)
{
	struct guard_result *result = choice->result;
	bool changed = false;
	char device[IFNAMSIZ];

	if (!spot_put(spot, choice->mitigator, mitigation, &changed)) {
		choice->has_changed |= changed;
		return;
	}
	result->problems++;
	if (*result->problem)
		return;
	term_printable(device, sizeof(device), spot->device);
	snprintf(result->problem, sizeof(result->problem), "%s could not be put on %s%s%s: %.200s",
		 mitigation_names[mitigation], device, *device ? " of " : "", spot->space->name,
		 fail_text());
}

/* A device that packets come in by is the host's end, if the host is a target. */
static bool is_meant(const struct choice *choice, const struct host_spot *host)
{
	for (size_t i = 0; i < choice->count; i++)
		if (choice->target[i].is_host)
			return true;
	return host->where != AT_BOUNDARY;
}

void candidates_order(struct choice *choice)
{
	for (size_t c = 0; c < ARRAY_SIZE(candidates); c++) {
		enum mitigation mitigation = candidates[c].mitigation;

		if (!(choice->settings->ordered & MITIGATION_BIT(mitigation)))
			continue;
		for (size_t i = 0; i < choice->host_count; i++)
			if (choice->host[i].where == candidates[c].where &&
			    is_meant(choice, &choice->host[i]))
				put_ordered(choice, &choice->host[i].spot, mitigation);
		for (size_t i = 0; candidates[c].where == AT_END && i < choice->count; i++)
			for (size_t k = 0; k < choice->target[i].end_count; k++)
				put_ordered(choice, &choice->target[i].end[k], mitigation);
	}
}
