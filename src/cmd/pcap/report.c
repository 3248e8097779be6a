// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What `truesum pcap` prints as text: the report on a capture, a line per packet (--packets), and
 * what changed between two captures (--diff). A report begins with the verdict, then comes what it
 * rests on, then what to do. Only what occurs is shown: readers in a hurry need no line that says
 * "none".
 */
#include "cmd/pcap/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "cmd/pcap/words.h"

#define FLOWS_SHOWN 20
#define CHANGES_SHOWN 20
#define FRAME_WIDTH 8
#define VERDICT_WIDTH 16 /* "unfinished icmp6" */
#define DIFFERENCES_SHOWN 4
#define OFFSETS_SHOWN 8
#define OFFSET_STRIDE 16 /* shown if no line is stuck */

const char *const diff_places[] = {
	[DIFF_PAYLOAD] = "payload",
	[DIFF_TRANSPORT] = "transport",
	[DIFF_NETWORK] = "network",
};

/* ---- The verdict ---- */

void pcap_report_verdict(FILE *out, const struct pcap_result *result)
{
	if (result->several)
		fprintf(out, "%s: ", result->name);
	pcap_headline(out, result, term_color(out));
	fputc('\n', out);
}

/* ---- The capture ---- */

static void print_capture(const struct pcap_result *result)
{
	const struct scan_counts *counts = &result->scan->counts;
	bool color = term_color(stdout), packed = strcmp(result->compression, "none") != 0;
	struct words packets, bytes, time;

	printf("%s%s: %s, %s, %s%s%s\n", term_style(color, TERM_DIM), result->name,
	       pcap_number(counts->packets, "packet", &packets), pcap_bytes(counts->bytes, &bytes),
	       result->scan->end.format, packed ? ", " : "", packed ? result->compression : "");
	if (counts->last_ns != INT64_MIN) {
		printf("%s", pcap_time(counts->first_ns, &time));
		if (counts->last_ns != counts->first_ns)
			printf(" to %s", pcap_time(counts->last_ns, &time));
		putchar('\n');
	}
	printf("%s", term_style(color, TERM_PLAIN));
	if (!result->scan->end.broken)
		return;
	printf("%sThe capture breaks off at byte %s%s: %s.\n", term_style(color, TERM_WARN),
	       pcap_number(result->scan->end.broken_at, NULL, &bytes),
	       term_style(color, TERM_PLAIN), result->scan->end.broken_why);
	if (counts->packets)
		printf("What comes before was judged.\n");
}

/* ---- The table: a row a layer, a column a verdict ---- */

static int column_width(const struct scan *scan, unsigned int verdict)
{
	size_t width = strlen(sum_verdict_names[verdict]);
	struct words number;

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++) {
		size_t len = strlen(pcap_number(scan->counts.layer[kind][verdict], NULL, &number));

		width = len > width ? len : width;
	}
	return (int)width + 2;
}

static void print_count(uint64_t count, unsigned int verdict, int width, bool color)
{
	struct words number;
	enum term_style style = !count			      ? TERM_DIM
				: verdict == SUM_BAD	      ? TERM_BAD
				: verdict == SUM_ILLEGAL_NONE ? TERM_WARN
							      : TERM_PLAIN;

	/* Escapes do not count as width: blanks are printed before. */
	pcap_number(count, NULL, &number);
	printf("%*s%s%s%s", width - (int)(count ? strlen(number.text) : 1), "",
	       style == TERM_PLAIN ? "" : term_style(color, style), count ? number.text : "-",
	       style == TERM_PLAIN ? "" : term_style(color, TERM_PLAIN));
}

