// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Puts mitigations on and takes them off: see mitigate.h.
 *
 * The table has a function for each mitigation that puts it on, recording the former state, and one
 * that tells whether it is in force. Everything else about a mitigation is in guard/catalog.h.
 */
#include "guard/mitigate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "bpf/mark.h"
#include "guard/catalog.h"
#include "net/inventory.h"
#include "net/journal.h"
#include "net/ledger.h"

/*
 * `corrupt --vouch` takes the first free priority from 1 on. The reset must run after it, to take
 * its claim back, and before programs that end the chain.
 */
#define RESET_PRIORITY 2

#define CONNTRACK_CHECKSUM "net/netfilter/nf_conntrack_checksum"

/* ---- One mitigation ---- */

static int put_rx_off(struct mitigator *mitigator, struct journal *journal)
{
	(void)mitigator;
	return journal_feature(journal, "rx-checksum", false);
}

static int holds_rx_off(const struct journal *journal, bool *ret_holds)
{
	bool on;
	int rc = journal_feature_get(journal, "rx-checksum", &on);

	if (!rc)
		*ret_holds = !on;
	return rc;
}

static int load_reset(struct mitigator *mitigator)
{
	return mitigator->reset_fd < 0 ? mark_load_reset(&mitigator->reset_fd) : 0;
}

static int put_reset(struct mitigator *mitigator, struct journal *journal)
{
	int rc = load_reset(mitigator);

	return rc ? rc
		  : journal_bpf(journal, TC_INGRESS, RESET_PRIORITY, mitigator->reset_fd,
				mark_names[MARK_RESET]);
}

static int holds_reset(const struct journal *journal, bool *ret_holds)
{
	*ret_holds = journal_has_bpf(journal, TC_INGRESS, mark_names[MARK_RESET]);
	return 0;
}

static int put_conntrack_checksum(struct mitigator *mitigator, struct journal *journal)
{
	(void)mitigator;
	return journal_sysctl(journal, CONNTRACK_CHECKSUM, "1");
}

static int holds_conntrack_checksum(const struct journal *journal, bool *ret_holds)
{
	char now[SYSCTL_SIZE];
	int rc = netns_sysctl_read(journal_netns(journal), CONNTRACK_CHECKSUM, now);

	if (!rc)
		*ret_holds = strcmp(now, "0") != 0;
	return rc;
}

/* A device has the feature for all protocols, or one for each family. */
static const char *const tx_features[] = { "tx-checksum-ip-generic", "tx-checksum-ipv4",
					   "tx-checksum-ipv6" };

static int put_tx_off(struct mitigator *mitigator, struct journal *journal)
{
	int first = 0;

	(void)mitigator;
	for (size_t i = 0; i < ARRAY_SIZE(tx_features); i++) {
		int rc = journal_feature(journal, tx_features[i], false);

		first = first ? first : rc;
	}
	return first;
}

static int holds_tx_off(const struct journal *journal, bool *ret_holds)
{
	bool any = false, on;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(tx_features); i++) {
		on = false;
		rc = journal_feature_get(journal, tx_features[i], &on);
		any |= on;
	}
	if (!rc)
		*ret_holds = !any;
	return rc;
}

static const struct {
	int (*put)(struct mitigator *mitigator, struct journal *journal);
	int (*holds)(const struct journal *journal, bool *ret_holds);
	int (*load)(struct mitigator *mitigator); /* what `put` needs; NULL: nothing */
} actions[MITIGATIONS] = {
	[MITIGATION_RX_OFF] = { put_rx_off, holds_rx_off, NULL },
	[MITIGATION_RESET] = { put_reset, holds_reset, load_reset },
	[MITIGATION_CONNTRACK_CHECKSUM] = { put_conntrack_checksum, holds_conntrack_checksum,
					    NULL },
	[MITIGATION_TX_OFF] = { put_tx_off, holds_tx_off, NULL },
};

int mitigate_ready(struct mitigator *mitigator, uint32_t mitigations)
{
	int rc = 0;

	for (unsigned int i = MITIGATION_NONE + 1; !rc && i < MITIGATIONS; i++)
		if (mitigations & MITIGATION_BIT(i) && actions[i].load)
			rc = actions[i].load(mitigator);
	return rc;
}

void mitigate_release(struct mitigator *mitigator)
{
	cleanup_close(&mitigator->reset_fd);
	mitigator->reset_fd = -1;
}

void mitigate_reset_tag(struct mitigator *mitigator, uint8_t ret_tag[8])
{
	memset(ret_tag, 0, 8);
	if (!load_reset(mitigator))
		mark_tag(mitigator->reset_fd, ret_tag);
}

static void trace_place(const struct journal_place *place, const char *what, int rc)
{
	trace("guard", "%s: %s%s%s: %s", what, place->device ? place->device : "",
	      place->device ? " of " : "", place->netns ? place->netns : "this namespace",
	      rc ? fail_text() : "done");
}

