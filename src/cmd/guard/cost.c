// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard cost`: measures what each mitigation costs on this host (guard/cost/cost.h) and
 * prints a table, with a mark at the mitigations that the policy puts on.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/guard/guard.h"
#include "guard/cost/cost.h"
#include "guard/policy.h"

struct cost_report {
	struct cost_result result;
	struct policy policy;
	bool has_policy;
	unsigned int pairs;
};

/* ---- Text ---- */

/* A larger share of traffic that other contexts carried is reported. */
#define ELSEWHERE_MAX 0.1

static bool is_measured(const struct cost_measured *one)
{
	return !*one->skipped && one->row->mitigation != MITIGATION_NONE;
}

static bool is_chosen(const struct cost_report *report, const struct cost_measured *one)
{
	return report->has_policy && cost_row_is_chosen(one->row, &report->policy);
}

static const struct cost_measured *find_measured(const struct cost_result *result, const char *path,
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

/* The cost; if that is not measurable, the upper end of its range. */
static double cost_at_most(const struct cost_measured *one)
{
	return one->cpu.measurable ? one->cpu.change.median : one->cpu.change.high;
}

/*
 * Of all rows with the mitigation, or of the chosen ones, the one that costs most. A measurable
 * cost counts more than any that is not. NULL if there is no such row.
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
		    (one->cpu.measurable == worst->cpu.measurable &&
		     cost_at_most(one) > cost_at_most(worst)))
			worst = one;
	}
	return worst;
}

/* "+7.7 %", "+450 %"; "-" if there is no value. Returns `text`. */
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

	percent(text, cost_at_most(worst), " %");
	if (worst->cpu.measurable)
		printf("up to %s CPU per byte (on %s)\n", text, worst->row->path->name);
	else
		printf("under %s CPU per byte, not measurable\n", text);
}

static void print_cost_headline(const struct cost_report *report)
{
	bool any = false;

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++)
		any |= worst_of(report, (enum mitigation)i, true) != NULL;
	if (!any)
		printf("No mitigation is chosen on this host, so none costs anything. Each would cost:\n");
	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++) {
		const struct cost_measured *worst = worst_of(report, (enum mitigation)i, any);

		if (!worst)
			continue;
		if (any)
			printf("Chosen here: %s costs ", mitigation_names[worst->row->mitigation]);
		else
			printf("  %-19s ", mitigation_names[worst->row->mitigation]);
		print_worst(worst);
	}
	printf("\n");
}

static const char *bytes_words(char text[16], double bytes)
{
	snprintf(text, 16,
		 bytes < 1000	 ? "%.0f"
		 : bytes < 10000 ? "%.1fk"
				 : "%.0fk",
		 bytes < 1000 ? bytes : bytes / 1000);
	return text;
}

static void print_packet_sizes(const struct cost_measured *one)
{
	char without[16], with[16], both[40];

	bytes_words(without, one->packet_bytes);
	bytes_words(with, one->packet_bytes_with);
	if (!strcmp(without, with))
		snprintf(both, sizeof(both), "%s", without);
	else
		snprintf(both, sizeof(both), "%s>%s", without, with);
	printf(" %8s", both);
}

static const char *change_or_nm(char text[16], const struct cost_figure *figure)
{
	return figure->measurable ? percent(text, figure->change.median, " %") : "n.m.";
}

static void print_cost_row(const struct cost_report *report, const struct cost_measured *one,
			   bool color)
{
	char change[16], low[16], high[16], range[40];

	printf("%c %-11s %-18s", is_chosen(report, one) ? '*' : ' ', one->row->path->name,
	       mitigation_names[one->row->mitigation]);
	if (*one->skipped) {
		printf(" not measured: %s\n", one->skipped);
		return;
	}
	print_packet_sizes(one);
	snprintf(range, sizeof(range), "(%s..%s)", percent(low, one->cpu.change.low, ""),
		 percent(high, one->cpu.change.high, ""));
	printf(" %5.0f %s%6s%s %-12s", one->cpu.without,
	       term_style(color, one->cpu.measurable ? TERM_WARN : TERM_PLAIN),
	       change_or_nm(change, &one->cpu), term_style(color, TERM_PLAIN), range);
	printf(" %5.0f %6s\n", one->throughput.without / 1e6,
	       change_or_nm(change, &one->throughput));
}

