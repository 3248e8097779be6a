// SPDX-License-Identifier: GPL-2.0-or-later
/* Prints what changed between two captures, in words or as JSON: see report.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "cmd/pcap/json.h"
#include "cmd/pcap/report.h"
#include "cmd/pcap/words.h"

#define CHANGES_SHOWN 20

static const char *const places[] = {
	[DIFF_PAYLOAD] = "payload",
	[DIFF_TRANSPORT] = "transport",
	[DIFF_NETWORK] = "network",
};

enum exit_code pcap_diff_exit(const struct diff *diff)
{
	if (diff->changed)
		return EXIT_FOUND;
	return diff->same ? EXIT_NOTHING_WRONG : EXIT_UNKNOWN;
}

static void print_diff_verdict(const struct diff *diff)
{
	bool color = term_color(stdout);
	struct words changed, packets, unseen;

	if (pcap_diff_exit(diff) == EXIT_UNKNOWN) {
		printf("%snothing could be compared%s: %s\n", term_style(color, TERM_WARN),
		       term_style(color, TERM_PLAIN),
		       !diff->packets_before || !diff->packets_after
			       ? "one of the captures has no packets"
			       : "no packet is in both; is it the same traffic?");
		return;
	}
	if (!diff->changed) {
		printf("%snothing changed on the way%s: %s", term_style(color, TERM_GOOD),
		       term_style(color, TERM_PLAIN), words_count(diff->same, "packet", &packets));
		printf(" arrived as %s\n", diff->same == 1 ? "it was" : "they were");
		return;
	}
	printf("%s%s of %s changed on the way%s", term_style(color, TERM_BAD),
	       words_number(diff->changed, &changed),
	       words_count(diff->packets_after, "packet", &packets), term_style(color, TERM_PLAIN));
	if (diff->changed_unseen == diff->changed)
		printf("; no checksum shows it\n");
	else if (diff->changed_unseen)
		printf("; no checksum shows %s of them\n",
		       words_number(diff->changed_unseen, &unseen));
	else
		printf("; the checksums show it\n");
}

static void print_broken(const char *name, const struct diff_broken *broken)
{
	bool color = term_color(stdout);
	struct words number;

	if (*broken->why)
		printf("%s%s breaks off at byte %s%s: %s.\n", term_style(color, TERM_WARN), name,
		       words_number(broken->at, &number), term_style(color, TERM_PLAIN),
		       broken->why);
}

static void print_counts(const struct diff *diff, const char *before, const char *after)
{
	const struct {
		const char *words;
		uint64_t count;
		bool always;
	} rows[] = {
		{ "before", diff->packets_before, true },
		{ "after", diff->packets_after, true },
		{ "unchanged", diff->same, true },
		{ "  with other addresses or ports", diff->translated, false },
		{ "  cut or merged differently", diff->resegmented, false },
		{ "changed", diff->changed, true },
		{ "  that no checksum shows", diff->changed_unseen, false },
		{ "lost: only before", diff->lost, true },
		{ "new: only after", diff->new, true },
		{ "  of both, not compared: too many", diff->not_compared, false },
	};
	bool color = term_color(stdout);
	struct words number;

	printf("%sbefore: %s\nafter:  %s%s\n", term_style(color, TERM_DIM), before, after,
	       term_style(color, TERM_PLAIN));
	print_broken(before, &diff->broken_before);
	print_broken(after, &diff->broken_after);
	printf("\n%sPackets%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].always || rows[i].count)
			printf("  %-42s%16s\n", rows[i].words,
			       words_number(rows[i].count, &number));
}

static void print_change(const struct diff_change *change)
{
	struct words flow, bits;

	printf("  frame %" PRIu64 " → %" PRIu64 "  %s\n", change->before, change->after,
	       words_flow(&change->flow, &flow));
	printf("      %s%s; first at %s offset %" PRIu32 ": 0x%02x→0x%02x%s\n",
	       words_count(change->bits, "bit", &bits),
	       change->seen ? "" : ", which no checksum shows", places[change->where],
	       change->offset, change->was, change->is,
	       change->resegmented ? " (cut differently before)" : "");
}

static void print_diff_changes(const struct diff *diff)
{
	size_t shown = diff->change_count < CHANGES_SHOWN ? diff->change_count : CHANGES_SHOWN;
	bool color = term_color(stdout);
	struct words words;

	printf("\n%sChanges%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < shown; i++)
		print_change(&diff->changes[i]);
	if (diff->changed > shown)
		printf("  and %s%s\n", words_number(diff->changed - shown, &words),
		       diff->change_count > shown ? " more: see --json" : " more");
	printf("\n%sWhat the damage looks like%s\n  %s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN), words_bits(&diff->shape, &words));
	pcap_print_shape(&diff->shape);
}

static void print_diff_words(const struct diff *diff, const char *before, const char *after)
{
	print_diff_verdict(diff);
	print_counts(diff, before, after);
	if (diff->changed)
		print_diff_changes(diff);
}

/* ---- JSON ---- */

static json_t *byte_json(uint8_t byte)
{
	char text[8];

	snprintf(text, sizeof(text), "0x%02x", byte);
	return json_string(text);
}

static json_t *diff_change_json(const struct diff_change *change)
{
	json_t *object = pcap_json_flow(&change->flow);
	json_t *rest =
		json_pack("{sI sI so so sb sb ss sI so so sI}", "frame_before",
			  (json_int_t)change->before, "frame_after", (json_int_t)change->after,
			  "time_before", pcap_json_time(change->before_ns), "time_after",
			  pcap_json_time(change->after_ns), "seen", change->seen, "resegmented",
			  change->resegmented, "where", places[change->where], "offset",
			  (json_int_t)change->offset, "was", byte_json(change->was), "is",
			  byte_json(change->is), "bits", (json_int_t)change->bits);

	json_object_update(object, rest);
	json_decref(rest);
	return object;
}

static json_t *broken_json(const struct diff_broken *broken)
{
	return pcap_json_broken(*broken->why ? broken->why : NULL, broken->at);
}

static int print_diff_json(const struct diff *diff, const char *before, const char *after)
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
	json_object_set_new(object, "damage", pcap_json_shape(&diff->shape));
	json_object_set_new(object, "changes", changes);
	json_object_set_new(object, "complete",
			    json_boolean(!*diff->broken_before.why && !*diff->broken_after.why));
	json_object_set_new(object, "broken_before", broken_json(&diff->broken_before));
	json_object_set_new(object, "broken_after", broken_json(&diff->broken_after));
	return pcap_json_line(object);
}

int pcap_print_diff(const struct diff *diff, const char *before, const char *after, bool json)
{
	if (json)
		return print_diff_json(diff, before, after);
	print_diff_words(diff, before, after);
	return 0;
}
