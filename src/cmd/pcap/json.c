// SPDX-License-Identifier: GPL-2.0-or-later
/* What `truesum pcap` prints as JSON: one object per line. truesum-json(5) lists every key. */
#include <jansson.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/common/command.h"
#include "cmd/pcap/report.h"
#include "cmd/pcap/words.h"

#define DIFFERENCES_MAX 16
#define FLOWS_MAX 10000 /* the worst, in an object */

static const char *const verdict_keys[SUM_VERDICTS] = {
	[SUM_GOOD] = "good",
	[SUM_BAD] = "bad",
	[SUM_UNFINISHED] = "unfinished",
	[SUM_NONE] = "none",
	[SUM_ILLEGAL_NONE] = "illegal_none",
	[SUM_TRUNCATED] = "truncated",
	[SUM_UNKNOWN] = "unknown",
};

static json_t *json_of_number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *json_of_time(int64_t time_ns)
{
	struct words words;

	return time_ns == INT64_MIN ? json_null() : json_string(pcap_time(time_ns, &words));
}

static json_t *json_of_flow(const struct packet_flow *flow)
{
	struct flow_parts parts;

	if (!flow->family)
		return json_pack("{sn sn sn sn sn}", "proto", "src", "src_port", "dst", "dst_port");
	pcap_flow_parts(flow, &parts);
	return json_pack("{ss ss so ss so}", "proto", parts.proto.text, "src", parts.src.text,
			 "src_port", parts.ports ? json_of_number(flow->src_port) : json_null(),
			 "dst", parts.dst.text, "dst_port",
			 parts.ports ? json_of_number(flow->dst_port) : json_null());
}

static json_t *line_json(const struct shape *shape)
{
	struct shape_line line;

	if (!shape_stuck_line(shape, &line))
		return json_null();
	return json_pack("{si si si si}", "width_bits", (int)line.stride * 8, "offset",
			 (int)line.phase, "bit", (int)line.bit, "stuck_at", line.up ? 1 : 0);
}

static json_t *json_of_shape(const struct shape *shape)
{
	uint64_t down, up, bits, counts[SHAPE_STRIDE];
	json_t *object;

	shape_directions(shape, &down, &up);
	bits = down + up;
	object = json_pack("{sI sI sI}", "bits", (json_int_t)bits, "bits_1_to_0", (json_int_t)down,
			   "bits_0_to_1", (json_int_t)up);
	for (unsigned int stride = 2; stride <= SHAPE_STRIDE; stride *= 2) {
		json_t *array = json_array();
		char key[32];

		snprintf(key, sizeof(key), "by_offset_mod_%u", stride);
		shape_by_offset(shape, stride, counts);
		for (unsigned int i = 0; i < stride; i++)
			json_array_append_new(array, json_of_number(counts[i]));
		json_object_set_new(object, key, array);
	}
	json_object_set_new(object, "line", line_json(shape));
	return object;
}

/* null unless the capture breaks off. */
static json_t *json_of_broken(const char *why, uint64_t offset)
{
	return *why ? json_pack("{sI ss}", "offset", (json_int_t)offset, "why", why) : json_null();
}

/* Prints the object on one line, and releases it. NULL: memory was missing. */
static int print_object(json_t *object)
{
	int rc = object ? json_object_set_new(object, "schema", json_integer(COMMAND_SCHEMA)) : -1;

	rc = rc ? rc : json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(object);
	putchar('\n');
	return rc ? fail(-ENOMEM, "no memory for the JSON object, or standard output is closed")
		  : 0;
}

static json_t *layers_json(const struct scan *scan)
{
	json_t *layers = json_object();

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++) {
		json_t *layer = json_object();
		uint64_t sum = 0;

		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++) {
			json_object_set_new(layer, verdict_keys[verdict],
					    json_of_number(scan->counts.layer[kind][verdict]));
			sum += scan->counts.layer[kind][verdict];
		}
		if (sum)
			json_object_set(layers, layer_names[kind], layer);
		json_decref(layer);
	}
	return layers;
}

