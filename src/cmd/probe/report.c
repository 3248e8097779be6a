// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum probe` for people: the verdict, a row for each target, then the evidence for what is not
 * proven safe.
 */
#include "cmd/probe/report.h"

#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "net/inventory.h"

#define NAME_MAX_SHOWN 28
#define EVIDENCE_MAX 20 /* targets to explain at length */
#define EXCERPT 40
#define CELL 21 /* columns: "verified: conntrack" and two blanks */

/* A column: the checks of one family and protocol. */
static const struct column {
	const char *title;
	int family;
	uint8_t proto;
} columns[] = {
	{ "TCP v4", AF_INET, IPPROTO_TCP },
	{ "TCP v6", AF_INET6, IPPROTO_TCP },
	{ "UDP v4", AF_INET, IPPROTO_UDP },
	{ "UDP v6", AF_INET6, IPPROTO_UDP },
};

/* The device a target's packets come in by, and its other end if that is known. NULL: not known. */
static const struct device *entrance_of(const struct inventory *inventory, size_t space,
					const struct device **ret_other, size_t *ret_other_space)
{
	const struct space *target = &inventory->space[space];
	const struct device *found = NULL;

	*ret_other = NULL;
	for (size_t i = 0; i < target->device_count && !found; i++)
		if (!(target->device[i].flags & IFF_LOOPBACK) && target->device[i].address_count)
			found = &target->device[i];
	if (found && !target->own)
		*ret_other = inventory_link(inventory, found, ret_other_space);
	return found;
}

static void describe_entrance(const struct inventory *inventory, size_t space, char *text,
			      size_t size)
{
	const struct device *other, *device;
	char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)], other_name[TERM_PRINTABLE_SIZE(IFNAMSIZ)];
	size_t where = 0;

	device = entrance_of(inventory, space, &other, &where);
	if (!device || inventory->space[space].own) {
		snprintf(text, size, "-");
		return;
	}
	term_printable(name, sizeof(name), device->name);
	if (!other) {
		snprintf(text, size, "%s", name);
		return;
	}
	term_printable(other_name, sizeof(other_name), other->name);
	snprintf(text, size, "%s ⇄ %s%s%.20s", name, other_name,
		 inventory->space[where].own ? "" : " in ",
		 inventory->space[where].own ? "" : inventory->space[where].name);
}

/* The worst verdict of a column, and who caught the damage. VERDICTS: not checked. */
static enum verdict column_verdict(const struct probe_target *target, const struct column *column,
				   enum caught_by *ret_by)
{
	enum verdict worst = VERDICTS;

	*ret_by = CAUGHT_UNKNOWN;
	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		if (check->family != column->family || check->check->proto != column->proto ||
		    check->in.inherent)
			continue;
		if (vocabulary_worse(worst, check->in.verdict) != worst) {
			worst = check->in.verdict;
			*ret_by = check->in.by;
		}
	}
	return worst;
}

/* Padded to `width` columns; 0: no padding. */
static void print_verdict_cell(enum verdict verdict, enum caught_by by, bool color, int width)
{
	char text[40];
	int len;

	if (verdict == VERDICTS)
		len = snprintf(text, sizeof(text), "-");
	else if (verdict == VERDICT_VERIFIED)
		len = snprintf(text, sizeof(text), "verified: %s", caught_by_names[by]);
	else if (verdict == VERDICT_DELIVERS_CORRUPT)
		len = snprintf(text, sizeof(text), "DELIVERS CORRUPT");
	else
		len = snprintf(text, sizeof(text), "%s", verdict_names[verdict]);
	printf("%s%s%s%*s", term_style(color, term_verdict_style(verdict)), text,
	       term_style(color, TERM_PLAIN), width > len ? width - len : 0, "");
}

static int display_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_targets(const struct probe *probe, const struct inventory *inventory)
{
	int names = 6, ends = 9, width;
	bool color = term_color(stdout);
	char end[200];

	for (size_t i = 0; i < probe->target_count; i++) {
		size_t space = probe->target[i].space;

		width = (int)strnlen(inventory->space[space].name, NAME_MAX_SHOWN);
		names = width > names ? width : names;
		describe_entrance(inventory, space, end, sizeof(end));
		width = display_width(end);
		ends = width > ends ? width : ends;
	}
	printf("\n%s%-*s  %-*s  ", term_style(color, TERM_BOLD), names, "TARGET", ends,
	       "INTERFACE");
	for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
		printf("%-*s", k + 1 < ARRAY_SIZE(columns) ? CELL : 0, columns[k].title);
	printf("%s\n", term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < probe->target_count; i++) {
		const struct probe_target *target = &probe->target[i];

		if (target->isolated)
			continue;
		describe_entrance(inventory, target->space, end, sizeof(end));
		printf("%-*.*s  %s%*s  ", names, NAME_MAX_SHOWN,
		       inventory->space[target->space].name, end, ends - display_width(end), "");
		for (size_t k = 0; k < ARRAY_SIZE(columns); k++) {
			enum caught_by by;
			enum verdict verdict = column_verdict(target, &columns[k], &by);

			print_verdict_cell(verdict, by, color,
					   k + 1 < ARRAY_SIZE(columns) ? CELL : 0);
		}
		printf("\n");
	}
}

