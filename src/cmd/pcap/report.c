// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The report of `truesum pcap`: the verdict first, then what it rests on, then what to do. Only what
 * occurs is shown: a line that says "none" to somebody in a hurry is one too many.
 */
#include "cmd/pcap/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "cmd/pcap/words.h"

#define FLOWS_SHOWN 20
#define DIFFERENCES_SHOWN 4
#define OFFSETS_SHOWN 8
#define OFFSET_STRIDE 16 /* shown where no line is stuck */

enum exit_code pcap_exit(const struct scan *scan)
{
	if (scan->damaged)
		return EXIT_FOUND;
	return scan_judged(scan) ? EXIT_NOTHING_WRONG : EXIT_UNKNOWN;
}

/* ---- The verdict ---- */

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

static uint64_t not_judged(const struct scan *scan)
{
	uint64_t count = scan->counts.truncated + scan->counts.link_unknown;

	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		count += scan->counts.unknown[reason];
	return count;
}

static void print_damaged(FILE *out, const struct scan *scan, bool color)
{
	struct words packets, flows;

	fprintf(out, "%s%s in %s%s%s", term_style(color, TERM_BAD),
		words_count(scan->damaged, "damaged packet", &packets),
		scan->flows_left ? "more than " : "",
		words_count(flows_count(scan->flows), "flow", &flows),
		term_style(color, TERM_PLAIN));
}

static void print_undamaged(FILE *out, const struct scan *scan, bool color)
{
	uint64_t good = scan_layers(scan, SUM_GOOD);
	bool all = !not_judged(scan) && !scan_layers(scan, SUM_ARTEFACT) &&
		   !scan_layers(scan, SUM_ILLEGAL_NONE);
	struct words number;

	fprintf(out, "%snothing damaged%s: ", term_style(color, TERM_GOOD),
		term_style(color, TERM_PLAIN));
	if (good == 1)
		fprintf(out, "%schecksum is right", all ? "the one " : "one ");
	else if (good)
		fprintf(out, "%s%s checksums are right", all ? "all " : "",
			words_number(good, &number));
	else
		fprintf(out, "no finished checksum is in it");
}

void pcap_print_verdict(FILE *out, const struct pcap_result *result)
{
	const struct scan *scan = result->scan;
	uint64_t unfinished = scan_layers(scan, SUM_ARTEFACT),
		 missing = scan_layers(scan, SUM_ILLEGAL_NONE), unjudged = not_judged(scan);
	bool color = term_color(out);
	struct words number;

	if (result->several)
		fprintf(out, "%s: ", result->name);
	if (pcap_exit(scan) == EXIT_UNKNOWN) {
		fprintf(out, "%snothing could be judged%s: %s\n", term_style(color, TERM_WARN),
			term_style(color, TERM_PLAIN), why_nothing(scan));
		return;
	}
	if (scan->damaged)
		print_damaged(out, scan, color);
	else
		print_undamaged(out, scan, color);
	if (unfinished)
		fprintf(out, "; %s, harmless (offload)",
			words_count(unfinished, "unfinished sum", &number));
	if (missing)
		fprintf(out, "; %s without the checksum IPv6 demands",
			words_count(missing, "UDP packet", &number));
	if (unjudged)
		fprintf(out, "; %s not judged", words_count(unjudged, "packet", &number));
	fputc('\n', out);
}

/* ---- The capture ---- */

static void print_capture(const struct pcap_result *result)
{
	const struct scan_counts *counts = &result->scan->counts;
	bool color = term_color(stdout), packed = strcmp(result->compression, "none") != 0;
	struct words packets, bytes, time;

	printf("%s%s: %s, %s, %s%s%s\n", term_style(color, TERM_DIM), result->name,
	       words_count(counts->packets, "packet", &packets), words_bytes(counts->bytes, &bytes),
	       result->scan->end.format, packed ? ", " : "", packed ? result->compression : "");
	if (counts->last_ns != INT64_MIN) {
		printf("%s", words_time(counts->first_ns, &time));
		if (counts->last_ns != counts->first_ns)
			printf(" to %s", words_time(counts->last_ns, &time));
		putchar('\n');
	}
	printf("%s", term_style(color, TERM_PLAIN));
	if (!result->scan->end.broken)
		return;
	printf("%sThe capture breaks off at byte %s%s: %s.\n", term_style(color, TERM_WARN),
	       words_number(result->scan->end.broken_at, &bytes), term_style(color, TERM_PLAIN),
	       result->scan->end.broken_why);
	if (counts->packets)
		printf("What comes before was judged.\n");
}

