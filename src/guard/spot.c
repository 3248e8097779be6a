// SPDX-License-Identifier: GPL-2.0-or-later
/* Putting mitigations on a place and taking them back: see spot.h. */
#include "guard/spot.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/ledger.h"

struct spot spot_of(const struct space *space, const struct device *device)
{
	struct spot spot = { .space = space };

	if (device) {
		spot.index = device->index;
		snprintf(spot.device, sizeof(spot.device), "%s", device->name);
		snprintf(spot.kind, sizeof(spot.kind), "%s", device->kind);
	}
	return spot;
}

static uint32_t mask_of(const struct ledger *ledger)
{
	uint32_t mask = 0;
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record) {
		enum mitigation mitigation = guard_mitigation_of(record);

		if (mitigation != MITIGATION_NONE)
			mask |= MITIGATION_BIT(mitigation);
	}
	return mask;
}

static int open_spot(struct spot *spot, struct journal **ret_journal)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	const struct journal_place place = {
		.netns_fd = spot->space->own ? -1 : spot->space->fd,
		.netns = spot->space->own ? NULL : spot->space->name,
		.device = spot->index ? spot->device : NULL,
		.index = spot->index,
	};
	int rc = journal_open_kept(&place, &journal);

	if (!rc && !spot->is_known)
		rc = journal_kept_ledger(journal, &ledger);
	if (rc)
		return rc;
	if (!spot->is_known) {
		spot->base = json_array_size(ledger.changes);
		spot->earlier = mask_of(&ledger);
		spot->is_known = true;
	}
	*ret_journal = TAKE_PTR(journal);
	return 0;
}

int spot_look(struct spot *spot)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;

	return spot->is_known ? 0 : open_spot(spot, &journal);
}

int spot_put(struct spot *spot, struct mitigator *mitigator, enum mitigation mitigation,
	     bool *ret_changed)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	size_t before, after = 0;
	char why[300];
	int rc = open_spot(spot, &journal);

	rc = rc ? rc : journal_kept_count(journal, &before);
	if (rc)
		return rc;
	rc = mitigate(mitigator, journal, mitigation);
	if (rc) {
		snprintf(why, sizeof(why), "%s", fail_text());
		journal_kept_undo_to(journal, before);
		return fail(rc, "%s", why);
	}
	rc = journal_kept_count(journal, &after);
	if (rc)
		return rc;
	/* What has drifted and was made anew stays an earlier run's. */
	if (after > before)
		spot->now |= MITIGATION_BIT(mitigation);
	*ret_changed = journal_has_changed(journal);
	return 0;
}

int spot_set(struct spot *spot, struct mitigator *mitigator, uint32_t mask)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	bool changed;
	int rc = 0;

	if (spot->now & ~mask) {
		rc = open_spot(spot, &journal);
		rc = rc ? rc : journal_kept_undo_to(journal, spot->base);
		if (rc)
			return rc;
		spot->now = 0;
		journal_keep(TAKE_PTR(journal));
	}
	for (unsigned int i = MITIGATION_RX_OFF; !rc && i < MITIGATIONS; i++)
		if (mask & ~spot->now & MITIGATION_BIT(i))
			rc = spot_put(spot, mitigator, (enum mitigation)i, &changed);
	return rc;
}
