// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report of `truesum guard cost` for people: what the choice costs, the table, what it means.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/term.h"
#include "cmd/guard/cost_report.h"

#define ELSEWHERE_MAX 0.1

static bool is_measured(const struct cost_measured *one)
{
	return !*one->skipped && one->row->mitigation != MITIGATION_NONE;
}

static bool is_chosen(const struct cost_report *report, const struct cost_measured *one)
{
	return report->has_policy && cost_row_is_chosen(one->row, &report->policy);
}

static const struct cost_measured *find(const struct cost_result *result, const char *path,
					enum mitigation mitigation)
{
	for (size_t i = 0; i < result->count; i++) {
		const struct cost_measured *one = &result->measured[i];

		if (is_measured(one) && one->row->mitigation == mitigation &&
		    !strcmp(one->row->path->name, path))
			return one;
	}
	return NULL;
}

/* What it costs, or where that is not measurable, might. */
static double at_most(const struct cost_measured *one)
{
	return one->cpu.measurable ? one->cpu.change.median : one->cpu.change.high;
}

/*
 * The row of this mitigation that costs most; a measurable cost comes before one that only might be
 * there. If `chosen`, looks at the chosen rows only. NULL: no such row was measured.
 */
static const struct cost_measured *worst_of(const struct cost_report *report,
					    enum mitigation mitigation, bool chosen)
{
	const struct cost_measured *worst = NULL;

	for (size_t i = 0; i < report->result.count; i++) {
		const struct cost_measured *one = &report->result.measured[i];

		if (!is_measured(one) || one->row->mitigation != mitigation ||
		    (chosen && !is_chosen(report, one)))
			continue;
		if (!worst || one->cpu.measurable > worst->cpu.measurable ||
		    (one->cpu.measurable == worst->cpu.measurable && at_most(one) > at_most(worst)))
			worst = one;
	}
	return worst;
}

/* Prints one decimal below 10 and none above it, then `unit`. */
static const char *percent(char text[16], double change, const char *unit)
{
	double value = 100 * change;

	if (!isfinite(value))
		snprintf(text, 16, "-");
	else
		snprintf(text, 16, "%+.*f%s", fabs(value) < 10 ? 1 : 0, value, unit);
	return text;
}

static void print_worst(const struct cost_measured *worst)
{
	char text[16];

	percent(text, at_most(worst), " %");
	if (worst->cpu.measurable)
		printf("up to %s CPU per byte (on %s)\n", text, worst->row->path->name);
	else
		printf("nothing measurable (under %s CPU per byte)\n", text);
}

static void print_verdict(const struct cost_report *report)
{
	bool any = false;

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++)
		any |= worst_of(report, (enum mitigation)i, true) != NULL;
	if (!any)
		printf("Nothing is chosen here, so nothing is paid. Each would cost:\n");
	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++) {
		const struct cost_measured *worst = worst_of(report, (enum mitigation)i, any);

		if (!worst)
			continue;
		if (any)
			printf("Chosen here: %s. It costs ",
			       mitigation_names[worst->row->mitigation]);
		else
			printf("  %-19s ", mitigation_names[worst->row->mitigation]);
		print_worst(worst);
	}
	printf("\n");
}

static const char *size_of(char text[16], double bytes)
{
	snprintf(text, 16,
		 bytes < 1000	 ? "%.0f"
		 : bytes < 10000 ? "%.1fk"
				 : "%.0fk",
		 bytes < 1000 ? bytes : bytes / 1000);
	return text;
}

static void print_packets(const struct cost_measured *one)
{
	char without[16], with[16], both[40];

	size_of(without, one->packet_bytes);
	size_of(with, one->packet_bytes_with);
	if (!strcmp(without, with))
		snprintf(both, sizeof(both), "%s", without);
	else
		snprintf(both, sizeof(both), "%s>%s", without, with);
	printf(" %9s", both);
}

static const char *change_or_nm(char text[16], const struct cost_figure *figure)
{
	return figure->measurable ? percent(text, figure->change.median, " %") : "n.m.";
}

static void print_row(const struct cost_report *report, const struct cost_measured *one, bool color)
{
	char change[16], low[16], high[16], range[40];

	printf("%c %-11s %-18s", is_chosen(report, one) ? '*' : ' ', one->row->path->name,
	       mitigation_names[one->row->mitigation]);
	if (*one->skipped) {
		printf(" not here: %s\n", one->skipped);
		return;
	}
	print_packets(one);
	snprintf(range, sizeof(range), "(%s..%s)", percent(low, one->cpu.change.low, ""),
		 percent(high, one->cpu.change.high, ""));
	printf(" %6.0f  %s%7s%s %-13s", one->cpu.without,
	       term_style(color, one->cpu.measurable ? TERM_WARN : TERM_PLAIN),
	       change_or_nm(change, &one->cpu), term_style(color, TERM_PLAIN), range);
	printf("  %6.0f %7s\n", one->throughput.without / 1e6,
	       change_or_nm(change, &one->throughput));
}

static void print_table(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;
	bool color = term_color(stdout);

	printf("%s                                  bytes a  CPU, ns per KiB                "
	       "  MB/s, busier thread\n"
	       "  path        mitigation            packet   base   change (99 %%)          base  "
	       "change%s\n",
	       term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < result->count; i++)
		print_row(report, &result->measured[i], color);
	printf("\n");
	for (size_t i = 0; i < result->count; i++)
		if (!i || result->measured[i].row->path != result->measured[i - 1].row->path)
			printf("  %-11s %s\n", result->measured[i].row->path->name,
			       result->measured[i].row->path->about);
}

/* What reset adds to packets that a NIC verified, beside its program alone and a sum alone. */
static void print_comparison(const struct cost_result *result)
{
	const struct cost_measured *both = find(result, "wire", MITIGATION_RESET),
				   *program = find(result, "wire-plain", MITIGATION_RESET);

	printf("Summing a KiB in software takes %.0f ns on this processor as kernels do it (%.0f ns with "
	       "%s).\n",
	       result->sum.portable, result->sum.chosen, result->sum.chosen_name);
	if (both && program && both->cpu.measurable && program->cpu.measurable)
		printf("reset adds %.0f ns per KiB on wire, where the container sums because of it, and %.0f on\n"
		       "wire-plain, where it sums anyway: so much is the program's, which runs once a packet.\n",
		       both->added.median, program->added.median);
}

static void print_notes(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;

	printf("\nbase: without the mitigation. change: the median of pairs, and where it lies with 99 %%. n.m.: "
	       "not\nmeasurable, for 0 lies there, or what the path beside itself (the first row) differs by.\n");
	if (report->has_policy)
		printf("*: chosen on this host.\n");
	print_comparison(result);
	printf("Unfinished sums (local) and what GRO has merged (wire-merged) nobody looks at, with reset or "
	       "rx-off;\ntx-off finishes and cuts all that leaves. rx-off at a real NIC is not measured: it "
	       "costs a sum.\n");
	if (!result->facts.two_processors)
		printf("Sender and receiver shared the one processor there is.\n");
	if (result->facts.elsewhere > ELSEWHERE_MAX)
		printf("%.0f %% of the traffic was carried in other contexts, whose CPU time is missing "
		       "above.\n",
		       100 * result->facts.elsewhere);
	printf("%u pairs a row, in %.0f s.\n", report->pairs, result->seconds);
}

void cost_print_text(const struct cost_report *report)
{
	print_verdict(report);
	print_table(report);
	print_notes(report);
}
