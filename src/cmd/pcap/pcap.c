// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum pcap`: which packets of a capture are damaged, which only look so, and which bits
 * changed.
 *
 * One pass over a file scans it and, with --packets, prints packets as they come. If there is
 * damage, a second pass looks for undamaged copies (not with --packets alone, so that a live
 * capture is read once); with --write a third one writes the damaged packets. One file comes after
 * the other; if one of them cannot be judged, the others still are.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/common/command.h"
#include "cmd/pcap/report.h"
#include "cmd/pcap/words.h"
#include "pcap/writer.h"

#define PROGRESS_AFTER 1.0 /* seconds */
#define PROGRESS_EVERY 0.1
#define COMMENT_MAX 600

enum place { AT_RECEIVER };
enum which { PACKETS_NOT, PACKETS_BAD, PACKETS_UNFINISHED, PACKETS_ALL };

struct run {
	uint32_t which; /* enum which: --packets */
	const char *write, *diff;
	uint32_t at; /* --at: 1 + enum place, or 0 */
	bool json, several;
	struct writer *writer; /* of `write` */
	uint64_t written; /* packets */
};

/* ---- The progress line ---- */

struct progress {
	const char *name;
	double started, told;
	bool shown;
};

static double seconds_now(void)
{
	return (double)clock_ns() / 1e9;
}

static void progress_tell(void *owner, uint64_t done, uint64_t total, uint64_t damaged)
{
	struct progress *progress = owner;
	double now = seconds_now(), elapsed = now - progress->started;
	struct words bytes, all, number, rate;

	if (!term_is(stderr) || elapsed < PROGRESS_AFTER ||
	    (progress->shown && now - progress->told < PROGRESS_EVERY))
		return;
	progress->told = now;
	progress->shown = true;
	fprintf(stderr, "\r\033[K%.30s: %s", progress->name, pcap_bytes(done, &bytes));
	if (total)
		fprintf(stderr, " of %s (%.0f %%)", pcap_bytes(total, &all),
			100.0 * (double)done / (double)total);
	fprintf(stderr, ", %s/s, %s damaged", pcap_bytes((uint64_t)((double)done / elapsed), &rate),
		pcap_number(damaged, NULL, &number));
}

static void progress_start(struct progress *progress)
{
	progress->started = seconds_now();
}

static void progress_end(struct progress *progress)
{
	if (progress->shown)
		fprintf(stderr, "\r\033[K");
	progress->shown = false;
}

/* ---- --packets ---- */

static const char *const class_words[] = {
	[CLASS_DAMAGED] = "damaged",
	[CLASS_REWRITTEN] = "rewritten",
	[CLASS_DOUBTFUL] = "damaged or rewritten",
	[CLASS_UNKNOWN] = "unknown",
};

/* `diagnosis`: NULL if the packets were not all seen yet. */
static const char *class_of(const struct packet_judgement *judgement,
			    const struct diagnosis *diagnosis)
{
	if (judgement->verdict == SUM_UNFINISHED)
		return "unfinished";
	if (judgement->verdict != SUM_BAD)
		return NULL;
	return class_words[diagnosis ? diagnosis_class(diagnosis, judgement) : CLASS_UNKNOWN];
}

static void fill_view(const struct pass_packet *packet, const struct diagnosis *diagnosis,
		      struct packet_view *ret)
{
	const struct packet_judgement *judgement = &packet->judgement;

	*ret = (struct packet_view){ .packet = packet,
				     .verdict = judgement->verdict,
				     .reason = "" };
	if (!packet->link_known) {
		snprintf(ret->link, sizeof(ret->link), "link type %" PRIu32 " is not known",
			 packet->record.link);
		ret->verdict = SUM_UNKNOWN;
		ret->reason = ret->link;
		return;
	}
	if (packet->waits)
		ret->verdict = SUM_UNKNOWN;
	for (unsigned int i = judgement->layer_count; i-- > 0 && !ret->layer;)
		if (judgement->layer[i].verdict == ret->verdict)
			ret->layer = &judgement->layer[i];
	if (packet->waits)
		ret->reason = reason_words[REASON_FRAGMENT];
	else if (ret->verdict == SUM_UNKNOWN)
		ret->reason = reason_words[pass_unknown_reason(judgement)];
	else if (ret->layer)
		ret->reason = reason_words[ret->layer->reason];
	if (ret->verdict == SUM_GOOD || ret->verdict == SUM_BAD || ret->verdict == SUM_UNFINISHED)
		ret->sums = ret->layer;
	if (!packet->waits && (diagnosis || ret->verdict == SUM_UNFINISHED))
		ret->class = class_of(judgement, diagnosis);
	else if (ret->verdict == SUM_BAD)
		ret->class = class_words[CLASS_UNKNOWN];
}