static json_t *flows_json(const struct scan *scan)
{
	size_t room = scan->damaged_flows < FLOWS_MAX ? scan->damaged_flows : FLOWS_MAX;
	_cleanup_free_ uint32_t *worst = calloc(room + 1, sizeof(*worst));
	size_t count = worst ? flows_worst(scan->flows, room, worst) : 0;
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct flow_row *row = flows_row(scan->flows, worst[i]);
		json_t *object = json_of_flow(&row->flow);

		json_object_set_new(object, "damaged", json_of_number(row->damaged));
		json_object_set_new(object, "packets",
				    row->packets ? json_of_number(row->packets) : json_null());
		json_object_set_new(object, "rate",
				    row->packets
					    ? json_real((double)row->damaged / (double)row->packets)
					    : json_null());
		json_object_set_new(object, "first", json_of_time(row->first_ns));
		json_object_set_new(object, "last", json_of_time(row->last_ns));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *difference_json(const struct scan *scan, uint16_t difference)
{
	struct sum_words sums;
	json_t *flip;

	pcap_sums(0, difference, false, &sums);
	flip = sums.single ? json_pack("{si sb si}", "bit", (int)sums.column % 8, "odd_offset",
				       sums.column < 8, "to", sums.up ? 1 : 0)
			   : json_null();
	return json_pack("{ss sI so}", "difference", sums.difference.text, "packets",
			 (json_int_t)scan->differences[difference], "single_flip", flip);
}

/* The most frequent first. */
static json_t *differences_json(const struct scan *scan)
{
	uint16_t best[DIFFERENCES_MAX];
	json_t *array = json_array();
	size_t count = 0;

	for (uint32_t i = 1; i < SCAN_DIFFERENCES; i++) {
		size_t at = count;

		if (!scan->differences[i])
			continue;
		while (at && scan->differences[best[at - 1]] < scan->differences[i])
			at--;
		if (at == DIFFERENCES_MAX)
			continue;
		count += count < DIFFERENCES_MAX;
		memmove(&best[at + 1], &best[at], (count - at - 1) * sizeof(best[0]));
		best[at] = (uint16_t)i;
	}
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, difference_json(scan, best[i]));
	return array;
}

static json_t *damage_json(const struct pcap_result *result)
{
	const struct diff_copies *copies = result->copies;
	json_t *object, *shape;

	if (!result->scan->damaged)
		return json_null();
	object = json_pack("{so so}", "differences", differences_json(result->scan), "compared",
			   copies ? json_of_number(copies->compared) : json_null());
	if (!copies)
		return object;
	shape = json_of_shape(&copies->shape);
	json_object_update(object, shape);
	json_decref(shape);
	return object;
}

static json_t *unknown_json(const struct scan *scan)
{
	const struct scan_counts *counts = &scan->counts;
	json_t *array = json_array();
	char link[64];

	if (counts->truncated)
		json_array_append_new(array,
				      json_pack("{ss sI}", "reason", "cut off by the capture",
						"packets", (json_int_t)counts->truncated));
	snprintf(link, sizeof(link), "link type %u is not known", counts->link);
	if (counts->link_unknown)
		json_array_append_new(array, json_pack("{ss sI}", "reason", link, "packets",
						       (json_int_t)counts->link_unknown));
	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		if (counts->unknown[reason])
			json_array_append_new(
				array, json_pack("{ss sI}", "reason", reason_words[reason],
						 "packets", (json_int_t)counts->unknown[reason]));
	return array;
}

static json_t *diagnosis_json(const struct pcap_result *result)
{
	struct pcap_finding findings[PCAP_FINDINGS];
	size_t count = pcap_findings(result, findings);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_array_append_new(
			array, json_pack("{ss sI so ss}", "class", findings[i].class, "packets",
					 (json_int_t)findings[i].packets, "flows",
					 findings[i].has_flows ? json_of_number(findings[i].flows)
							       : json_null(),
					 "sentence", findings[i].sentence));
		free(findings[i].sentence);
	}
	return array;
}

/* The first line of the report. */
static json_t *headline_json(const struct pcap_result *result)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	pcap_headline(out, result, false);
	return fclose(out) ? NULL : json_string(text);
}

/* What the wrong and the unfinished sums mean. */
static json_t *meaning_json(const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	const struct unfinished_result *unfinished = &result->diagnosis->unfinished;
	uint64_t dropped = result->at_receiver ? unfinished->dropped : 0;

	return json_pack("{sI sI sI sI sI so so}", "rewritten_packets", (json_int_t)scan->rewritten,
			 "unfinished_packets", (json_int_t)scan->counts.unfinished,
			 "unfinished_unanswered", (json_int_t)unfinished->unanswered,
			 "unfinished_dropped", (json_int_t)dropped, "not_opened_packets",
			 (json_int_t)scan_not_opened(scan), "diagnosis", diagnosis_json(result),
			 "headline", headline_json(result));
}