struct tally {
	size_t verdict[VERDICTS], isolated;
};

static struct tally count_verdicts(const struct probe *probe)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < probe->target_count; i++)
		if (probe->target[i].isolated)
			tally.isolated++;
		else
			tally.verdict[probe->target[i].verdict]++;
	return tally;
}

static void print_summary(const struct probe *probe, bool lying)
{
	struct tally tally = count_verdicts(probe);
	size_t tried = probe->target_count - tally.isolated;
	size_t unsafe = tally.verdict[VERDICT_DELIVERS_CORRUPT];
	size_t good = tally.verdict[VERDICT_VERIFIED];
	bool color = term_color(stdout);

	if (lying)
		printf("As if the NIC vouched for what it did not check: ");
	if (unsafe)
		printf("%s%zu of %zu target%s deliver%s damaged data.%s",
		       term_style(color, TERM_BAD), unsafe, tried, tried == 1 ? "" : "s",
		       unsafe == 1 ? "s" : "", term_style(color, TERM_PLAIN));
	else if (good == tried && tried)
		printf("%sEvery target verifies what it receives%s: %zu of %zu, proven by delivery.",
		       term_style(color, TERM_GOOD), term_style(color, TERM_PLAIN), good, tried);
	else
		printf("%sNot everything could be proven%s: %zu of %zu target%s verif%s what they "
		       "receive, %zu blocked, %zu unknown.",
		       term_style(color, TERM_WARN), term_style(color, TERM_PLAIN), good, tried,
		       tried == 1 ? "" : "s", good == 1 ? "ies" : "y",
		       tally.verdict[VERDICT_BLOCKED], tally.verdict[VERDICT_UNKNOWN]);
	printf(" (%.0f ms)\n", probe->seconds * 1e3);
	if (tally.isolated)
		printf("%zu more ha%s no device but lo: nothing can enter, nothing was tried.\n",
		       tally.isolated, tally.isolated == 1 ? "s" : "ve");
}

static void print_excerpt(const char *what, const uint8_t payload[PAYLOAD_LEN], size_t from)
{
	printf("    %-4s  …", what);
	for (size_t i = from; i < from + EXCERPT && i < PAYLOAD_LEN; i++)
		putchar(payload[i] >= 0x20 && payload[i] < 0x7f ? payload[i] : '.');
	printf("…\n");
}

/* Shows the bytes around the first difference. */
static void print_bytes(const struct peer_evidence *evidence)
{
	size_t first = 0, from;

	while (first < PAYLOAD_LEN && evidence->sent[first] == evidence->read[first])
		first++;
	from = first > EXCERPT / 2 ? first - EXCERPT / 2 : 0;
	if (from + EXCERPT > PAYLOAD_LEN)
		from = PAYLOAD_LEN - EXCERPT;
	print_excerpt("sent", evidence->sent, from);
	print_excerpt("read", evidence->read, from);
	printf("           %*s^ byte %zu: 0x%02x was read as 0x%02x, though the checksum does not match\n",
	       (int)(first - from), "", first, evidence->sent[first % PAYLOAD_LEN],
	       evidence->read[first % PAYLOAD_LEN]);
}

static void print_next_step(const struct inventory *inventory, const struct probe_target *target,
			    bool lying)
{
	const struct space *space = &inventory->space[target->space];
	const struct device *other, *device;
	char path[TERM_QUOTED_SIZE(sizeof(space->path))], enter[sizeof(path) + 32] = "";
	char name[TERM_QUOTED_SIZE(IFNAMSIZ)];
	size_t where = 0;

	device = entrance_of(inventory, target->space, &other, &where);
	if (!device)
		return;
	if (lying) {
		printf("  Every kernel trusts its NIC. If you do not trust yours, run on the host: ethtool -K NIC rx off\n");
		return;
	}
	if (!term_shell_quote(path, sizeof(path), space->path))
		snprintf(path, sizeof(path), "NAMESPACE");
	if (space->pid && !space->own)
		snprintf(enter, sizeof(enter), "nsenter -t %d -n ", (int)space->pid);
	else if (!space->own)
		snprintf(enter, sizeof(enter), "nsenter --net=%s ", path);
	printf("  Something on the way in marks packets as verified. Try these, and probe again after each:\n");
	if (other) {
		term_shell_quote(name, sizeof(name), other->name);
		printf("    tc filter show dev %s egress          # a program that vouches?\n",
		       name);
	}
	term_shell_quote(name, sizeof(name), device->name);
	printf("    %sethtool -K %s rx off    # fixes a veth of Linux before 4.4\n", enter, name);
}

