// SPDX-License-Identifier: GPL-2.0-or-later
/* Telling: see tell.h. A second begins with its first line; what is left out of it is summed up at its end. */
#include "guard/daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/term.h"
#include "guard/mitigate.h"

#define SECOND_NS UINT64_C(1000000000)

static const char *const done[NEWS_KINDS] = {
	[NEWS_PROTECTED] = "protected",
	[NEWS_RESTORED] = "put on again, as somebody had taken it off",
	[NEWS_TAKEN_OFF] = "taken off",
	[NEWS_TROUBLE] = "in trouble",
};

static void sum_up(struct teller *teller, enum news_kind kind)
{
	char sentence[160], slowest[64] = "";
	struct news news = { .kind = NEWS_SUMMARY,
			     .level = kind == NEWS_TROUBLE ? LOG_ERR : LOG_INFO,
			     .ns = teller->slowest[kind],
			     .sentence = sentence };

	if (!teller->left_out[kind])
		return;
	if (news.ns)
		snprintf(slowest, sizeof(slowest), ", the slowest after %llu us",
			 (unsigned long long)(news.ns / 1000));
	snprintf(sentence, sizeof(sentence), "in the last second %zu more devices %s%s",
		 teller->left_out[kind], done[kind] ? done[kind] : "told of", slowest);
	teller->say(teller->owner, &news);
	teller->left_out[kind] = 0;
	teller->slowest[kind] = 0;
}

static int on_second(void *owner)
{
	struct teller *teller = owner;

	loop_remove(&teller->second);
	teller->lines = 0;
	for (unsigned int kind = 0; kind < NEWS_KINDS; kind++)
		sum_up(teller, (enum news_kind)kind);
	return 0;
}

/* Whether there is room for another line of a device. */
static bool has_room(struct teller *teller, enum news_kind kind, uint64_t ns)
{
	if (!teller->second)
		loop_add_timer(teller->loop, SECOND_NS, 0, on_second, teller, &teller->second);
	if (teller->lines++ < TELL_LINES)
		return true;
	teller->left_out[kind]++;
	if (ns > teller->slowest[kind])
		teller->slowest[kind] = ns;
	return false;
}

static void say(struct teller *teller, const struct news *facts, const char *text)
{
	char sentence[640], words[480], device[64] = "";
	struct news news = *facts;

	term_printable(words, sizeof(words), text);
	if (news.device && *news.device)
		term_printable(device, sizeof(device), news.device);
	if (news.space)
		snprintf(sentence, sizeof(sentence), "%s%s%s: %s", device, *device ? " of " : "",
			 news.space, words);
	else
		snprintf(sentence, sizeof(sentence), "%s", words);
	news.sentence = sentence;
	teller->say(teller->owner, &news);
}

void tell(struct teller *teller, enum news_kind kind, int level, const char *space,
	  const char *device, uint32_t mitigations, uint64_t ns, const char *format, ...)
{
	const struct news news = { kind, level, space, device, mitigations, ns, NULL };
	char text[480];
	va_list args;

	if (space && !has_room(teller, kind, ns))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(teller, &news, text);
}

void tell_device(struct teller *teller, enum news_kind kind, int level, const char *space,
		 const char *device, uint32_t mitigations, uint64_t ns)
{
	char names[96], after[48] = "";

	guard_mitigation_words(mitigations, ", ", names, sizeof(names));
	if (ns)
		snprintf(after, sizeof(after), " (%llu us after it came)",
			 (unsigned long long)(ns / 1000));
	tell(teller, kind, level, space, device, mitigations, ns, "%s: %s%s", done[kind], names,
	     after);
}

void tell_end(struct teller *teller)
{
	if (teller->second)
		on_second(teller);
}
