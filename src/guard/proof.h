/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding the narrowest mitigation that is proven to help: probes, puts the narrowest that applies on what
 * delivers damage, probes again, and keeps only what changed a verdict. What nothing helps is told, with the
 * reason; what could not be probed is `unknown`, and nothing is put on it unless it was ordered by name.
 */
#ifndef TRUESUM_GUARD_PROOF_H
#define TRUESUM_GUARD_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"
#include "guard/policy.h"
#include "net/inventory.h"
#include "probe/gate.h"

struct guard_settings {
	struct gate_settings gate; /* how it is probed: --via, --as-if */
	uint32_t
		ordered; /* MITIGATION_BIT()s to be put on, helpful or not; 0: what is proven to help */
	const char *tunnels[POLICY_DEVICES_MAX]; /* devices of the host that tx-off may be put on */
	size_t tunnel_count;
	/* An earlier policy: what it has for kinds and devices of which this run sees none stays. May be NULL. */
	const struct policy *policy;
	/* Told before each probe: what is being tried, NULL at first; may be NULL. */
	void (*progress)(void *owner, const char *trying, size_t targets);
	void *owner;
};

/* What happened to one target. */
struct guard_target {
	size_t space; /* number in the inventory */
	char device
		[IFNAMSIZ]; /* its end, where it leads to the outside; empty: none, as of the host */
	char device_v6[IFNAMSIZ]; /* the one for IPv6, where that is another; empty */
	bool isolated; /* no device but lo: nothing was tried, it counts for nothing */
	enum verdict before, after;
	uint32_t kept; /* MITIGATION_BIT()s now on its devices by this or an earlier run */
	uint32_t tried; /* that did not help, and were taken off again */
	char reason[400]; /* why it is not protected or unknown; empty */
};

struct guard_result {
	struct guard_target *target;
	size_t target_count;
	struct policy policy; /* what new containers of this host are to get */
	enum verdict verdict; /* of all, afterwards */
	unsigned int problems; /* how often something ordered could not be put on */
	char problem[400]; /* the first time; empty */
	unsigned int probes;
	double seconds;
};

/*
 * What guard_apply() would try, or put on if it is ordered, on a target's own devices, without looking whether it is
 * needed.
 */
struct guard_plan {
	char device[IFNAMSIZ], device_v6[IFNAMSIZ]; /* as in struct guard_target */
	uint32_t mitigations;
};
void guard_plan(const struct guard_settings *settings, const struct inventory *inventory,
		size_t space, struct guard_plan *ret_plan);

/*
 * -errno with a sentence where nothing could be found out; what was changed by then is undone, but for what an
 * earlier run had put on. Waits while another one chooses. Writes no policy. *ret_result: guard_result_release().
 */
int guard_apply(const struct guard_settings *settings, struct inventory *inventory,
		const size_t *spaces, size_t count, struct guard_result *ret_result);
void guard_result_release(struct guard_result *result);

#endif
