// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a capture means, in sentences: the first line of the report, and the list of findings in
 * JSON, the worst first. A finding's sentence says what was seen and, if the evidence shows it,
 * the cause.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "cmd/pcap/report.h"
#include "cmd/pcap/words.h"

#define AGAIN "if this was captured at the receiver, look again with --at receiver"

static const char *plural(uint64_t count, const char *one, const char *more)
{
	return count == 1 ? one : more;
}

/* ---- Rewritten packets ---- */

/* What differs between the two flows: "the source port from 1000 to 2000". */
static void print_flow_change(FILE *out, const struct packet_flow *before,
			      const struct packet_flow *now)
{
	struct flow_parts was, is;
	const char *separator = "";

	pcap_flow_parts(before, &was);
	pcap_flow_parts(now, &is);
	if (strcmp(was.src.text, is.src.text) != 0) {
		fprintf(out, "the source address was changed from %s to %s", was.src.text,
			is.src.text);
		separator = ", ";
	}
	if (before->src_port != now->src_port) {
		fprintf(out, "%sthe source port was changed from %u to %u", separator,
			before->src_port, now->src_port);
		separator = ", ";
	}
	if (strcmp(was.dst.text, is.dst.text) != 0) {
		fprintf(out, "%sthe destination address was changed from %s to %s", separator,
			was.dst.text, is.dst.text);
		separator = ", ";
	}
	if (before->dst_port != now->dst_port)
		fprintf(out, "%sthe destination port was changed from %u to %u", separator,
			before->dst_port, now->dst_port);
}

static const char *amount_in_words(uint16_t amount, struct words *ret)
{
	struct sum_words sums;

	pcap_sums(0, amount, false, &sums);
	snprintf(ret->text, sizeof(ret->text), "%s", sums.difference.text);
	return ret->text;
}

static void print_cause(FILE *out, enum rewritten_kind kind, const struct rewritten_cause *cause)
{
	struct words amount, number;

	switch (kind) {
	case REWRITTEN_SEEN:
		print_flow_change(out, &cause->before, &cause->now);
		break;
	case REWRITTEN_MSS:
		fprintf(out, "the MSS in SYN packets was changed from %u to %u", cause->mss_before,
			cause->mss_now);
		break;
	case REWRITTEN_UNFINISHED:
		fprintf(out, "addresses changed by %s in sum while the sums were unfinished",
			amount_in_words(cause->change, &amount));
		break;
	case REWRITTEN_HEADER:
		fprintf(out, "IPv4 header fields changed by %s in sum",
			amount_in_words(cause->change, &amount));
		break;
	default:
		fprintf(out, "header fields changed by %s in sum",
			amount_in_words(cause->change, &amount));
	}
	if (kind == REWRITTEN_SEEN && cause->flows > 1)
		fprintf(out, ", and alike in %s",
			pcap_number(cause->flows - 1, "other flow", &number));
	else if (kind != REWRITTEN_SEEN && cause->changes > 1)
		fprintf(out, ", and by %s in other flows",
			pcap_number(cause->changes - 1, "other amount", &number));
	if (cause->both_ways && cause->pairs > 2)
		fprintf(out, ", in both directions, as in captures that were anonymised");
}

static enum rewritten_kind main_cause(const struct rewritten_result *rewritten)
{
	enum rewritten_kind most = REWRITTEN_FIELDS;

	for (unsigned int kind = 0; kind < REWRITTEN_KINDS; kind++)
		if (rewritten->cause[kind].packets > rewritten->cause[most].packets)
			most = kind;
	return most;
}

static void print_rewritten(FILE *out, const struct pcap_result *result)
{
	const struct rewritten_result *rewritten = &result->diagnosis->rewritten;
	enum rewritten_kind kind = main_cause(rewritten);
	struct words packets, flows;

	fprintf(out, "%s in %s rewritten after the sum was made: ",
		pcap_number(rewritten->packets, "packet", &packets),
		pcap_number(rewritten->flows, "flow", &flows));
	print_cause(out, kind, &rewritten->cause[kind]);
}

void pcap_print_causes(FILE *out, const struct pcap_result *result)
{
	for (unsigned int kind = 0; kind < REWRITTEN_KINDS; kind++) {
		const struct rewritten_cause *cause = &result->diagnosis->rewritten.cause[kind];
		struct words packets, flows;

		if (!cause->packets)
			continue;
		fprintf(out, "  %s in %s: ", pcap_number(cause->packets, "packet", &packets),
			pcap_number(cause->flows, "flow", &flows));
		print_cause(out, kind, cause);
		fputc('\n', out);
	}
}

/* ---- The other findings ---- */