static bool is_asked_for(uint32_t which, enum sum_verdict verdict)
{
	return which == PACKETS_ALL || (which == PACKETS_BAD && verdict == SUM_BAD) ||
	       (which == PACKETS_UNFINISHED && verdict == SUM_UNFINISHED);
}

struct printer {
	const struct run *run;
	const char *file;
	struct diagnosis *live; /* is shown every packet; or NULL */
	const struct diagnosis *diagnosis; /* of all packets; NULL: they are not all seen yet */
	bool named; /* the file's name was printed */
};

static void print_name(struct printer *printer)
{
	if (printer->run->several && !printer->run->json && !printer->named)
		printf("%s:\n", printer->file);
	printer->named = true;
}

static int print_packet(void *owner, const struct pass_packet *packet)
{
	struct printer *printer = owner;
	struct packet_view view;
	int rc = printer->live ? diagnosis_visit(printer->live, packet) : 0;

	if (rc)
		return rc;
	print_name(printer);
	fill_view(packet, printer->diagnosis, &view);
	if (!is_asked_for(printer->run->which, view.verdict))
		return 0;
	if (!printer->run->json)
		pcap_report_packet(&view);
	else if (pcap_json_packet(&view, printer->file))
		return -ENOMEM;
	/* Somebody is watching a live capture: each line is shown at once. */
	if (printer->live)
		fflush(stdout);
	return ferror(stdout) ? PASS_STOP : 0;
}

/* A live capture: a packet is printed when it is read, so its class is not known yet. */
static int print_live(const struct run *run, struct capture *capture, struct scan *scan,
		      struct diagnosis **ret_diagnosis)
{
	_cleanup_(diagnosis_cleanup) struct diagnosis *diagnosis = NULL;
	struct printer printer = { .run = run, .file = capture_name(capture) };
	const struct pass_visitor visitor = { print_packet, &printer };
	const struct scan_plan plan = { .visitor = &visitor, .count_only = !run->writer };
	int rc = diagnosis_new(&diagnosis);

	if (rc)
		return rc;
	/* A live capture's pipe may run for days: nothing of it is kept. */
	if (!run->writer)
		capture_read_once(capture);
	printer.live = diagnosis;
	rc = scan_capture(capture, &plan, scan);
	if (rc)
		return rc;
	print_name(&printer);
	*ret_diagnosis = TAKE_PTR(diagnosis);
	return 0;
}

static int print_again(const struct run *run, struct capture *capture,
		       const struct diagnosis *diagnosis)
{
	struct printer printer = { .run = run,
				   .file = capture_name(capture),
				   .diagnosis = diagnosis };
	const struct pass_visitor visitor = { print_packet, &printer };
	const struct pass pass = { PASS_DATAGRAMS, &visitor, 1, NULL };
	struct pass_end end;
	int rc = pass_run(capture, &pass, &end);

	if (!rc)
		print_name(&printer);
	return rc;
}

/* ---- --write ---- */

static void describe_flips(const struct scan_damage *damage, char *text, size_t size)
{
	size_t used = strlen(text);

	used += (size_t)snprintf(text + used, size - used,
				 "; %" PRIu32 " bit%s changed from frame %" PRIu64 ":",
				 damage->bits, damage->bits == 1 ? "" : "s", damage->copy);
	for (uint32_t i = 0; i < damage->bits && i < DAMAGE_FLIPS && used < size; i++) {
		const struct damage_flip *flip = &damage->flips[i];
		bool payload = flip->offset >= damage->header;

		used += (size_t)snprintf(text + used, size - used, "%s %s offset %u bit %u %s",
					 i ? "," : "", payload ? "payload" : "header",
					 payload ? flip->offset - damage->header : flip->offset,
					 flip->bit, flip->up ? "0→1" : "1→0");
	}
	if (damage->bits > DAMAGE_FLIPS && used < size)
		snprintf(text + used, size - used, ", ...");
}

