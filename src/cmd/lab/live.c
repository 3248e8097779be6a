// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The live view: see show.h.
 *
 * A row shows one message: the time, the message as the client sent it, a mark for how it crossed
 * the wire, and the message as the server read it. What happens within a moment after sending goes
 * into the sender's row, so each row waits that long; what happens later gets a row of its own. On
 * a terminal a line of counters stays below the rows: it is wiped before a row is printed and drawn
 * again after it.
 *
 * After its rows, each cell gets its verdict in a few sentences.
 */
#include "cmd/lab/show.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/term.h"
#include "cmd/common/marked.h"
#include "cmd/lab/words.h"
#include "lab/message.h"
#include "lab/topology.h"

#define MOMENT_NS UINT64_C(20000000)
#define STATUS_NS UINT64_C(100000000)
#define TIME_WIDTH 9 /* "%7.3f" and two blanks */
#define MARK_WIDTH 3 /* " → " */
#define LINE_WIDTH (MESSAGE_LETTERS + 4) /* a message with a counter of three digits */
#define LEFT_MIN 7 /* "aa… 123" */
#define RULE_MAX 100
#define AT_ONCE_NS UINT64_C(50000000) /* messages read within this time were read at once */

/* How a message crossed the wire. */
enum crossing { CROSSED_NOT, CROSSED_INTACT, CROSSED_DAMAGED };

/* A message just sent, whose row is not printed yet. */
struct pending {
	bool active;
	uint32_t k;
	uint64_t at_ns;
	enum crossing crossing;
};

struct live_counts {
	uint32_t sent, damaged, again, intact, wrong;
};

struct live {
	FILE *out;
	bool color, terminal;
	unsigned int columns, left, right;
	const struct lab_settings *settings;
	size_t count, begun; /* cells */
	const struct lab_cell *cell; /* the one that runs; NULL: none */

	struct loop *loop;
	struct loop_source *moment, *status;
	struct pending pending;
	struct live_counts counts;
	uint32_t shown; /* TCP: messages read whole and shown */
	uint64_t start_ns;
	bool status_drawn;
};

static const char *style(const struct live *live, enum term_style which)
{
	return term_style(live->color, which);
}

static void wipe_status(struct live *live)
{
	if (live->status_drawn)
		fputs("\r\033[K", live->out);
	live->status_drawn = false;
}

static void say_counts(const struct live *live, char *text, size_t size)
{
	const struct live_counts *counts = &live->counts;

	snprintf(text, size,
		 "sent %" PRIu32 ", damaged on the wire %" PRIu32 ", sent again %" PRIu32
		 ", read %" PRIu32 " intact, %" PRIu32 " damaged",
		 counts->sent, counts->damaged, counts->again, counts->intact, counts->wrong);
}

static void draw_status(struct live *live)
{
	char text[160];

	if (!live->terminal || !live->cell)
		return;
	wipe_status(live);
	say_counts(live, text, sizeof(text));
	/*
	 * Cut to the width, as a wrapped line cannot be wiped. It has no more columns than bytes.
	 */
	fprintf(live->out, "%7.1f  %.*s", (double)(clock_ns() - live->start_ns) / 1e9,
		(int)live->columns - TIME_WIDTH, text);
	live->status_drawn = true;
	fflush(live->out);
}

static void rule(struct live *live, enum term_style which, const char *dash, const char *text)
{
	unsigned int width = live->columns < RULE_MAX ? live->columns : RULE_MAX;
	unsigned int used = (unsigned int)strlen(text) + 4;

	wipe_status(live);
	fprintf(live->out, "%s%s%s %s ", style(live, which), dash, dash, text);
	for (; used < width; used++)
		fputs(dash, live->out);
	fprintf(live->out, "%s\n", style(live, TERM_PLAIN));
}