static void print_cost_table(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;
	bool color = term_color(stdout);

	printf("%s%41s %-25s %5s\n  %-11s %-18s %8s %5s %6s %-12s %5s %6s%s\n",
	       term_style(color, TERM_BOLD), "bytes a", " CPU, ns per KiB", "MB/s", "path",
	       "mitigation", "packet", "base", "change", "(99 %)", "base", "change",
	       term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < result->count; i++)
		print_cost_row(report, &result->measured[i], color);
	printf("\n");
	for (size_t i = 0; i < result->count; i++)
		if (!i || result->measured[i].row->path != result->measured[i - 1].row->path)
			printf("  %-11s %s\n", result->measured[i].row->path->name,
			       result->measured[i].row->path->about);
}

/* What reset adds, and how much of that is its program; what it costs to sum once. */
static void print_comparison(const struct cost_result *result)
{
	const struct cost_measured *both = find_measured(result, "wire", MITIGATION_RESET),
				   *program = find_measured(result, "wire-plain", MITIGATION_RESET);

	printf("To sum a KiB takes %.0f ns here as kernels do it, %.0f ns with %s.\n",
	       result->sum.portable, result->sum.chosen, result->sum.chosen_name);
	if (both && program && both->cpu.measurable && program->cpu.measurable)
		printf("reset adds %.0f ns per KiB on wire, where it makes the container sum, and\n"
		       "%.0f ns on wire-plain, where the container sums anyway: that is the time of the\n"
		       "BPF program, which runs once a packet.\n",
		       both->added.median, program->added.median);
}

static void print_notes(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;

	printf("\nbase: without the mitigation. change: median of the pairs, and its 99 %% range.\n"
	       "n.m.: not measurable, as the range includes 0, or the change of the first row,\n"
	       "which compares the path with itself. MB/s: throughput of the busier thread.\n");
	if (report->has_policy)
		printf("*: the policy of this host puts it on.\n");
	print_comparison(result);
	printf("Even with reset or rx-off, no receiver verifies unfinished sums (local) or\n"
	       "packets that GRO merged (wire-merged). tx-off finishes every sum and splits\n"
	       "merged packets before they leave. rx-off on a real NIC is not measured: then the\n"
	       "host sums every packet once.\n");
	if (!result->facts.two_processors)
		printf("Sender and receiver shared the only available processor.\n");
	if (result->facts.elsewhere > ELSEWHERE_MAX)
		printf("The kernel carried %.0f %% of the traffic in other contexts: their CPU time is\n"
		       "missing above.\n",
		       100 * result->facts.elsewhere);
	printf("%u pairs of samples per row, in %.0f s.\n", report->pairs, result->seconds);
}

static void print_cost_text(const struct cost_report *report)
{
	print_cost_headline(report);
	print_cost_table(report);
	print_notes(report);
}

/* ---- JSON ---- */

/* null for what JSON cannot express: infinity, and no number. */
static json_t *real_json(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *estimate_json(const struct cost_estimate *estimate, double scale)
{
	return json_pack("{s:o, s:o, s:o}", "median", real_json(scale * estimate->median), "low",
			 real_json(scale * estimate->low), "high",
			 real_json(scale * estimate->high));
}

static json_t *figure_json(const struct cost_figure *figure)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:b}", "pairs", (json_int_t)figure->pairs, "without",
			 real_json(figure->without), "with", real_json(figure->with),
			 "change_percent", estimate_json(&figure->change, 100), "measurable",
			 figure->measurable);
}

static json_t *row_json(const struct cost_report *report, const struct cost_measured *one)
{
	const struct cost_row *row = one->row;
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:b}", "path", row->path->name, "about",
				 row->path->about, "mitigation", mitigation_names[row->mitigation],
				 "place", bench_place_names[row->place], "chosen",
				 report->has_policy && cost_row_is_chosen(row, &report->policy));

	json_object_set_new(json, "skipped",
			    *one->skipped ? json_string(one->skipped) : json_null());
	if (*one->skipped)
		return json;
	json_object_set_new(json, "packet_bytes", real_json(one->packet_bytes));
	json_object_set_new(json, "packet_bytes_with", real_json(one->packet_bytes_with));
	json_object_set_new(json, "cpu_ns_per_kib", figure_json(&one->cpu));
	json_object_set_new(json, "added_ns_per_kib", estimate_json(&one->added, 1));
	json_object_set_new(json, "bytes_per_second", figure_json(&one->throughput));
	return json;
}