static void print_layers(const struct scan *scan)
{
	bool color = term_color(stdout), shown[SUM_VERDICTS], any = false;
	int width[SUM_VERDICTS];

	for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++) {
		shown[verdict] = scan_layers(scan, verdict);
		width[verdict] = column_width(scan, verdict);
		any |= shown[verdict];
	}
	if (!any)
		return;
	printf("\n%s%-8s", term_style(color, TERM_BOLD), "layer");
	for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++)
		if (shown[verdict])
			printf("%*s", width[verdict], sum_verdict_names[verdict]);
	printf("%s\n", term_style(color, TERM_PLAIN));
	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++) {
		const uint64_t *counts = scan->counts.layer[kind];
		uint64_t sum = 0;

		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++)
			sum += counts[verdict];
		if (!sum)
			continue;
		printf("%-8s", layer_names[kind]);
		for (unsigned int verdict = 0; verdict < SUM_VERDICTS; verdict++)
			if (shown[verdict])
				print_count(counts[verdict], verdict, width[verdict], color);
		putchar('\n');
	}
}

static void print_not_judged(const struct scan *scan)
{
	const struct scan_counts *counts = &scan->counts;
	struct words number;

	if (scan_not_judged(scan) == counts->link_unknown)
		return;
	printf("\nNot judged:\n");
	if (counts->truncated)
		printf("  %s cut off by the capture (tcpdump -s 0 keeps them whole)\n",
		       pcap_number(counts->truncated, "packet", &number));
	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		if (counts->unknown[reason])
			printf("  %s: %s\n",
			       pcap_number(counts->unknown[reason], "packet", &number),
			       reason_words[reason]);
}

static void print_closed(const struct scan *scan)
{
	const struct scan_counts *counts = &scan->counts;
	struct words number;

	if (!scan_not_opened(scan))
		return;
	printf("\nNot opened, so what they carry was not judged:\n");
	if (counts->link_unknown)
		printf("  %s of link type %" PRIu32 ", which is not known\n",
		       pcap_number(counts->link_unknown, "packet", &number), counts->link);
	for (unsigned int cargo = 0; cargo < CARGO_KINDS; cargo++)
		if (counts->closed[cargo])
			printf("  %s in %s\n",
			       pcap_number(counts->closed[cargo], "packet", &number),
			       cargo_names[cargo]);
}

/* What is said about headers, and harms the packets of some senders. */
static void print_headers(const struct scan *scan)
{
	const struct scan_counts *counts = &scan->counts;
	struct words number;

	for (unsigned int cargo = 0; cargo < CARGO_KINDS; cargo++)
		if (counts->unsummed[cargo])
			printf("\n%s over IPv6 without a sum from %s, whose receivers accept that\n",
			       pcap_number(counts->unsummed[cargo], "UDP packet", &number),
			       cargo_names[cargo]);
	if (counts->no_length)
		printf("\n%s over IPv6 with the length 0 in the IPv6 header. Large send offload\n"
		       "(TSO) leaves it to the device; a receiver drops such packets. If they were\n"
		       "captured after the device, the NIC, or the model of one that a VM has, is broken:\n"
		       "ethtool -K DEVICE tx-tcp6-segmentation off\n",
		       pcap_number(counts->no_length, "TCP packet", &number));
	if (counts->illegal)
		printf("\nIPv6 demands a sum in UDP and UDP-Lite: the kernel drops packets without one, unless\n"
		       "the receiving socket has UDP_NO_CHECK6_RX. Some senders leave a 0 that has to be\n"
		       "sent as 0xffff: truesum pcap --packets=all says so of each packet.\n");
}

/* ---- Flows ---- */

/* "5.26 %"; never 0 or 100 if it is neither. */
static const char *percent_of(uint64_t part, uint64_t whole, struct words *ret)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part && percent < 0.001)
		snprintf(ret->text, sizeof(ret->text), "<0.001 %%");
	else if (part < whole && percent > 99.9)
		snprintf(ret->text, sizeof(ret->text), ">99.9 %%");
	else
		snprintf(ret->text, sizeof(ret->text), "%.3g %%", percent);
	return ret->text;
}

