/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of what truesum changes on a device of the host, so that it is undone on every exit.
 *
 * A change is recorded before it is made, as one line of /run/truesum/PID.journal, on which its
 * process holds a lock. journal_close() undoes the changes in reverse order and removes the file.
 * After SIGKILL the lock is gone and the file stays: the next run, or `truesum clean`, undoes the
 * changes (journal_recover()). Undoing a change that was recorded but not made, or whose device is
 * gone, does no harm.
 *
 * Network namespaces are recorded by identity, because a path may lead to another one later, and
 * devices by index, because a name may change. A run holds its namespace open, so it can always
 * undo its changes. After SIGKILL the namespace is searched (netns_search_find()). If nothing leads
 * to it, it is most likely dead, and its devices with it; or a socket or a device keeps it alive
 * where no process can go. A later attempt would find no more, so this is reported once, with what
 * may remain, and the record is removed.
 *
 * Several runs may share a device. A run claims what only one may do at a time. A clsact of ours is
 * recorded by every run that uses it, so the last run to end removes it. Therefore each run locks
 * /run/truesum while it opens its journal, attaches, and undoes.
 *
 * The lab records nothing: it works in unnamed namespaces (net/netns.h), which the kernel removes
 * with the process.
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
	const char *netns; /* the user's name for it; NULL: none */
	const char *device; /* its name now; NULL: the namespace itself */
	int index; /* 0: the namespace itself */
};

/*
 * Whether this process waits for journals and folders that another process has locked (it does at
 * first), or fails with -EAGAIN: a process that must go on whatever another one does.
 */
void journal_set_waiting(bool waits);

/* What became of something that a dead process left: a change undone, or a device out of reach. */
enum journal_news { JOURNAL_UNDONE, JOURNAL_LOST };
typedef void (*journal_say_fn)(enum journal_news news, const char *sentence);

struct journal_tally {
	unsigned int undone; /* changes */
	unsigned int lost; /* devices */
};

/*
 * Undoes what dead processes left, reporting it to `say`, then starts a journal. -EBUSY with a
 * sentence if a living process has made the same claim on the place. `claim` NULL: no claim.
 */
int journal_open(const struct journal_place *place, const char *claim, journal_say_fn say,
		 struct journal **ret_journal);

/* Undoes all changes, latest first, and frees. Goes on after an error and returns the first one. */
int journal_close(struct journal *journal);

/*
 * Records the feature's present state, then sets it. Does nothing if the feature has that state
 * already. -EOPNOTSUPP if the device did not follow.
 */
int journal_feature(struct journal *journal, const char *feature, bool on);

int journal_feature_get(const struct journal *journal, const char *feature, bool *ret_on);

/*
 * The same for a sysctl of the namespace ("net/netfilter/nf_conntrack_checksum"). -ENOENT: there is
 * none.
 */
int journal_sysctl(struct journal *journal, const char *name, const char *value);

/*
 * Attaches a BPF program at the first free priority from `from` on; the name marks it as ours:
 * "tsum...". Adds clsact if there is none; undoing removes it unless filters of others use it by
 * then.
 */
int journal_bpf(struct journal *journal, enum tc_direction direction, uint16_t from, int prog_fd,
		const char *name);

/*
 * A VXLAN device's permanent forwarding entry (vxlan_fdb_add()), and a permanent neighbour
 * (link_neigh_add()).
 */
int journal_fdb(struct journal *journal, const uint8_t mac[6], const char *to, int by);
int journal_neighbour(struct journal *journal, const char *address, const uint8_t mac[6]);

/*
 * An address of a link between two (link_peer_add()), with its routes; it goes by itself after so
 * many seconds.
 */
int journal_address(struct journal *journal, const char *address, const char *peer,
		    uint32_t seconds);

/*
 * What the kernel may learn by itself while the run lasts: that a bridge finds `mac` by the device,
 * or a neighbour with `address` on it. One of the two is NULL.
 */
int journal_learned(struct journal *journal, const uint8_t mac[6], const char *address);

/* The namespace of its place (-1: this one); the descriptor stays the journal's. */
int journal_netns(const struct journal *journal);

/*
 * Undoes what dead processes left; `say` gets a sentence for each change undone and each device
 * lost.
 */
int journal_recover(journal_say_fn say, struct journal_tally *ret_tally);

/* ---- Kept journals: changes that stay when their process ends ---- */

/*
 * The changes of `guard` are kept on purpose: /run/truesum/guard holds a journal for each place,
 * which no run takes for a dead process's. Opens the place's journal, or makes it; waits while
 * another process has it open. A change that it holds already is not recorded again: if it is no
 * longer in force, it is made again, and the value recorded first remains the former one.
 */
int journal_open_kept(const struct journal_place *place, struct journal **ret_journal);

/* Closes it; its changes stay. (journal_close() undoes all of them, those of earlier runs, too.) */
void journal_keep(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal_keep, journal_keep)

/* Whether a filter that was recorded when the journal was opened is still attached. */
bool journal_has_bpf(const struct journal *journal, enum tc_direction direction, const char *name);

/* Whether anything was set since it was opened. */
bool journal_has_changed(const struct journal *journal);

/* What it says now; the caller's: ledger_free() (net/ledger.h). */
struct ledger;
int journal_kept_ledger(const struct journal *journal, struct ledger *ret_ledger);

/* How many changes it holds; undo those after the first `count`, latest first. */
int journal_kept_count(const struct journal *journal, size_t *ret_count);
int journal_kept_undo_to(struct journal *journal, size_t count);

/*
 * Undoes the changes for which `keep` returns false, latest first. A clsact stays as long as a BPF
 * filter does. The kept changes stay in force all the time.
 */
int journal_kept_undo_but(struct journal *journal, bool (*keep)(const json_t *record, void *data),
			  void *data);

/*
 * Calls `fn` with the content of each kept journal; `fn` may call journal_kept_drop(). Goes on
 * after an error and returns the first one. 0 if there is no journal.
 */
typedef int (*journal_kept_fn)(const struct ledger *ledger, void *data);
int journal_kept_each(journal_kept_fn fn, void *data);

/*
 * Removes a kept journal whose place is gone (its device, its namespace, its boot) and undoes
 * nothing. A journal that changed since it was read stays.
 */
int journal_kept_drop(const struct ledger *ledger);

/* The same by place; 0 if nothing is kept there. */
int journal_kept_forget(const struct netns_id *netns, int index);

/* 0 if journals can be kept here; -errno with a sentence. */
int journal_kept_ready(void);

/*
 * Locks out other processes that change many places as one transaction, until the descriptor is
 * closed; waits for them. Opening a journal does not need it.
 */
int journal_kept_lock(int *ret_fd);

#endif
