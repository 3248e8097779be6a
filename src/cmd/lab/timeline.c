// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A cell's timeline: three lanes (client wrote, on the wire, server read) over a common time axis, and
 * a line for each message from where it was written to where it was read. While damage is caught, the
 * lines gather in one point behind the window; while it is not, they go straight down, damaged.
 *
 * Marks of a kind are one <path>, or the page would hold some ten thousand elements: a dot is a line of
 * no length with round ends. Shape tells what a mark means, colour (in report.css) only repeats it.
 */
#include "cmd/lab/timeline.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "cmd/lab/html.h"
#include "lab/message.h"
#include "cmd/lab/words.h"

/* The drawing's own units; the page scales it. */
#define WIDTH 640
#define HEIGHT 166
#define LEFT 96
#define RIGHT 630
#define LANE_CLIENT 28
#define LANE_WIRE 72
#define LANE_SERVER 116
#define LANE_NOTE 135
#define LANE_AXIS 146
#define NOTE_MOST 550 /* a note that begins further right would leave the picture */
#define TICKS_MOST 7

/* What is read within this, or the client's pace if that is less, was read at once. */
#define AT_ONCE_NS 50000000

struct picture {
	FILE *out;
	const struct cell_result *result;
	uint64_t until_ns, pace_ns;
	uint64_t opens_ns, closes_ns; /* the damage window */
	bool has_window;
};

static double x_of(const struct picture *picture, uint64_t ns)
{
	return LEFT + (double)(RIGHT - LEFT) * (double)ns / (double)picture->until_ns;
}

uint64_t timeline_end(const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	uint64_t end = 1;

	for (size_t i = 0; i < result->event_count; i++)
		if (result->events[i].at_ns > end)
			end = result->events[i].at_ns;
	return end + end / 40;
}

static void find_window(struct picture *picture)
{
	picture->closes_ns = picture->until_ns;
	for (size_t i = 0; i < picture->result->event_count; i++) {
		const struct event *event = &picture->result->events[i];

		if (event->kind != EVENT_WINDOW)
			continue;
		if (event->damaged) {
			picture->opens_ns = event->at_ns;
			picture->has_window = true;
		} else {
			picture->closes_ns = event->at_ns;
		}
	}
}

static void put_window(const struct picture *picture)
{
	double from = x_of(picture, picture->opens_ns), to = x_of(picture, picture->closes_ns);

	if (!picture->has_window)
		return;
	fprintf(picture->out,
		"<rect class=\"w\" x=\"%.1f\" y=\"14\" width=\"%.1f\" height=\"%d\"/>"
		"<text class=\"wt\" x=\"%.1f\" y=\"10\">packets are damaged</text>",
		from, to - from, LANE_AXIS - 14, (from + to) / 2);
}

static void put_lanes(const struct picture *picture)
{
	static const struct {
		int y;
		const char *name;
	} lanes[] = { { LANE_CLIENT, "client wrote" },
		      { LANE_WIRE, "on the wire" },
		      { LANE_SERVER, "server read" } };

	for (size_t i = 0; i < ARRAY_SIZE(lanes); i++)
		fprintf(picture->out,
			"<path class=\"lane\" d=\"M%d %dH%d\"/><text class=\"name\" x=\"%d\" y=\"%d\">"
			"%s</text>",
			LEFT, lanes[i].y, RIGHT, LEFT - 8, lanes[i].y + 4, lanes[i].name);
}

