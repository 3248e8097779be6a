// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a whole run says: its headline and its conclusion, counted from the grid.
 *
 * A way in (a row) is judged in a column by its worst family: it delivers where IPv4 or IPv6 did, it is
 * blocked where one of them was, else it is verified; it does not count where neither could be judged.
 */
#include "cmd/lab/words.h"

#include <string.h>

#include "base/cleanup.h"
#include "lab/topology.h"
#include "packet/damage.h"

#define NAMES_MAX 5 /* ways listed by name; of more only the number is told */

/* The verdict of a row in a column, and who caught the damage. */
struct way {
	enum verdict verdict;
	enum caught_by caught_by;
};

struct tally {
	size_t judged;
	size_t by_verdict[VERDICTS];
	size_t by_catcher[CAUGHT_BYS];
};

static struct way way_of(const struct grid_place *place)
{
	struct way way = { VERDICT_UNKNOWN, CAUGHT_UNKNOWN };

	for (int family = 0; family < GRID_FAMILIES; family++) {
		const struct lab_cell *cell = place->cell[family];

		/* A family without a verdict says nothing about the path. */
		if (!cell || cell->result.verdict == VERDICT_UNKNOWN)
			continue;
		if (way.verdict == VERDICT_UNKNOWN ||
		    verdict_worse(way.verdict, cell->result.verdict) != way.verdict)
			way = (struct way){ cell->result.verdict, cell->result.caught_by };
	}
	return way;
}

static struct tally tally_column(const struct grid *grid, int column)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < grid->row_count; i++) {
		struct way way = way_of(&grid->rows[i].place[column]);

		tally.by_verdict[way.verdict]++;
		tally.judged += way.verdict != VERDICT_UNKNOWN;
		if (way.verdict == VERDICT_VERIFIED)
			tally.by_catcher[way.caught_by]++;
	}
	return tally;
}

typedef bool (*row_filter)(const struct grid_row *row, int column, int argument);

static bool row_has_verdict(const struct grid_row *row, int column, int verdict)
{
	return (int)way_of(&row->place[column]).verdict == verdict;
}

static bool row_caught_by(const struct grid_row *row, int column, int caught_by)
{
	struct way way = way_of(&row->place[column]);

	return way.verdict == VERDICT_VERIFIED && (int)way.caught_by == caught_by;
}

/* Delivered without the mitigation (column `base`), and with it (column) too. */
static bool row_not_cured(const struct grid_row *row, int column, int base)
{
	return row_has_verdict(row, base, VERDICT_DELIVERS_CORRUPT) &&
	       row_has_verdict(row, column, VERDICT_DELIVERS_CORRUPT);
}

/* A row's name, with what tells it from others of its topology. */
static void say_row(FILE *out, const struct grid *grid, const struct grid_row *row)
{
	fputs(row->topology->name, out);
	if (grid->proto_varies)
		fprintf(out, " %s", proto_names[row->proto]);
	if (grid->nic_varies)
		fprintf(out, " %s", nic_names[row->nic]);
}

/* The rows that pass: " (routed, bridge)". Nothing where there are none or too many to list. */
static void say_rows(FILE *out, const struct grid *grid, size_t most, const char *before,
		     row_filter passes, int column, int argument)
{
	size_t count = 0, said = 0;

	for (size_t i = 0; i < grid->row_count; i++)
		count += passes(&grid->rows[i], column, argument);
	if (!count || count > most)
		return;
	fprintf(out, " (%s", before);
	for (size_t i = 0; i < grid->row_count; i++) {
		if (!passes(&grid->rows[i], column, argument))
			continue;
		fputs(said++ ? ", " : "", out);
		say_row(out, grid, &grid->rows[i]);
	}
	fputc(')', out);
}

static void headline_native(FILE *out, const struct grid *grid, int column)
{
	struct tally tally = tally_column(grid, column);
	size_t bad = tally.by_verdict[VERDICT_DELIVERS_CORRUPT];

	if (!tally.judged) {
		fputs("nothing could be tried on this kernel as it is", out);
	} else if (!bad) {
		fprintf(out, "this kernel verifies on %s",
			tally.by_verdict[VERDICT_UNKNOWN] ? "every way in that could be tried"
			: tally.judged == 1		  ? "the way in that was tried"
							  : "every way in");
	} else if (bad * 2 < tally.judged) {
		fprintf(out, "this kernel verifies on %zu of %zu ways in", tally.judged - bad,
			tally.judged);
		say_rows(out, grid, 3, "not on ", row_has_verdict, column,
			 VERDICT_DELIVERS_CORRUPT);
	} else {
		fprintf(out, "this kernel delivers damaged data on %zu of %zu ways in", bad,
			tally.judged);
	}
}

