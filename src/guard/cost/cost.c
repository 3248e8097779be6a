// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What mitigations cost: see cost.h.
 *
 * A pair is a sample without the mitigation and one with it, the second right behind the first, and which
 * comes first alternates: whatever else the machine does hits both, and drift cancels. Only the pairs' ratios
 * count. A row is one path with one flow; the mitigation is switched under it, as on a running host.
 *
 * A mitigation is measured where it can cost something, and where people expect that it does. Between
 * containers of one host sums are never finished, nor looked at (CHECKSUM_PARTIAL): there only tx-off makes
 * work. Of packets from a wire, verified by the NIC, reset makes the container sum every byte again; where no NIC
 * has, it does so anyway, and reset costs its program. What GRO has merged behind the NIC's claim is PARTIAL once more: reset does not reach it, and costs nothing. Verifying by
 * conntrack is a second pass, for the stack forgets its result when it forwards. tx-off on a tunnel cuts and
 * sums before the tunnel, so that each segment goes through it alone.
 */
#include "guard/cost/cost.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"

/* Short, for what disturbs lasts longer than a pair; a switch takes 0.1 ms. */
#define CPU_NS UINT64_C(2500000)
#define THROUGHPUT_NS UINT64_C(8000000)
#define WARM_NS UINT64_C(300000) /* after each switch, not counted */
#define SWITCH_NS UINT64_C(200000)
#define TOLERATED(ns) ((ns) + (ns) / 4)

enum { LOCAL, WIRE, UNVERIFIED, MERGED, SMALL, CONNTRACK, VXLAN, PATHS };

/* clang-format off */
static const struct cost_path paths[PATHS] = {
	[LOCAL] = { .name = "local", .about = "container to container, TCP in bulk" },
	[WIRE] = { .name = "wire", .about = "from a NIC that verifies, TCP in bulk",
		   .wire = true, .vouched = true },
	[UNVERIFIED] = { .name = "wire-plain", .about = "from a NIC that does not verify, TCP in bulk",
			 .wire = true },
	[MERGED] = { .name = "wire-merged", .about = "from a NIC that verifies, merged by GRO, TCP in bulk",
		     .wire = true, .vouched = true, .merged = true },
	[SMALL] = { .name = "wire-small", .about = "from a NIC that verifies, UDP of 100 bytes",
		    .wire = true, .vouched = true, .datagram = 100 },
	[CONNTRACK] = { .name = "conntrack", .about = "from a NIC that does not verify, tracked, TCP in bulk",
			.wire = true, .conntrack = true },
	[VXLAN] = { .name = "vxlan", .about = "through VXLAN on a NIC with tunnel offload, TCP in bulk",
		    .vxlan = true },
};

const struct cost_row cost_rows[] = {
	{ &paths[LOCAL], MITIGATION_NONE, PLACE_CONTAINER },
	{ &paths[LOCAL], MITIGATION_RX_OFF, PLACE_CONTAINER },
	{ &paths[LOCAL], MITIGATION_RESET, PLACE_CONTAINER },
	{ &paths[LOCAL], MITIGATION_TX_OFF, PLACE_SENDER },
	{ &paths[WIRE], MITIGATION_RX_OFF, PLACE_CONTAINER },
	{ &paths[WIRE], MITIGATION_RESET, PLACE_CONTAINER },
	{ &paths[UNVERIFIED], MITIGATION_RESET, PLACE_CONTAINER },
	{ &paths[MERGED], MITIGATION_RESET, PLACE_CONTAINER },
	{ &paths[SMALL], MITIGATION_RESET, PLACE_CONTAINER },
	{ &paths[CONNTRACK], MITIGATION_CONNTRACK_CHECKSUM, PLACE_HOST },
	{ &paths[VXLAN], MITIGATION_TX_OFF, PLACE_TUNNEL },
};
/* clang-format on */
const size_t cost_row_count = ARRAY_SIZE(cost_rows);

bool cost_row_is_chosen(const struct cost_row *row, const struct policy *policy)
{
	uint32_t containers = 0, devices = 0;

	if (row->mitigation == MITIGATION_NONE)
		return false;
	for (size_t i = 0; i < policy->kind_count; i++)
		containers |= policy->kind[i].mitigations;
	for (size_t i = 0; i < policy->device_count; i++)
		devices |= policy->device[i].mitigations;
	/* At the NIC a reset makes the container sum as well. */
	containers |= devices & MITIGATION_BIT(MITIGATION_RESET);

	const uint32_t masks[PLACES] = {
		[PLACE_CONTAINER] = containers,
		[PLACE_SENDER] = containers,
		[PLACE_TUNNEL] = devices,
		[PLACE_HOST] = policy->host,
	};

	return masks[row->place] & MITIGATION_BIT(row->mitigation);
}

