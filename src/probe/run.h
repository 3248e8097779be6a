/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A probe of many targets through one gate: their exchanges run side by side on one event loop. The
 * namespace this thread is in plays the host.
 */
#ifndef TRUESUM_PROBE_RUN_H
#define TRUESUM_PROBE_RUN_H

#include "probe/gate.h"
#include "probe/judge.h"
#include "probe/reach.h"

#define PROBE_CHECKS_MAX 16
#define PROBE_TARGETS_MAX 5000

struct inventory;

/* One check of one target, over one family. */
struct probe_check {
	const struct check *check;
	int family;
	uint32_t number; /* of its exchange; the last one if it was repeated */
	struct judgement in, out;
	struct peer_evidence evidence;
	struct judge_astray astray; /* of its last exchange */
	bool is_led; /* its answers are led to the target (gate_lead_answers()) */
};

struct probe_target {
	size_t space; /* number in the inventory */
	bool isolated; /* it has no device but lo: nothing enters it, nothing was tried */
	char vanished[160]; /* why it could not be probed at all; empty: it could */
	struct reach reach_v4, reach_v6; /* its way to the gate */
	char no_v4[160], no_v6[160]; /* why nothing of this family was tried; empty: it was */
	bool cut_off; /* it has an address of such a family, but no way to the gate */
	struct probe_check check[PROBE_CHECKS_MAX];
	size_t check_count;
	enum verdict verdict; /* of all its checks */
};

struct probe {
	struct probe_target *target; /* in the order they were asked for */
	size_t target_count;
	enum verdict verdict; /* of all targets */
	bool no_drop_reasons; /* the kernel's drop reasons are not known: counters tell instead */
	/* frames to the peer that belong to no exchange, and so were ignored */
	uint64_t foreign;
	unsigned int repeats; /* exchanges that were made again, as the first one proved nothing */
	double seconds;
};

struct probe_settings {
	struct gate_settings gate;
	/* Give up all of the process's capabilities that are not needed after the set-up. */
	bool give_up_privilege;
	/* Called when a target is done; may be NULL. */
	void (*progress)(void *owner, size_t done, size_t count);
	void *owner;
};

/*
 * Probes the spaces of the inventory with these numbers. The caller frees the result with
 * probe_release(). -errno with a sentence if nothing could be tried (gate_open()'s, -E2BIG); -EINTR
 * if a signal ended it. The gate is closed in every case.
 */
int probe_run(const struct probe_settings *settings, const struct inventory *inventory,
	      const size_t *spaces, size_t count, struct probe *ret_probe);
void probe_release(struct probe *probe);

/* Whether others got packets of the check, so that it proves nothing. */
bool probe_is_astray(const struct probe_check *check);

#endif
