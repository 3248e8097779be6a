/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the narrowest mitigation that is proven to help: probes the targets, puts the narrowest
 * possible mitigation on those that deliver damage, probes again, and keeps what improved a
 * verdict. If nothing helps, the result says why, and all that may help is put on. A target that
 * could not be probed is `unknown`, and gets nothing unless it is ordered by name.
 */
#ifndef TRUESUM_GUARD_PROOF_H
#define TRUESUM_GUARD_PROOF_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"
#include "guard/policy.h"
#include "probe/gate.h"

struct inventory;

struct proof_settings {
	struct gate_settings gate; /* how to probe: --via, --as-if */
	/* MITIGATION_BIT()s to put on, helpful or not; 0: find what helps. */
	uint32_t ordered;
	const char *tunnels[POLICY_DEVICES_MAX]; /* devices of the host that tx-off may be put on */
	size_t tunnel_count;
	/*
	 * An earlier policy, or NULL: its rows stay for kinds and devices that this run does not
	 * see.
	 */
	const struct policy *policy;
	/*
	 * Where to write the new policy; NULL: nowhere. If that fails, the run takes back what it
	 * put on.
	 */
	const char *policy_file;
	bool only_with_verdict; /* no policy is written if no container has a verdict */
	/* Called before each probe with what is being tried, NULL at first; may be NULL. */
	void (*progress)(void *owner, const char *trying, size_t targets);
	void *owner;
};

/* What happened to one target. */
struct proof_target {
	size_t space; /* number in the inventory */
	char device[IFNAMSIZ]; /* its device that leads outside; empty: none, or the host */
	char device_v6[IFNAMSIZ]; /* the one for IPv6 if it is another; else empty */
	bool isolated; /* it has no device but lo: nothing was tried, and it does not count */
	enum verdict before, after;
	uint32_t kept; /* MITIGATION_BIT()s on its devices now, by this or an earlier run */
	uint32_t tried; /* those that did not help */
	/* What somebody else set in it, so that it proves nothing of others; empty: nothing. */
	char others[120];
	char reason[400]; /* why it is not verified; empty if it is */
};

struct proof_result {
	struct proof_target *target;
	size_t target_count;
	struct policy policy; /* for new containers of this host */
	enum verdict verdict; /* the worst of all targets, afterwards */
	size_t containers, found; /* targets that are not the host; of these, with a verdict */
	bool written; /* the policy was */
	unsigned int problems; /* how many ordered mitigations could not be put on */
	char problem[400]; /* the first of them; empty: none */
	unsigned int probes;
	double seconds;
};

/*
 * Proves. -errno with a sentence if no verdict could be found; then everything this run put on is
 * taken back, and what earlier runs put on stays; the sentence says what could not be taken back.
 * Waits while another process proves. *ret_result: proof_result_release().
 */
int proof_run(const struct proof_settings *settings, struct inventory *inventory,
	      const size_t *spaces, size_t count, struct proof_result *ret_result);
void proof_result_release(struct proof_result *result);

/*
 * What proof_run() would try, or put on if it is ordered, on a target's own devices, if that is
 * needed.
 */
struct proof_plan {
	char device[IFNAMSIZ], device_v6[IFNAMSIZ]; /* as in struct proof_target */
	uint32_t mitigations;
};
void proof_plan(const struct proof_settings *settings, const struct inventory *inventory,
		size_t space, struct proof_plan *ret_plan);

#endif