/* Prints the text folded at blanks to the terminal's width. */
static void print_folded(const struct live *live, const char *text)
{
	unsigned int column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column && column + 1 + len > live->columns) {
			putc('\n', live->out);
			column = 0;
		}
		column += (unsigned int)fprintf(live->out, "%s%.*s", column ? " " : "", (int)len,
						text);
		text += len + strspn(text + len, " ");
	}
	putc('\n', live->out);
}

static void print_caret_line(const struct live *live, const struct message_line *read)
{
	if (live->color || !memcmp(read->got, read->want, read->len))
		return;
	fprintf(live->out, "%*s", (int)(TIME_WIDTH + live->left + MARK_WIDTH), "");
	marked_print(live->out, read, live->right, MARKED_CARETS);
	putc('\n', live->out);
}

/*
 * Prints the time, the message sent and the mark of its crossing; returns how many columns that
 * took.
 */
static unsigned int print_left(struct live *live, uint64_t at_ns, const struct message_line *sent,
			       enum crossing crossing)
{
	unsigned int used = 0;

	wipe_status(live);
	fprintf(live->out, "%7.3f  ", (double)at_ns / 1e9);
	if (sent)
		used = marked_print(live->out, sent, live->left, MARKED_PLAIN);
	if (crossing == CROSSED_NOT)
		return TIME_WIDTH + used;
	fprintf(live->out, "%*s%s%s%s", (int)(live->left - used + 1), "",
		style(live, crossing == CROSSED_DAMAGED ? TERM_WARN : TERM_DIM),
		crossing == CROSSED_DAMAGED ? "✗" : "→", style(live, TERM_PLAIN));
	return TIME_WIDTH + live->left + MARK_WIDTH - 1;
}

/* Prints a row. `sent` and `read` may be NULL. */
static void print_message_row(struct live *live, uint64_t at_ns, const struct message_line *sent,
			      enum crossing crossing, const struct message_line *read)
{
	unsigned int used = print_left(live, at_ns, sent, crossing);

	if (read) {
		fprintf(live->out, "%*s", (int)(TIME_WIDTH + live->left + MARK_WIDTH - used), "");
		marked_print(live->out, read, live->right,
			     live->color ? MARKED_COLORED : MARKED_PLAIN);
	}
	putc('\n', live->out);
	if (read)
		print_caret_line(live, read);
	draw_status(live);
	fflush(live->out);
}

/* Prints a segment that did not cross the wire when its message was written. */
static void print_segment(struct live *live, const struct event *event, enum crossing crossing)
{
	print_left(live, event->at_ns, NULL, crossing);
	fprintf(live->out, " %s(line%s %" PRIu32, style(live, TERM_DIM),
		event->count == 1 ? "" : "s", event->first);
	if (event->count > 1)
		fprintf(live->out, " to %" PRIu32, event->first + event->count - 1);
	fprintf(live->out, " %s)%s\n", event->again ? "sent again" : "held back by TCP until now",
		style(live, TERM_PLAIN));
	draw_status(live);
	fflush(live->out);
}

/* Prints the row that waits, with what was read of its message; `read` may be NULL. */
static void flush_pending(struct live *live, const struct message_line *read)
{
	struct pending *pending = &live->pending;
	char text[MESSAGE_MAX];
	struct message_line sent = { .got = (uint8_t *)text, .want = (uint8_t *)text };

	if (!pending->active)
		return;
	pending->active = false;
	loop_remove(&live->moment);
	sent.len = message_write(pending->k, text);
	print_message_row(live, pending->at_ns, &sent, pending->crossing, read);
}

static int on_moment(void *owner)
{
	flush_pending(owner, NULL);
	return 0;
}

static int on_status(void *owner)
{
	draw_status(owner);
	return 0;
}

static void on_sent(struct live *live, const struct event *event)
{
	flush_pending(live, NULL);
	live->counts.sent++;
	live->pending =
		(struct pending){ .active = true, .k = event->first, .at_ns = event->at_ns };
	loop_remove(&live->moment);
	if (loop_add_timer(live->loop, MOMENT_NS, 0, on_moment, live, &live->moment))
		flush_pending(live, NULL); /* then the row does not wait */
}

