// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the kept journals: see records.h. */
#include "guard/records.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "guard/catalog.h"
#include "net/inventory.h"
#include "net/ledger.h"
#include "net/netns_search.h"

struct reading {
	const struct inventory *inventory;
	bool drop;
	struct records *records;
};

static const struct space *space_of(const struct inventory *inventory, const struct netns_id *netns)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		if (netns_same(&inventory->space[i].id, netns))
			return &inventory->space[i];
	return NULL;
}

static int open_place(const struct reading *reading, const struct ledger *ledger,
		      struct records_place *place)
{
	const struct space *space = space_of(reading->inventory, &ledger->netns);
	const struct device *device = inventory_device(space, NULL, ledger->index);

	*place = (struct records_place){ .netns = ledger->netns,
					 .netns_fd = -1,
					 .index = ledger->index,
					 .space = space,
					 .known = device,
					 .first = reading->records->change_count };
	/* The journal has printable names. */
	term_sentence(place->where, sizeof(place->where),
		      space	      ? space->name
		      : ledger->where ? ledger->where
				      : "a namespace");
	if (ledger->index && device)
		term_printable(place->device, sizeof(place->device), device->name);
	else if (ledger->index)
		term_sentence(place->device, sizeof(place->device), ledger->device);
	if (!space)
		return netns_search_find(&ledger->netns, &place->netns_fd);
	if (space->own)
		return 0;
	place->netns_fd = fcntl(space->fd, F_DUPFD_CLOEXEC, 0);
	return place->netns_fd < 0 ? fail_errno(-errno, "cannot keep %s open", place->where) : 0;
}

static void close_place(const struct records_place *place)
{
	if (place->netns_fd >= 0)
		close(place->netns_fd);
}

/* Notes what was changed and its former value. */
static void set_former(const json_t *record, struct records_change *change)
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

static int add_change(struct records *records, const struct records_change *change)
{
	struct records_change *added = ARRAY_ADD(records->change, records->change_count);

	if (!added)
		return -ENOMEM;
	*added = *change;
	records->holding += change->in_force;
	return 0;
}

/*
 * Adds a place's changes. Does not count a clsact, as it is removed with its filter. -ENODEV: the
 * device is gone.
 */
static int add_changes(struct records *records, const struct ledger *ledger,
		       struct records_place *place)
{
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record) {
		struct records_change change = { .mitigation = catalog_of_record(record) };
		int rc = ledger_holds(ledger, i, place->netns_fd, &change.in_force);

		/* -ENOENT: what was changed is gone, e.g. a sysctl whose module was unloaded. */
		if (rc && rc != -ENOENT)
			return rc;
		if (change.mitigation == MITIGATION_NONE)
			continue;
		set_former(record, &change);
		rc = add_change(records, &change);
		if (rc)
			return rc;
		place->count++;
	}
	return 0;
}

static int add_place(struct records *records, const struct records_place *place)
{
	struct records_place *added = ARRAY_ADD(records->place, records->place_count);

	if (!added)
		return -ENOMEM;
	*added = *place;
	return 0;
}

static int read_place(const struct ledger *ledger, void *data)
{
	const struct reading *reading = data;
	struct records *records = reading->records;
	struct records_place place = { .netns_fd = -1 };
	size_t change_count = records->change_count, holding = records->holding;
	int rc = ledger->is_past ? -ENOENT : open_place(reading, ledger, &place);

	rc = rc ? rc : add_changes(records, ledger, &place);
	if (!rc)
		rc = add_place(records, &place);
	if (!rc)
		return 0;
	close_place(&place);
	records->change_count = change_count;
	records->holding = holding;
	if (rc != -ENOENT && rc != -ENODEV)
		return rc;
	records->past += ledger->is_past;
	records->gone += !ledger->is_past;
	return reading->drop ? journal_kept_drop(ledger) : 0;
}

int records_read(const struct inventory *inventory, bool drop, struct records *ret_records)
{
	struct records records = { 0 };
	struct reading reading = { inventory, drop, &records };

	records.error = journal_kept_each(read_place, &reading);
	if (records.error)
		snprintf(records.why, sizeof(records.why), "%s", fail_text());
	if (records.error == -ENOMEM || records.error == -EACCES) {
		records_release(&records);
		return fail(records.error, "%s", records.why);
	}
	*ret_records = records;
	return 0;
}

void records_release(struct records *records)
{
	for (size_t i = 0; i < records->place_count; i++)
		close_place(&records->place[i]);
	free(records->place);
	free(records->change);
	records->place = NULL;
	records->change = NULL;
	records->place_count = records->change_count = 0;
}
