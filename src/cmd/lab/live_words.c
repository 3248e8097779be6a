// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict behind a run that was watched: see live_words.h. */
#include "cmd/lab/live_words.h"

#include <inttypes.h>

#include "cmd/lab/words.h"

#define AT_ONCE_NS UINT64_C(50000000) /* read within this of each other */

/* What became of the messages of the damage window. */
struct window {
	uint64_t closed_ns;
	uint32_t read; /* whole and intact */
	uint64_t first_read_ns, last_read_ns;
	uint64_t oldest_delay_ns;
};

static struct window look_at_window(const struct lab_settings *settings,
				    const struct cell_result *result)
{
	struct window window = { .first_read_ns = UINT64_MAX };

	for (size_t i = 0; i < result->event_count; i++)
		if (result->events[i].kind == EVENT_WINDOW && !result->events[i].damaged)
			window.closed_ns = result->events[i].at_ns;
	for (uint32_t k = settings->before;
	     k < settings->before + settings->during && k < result->message_count; k++) {
		const struct message_fate *fate = &result->messages[k];
		uint64_t delay_ns = fate->read_ns - fate->sent_ns;

		if (!fate->sent || !fate->bytes_read || fate->bytes_wrong)
			continue;
		window.read++;
		if (fate->read_ns < window.first_read_ns)
			window.first_read_ns = fate->read_ns;
		if (fate->read_ns > window.last_read_ns)
			window.last_read_ns = fate->read_ns;
		if (delay_ns > window.oldest_delay_ns)
			window.oldest_delay_ns = delay_ns;
	}
	return window;
}

static uint64_t dropped(const struct cell_key *key, const struct cell_result *result)
{
	const struct counters *counters =
		result->caught_by == CAUGHT_CONTAINER ? &result->container : &result->host;

	if (result->caught_by == CAUGHT_RULE)
		return result->rule_drops;
	if (result->caught_by == CAUGHT_OUTER_UDP || key->proto != PROTO_TCP)
		return counters->udp_in_csum_errors;
	return counters->tcp_in_csum_errors;
}

static void say_dropped(FILE *out, const struct cell_key *key, const struct cell_result *result)
{
	uint64_t segments = dropped(key, result);

	fputs("Nothing damaged was delivered", out);
	if (result->caught_by == CAUGHT_UNKNOWN || result->caught_by == CAUGHT_NOBODY) {
		fputs(". ", out);
		return;
	}
	fprintf(out, ": %" PRIu64 " damaged %s%s dropped by ", segments,
		key->proto == PROTO_TCP ? "segment" : "datagram",
		segments == 1 ? " was" : "s were");
	words_caught_by(out, key, result->caught_by);
	fputs(". ", out);
}

/* When the lines of the window came, TCP having sent them again. */
static void say_late(FILE *out, const struct lab_settings *settings,
		     const struct cell_result *result)
{
	struct window window = look_at_window(settings, result);

	if (!window.read) {
		fprintf(out, "None of the %" PRIu32 " lines of the damage window came.",
			settings->during);
		return;
	}
	fprintf(out, "%s%" PRIu32 " line%s of the damage window came ",
		window.read == settings->during ? "All " : "", window.read,
		window.read == 1 ? "" : "s");
	if (window.last_read_ns - window.first_read_ns < AT_ONCE_NS &&
	    window.first_read_ns >= window.closed_ns) {
		fputs(window.read > 1 ? "at once, " : "", out);
		words_duration(out, window.first_read_ns - window.closed_ns);
		fputs(" after the damage stopped", out);
	} else {
		fputs("as TCP sent them again", out);
	}
	fputs(", the oldest ", out);
	words_duration(out, window.oldest_delay_ns);
	fputs(" late.", out);
}

static void say_verified(FILE *out, const struct cell_key *key, const struct lab_settings *settings,
			 const struct cell_result *result)
{
	say_dropped(out, key, result);
	if (key->proto == PROTO_TCP)
		say_late(out, settings, result);
	else
		fprintf(out,
			"%" PRIu32 " line%s never came: UDP does not send again what was dropped.",
			result->not_delivered, result->not_delivered == 1 ? "" : "s");
}

static void say_delivered(FILE *out, const struct cell_key *key, const struct cell_result *result)
{
	uint64_t errors =
		key->proto == PROTO_TCP
			? result->container.tcp_in_csum_errors + result->host.tcp_in_csum_errors
			: result->container.udp_in_csum_errors + result->host.udp_in_csum_errors;

	fprintf(out,
		"Damaged data was delivered: the application read %" PRIu32 " line%s with %" PRIu64
		" wrong byte%s in all, as if nothing were wrong. ",
		result->delivered_damaged, result->delivered_damaged == 1 ? "" : "s",
		result->bytes_wrong, result->bytes_wrong == 1 ? "" : "s");
	if (result->damaged_unseen)
		fprintf(out,
			"The checksum of %" PRIu32
			" segment%s was right in spite of the damage: nobody could have known.",
			result->damaged_unseen, result->damaged_unseen == 1 ? "" : "s");
	else if (!errors)
		fputs("Nobody looked at the checksum: not one error was counted.", out);
	else
		fprintf(out, "Of the other segments %" PRIu64 " were found out and dropped.",
			errors);
}

void live_words(FILE *out, const struct cell_key *key, const struct lab_settings *settings,
		const struct cell_result *result)
{
	switch (result->verdict) {
	case VERDICT_VERIFIED:
		say_verified(out, key, settings, result);
		break;
	case VERDICT_DELIVERS_CORRUPT:
		say_delivered(out, key, result);
		break;
	case VERDICT_BLOCKED:
		fprintf(out, "Blocked, with or without damage: %s.", result->reason);
		break;
	default:
		fprintf(out, "%s: %s.",
			result->skipped ? "Not on this kernel" : "That could not be found out",
			result->reason);
		break;
	}
	if (words_differs(result))
		fputs(" This is NOT what is known of this cell.", out);
}