static void print_damaged(FILE *out, const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	const struct rewritten_result *rewritten = &result->diagnosis->rewritten;
	struct words packets, flows, doubtful;

	fprintf(out, "%s in %s%s", pcap_number(scan->damaged, "damaged packet", &packets),
		scan->flows_left ? "more than " : "",
		pcap_number(scan->damaged_flows, "flow", &flows));
	if (rewritten->doubtful && rewritten->doubtful >= scan->damaged)
		fprintf(out, ", or rewritten");
	else if (rewritten->doubtful)
		fprintf(out, ", %s of them damaged or rewritten",
			pcap_number(rewritten->doubtful, NULL, &doubtful));
	if (rewritten->not_followed)
		fprintf(out, ", %s of them in flows that were not followed, for want of room",
			pcap_number(rewritten->not_followed, NULL, &doubtful));
}

static void print_dropped(FILE *out, const struct pcap_result *result)
{
	const struct unfinished_result *unfinished = &result->diagnosis->unfinished;
	struct words packets, flows;

	fprintf(out, "%s with unfinished sums in %s: a receiver dropped these, none was answered",
		pcap_number(unfinished->dropped, "packet", &packets),
		pcap_number(unfinished->dropped_flows, "flow", &flows));
}

static void print_illegal(FILE *out, const struct pcap_result *result)
{
	uint64_t illegal = result->scan->counts.illegal;
	struct words number;

	fprintf(out,
		"%s over IPv6 without a sum: dropped unless the socket accepts %s "
		"(UDP_NO_CHECK6_RX)",
		pcap_number(illegal, "UDP packet", &number), plural(illegal, "it", "them"));
}

static void print_no_length(FILE *out, const struct pcap_result *result)
{
	struct words number;

	fprintf(out, "%s over IPv6 with the length 0, as a broken NIC sends them",
		pcap_number(result->scan->counts.no_length, "TCP packet", &number));
}

static void print_unanswered(FILE *out, const struct pcap_result *result)
{
	uint64_t count = result->diagnosis->unfinished.unanswered;
	struct words number;

	fprintf(out, "%s %s never answered; " AGAIN, pcap_number(count, NULL, &number),
		plural(count, "was", "were"));
}

static uint64_t unfinished_rest(const struct pcap_result *result)
{
	uint64_t dropped = result->at_receiver ? result->diagnosis->unfinished.dropped : 0;
	uint64_t all = result->scan->counts.unfinished;

	return all > dropped ? all - dropped : 0;
}

static void print_unfinished(FILE *out, const struct pcap_result *result)
{
	struct words number;

	fprintf(out, "%s, as captures at a sender show them",
		pcap_number(unfinished_rest(result), "unfinished sum", &number));
}

/* What packets that were not opened are in: the most frequent; NULL: there are none. */
static const char *name_closed(const struct scan *scan, struct words *ret)
{
	const uint64_t *closed = scan->counts.closed;
	unsigned int most = CARGO_NONE, kinds = 0;

	for (unsigned int cargo = 0; cargo < CARGO_KINDS; cargo++) {
		kinds += closed[cargo] != 0;
		if (closed[cargo] > closed[most])
			most = cargo;
	}
	if (scan->counts.link_unknown > closed[most])
		snprintf(ret->text, sizeof(ret->text), "of link type %" PRIu32 "%s",
			 scan->counts.link, kinds ? " and others" : "");
	else
		snprintf(ret->text, sizeof(ret->text), "in %s%s", cargo_names[most],
			 kinds + (scan->counts.link_unknown != 0) > 1 ? " and others" : "");
	return ret->text;
}

static void print_not_opened(FILE *out, const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	struct words name, part, whole;

	fprintf(out, "%s of %s %s %s, not opened", pcap_number(scan_not_opened(scan), NULL, &part),
		pcap_number(scan->counts.packets, "packet", &whole),
		plural(scan_not_opened(scan), "is", "are"), name_closed(scan, &name));
}

/* ---- All of them, the worst first ---- */

static uint64_t count_damaged(const struct pcap_result *result, uint64_t *ret_flows)
{
	*ret_flows = result->scan->damaged_flows;
	return result->scan->damaged;
}

static uint64_t count_dropped(const struct pcap_result *result, uint64_t *ret_flows)
{
	*ret_flows = result->diagnosis->unfinished.dropped_flows;
	return result->at_receiver ? result->diagnosis->unfinished.dropped : 0;
}

static uint64_t count_rewritten(const struct pcap_result *result, uint64_t *ret_flows)
{
	*ret_flows = result->diagnosis->rewritten.flows;
	return result->scan->rewritten;
}

static uint64_t count_illegal(const struct pcap_result *result, uint64_t *ret_flows)
{
	(void)ret_flows;
	return result->scan->counts.illegal;
}

static uint64_t count_no_length(const struct pcap_result *result, uint64_t *ret_flows)
{
	(void)ret_flows;
	return result->scan->counts.no_length;
}

static uint64_t count_unfinished(const struct pcap_result *result, uint64_t *ret_flows)
{
	(void)ret_flows;
	return unfinished_rest(result);
}

