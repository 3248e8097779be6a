// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One packet after the other: see pcap_packets.h. Of a packet's layers the one is named that decides:
 * the innermost whose verdict is the packet's.
 */
#include "cmd/pcap/packets.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "cmd/pcap/json.h"
#include "cmd/pcap/words.h"

#define FRAME_WIDTH 8
#define VERDICT_WIDTH 14 /* "artefact icmp6" */
#define COMMENT_MAX 600

static const enum term_style styles[SUM_VERDICTS] = {
	[SUM_GOOD] = TERM_GOOD,	   [SUM_BAD] = TERM_BAD,	   [SUM_ARTEFACT] = TERM_DIM,
	[SUM_NONE] = TERM_DIM,	   [SUM_ILLEGAL_NONE] = TERM_WARN, [SUM_TRUNCATED] = TERM_WARN,
	[SUM_UNKNOWN] = TERM_WARN,
};

/* What is said of a packet. */
struct verdict_view {
	enum sum_verdict verdict;
	const struct packet_layer *layer; /* NULL: none decides */
	const char *reason;
	const struct packet_layer *sums; /* the same where stored and computed mean something */
	char link[48];
};

static void look(const struct pass_packet *packet, struct verdict_view *ret)
{
	const struct packet_judgement *judgement = &packet->judgement;

	*ret = (struct verdict_view){ .verdict = judgement->verdict, .reason = "" };
	if (!packet->link_known) {
		snprintf(ret->link, sizeof(ret->link), "link type %" PRIu32 " is not known",
			 packet->record.link);
		ret->verdict = SUM_UNKNOWN;
		ret->reason = ret->link;
		return;
	}
	if (packet->waits)
		ret->verdict = SUM_UNKNOWN;
	for (unsigned int i = judgement->layer_count; i-- > 0 && !ret->layer;)
		if (judgement->layer[i].verdict == ret->verdict)
			ret->layer = &judgement->layer[i];
	if (packet->waits)
		ret->reason = reason_words[REASON_FRAGMENT];
	else if (ret->verdict == SUM_UNKNOWN)
		ret->reason = reason_words[pass_unknown_reason(judgement)];
	else if (ret->layer)
		ret->reason = reason_words[ret->layer->reason];
	if (ret->verdict == SUM_GOOD || ret->verdict == SUM_BAD || ret->verdict == SUM_ARTEFACT)
		ret->sums = ret->layer;
}

static bool wanted(enum packets_which which, enum sum_verdict verdict)
{
	return which == PACKETS_ALL || (which == PACKETS_BAD && verdict == SUM_BAD) ||
	       (which == PACKETS_ARTEFACT && verdict == SUM_ARTEFACT);
}

static void print_line(const struct pass_packet *packet, const struct verdict_view *view)
{
	bool color = term_color(stdout);
	char layer[24] = "";
	struct words time, flow, stored, computed, changed;

	if (view->layer)
		snprintf(layer, sizeof(layer), " %s", layer_names[view->layer->kind]);
	printf("%*" PRIu64 "  %s  %s%s%s%*s  %s", FRAME_WIDTH, packet->frame,
	       words_time(packet->record.time_ns, &time), term_style(color, styles[view->verdict]),
	       sum_verdict_names[view->verdict], term_style(color, TERM_PLAIN),
	       -(VERDICT_WIDTH - (int)strlen(sum_verdict_names[view->verdict])), layer,
	       words_flow(&packet->judgement.flow, &flow));
	if (view->sums)
		printf("  stored %s", words_sum(view->sums->stored, view->sums->wide, &stored));
	if (view->sums && view->verdict != SUM_GOOD)
		printf(", computed %s",
		       words_sum(view->sums->computed, view->sums->wide, &computed));
	if (view->sums && view->verdict == SUM_BAD)
		printf(", difference %s", words_difference(view->sums->computed, view->sums->stored,
							   view->sums->wide, &changed));
	printf("%s%s\n", *view->reason ? "  " : "", view->reason);
}

/* Every checksum of the packet, outermost first. */
static json_t *layers_json(const struct pass_packet *packet)
{
	const struct packet_judgement *judgement = &packet->judgement;
	json_t *array = json_array();

	for (unsigned int i = 0; packet->link_known && i < judgement->layer_count; i++) {
		const struct packet_layer *layer = &judgement->layer[i];
		bool sums = layer->verdict == SUM_GOOD || layer->verdict == SUM_BAD ||
			    layer->verdict == SUM_ARTEFACT;

		json_array_append_new(
			array,
			json_pack("{ss ss so so ss?}", "layer", layer_names[layer->kind], "verdict",
				  sum_verdict_names[layer->verdict], "stored",
				  sums ? pcap_json_sum(layer->stored, layer->wide) : json_null(),
				  "computed",
				  sums ? pcap_json_sum(layer->computed, layer->wide) : json_null(),
				  "reason", layer->reason ? reason_words[layer->reason] : NULL));
	}
	return array;
}