static void on_wire(struct live *live, const struct event *event)
{
	struct pending *pending = &live->pending;
	enum crossing crossing = event->damaged ? CROSSED_DAMAGED : CROSSED_INTACT;

	live->counts.damaged += event->damaged;
	live->counts.again += event->again;
	if (pending->active && !event->again && pending->k - event->first < event->count) {
		pending->crossing = crossing;
		return;
	}
	flush_pending(live, NULL);
	print_segment(live, event, crossing);
}

static void show_read(struct live *live, uint64_t at_ns, uint32_t k, const uint8_t *bytes,
		      size_t len)
{
	char want[MESSAGE_MAX];
	struct message_line read = { .got = bytes, .want = (uint8_t *)want };
	size_t whole = message_write(k, want);

	read.len = len < whole ? len : whole;
	if (memcmp(bytes, want, read.len) != 0)
		live->counts.wrong++;
	else
		live->counts.intact++;
	if (live->pending.active && live->pending.k == k) {
		flush_pending(live, &read);
		return;
	}
	flush_pending(live, NULL);
	print_message_row(live, at_ns, NULL, CROSSED_NOT, &read);
}

static void on_read(struct live *live, const struct cell_result *result, const struct event *event)
{
	if (live->cell->key.proto != PROTO_TCP) {
		show_read(live, event->at_ns, event->first, result->received + event->offset,
			  event->len);
		return;
	}
	/* If it is a stream, only whole messages are shown; a read may end within one. */
	while (live->shown < result->message_count &&
	       message_offset(live->shown + 1) <= result->received_len) {
		uint32_t k = live->shown++;

		show_read(live, event->at_ns, k, result->received + message_offset(k),
			  message_len(k));
	}
}

static void on_event(void *owner, const struct cell_result *result, const struct event *event)
{
	struct live *live = owner;

	switch (event->kind) {
	case EVENT_SENT:
		on_sent(live, event);
		break;
	case EVENT_WIRE:
		on_wire(live, event);
		break;
	case EVENT_READ:
		on_read(live, result, event);
		break;
	case EVENT_WINDOW:
		flush_pending(live, NULL);
		rule(live, TERM_WARN, "─",
		     event->damaged ? "damage window opens: every data segment is damaged"
				    : "damage window closes");
		break;
	}
}

static void print_heading(struct live *live)
{
	const struct cell_key *key = &live->cell->key;
	_cleanup_free_ char *name = NULL;
	size_t size = 0;
	FILE *text = open_memstream(&name, &size);
	char title[200];

	if (!text)
		return;
	words_cell_name(text, key);
	fclose(text);
	snprintf(title, sizeof(title), "%zu of %zu: %.150s", live->begun, live->count, name);
	rule(live, TERM_BOLD, "━", title);
	print_folded(live, key->topology->about);
	fprintf(live->out, "%s%7s  %-*s   %s%s\n", style(live, TERM_DIM), "seconds",
		(int)live->left, "sent", "what the server's application reads",
		style(live, TERM_PLAIN));
}

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

static void say_dropped(FILE *out, const struct cell_key *key, const struct cell_result *result)
{
	fputs("Nothing damaged was delivered", out);
	if (result->caught_by == CAUGHT_UNKNOWN || result->caught_by == CAUGHT_NOBODY) {
		fputs(". ", out);
		return;
	}
	fprintf(out, ": %" PRIu64 " damaged %s%s dropped by ", result->caught,
		key->proto == PROTO_TCP ? "segment" : "datagram",
		result->caught == 1 ? " was" : "s were");
	words_caught_by(out, key, result->caught_by);
	fputs(". ", out);
}