static uint64_t count_unanswered(const struct pcap_result *result, uint64_t *ret_flows)
{
	*ret_flows = result->diagnosis->unfinished.flows;
	return result->at_receiver ? 0 : result->diagnosis->unfinished.unanswered;
}

static uint64_t count_not_opened(const struct pcap_result *result, uint64_t *ret_flows)
{
	(void)ret_flows;
	return scan_not_opened(result->scan);
}

#define NO_FLOWS UINT64_MAX

static const struct kind {
	const char *name;
	/* Packets; flows if they are known. */
	uint64_t (*count)(const struct pcap_result *result, uint64_t *ret_flows);
	void (*print)(FILE *out, const struct pcap_result *result);
	bool found; /* something is wrong: exit code 1 */
} kinds[] = {
	{ "damaged", count_damaged, print_damaged, true },
	{ "unfinished", count_dropped, print_dropped, true },
	{ "rewritten", count_rewritten, print_rewritten, true },
	{ "illegal-none", count_illegal, print_illegal, true },
	{ "no-length", count_no_length, print_no_length, false },
	{ "unfinished", count_unfinished, print_unfinished, false },
	{ "unanswered", count_unanswered, print_unanswered, false },
	{ "not-opened", count_not_opened, print_not_opened, false },
};

_Static_assert(ARRAY_SIZE(kinds) <= PCAP_FINDINGS, "there is room for all");

bool pcap_found(const struct pcap_result *result)
{
	uint64_t flows;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].found && kinds[i].count(result, &flows))
			return true;
	return false;
}

size_t pcap_findings(const struct pcap_result *result, struct pcap_finding *ret_findings)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct pcap_finding finding = { .class = kinds[i].name, .flows = NO_FLOWS };
		FILE *out;
		size_t size;

		finding.packets = kinds[i].count(result, &finding.flows);
		finding.has_flows = finding.flows != NO_FLOWS;
		out = finding.packets ? open_memstream(&finding.sentence, &size) : NULL;
		if (!out)
			continue;
		kinds[i].print(out, result);
		if (fclose(out) || !finding.sentence)
			continue;
		ret_findings[count++] = finding;
	}
	return count;
}

/* ---- The headline ---- */

/* Why nothing could be judged, the most telling first. */
static const char *why_nothing(const struct scan *scan)
{
	if (!scan->counts.packets)
		return scan->end.broken ? "the capture breaks off before its first packet"
					: "there is no packet in the capture";
	if (scan->counts.link_unknown == scan->counts.packets)
		return "packets of this link type are not known to truesum";
	if (scan->counts.truncated)
		return "too little of each packet was kept";
	if (scan_layers(scan, SUM_NONE))
		return "its packets were sent without a checksum";
	return "no packet in it carries a checksum that could be judged";
}

static void print_undamaged(FILE *out, const struct pcap_result *result, bool color)
{
	const struct scan *scan = result->scan;
	uint64_t good = scan_layers(scan, SUM_GOOD), closed = scan_not_opened(scan);
	bool all = !scan_not_judged(scan) && !closed && !scan->counts.unfinished &&
		   !scan->counts.illegal;
	struct words number;

	fprintf(out, "%snothing damaged%s%s: ", term_style(color, TERM_GOOD),
		closed ? " in what was judged" : "", term_style(color, TERM_PLAIN));
	if (good == 1)
		fprintf(out, "%schecksum is right", all ? "the one " : "one ");
	else if (good)
		fprintf(out, "%s%s checksums are right", all ? "all " : "",
			pcap_number(good, NULL, &number));
	else
		fprintf(out, "no finished checksum is in it");
}

/* The findings that are so far; the first one in colour if something is wrong. */
static void print_findings(FILE *out, const struct pcap_result *result, bool wrong, bool color)
{
	const char *separator = wrong ? "" : "; ";
	uint64_t flows;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool first = !*separator;

		if (!kinds[i].count(result, &flows))
			continue;
		fprintf(out, "%s%s", separator, first && color ? term_style(color, TERM_BAD) : "");
		kinds[i].print(out, result);
		fprintf(out, "%s", first && color ? term_style(color, TERM_PLAIN) : "");
		separator = "; ";
	}
}

void pcap_headline(FILE *out, const struct pcap_result *result, bool color)
{
	const struct scan *scan = result->scan;
	uint64_t unjudged = scan_not_judged(scan) - scan->counts.link_unknown, flows;
	bool wrong = count_damaged(result, &flows) || count_dropped(result, &flows) ||
		     count_rewritten(result, &flows);
	struct words number;

	if (!wrong && !scan->judged) {
		fprintf(out, "%snothing could be judged%s: %s", term_style(color, TERM_WARN),
			term_style(color, TERM_PLAIN), why_nothing(scan));
		print_findings(out, result, false, color);
		return;
	}
	if (!wrong)
		print_undamaged(out, result, color);
	print_findings(out, result, wrong, color);
	if (unjudged)
		fprintf(out, "; %s not judged", pcap_number(unjudged, "packet", &number));
}
