// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A run as one JSON object. Its keys are stable; new ones may be added.
 *
 *   command, version, kernel   "lab", truesum's version, uname's release
 *   duration_ms                of the whole run
 *   pattern, seed              the damage
 *   pace_ms                    between two messages
 *   messages                   {before, during, after}: around and in the damage window
 *   counts                     {cells, as_known, differing, no_expectation, unknown, skipped}
 *   as_expected                every cell that this kernel can build was judged, and none differs
 *   cells[]                    by topology, family, proto, nic, behaviour, mitigation
 *     topology, family (4, 6), proto, nic, behaviour, mitigation
 *     verdict, caught_by       what was found
 *     expected, expected_by    what is expected; null if nothing is known to expect
 *     as_expected              false if the two differ; else true, also of a skipped cell
 *     skipped, reason          this kernel cannot run it; why (also for other unknown verdicts)
 *     sent, delivered, delivered_damaged, not_delivered   messages; delivered: intact
 *     bytes_wrong, longest_delay_ms
 *     damaged_on_wire, damaged_unseen    segments; unseen: their checksum is still right
 *     in_csum_errors           {container, host}, of the cell's protocol
 *     udp_in_csum_errors       {container, host}: shows a tunnel's outer checksum
 *     conntrack_invalid, rule_drops      at the host
 */
#include "cmd/lab/show.h"

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "lab/topology.h"
#include "packet/damage.h"

static int out_of_memory(void)
{
	return fail(-ENOMEM, "no memory for the JSON object");
}

static uint64_t csum_errors(const struct cell_key *key, const struct counters *counters)
{
	return key->proto == PROTO_TCP ? counters->tcp_in_csum_errors
				       : counters->udp_in_csum_errors;
}

static double milliseconds(uint64_t ns)
{
	uint64_t microseconds = ns / 1000;

	return (double)microseconds / 1000;
}

/* A reason may quote a device's name, but JSON takes only UTF-8. */
static json_t *reason_of(const struct cell_result *result)
{
	char ascii[sizeof(result->reason)];
	json_t *reason = json_string(result->reason);
	size_t i;

	if (reason)
		return reason;
	for (i = 0; i < sizeof(ascii) - 1 && result->reason[i]; i++)
		ascii[i] = (unsigned char)result->reason[i] < 0x80 ? result->reason[i] : '?';
	ascii[i] = '\0';
	return json_string(ascii);
}

/* Takes ownership of both values; NULL if either is missing or memory is short. */
static json_t *merged(json_t *object, json_t *more)
{
	if (object && more && !json_object_update(object, more)) {
		json_decref(more);
		return object;
	}
	json_decref(object);
	json_decref(more);
	return NULL;
}

static json_t *cell_judged(const struct lab_cell *cell)
{
	const struct cell_key *key = &cell->key;
	const struct cell_result *result = &cell->result;
	bool known = result->agreement != AGREEMENT_NONE;

	return json_pack(
		"{ss si ss ss ss ss ss ss ss? ss? sb sb so}", "topology", key->topology->name,
		"family", key->family == AF_INET6 ? 6 : 4, "proto", proto_names[key->proto], "nic",
		nic_names[key->nic], "behaviour", behaviour_names[key->behaviour], "mitigation",
		mitigation_names[key->mitigation], "verdict", verdict_names[result->verdict],
		"caught_by", caught_by_names[result->caught_by], "expected",
		known ? verdict_names[result->expected] : NULL, "expected_by",
		known ? caught_by_names[result->expected_by] : NULL, "as_expected",
		result->agreement != AGREEMENT_DIFFERS, "skipped", result->skipped, "reason",
		reason_of(result));
}

static json_t *cell_counted(const struct lab_cell *cell)
{
	const struct cell_key *key = &cell->key;
	const struct cell_result *result = &cell->result;

	return json_pack("{sI sI sI sI sI sf sI sI s{sI sI} s{sI sI} sI sI}", "sent",
			 (json_int_t)result->sent, "delivered", (json_int_t)result->delivered,
			 "delivered_damaged", (json_int_t)result->delivered_damaged,
			 "not_delivered", (json_int_t)result->not_delivered, "bytes_wrong",
			 (json_int_t)result->bytes_wrong, "longest_delay_ms",
			 milliseconds(result->longest_delay_ns), "damaged_on_wire",
			 (json_int_t)result->damaged_on_wire, "damaged_unseen",
			 (json_int_t)result->damaged_unseen, "in_csum_errors", "container",
			 (json_int_t)csum_errors(key, &result->container), "host",
			 (json_int_t)csum_errors(key, &result->host), "udp_in_csum_errors",
			 "container", (json_int_t)result->container.udp_in_csum_errors, "host",
			 (json_int_t)result->host.udp_in_csum_errors, "conntrack_invalid",
			 (json_int_t)result->host.conntrack_invalid, "rule_drops",
			 (json_int_t)result->rule_drops);
}

static json_t *run_object(const struct lab_run *run, const struct lab_counts *counts)
{
	const struct lab_settings *settings = run->settings;

	return json_pack(
		"{ss ss ss sf ss sI sf s{si si si} s{sI sI sI sI sI sI} sb s[]}", "command", "lab",
		"version", run->version, "kernel", run->kernel, "duration_ms",
		milliseconds(run->duration_ns), "pattern", damage_names[settings->damage.kind],
		"seed", (json_int_t)settings->damage.seed, "pace_ms",
		milliseconds(settings->pace_ns), "messages", "before", (int)settings->before,
		"during", (int)settings->during, "after", (int)settings->after, "counts", "cells",
		(json_int_t)counts->cells, "as_known", (json_int_t)counts->as_known, "differing",
		(json_int_t)counts->differing, "no_expectation", (json_int_t)counts->no_expectation,
		"unknown", (json_int_t)counts->unknown, "skipped", (json_int_t)counts->skipped,
		"as_expected", !counts->differing && !counts->unknown, "cells");
}

int lab_json(FILE *out, const struct lab_run *run, const struct lab_cell *cells, size_t count)
{
	json_auto_t *object = NULL;
	struct lab_counts counts = run_count(cells, count);

	object = run_object(run, &counts);
	if (!object)
		return out_of_memory();
	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(json_object_get(object, "cells"),
					  merged(cell_judged(&cells[i]), cell_counted(&cells[i]))))
			return out_of_memory();
	if (json_dumpf(object, out, JSON_INDENT(2)) || fputc('\n', out) == EOF || fflush(out))
		return fail_errno(-EIO, "cannot write the JSON object");
	return 0;
}
