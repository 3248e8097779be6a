// SPDX-License-Identifier: GPL-2.0-or-later
/* Words for what is wrong: see explain.h. */
#include "guard/explain.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/term.h"
#include "guard/mitigate.h"

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

struct grievance grievance_of(const struct probe_target *target)
{
	struct grievance grievance = { .blocked = *target->vanished || target->cut_off };

	for (size_t i = 0; i < target->check_count; i++) {
		grievance.delivering += in_is_bad(&target->check[i]);
		grievance.delivering += out_is_bad(&target->check[i]);
		grievance.verified += target->check[i].in.verdict == VERDICT_VERIFIED;
		grievance.verified += target->check[i].out.verdict == VERDICT_VERIFIED;
		grievance.blocked += target->check[i].in.verdict == VERDICT_BLOCKED;
	}
	return grievance;
}

bool grievance_is_less(struct grievance now, struct grievance before)
{
	return now.delivering < before.delivering && now.verified > before.verified &&
	       now.blocked <= before.blocked;
}

bool grievance_is_more(struct grievance now, struct grievance before)
{
	return now.delivering > before.delivering || now.verified < before.verified;
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t size, const char *format,
						      ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

void mitigation_words(uint32_t mask, char *text, size_t size)
{
	guard_mitigation_words(mask, ", ", text, size);
	if (!*text)
		add(text, size, "-");
}

/* "tcp v4 v6, udp v6": families of a check follow each other. */
static void add_checks(const struct probe_target *target,
		       bool (*chosen)(const struct probe_check *check), char *text, size_t size)
{
	const struct check *last = NULL;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		if (!chosen(check))
			continue;
		if (check->check != last)
			add(text, size, "%s%s", last ? ", " : "", check->check->name);
		add(text, size, " v%d", check->family == AF_INET ? 4 : 6);
		last = check->check;
	}
}

static void explain_damage(const struct probe_target *target, const struct plight *plight,
			   char *text, size_t size)
{
	char device[IFNAMSIZ], tried[80];
	bool in = false, out = false, all_merged = true;

	term_printable(device, sizeof(device), plight->device);
	mitigation_words(plight->tried, tried, sizeof(tried));
	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		in |= in_is_bad(check);
		out |= out_is_bad(check);
		all_merged &= !in_is_bad(check) || check->check->shape == SHAPE_MERGED;
	}
	if (in) {
		add_checks(target, in_is_bad, text, size);
		add(text, size, ": ");
	}
	if (!in && out)
		add(text, size,
		    "what it sends has wrong checksums: if they are made by an "
		    "encapsulating device of this host, name it by --tunnel");
	else if (plight->is_host && !plight->has_via)
		add(text, size,
		    "nothing can be put on the probe's own way into the host; name the "
		    "device that packets come in by (--via)");
	else if (!plight->is_host && !*device)
		add(text, size, "no device of its own leads to the outside");
	else if (all_merged)
		add(text, size,
		    "packets that GRO merges after somebody vouched for them go on as unfinished, "
		    "which nobody verifies and no mitigation reaches; without GRO on the device that "
		    "merges them (ethtool -K DEV gro off) they stay single");
	else if (plight->tried)
		add(text, size, "tried, without effect: %s", tried);
	else
		add(text, size, "what could be put on is on already");
}

void explain(const struct probe_target *target, const struct plight *plight, char *text,
	     size_t size)
{
	*text = '\0';
	if (target->isolated || target->verdict == VERDICT_VERIFIED)
		return;
	if (target->verdict == VERDICT_DELIVERS_CORRUPT) {
		explain_damage(target, plight, text, size);
		return;
	}
	if (*target->vanished)
		add(text, size, "%s", target->vanished);
	else if (*target->no_v4 && (target->cut_off || !target->check_count))
		add(text, size, "%s", target->no_v4);
	else if (*target->no_v6 && target->cut_off)
		add(text, size, "%s", target->no_v6);
	for (size_t i = 0; !*text && i < target->check_count; i++)
		if (in_is_open(&target->check[i]))
			add(text, size, "%s v%d: %s", target->check[i].check->name,
			    target->check[i].family == AF_INET ? 4 : 6, target->check[i].in.reason);
}