/* Its samples are longer: two threads find their pace slowly. */
static size_t throughput_pairs(size_t pairs)
{
	return pairs * 2 / 5 > COST_PAIRS_MIN ? pairs * 2 / 5 : COST_PAIRS_MIN;
}

double cost_seconds(unsigned int pairs)
{
	uint64_t pause = WARM_NS + SWITCH_NS;

	return (double)(2 * cost_row_count *
			(pairs * (CPU_NS + pause) +
			 throughput_pairs(pairs) * (THROUGHPUT_NS + pause))) /
	       1e9;
}

/* ---- A row ---- */

/* Samples of one kind, without and with the mitigation. */
struct samples {
	size_t count;
	double *value[2], *scratch;
};

static void cleanup_samples(struct samples *samples)
{
	free(samples->value[0]);
	free(samples->value[1]);
	free(samples->scratch);
}

static int new_samples(size_t count, struct samples *samples)
{
	samples->count = count;
	samples->value[0] = calloc(count, sizeof(double));
	samples->value[1] = calloc(count, sizeof(double));
	samples->scratch = calloc(count, sizeof(double));
	if (!samples->value[0] || !samples->value[1] || !samples->scratch)
		return fail(-ENOMEM, "out of memory");
	return 0;
}

struct bench {
	struct cost_sampler *sampler;
	struct cost_site *site;
	const struct cost_row *row;
	bool on;
};

typedef int (*sample_fn)(struct cost_sampler *sampler, const struct cost_site *site, uint64_t ns,
			 double *ret_value);

static int switch_to(struct bench *bench, bool on)
{
	double warm;
	int rc = 0;

	if (on != bench->on && bench->row->mitigation != MITIGATION_NONE)
		rc = cost_site_mitigate(bench->site, bench->row->place, bench->row->mitigation, on);
	bench->on = on;
	return rc ? rc : cost_sample_cpu(bench->sampler, bench->site, WARM_NS, &warm);
}

/* The count is less afterwards where a busy machine took so long that there were enough. */
static int take_samples(struct bench *bench, sample_fn take, uint64_t ns, struct samples *samples)
{
	uint64_t late = clock_ns() + TOLERATED(2 * samples->count * (ns + WARM_NS + SWITCH_NS));
	int rc = 0;

	for (size_t i = 0; !rc && i < 2 * samples->count; i++) {
		/* Without, with; with, without; and so on. */
		bool with = (i + 1) / 2 % 2;

		rc = switch_to(bench, with);
		rc = rc ? rc : take(bench->sampler, bench->site, ns, &samples->value[with][i / 2]);
		if (i % 2 && i / 2 + 1 >= COST_PAIRS_MIN && clock_ns() > late)
			samples->count = i / 2 + 1;
	}
	return rc;
}

/* The mean size of packets that enter the container. */
static int measure_packets(struct bench *bench, bool with, double *ret_bytes)
{
	uint64_t bytes[2], packets[2];
	double cpu;
	int rc = switch_to(bench, with);

	rc = rc ? rc : cost_site_received(bench->site, &bytes[0], &packets[0]);
	rc = rc ? rc : cost_sample_cpu(bench->sampler, bench->site, CPU_NS, &cpu);
	rc = rc ? rc : cost_site_received(bench->site, &bytes[1], &packets[1]);
	if (!rc)
		*ret_bytes = packets[1] == packets[0] ? 0
						      : (double)(bytes[1] - bytes[0]) /
								(double)(packets[1] - packets[0]);
	return rc;
}

/* ---- What the samples say ---- */

static struct estimate differences(const struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		samples->scratch[i] = samples->value[1][i] - samples->value[0][i];
	return estimate_of(samples->scratch, samples->count);
}

/* Sorts the values: what is told of pairs is to be asked before. */
static struct cost_figure figure_of(const struct samples *samples)
{
	struct cost_figure figure = { .pairs = samples->count };

	for (size_t i = 0; i < samples->count; i++)
		samples->scratch[i] = samples->value[1][i] / samples->value[0][i] - 1;
	figure.change = estimate_of(samples->scratch, samples->count);
	figure.without = median_of(samples->value[0], samples->count);
	figure.with = median_of(samples->value[1], samples->count);
	return figure;
}