static void describe_damage(const struct pass_packet *packet, const struct scan_damage *damage,
			    const char *class, char *text, size_t size)
{
	const struct packet_layer *layer = pass_damaged_layer(&packet->judgement);
	struct sum_words sums;

	pcap_sums(layer->stored, layer->computed, layer->wide, &sums);
	snprintf(text, size,
		 "truesum: frame %" PRIu64 " is %s: %s checksum stored %s, computed %s, "
		 "difference %s",
		 packet->frame, class, layer_names[layer->kind], sums.stored.text,
		 sums.computed.text, sums.difference.text);
	if (damage && damage->fate == DAMAGE_COMPARED)
		describe_flips(damage, text, size);
}

struct comment_writer {
	struct run *run;
	const struct scan *scan;
	const struct diagnosis *diagnosis;
	size_t next; /* in scan->damage */
};

static int write_packet(void *owner, const struct pass_packet *packet)
{
	struct comment_writer *to = owner;
	const struct scan *scan = to->scan;
	const struct scan_damage *damage = NULL;
	char text[COMMENT_MAX];

	if (packet->waits || !packet->link_known || packet->judgement.verdict != SUM_BAD)
		return 0;
	while (to->next < scan->damage_count && scan->damage[to->next].frame < packet->frame)
		to->next++;
	if (to->next < scan->damage_count && scan->damage[to->next].frame == packet->frame)
		damage = &scan->damage[to->next];
	describe_damage(packet, damage, class_of(&packet->judgement, to->diagnosis), text,
			sizeof(text));
	to->run->written++;
	return writer_add(to->run->writer, &packet->record, text);
}

/*
 * Adds the packets with wrong sums to the file, with comments; `scan` knows the flipped bits of
 * some.
 */
static int write_damaged(struct run *run, struct capture *capture, const struct scan *scan,
			 const struct diagnosis *diagnosis)
{
	struct comment_writer to = { .run = run, .scan = scan, .diagnosis = diagnosis };
	const struct pass_visitor visitor = { write_packet, &to };
	const struct pass pass = { PASS_DATAGRAMS, &visitor, 1, NULL };
	struct pass_end end;

	return scan->damaged || scan->rewritten ? pass_run(capture, &pass, &end) : 0;
}

/* ---- One file ---- */

