// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking at kept journals: see kept.h. */
#include "guard/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/ledger.h"

struct taking {
	const struct inventory *inventory;
	bool drop;
	struct kept *kept;
};

static const struct space *space_of(const struct inventory *inventory, const struct netns_id *netns)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		if (netns_same(&inventory->space[i].id, netns))
			return &inventory->space[i];
	return NULL;
}

static const struct device *device_of(const struct space *space, int index)
{
	for (size_t i = 0; space && i < space->device_count; i++)
		if (space->device[i].index == index)
			return &space->device[i];
	return NULL;
}

static int enter_place(const struct taking *taking, const struct ledger *ledger,
		       struct kept_place *place)
{
	const struct space *space = space_of(taking->inventory, &ledger->netns);
	const struct device *device = device_of(space, ledger->index);

	*place = (struct kept_place){ .netns = ledger->netns,
				      .netns_fd = -1,
				      .index = ledger->index,
				      .space = space,
				      .first = taking->kept->change_count };
	term_printable(place->where, sizeof(place->where),
		       space	       ? space->name
		       : ledger->where ? ledger->where
				       : "a namespace");
	if (ledger->index)
		term_printable(place->device, sizeof(place->device),
			       device ? device->name : ledger->device);
	if (!space)
		return netns_find(&ledger->netns, &place->netns_fd);
	if (space->own)
		return 0;
	place->netns_fd = fcntl(space->fd, F_DUPFD_CLOEXEC, 0);
	return place->netns_fd < 0 ? fail_errno(-errno, "cannot keep %s open", place->where) : 0;
}

static void leave_place(const struct kept_place *place)
{
	if (place->netns_fd >= 0)
		close(place->netns_fd);
}

/* What was there before, in a word. */
static void describe(const json_t *record, struct kept_change *change)
{
	const json_t *former = json_object_get(record, "former");
	static const char *const keys[] = { "feature", "sysctl", "name" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *text = json_string_value(json_object_get(record, keys[i]));

		if (text)
			term_printable(change->what, sizeof(change->what), text);
	}
	if (json_is_string(former))
		term_printable(change->former, sizeof(change->former), json_string_value(former));
	else if (former)
		snprintf(change->former, sizeof(change->former), "%s",
			 json_is_true(former) ? "on" : "off");
}

static int add_change(struct kept *kept, const struct kept_change *change)
{
	struct kept_change *grown =
		reallocarray(kept->change, kept->change_count + 1, sizeof(*grown));

	if (!grown)
		return fail(-ENOMEM, "out of memory");
	kept->change = grown;
	kept->change[kept->change_count++] = *change;
	kept->holding += change->in_force;
	return 0;
}

/* A clsact goes with its filter. -ENODEV: the device is gone. */
static int add_changes(struct kept *kept, const struct ledger *ledger, struct kept_place *place)
{
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record) {
		struct kept_change change = { .mitigation = guard_mitigation_of(record) };
		int rc = ledger_holds(ledger, i, place->netns_fd, &change.in_force);

		/* What it was made with is gone: a module's sysctl. */
		if (rc && rc != -ENOENT)
			return rc;
		if (change.mitigation == MITIGATION_NONE)
			continue;
		describe(record, &change);
		rc = add_change(kept, &change);
		if (rc)
			return rc;
		place->count++;
	}
	return 0;
}

static int add_place(struct kept *kept, const struct kept_place *place)
{
	struct kept_place *grown = reallocarray(kept->place, kept->place_count + 1, sizeof(*grown));

	if (!grown)
		return fail(-ENOMEM, "out of memory");
	kept->place = grown;
	kept->place[kept->place_count++] = *place;
	return 0;
}

static int take_one(const struct ledger *ledger, void *data)
{
	const struct taking *taking = data;
	struct kept *kept = taking->kept;
	struct kept_place place = { .netns_fd = -1 };
	size_t change_count = kept->change_count, holding = kept->holding;
	int rc = ledger->is_past ? -ENOENT : enter_place(taking, ledger, &place);

	rc = rc ? rc : add_changes(kept, ledger, &place);
	if (!rc)
		rc = add_place(kept, &place);
	if (!rc)
		return 0;
	leave_place(&place);
	kept->change_count = change_count;
	kept->holding = holding;
	if (rc != -ENOENT && rc != -ENODEV)
		return rc;
	kept->past += ledger->is_past;
	kept->gone += !ledger->is_past;
	return taking->drop ? journal_kept_drop(ledger) : 0;
}

int kept_take(const struct inventory *inventory, bool drop, struct kept *ret_kept)
{
	struct kept kept = { 0 };
	struct taking taking = { inventory, drop, &kept };

	kept.error = journal_kept_each(take_one, &taking);
	if (kept.error)
		snprintf(kept.why, sizeof(kept.why), "%s", fail_text());
	if (kept.error == -ENOMEM || kept.error == -EACCES) {
		kept_release(&kept);
		return fail(kept.error, "%s", kept.why);
	}
	*ret_kept = kept;
	return 0;
}

void kept_release(struct kept *kept)
{
	for (size_t i = 0; i < kept->place_count; i++)
		leave_place(&kept->place[i]);
	free(kept->place);
	free(kept->change);
	kept->place = NULL;
	kept->change = NULL;
	kept->place_count = kept->change_count = 0;
}

uint32_t kept_on(const struct kept *kept, const struct space *space, const char *device)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < kept->place_count; i++) {
		const struct kept_place *place = &kept->place[i];
		const struct device *now = device_of(space, place->index);

		if (place->space != space || !now || strcmp(now->name, device) != 0)
			continue;
		for (size_t k = 0; k < place->count; k++)
			mask |= MITIGATION_BIT(kept->change[place->first + k].mitigation);
	}
	return mask;
}

static int add_to_policy(struct policy *policy, const struct kept_place *place, uint32_t bit)
{
	const struct device *device = device_of(place->space, place->index);

	if (!place->space)
		return 0;
	if (place->space->own && !place->index)
		policy->host |= bit;
	else if (place->space->own && device)
		return policy_add_device(policy, device->name, bit);
	else if (device && policy_is_end(device->kind))
		return policy_add_kind(policy, device->kind, bit);
	return 0;
}

int kept_policy(const struct inventory *inventory, struct policy *policy)
{
	struct kept kept = { 0 };
	int rc = kept_take(inventory, false, &kept);

	for (size_t i = 0; !rc && i < kept.place_count; i++)
		for (size_t k = 0; !rc && k < kept.place[i].count; k++)
			rc = add_to_policy(
				policy, &kept.place[i],
				MITIGATION_BIT(kept.change[kept.place[i].first + k].mitigation));
	kept_release(&kept);
	return rc;
}