/* -errno with a sentence. */
static int print_cost_json(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;
	json_auto_t *root = NULL;
	json_t *rows = json_array();
	struct utsname kernel;

	uname(&kernel);
	for (size_t i = 0; i < result->count; i++)
		json_array_append_new(rows, row_json(report, &result->measured[i]));
	root = json_pack("{s:s, s:s, s:s, s:b, s:i, s:f, s:b, s:f, s:{s:f, s:f, s:s}, s:o}",
			 "command", "guard cost", "version", TRUESUM_VERSION, "kernel",
			 kernel.release, "policy", report->has_policy, "pairs", (int)report->pairs,
			 "seconds", result->seconds, "two_processors", result->facts.two_processors,
			 "elsewhere", result->facts.elsewhere, "sum_ns_per_kib", "words",
			 result->sum.portable, "fastest", result->sum.chosen, "variant",
			 result->sum.chosen_name, "rows", rows);
	if (!root)
		return fail(-ENOMEM, "out of memory");
	if (json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0 ||
	    putchar('\n') == EOF || fflush(stdout) == EOF)
		return fail(-EIO, "cannot write the output");
	return 0;
}

/* ---- The command ---- */

struct cost_options {
	uint64_t pairs;
	bool json, dry_run;
};

static int parse_cost(int argc, char **argv, struct cost_options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_NUMBER, .name = "pairs", .value = "N", .target = &options->pairs,
		  .min = COST_PAIRS_MIN, .max = COST_PAIRS_MAX,
		  .help = "pairs of samples for each row, 8 to 1000 (default 100)" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &options->dry_run,
		  .help = "show what would be measured, and do nothing" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard cost",
		.synopsis = "[OPTION]...",
		.about =
			"Measures what each mitigation costs on this host, in throughput and in CPU time per byte.\n"
			"Sends traffic of its own over veth paths, in network namespaces that end with the process,\n"
			"and changes nothing on the host. Marks what guard apply has chosen here.",
		.epilog = "Example: tighter ranges, in about half a minute\n"
			  "  truesum guard cost --pairs 250",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc >= 0 && options->dry_run && options->json) {
		fprintf(stderr,
			"truesum guard cost: --dry-run prints text only: leave out --json\n");
		rc = -EINVAL;
	}
	return rc;
}

static void print_cost_plan(unsigned int pairs)
{
	printf("In unnamed network namespaces this would measure, for about %.0f s:\n",
	       cost_seconds(pairs));
	for (size_t i = 0; i < cost_row_count; i++) {
		const struct cost_row *row = &cost_rows[i];

		printf("  %-12s %-19s", row->path->name, mitigation_names[row->mitigation]);
		if (row->mitigation == MITIGATION_NONE)
			printf(" the path compared with itself\n");
		else
			printf(" at the %s\n", bench_place_names[row->place]);
	}
	printf("Nothing was changed.\n");
}

static void show_cost_progress(void *owner, const struct cost_row *row, size_t number, size_t count)
{
	(void)owner;
	if (row)
		fprintf(stderr, "\r\033[Kmeasuring %zu of %zu: %s, %s", number + 1, count,
			row->path->name, mitigation_names[row->mitigation]);
	else
		fprintf(stderr, "\r\033[K");
}

/* Without a policy, or with an unreadable one, there is still a cost to measure. */
static void read_chosen_policy(struct cost_report *report)
{
	int rc = policy_read(POLICY_FILE, POLICY_ANY_KERNEL, &report->policy);

	report->has_policy = !rc;
	if (rc && rc != -ENOENT)
		fprintf(stderr, "truesum guard cost: %s\n", fail_text());
}

int guard_command_cost(int argc, char **argv)
{
	struct cost_report report = { 0 };
	struct cost_options options = { .pairs = COST_PAIRS_DEFAULT };
	struct cost_settings settings = { .progress = term_is(stderr) ? show_cost_progress : NULL };
	int rc = parse_cost(argc, argv, &options);

	if (rc < 0)
		return options_exit(rc);
	report.pairs = settings.pairs = (unsigned int)options.pairs;
	if (options.dry_run) {
		print_cost_plan(report.pairs);
		return EXIT_NOTHING_WRONG;
	}
	read_chosen_policy(&report);
	rc = cost_measure(&settings, &report.result);
	if (settings.progress)
		show_cost_progress(NULL, NULL, 0, 0);
	if (rc)
		return rc;
	if (options.json)
		return print_cost_json(&report);
	print_cost_text(&report);
	return EXIT_NOTHING_WRONG;
}
