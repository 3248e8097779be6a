/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of what truesum changes on a device of the host, so that it is undone on every exit.
 *
 * A change is recorded before it is made, as one line of /run/truesum/PID.journal, on which its process
 * holds a lock. journal_close() undoes in reverse order and removes the file. After SIGKILL the lock is
 * gone while the file stays: the next run, or `truesum clean`, undoes it from there
 * (journal_recover()). Undoing a change that was recorded but not made, or whose device is gone, is
 * harmless.
 *
 * Network namespaces are recorded by identity, not by a path that may come to mean another one, and
 * devices by index, not by a name that may change. While the run lives it holds its namespace open, so
 * that it can always undo there. Afterwards the namespace is looked for (netns_search_find()). Where nothing
 * leads to it, it is dead in all likelihood, and took the changes with it; or a socket or a device of
 * somebody's keeps it alive where nobody can go. No later attempt could do better, so that is told once,
 * with what may remain, and the record dropped.
 *
 * Several runs may share a device: what only one may do at a time it claims, and a clsact of ours is
 * recorded by every run that uses it, so that the last one to end removes it. For this each run is alone
 * in /run/truesum (a lock on the folder) while it opens its journal, attaches, and undoes.
 *
 * What the lab makes is not recorded: it lies in unnamed namespaces (net/netns.h), which the kernel takes
 * away with the process.
 */
#ifndef TRUESUM_NET_JOURNAL_H
#define TRUESUM_NET_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "net/netns.h"
#include "net/tc.h"

struct journal;

/* The device that is changed, or the namespace itself. */
struct journal_place {
	int netns_fd; /* -1: this namespace */
	const char *netns; /* as the user named it; NULL: not at all */
	const char *device; /* its name now; NULL: the namespace itself */
	int index; /* 0: the namespace itself */
};

/* What is told of what dead processes left: a change undone, or a device out of reach. */
enum journal_news { JOURNAL_UNDONE, JOURNAL_LOST };
typedef void (*journal_say_fn)(enum journal_news news, const char *sentence);

struct journal_tally {
	unsigned int undone; /* changes */
	unsigned int lost; /* devices */
};

/*
 * Undoes what dead processes left, telling `say`, then starts a record of our own. -EBUSY with a sentence
 * where a living process has made the same claim on the place (NULL: no claim).
 */
int journal_open(const struct journal_place *place, const char *claim, journal_say_fn say,
		 struct journal **ret_journal);

/* Undoes everything recorded, latest first, and frees. Returns the first error; goes on in spite of it. */
int journal_close(struct journal *journal);

/*
 * Records the feature's present state, then sets it. Nothing happens where it has that state. -EOPNOTSUPP
 * where the device did not follow.
 */
int journal_feature(struct journal *journal, const char *feature, bool on);

int journal_feature_get(const struct journal *journal, const char *feature, bool *ret_on);

/* The same of a sysctl of the namespace ("net/netfilter/nf_conntrack_checksum"). -ENOENT: there is none. */
int journal_sysctl(struct journal *journal, const char *name, const char *value);

/*
 * Attaches a BPF program at a free priority from `from` on; the name marks it as ours: "tsum...". Adds
 * clsact where there is none; it is removed again unless somebody's filters use it then.
 */
int journal_bpf(struct journal *journal, enum tc_direction direction, uint16_t from, int prog_fd,
		const char *name);

/* A VXLAN device's permanent forwarding entry (vxlan_fdb_add()), and a permanent neighbour (link_neigh_add()). */
int journal_fdb(struct journal *journal, const uint8_t mac[6], const char *to, int by);
int journal_neighbour(struct journal *journal, const char *address, const uint8_t mac[6]);

/* The namespace of its place (-1: this one); the journal's. */
int journal_netns(const struct journal *journal);

/* Undoes what dead processes left. `say` gets a sentence for each change undone and device lost. */
int journal_recover(journal_say_fn say, struct journal_tally *ret_tally);

/* ---- Kept journals: changes that stay when their process ends ---- */

/*
 * What `guard` changes is kept on purpose: /run/truesum/guard holds a journal for each place, which no run
 * takes for a dead one's. Opens the place's, new or with what it holds already; waits while another
 * process has it. What is recorded there is not recorded again: a change that is no longer in force is
 * made anew, its former value stays the first one.
 */
int journal_open_kept(const struct journal_place *place, struct journal **ret_journal);

/* Closes it; its changes stay. journal_close() undoes all of them, the earlier runs' too. */
void journal_keep(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal_keep, journal_keep)

/* Whether a filter that was recorded when it was opened is there still. */
bool journal_has_bpf(const struct journal *journal, enum tc_direction direction, const char *name);

/* Whether anything was set since it was opened. */
bool journal_has_changed(const struct journal *journal);

/* What it says now: ledger_free() (net/ledger.h). */
struct ledger;
int journal_kept_ledger(const struct journal *journal, struct ledger *ret_ledger);

/* How many changes it holds, and undoing those above such a number, latest first. */
int journal_kept_count(const struct journal *journal, size_t *ret_count);
int journal_kept_undo_to(struct journal *journal, size_t count);

/*
 * Undoes the changes that `keep` is false for, latest first, wherever they stand among the others; a clsact
 * stays as long as a BPF filter does. The others are in force all the time.
 */
int journal_kept_undo_but(struct journal *journal, bool (*keep)(const json_t *record, void *data),
			  void *data);

/*
 * Hands every kept journal's content to `fn`, which may call journal_kept_drop(); goes on after an error,
 * returns the first. 0 where there is none.
 */
typedef int (*journal_kept_fn)(const struct ledger *ledger, void *data);
int journal_kept_each(journal_kept_fn fn, void *data);

/*
 * Removes a kept journal whose place is gone (its device, its namespace, its boot): nothing is undone. One that
 * changed meanwhile stays.
 */
int journal_kept_drop(const struct ledger *ledger);

/* The same by the place itself; 0 where nothing is kept of it. */
int journal_kept_forget(const struct netns_id *netns, int index);

/* Whether journals can be kept here; -errno with a sentence. */
int journal_kept_ready(void);
/*
 * Alone among those who put changes on many places and take them back as one, until the descriptor is
 * closed; waits for another. Not needed to open a journal.
 */
int journal_kept_lock(int *ret_fd);

#endif