static void headline_other(FILE *out, const struct grid *grid, int column)
{
	struct tally tally = tally_column(grid, column);
	char name[64];

	grid_column_name(&grid->columns[column], name, sizeof(name));
	if (grid->columns[column].behaviour == BEHAVIOUR_VETH_2016 &&
	    grid->columns[column].mitigation == MITIGATION_NONE)
		snprintf(name, sizeof(name), "the 2016 statement");
	if (!tally.judged)
		fprintf(out, "with %s nothing could be tried", name);
	else
		fprintf(out, "with %s %zu of %zu way%s deliver%s damaged data", name,
			tally.by_verdict[VERDICT_DELIVERS_CORRUPT], tally.judged,
			tally.judged == 1 ? "" : "s", tally.judged == 1 ? "s" : "");
}

void words_headline(FILE *out, const struct grid *grid, const struct lab_counts *counts)
{
	int native = grid_column_of(grid, BEHAVIOUR_NATIVE, MITIGATION_NONE);
	int unfixed = grid_column_of(grid, BEHAVIOUR_VETH_2016, MITIGATION_NONE);
	const char *between = "";

	if (counts->differing)
		fprintf(out, "DIFFERS from what is known in %zu cell%s: ", counts->differing,
			counts->differing == 1 ? "" : "s");
	else if (counts->as_known)
		fputs("As known: ", out);
	if (!counts->differing && !counts->as_known && !counts->no_expectation) {
		fputs("Could not find out: no cell could be judged.", out);
		return;
	}
	if (native >= 0) {
		headline_native(out, grid, native);
		between = "; ";
	}
	for (int i = 0; i < (int)grid->column_count; i++) {
		if (i == native || (i != unfixed && (native >= 0 || unfixed >= 0)))
			continue;
		fputs(between, out);
		headline_other(out, grid, i);
		between = "; ";
	}
	if (counts->unknown)
		fprintf(out, "; %zu cell%s could not be judged", counts->unknown,
			counts->unknown == 1 ? "" : "s");
	fputc('.', out);
}

void words_counts(FILE *out, const struct lab_counts *counts)
{
	const struct {
		size_t count;
		const char *name;
	} parts[] = {
		{ counts->as_known, "as known" },
		{ counts->differing, "differing" },
		{ counts->no_expectation, "of which nothing is known" },
		{ counts->unknown, "not judged" },
		{ counts->skipped, "skipped" },
	};
	const char *between = ": ";

	fprintf(out, "%zu cell%s", counts->cells, counts->cells == 1 ? "" : "s");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		/* Known, differing and skipped are told even when they are none. */
		if (!parts[i].count && (i == 2 || i == 3))
			continue;
		fprintf(out, "%s%zu %s", between, parts[i].count, parts[i].name);
		between = ", ";
	}
	fputc('.', out);
}

/* "; the others were caught by the container (11), by the host (nat, masquerade)". */
static void say_catchers(FILE *out, const struct grid *grid, int column)
{
	static const char *const catchers[CAUGHT_BYS] = {
		[CAUGHT_CONTAINER] = "the container itself",
		[CAUGHT_HOST] = "the host",
		[CAUGHT_RULE] = "a rule on the host",
		[CAUGHT_OUTER_UDP] = "the tunnel's outer checksum",
	};
	struct tally tally = tally_column(grid, column);
	const char *between = tally.by_verdict[VERDICT_DELIVERS_CORRUPT]
				      ? " On the others it was caught by "
				      : " The damage was caught by ";

	for (int who = 0; who < CAUGHT_BYS; who++) {
		if (!catchers[who] || !tally.by_catcher[who])
			continue;
		fprintf(out, "%s%s", between, catchers[who]);
		if (tally.by_catcher[who] > NAMES_MAX)
			fprintf(out, " (%zu ways)", tally.by_catcher[who]);
		else
			say_rows(out, grid, NAMES_MAX, "", row_caught_by, column, who);
		between = ", ";
	}
	if (*between == ',')
		fputc('.', out);
}

static void conclude_behaviour(FILE *out, const struct grid *grid, const struct lab_run *run,
			       enum behaviour behaviour)
{
	int column = grid_column_of(grid, behaviour, MITIGATION_NONE);
	struct tally tally;
	size_t bad;

