// SPDX-License-Identifier: GPL-2.0-or-later
/* The report of `truesum pcap` as JSON: see pcap_json.h. Every key is in truesum(1). */
#include "cmd/pcap/json.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/pcap/words.h"

#define DIFFERENCES_MAX 16

static const char *const verdict_keys[SUM_VERDICTS] = {
	[SUM_GOOD] = "good",
	[SUM_BAD] = "bad",
	[SUM_ARTEFACT] = "artefact",
	[SUM_NONE] = "none",
	[SUM_ILLEGAL_NONE] = "illegal_none",
	[SUM_TRUNCATED] = "truncated",
	[SUM_UNKNOWN] = "unknown",
};

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

json_t *pcap_json_time(int64_t time_ns)
{
	struct words words;

	return time_ns == INT64_MIN ? json_null() : json_string(words_time(time_ns, &words));
}

json_t *pcap_json_sum(uint32_t sum, bool wide)
{
	struct words words;

	return json_string(words_sum(sum, wide, &words));
}

json_t *pcap_json_difference(const struct packet_layer *layer)
{
	struct words words;

	return json_string(words_difference(layer->computed, layer->stored, layer->wide, &words));
}

json_t *pcap_json_flow(const struct packet_flow *flow)
{
	bool ports = flow_has_ports(flow);
	struct words proto, src, dst;

	if (!flow->family)
		return json_pack("{sn sn sn sn sn}", "proto", "src", "src_port", "dst", "dst_port");
	return json_pack("{ss ss so ss so}", "proto", words_protocol(flow, &proto), "src",
			 words_address(flow->family, flow->src, &src), "src_port",
			 ports ? number(flow->src_port) : json_null(), "dst",
			 words_address(flow->family, flow->dst, &dst), "dst_port",
			 ports ? number(flow->dst_port) : json_null());
}

static json_t *line_json(const struct shape *shape)
{
	struct shape_line line;

	if (!shape_stuck_line(shape, &line))
		return json_null();
	return json_pack("{si si si si}", "width_bits", (int)line.stride * 8, "offset",
			 (int)line.phase, "bit", (int)line.bit, "stuck_at", line.up ? 1 : 0);
}

json_t *pcap_json_shape(const struct shape *shape)
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
			json_array_append_new(array, number(counts[i]));
		json_object_set_new(object, key, array);
	}
	json_object_set_new(object, "line", line_json(shape));
	return object;
}

json_t *pcap_json_broken(const char *why, uint64_t offset)
{
	return why ? json_pack("{sI ss}", "offset", (json_int_t)offset, "why", why) : json_null();
}

int pcap_json_line(json_t *object)
{
	int rc = object ? json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) : -1;

	json_decref(object);
	putchar('\n');
	return rc ? fail(-ENOMEM, "out of memory, or standard output is closed") : 0;
}

static json_t *layers_json(const struct scan *scan)
{
	json_t *layers = json_object();

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++) {
		json_t *layer = json_object();
		uint64_t sum = 0;

		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++) {
			json_object_set_new(layer, verdict_keys[verdict],
					    number(scan->counts.layer[kind][verdict]));
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
	size_t room = flows_count(scan->flows) < PCAP_JSON_FLOWS ? flows_count(scan->flows)
								 : PCAP_JSON_FLOWS;
	_cleanup_free_ uint32_t *worst = calloc(room + 1, sizeof(*worst));
	size_t count = worst ? flows_worst(scan->flows, room, worst) : 0;
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct flow_row *row = flows_row(scan->flows, worst[i]);
		json_t *object = pcap_json_flow(&row->flow);

		json_object_set_new(object, "damaged", number(row->damaged));
		json_object_set_new(object, "packets",
				    row->packets ? number(row->packets) : json_null());
		json_object_set_new(object, "rate",
				    row->packets
					    ? json_real((double)row->damaged / (double)row->packets)
					    : json_null());
		json_object_set_new(object, "first", pcap_json_time(row->first_ns));
		json_object_set_new(object, "last", pcap_json_time(row->last_ns));
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *difference_json(const struct scan *scan, uint16_t difference)
{
	unsigned int column;
	bool up;
	struct words words;
	json_t *flip = words_single_flip(difference, &column, &up)
			       ? json_pack("{si sb si}", "bit", (int)column % 8, "odd_offset",
					   column < 8, "to", up ? 1 : 0)
			       : json_null();

	return json_pack("{ss sI so}", "difference", words_difference(difference, 0, false, &words),
			 "packets", (json_int_t)scan->differences[difference], "single_flip", flip);
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
			   copies ? number(copies->compared) : json_null());
	if (!copies)
		return object;
	shape = pcap_json_shape(&copies->shape);
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

int pcap_print_json(const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	const struct scan_counts *counts = &scan->counts;
	json_t *object = json_pack("{ss ss ss ss ss sI sI}", "command", "pcap", "version",
				   TRUESUM_VERSION, "file", result->name, "format",
				   scan->end.format, "compression", result->compression, "packets",
				   (json_int_t)counts->packets, "bytes", (json_int_t)counts->bytes);
	json_t *rest = json_pack(
		"{so so so sI sI so so so sb so}", "first",
		pcap_json_time(counts->first_ns == INT64_MAX ? INT64_MIN : counts->first_ns),
		"last", pcap_json_time(counts->last_ns), "layers", layers_json(scan),
		"damaged_packets", (json_int_t)scan->damaged, "damaged_flows",
		(json_int_t)flows_count(scan->flows), "flows", flows_json(scan), "damage",
		damage_json(result), "unknown", unknown_json(scan), "complete", !scan->end.broken,
		"broken",
		pcap_json_broken(scan->end.broken ? scan->end.broken_why : NULL,
				 scan->end.broken_at));

	if (!object || !rest || json_object_update(object, rest) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(rest);
	return pcap_json_line(object);
}
