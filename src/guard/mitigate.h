/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What helps against packets that are accepted unchecked, as rows of a table, and how it is put on a device
 * or a host. Whether it helps here only a probe can tell (guard/choose.h). Every change is kept in the
 * place's journal (net/journal.h) with its former value.
 */
#ifndef TRUESUM_GUARD_MITIGATE_H
#define TRUESUM_GUARD_MITIGATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/vocabulary.h"
#include "net/journal.h"

/* What a new container's device gets while nobody knows what helps here: all that can be put on it. */
#define GUARD_UNPROVEN (MITIGATION_BIT(MITIGATION_RX_OFF) | MITIGATION_BIT(MITIGATION_RESET))

/* Those of a mask, in order, with `between` between them ("rx-off, reset"); empty: none. Cut where `size` is too small. */
void guard_mitigation_words(uint32_t mask, const char *between, char *text, size_t size);

/* The same as an array of names; the caller's, NULL without memory. And back: -EBADMSG where it is none. */
json_t *guard_mitigations_compose(uint32_t mask);
int guard_mitigations_take(const json_t *names, uint32_t *ret_mask);

/* What it does, in a clause: "rx checksum offload off". */
const char *guard_mitigation_about(enum mitigation mitigation);

/* Whether it belongs on a host's whole network namespace, not on a device. */
bool guard_mitigation_is_of_host(enum mitigation mitigation);

/* Those that do not: a mask. */
uint32_t guard_mitigations_of_devices(void);

/* Which mitigation a record of a journal belongs to; MITIGATION_NONE: none of its own (a clsact). */
enum mitigation guard_mitigation_of(const json_t *record);

/* The BPF programs, loaded when first needed. */
struct mitigator;
int mitigator_new(struct mitigator **ret_mitigator);

/* Loads them now; -EOPNOTSUPP or -EPERM with a sentence where that cannot be. */
int mitigator_ready(struct mitigator *mitigator);
void mitigator_free(struct mitigator *mitigator);

/*
 * Puts a mitigation on the place of an open kept journal; nothing happens where it is in force. -EOPNOTSUPP
 * or -ENOENT with a sentence where it cannot be there: a device without the feature, a host without
 * connection tracking, a kernel without BPF.
 */
int mitigate(struct mitigator *mitigator, struct journal *journal, enum mitigation mitigation);

/*
 * Opens the place's journal, puts on all mitigations of the mask (MITIGATION_BIT()), and keeps it. The first error
 * is returned; the others are put on in spite of it. *ret_changed (may be NULL): something was changed.
 */
int guard_protect(struct mitigator *mitigator, const struct journal_place *place, uint32_t mask,
		  bool *ret_changed);

/* Undoes everything that is kept of the place. 0 where nothing is. */
int guard_unprotect(const struct journal_place *place);

/* Which of the mask are in force on the place, by whomever; of resets only ours. -ENODEV: the device is gone. */
int guard_in_force(const struct journal_place *place, uint32_t mask, uint32_t *ret_in_force);

#endif