	if (column < 0)
		return;
	tally = tally_column(grid, column);
	bad = tally.by_verdict[VERDICT_DELIVERS_CORRUPT];
	if (!tally.judged)
		return;
	if (behaviour == BEHAVIOUR_NATIVE)
		fprintf(out, " Linux %s as it is ", run->kernel);
	else
		fputs(" With the statement veth had until 2016 it ", out);
	if (tally.judged == 1)
		fprintf(out, "delivered %s on the one way in that was tried",
			bad ? "damaged data to the application" : "no damaged byte");
	else if (bad)
		fprintf(out, "delivered damaged data to the application on %zu of %zu ways in", bad,
			tally.judged);
	else
		fprintf(out, "delivered no damaged byte on any of %zu ways in", tally.judged);
	say_rows(out, grid, NAMES_MAX, "", row_has_verdict, column, VERDICT_DELIVERS_CORRUPT);
	fputc('.', out);
	say_catchers(out, grid, column);
	if (tally.by_verdict[VERDICT_BLOCKED]) {
		fprintf(out, " Nothing at all came through on %zu",
			tally.by_verdict[VERDICT_BLOCKED]);
		say_rows(out, grid, NAMES_MAX, "", row_has_verdict, column, VERDICT_BLOCKED);
		fputc('.', out);
	}
}

/* Why damage came through where no kernel could have noticed it. */
static void conclude_unnoticeable(FILE *out, const struct grid *grid, const struct lab_run *run)
{
	static const char *const nic_sentences[NICS] = {
		[NIC_LYING] =
			" A lying NIC vouches for every frame, damaged or not, and the kernel "
			"believes it.",
		[NIC_PARTIAL] =
			" Packets between containers of one host travel with their checksum "
			"unfinished: it is computed, if at all, over data damaged before, so "
			"that no kernel can notice.",
	};
	bool nics[NICS] = { 0 };
	bool nocheck = false;

	for (size_t i = 0; i < grid->row_count; i++)
		for (size_t column = 0; column < grid->column_count; column++)
			if (row_has_verdict(&grid->rows[i], (int)column,
					    VERDICT_DELIVERS_CORRUPT)) {
				nics[grid->rows[i].nic] = true;
				nocheck |= grid->rows[i].proto == PROTO_UDP_NOCHECK;
			}
	for (int nic = 0; nic < NICS; nic++)
		if (nics[nic] && nic_sentences[nic])
			fputs(nic_sentences[nic], out);
	if (nocheck)
		fputs(" UDP without a checksum carries nothing that could be verified.", out);
	if (damage_patterns[run->settings->damage.kind].unseen)
		fprintf(out,
			" The pattern %s leaves the checksum right: no kernel can notice it, and no "
			"mitigation helps.",
			damage_patterns[run->settings->damage.kind].name);
}

static void conclude_mitigation(FILE *out, const struct grid *grid, int column)
{
	const struct grid_column *with = &grid->columns[column];
	int base = grid_column_of(grid, with->behaviour, MITIGATION_NONE);
	size_t needed = 0, failed = 0;
	char name[64];

	if (with->mitigation == MITIGATION_NONE || base < 0 || !tally_column(grid, base).judged)
		return;
	for (size_t i = 0; i < grid->row_count; i++) {
		if (way_of(&grid->rows[i].place[column]).verdict == VERDICT_UNKNOWN)
			continue;
		needed += row_has_verdict(&grid->rows[i], base, VERDICT_DELIVERS_CORRUPT);
		failed += row_not_cured(&grid->rows[i], column, base);
	}
	grid_column_name(with, name, sizeof(name));
	if (!needed) {
		fprintf(out, " %s: nothing to stop.", name);
		return;
	}
	if (needed == 1)
		fprintf(out, " %s %s it on the one way that delivered", name,
			failed ? "did not stop" : "stopped");
	else if (needed == failed)
		fprintf(out, " %s stopped it on none of the ways that delivered", name);
	else
		fprintf(out, " %s stopped it on %zu of the %zu ways that delivered", name,
			needed - failed, needed);
	if (failed < needed)
		say_rows(out, grid, NAMES_MAX, "not on ", row_not_cured, column, base);
	fputc('.', out);
}

void words_conclusion(FILE *out, const struct grid *grid, const struct lab_run *run)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *sentences = open_memstream(&text, &len);

	if (!sentences)
		return;
	for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
		conclude_behaviour(sentences, grid, run, (enum behaviour)behaviour);
	for (size_t column = 0; column < grid->column_count; column++)
		conclude_mitigation(sentences, grid, (int)column);
	conclude_unnoticeable(sentences, grid, run);
	fclose(sentences);
	/* Each sentence begins with the blank that parts it from the one before. */
	fputs(*text == ' ' ? text + 1 : text, out);
}
