// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Laying out the cells of a run: they are sorted, columns are those that occur, and each cell then
 * finds or opens its row. A run has some hundred cells at most, so rows are looked up by walking them.
 */
#include "lab/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "lab/topology.h"

static bool nic_differs(const struct lab_cell *cells, size_t count, const struct cell_key *key)
{
	for (size_t i = 0; i < count; i++)
		if (cells[i].key.topology == key->topology && cells[i].key.nic != key->nic)
			return true;
	return false;
}

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
		for (int mitigation = 0; mitigation < MITIGATIONS; mitigation++)
			if (seen[behaviour][mitigation])
				grid->columns[grid->column_count++] =
					(struct grid_column){ (enum behaviour)behaviour,
							      (enum mitigation)mitigation };
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

/* Gathers the rows of a group, in the order they have, behind the group's first. */
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
		grid->rows[i].opens_group = true;
		i = end - 1;
	}
}

int grid_build(const struct lab_cell *cells, size_t count, struct grid *ret_grid)
{
	_cleanup_free_ const struct lab_cell **sorted = NULL;
	struct grid grid = { 0 };
	int rc = lab_sort(cells, count, &sorted);

	if (rc)
		return rc;
	grid.rows = calloc(count ? count : 1, sizeof(grid.rows[0]));
	if (!grid.rows)
		return fail(-ENOMEM, "no memory to lay out %zu cells", count);
	find_axes(&grid, cells, count);
	for (size_t i = 0; i < count; i++) {
		const struct cell_key *key = &sorted[i]->key;
		int column = grid_column_of(&grid, key->behaviour, key->mitigation);

		row_of(&grid, key)->place[column].cell[key->family == AF_INET6] = sorted[i];
	}
	gather_groups(&grid);
	*ret_grid = grid;
	return 0;
}

void grid_free(struct grid *grid)
{
	free(grid->rows);
	grid->rows = NULL;
	grid->row_count = 0;
}

bool grid_agree(const struct grid_place *place)
{
	const struct cell_result *a, *b;

	if (!place->cell[GRID_V4] || !place->cell[GRID_V6])
		return true;
	a = &place->cell[GRID_V4]->result;
	b = &place->cell[GRID_V6]->result;
	return a->verdict == b->verdict && a->caught_by == b->caught_by &&
	       a->skipped == b->skipped &&
	       (a->has_expected && !a->as_expected) == (b->has_expected && !b->as_expected);
}

void grid_column_name(const struct grid_column *column, char *text, size_t size)
{
	if (column->mitigation == MITIGATION_NONE)
		snprintf(text, size, "%s", behaviour_names[column->behaviour]);
	else
		snprintf(text, size, "%s + %s", behaviour_names[column->behaviour],
			 mitigation_names[column->mitigation]);
}

void grid_group_name(const struct grid *grid, const struct grid_row *row, char *text, size_t size)
{
	static const char *const protos[PROTOS] = { "TCP", "UDP", "UDP without checksum" };

	text[0] = '\0';
	if (grid->nic_varies)
		snprintf(text, size, "%s, NIC %s", protos[row->proto], nic_names[row->nic]);
	else if (grid->proto_varies)
		snprintf(text, size, "%s", protos[row->proto]);
}

int grid_column_of(const struct grid *grid, enum behaviour behaviour, enum mitigation mitigation)
{
	for (size_t i = 0; i < grid->column_count; i++)
		if (grid->columns[i].behaviour == behaviour &&
		    grid->columns[i].mitigation == mitigation)
			return (int)i;
	return -1;
}
