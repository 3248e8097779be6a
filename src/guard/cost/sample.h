/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending through a path for a while, and what that took. */
#ifndef TRUESUM_GUARD_COST_SAMPLE_H
#define TRUESUM_GUARD_COST_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "guard/cost/site.h"

struct cost_sampler;

/* Pins this thread to a processor until the sampler is freed. */
int cost_sampler_new(struct cost_sampler **ret_sampler);
void cost_sampler_free(struct cost_sampler *sampler);
DEFINE_CLEANUP(struct cost_sampler *, cost_sampler, cost_sampler_free)

/* Whether sender and receiver have a processor each. */
bool cost_sampler_has_two(const struct cost_sampler *sampler);

/*
 * One thread sends and reads in turn for `ns`: the processor's time for a KiB that was read, in nanoseconds.
 * -ETIMEDOUT where nothing arrives.
 */
int cost_sample_cpu(struct cost_sampler *sampler, const struct cost_site *site, uint64_t ns,
		    double *ret_ns_per_kib);

/* One thread sends, another reads, each as fast as it can: bytes read in a second. */
int cost_sample_throughput(struct cost_sampler *sampler, const struct cost_site *site, uint64_t ns,
			   double *ret_bytes_per_second);

/*
 * The share, 0..1, of all rounds so far in which what was sent was not there to be read at once: then the
 * kernel has carried it in another context, whose time is not in the figures.
 */
double cost_sampler_elsewhere(const struct cost_sampler *sampler);

/*
 * Nanoseconds that summing a KiB takes, of segments of 1448 bytes that lie in the second-level cache as packets
 * do: in 64-bit words, as kernels do it, and by the fastest variant of sum/csum.h.
 */
struct cost_sum {
	double portable, chosen;
	const char *chosen_name;
};
int cost_sum_measure(struct cost_sum *ret_sum);

#endif