/* ---- The table: a row a layer, a column a verdict ---- */

static int column_width(const struct scan *scan, unsigned int verdict)
{
	size_t width = strlen(sum_verdict_names[verdict]);
	struct words number;

	for (unsigned int kind = 0; kind < LAYER_KINDS; kind++) {
		size_t len = strlen(words_number(scan->counts.layer[kind][verdict], &number));

		width = len > width ? len : width;
	}
	return (int)width + 2;
}

static void print_cell(uint64_t count, unsigned int verdict, int width, bool color)
{
	struct words number;
	enum term_style style = !count			      ? TERM_DIM
				: verdict == SUM_BAD	      ? TERM_BAD
				: verdict == SUM_ILLEGAL_NONE ? TERM_WARN
							      : TERM_PLAIN;

	/* Escapes do not count as width: blanks are printed before. */
	words_number(count, &number);
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
				print_cell(counts[verdict], verdict, width[verdict], color);
		putchar('\n');
	}
}

static void print_not_judged(const struct scan *scan)
{
	const struct scan_counts *counts = &scan->counts;
	struct words number;

	if (!not_judged(scan))
		return;
	printf("\nNot judged:\n");
	if (counts->truncated)
		printf("  %s cut off by the capture (tcpdump -s 0 keeps them whole)\n",
		       words_count(counts->truncated, "packet", &number));
	if (counts->link_unknown)
		printf("  %s of link type %" PRIu32 ", which is not known\n",
		       words_count(counts->link_unknown, "packet", &number), counts->link);
	for (unsigned int reason = 0; reason < SUM_REASONS; reason++)
		if (counts->unknown[reason])
			printf("  %s: %s\n",
			       words_count(counts->unknown[reason], "packet", &number),
			       reason_words[reason]);
}

/* ---- Flows ---- */

static void print_flow(const struct flow_row *row, int width)
{
	struct words flow, damaged, packets, percent, first, last;

	printf("  %*s", width, words_number(row->damaged, &damaged));
	if (row->packets)
		printf(" of %s (%s)", words_number(row->packets, &packets),
		       words_percent(row->damaged, row->packets, &percent));
	printf("  %s\n", words_flow(&row->flow, &flow));
	if (row->first_ns == INT64_MIN)
		return;
	printf("  %*s %s", width, "", words_time(row->first_ns, &first));
	if (row->last_ns != row->first_ns)
		printf(" to %s", words_time(row->last_ns, &last));
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
	width = (int)strlen(words_number(flows_row(scan->flows, worst[0])->damaged, &number));
	for (size_t i = 0; i < count; i++)
		print_flow(flows_row(scan->flows, worst[i]), width);
	if (flows_count(scan->flows) > count)
		printf("  and %s with fewer\n",
		       words_count(flows_count(scan->flows) - count, "flow", &number));
	if (scan->flows_left)
		printf("  and more: %s had no room in memory\n",
		       words_count(scan->flows_left, "damaged packet", &number));
	if (scan->damaged_header)
		printf("  In %s the IP header is damaged: the addresses may be, too.\n",
		       words_number(scan->damaged_header, &number));
}

/* ---- What the damage looks like ---- */

static void print_line(const struct shape_line *line)
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

void pcap_print_shape(const struct shape *shape)
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
		printf("%s%u (%s)", separator, i, words_number(counts[i], &number));
		separator = ", ";
	}
	if (residues > OFFSETS_SHOWN)
		printf(", and %" PRIu64 " more", residues - OFFSETS_SHOWN);
	putchar('\n');
	if (stuck)
		print_line(&line);
}

/* The most frequent difference below `below` packets or, at as many, behind `after`. */
static uint32_t next_difference(const uint32_t *counts, uint32_t below, uint32_t after)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < SCAN_DIFFERENCES; i++)
		if ((counts[i] < below || (counts[i] == below && i > after)) &&
		    counts[i] > counts[best])
			best = i;
	return best;
}

