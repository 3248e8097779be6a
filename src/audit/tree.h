/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's devices as a tree from the outside in: a NIC, the bond, bridge or VXLAN on it, the
 * veth at that, its other end in a container, and so on in there. A namespace that no device leads
 * to is a root of its own.
 */
#ifndef TRUESUM_AUDIT_TREE_H
#define TRUESUM_AUDIT_TREE_H

#include "audit/rules.h"

#define AUDIT_DEPTH_MAX 60

struct audit_row {
	struct audit_place place; /* device AUDIT_NONE: a namespace, whose devices follow */
	size_t parent; /* row it hangs on; AUDIT_NONE: a root */
	unsigned int depth;
	uint64_t rails; /* bit n: at depth n another row of that level follows below */
	size_t more; /* not 0: this row stands for so many more that are like the last ones shown */
};

struct audit_tree {
	struct audit_row *row; /* in the order to print */
	size_t count;
	size_t lonely; /* namespaces without a row: they have no device but lo */
};

/*
 * Of siblings that are equal in everything but name and address, with all below them, more than
 * four are cut to two; with `all` nothing is.
 */
int audit_tree_build(const struct audit_facts *facts, const struct audit_findings *findings,
		     bool all, struct audit_tree *ret_tree);
void audit_tree_release(struct audit_tree *tree);

#endif
