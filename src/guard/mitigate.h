/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts mitigations on a device or a host, and takes them off. Only a probe can tell whether one
 * helps (guard/proof.h). Each change is kept in the place's journal (net/journal.h) with the former
 * value, so that it can be taken back later, by another process, too.
 */
#ifndef TRUESUM_GUARD_MITIGATE_H
#define TRUESUM_GUARD_MITIGATE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vocabulary.h"

struct journal; /* net/journal.h */
struct journal_place; /* net/journal.h */
struct space; /* net/inventory.h */

/* The BPF program of `reset`, loaded when it is first needed. Starts as MITIGATOR_INIT. */
struct mitigator {
	int reset_fd; /* -1: not loaded yet */
};

#define MITIGATOR_INIT ((struct mitigator){ .reset_fd = -1 })

/*
 * Loads what the mitigations need, now. -EOPNOTSUPP or -EPERM with a sentence if that is not
 * possible.
 */
int mitigate_ready(struct mitigator *mitigator, uint32_t mitigations);
void mitigate_release(struct mitigator *mitigator);

/* The kernel's hash of the reset program's code, which it loads if necessary; zeros without one. */
void mitigate_reset_tag(struct mitigator *mitigator, uint8_t ret_tag[8]);

/*
 * Puts a mitigation on the place whose kept journal is open; does nothing if it is in force.
 * -EOPNOTSUPP or -ENOENT with a sentence if the place cannot have it: a device without the feature,
 * a host without connection tracking, a kernel without BPF.
 */
int mitigate_put(struct mitigator *mitigator, struct journal *journal,
		 const struct journal_place *place, enum mitigation mitigation);

/*
 * Opens the place's journal, puts on all mitigations of the mask, and keeps the journal. Goes on
 * after an error and returns the first. *ret_changed (may be NULL): whether anything was changed.
 */
int mitigate_protect(struct mitigator *mitigator, const struct journal_place *place, uint32_t mask,
		     bool *ret_changed);

/*
 * Takes back everything that is kept of the place but the mitigations of `keep`. 0 if nothing is.
 */
int mitigate_revert(const struct journal_place *place, uint32_t keep);

/*
 * Which mitigations of the mask are in force on the place, whoever put them on; a reset counts only
 * if it is ours. -ENODEV: the device is gone.
 */
int mitigate_in_force(const struct journal_place *place, uint32_t mask, uint32_t *ret_in_force);

/*
 * A place to try mitigations on: a container's end, a device of the host, its whole namespace. It
 * distinguishes what earlier runs put on, which stays, from what this run put on, which can be
 * taken back.
 */
struct mitigate_trial {
	const struct space *netns;
	char device[IFNAMSIZ]; /* empty: the namespace itself */
	char kind[16];
	int index;
	bool is_known; /* the next two are */
	size_t earlier_changes; /* in the journal */
	uint32_t earlier; /* MITIGATION_BIT()s of these */
	uint32_t now; /* MITIGATION_BIT()s that this run put on */
};

/*
 * Makes `mask` what this run has put on the place: takes back the others, puts on what is missing.
 * If putting one on fails, nothing of it stays. *ret_changed: whether something was put on that was
 * not in force.
 */
int mitigate_try(struct mitigate_trial *trial, struct mitigator *mitigator, uint32_t mask,
		 bool *ret_changed);

#endif