static void print_flow(const struct flow_row *row, int width)
{
	struct words flow, damaged, packets, percent, first, last;

	printf("  %*s", width, pcap_number(row->damaged, NULL, &damaged));
	if (row->packets)
		printf(" of %s (%s)", pcap_number(row->packets, NULL, &packets),
		       percent_of(row->damaged, row->packets, &percent));
	printf("  %s\n", pcap_flow(&row->flow, &flow));
	if (row->first_ns == INT64_MIN)
		return;
	printf("  %*s %s", width, "", pcap_time(row->first_ns, &first));
	if (row->last_ns != row->first_ns)
		printf(" to %s", pcap_time(row->last_ns, &last));
	putchar('\n');
}

static void print_flows(const struct scan *scan)
{
	bool color = term_color(stdout);
	uint32_t worst[FLOWS_SHOWN];
	size_t count = flows_worst(scan->flows, FLOWS_SHOWN, worst);
	struct words number;
	int width;

	if (!count)
		return;
	printf("\n%sDamaged packets by flow%s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN));
	width = (int)strlen(pcap_number(flows_row(scan->flows, worst[0])->damaged, NULL, &number));
	for (size_t i = 0; i < count; i++)
		print_flow(flows_row(scan->flows, worst[i]), width);
	if (scan->damaged_flows > count)
		printf("  and %s with fewer\n",
		       pcap_number(scan->damaged_flows - count, "flow", &number));
	if (scan->flows_left)
		printf("  and more: %s had no room in memory\n",
		       pcap_number(scan->flows_left, "damaged packet", &number));
	if (scan->damaged_header)
		printf("  In %s the IP header is damaged: the addresses may be, too.\n",
		       pcap_number(scan->damaged_header, NULL, &number));
}

/* ---- What the damage looks like ---- */

/* "1 bit 1→0", "3 bits: 2 1→0, 1 0→1" */
static const char *bits_in_words(const struct shape *shape, struct words *ret)
{
	struct words all, number;
	uint64_t down, up;

	shape_directions(shape, &down, &up);
	pcap_number(down + up, "bit", &all);
	if (!down || !up) {
		snprintf(ret->text, sizeof(ret->text), "%.40s %s", all.text, up ? "0→1" : "1→0");
		return ret->text;
	}
	snprintf(ret->text, sizeof(ret->text), "%.40s: %.26s 1→0, ", all.text,
		 pcap_number(down, NULL, &number));
	snprintf(ret->text + strlen(ret->text), sizeof(ret->text) - strlen(ret->text), "%.26s 0→1",
		 pcap_number(up, NULL, &number));
	return ret->text;
}

static void print_stuck_line(const struct shape_line *line)
{
	if (line->stride > 1)
		printf("  always bit %u at offset mod %u = %u, stuck at %d: one bad data line of a\n"
		       "  %u-bit-wide memory on the way looks like this\n",
		       line->bit, line->stride, line->phase, line->up, 8 * line->stride);
	else
		printf("  always bit %u, stuck at %d, at any offset: one bad line of an 8-bit-wide path\n"
		       "  looks like this\n",
		       line->bit, line->up);
}

static void print_shape(const struct shape *shape)
{
	uint64_t counts[SHAPE_STRIDE], residues = 0;
	struct shape_line line;
	bool stuck = shape_stuck_line(shape, &line);
	unsigned int stride = stuck && line.stride > 1 ? line.stride : OFFSET_STRIDE;
	const char *separator = " ";
	struct words number;

	shape_by_offset(shape, stride, counts);
	printf("  bits by offset in the payload, mod %u:", stride);
	for (unsigned int i = 0; i < stride; i++) {
		if (!counts[i] || residues++ >= OFFSETS_SHOWN)
			continue;
		printf("%s%u (%s)", separator, i, pcap_number(counts[i], NULL, &number));
		separator = ", ";
	}
	if (residues > OFFSETS_SHOWN)
		printf(", and %" PRIu64 " more", residues - OFFSETS_SHOWN);
	putchar('\n');
	if (stuck)
		print_stuck_line(&line);
}

/* The most frequent difference of fewer than `below` packets; of as many, the next after `after`.
 */
static uint32_t next_difference(const uint32_t *counts, uint32_t below, uint32_t after)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < SCAN_DIFFERENCES; i++)
		if ((counts[i] < below || (counts[i] == below && i > after)) &&
		    counts[i] > counts[best])
			best = i;
	return best;
}

