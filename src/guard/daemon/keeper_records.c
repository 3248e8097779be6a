// SPDX-License-Identifier: GPL-2.0-or-later
/* A keeper and the records of what is put on: see keeper.h and net/journal.h. */
#include "guard/daemon/keeper_part.h"

#include <errno.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/ledger.h"

#define SOUGHT_MOST 32 /* dead namespaces, the long way, at a time */

bool space_is_host(const struct netns_entry *space)
{
	return space->nsid < 0;
}

struct kept_device *keeper_device(const struct netns_entry *space, int index)
{
	struct kept_device *device = space->data;

	while (device && device->index != index)
		device = device->next;
	return device;
}

static bool is_wanted(const json_t *record, void *data)
{
	return *(uint32_t *)data & MITIGATION_BIT(guard_mitigation_of(record));
}

int keeper_take_off(const struct journal_place *place, uint32_t wanted)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	int rc;

	if (!wanted)
		return guard_unprotect(place);
	rc = journal_open_kept(place, &journal);
	return rc ? rc : journal_kept_undo_but(journal, is_wanted, &wanted);
}

/*
 * Everything alive that a record of ours is of has a number. While one is known by number only, it may be that;
 * to make sure takes a while, and is done for some.
 */
static bool is_dead(struct keeper *keeper, const struct netns_id *id)
{
	_cleanup_close_ int fd = -1;

	if (!netns_search_unresolved(watch_spaces(keeper->watch)))
		return true;
	return keeper->sought++ < SOUGHT_MOST && netns_find(id, &fd) == -ENOENT;
}

/* What a record says is on its device; one whose place is gone is dropped. */
static int adopt(const struct ledger *ledger, void *data)
{
	struct keeper *keeper = data;
	struct netns_search *spaces = watch_spaces(keeper->watch);
	struct netns_entry *space = netns_same(&ledger->netns, &keeper->host.id)
					    ? &keeper->host
					    : netns_search_by_id(spaces, &ledger->netns);
	struct kept_device *device = space ? keeper_device(space, ledger->index) : NULL;
	struct watch_link link;
	const json_t *record;
	uint32_t has = 0;
	size_t i;

	if (ledger->is_past || (!space && is_dead(keeper, &ledger->netns)))
		return journal_kept_drop(ledger);
	if (space && !device && ledger->index &&
	    watch_ask(keeper->watch, space_is_host(space) ? NULL : space, ledger->index, &link) ==
		    -ENODEV)
		return journal_kept_drop(ledger);
	json_array_foreach(ledger->changes, i, record)
		has |= MITIGATION_BIT(guard_mitigation_of(record));
	if (!device)
		return 0;
	device->is_recorded = true;
	device->has = has;
	return 0;
}

void keeper_adopt(struct keeper *keeper)
{
	keeper->sought = 0;
	if (journal_kept_each(adopt, keeper))
		tell(keeper->settings.teller, NEWS_TROUBLE, LOG_ERR, NULL, NULL, 0, 0,
		     "%s: this record cannot be read and is left alone, the others are taken over",
		     fail_text());
}
