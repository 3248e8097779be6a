/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What choose.c and candidate.c share. */
#ifndef TRUESUM_GUARD_PROOF_PART_H
#define TRUESUM_GUARD_PROOF_PART_H

#include "guard/proof.h"
#include "guard/explain.h"
#include "guard/mitigate.h"
#include "guard/spot.h"

#define ENDS_MAX 2 /* one a family */

enum where { AT_END, AT_HOST, AT_BOUNDARY, AT_TUNNELS };

struct chosen {
	struct guard_target *told;
	struct spot end[ENDS_MAX];
	size_t end_count;
	struct grievance grievance;
	bool is_host, was_bad;
	bool is_asked; /* by the next probe */
	bool is_on; /* the candidate is on it, for now */
};

/* A device of the host, or all of it. */
struct host_spot {
	struct spot spot;
	enum where where;
};

struct choice {
	const struct guard_settings *settings;
	const struct inventory *inventory;
	struct mitigator *mitigator;
	struct guard_result *result;
	struct chosen *target;
	size_t count;
	struct host_spot host[2 + POLICY_DEVICES_MAX];
	size_t host_count;
	size_t *spaces, *numbers; /* of a probe: its targets' spaces, and their numbers here */
	bool has_changed;
};

/* Probes the targets with `is_asked`, which none has afterwards; `trying`: for guard_settings.progress. */
int choice_probe(struct choice *choice, const char *trying);
int choice_probe_all(struct choice *choice, const char *trying);

/* Tries the candidates, keeps what helps, and takes off what a wider one has made idle. */
int candidates_try(struct choice *choice);

/* Puts on what is ordered by name. */
void candidates_order(struct choice *choice);

/* MITIGATION_BIT()s that are tried on a container's ends. */
uint32_t candidates_at_end(void);

#endif