static void print_single_flip(uint16_t difference)
{
	unsigned int column;
	bool up;

	if (words_single_flip(difference, &column, &up))
		printf("      one flip would explain it: bit %u of a byte at an %s offset, %s\n",
		       column % 8, column < 8 ? "odd" : "even", up ? "0→1" : "1→0");
}

/* Which flips the sums hint at is said only where nothing tells the true ones. */
static void print_differences(const struct scan *scan, bool hint)
{
	uint32_t below = UINT32_MAX, after = 0, kinds = 0;
	struct words number, sum;

	for (uint32_t i = 1; i < SCAN_DIFFERENCES; i++)
		kinds += scan->differences[i] != 0;
	for (unsigned int i = 0; i < DIFFERENCES_SHOWN && i < kinds; i++) {
		uint32_t difference = next_difference(scan->differences, below, after);

		below = scan->differences[difference];
		after = difference;
		printf("  %s: computed - stored = %s\n", words_count(below, "packet", &number),
		       words_difference(difference, 0, false, &sum));
		if (hint)
			print_single_flip((uint16_t)difference);
	}
	if (kinds > DIFFERENCES_SHOWN)
		printf("  and %s of the sums\n",
		       words_count(kinds - DIFFERENCES_SHOWN, "other difference", &number));
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
		       words_number(round_to_two_digits(1 / share), &number));
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
			printf("  %s %s\n", words_number(count[rows[i].fate], &number),
			       rows[i].words);
	if (beyond)
		printf("  %s not compared: only the first 100,000 are\n",
		       words_number(beyond, &number));
}

static void print_damage(const struct pcap_result *result)
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
		       words_number(copies->compared, &number), words_bits(&copies->shape, &bits));
		pcap_print_shape(&copies->shape);
		print_missed_share(copies);
	}
	print_fates(result->scan);
}

/* ---- What to do ---- */

void pcap_print_quoted(FILE *out, const char *path)
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

/* Where all flows have one end in common, that is where to look first. */
static void print_where(const struct scan *scan)
{
	size_t count = flows_count(scan->flows);
	const struct packet_flow *first = &flows_row(scan->flows, 0)->flow;
	bool src = first->family, dst = src;
	struct words from, to;

	for (size_t i = 1; i < count; i++) {
		const struct packet_flow *flow = &flows_row(scan->flows, i)->flow;

		src &= !memcmp(flow->src, first->src, sizeof(first->src));
		dst &= !memcmp(flow->dst, first->dst, sizeof(first->dst));
	}
	if (!first->family)
		return;
	words_address(first->family, first->src, &from);
	words_address(first->family, first->dst, &to);
	if (src && dst)
		printf("  All of it happened on the way from %s to %s.\n", from.text, to.text);
	else if (src)
		printf("  All of it comes from %s: look there first, and at its switch.\n",
		       from.text);
	else if (dst)
		printf("  All of it goes to %s, from several senders: look near the receiver first.\n",
		       to.text);
	else
		printf("  Senders and receivers differ: look at what their ways have in common.\n");
}

static void print_command(const char *options, const char *path, const char *what)
{
	printf("  truesum pcap %s", options);
	pcap_print_quoted(stdout, strcmp(path, "-") ? path : "FILE");
	printf("\n      %s\n", what);
}

static void print_next(const struct pcap_result *result)
{
	bool color = term_color(stdout);

	printf("\n%sWhat to do%s\n", term_style(color, TERM_BOLD), term_style(color, TERM_PLAIN));
	print_where(result->scan);
	print_command("--packets ", result->path, "each damaged packet, by its frame number");
	print_command("--write DAMAGED.pcapng ", result->path,
		      "the damaged packets in a file, with comments that Wireshark shows");
	print_command("BEFORE.pcap --diff ", result->path,
		      "against a capture made one hop earlier: which bits, and whether this hop");
}

void pcap_print_report(const struct pcap_result *result)
{
	const struct scan *scan = result->scan;

	pcap_print_verdict(stdout, result);
	print_capture(result);
	print_layers(scan);
	print_not_judged(scan);
	if (scan->damaged) {
		print_flows(scan);
		print_damage(result);
		print_next(result);
	} else if (scan_layers(scan, SUM_ARTEFACT) && !scan_layers(scan, SUM_BAD)) {
		printf("\nAn unfinished sum shows no damage: it is finished behind the capture, by the "
		       "device.\nTo have every packet checked, capture where it arrives.\n");
	}
}
