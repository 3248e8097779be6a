// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A cell's timeline: three lanes (client wrote, on the wire, server read) over one time axis, and a
 * line for each message from the time when it was written to the time when it was read. If damage
 * is caught, the lines meet in one point after the window; if not, they go straight down, as
 * damaged ones.
 *
 * All marks of a kind are one <path>, or the page would hold some ten thousand elements. A dot is a
 * line of length zero with round ends. The shape says what a mark means; the colour (in page.css)
 * only repeats it.
 */
#include "cmd/lab/show.h"

#include <inttypes.h>

#include "base/cleanup.h"
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
#define NOTE_MOST 550 /* a note that begins further to the right would not fit */
#define TICKS_MOST 7

/* Messages read within this time, or the client's pace if that is shorter, were read at once. */
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

/* The smallest of 1, 2, 5 times a power of ten that makes at most TICKS_MOST steps. */
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

/* How a message's line ends: it was read intact or damaged, or it was lost. */
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

/* How each kind of event is drawn: an SVG path's commands after "Mx y". In the order of drawing. */
static const struct mark {
	bool (*is)(const struct event *event);
	int lane;
	const char *class, *commands;
	const char *meaning; /* for the legend */
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

/*
 * Finds the longest time in which the server read nothing; false if it is not long for the client's
 * pace.
 */
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

/* How many messages were read at the end of a silence, or just after it. */
static uint32_t read_after(const struct picture *picture, uint64_t from, uint64_t to)
{
	uint64_t within = picture->pace_ns < AT_ONCE_NS ? picture->pace_ns : AT_ONCE_NS;
	uint32_t count = 0;

	for (uint32_t k = 0; k < picture->result->message_count; k++) {
		const struct message_fate *message = &picture->result->messages[k];

		/* Not `>= to`: a message's time is taken before its event's. */
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

/* What the picture shows, in words below the server's lane. */
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
	count = read_after(picture, from, to);
	if (count < 3)
		return;
	if (x_of(picture, to) < NOTE_MOST)
		put_note(picture, "n", x_of(picture, to) + 2, "start");
	else
		put_note(picture, "n", RIGHT, "end");
	fprintf(picture->out, "then %" PRIu32 " at once</text>", count);
}

void lab_timeline(FILE *out, const struct lab_cell *cell, const struct lab_settings *settings,
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

void lab_timeline_legend(FILE *out)
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
		"everything that the client sends is damaged on the wire</li></ul>\n",
		sample);
}