/* Prints the chosen checks: "tcp v4 v6, udp v6". The families of a check follow each other. */
static void print_checks(const struct probe_target *target, const bool *chosen)
{
	const struct check *last = NULL;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		if (!chosen[i])
			continue;
		if (check->check != last)
			printf("%s%s", last ? ", " : "", check->check->name);
		printf(" v%d", check->family == AF_INET ? 4 : 6);
		last = check->check;
	}
}

static void explain_unsafe(const struct inventory *inventory, const struct probe_target *target,
			   bool lying)
{
	bool in[PROBE_CHECKS_MAX] = { false };
	const struct peer_evidence *evidence = NULL;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		in[i] = check->in.verdict == VERDICT_DELIVERS_CORRUPT && !check->in.inherent;
		if (in[i] && !evidence)
			evidence = &check->evidence;
	}
	printf("\n%s", inventory->space[target->space].name);
	if (evidence) {
		printf(" delivers damaged data: ");
		print_checks(target, in);
		printf("\n");
		print_bytes(evidence);
		print_next_step(inventory, target, lying);
	} else {
		printf(" sends packets with wrong checksums\n");
	}
	for (size_t i = 0; i < target->check_count; i++)
		if (target->check[i].out.verdict == VERDICT_DELIVERS_CORRUPT)
			printf("  outbound %s v%d: %s\n", target->check[i].check->name,
			       target->check[i].family == AF_INET ? 4 : 6,
			       target->check[i].out.reason);
}

static bool is_open(const struct probe_check *check)
{
	return !check->in.inherent &&
	       (check->in.verdict == VERDICT_UNKNOWN || check->in.verdict == VERDICT_BLOCKED);
}

/* A target without an address of one family is fine if it has one of the other. */
static void explain_untried(const char *name, const struct probe_target *target)
{
	bool matters = target->cut_off || !target->check_count;

	if (*target->no_v4 && matters)
		printf("\n%s, nothing was tried over IPv4: %s\n", name, target->no_v4);
	if (*target->no_v6 && matters)
		printf("%s%s, nothing was tried over IPv6: %s\n", *target->no_v4 ? "" : "\n", name,
		       target->no_v6);
}

/* Prints why checks are unknown or blocked. Checks with the same reason share a line. */
static void explain_open(const struct inventory *inventory, const struct probe_target *target)
{
	const char *name = inventory->space[target->space].name;
	bool printed[PROBE_CHECKS_MAX] = { false };

	if (target->vanished[0])
		printf("\n%s could not be probed: %s\n", name, target->vanished);
	for (size_t i = 0; i < target->check_count; i++) {
		const struct judgement *judged = &target->check[i].in;
		bool same[PROBE_CHECKS_MAX] = { false };

		if (printed[i] || !is_open(&target->check[i]))
			continue;
		for (size_t k = i; k < target->check_count; k++) {
			same[k] = is_open(&target->check[k]) &&
				  !strcmp(target->check[k].in.reason, judged->reason);
			printed[k] |= same[k];
		}
		printf("\n%s, ", name);
		print_checks(target, same);
		printf(" %s: %s\n", verdict_names[judged->verdict], judged->reason);
	}
	explain_untried(name, target);
}

/* Each check that this kernel is too old for, once. */
static void print_impossible(const struct probe *probe)
{
	const struct check *told = NULL;

	for (size_t i = 0; i < probe->target_count; i++)
		for (size_t k = 0; k < probe->target[i].check_count; k++) {
			const struct probe_check *check = &probe->target[i].check[k];

			if (check->in.verdict != VERDICT_NOT_POSSIBLE || check->check == told)
				continue;
			printf("\n%s: %s.\n", check->check->name, check->in.reason);
			told = check->check;
		}
}

void probe_print(const struct probe *probe, const struct inventory *inventory, bool lying)
{
	size_t explained = 0, left = 0;

	print_summary(probe, lying);
	print_targets(probe, inventory);
	for (size_t i = 0; i < probe->target_count; i++) {
		const struct probe_target *target = &probe->target[i];

		if (target->isolated)
			continue;
		if (explained >= EVIDENCE_MAX) {
			left += target->verdict != VERDICT_VERIFIED;
			continue;
		}
		explained += target->verdict != VERDICT_VERIFIED;
		if (target->verdict == VERDICT_DELIVERS_CORRUPT)
			explain_unsafe(inventory, target, lying);
		explain_open(inventory, target);
	}
	if (left)
		printf("\n%zu more targets are not proven safe: --json lists them all\n", left);
	if (probe->foreign)
		printf("\nOthers sent %" PRIu64
		       " frame%s to the probe's address; it ignored them.\n",
		       probe->foreign, probe->foreign == 1 ? "" : "s");
	print_impossible(probe);
	if (probe->no_drop_reasons)
		printf("\nThis kernel does not report drop reasons: counters tell who caught the damage.\n");
}