static enum exit_code could_not(void)
{
	fprintf(stderr, "truesum pcap: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static enum exit_code result_exit(const struct pcap_result *result)
{
	if (pcap_found(result))
		return EXIT_FOUND;
	return result->scan->judged ? EXIT_NOTHING_WRONG : EXIT_UNKNOWN;
}

static int report(const struct run *run, const struct pcap_result *result)
{
	if (run->json && !run->which)
		return pcap_json(result);
	/* With --packets the packets are the output: what they amount to goes to standard error. */
	if (!run->which)
		pcap_report(result);
	fflush(stdout);
	if (run->which && !run->json)
		pcap_report_verdict(stderr, result);
	return 0;
}

/* What is known of one file. */
struct look {
	struct scan scan;
	struct diagnosis *diagnosis;
	struct diagnosis_result found;
	struct diff_copies copies;
};

static void look_cleanup(struct look *look)
{
	scan_cleanup(&look->scan);
	diagnosis_free(look->diagnosis);
}

static bool is_file(struct capture *capture)
{
	uint64_t done, total;

	capture_progress(capture, &done, &total);
	return capture_mapped(capture) || total;
}

/* Looks for undamaged copies, and shows the diagnosis the packets on the way if it needs them. */
static int compare(struct capture *capture, const struct pass_watch *watch, bool again,
		   struct pcap_result *result, struct look *look)
{
	const struct pass_visitor visitor = { diagnosis_visit, look->diagnosis };
	bool open = !again && diagnosis_is_open(look->diagnosis);
	int rc = diff_find_copies(capture, watch, open ? &visitor : NULL, &look->scan,
				  &look->copies);

	result->copies = rc ? NULL : &look->copies;
	if (rc)
		result->not_compared = fail_text();
	return rc == -ENOMEM ? rc : 0;
}

/* Scans the capture, and reads it again as far as is necessary. */
static int study(const struct run *run, struct capture *capture, const struct pass_watch *watch,
		 struct pcap_result *result, struct look *look)
{
	const struct scan_plan plan = { .watch = watch, .count_only = run->which && !run->writer };
	bool comparing = !run->which || run->writer;
	int rc = scan_capture(capture, &plan, &look->scan);

	rc = rc ? rc : diagnosis_of(&look->scan, &look->diagnosis);
	if (!rc && look->scan.damaged && comparing)
		rc = compare(capture, watch, false, result, look);
	else if (!rc)
		rc = diagnosis_read(look->diagnosis, capture, watch);
	rc = rc ? rc : diagnosis_decide(look->diagnosis, &look->scan, &look->found);
	if (!rc && look->scan.rewritten && comparing) {
		result->copies = NULL;
		if (look->scan.damaged)
			rc = compare(capture, watch, true, result, look);
	}
	return rc;
}

static int look_at(const struct run *run, struct capture *capture, struct pcap_result *result,
		   struct look *look)
{
	struct progress progress = { .name = result->name };
	const struct pass_watch watch = { .tell = progress_tell, .owner = &progress };
	bool live = run->which && !is_file(capture);
	int rc;

	progress_start(&progress);
	if (live)
		rc = print_live(run, capture, &look->scan, &look->diagnosis);
	else
		rc = study(run, capture, &watch, result, look);
	if (!rc && live)
		rc = diagnosis_decide(look->diagnosis, &look->scan, &look->found);
	if (!rc && live && run->writer && look->scan.damaged)
		rc = compare(capture, &watch, true, result, look);
	progress_end(&progress);
	return rc || live || !run->which ? rc : print_again(run, capture, look->diagnosis);
}

static enum exit_code judge_file(struct run *run, const char *path)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(look_cleanup) struct look look = { .diagnosis = NULL };
	struct pcap_result result = { .path = path,
				      .scan = &look.scan,
				      .diagnosis = &look.found,
				      .at_receiver = run->at == AT_RECEIVER + 1,
				      .several = run->several };
	int rc = capture_open(path, &capture);

	if (rc)
		return could_not();
	result.name = capture_name(capture);
	result.compression = capture_compression(capture);
	rc = look_at(run, capture, &result, &look);
	rc = rc ? rc : report(run, &result);
	rc = rc || !run->writer ? rc : write_damaged(run, capture, &look.scan, look.diagnosis);
	return rc ? could_not() : result_exit(&result);
}

/* ---- All files ---- */

static enum exit_code worse_code(enum exit_code a, enum exit_code b)
{
	/* Found damage is certain, even if something else could not be found out. */
	static const int order[] = {
		[EXIT_NOTHING_WRONG] = 0, [EXIT_FOUND] = 2, [EXIT_USAGE] = 3, [EXIT_UNKNOWN] = 1
	};

	return order[a] >= order[b] ? a : b;
}

static enum exit_code finish_file(struct run *run, enum exit_code code)
{
	FILE *out = run->json || run->which ? stderr : stdout;
	struct words number;

	if (!run->written) {
		fprintf(out, "%s was not written: there is no damaged packet\n", run->write);
		return code;
	}
	if (writer_close(&run->writer))
		return worse_code(code, could_not());
	fprintf(out, "%s written to %s\n", pcap_number(run->written, "damaged packet", &number),
		run->write);
	return code;
}

static enum exit_code judge_files(struct run *run, char **paths, int count)
{
	enum exit_code code = EXIT_NOTHING_WRONG;

	run->several = count > 1;
	if (run->write && writer_new(run->write, &run->writer))
		return could_not();
	for (int i = 0; i < count; i++) {
		if (i && !run->json)
			putchar('\n');
		code = worse_code(code, judge_file(run, paths[i]));
	}
	if (run->write)
		code = finish_file(run, code);
	writer_cleanup(&run->writer);
	return code;
}

static enum exit_code diff_exit(const struct diff *diff)
{
	if (diff->changed)
		return EXIT_FOUND;
	return diff->same ? EXIT_NOTHING_WRONG : EXIT_UNKNOWN;
}

static enum exit_code compare_files(const struct run *run, const char *path)
{
	_cleanup_(capture_cleanup) struct capture *before = NULL, *after = NULL;
	_cleanup_(diff_cleanup) struct diff diff = { 0 };
	int rc = capture_open(path, &before);

