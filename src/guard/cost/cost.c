// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What mitigations cost: see cost.h.
 *
 * A pair is a sample without the mitigation and one with it, taken one right after the other; which
 * is first alternates. So whatever else the machine does affects both, and drift cancels. Only the
 * pairs' ratios count. A row is one path with one flow; the mitigation is switched while the flow
 * exists, as on a running host.
 *
 * A mitigation is measured on paths on which it can cost something, or people expect it to:
 * - Between containers of one host checksums are neither finished nor verified (CHECKSUM_PARTIAL):
 *   only tx-off makes work there.
 * - If the NIC verified the packets, reset makes the container sum every byte again. If it did not,
 *   the container sums anyway, and reset costs its program only.
 * - If GRO merged packets that the NIC verified, they are CHECKSUM_PARTIAL again: reset has no
 *   effect and no cost.
 * - Verifying by conntrack is a second pass over the data, as the stack forgets its result when it
 *   forwards.
 * - tx-off on a tunnel cuts and sums before the tunnel, so that each segment passes through it
 *   alone.
 *
 * How sure a median is follows from order statistics, without knowing how the values are
 * distributed: a value is below the true median as often as a coin shows heads.
 */
#include "guard/cost/cost.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "guard/cost/bench.h"
#include "guard/policy.h"
#include "sum/csum.h"

/* Short, so that a disturbance covers a whole pair; a switch takes 0.1 ms. */
#define CPU_NS UINT64_C(2500000)
#define THROUGHPUT_NS UINT64_C(8000000)
#define WARM_NS UINT64_C(300000) /* after each switch, not counted */
#define SWITCH_NS UINT64_C(200000)
#define TOLERATED(ns) ((ns) + (ns) / 4)

#define SUM_LENGTH 1448 /* the payload of a TCP segment */
#define SUM_STRIDE 2048
#define SUM_SEGMENTS 128
#define SUM_ROUNDS 101

enum { LOCAL, WIRE, UNVERIFIED, MERGED, SMALL, CONNTRACK, VXLAN, PATHS };

/* clang-format off */
static const struct bench_path paths[PATHS] = {
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
	{ &paths[LOCAL], MITIGATION_NONE, BENCH_CONTAINER },
	{ &paths[LOCAL], MITIGATION_RX_OFF, BENCH_CONTAINER },
	{ &paths[LOCAL], MITIGATION_RESET, BENCH_CONTAINER },
	{ &paths[LOCAL], MITIGATION_TX_OFF, BENCH_SENDER },
	{ &paths[WIRE], MITIGATION_RX_OFF, BENCH_CONTAINER },
	{ &paths[WIRE], MITIGATION_RESET, BENCH_CONTAINER },
	{ &paths[UNVERIFIED], MITIGATION_RESET, BENCH_CONTAINER },
	{ &paths[MERGED], MITIGATION_RESET, BENCH_CONTAINER },
	{ &paths[SMALL], MITIGATION_RESET, BENCH_CONTAINER },
	{ &paths[CONNTRACK], MITIGATION_CONNTRACK_CHECKSUM, BENCH_HOST },
	{ &paths[VXLAN], MITIGATION_TX_OFF, BENCH_TUNNEL },
};
/* clang-format on */
const size_t cost_row_count = ARRAY_SIZE(cost_rows);
_Static_assert(ARRAY_SIZE(cost_rows) <= COST_ROWS_MAX, "struct cost_result has room for all rows");

bool cost_row_is_chosen(const struct cost_row *row, const struct policy *policy)
{
	uint32_t containers = 0, devices = 0;

	if (row->mitigation == MITIGATION_NONE)
		return false;
	for (size_t i = 0; i < policy->kind_count; i++)
		containers |= policy->kind[i].mitigations;
	for (size_t i = 0; i < policy->device_count; i++)
		devices |= policy->device[i].mitigations;
	/* A reset on the NIC makes the container sum, too. */
	containers |= devices & MITIGATION_BIT(MITIGATION_RESET);

	const uint32_t masks[BENCH_PLACES] = {
		[BENCH_CONTAINER] = containers,
		[BENCH_SENDER] = containers,
		[BENCH_TUNNEL] = devices,
		[BENCH_HOST] = policy->host,
	};

	return masks[row->place] & MITIGATION_BIT(row->mitigation);
}

