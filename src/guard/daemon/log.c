// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes events: see log.h. The first event about a device starts a second; at its end a summary
 * counts the events that were left out.
 */
#include "guard/daemon/log.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/loop.h"
#include "base/term.h"
#include "guard/catalog.h"

#define SECOND_NS UINT64_C(1000000000)

static const char *const done[GUARD_EVENTS] = {
	[GUARD_PROTECTED] = "protected",
	[GUARD_RESTORED] = "put on again, as somebody had taken it off",
	[GUARD_TAKEN_OFF] = "taken off",
	[GUARD_TROUBLE] = "in trouble",
};

static void write_summary(struct event_log *log, enum guard_event_kind kind)
{
	char sentence[160], slowest[64] = "";
	struct guard_event event = { .kind = GUARD_SUMMARY,
				     .level = kind == GUARD_TROUBLE ? LOG_ERR : LOG_INFO,
				     .ns = log->slowest[kind],
				     .sentence = sentence };

	if (!log->left_out[kind])
		return;
	if (event.ns)
		snprintf(slowest, sizeof(slowest), ", the slowest after %llu us",
			 (unsigned long long)(event.ns / 1000));
	snprintf(sentence, sizeof(sentence), "in the last second %zu more devices %s%s",
		 log->left_out[kind], done[kind] ? done[kind] : "had events", slowest);
	log->write(log->owner, &event);
	log->left_out[kind] = 0;
	log->slowest[kind] = 0;
}

static int on_second(void *owner)
{
	struct event_log *log = owner;

	loop_remove(&log->second);
	log->lines = 0;
	for (unsigned int kind = 0; kind < GUARD_EVENTS; kind++)
		write_summary(log, (enum guard_event_kind)kind);
	return 0;
}

/*
 * Whether this second has room for another line about a device; else counts the event for the
 * summary.
 */
static bool has_room(struct event_log *log, const struct guard_event *event)
{
	if (!log->second)
		loop_add_timer(log->loop, SECOND_NS, 0, on_second, log, &log->second);
	if (log->lines++ < LOG_LINES)
		return true;
	log->left_out[event->kind]++;
	if (event->ns > log->slowest[event->kind])
		log->slowest[event->kind] = event->ns;
	return false;
}

static void write_event(struct event_log *log, const struct guard_event *facts, const char *text)
{
	char sentence[1100], words[640], device[TERM_PRINTABLE_SIZE(IFNAMSIZ)] = "";
	struct guard_event event = *facts;

	term_sentence(words, sizeof(words), text);
	if (event.device && *event.device)
		term_printable(device, sizeof(device), event.device);
	if (event.netns)
		snprintf(sentence, sizeof(sentence), "%s%s%s: %s", device, *device ? " of " : "",
			 event.netns, words);
	else
		snprintf(sentence, sizeof(sentence), "%s", words);
	event.sentence = sentence;
	event.device = event.device ? device : NULL;
	log->write(log->owner, &event);
}

static void describe_change(const struct guard_event *event, char *text, size_t size)
{
	char names[96], after[48] = "";

	catalog_words(event->mitigations, ", ", "", names, sizeof(names));
	if (event->ns)
		snprintf(after, sizeof(after), " (%llu us after it appeared)",
			 (unsigned long long)(event->ns / 1000));
	snprintf(text, size, "%s: %s%s", done[event->kind], names, after);
}

void log_event(struct event_log *log, const struct guard_event *event, const char *format, ...)
{
	char text[480];
	va_list args;

	if (event->netns && !has_room(log, event))
		return;
	if (format) {
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
	} else {
		describe_change(event, text, sizeof(text));
	}
	write_event(log, event, text);
}

void log_end(struct event_log *log)
{
	if (log->second)
		on_second(log);
}
