/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A place that mitigations are tried on: a container's end, a device of the host, its whole namespace. Knows
 * what an earlier run has put on, which stays, from what this one has, which it can take back.
 */
#ifndef TRUESUM_GUARD_SPOT_H
#define TRUESUM_GUARD_SPOT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/mitigate.h"
#include "net/inventory.h"

struct spot {
	const struct space *space; /* the inventory's */
	char device[IFNAMSIZ]; /* empty: the namespace itself */
	char kind[16];
	int index;
	bool is_known; /* `base` and `earlier` are */
	size_t base; /* changes of earlier runs */
	uint32_t earlier; /* MITIGATION_BIT()s of them */
	uint32_t now; /* of this one */
};

/* The namespace's device; of its whole namespace where `device` is NULL. */
struct spot spot_of(const struct space *space, const struct device *device);

/* What earlier runs have put there. */
int spot_look(struct spot *spot);

/* *ret_changed: it was not in force. On failure nothing of it stays. */
int spot_put(struct spot *spot, struct mitigator *mitigator, enum mitigation mitigation,
	     bool *ret_changed);

/* Takes back what this run has put on, but for the mask; and puts on what of it is not. */
int spot_set(struct spot *spot, struct mitigator *mitigator, uint32_t mask);

#endif