int pcap_json(const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	const struct scan_counts *counts = &scan->counts;
	json_t *object = json_pack("{ss ss ss ss ss sI sI}", "command", "pcap", "version",
				   TRUESUM_VERSION, "file", result->name, "format",
				   scan->end.format, "compression", result->compression, "packets",
				   (json_int_t)counts->packets, "bytes", (json_int_t)counts->bytes);
	json_t *rest = json_pack(
		"{so so so sI sI so so so sb so}", "first",
		json_of_time(counts->first_ns == INT64_MAX ? INT64_MIN : counts->first_ns), "last",
		json_of_time(counts->last_ns), "layers", layers_json(scan), "damaged_packets",
		(json_int_t)scan->damaged, "damaged_flows", (json_int_t)scan->damaged_flows,
		"flows", flows_json(scan), "damage", damage_json(result), "unknown",
		unknown_json(scan), "complete", !scan->end.broken, "broken",
		json_of_broken(scan->end.broken_why, scan->end.broken_at));

	json_t *meaning = meaning_json(result);

	if (!object || !rest || !meaning || json_object_update(object, rest) < 0 ||
	    json_object_update(object, meaning) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(rest);
	json_decref(meaning);
	return print_object(object);
}

/* ---- --packets ---- */

/* Every checksum of the packet, outermost first. */
static json_t *packet_layers_json(const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	json_t *array = json_array();

	for (unsigned int i = 0; packet->link_known && i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];
		bool shown = layer->verdict == SUM_GOOD || layer->verdict == SUM_BAD ||
			     layer->verdict == SUM_UNFINISHED;
		struct sum_words sums;

		if (shown)
			pcap_sums(layer->stored, layer->computed, layer->wide, &sums);
		json_array_append_new(
			array, json_pack("{ss ss ss? ss? ss?}", "layer", layer_names[layer->kind],
					 "verdict", sum_verdict_names[layer->verdict], "stored",
					 shown ? sums.stored.text : NULL, "computed",
					 shown ? sums.computed.text : NULL, "reason",
					 layer->reason ? reason_words[layer->reason] : NULL));
	}
	return array;
}

int pcap_json_packet(const struct packet_view *view, const char *file)
{
	const struct packet_layer *layer = view->layer;
	const struct pass_packet *packet = view->packet;
	json_t *object = json_pack(
		"{ss sI so ss ss?}", "file", file, "frame", (json_int_t)packet->frame, "time",
		json_of_time(packet->record.time_ns), "verdict", sum_verdict_names[view->verdict],
		"layer", layer ? layer_names[layer->kind] : NULL);
	json_t *flow = json_of_flow(&packet->judgement.flow), *rest;
	struct sum_words sums;

	if (view->sums)
		pcap_sums(view->sums->stored, view->sums->computed, view->sums->wide, &sums);
	rest = json_pack("{ss? ss? ss? ss? ss? so}", "class", view->class, "stored",
			 view->sums ? sums.stored.text : NULL, "computed",
			 view->sums ? sums.computed.text : NULL, "difference",
			 view->sums && view->verdict == SUM_BAD ? sums.difference.text : NULL,
			 "reason", *view->reason ? view->reason : NULL, "layers",
			 packet_layers_json(packet));
	if (!object || json_object_update(object, flow) < 0 ||
	    json_object_update(object, rest) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(flow);
	json_decref(rest);
	return print_object(object);
}

/* ---- --diff ---- */

static json_t *byte_json(uint8_t byte)
{
	char text[8];

	snprintf(text, sizeof(text), "0x%02x", byte);
	return json_string(text);
}

static json_t *diff_change_json(const struct diff_change *change)
{
	json_t *object = json_of_flow(&change->flow);
	json_t *rest =
		json_pack("{sI sI so so sb sb ss sI so so sI}", "frame_before",
			  (json_int_t)change->before, "frame_after", (json_int_t)change->after,
			  "time_before", json_of_time(change->before_ns), "time_after",
			  json_of_time(change->after_ns), "seen", change->seen, "resegmented",
			  change->resegmented, "where", diff_places[change->where], "offset",
			  (json_int_t)change->offset, "was", byte_json(change->was), "is",
			  byte_json(change->is), "bits", (json_int_t)change->bits);

	json_object_update(object, rest);
	json_decref(rest);
	return object;
}

int pcap_json_diff(const struct diff *diff, const char *before, const char *after)
{
	json_t *object = json_pack(
		"{ss ss ss ss sI sI sI sI sI sI sI sI sI sI}", "command", "pcap", "version",
		TRUESUM_VERSION, "file", before, "other", after, "packets_before",
		(json_int_t)diff->packets_before, "packets_after", (json_int_t)diff->packets_after,
		"same", (json_int_t)diff->same, "translated", (json_int_t)diff->translated,
		"resegmented", (json_int_t)diff->resegmented, "changed", (json_int_t)diff->changed,
		"changed_unseen", (json_int_t)diff->changed_unseen, "lost", (json_int_t)diff->lost,
		"new", (json_int_t)diff->new, "not_compared", (json_int_t)diff->not_compared);
	json_t *changes = json_array();

	for (size_t i = 0; i < diff->change_count; i++)
		json_array_append_new(changes, diff_change_json(&diff->changes[i]));
	json_object_set_new(object, "damage", json_of_shape(&diff->shape));
	json_object_set_new(object, "changed_rewritten", json_of_number(diff->changed_rewritten));
	json_object_set_new(object, "changes", changes);
	json_object_set_new(object, "complete",
			    json_boolean(!*diff->broken_before.why && !*diff->broken_after.why));
	json_object_set_new(object, "broken_before",
			    json_of_broken(diff->broken_before.why, diff->broken_before.at));
	json_object_set_new(object, "broken_after",
			    json_of_broken(diff->broken_after.why, diff->broken_after.at));
	return print_object(object);
}
