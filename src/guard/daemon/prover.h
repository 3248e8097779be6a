/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proving beside the daemon's work: a child probes and chooses (guard/choose.h), writes the policy, and
 * reports; it ends with the daemon, too.
 */
#ifndef TRUESUM_GUARD_DAEMON_PROVER_H
#define TRUESUM_GUARD_DAEMON_PROVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/vocabulary.h"

struct proof;

struct proof_report {
	int rc; /* -errno: nothing was found out; see `text` */
	enum verdict verdict; /* of all containers, with what is put on */
	size_t targets, found; /* containers that were probed; of them with a verdict */
	size_t kept; /* of them with a mitigation */
	bool written; /* the policy */
	double seconds;
	char text
		[240]; /* what went wrong, or the first container that cannot be protected, and why */
};

typedef void (*proof_done_fn)(void *owner, const struct proof_report *report);

/* Starts one; `done` is called when it has ended, however it did. `path`: where the policy is written. */
int proof_start(struct loop *loop, const char *path, proof_done_fn done, void *owner,
		struct proof **ret_proof);

/* Ends one that is running, without `done`. */
void proof_free(struct proof *proof);

#endif
