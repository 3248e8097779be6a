// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A run's cells as a table: see grid.h. The columns are those that occur; each cell finds its row
 * or opens it, and rows of one group are then moved together. A run has some hundred cells at most,
 * so a walk finds a row.
 */
#include "lab/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fail.h"

static bool nic_differs(const struct lab_cell *cells, size_t count, const struct cell_key *key)
{
	for (size_t i = 0; i < count; i++)
		if (cells[i].key.topology == key->topology && cells[i].key.nic != key->nic)
			return true;
	return false;
}

static void add_column(struct grid *grid, enum behaviour behaviour, enum mitigation mitigation)
{
	struct grid_column *column = &grid->columns[grid->column_count];

	column->behaviour = behaviour;
	column->mitigation = mitigation;
	grid_column_name(behaviour, mitigation, column->name, sizeof(column->name));
	grid->column_of[behaviour][mitigation] = (int)grid->column_count++;
}

/* Finds the columns, and what varies between the cells. */
static void find_axes(struct grid *grid, const struct lab_cell *cells, size_t count)
{
	bool seen[BEHAVIOURS][MITIGATIONS] = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct cell_key *key = &cells[i].key;

		seen[key->behaviour][key->mitigation] = true;
		grid->has_family[key->family == AF_INET6] = true;
		grid->proto_varies |= key->proto != cells[0].key.proto;
		grid->nic_varies |= nic_differs(cells, count, key);
	}
	for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
		for (int mitigation = 0; mitigation < MITIGATIONS; mitigation++) {
			grid->column_of[behaviour][mitigation] = -1;
			if (seen[behaviour][mitigation])
				add_column(grid, (enum behaviour)behaviour,
					   (enum mitigation)mitigation);
		}
}

static struct grid_row *row_of(struct grid *grid, const struct cell_key *key)
{
	struct grid_row *row;

	for (size_t i = 0; i < grid->row_count; i++) {
		row = &grid->rows[i];
		if (row->topology == key->topology && row->proto == key->proto &&
		    row->nic == key->nic)
			return row;
	}
	row = &grid->rows[grid->row_count++];
	row->topology = key->topology;
	row->proto = key->proto;
	row->nic = key->nic;
	return row;
}

static bool same_group(const struct grid *grid, const struct grid_row *a, const struct grid_row *b)
{
	return a->proto == b->proto && (!grid->nic_varies || a->nic == b->nic);
}

static void name_group(const struct grid *grid, struct grid_row *row)
{
	static const char *const protos[PROTOS] = { "TCP", "UDP", "UDP without checksum" };

	if (grid->nic_varies)
		snprintf(row->heading, sizeof(row->heading), "%s, NIC %s", protos[row->proto],
			 nic_names[row->nic]);
	else if (grid->proto_varies)
		snprintf(row->heading, sizeof(row->heading), "%s", protos[row->proto]);
}

/* Moves the rows of each group, in their order, after the group's first. */
static void gather_groups(struct grid *grid)
{
	for (size_t i = 0; i < grid->row_count; i++) {
		size_t end = i;

		for (size_t j = i; j < grid->row_count; j++) {
			struct grid_row row = grid->rows[j];

			if (!same_group(grid, &grid->rows[i], &row))
				continue;
			for (size_t k = j; k > end; k--)
				grid->rows[k] = grid->rows[k - 1];
			grid->rows[end++] = row;
		}
		name_group(grid, &grid->rows[i]);
		i = end - 1;
	}
}

static bool cells_apart(const struct grid_place *place)
{
	const struct cell_result *a, *b;

	if (!place->cell[GRID_V4] || !place->cell[GRID_V6])
		return false;
	a = &place->cell[GRID_V4]->result;
	b = &place->cell[GRID_V6]->result;
	return a->verdict != b->verdict || a->caught_by != b->caught_by ||
	       a->skipped != b->skipped ||
	       (a->agreement == AGREEMENT_DIFFERS) != (b->agreement == AGREEMENT_DIFFERS);
}

int grid_build(const struct lab_cell *cells, size_t count, struct grid **ret_grid)
{
	struct grid *grid = calloc(1, sizeof(*grid) + count * sizeof(grid->rows[0]));

	if (!grid)
		return fail(-ENOMEM, "no memory to lay out %zu cells", count);
	grid->counts = run_count(cells, count);
	find_axes(grid, cells, count);
	for (size_t i = 0; i < count; i++) {
		const struct cell_key *key = &cells[i].key;
		int column = grid->column_of[key->behaviour][key->mitigation];
		struct grid_place *place = &row_of(grid, key)->place[column];

		place->cell[key->family == AF_INET6] = &cells[i];
		place->apart = cells_apart(place);
	}
	gather_groups(grid);
	*ret_grid = grid;
	return 0;
}

void grid_column_name(enum behaviour behaviour, enum mitigation mitigation, char *text, size_t size)
{
	if (mitigation == MITIGATION_NONE)
		snprintf(text, size, "%s", behaviour_names[behaviour]);
	else
		snprintf(text, size, "%s + %s", behaviour_names[behaviour],
			 mitigation_names[mitigation]);
}