/* Beyond 0, and beyond what the control differs from itself by: that is the method's own mistake. */
static bool is_measurable(const struct estimate *change, const struct estimate *control)
{
	return change->low > fmax(0, control->median) || change->high < fmin(0, control->median);
}

static int measure_row(const struct cost_row *row, const struct marks *marks,
		       struct cost_sampler *sampler, size_t pairs, struct cost_measured *measured)
{
	_cleanup_(cost_site_cleanup) struct cost_site *site = NULL;
	_cleanup_(cleanup_samples) struct samples samples = { 0 };
	struct bench bench = { .sampler = sampler, .row = row };
	int rc = new_samples(pairs, &samples);

	rc = rc ? rc : cost_site_build(row->path, marks, &site);
	bench.site = site;
	rc = rc ? rc : measure_packets(&bench, false, &measured->packet_bytes);
	rc = rc ? rc : measure_packets(&bench, true, &measured->packet_bytes_with);
	rc = rc ? rc : take_samples(&bench, cost_sample_cpu, CPU_NS, &samples);
	if (rc)
		return rc;
	measured->added = differences(&samples);
	measured->cpu = figure_of(&samples);
	samples.count = throughput_pairs(pairs);
	rc = take_samples(&bench, cost_sample_throughput, THROUGHPUT_NS, &samples);
	if (!rc)
		measured->throughput = figure_of(&samples);
	return rc;
}

/* ---- All rows ---- */

static void judge_all(struct cost_result *result)
{
	const struct cost_measured *control = &result->measured[0];

	for (size_t i = 1; i < result->count; i++) {
		struct cost_measured *one = &result->measured[i];

		one->cpu.measurable = is_measurable(&one->cpu.change, &control->cpu.change);
		one->throughput.measurable =
			is_measurable(&one->throughput.change, &control->throughput.change);
	}
}

/* The least of several: it takes a moment only, which may have been somebody else's. */
static int sum_again(struct cost_sum *best)
{
	struct cost_sum sum;
	int rc = cost_sum_measure(&sum);

	if (rc)
		return rc;
	if (!best->chosen_name || sum.portable < best->portable)
		best->portable = sum.portable;
	if (!best->chosen_name || sum.chosen < best->chosen)
		best->chosen = sum.chosen;
	best->chosen_name = sum.chosen_name;
	return 0;
}

static int measure_all(const struct cost_settings *settings, const struct marks *marks,
		       struct cost_sampler *sampler, struct cost_result *result)
{
	for (size_t i = 0; i < cost_row_count; i++) {
		struct cost_measured *measured = &result->measured[i];
		int rc;

		if (settings->progress)
			settings->progress(settings->owner, &cost_rows[i], i, cost_row_count);
		measured->row = &cost_rows[i];
		rc = sum_again(&result->sum);
		rc = rc ? rc
			: measure_row(&cost_rows[i], marks, sampler, settings->pairs, measured);
		/* Without the control nothing can be judged. */
		if (rc && (!i || rc == -EPERM || rc == -ENOMEM))
			return rc;
		if (rc) {
			snprintf(measured->skipped, sizeof(measured->skipped), "%s", fail_text());
			result->skipped++;
		}
	}
	result->elsewhere = cost_sampler_elsewhere(sampler);
	result->two_processors = cost_sampler_has_two(sampler);
	return 0;
}

int cost_measure(const struct cost_settings *settings, struct cost_result *ret_result)
{
	_cleanup_(marks_cleanup) struct marks *marks = NULL;
	_cleanup_(cost_sampler_cleanup) struct cost_sampler *sampler = NULL;
	struct cost_result result = { .count = cost_row_count };
	uint64_t from = clock_ns();
	int rc = mark_open(&marks);

	rc = rc ? rc : cost_sampler_new(&sampler);
	if (rc)
		return rc;
	result.measured = calloc(cost_row_count, sizeof(*result.measured));
	if (!result.measured)
		return fail(-ENOMEM, "out of memory");
	rc = measure_all(settings, marks, sampler, &result);
	if (rc) {
		cost_result_release(&result);
		return rc;
	}
	judge_all(&result);
	result.seconds = (double)(clock_ns() - from) / 1e9;
	*ret_result = result;
	return 0;
}

void cost_result_release(struct cost_result *result)
{
	free(result->measured);
	result->measured = NULL;
}
