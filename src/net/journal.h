/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of what truesum changes on the host, so that it is undone on every exit.
 *
 * A change is recorded before it is made, as one JSON line of /run/truesum/PID.journal, on which its
 * process holds a lock. journal_close() undoes in reverse order and removes the file. After SIGKILL
 * the lock is gone while the file stays: the next run, or `truesum clean`, undoes it from there
 * (journal_recover()). Undoing a change that was recorded but not made, or whose device or namespace
 * is gone, is harmless.
 *
 * Network namespaces are recorded by identity (device and inode), not by a path that may come to mean
 * another one. What the lab makes is not recorded: it lies in unnamed namespaces (net/netns.h), which
 * the kernel takes away with the process.
 */
#ifndef TRUESUM_NET_JOURNAL_H
#define TRUESUM_NET_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "net/tc.h"

struct journal;

/* Undoes what dead processes left, then starts a record of our own. */
int journal_open(struct journal **ret_journal);

/* Undoes everything recorded, latest first, and frees. Returns the first error; goes on in spite of it. */
int journal_close(struct journal *journal);
void journal_cleanup(struct journal **journal);

/* Records the feature's present state, then sets it. Nothing happens where it has that state. */
int journal_feature(struct journal *journal, int netns_fd, const char *device, const char *feature,
		    bool on);

/* Adds clsact where there is none; it is removed again unless somebody else's filters use it then. */
int journal_clsact(struct journal *journal, int netns_fd, const char *device);

/* Attaches a BPF program at a free priority from `from` on; the name marks it as ours: "tsum...". */
int journal_bpf(struct journal *journal, int netns_fd, const char *device,
		enum tc_direction direction, uint16_t from, int prog_fd, const char *name);

/*
 * Undoes what dead processes left. *ret_changes counts the changes undone; `say` (may be NULL) gets a
 * sentence for each.
 */
int journal_recover(void (*say)(const char *sentence), unsigned int *ret_changes);

#endif
