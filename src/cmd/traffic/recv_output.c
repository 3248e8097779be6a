// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What `truesum recv` prints: see recv_output.h. A damaged line is shown whole, its wrong characters
 * red or with carets below, and the bits named; somebody else's traffic only by its first bytes.
 */
#include "cmd/traffic/recv_output.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/term.h"
#include "cmd/common/marked.h"

#define TIME_WIDTH 11 /* "%9.3f" and two blanks */
#define BYTES_DESCRIBED 4 /* of a damaged line */
#define STRANGE_SHOWN 4
#define STRANGE_COLUMNS 48
#define GAPS_SHOWN 8
#define PATTERN_BYTES 4 /* as many wrong bytes alike are no chance */

static void print_gap(struct recv_printer *printer, uint32_t k)
{
	if (printer->begun && printer->datagrams && k > printer->due)
		printf("%*s-- %" PRIu32 " missing here --\n", TIME_WIDTH, "", k - printer->due);
	if (!printer->begun || k >= printer->due)
		printer->due = k + 1;
	printer->begun = true;
}

static void print_strange(struct recv_printer *printer, const struct check_line *line)
{
	bool color = term_color(stdout);
	struct message_line text = line->text;

	if (printer->strange++ >= STRANGE_SHOWN)
		return;
	text.want = text.got;
	if (text.len > STRANGE_COLUMNS)
		text.len = STRANGE_COLUMNS;
	printf("%snot a message of truesum's, %zu bytes: \"", term_style(color, TERM_WARN),
	       line->size);
	marked_print(stdout, &text, STRANGE_COLUMNS, MARKED_PLAIN);
	printf("\"%s%s\n", line->size > text.len ? "..." : "", term_style(color, TERM_PLAIN));
}

static void print_damage(const struct message_line *text, unsigned int columns, bool color)
{
	unsigned int described = 0;
	size_t left = 0;

	if (!color) {
		printf("%*s", TIME_WIDTH, "");
		marked_print(stdout, text, columns, MARKED_CARETS);
		putchar('\n');
	}
	for (size_t i = 0; i < text->len; i++) {
		if (text->got[i] == text->want[i])
			continue;
		if (described++ >= BYTES_DESCRIBED) {
			left++;
			continue;
		}
		printf("%*s%s", TIME_WIDTH, "", term_style(color, TERM_DIM));
		marked_describe(stdout, i, text->got[i], text->want[i]);
		printf("%s\n", term_style(color, TERM_PLAIN));
	}
	if (left)
		printf("%*sand %zu more wrong byte%s\n", TIME_WIDTH, "", left,
		       left == 1 ? "" : "s");
}

void recv_print_line(struct recv_printer *printer, const struct check_line *line)
{
	static const char *const remarks[CHECK_CLASSES] = {
		[CHECK_INTACT] = "",
		[CHECK_DAMAGED] = "",
		[CHECK_CUT] = "  (cut short: the connection ended here)",
		[CHECK_AGAIN] = "  (arrived before)",
	};
	unsigned int columns = term_is(stdout) ? term_columns(stdout) - TIME_WIDTH : UINT_MAX;
	const struct message_line *text = &line->text;
	bool color = term_color(stdout);

	if (printer->silent)
		return;
	if (line->class == CHECK_STRANGE) {
		print_strange(printer, line);
	} else if (!printer->quiet || line->class != CHECK_INTACT) {
		print_gap(printer, line->k);
		printf("%9.3f  ", (double)(line->at_ns - printer->start_ns) / 1e9);
		marked_print(stdout, text, columns, color ? MARKED_COLORED : MARKED_PLAIN);
		printf("%s\n", remarks[line->class]);
		if (memcmp(text->got, text->want, text->len) != 0)
			print_damage(text, columns, color);
	} else {
		print_gap(printer, line->k);
	}
	fflush(stdout);
}

enum recv_result recv_result(const struct check_tally *tally)
{
	if (!tally->recognised)
		return tally->messages[CHECK_STRANGE] ? RECV_STRANGE : RECV_NOTHING;
	return tally->bytes_wrong ? RECV_DAMAGED : RECV_INTACT;
}

static void print_gaps(const struct check_tally *tally)
{
	size_t shown = tally->gap_count < GAPS_SHOWN ? tally->gap_count : GAPS_SHOWN;

	printf("missing: ");
	for (size_t i = 0; i < shown; i++) {
		const struct check_gap *gap = &tally->gaps[i];

		printf("%s%" PRIu32, i ? ", " : "", gap->first);
		if (gap->count > 1)
			printf(" to %" PRIu32, gap->first + gap->count - 1);
	}
	printf("%s\n", tally->gap_count > shown ? ", ..." : "");
}

