/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A probe of many targets over one gate: all conversations side by side on one event loop, so many at a
 * time. The namespace this thread is in plays the host.
 */
#ifndef TRUESUM_PROBE_RUN_H
#define TRUESUM_PROBE_RUN_H

#include "base/loop.h"
#include "net/inventory.h"
#include "probe/judge.h"

#define PROBE_CHECKS_MAX 16
#define PROBE_TARGETS_MAX 5000 /* each conversation has a port of its own */

/* One check of one target. */
struct probe_check {
	const struct check *check;
	int family;
	struct judgement in, out;
	struct talk_evidence evidence;
};

struct probe_target {
	size_t space; /* number in the inventory */
	bool isolated; /* no device but lo: nothing enters it, nothing was tried */
	char vanished[160]; /* why it could not be probed at all; empty */
	unsigned int forwards; /* namespaces on its way to the gate that forward */
	char no_v4[160], no_v6[160]; /* why nothing of this family was tried; empty: it was */
	bool cut_off; /* one of them is no lack of an address: it has one, and no way to the gate */
	struct probe_check check[PROBE_CHECKS_MAX];
	size_t check_count;
	enum verdict verdict; /* of all its checks */
};

struct probe {
	struct probe_target *target; /* in the order asked for */
	size_t target_count;
	enum verdict verdict; /* of all targets */
	const char *
		no_drops; /* why drops could not be watched, or NULL; the counters answer instead */
	double seconds;
};

struct probe_settings {
	struct gate_settings gate;
	/* Told after each target that is through; may be NULL. */
	void (*progress)(void *owner, size_t done, size_t count);
	void *owner;
};

/*
 * Probes the spaces of the inventory with these numbers. -errno with a sentence where nothing could be
 * tried (gate_open()'s, -E2BIG); -EINTR where a signal ended it. Whatever happens, the gate is gone after.
 */
int probe_run(const struct probe_settings *settings, const struct inventory *inventory,
	      const size_t *spaces, size_t count, struct probe *ret_probe);
void probe_release(struct probe *probe);

#endif