int mitigate_put(struct mitigator *mitigator, struct journal *journal,
		 const struct journal_place *place, enum mitigation mitigation)
{
	int rc = actions[mitigation].put(mitigator, journal);

	trace_place(place, mitigation_names[mitigation], rc);
	return rc;
}

/* ---- Several mitigations of one place ---- */

int mitigate_protect(struct mitigator *mitigator, const struct journal_place *place, uint32_t mask,
		     bool *ret_changed)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	int rc = journal_open_kept(place, &journal), first = 0;

	if (rc)
		return rc;
	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS; i++) {
		if (!(mask & MITIGATION_BIT(i)))
			continue;
		rc = mitigate_put(mitigator, journal, place, (enum mitigation)i);
		first = first ? first : rc;
	}
	if (ret_changed)
		*ret_changed = journal_has_changed(journal);
	return first;
}

int mitigate_in_force(const struct journal_place *place, uint32_t mask, uint32_t *ret_in_force)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	uint32_t in_force = 0;
	int rc = journal_open_kept(place, &journal);

	for (unsigned int i = MITIGATION_NONE + 1; !rc && i < MITIGATIONS; i++) {
		bool holds = false;

		if (mask & MITIGATION_BIT(i))
			rc = actions[i].holds(journal, &holds);
		in_force |= holds ? MITIGATION_BIT(i) : 0;
	}
	if (!rc)
		*ret_in_force = in_force;
	return rc;
}

static bool is_in_mask(const json_t *record, void *mask)
{
	return *(uint32_t *)mask & MITIGATION_BIT(catalog_of_record(record));
}

int mitigate_revert(const struct journal_place *place, uint32_t keep)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	int rc = journal_open_kept(place, &journal);

	if (rc)
		return rc;
	rc = keep ? journal_kept_undo_but(journal, is_in_mask, &keep)
		  : journal_close(TAKE_PTR(journal));
	trace_place(place, "taken off", rc);
	return rc;
}

/* ---- Trials ---- */

static struct journal_place place_of(const struct mitigate_trial *trial)
{
	return (struct journal_place){
		.netns_fd = trial->netns->own ? -1 : trial->netns->fd,
		.netns = trial->netns->own ? NULL : trial->netns->name,
		.device = trial->index ? trial->device : NULL,
		.index = trial->index,
	};
}

static int open_trial(struct mitigate_trial *trial, struct journal **ret_journal)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	const struct journal_place place = place_of(trial);
	const json_t *record;
	size_t i;
	int rc = journal_open_kept(&place, &journal);

	if (!rc && !trial->is_known)
		rc = journal_kept_ledger(journal, &ledger);
	if (rc)
		return rc;
	if (!trial->is_known) {
		trial->earlier_changes = json_array_size(ledger.changes);
		json_array_foreach(ledger.changes, i, record) {
			trial->earlier |= MITIGATION_BIT(catalog_of_record(record));
		}
		trial->is_known = true;
	}
	*ret_journal = TAKE_PTR(journal);
	return 0;
}

static int put_one(struct mitigate_trial *trial, struct mitigator *mitigator,
		   enum mitigation mitigation, bool *changed)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	const struct journal_place place = place_of(trial);
	size_t before, after = 0;
	char why[300];
	int rc = open_trial(trial, &journal);

	rc = rc ? rc : journal_kept_count(journal, &before);
	if (rc)
		return rc;
	rc = mitigate_put(mitigator, journal, &place, mitigation);
	if (rc) {
		snprintf(why, sizeof(why), "%s", fail_text());
		journal_kept_undo_to(journal, before);
		return fail(rc, "%s", why);
	}
	rc = journal_kept_count(journal, &after);
	if (rc)
		return rc;
	/*
	 * An earlier run's change that was no longer in force is made again, without a new record.
	 */
	if (after > before)
		trial->now |= MITIGATION_BIT(mitigation);
	*changed |= journal_has_changed(journal);
	return 0;
}

int mitigate_try(struct mitigate_trial *trial, struct mitigator *mitigator, uint32_t mask,
		 bool *ret_changed)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	const struct journal_place place = place_of(trial);
	bool changed = false;
	int rc = 0;

	if (!trial->is_known || trial->now & ~mask)
		rc = open_trial(trial, &journal);
	if (!rc && trial->now & ~mask) {
		rc = journal_kept_undo_to(journal, trial->earlier_changes);
		trace_place(&place, "taken off what this run put on", rc);
		trial->now = rc ? trial->now : 0;
	}
	journal_keep(TAKE_PTR(journal));
	for (unsigned int i = MITIGATION_NONE + 1; !rc && i < MITIGATIONS; i++)
		if (mask & ~trial->now & MITIGATION_BIT(i))
			rc = put_one(trial, mitigator, (enum mitigation)i, &changed);
	if (!rc && ret_changed)
		*ret_changed = changed;
	return rc;
}
