// SPDX-License-Identifier: GPL-2.0-or-later
/* What is known of a kind of device: see conclusion.h. */
#include "guard/conclusion.h"

#include <stdio.h>
#include <string.h>

#include "guard/catalog.h"

/* All sights of a kind. */
struct tally {
	size_t count;
	bool any_bad;
	bool any_witness; /* that verifies */
	bool any_proven; /* a witness received damage, and verifies now */
	bool any_lost; /* it received damage, and no verdict says that this is over */
	bool any_hidden; /* it may hide damage: lost, astray, or protected by somebody else */
	uint32_t on, tried;
};

static struct tally tally_kind(const char *kind, const struct conclusion_sight *sight, size_t count)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct conclusion_sight *one = &sight[i];

		if (strcmp(one->kind, kind) != 0)
			continue;
		tally.count++;
		tally.any_bad |= one->is_bad;
		tally.any_witness |= one->verifies && one->is_witness;
		tally.any_proven |= one->was_bad && one->verifies && one->is_witness;
		tally.any_lost |= one->was_bad && !one->verifies;
		tally.any_hidden |= one->verifies ? !one->is_witness : one->was_bad;
		tally.any_hidden |= one->is_astray;
		tally.on |= one->on;
		tally.tried |= one->is_bad ? one->tried : 0;
	}
	tally.on &= catalog_at(AT_END);
	return tally;
}

static void set_all(struct policy_row *row, enum policy_state state)
{
	row->state = state;
	row->mitigations = catalog_at(AT_END);
}

/*
 * Whether the earlier row stands: it wants all that was needed in this run. That nothing helps is
 * over if a run that looked at all containers saw no damage.
 */
static bool stands(const struct conclusion_settings *settings, uint32_t needed)
{
	const struct policy_row *earlier = settings->earlier;

	return earlier && !(needed & ~earlier->mitigations) &&
	       (earlier->state != POLICY_NOTHING_HELPS || !settings->is_complete);
}

/* Only what was ordered is wanted, proven or not. */
static void conclude_ordered(const struct conclusion_settings *settings, const struct tally *tally,
			     struct policy_row *row)
{
	row->state = tally->any_bad	 ? POLICY_NOTHING_HELPS
		     : tally->any_proven ? POLICY_PROTECTED
					 : POLICY_UNPROVEN;
	row->mitigations = tally->on;
	if (settings->earlier && !settings->is_complete)
		row->mitigations |= settings->earlier->mitigations;
	row->tried = tally->any_bad ? tally->on : 0;
}

static void conclude_proven(const struct conclusion_settings *settings, const struct tally *tally,
			    struct policy_row *row)
{
	/* Whether this run tells what suffices. */
	bool tells = tally->any_witness && !tally->any_hidden && settings->is_complete;

	if (tally->any_bad) {
		set_all(row, POLICY_NOTHING_HELPS);
		row->tried = tally->tried;
	} else if (tells && tally->any_proven) {
		row->state = POLICY_PROTECTED;
		row->mitigations = tally->on;
	} else if (tells && !tally->on && !settings->has_host) {
		row->state = POLICY_NEEDS_NOTHING;
	} else if (!tally->any_lost && stands(settings, tally->on)) {
		row->state = settings->earlier->state;
		row->mitigations = settings->earlier->mitigations;
		row->tried = settings->earlier->tried;
	} else {
		set_all(row, POLICY_UNPROVEN);
	}
}

bool conclusion_draw(const struct conclusion_settings *settings, const char *kind,
		     const struct conclusion_sight *sight, size_t count, struct policy_row *ret_row)
{
	struct tally tally = tally_kind(kind, sight, count);
	struct policy_row row = { 0 };

	if (!tally.count)
		return false;
	snprintf(row.name, sizeof(row.name), "%s", *kind ? kind : "hardware");
	if (settings->is_ordered)
		conclude_ordered(settings, &tally, &row);
	else
		conclude_proven(settings, &tally, &row);
	*ret_row = row;
	return true;
}