/* Fewer, as these samples are longer: two threads need time to find their pace. */
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

/* A row's path on the bench. */
struct setup {
	struct bench *bench;
	const struct cost_row *row;
	bool on; /* the mitigation */
};

static int switch_to(struct setup *setup, bool on)
{
	double warm;
	int rc = 0;

	if (on != setup->on && setup->row->mitigation != MITIGATION_NONE)
		rc = bench_switch(setup->bench, setup->row->place, setup->row->mitigation, on);
	setup->on = on;
	return rc ? rc : bench_sample(setup->bench, BENCH_CPU, WARM_NS, &warm);
}

/* On a machine so busy that this takes too long, fewer are taken: `count` is less afterwards. */
static int take_samples(struct setup *setup, enum bench_figure figure, uint64_t ns,
			struct samples *samples)
{
	uint64_t late = clock_ns() + TOLERATED(2 * samples->count * (ns + WARM_NS + SWITCH_NS));
	int rc = 0;

	for (size_t i = 0; !rc && i < 2 * samples->count; i++) {
		/* Without, with; with, without; and so on. */
		bool with = (i + 1) / 2 % 2;

		rc = switch_to(setup, with);
		rc = rc ? rc : bench_sample(setup->bench, figure, ns, &samples->value[with][i / 2]);
		if (i % 2 && i / 2 + 1 >= COST_PAIRS_MIN && clock_ns() > late)
			samples->count = i / 2 + 1;
	}
	return rc;
}

/* ---- What the samples say ---- */

