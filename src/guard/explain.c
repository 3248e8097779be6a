// SPDX-License-Identifier: GPL-2.0-or-later
/* Scores and explains what is wrong: see explain.h. */
#include "guard/explain.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/term.h"
#include "guard/catalog.h"
#include "probe/run.h"

static bool in_is_bad(const struct probe_check *check)
{
	return check->in.verdict == VERDICT_DELIVERS_CORRUPT && !check->in.inherent;
}

static bool out_is_bad(const struct probe_check *check)
{
	return check->out.verdict == VERDICT_DELIVERS_CORRUPT;
}

static bool in_is_open(const struct probe_check *check)
{
	return !check->in.inherent &&
	       (check->in.verdict == VERDICT_UNKNOWN || check->in.verdict == VERDICT_BLOCKED);
}

struct explain_score explain_score(const struct probe_target *target)
{
	struct explain_score score = { .blocked = *target->vanished || target->cut_off };

	for (size_t i = 0; i < target->check_count; i++) {
		score.received += in_is_bad(&target->check[i]);
		score.delivering += in_is_bad(&target->check[i]);
		score.delivering += out_is_bad(&target->check[i]);
		score.verified += target->check[i].in.verdict == VERDICT_VERIFIED;
		score.verified += target->check[i].out.verdict == VERDICT_VERIFIED;
		score.blocked += target->check[i].in.verdict == VERDICT_BLOCKED;
	}
	return score;
}

int explain_compare(struct explain_score now, struct explain_score before)
{
	if (now.delivering > before.delivering || now.verified < before.verified)
		return -1;
	return now.delivering < before.delivering && now.verified > before.verified &&
	       now.blocked <= before.blocked;
}

__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

/* Adds "tcp v4 v6, udp v6": a check's families are next to each other in the target. */
static void add_checks(const struct probe_target *target,
		       bool (*chosen)(const struct probe_check *check), char *text, size_t size)
{
	const struct check *last = NULL;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		if (!chosen(check))
			continue;
		if (check->check != last)
			append(text, size, "%s%s", last ? ", " : "", check->check->name);
		append(text, size, " v%d", check->family == AF_INET ? 4 : 6);
		last = check->check;
	}
}

static void explain_damage(const struct probe_target *target, const struct explain_context *context,
			   char *text, size_t size)
{
	char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)], tried[80];
	bool in = false, out = false, all_merged = true;

	term_printable(device, sizeof(device), context->device);
	catalog_words(context->tried, ", ", "-", tried, sizeof(tried));
	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		in |= in_is_bad(check);
		out |= out_is_bad(check);
		all_merged &= !in_is_bad(check) || check->check->shape == SHAPE_MERGED;
	}
	if (in) {
		add_checks(target, in_is_bad, text, size);
		append(text, size, ": ");
	}
	if (!in && out)
		append(text, size,
		       "what it sends has wrong checksums: if an encapsulating device of this host makes "
		       "them, name it by --tunnel");
	else if (context->is_host && !context->has_via)
		append(text, size,
		       "nothing can be put on the probe's own way into the host; name the "
		       "device that packets enter by (--via)");
	else if (!context->is_host && !*device)
		append(text, size, "no device of its own leads to the outside");
	else if (all_merged)
		append(text, size,
		       "packets that GRO merges after a device vouched for them are marked unfinished: no "
		       "receiver verifies these, and no mitigation changes that; without GRO on the "
		       "device that merges them (ethtool -K DEV gro off) they stay single");
	else if (context->tried)
		append(text, size, "tried, without effect: %s", tried);
	else
		append(text, size, "everything that could be put on is on already");
}

void explain(const struct probe_target *target, const struct explain_context *context, char *text,
	     size_t size)
{
	*text = '\0';
	if (target->isolated || target->verdict == VERDICT_VERIFIED)
		return;
	if (target->verdict == VERDICT_DELIVERS_CORRUPT) {
		explain_damage(target, context, text, size);
		return;
	}
	if (*target->vanished)
		append(text, size, "%s", target->vanished);
	else if (*target->no_v4 && (target->cut_off || !target->check_count))
		append(text, size, "%s", target->no_v4);
	else if (*target->no_v6 && target->cut_off)
		append(text, size, "%s", target->no_v6);
	for (size_t i = 0; !*text && i < target->check_count; i++)
		if (in_is_open(&target->check[i]))
			append(text, size, "%s v%d: %s", target->check[i].check->name,
			       target->check[i].family == AF_INET ? 4 : 6,
			       target->check[i].in.reason);
}