/* When the lines of the window arrived, after TCP sent them again. */
static void say_late(FILE *out, const struct lab_settings *settings,
		     const struct cell_result *result)
{
	struct window window = look_at_window(settings, result);

	if (!window.read) {
		fprintf(out, "None of the %" PRIu32 " lines of the damage window arrived.",
			settings->during);
		return;
	}
	fprintf(out, "%s%" PRIu32 " line%s of the damage window arrived ",
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
			"%" PRIu32
			" line%s never arrived: UDP does not send again what was dropped.",
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
			" segment%s was still right: no kernel could have noticed.",
			result->damaged_unseen, result->damaged_unseen == 1 ? "" : "s");
	else if (!errors)
		fputs("Nobody checked the checksum: not one error was counted.", out);
	else
		fprintf(out, "%" PRIu64 " of the other segments were noticed and dropped.", errors);
}

static void say_verdict(FILE *out, const struct cell_key *key, const struct lab_settings *settings,
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
		fprintf(out, "%s: %s.", result->skipped ? "Not on this kernel" : "No verdict",
			result->reason);
		break;
	}
	if (result->agreement == AGREEMENT_DIFFERS)
		fputs(" This is NOT what is expected of this cell.", out);
}

static void print_cell_verdict(struct live *live, const struct cell_key *key,
			       const struct cell_result *result)
{
	static const enum term_style styles[VERDICTS] = {
		[VERDICT_UNKNOWN] = TERM_WARN,
		[VERDICT_VERIFIED] = TERM_GOOD,
		[VERDICT_DELIVERS_CORRUPT] = TERM_BAD,
		[VERDICT_BLOCKED] = TERM_WARN,
	};
	_cleanup_free_ char *words = NULL;
	char counts[160];
	size_t size = 0;
	FILE *text = open_memstream(&words, &size);

	if (!text)
		return;
	say_verdict(text, key, live->settings, result);
	fclose(text);
	wipe_status(live);
	if (!result->skipped) {
		say_counts(live, counts, sizeof(counts));
		print_folded(live, counts);
	}
	fputs(style(live, styles[result->verdict]), live->out);
	print_folded(live, words);
	fputs(style(live, TERM_PLAIN), live->out);
	fflush(live->out);
}

static void on_cell_begin(void *owner, const struct lab_cell *cell)
{
	struct live *live = owner;

	live->cell = cell;
	live->counts = (struct live_counts){ 0 };
	live->shown = 0;
	live->start_ns = clock_ns();
	if (live->begun++)
		putc('\n', live->out);
	print_heading(live);
}

static void on_cell_end(void *owner, const struct lab_cell *cell)
{
	struct live *live = owner;

	flush_pending(live, NULL);
	live->cell = NULL;
	print_cell_verdict(live, &cell->key, &cell->result);
}

/* The right side gets its columns first, as it shows the damage. */
static void lay_out(struct live *live)
{
	unsigned int room = live->columns - TIME_WIDTH - MARK_WIDTH;

	live->right = room - LEFT_MIN < LINE_WIDTH ? room - LEFT_MIN : LINE_WIDTH;
	live->left = room - live->right < LINE_WIDTH ? room - live->right : LINE_WIDTH;
}

int lab_live(FILE *out, struct lab_cell *cells, size_t count, const struct lab_settings *settings)
{
	_cleanup_(loop_cleanup) struct loop *loop = NULL;
	struct live live = { .out = out,
			     .color = term_color(out),
			     .terminal = term_is(out),
			     .columns = term_columns(out),
			     .settings = settings,
			     .count = count };
	const struct run_watcher watcher = {
		.begin = on_cell_begin, .event = on_event, .end = on_cell_end, .owner = &live
	};
	int rc = loop_new(&loop);

	if (rc)
		return rc;
	live.loop = loop;
	if (live.columns < 2 * TIME_WIDTH + MARK_WIDTH + LEFT_MIN)
		live.columns = 2 * TIME_WIDTH + MARK_WIDTH + LEFT_MIN;
	lay_out(&live);
	if (live.terminal)
		rc = loop_add_timer(loop, STATUS_NS, STATUS_NS, on_status, &live, &live.status);
	rc = rc ? rc : run_cells(loop, settings, cells, count, 1, &watcher);
	wipe_status(&live);
	loop_remove(&live.moment);
	loop_remove(&live.status);
	return rc;
}