/* `hint`: also name the single flip that would explain a difference, as the true ones are not
 * known. */
static void print_differences(const struct scan *scan, bool hint)
{
	uint32_t below = UINT32_MAX, after = 0, kinds = 0;
	struct sum_words sums;
	struct words number;

	for (uint32_t i = 1; i < SCAN_DIFFERENCES; i++)
		kinds += scan->differences[i] != 0;
	for (unsigned int i = 0; i < DIFFERENCES_SHOWN && i < kinds; i++) {
		uint32_t difference = next_difference(scan->differences, below, after);

		below = scan->differences[difference];
		after = difference;
		pcap_sums(0, difference, false, &sums);
		printf("  %s: computed - stored = %s\n", pcap_number(below, "packet", &number),
		       sums.difference.text);
		if (hint && sums.single)
			printf("      one flip would explain it: bit %u of a byte at an %s offset, %s\n",
			       sums.column % 8, sums.column < 8 ? "odd" : "even",
			       sums.up ? "0→1" : "1→0");
	}
	if (kinds > DIFFERENCES_SHOWN)
		printf("  and %s of the sums\n",
		       pcap_number(kinds - DIFFERENCES_SHOWN, "other difference", &number));
}

/* Two digits are enough for an estimate. */
static uint64_t round_to_two_digits(double value)
{
	double unit = 1;

	while (value / unit >= 100)
		unit *= 10;
	return (uint64_t)(value / unit + 0.5) * (uint64_t)unit;
}

/* A checksum found all of this damage: says how much more of the kind it does not find. */
static void print_missed_share(const struct diff_copies *copies)
{
	double share = detect_missed_share(&copies->damage);
	struct words number;

	if (share > 2.0 / 3)
		printf("  A TCP checksum lets most packets with damage of this kind through.\n");
	else if (share > 0)
		printf("  A TCP checksum lets about 1 in %s packets with damage of this kind through.\n",
		       pcap_number(round_to_two_digits(1 / share), NULL, &number));
	else
		printf("  A TCP checksum catches all damage of this kind.\n");
}

static void print_fates(const struct scan *scan)
{
	static const struct {
		enum damage_fate fate;
		const char *words;
	} rows[] = {
		{ DAMAGE_NO_COPY,
		  "without an undamaged copy (retransmission, duplicate) in the capture" },
		{ DAMAGE_IN_IP, "damaged in the IP header, which is not compared" },
		{ DAMAGE_FRAGMENT, "in fragments, which are not compared" },
		{ DAMAGE_NOT_KEPT, "not kept: name the file, not a stream, to compare all" },
	};
	uint64_t beyond = scan->damaged - scan->damage_count, count[DAMAGE_FATES] = { 0 };
	struct words number;

	for (size_t i = 0; i < scan->damage_count; i++)
		count[scan->damage[i].fate]++;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (count[rows[i].fate])
			printf("  %s %s\n", pcap_number(count[rows[i].fate], NULL, &number),
			       rows[i].words);
	if (beyond)
		printf("  %s not compared: only the first 100,000 are\n",
		       pcap_number(beyond, NULL, &number));
}