static int print_json(const struct pass_packet *packet, const struct verdict_view *view,
		      const char *file)
{
	const struct packet_layer *layer = view->layer, *sums = view->sums;
	json_t *object = json_pack(
		"{ss sI so ss ss?}", "file", file, "frame", (json_int_t)packet->frame, "time",
		pcap_json_time(packet->record.time_ns), "verdict", sum_verdict_names[view->verdict],
		"layer", layer ? layer_names[layer->kind] : NULL);
	json_t *flow = pcap_json_flow(&packet->judgement.flow);
	json_t *rest = json_pack(
		"{so so so ss? so}", "stored",
		sums ? pcap_json_sum(sums->stored, sums->wide) : json_null(), "computed",
		sums ? pcap_json_sum(sums->computed, sums->wide) : json_null(), "difference",
		sums && view->verdict == SUM_BAD ? pcap_json_difference(sums) : json_null(),
		"reason", *view->reason ? view->reason : NULL, "layers", layers_json(packet));

	if (!object || json_object_update(object, flow) < 0 ||
	    json_object_update(object, rest) < 0) {
		json_decref(object);
		object = NULL;
	}
	json_decref(flow);
	json_decref(rest);
	return pcap_json_line(object);
}

struct printer {
	const struct packets_plan *plan;
	bool named; /* the file's name was printed */
};

static void print_name(struct printer *printer)
{
	if (printer->plan->several && !printer->plan->json && !printer->named)
		printf("%s:\n", printer->plan->file);
	printer->named = true;
}

static int visit_print(void *owner, const struct pass_packet *packet)
{
	struct printer *printer = owner;
	const struct packets_plan *plan = printer->plan;
	struct verdict_view view;

	print_name(printer);
	look(packet, &view);
	if (!wanted(plan->which, view.verdict))
		return 0;
	if (!plan->json)
		print_line(packet, &view);
	else if (print_json(packet, &view, plan->file))
		return -ENOMEM;
	/* Somebody may be watching a live capture: what is rare is shown at once. */
	if (view.verdict == SUM_BAD)
		fflush(stdout);
	return ferror(stdout) ? PASS_STOP : 0;
}

int packets_print(struct capture *capture, const struct packets_plan *plan, struct scan *ret_scan)
{
	struct printer printer = { .plan = plan };
	const struct pass_visitor visitor = { visit_print, &printer };
	const struct scan_plan scan_plan = { .visitor = &visitor, .count_only = plan->count_only };
	int rc = scan_capture(capture, &scan_plan, ret_scan);

	if (!rc)
		print_name(&printer);
	return rc;
}

/* ---- --write ---- */

static void comment_flips(const struct scan_damage *damage, char *text, size_t size)
{
	size_t used = strlen(text);

	used += (size_t)snprintf(text + used, size - used,
				 "; %" PRIu32 " bit%s changed from frame %" PRIu64 ":",
				 damage->bits, damage->bits == 1 ? "" : "s", damage->copy);
	for (uint32_t i = 0; i < damage->bits && i < DAMAGE_FLIPS && used < size; i++) {
		const struct damage_flip *flip = &damage->flips[i];
		bool payload = flip->offset >= damage->header;

		used += (size_t)snprintf(text + used, size - used, "%s %s offset %u bit %u %s",
					 i ? "," : "", payload ? "payload" : "header",
					 payload ? flip->offset - damage->header : flip->offset,
					 flip->bit, flip->up ? "0→1" : "1→0");
	}
	if (damage->bits > DAMAGE_FLIPS && used < size)
		snprintf(text + used, size - used, ", ...");
}

static void comment(const struct pass_packet *packet, const struct scan_damage *damage, char *text,
		    size_t size)
{
	const struct packet_layer *layer = pass_damaged_layer(&packet->judgement);
	struct words stored, computed, changed;

	snprintf(text, size,
		 "truesum: frame %" PRIu64 " is damaged: %s checksum stored %s, computed %s, "
		 "difference %s",
		 packet->frame, layer_names[layer->kind],
		 words_sum(layer->stored, layer->wide, &stored),
		 words_sum(layer->computed, layer->wide, &computed),
		 words_difference(layer->computed, layer->stored, layer->wide, &changed));
	if (damage && damage->fate == DAMAGE_COMPARED)
		comment_flips(damage, text, size);
}

struct packets_writer {
	const struct scan *scan;
	struct writer *writer;
	int64_t written;
	size_t next; /* in scan->damage */
};

static int visit_write(void *owner, const struct pass_packet *packet)
{
	struct packets_writer *to = owner;
	const struct scan *scan = to->scan;
	const struct scan_damage *damage = NULL;
	char text[COMMENT_MAX];

	if (packet->waits || !packet->link_known || packet->judgement.verdict != SUM_BAD)
		return 0;
	while (to->next < scan->damage_count && scan->damage[to->next].frame < packet->frame)
		to->next++;
	if (to->next < scan->damage_count && scan->damage[to->next].frame == packet->frame)
		damage = &scan->damage[to->next];
	comment(packet, damage, text, sizeof(text));
	to->written++;
	return writer_add(to->writer, &packet->record, text);
}

int64_t packets_write(struct capture *capture, const struct scan *scan, struct writer *writer)
{
	struct packets_writer to = { .scan = scan, .writer = writer };
	const struct pass_visitor visitor = { visit_write, &to };
	const struct pass pass = { PASS_DATAGRAMS, &visitor, 1, NULL };
	struct pass_end end;
	int rc = pass_run(capture, &pass, &end);

	return rc ? rc : to.written;
}