	rc = rc ? rc : capture_open(run->diff, &after);
	rc = rc ? rc : diff_captures(before, after, &diff);
	if (!rc && run->json)
		rc = pcap_json_diff(&diff, capture_name(before), capture_name(after));
	else if (!rc)
		pcap_report_diff(&diff, capture_name(before), capture_name(after));
	return rc ? could_not() : diff_exit(&diff);
}

/* ---- Options ---- */

static const char *const places[] = { "receiver", NULL };
static const char *const packet_kinds[] = { "bad", "unfinished", "all", NULL };

static int parse_packets(const char *value, void *target)
{
	uint32_t index = 0;
	/* The kind's former name. */
	int rc = value && !strcmp(value, "artefact")
			 ? options_parse_name("unfinished", "kind", packet_kinds, &index)
		 : value ? options_parse_name(value, "kind", packet_kinds, &index)
			 : 0;

	if (!rc)
		*(uint32_t *)target = PACKETS_BAD + index;
	return rc;
}

static int parse_place(const char *value, void *target)
{
	uint32_t index = 0;
	int rc = options_parse_name(value, "place", places, &index);

	if (!rc)
		*(uint32_t *)target = index + 1;
	return rc;
}

/* What no single option can tell. NULL: all is well. */
static const char *contradiction(const struct run *run, char **operands, int count)
{
	int streams = run->diff && !strcmp(run->diff, "-");

	for (int i = 0; i < count; i++)
		streams += !strcmp(operands[i], "-");
	if (run->diff && run->which)
		return "--packets does not go with --diff";
	if (run->diff && run->write)
		return "--write does not go with --diff";
	if (run->diff && run->at)
		return "--at does not go with --diff";
	if (run->diff && count > 1)
		return "--diff compares one FILE with OTHER";
	return streams > 1 ? "standard input can be read once only" : NULL;
}

static int parse_options(int argc, char **argv, struct run *run)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_CALL_MAYBE, .name = "packets", .value = "WHICH",
		  .target = &run->which, .parse = parse_packets,
		  .names = packet_kinds,
		  .help = " (default: bad)\n"
			  "print a line for each packet instead of the report" },
		{ .type = OPTION_CALL, .name = "at", .value = "WHERE", .target = &run->at,
		  .parse = parse_place, .names = places,
		  .help = "receiver: the capture was made where the packets arrived, so that\n"
			  "unfinished sums that nobody answered were dropped" },
		{ .type = OPTION_STRING, .name = "write", .value = "FILE", .target = &run->write,
		  .help = "write the damaged packets to a new pcapng, with comments" },
		{ .type = OPTION_STRING, .name = "diff", .value = "OTHER", .target = &run->diff,
		  .help = "FILE is before, OTHER after a hop: what changed on the way" },
		{ .type = OPTION_FLAG, .name = "json", .target = &run->json,
		  .help = "one JSON object for each file, or packet" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "pcap",
		.synopsis = "[OPTION]... FILE...",
		.about =
			"Judges every checksum in captures: pcap and pcapng, plain, gzip or zstd; '-' is standard\n"
			"input. Tells damaged packets from unfinished sums, which a device was to finish later.",
		.epilog =
			"Exit code: 0 nothing wrong, 1 found (--diff: changes), 3 nothing could be judged.\n\n"
			"Examples: a capture, a live one, and before and after a hop\n"
			"  truesum pcap eth0.pcapng\n"
			"  tcpdump -i eth0 -U -w - | truesum pcap --packets -\n"
			"  truesum pcap before.pcap --diff after.pcap",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
		.operands_min = 1,
		.operands_max = INT_MAX,
	};
	int count = options_parse(&table, argc, argv);
	const char *wrong;

	if (count < 0)
		return count;
	wrong = contradiction(run, argv + 1, count);
	if (!wrong)
		return count;
	fprintf(stderr, "truesum pcap: %s (see truesum pcap --help)\n", wrong);
	return -EINVAL;
}

int command_pcap(int argc, char **argv)
{
	struct run run = { 0 };
	int count = parse_options(argc, argv, &run);

	if (count < 0)
		return options_exit(count);
	return run.diff ? compare_files(&run, argv[1]) : judge_files(&run, argv + 1, count);
}