static void print_damage_shape(const struct pcap_result *result)
{
	const struct diff_copies *copies = result->copies;
	bool color = term_color(stdout);
	struct words number, bits;

	printf("\n%sWhat the damage looks like%s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN));
	print_differences(result->scan, !copies || !copies->compared);
	if (!copies) {
		printf("  not compared with undamaged copies: %s\n",
		       result->not_compared ? result->not_compared : "no second reading");
		return;
	}
	if (copies->compared) {
		printf("  %s compared with an undamaged copy in the capture: %s\n",
		       pcap_number(copies->compared, NULL, &number),
		       bits_in_words(&copies->shape, &bits));
		print_shape(&copies->shape);
		print_missed_share(copies);
	}
	print_fates(result->scan);
}

/* ---- What to do ---- */

static void print_quoted(FILE *out, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./,+:@%=-";

	if (*path && strspn(path, plain) == strlen(path)) {
		fputs(path, out);
		return;
	}
	fputc('\'', out);
	for (; *path; path++) {
		if (*path == '\'')
			fputs("'\\''", out);
		else
			fputc(*path, out);
	}
	fputc('\'', out);
}

/* If all flows have one end in common, names that end: look there first. */
static void print_common_end(const struct scan *scan)
{
	const struct packet_flow *first = NULL;
	bool src = true, dst = true;
	struct flow_parts parts;

	for (size_t i = 0; i < flows_count(scan->flows); i++) {
		const struct packet_flow *flow = &flows_row(scan->flows, i)->flow;

		if (!flows_row(scan->flows, i)->damaged)
			continue;
		first = first ? first : flow;
		src &= !memcmp(flow->src, first->src, sizeof(first->src));
		dst &= !memcmp(flow->dst, first->dst, sizeof(first->dst));
	}
	if (!first || !first->family)
		return;
	pcap_flow_parts(first, &parts);
	if (src && dst)
		printf("  All of it happened on the way from %s to %s.\n", parts.src.text,
		       parts.dst.text);
	else if (src)
		printf("  All of it comes from %s: look there first, and at its switch.\n",
		       parts.src.text);
	else if (dst)
		printf("  All of it goes to %s, from several senders: look near the receiver first.\n",
		       parts.dst.text);
	else
		printf("  Senders and receivers differ: look at what their ways have in common.\n");
}

static void print_command(const char *options, const char *path, const char *what)
{
	printf("  truesum pcap %s", options);
	print_quoted(stdout, strcmp(path, "-") ? path : "FILE");
	printf("\n      %s\n", what);
}

static void print_what_to_do(const struct pcap_result *result)
{
	bool color = term_color(stdout);

	printf("\n%sWhat to do%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	print_common_end(result->scan);
	print_command("--packets ", result->path, "each damaged packet, by its frame number");
	print_command("--write DAMAGED.pcapng ", result->path,
		      "the damaged packets in a file, with comments that Wireshark shows");
	print_command("BEFORE.pcap --diff ", result->path,
		      "against a capture made one hop earlier: which bits, and whether this hop");
}

static void print_rewritten_advice(const struct pcap_result *result)
{
	const struct rewritten_result *rewritten = &result->diagnosis->rewritten;
	bool color = term_color(stdout);

	printf("\n%sRewritten packets%s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN));
	pcap_print_causes(stdout, result);
	printf("  This is no damage in transit. Something changes header fields and does not update\n"
	       "  the sum: a NAT, a load balancer, a firewall (sequence numbers, options, MSS), a\n"
	       "  program that forwards packets; or one that changed the addresses in this file.\n"
	       "  Receivers drop these packets. To see which hop it is, capture before and after it:\n");
	print_command("BEFORE.pcap --diff ", result->path, "says what was rewritten");
	if (rewritten->cause[REWRITTEN_UNFINISHED].packets)
		printf("  Where the sums were unfinished, let the sender finish them:\n"
		       "  ethtool -K DEVICE tx off\n");
}

static void print_unfinished_advice(const struct pcap_result *result)
{
	const struct unfinished_result *unfinished = &result->diagnosis->unfinished;
	bool dropped = result->at_receiver && unfinished->dropped, color = term_color(stdout);
	struct words flow;

	if (!result->scan->counts.unfinished)
		return;
	printf("\n%sUnfinished sums%s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN));
	printf("  A device finishes such a sum after the capture. It shows no damage, and is right on\n"
	       "  the host that made or merged the packet. To have every packet checked, capture at the\n"
	       "  receiver.\n");
	if (!dropped && !unfinished->unanswered)
		return;
	if (dropped)
		printf("  Here nothing of their sender was answered: the receiver dropped these packets.\n");
	else
		printf("  A dead host, a firewall or the end of the capture may be why nothing was answered;\n"
		       "  or the receiver got them unfinished from outside, and dropped them.\n");
	if (!unfinished->dhcp)
		printf("  Most of them: %s\n", pcap_flow(&unfinished->example, &flow));
	printf("  Usual causes: XDP redirect, AF_XDP, a bridge or VPN in user space, a forwarder with\n"
	       "  packet sockets, a DHCP server on a bridge with a VM's tap. They pass packets on before\n"
	       "  a device finishes the sum. Let the sender finish it, in its container or on the tap:\n"
	       "  ethtool -K DEVICE tx off\n");
	if (unfinished->dhcp)
		printf("  For DHCP alone: iptables -t mangle -A POSTROUTING -p udp --dport 68\n"
		       "  -j CHECKSUM --checksum-fill\n");
}

void pcap_report(const struct pcap_result *result)
{
	const struct scan *scan = result->scan;

	pcap_report_verdict(stdout, result);
	print_capture(result);
	print_layers(scan);
	print_closed(scan);
	print_not_judged(scan);
	print_headers(scan);
	if (scan->damaged) {
		print_flows(scan);
		print_damage_shape(result);
		print_what_to_do(result);
	}
	if (scan->rewritten)
		print_rewritten_advice(result);
	print_unfinished_advice(result);
}

/* ---- --packets ---- */

static const enum term_style styles[SUM_VERDICTS] = {
	[SUM_GOOD] = TERM_GOOD,	   [SUM_BAD] = TERM_BAD,	   [SUM_UNFINISHED] = TERM_DIM,
	[SUM_NONE] = TERM_DIM,	   [SUM_ILLEGAL_NONE] = TERM_WARN, [SUM_TRUNCATED] = TERM_WARN,
	[SUM_UNKNOWN] = TERM_WARN,
};

void pcap_report_packet(const struct packet_view *view)
{
	const struct pass_packet *packet = view->packet;
	bool color = term_color(stdout);
	char layer[24] = "";
	struct sum_words sums;
	struct words time, flow;

	if (view->layer)
		snprintf(layer, sizeof(layer), " %s", layer_names[view->layer->kind]);
	printf("%*" PRIu64 "  %s  %s%s%s%*s  %s", FRAME_WIDTH, packet->frame,
	       pcap_time(packet->record.time_ns, &time), term_style(color, styles[view->verdict]),
	       sum_verdict_names[view->verdict], term_style(color, TERM_PLAIN),
	       -(VERDICT_WIDTH - (int)strlen(sum_verdict_names[view->verdict])), layer,
	       pcap_flow(&packet->judgement.flow, &flow));
	if (view->sums)
		pcap_sums(view->sums->stored, view->sums->computed, view->sums->wide, &sums);
	if (view->sums)
		printf("  stored %s", sums.stored.text);
	if (view->sums && view->verdict != SUM_GOOD)
		printf(", computed %s", sums.computed.text);
	if (view->sums && view->verdict == SUM_BAD)
		printf(", difference %s", sums.difference.text);
	if (view->class && view->verdict == SUM_BAD)
		printf("  %s", view->class);
	printf("%s%s\n", *view->reason ? "  " : "", view->reason);
}

/* ---- --diff ---- */

static void print_diff_verdict(const struct diff *diff)
{
	bool color = term_color(stdout);
	struct words changed, packets, unseen;

	if (!diff->changed && !diff->same) {
		printf("%snothing could be compared%s: %s\n", term_style(color, TERM_WARN),
		       term_style(color, TERM_PLAIN),
		       !diff->packets_before || !diff->packets_after
			       ? "one of the captures has no packets"
			       : "no packet is in both; is it the same traffic?");
		return;
	}
	if (!diff->changed) {
		printf("%snothing changed on the way%s: %s", term_style(color, TERM_GOOD),
		       term_style(color, TERM_PLAIN), pcap_number(diff->same, "packet", &packets));
		printf(" arrived as %s\n", diff->same == 1 ? "it was" : "they were");
		return;
	}
	printf("%s%s of %s changed on the way%s", term_style(color, TERM_BAD),
	       pcap_number(diff->changed, NULL, &changed),
	       pcap_number(diff->packets_after, "packet", &packets), term_style(color, TERM_PLAIN));
	if (diff->changed_rewritten == diff->changed)
		printf(": address rewritten, sum not updated\n");
	else if (diff->changed_unseen == diff->changed)
		printf("; no checksum shows it\n");
	else if (diff->changed_unseen)
		printf("; no checksum shows %s of them\n",
		       pcap_number(diff->changed_unseen, NULL, &unseen));
	else
		printf("; the checksums show it\n");
}

static void print_broken(const char *name, const struct diff_broken *broken)
{
	bool color = term_color(stdout);
	struct words number;

	if (*broken->why)
		printf("%s%s breaks off at byte %s%s: %s.\n", term_style(color, TERM_WARN), name,
		       pcap_number(broken->at, NULL, &number), term_style(color, TERM_PLAIN),
		       broken->why);
}

static void print_counts(const struct diff *diff, const char *before, const char *after)
{
	const struct {
		const char *words;
		uint64_t count;
		bool always;
	} rows[] = {
		{ "before", diff->packets_before, true },
		{ "after", diff->packets_after, true },
		{ "unchanged", diff->same, true },
		{ "  with other addresses or ports", diff->translated, false },
		{ "  cut or merged differently", diff->resegmented, false },
		{ "changed", diff->changed, true },
		{ "  that no checksum shows", diff->changed_unseen, false },
		{ "  address or port rewritten, sum not updated", diff->changed_rewritten, false },
		{ "lost: only before", diff->lost, true },
		{ "new: only after", diff->new, true },
		{ "  of both, not compared: too many", diff->not_compared, false },
	};
	bool color = term_color(stdout);
	struct words number;

	printf("%sbefore: %s\nafter:  %s%s\n", term_style(color, TERM_DIM), before, after,
	       term_style(color, TERM_PLAIN));
	print_broken(before, &diff->broken_before);
	print_broken(after, &diff->broken_after);
	printf("\n%sPackets%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].always || rows[i].count)
			printf("  %-42s%16s\n", rows[i].words,
			       pcap_number(rows[i].count, NULL, &number));
}

static void print_change(const struct diff_change *change)
{
	struct words flow, bits;

	printf("  frame %" PRIu64 " → %" PRIu64 "  %s\n", change->before, change->after,
	       pcap_flow(&change->flow, &flow));
	printf("      %s%s; first at %s offset %" PRIu32 ": 0x%02x→0x%02x%s\n",
	       pcap_number(change->bits, "bit", &bits),
	       change->seen ? "" : ", which no checksum shows", diff_places[change->where],
	       change->offset, change->was, change->is,
	       change->resegmented ? " (cut differently before)" : "");
}

static void print_diff_changes(const struct diff *diff)
{
	size_t shown = diff->change_count < CHANGES_SHOWN ? diff->change_count : CHANGES_SHOWN;
	bool color = term_color(stdout);
	struct words words;

	printf("\n%sChanges%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	for (size_t i = 0; i < shown; i++)
		print_change(&diff->changes[i]);
	if (diff->changed > shown)
		printf("  and %s%s\n", pcap_number(diff->changed - shown, NULL, &words),
		       diff->change_count > shown ? " more: see --json" : " more");
	if (diff->changed_rewritten == diff->changed)
		return;
	printf("\n%sWhat the damage looks like%s\n  %s\n", term_style(color, TERM_BOLD),
	       term_style(color, TERM_PLAIN), bits_in_words(&diff->shape, &words));
	print_shape(&diff->shape);
}

void pcap_report_diff(const struct diff *diff, const char *before, const char *after)
{
	print_diff_verdict(diff);
	print_counts(diff, before, after);
	if (diff->changed)
		print_diff_changes(diff);
}
