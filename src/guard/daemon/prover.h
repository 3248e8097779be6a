/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Proves beside the daemon's work: a child process finds what helps here (guard/proof.h), writes
 * the policy, reports and exits. It also ends when the daemon does, and at a deadline.
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
	int rc; /* -errno: the proof failed, -ETIMEDOUT: at the deadline; see `text` */
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

struct prover_settings {
	const char *policy; /* path: where the policy is written */
	uint64_t limit_ns; /* a child that still runs then is killed */
	prover_done_fn done; /* called once, when the child has ended */
	void *owner;
};

/* Starts a proof. -errno with a sentence. */
int prover_start(struct loop *loop, const struct prover_settings *settings,
		 struct prover **ret_prover);

/* Whether the child was killed a while ago and has still not ended: it hangs in the kernel. */
bool prover_is_stuck(const struct prover *prover);

/* Ends a proof that still runs, without calling `done`. */
void prover_free(struct prover *prover);

#endif
