/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's devices as a tree from the outside in: a NIC, the bond, bridge or VXLAN on it, a veth
 * that is its port, that veth's other end in a container, and so on inside. A namespace that no
 * device leads to is a root of its own.
 */
#ifndef TRUESUM_AUDIT_TREE_H
#define TRUESUM_AUDIT_TREE_H

#include "audit/facts.h"

struct audit_findings;

#define AUDIT_DEPTH_MAX 60

struct audit_row {
	struct audit_place place; /* device AUDIT_NONE: a namespace, whose devices follow */
	size_t parent; /* number of its row; AUDIT_NONE: this is a root */
	unsigned int depth;
	uint64_t rails; /* bit n: another row of depth n follows below */
	size_t more; /* not 0: this row stands for that many more rows like the last ones shown */
};

struct audit_tree {
	struct audit_row *row; /* in the order to print */
	size_t count;
	size_t bare; /* namespaces without a row, as they have no device but lo */
};

/*
 * Builds the tree, which the caller frees with audit_tree_release(). Unless `all` is set, more than
 * four siblings that are alike, with everything below them, are cut to two; names and addresses may
 * differ. -ENOMEM with a sentence.
 */
int audit_tree_build(const struct audit_facts *facts, const struct audit_findings *findings,
		     bool all, struct audit_tree *ret_tree);
void audit_tree_release(struct audit_tree *tree);

#endif