static int by_value(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static double middle(const double *sorted, size_t count)
{
	if (!count)
		return NAN;
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/*
 * How many values at each end may be left out. The true median lies below the k-th value if fewer
 * than k of `count` coins show heads. Finds the largest k for which that, at both ends together, is
 * rare enough.
 */
static size_t left_out(size_t count)
{
	double chance = pow(0.5, (double)count), fewer = chance;
	size_t k = 0;

	while (2 * fewer <= COST_RISK) {
		chance *= (double)(count - k) / (double)(k + 1);
		fewer += chance;
		k++;
	}
	return k ? k - 1 : 0;
}

struct cost_estimate cost_estimate(double *values, size_t count)
{
	struct cost_estimate estimate = { NAN, NAN, NAN };
	size_t out = left_out(count);

	qsort(values, count, sizeof(*values), by_value);
	if (count) {
		estimate.median = middle(values, count);
		estimate.low = values[out];
		estimate.high = values[count - 1 - out];
	}
	return estimate;
}

static struct cost_estimate differences(const struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		samples->scratch[i] = samples->value[1][i] - samples->value[0][i];
	return cost_estimate(samples->scratch, samples->count);
}

/* Sorts the values, so the pairs are lost: call differences() first. */
static struct cost_figure figure_of(const struct samples *samples)
{
	struct cost_figure figure = { .pairs = samples->count };

	for (size_t i = 0; i < samples->count; i++)
		samples->scratch[i] = samples->value[1][i] / samples->value[0][i] - 1;
	figure.change = cost_estimate(samples->scratch, samples->count);
	figure.without = cost_estimate(samples->value[0], samples->count).median;
	figure.with = cost_estimate(samples->value[1], samples->count).median;
	return figure;
}

/*
 * Beyond 0, and beyond the control's change: the path against itself shows the error of the method.
 */
static bool is_measurable(const struct cost_estimate *change, const struct cost_estimate *control)
{
	return change->low > fmax(0, control->median) || change->high < fmin(0, control->median);
}

static int measure_packets(struct setup *setup, struct cost_measured *measured)
{
	int rc = switch_to(setup, false);

	rc = rc ? rc : bench_sample(setup->bench, BENCH_PACKET, CPU_NS, &measured->packet_bytes);
	rc = rc ? rc : switch_to(setup, true);
	return rc ? rc
		  : bench_sample(setup->bench, BENCH_PACKET, CPU_NS, &measured->packet_bytes_with);
}

static int measure_row(struct bench *bench, const struct cost_row *row, size_t pairs,
		       struct cost_measured *measured)
{
	_cleanup_(cleanup_samples) struct samples samples = { 0 };
	struct setup setup = { .bench = bench, .row = row };
	int rc = new_samples(pairs, &samples);

	rc = rc ? rc : bench_build(bench, row->path);
	rc = rc ? rc : measure_packets(&setup, measured);
	rc = rc ? rc : take_samples(&setup, BENCH_CPU, CPU_NS, &samples);
	if (rc)
		return rc;
	measured->added = differences(&samples);
	measured->cpu = figure_of(&samples);
	samples.count = throughput_pairs(pairs);
	rc = take_samples(&setup, BENCH_THROUGHPUT, THROUGHPUT_NS, &samples);
	if (!rc)
		measured->throughput = figure_of(&samples);
	return rc;
}

/* ---- Summing alone ---- */

static double time_variant(const struct csum_variant *variant, const uint8_t *segments)
{
	double rounds[SUM_ROUNDS];

	for (int round = 0; round < SUM_ROUNDS; round++) {
		volatile uint64_t sink;
		uint64_t from = clock_ns(), all = 0;

		for (int i = 0; i < SUM_SEGMENTS; i++)
			all += variant->sum(segments + (size_t)i * SUM_STRIDE, SUM_LENGTH);
		sink = all;
		(void)sink;
		rounds[round] = (double)(clock_ns() - from) * 1024 / SUM_LENGTH / SUM_SEGMENTS;
	}
	return cost_estimate(rounds, SUM_ROUNDS).median;
}

/* Keeps the least of several measurements: each is so short that a disturbance may cover it. */
static int measure_sum(struct cost_sum *best)
{
	_cleanup_free_ uint8_t *segments = malloc((size_t)SUM_SEGMENTS * SUM_STRIDE);
	double portable, chosen;

	if (!segments)
		return fail(-ENOMEM, "out of memory");
	memset(segments, 0xa5, (size_t)SUM_SEGMENTS * SUM_STRIDE);
	portable = time_variant(csum_variants[0], segments);
	chosen = time_variant(csum_chosen(), segments);
	if (!best->chosen_name || portable < best->portable)
		best->portable = portable;
	if (!best->chosen_name || chosen < best->chosen)
		best->chosen = chosen;
	best->chosen_name = csum_chosen()->name;
	return 0;
}

/* ---- All rows ---- */

static void judge_rows(struct cost_result *result)
{
	const struct cost_measured *control = &result->measured[0];

	for (size_t i = 1; i < result->count; i++) {
		struct cost_measured *one = &result->measured[i];

		one->cpu.measurable = is_measurable(&one->cpu.change, &control->cpu.change);
		one->throughput.measurable =
			is_measurable(&one->throughput.change, &control->throughput.change);
	}
}

static int measure_all(const struct cost_settings *settings, struct bench *bench,
		       struct cost_result *result)
{
	for (size_t i = 0; i < cost_row_count; i++) {
		struct cost_measured *measured = &result->measured[i];
		int rc;

		if (settings->progress)
			settings->progress(settings->owner, &cost_rows[i], i, cost_row_count);
		measured->row = &cost_rows[i];
		rc = measure_sum(&result->sum);
		rc = rc ? rc : measure_row(bench, &cost_rows[i], settings->pairs, measured);
		/* Without the control no row can be judged. */
		if (rc && (!i || rc == -EPERM || rc == -ENOMEM))
			return rc;
		if (rc) {
			snprintf(measured->skipped, sizeof(measured->skipped), "%s", fail_text());
			result->skipped++;
		}
	}
	result->facts = bench_facts(bench);
	return 0;
}

int cost_measure(const struct cost_settings *settings, struct cost_result *ret_result)
{
	_cleanup_(bench_cleanup) struct bench *bench = NULL;
	struct cost_result result = { .count = cost_row_count };
	uint64_t from = clock_ns();
	int rc = bench_new(&bench);

	rc = rc ? rc : measure_all(settings, bench, &result);
	if (rc)
		return rc;
	judge_rows(&result);
	result.seconds = (double)(clock_ns() - from) / 1e9;
	*ret_result = result;
	return 0;
}