/* The only place with a count, or -1. */
static int only_one(const uint64_t *counts, int n)
{
	int found = -1;

	for (int i = 0; i < n; i++) {
		if (!counts[i])
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static void print_damage_summary(const struct check_tally *tally)
{
	int phase = only_one(tally->wrong_at, CHECK_PHASES), bit = only_one(tally->wrong_bit, 8);
	const char *separator = "";

	printf("%" PRIu64 " of %" PRIu64 " bytes wrong; bits: %" PRIu64 " 1→0, %" PRIu64 " 0→1\n",
	       tally->bytes_wrong, tally->bytes, tally->bits_1to0, tally->bits_0to1);
	printf("wrong bytes by offset mod %d: ", CHECK_PHASES);
	for (int i = 0; i < CHECK_PHASES; i++) {
		if (!tally->wrong_at[i])
			continue;
		printf("%s%d (%" PRIu64 ")", separator, i, tally->wrong_at[i]);
		separator = ", ";
	}
	putchar('\n');
	if (phase >= 0 && bit >= 0 && tally->bytes_wrong >= PATTERN_BYTES &&
	    !(tally->bits_0to1 && tally->bits_1to0))
		printf("always bit %d at offset mod %d = %d, stuck at %d: one bad data line of a "
		       "128-bit-wide memory on the way looks like this\n",
		       bit, CHECK_PHASES, phase, tally->bits_0to1 ? 1 : 0);
}

static void print_conclusion(const struct recv_outcome *outcome)
{
	bool color = term_color(stdout), damaged = outcome->tally->bytes_wrong;

	if (damaged)
		printf("%sDamaged data was delivered to this program%s: no checksum on its way here "
		       "stopped it.\n",
		       term_style(color, TERM_BAD), term_style(color, TERM_PLAIN));
	else
		printf("%sNothing damaged was delivered%s: every byte received is right.\n",
		       term_style(color, TERM_GOOD), term_style(color, TERM_PLAIN));
	if (outcome->has_csum_errors && outcome->csum_errors)
		printf("The network stack here dropped %" PRIu64
		       " packets with a bad %s checksum meanwhile.\n",
		       outcome->csum_errors, outcome->udp ? "UDP" : "TCP");
}

void recv_print_summary(const struct recv_outcome *outcome)
{
	const struct check_tally *tally = outcome->tally;
	const uint64_t *n = tally->messages;

	if (outcome->other_datagrams)
		printf("%" PRIu64 " datagrams from other peers were left aside\n",
		       outcome->other_datagrams);
	if (recv_result(tally) >= RECV_STRANGE)
		return;
	printf("\n%" PRIu64 " messages from %s in %.1f s: %" PRIu64 " intact, %" PRIu64
	       " damaged, %" PRIu64 " missing",
	       n[CHECK_INTACT] + n[CHECK_DAMAGED] + n[CHECK_CUT] + n[CHECK_AGAIN], outcome->peer,
	       (double)outcome->duration_ns / 1e9, n[CHECK_INTACT], n[CHECK_DAMAGED],
	       tally->missing);
	if (n[CHECK_AGAIN])
		printf(", %" PRIu64 " again", n[CHECK_AGAIN]);
	if (n[CHECK_STRANGE])
		printf(", %" PRIu64 " not truesum's", n[CHECK_STRANGE]);
	putchar('\n');
	if (tally->first)
		printf("the first seen was message %" PRIu32
		       ": earlier ones were lost, or sent before this program listened\n",
		       tally->first);
	if (tally->gap_count)
		print_gaps(tally);
	if (tally->bytes_wrong)
		print_damage_summary(tally);
	print_conclusion(outcome);
}

static json_t *counts_json(const uint64_t *counts, int n)
{
	json_t *array = json_array();

	for (int i = 0; i < n; i++)
		json_array_append_new(array, json_integer((json_int_t)counts[i]));
	return array;
}

static json_t *gaps_json(const struct check_tally *tally)
{
	json_t *array = json_array();

	for (size_t i = 0; i < tally->gap_count; i++)
		json_array_append_new(array, json_pack("{sI sI}", "first",
						       (json_int_t)tally->gaps[i].first, "count",
						       (json_int_t)tally->gaps[i].count));
	return array;
}

int recv_print_json(const struct recv_outcome *outcome)
{
	static const char *const results[] = {
		[RECV_INTACT] = "intact",
		[RECV_DAMAGED] = "damaged",
		[RECV_STRANGE] = "strange",
		[RECV_NOTHING] = "nothing",
	};
	const struct check_tally *tally = outcome->tally;
	const uint64_t *n = tally->messages;
	json_t *object = json_pack("{ss ss ss ss si ss? ss sf}", "command", "recv", "version",
				   TRUESUM_VERSION, "result", results[recv_result(tally)], "proto",
				   outcome->udp ? "udp" : "tcp", "port", (int)outcome->port, "peer",
				   outcome->peer, "ended_by", outcome->ended_by, "duration_s",
				   (double)outcome->duration_ns / 1e9);
	json_t *counts = json_pack(
		"{sI sI sI sI sI sI sI sI sI sI}", "intact", (json_int_t)n[CHECK_INTACT], "damaged",
		(json_int_t)n[CHECK_DAMAGED], "missing", (json_int_t)tally->missing, "again",
		(json_int_t)n[CHECK_AGAIN], "strange", (json_int_t)n[CHECK_STRANGE],
		"other_datagrams", (json_int_t)outcome->other_datagrams, "bytes",
		(json_int_t)tally->bytes, "bytes_wrong", (json_int_t)tally->bytes_wrong,
		"bits_0_to_1", (json_int_t)tally->bits_0to1, "bits_1_to_0",
		(json_int_t)tally->bits_1to0);
	json_t *rest = json_pack(
		"{sI so so so so}", "first", (json_int_t)tally->first, "wrong_by_offset_mod_16",
		counts_json(tally->wrong_at, CHECK_PHASES), "wrong_by_bit",
		counts_json(tally->wrong_bit, 8), "gaps", gaps_json(tally), "in_csum_errors",
		outcome->has_csum_errors ? json_integer((json_int_t)outcome->csum_errors)
					 : json_null());
	int rc = 0;

	if (!object || !counts || !rest || json_object_update(object, counts) < 0 ||
	    json_object_update(object, rest) < 0)
		rc = fail(-ENOMEM, "out of memory");
	else
		json_dumpf(object, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(object);
	json_decref(counts);
	json_decref(rest);
	return rc;
}
