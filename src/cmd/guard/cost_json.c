// SPDX-License-Identifier: GPL-2.0-or-later
/* The report of `truesum guard cost` as one JSON object; its keys are in the man page. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/guard/cost_report.h"

/* JSON has no numbers beyond numbers. */
static json_t *real(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *estimate(const struct cost_estimate *estimate, double scale)
{
	return json_pack("{s:o, s:o, s:o}", "median", real(scale * estimate->median), "low",
			 real(scale * estimate->low), "high", real(scale * estimate->high));
}

static json_t *figure(const struct cost_figure *figure)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:b}", "pairs", (json_int_t)figure->pairs, "without",
			 real(figure->without), "with", real(figure->with), "change_percent",
			 estimate(&figure->change, 100), "measurable", figure->measurable);
}

static json_t *row(const struct cost_report *report, const struct cost_measured *one)
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
	json_object_set_new(json, "packet_bytes", real(one->packet_bytes));
	json_object_set_new(json, "packet_bytes_with", real(one->packet_bytes_with));
	json_object_set_new(json, "cpu_ns_per_kib", figure(&one->cpu));
	json_object_set_new(json, "added_ns_per_kib", estimate(&one->added, 1));
	json_object_set_new(json, "bytes_per_second", figure(&one->throughput));
	return json;
}

int cost_print_json(const struct cost_report *report)
{
	const struct cost_result *result = &report->result;
	json_auto_t *root = NULL;
	json_t *rows = json_array();
	struct utsname kernel;

	uname(&kernel);
	for (size_t i = 0; i < result->count; i++)
		json_array_append_new(rows, row(report, &result->measured[i]));
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