/* The least of 1, 2, 5 times a power of ten that takes no more than TICKS_MOST steps. */
static uint64_t tick_step(uint64_t until_ns)
{
	static const unsigned int factors[] = { 1, 2, 5 };

	for (uint64_t power = 1000;; power *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
			if (until_ns / (power * factors[i]) <= TICKS_MOST)
				return power * factors[i];
}

static void put_axis(const struct picture *picture)
{
	uint64_t step = tick_step(picture->until_ns);
	bool seconds = picture->until_ns >= 1000000000;

	fprintf(picture->out, "<path class=\"axis\" d=\"M%d %dH%d", LEFT, LANE_AXIS, RIGHT);
	for (uint64_t at = 0; at <= picture->until_ns; at += step)
		fprintf(picture->out, "M%.1f %dv4", x_of(picture, at), LANE_AXIS);
	fputs("\"/>", picture->out);
	for (uint64_t at = 0; at <= picture->until_ns; at += step)
		fprintf(picture->out, "<text class=\"t\" x=\"%.1f\" y=\"%d\">%g%s</text>",
			x_of(picture, at), LANE_AXIS + 15, (double)at / (seconds ? 1e9 : 1e6),
			seconds ? " s" : " ms");
}

/* A message's line from writing to reading: read intact, read damaged, or ending where it was lost. */
enum fate { FATE_INTACT, FATE_DAMAGED, FATE_LOST, FATES };

static enum fate fate_of(const struct message_fate *message)
{
	if (!message->bytes_read)
		return FATE_LOST;
	return message->bytes_wrong ? FATE_DAMAGED : FATE_INTACT;
}

static void put_messages(const struct picture *picture, enum fate fate)
{
	static const char *const classes[FATES] = { "mi", "md", "ml" };
	bool any = false;

	for (uint32_t k = 0; k < picture->result->message_count; k++) {
		const struct message_fate *message = &picture->result->messages[k];
		double x = x_of(picture, message->sent_ns);

		if (!message->sent || fate_of(message) != fate)
			continue;
		if (!any)
			fprintf(picture->out, "<path class=\"%s\" d=\"", classes[fate]);
		any = true;
		if (fate == FATE_LOST)
			fprintf(picture->out, "M%.1f %dV%dm-3 0h6", x, LANE_CLIENT, LANE_WIRE + 18);
		else
			fprintf(picture->out, "M%.1f %dL%.1f %d", x, LANE_CLIENT,
				x_of(picture, message->read_ns), LANE_SERVER);
	}
	if (any)
		fputs("\"/>", picture->out);
}

static bool is_sent(const struct event *event)
{
	return event->kind == EVENT_SENT;
}

static bool is_crossing(const struct event *event)
{
	return event->kind == EVENT_WIRE && !event->again && !event->damaged;
}

static bool is_retransmission(const struct event *event)
{
	return event->kind == EVENT_WIRE && event->again;
}

static bool is_damage(const struct event *event)
{
	return event->kind == EVENT_WIRE && event->damaged;
}

static bool is_intact_read(const struct event *event)
{
	return event->kind == EVENT_READ && !event->damaged;
}

static bool is_damaged_read(const struct event *event)
{
	return event->kind == EVENT_READ && event->damaged;
}

/* What each kind of event looks like: a path's commands behind "Mx y", in order of drawing. */
static const struct mark {
	bool (*is)(const struct event *event);
	int lane;
	const char *class, *commands;
	const char *meaning; /* for the legend; NULL: part of the next */
} marks[] = {
	{ is_sent, LANE_CLIENT, "s", "m0-5v10", "a message was written" },
	{ is_crossing, LANE_WIRE, "c", "h0", "a segment crossed the wire as it was sent" },
	{ is_retransmission, LANE_WIRE, "r", "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0",
	  "a segment was sent again" },
	{ is_damage, LANE_WIRE, "x", "m-3-3l6 6m0-6l-6 6", "a segment was damaged on the wire" },
	{ is_intact_read, LANE_SERVER, "i", "h0", "the server read intact lines" },
	{ is_damaged_read, LANE_SERVER, "d", "m0-6l6 6-6 6-6-6z", "the server read damaged lines" },
};

static void put_marks(const struct picture *picture, const struct mark *mark)
{
	bool any = false;

	for (size_t i = 0; i < picture->result->event_count; i++) {
		const struct event *event = &picture->result->events[i];

		if (!mark->is(event))
			continue;
		if (!any)
			fprintf(picture->out, "<path class=\"%s\" d=\"", mark->class);
		any = true;
		fprintf(picture->out, "M%.1f %d%s", x_of(picture, event->at_ns), mark->lane,
			mark->commands);
	}
	if (any)
		fputs("\"/>", picture->out);
}

/* The longest time in which the server read nothing, if it is long for the pace of the client. */
static bool find_silence(const struct picture *picture, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t last = 0, from = 0, to = 0;

	for (size_t i = 0; i <= picture->result->event_count; i++) {
		const struct event *event = &picture->result->events[i];
		bool end = i == picture->result->event_count;
		uint64_t at = end ? picture->until_ns : event->at_ns;

		if (!end && event->kind != EVENT_READ)
			continue;
		if (at - last > to - from) {
			from = last;
			to = at;
		}
		last = at;
	}
	if (to - from < 4 * picture->pace_ns)
		return false;
	*ret_from = from;
	*ret_to = to;
	return true;
}

/* How many messages were read at the end of a silence, or just behind it. */
static uint32_t read_behind(const struct picture *picture, uint64_t from, uint64_t to)
{
	uint64_t within = picture->pace_ns < AT_ONCE_NS ? picture->pace_ns : AT_ONCE_NS;
	uint32_t count = 0;

	for (uint32_t k = 0; k < picture->result->message_count; k++) {
		const struct message_fate *message = &picture->result->messages[k];

		/* A message's time is taken before its event's: not `>= to`. */
		count += message->bytes_read && message->read_ns > from + (to - from) / 2 &&
			 message->read_ns < to + within;
	}
	return count;
}

static void put_note(const struct picture *picture, const char *class, double x, const char *anchor)
{
	fprintf(picture->out, "<text class=\"%s\" x=\"%.1f\" y=\"%d\" style=\"text-anchor:%s\">",
		class, x, LANE_NOTE, anchor);
}

/* The picture's point in words, under the server's lane. */
static void put_notes(const struct picture *picture)
{
	const struct cell_result *result = picture->result;
	uint64_t from, to;
	uint32_t count;

	if (result->delivered_damaged) {
		put_note(picture, "nd", x_of(picture, (picture->opens_ns + picture->closes_ns) / 2),
			 "middle");
		fprintf(picture->out, "%" PRIu32 " damaged message%s read</text>",
			result->delivered_damaged, result->delivered_damaged == 1 ? "" : "s");
		return;
	}
	if (!find_silence(picture, &from, &to))
		return;
	fprintf(picture->out, "<path class=\"gap\" d=\"M%.1f %dv6V%dH%.1fv-6v12\"/>",
		x_of(picture, from), LANE_SERVER - 6, LANE_SERVER, x_of(picture, to));
	put_note(picture, "n", x_of(picture, from + (to - from) / 2), "middle");
	fputs("nothing for ", picture->out);
	words_duration(picture->out, to - from);
	fputs("</text>", picture->out);
	count = read_behind(picture, from, to);
	if (count < 3)
		return;
	if (x_of(picture, to) < NOTE_MOST)
		put_note(picture, "n", x_of(picture, to) + 2, "start");
	else
		put_note(picture, "n", RIGHT, "end");
	fprintf(picture->out, "then %" PRIu32 " at once</text>", count);
}

void timeline_svg(FILE *out, const struct lab_cell *cell, const struct lab_settings *settings,
		  uint64_t until_ns)
{
	struct picture picture = { .out = out,
				   .result = &cell->result,
				   .until_ns = until_ns,
				   .pace_ns = settings->pace_ns };

	find_window(&picture);
	fprintf(out, "<svg class=\"timeline\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
		WIDTH, HEIGHT);
	fputs("Timeline of ", out);
	words_cell_name(out, &cell->key);
	fprintf(out,
		": %" PRIu32 " messages written, %" PRIu32 " read intact, %" PRIu32
		" read damaged, %" PRIu32 " never read; longest delay ",
		cell->result.sent, cell->result.delivered, cell->result.delivered_damaged,
		cell->result.not_delivered);
	words_duration(out, cell->result.longest_delay_ns);
	fputs("\">", out);
	put_window(&picture);
	put_lanes(&picture);
	put_axis(&picture);
	for (int fate = 0; fate < FATES; fate++)
		put_messages(&picture, (enum fate)fate);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		put_marks(&picture, &marks[i]);
	put_notes(&picture);
	fputs("</svg>", out);
}

void timeline_legend(FILE *out)
{
	static const char sample[] =
		"<li><svg class=\"timeline sample\" viewBox=\"0 0 24 20\" aria-hidden=\"true\">";

	fputs("<ul class=\"marks\">", out);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		fprintf(out, "%s<path class=\"%s\" d=\"M12 10%s\"/></svg>%s</li>\n", sample,
			marks[i].class, marks[i].commands, marks[i].meaning);
	fprintf(out,
		"%s<path class=\"ml\" d=\"M12 2V16m-3 0h6\"/></svg>a message never arrived</li>\n",
		sample);
	fprintf(out,
		"%s<rect class=\"w\" x=\"2\" y=\"2\" width=\"20\" height=\"16\"/></svg>the damage window: "
		"whatever the client sends is damaged on the wire</li></ul>\n",
		sample);
}

/* The bytes of message k as they were read; NULL where they cannot be told apart. */
static const uint8_t *bytes_of(const struct lab_cell *cell, uint32_t k, size_t *ret_len)
{
	const struct cell_result *result = &cell->result;
	uint64_t offset = message_offset(k);

	if (cell->key.proto == PROTO_TCP) { /* a stream: nothing is missing before it */
		if (offset + message_len(k) > result->received_len)
			return NULL;
		*ret_len = message_len(k);
		return result->received + offset;
	}
	for (size_t i = 0; i < result->event_count; i++) {
		const struct event *event = &result->events[i];

		if (event->kind != EVENT_READ || event->first != k ||
		    event->offset + event->len > result->received_len)
			continue;
		*ret_len = event->len < message_len(k) ? event->len : message_len(k);
		return result->received + event->offset;
	}
	return NULL;
}

#define NAMED_MOST 3 /* wrong bytes of a line that are also named in words */

/* "byte 55: sent 61, read 65; 2 more" */
static void put_wrong_bytes(FILE *out, const uint8_t *got, const char *want, size_t len)
{
	unsigned int wrong = 0;

	for (size_t i = 0; i < len; i++) {
		if (got[i] == (uint8_t)want[i] || ++wrong > NAMED_MOST)
			continue;
		fprintf(out, "; byte %zu: sent %02x, read %02x", i, (uint8_t)want[i], got[i]);
	}
	if (wrong > NAMED_MOST)
		fprintf(out, "; %u more", wrong - NAMED_MOST);
}

static void put_line(FILE *out, const struct message_fate *message, uint32_t k,
		     const uint8_t *bytes, size_t len)
{
	char want[MESSAGE_MAX];

	message_write(k, want);
	fputs("<li><code>", out);
	for (size_t i = 0; i < len; i++) {
		bool bad = bytes[i] != (uint8_t)want[i];

		if (i + 1 == len && !bad)
			break; /* the newline, as it should be */
		fputs(bad ? "<mark>" : "", out);
		html_byte(out, bytes[i]);
		fputs(bad ? "</mark>" : "", out);
	}
	fprintf(out, "</code><small>message %" PRIu32 ", read ", k);
	words_duration(out, message->read_ns - message->sent_ns);
	fputs(" after it was written", out);
	put_wrong_bytes(out, bytes, want, len);
	fputs("</small></li>\n", out);
}

/* The messages worth showing: the damaged ones; where none is, those written while damage was done. */
static bool is_shown(const struct picture *picture, const struct message_fate *message)
{
	if (!message->bytes_read)
		return false;
	if (picture->result->delivered_damaged)
		return message->bytes_wrong > 0;
	return picture->has_window && message->sent_ns >= picture->opens_ns &&
	       message->sent_ns < picture->closes_ns;
}

void timeline_lines(FILE *out, const struct lab_cell *cell, uint32_t most)
{
	struct picture picture = { .result = &cell->result, .until_ns = UINT64_MAX };
	uint32_t count = 0, shown = 0;

	find_window(&picture);
	for (uint32_t k = 0; k < cell->result.message_count; k++) {
		const struct message_fate *message = &cell->result.messages[k];
		const uint8_t *bytes = NULL;
		size_t len;

		if (!is_shown(&picture, message))
			continue;
		count++;
		if (shown < most)
			bytes = bytes_of(cell, k, &len);
		if (!bytes)
			continue;
		fputs(shown++ ? "" : "<ul class=\"lines\">\n", out);
		put_line(out, message, k, bytes, len);
	}
	fputs(shown ? "</ul>\n<p class=\"more\">" : "<p class=\"more\">", out);
	if (cell->result.delivered_damaged)
		fprintf(out, "%" PRIu32 " of the %" PRIu32 " damaged messages the server read.",
			shown, count);
	else
		fputs(cell->result.delivered ? "Every line the server read is as it was sent."
					     : "The server read no line.",
		      out);
	fputs("</p>\n", out);
}
