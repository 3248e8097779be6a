/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run's cells laid out for people: a row a way in (topology, protocol, NIC), a column a behaviour
 * with a mitigation, IPv4 and IPv6 side by side in each place. Rows of one group stand together; a
 * group is a protocol and, where the run varies it for any topology, a NIC model.
 */
#ifndef TRUESUM_LAB_GRID_H
#define TRUESUM_LAB_GRID_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/run.h"

#define GRID_COLUMNS (BEHAVIOURS * MITIGATIONS)

enum grid_family { GRID_V4, GRID_V6, GRID_FAMILIES };

/* What stands in one row and column: a cell a family, NULL where the run has none. */
struct grid_place {
	const struct lab_cell *cell[GRID_FAMILIES];
};

struct grid_row {
	const struct topology *topology;
	enum proto proto;
	enum nic nic;
	bool opens_group;
	struct grid_place place[GRID_COLUMNS]; /* the first `column_count` are used */
};

struct grid_column {
	enum behaviour behaviour;
	enum mitigation mitigation;
};

struct grid {
	struct grid_row *rows;
	size_t row_count;
	struct grid_column columns[GRID_COLUMNS];
	size_t column_count;
	bool has_family[GRID_FAMILIES];
	bool proto_varies, nic_varies; /* then the groups have headings */
};

/* The cells must outlive the grid. */
int grid_build(const struct lab_cell *cells, size_t count, struct grid *ret_grid);
void grid_free(struct grid *grid);

/* The two cells are told in one text: judged alike, caught by the same, both or neither as known. */
bool grid_agree(const struct grid_place *place);

/* "veth-2016 + rx-off". */
void grid_column_name(const struct grid_column *column, char *text, size_t size);

/* The heading of the group that the row opens: "TCP", "UDP, NIC: lying". Empty where there is one group. */
void grid_group_name(const struct grid *grid, const struct grid_row *row, char *text, size_t size);

/* Which column has this behaviour and mitigation; -1 where the run has none. */
int grid_column_of(const struct grid *grid, enum behaviour behaviour, enum mitigation mitigation);

#endif
