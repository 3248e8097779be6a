// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes events: see log.h. The first event about a device starts a second; at its end a summary
 * counts the events that were left out. A namespace that had too many is noisy for a while.
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
#define NOISY_SECONDS 10
#define WORST 3
#define PLACES 8

static const char *const done[GUARD_EVENTS] = {
	[GUARD_PROTECTED] = "protected",
	[GUARD_RESTORED] = "put on again, as somebody had taken it off",
	[GUARD_TAKEN_OFF] = "taken off",
	[GUARD_TROUBLE] = "in trouble",
};

/* ---- Who had how many ---- */

/* Its place is one of a few by its hash. If all are taken, it shares the last one. */
static struct log_source *claim_source(struct log_source table[LOG_DEVICES], const char *name)
{
	struct log_source *source = NULL, *unused = NULL;
	uint32_t hash = 2166136261;

	for (const char *at = name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619;
	for (uint32_t i = 0; i < PLACES; i++) {
		source = &table[(hash + i) % LOG_DEVICES];
		if (!strcmp(source->name, name))
			return source;
		if (!*source->name && !unused)
			unused = source;
	}
	if (!unused)
		return source;
	snprintf(unused->name, sizeof(unused->name), "%s", name);
	return unused;
}

static void name_device(const struct guard_event *event, char *text, size_t size)
{
	char device[64] = "";

	if (event->device && *event->device)
		term_printable(device, sizeof(device), event->device);
	snprintf(text, size, "%s%s%.60s", device, *device ? " of " : "", event->netns);
}

/* The next second begins. */
static void renew_sources(struct log_source table[LOG_DEVICES], unsigned int most)
{
	for (size_t i = 0; i < LOG_DEVICES; i++) {
		struct log_source *source = &table[i];

		if (source->lines + source->left_out > most)
			source->noisy = NOISY_SECONDS;
		else if (source->noisy)
			source->noisy--;
		source->lines = source->left_out = 0;
		if (!source->noisy)
			*source->name = '\0';
	}
}

/* Appends "; most of them: eth0 of c1 (40), ..." to a summary. */
static void name_worst(const struct event_log *log, char *text, size_t size)
{
	const struct log_source *worst[WORST] = { NULL };

	for (size_t device = 0; device < LOG_DEVICES; device++) {
		const struct log_source *source = &log->device[device];
		size_t at = WORST;

		while (at && source->left_out &&
		       (!worst[at - 1] || source->left_out > worst[at - 1]->left_out))
			at--;
		if (at == WORST)
			continue;
		for (size_t i = WORST - 1; i > at; i--)
			worst[i] = worst[i - 1];
		worst[at] = source;
	}
	for (size_t i = 0; i < WORST && worst[i]; i++) {
		size_t len = strlen(text);

		snprintf(text + len, size - len, "%s%s (%u)",
			 i ? ", " : "; most of them: ", worst[i]->name, worst[i]->left_out);
	}
}

/* ---- Summaries ---- */

static void write_summary(struct event_log *log, enum guard_event_kind kind, const char *worst)
{
	char sentence[480], slowest[64] = "";
	struct guard_event event = { .kind = GUARD_SUMMARY,
				     .level = kind == GUARD_TROUBLE ? LOG_ERR : LOG_INFO,
				     .ns = log->slowest[kind],
				     .sentence = sentence };

	if (!log->left_out[kind])
		return;
	if (event.ns)
		snprintf(slowest, sizeof(slowest), ", the slowest after %llu us",
			 (unsigned long long)(event.ns / 1000));
	snprintf(sentence, sizeof(sentence), "in the last second %zu more devices %s%s%s",
		 log->left_out[kind], done[kind] ? done[kind] : "had events", slowest, worst);
	log->write(log->owner, &event);
	log->left_out[kind] = 0;
	log->slowest[kind] = 0;
}

static int on_second(void *owner)
{
	struct event_log *log = owner;
	char worst[300] = "";

	loop_remove(&log->second);
	name_worst(log, worst, sizeof(worst));
	for (unsigned int kind = 0; kind < GUARD_EVENTS; kind++)
		write_summary(log, (enum guard_event_kind)kind, worst);
	memset(log->lines, 0, sizeof(log->lines));
	log->noisy_lines = 0;
	renew_sources(log->device, LOG_DEVICE_LINES);
	renew_sources(log->netns, LOG_NETNS_LINES);
	return 0;
}

/*
 * Whether this second has room for another line about a device; else counts the event for the
 * summary.
 */
static bool has_room(struct event_log *log, const struct guard_event *event)
{
	struct log_source *device, *netns;
	char name[LOG_NAME];
	bool room;

	snprintf(name, sizeof(name), "%.60s", event->netns);
	netns = claim_source(log->netns, name);
	name_device(event, name, sizeof(name));
	device = claim_source(log->device, name);
	if (!log->second)
		loop_add_timer(log->loop, SECOND_NS, 0, on_second, log, &log->second);
	room = device->lines < LOG_DEVICE_LINES && netns->lines < LOG_NETNS_LINES &&
	       (device->noisy || netns->noisy ? log->noisy_lines++ < LOG_NOISY_LINES
					      : log->lines[event->kind]++ < LOG_LINES);
	if (room) {
		device->lines++;
		netns->lines++;
		return true;
	}
	device->left_out++;
	netns->left_out++;
	log->left_out[event->kind]++;
	if (event->ns > log->slowest[event->kind])
		log->slowest[event->kind] = event->ns;
	return false;
}

/* ---- Events ---- */

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
