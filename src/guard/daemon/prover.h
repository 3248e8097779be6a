/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves beside the daemon's work: a child process finds what helps here (guard/proof.h), writes
 * the policy, reports and exits. It also ends when the daemon does.
 */
#ifndef TRUESUM_GUARD_DAEMON_PROVER_H
#define TRUESUM_GUARD_DAEMON_PROVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"

struct loop;
struct prover;

struct prover_report {
	int rc; /* -errno: the proof failed; see `text` */
	enum verdict verdict; /* of all containers, with what is put on */
	size_t targets; /* containers that were probed */
	size_t found; /* of these, with a verdict other than unknown and blocked */
	size_t kept; /* of these, with a mitigation */
	bool written; /* the policy was */
	double seconds;
	/* What went wrong; or the first container that cannot be protected, and why. */
	char text[240];
};

typedef void (*prover_done_fn)(void *owner, const struct prover_report *report);

/*
 * Starts a proof; `done` is called once, when it has ended or failed. The policy is written to
 * `path`. -errno with a sentence.
 */
int prover_start(struct loop *loop, const char *path, prover_done_fn done, void *owner,
		 struct prover **ret_prover);

/* Ends a proof that still runs, without calling `done`. */
void prover_free(struct prover *prover);

#endif
