/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree as a graph for Graphviz: a cluster for each namespace, what a finding is about in
 * colour.
 */
#ifndef TRUESUM_AUDIT_DOT_H
#define TRUESUM_AUDIT_DOT_H

#include <stdio.h>

#include "audit/tree.h"

void audit_dot(const struct audit_facts *facts, const struct audit_findings *findings,
	       const struct audit_tree *tree, FILE *out);

#endif
