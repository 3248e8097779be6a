/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run's cells as a table: a row is a way in (topology, protocol, NIC), a column is a behaviour
 * with a mitigation; IPv4 and IPv6 stand side by side in each place. Rows of one group stand
 * together: a group is a protocol and, if the run has several NIC models for a topology, a NIC
 * model.
 */
#ifndef TRUESUM_LAB_GRID_H
#define TRUESUM_LAB_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/run.h"

#define GRID_COLUMNS (BEHAVIOURS * MITIGATIONS)

enum grid_family { GRID_V4, GRID_V6, GRID_FAMILIES };

/* A row and column: a cell for each family, NULL if the run has none. */
struct grid_place {
	const struct lab_cell *cell[GRID_FAMILIES];
	/*
	 * both families have a cell, but their results differ (verdict, who caught the damage, or
	 * whether it was expected), so each needs its own text
	 */
	bool apart;
};

struct grid_row {
	const struct topology *topology;
	enum proto proto;
	enum nic nic;
	char heading
		[40]; /* of the group that this row opens: "TCP", "UDP, NIC lying"; else empty */
	struct grid_place place[GRID_COLUMNS]; /* the first `column_count` are used */
};

struct grid_column {
	enum behaviour behaviour;
	enum mitigation mitigation;
	char name[32]; /* "veth-2016 + rx-off" */
};

struct grid {
	struct grid_column columns[GRID_COLUMNS];
	size_t column_count;
	int column_of[BEHAVIOURS][MITIGATIONS]; /* index in `columns`; -1: the run has none */
	bool has_family[GRID_FAMILIES];
	bool proto_varies, nic_varies; /* then the groups have headings */
	struct lab_counts counts;
	size_t row_count;
	struct grid_row rows[];
};

/* The caller frees *ret_grid with free(); the cells must live as long. -ENOMEM, with a sentence. */
int grid_build(const struct lab_cell *cells, size_t count, struct grid **ret_grid);

/* "veth-2016 + rx-off", "native". */
void grid_column_name(enum behaviour behaviour, enum mitigation mitigation, char *text,
		      size_t size);

#endif
