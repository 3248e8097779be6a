// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report of `truesum corrupt`. What can become of a packet is a table: a row gives the JSON key and
 * the words, which say what to do where something can be done.
 */
#include "cmd/traffic/corrupt_report.h"

#include <jansson.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "packet/damage.h"

static const struct {
	enum corrupt_fate fate;
	const char *key, *words;
} fates[] = {
	{ CORRUPT_SPARED, "not_chosen", "not chosen by --rate" },
	{ CORRUPT_AFTER_LIMIT, "after_count", "came after --count was reached" },
	{ CORRUPT_NO_PAYLOAD, "no_payload", "skipped: no payload" },
	{ CORRUPT_SUPER_PACKET, "super_packet",
	  "skipped: several segments in one (GSO, GRO), whose sums are made later (see --help)" },
	{ CORRUPT_UNFINISHED, "unfinished_sum", "skipped: a checksum that nobody here finishes" },
	{ CORRUPT_UNCHANGED, "unchanged", "skipped: the pattern changes nothing in them" },
	{ CORRUPT_FAILED, "failed", "skipped: the kernel could not make them writable" },
	{ CORRUPT_ALREADY, "already_vouched", "skipped: vouched for already" },
};

const char *corrupt_direction(const struct corrupt_plan *plan)
{
	return plan->direction == TC_INGRESS ? "ingress" : "egress";
}

static const char *what_is_done(const struct corrupt_plan *plan)
{
	return plan->config.vouch ? "vouch" : damage_names[plan->config.spec.kind];
}

static void print_json(json_t *object)
{
	_cleanup_free_ char *text = object ? json_dumps(object, JSON_REAL_PRECISION(6)) : NULL;

	json_decref(object);
	printf("%s\n", text ? text : "{}");
}

static json_t *json_head(const struct corrupt_plan *plan)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:f, s:I}", "command", "corrupt",
			 "version", TRUESUM_VERSION, "device", plan->device, "direction",
			 corrupt_direction(plan), "match", plan->match, "pattern",
			 what_is_done(plan), "rate", plan->rate, "seed",
			 (json_int_t)plan->config.spec.seed);
}

static void print_plan_json(const struct corrupt_plan *plan)
{
	json_t *object = json_head(plan), *features = json_array();

	for (size_t i = 0; i < plan->feature_count; i++)
		json_array_append_new(features, json_string(plan->features_off[i]));
	json_object_set_new(object, "dry_run", json_true());
	json_object_set_new(object, "features_off", features);
	json_object_set_new(object, "add_clsact", json_boolean(plan->add_clsact));
	print_json(object);
}

void corrupt_print_plan(const struct corrupt_plan *plan, bool json)
{
	if (json) {
		print_plan_json(plan);
		return;
	}
	printf("On %s this would, until the end of the run:\n", plan->device);
	for (size_t i = 0; i < plan->feature_count; i++)
		printf("  turn offload feature %s off\n", plan->features_off[i]);
	if (plan->add_clsact)
		printf("  add a clsact qdisc\n");
	printf("  attach a BPF filter at %s: %s, %g%% of packets that match '%s'\n",
	       corrupt_direction(plan), what_is_done(plan), plan->rate * 100,
	       plan->match ? plan->match : "tcp or udp");
	printf("Nothing was changed.\n");
}

static void print_outcome_json(const struct corrupt_plan *plan,
			       const struct corrupt_outcome *outcome)
{
	const struct corrupt_state *state = &outcome->state;
	json_t *object = json_head(plan), *skipped = json_object();

	json_object_set_new(object, "seconds", json_real(outcome->seconds));
	json_object_set_new(object, "matched", json_integer((json_int_t)state->matched));
	json_object_set_new(object, plan->config.vouch ? "vouched" : "damaged",
			    json_integer((json_int_t)state->fate[CORRUPT_DONE]));
	json_object_set_new(object, "bits_changed", json_integer((json_int_t)state->bits));
	for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
		json_object_set_new(skipped, fates[i].key,
				    json_integer((json_int_t)state->fate[fates[i].fate]));
	json_object_set_new(object, "skipped", skipped);
	print_json(object);
}

void corrupt_print_outcome(const struct corrupt_plan *plan, const struct corrupt_outcome *outcome,
			   bool json)
{
	const struct corrupt_state *state = &outcome->state;
	unsigned long long done = state->fate[CORRUPT_DONE];

	if (json) {
		print_outcome_json(plan, outcome);
		return;
	}
	printf("%s %s, %.1f s: %llu packet%s matched\n", plan->device, corrupt_direction(plan),
	       outcome->seconds, (unsigned long long)state->matched,
	       state->matched == 1 ? "" : "s");
	if (plan->config.vouch)
		printf("%10llu marked as verified\n", done);
	else
		printf("%10llu damaged (%s, seed %llu; %llu bit%s), their checksums %s\n", done,
		       what_is_done(plan), (unsigned long long)plan->config.spec.seed,
		       (unsigned long long)state->bits, state->bits == 1 ? "" : "s",
		       plan->config.spec.where == DAMAGE_PAYLOAD ? "left as they were"
								 : "not computed anew");
	for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
		if (state->fate[fates[i].fate])
			printf("%10llu %s\n", (unsigned long long)state->fate[fates[i].fate],
			       fates[i].words);
}
