// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum pcap`: which packets of a capture are damaged, which only look so, and which bits changed.
 *
 * A file is read once (scan), a second time only if there is damage (compare), and a third time to write
 * the damaged packets. --packets reads it once, as it comes. The files are done one after the other;
 * what one of them lacks does not keep the others from being judged.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/options.h"
#include "base/term.h"
#include "cmd/pcap/json.h"
#include "cmd/pcap/packets.h"
#include "cmd/pcap/report.h"
#include "cmd/pcap/words.h"
#include "cmd/common/command.h"

#define PROGRESS_AFTER 1.0 /* seconds */
#define PROGRESS_EVERY 0.1

struct run {
	uint32_t which; /* bit mask of packets_which - 1; 0: no --packets */
	const char *write, *diff;
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
	fprintf(stderr, "\r\033[K%.30s: %s", progress->name, words_bytes(done, &bytes));
	if (total)
		fprintf(stderr, " of %s (%.0f %%)", words_bytes(total, &all),
			100.0 * (double)done / (double)total);
	fprintf(stderr, ", %s/s, %s damaged",
		words_bytes((uint64_t)((double)done / elapsed), &rate),
		words_number(damaged, &number));
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

/* ---- One file ---- */

static enum exit_code could_not(void)
{
	fprintf(stderr, "truesum pcap: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static int write_damaged(struct run *run, struct capture *capture, const struct scan *scan)
{
	int64_t written = scan->damaged ? packets_write(capture, scan, run->writer) : 0;

	if (written < 0)
		return (int)written;
	run->written += (uint64_t)written;
	return 0;
}

static int report(const struct run *run, const struct pcap_result *result)
{
	if (run->json && !run->which)
		return pcap_print_json(result);
	/* With --packets the packets are the output: what they amount to goes to standard error. */
	if (!run->which)
		pcap_print_report(result);
	fflush(stdout);
	if (run->which && !run->json)
		pcap_print_verdict(stderr, result);
	return 0;
}

static int scan_file(const struct run *run, struct capture *capture, const char *name,
		     const struct pass_watch *watch, struct scan *ret_scan)
{
	const struct scan_plan plan = { .watch = watch };
	const struct packets_plan packets = { .which = run->which,
					      .json = run->json,
					      .file = name,
					      .several = run->several,
					      .count_only = !run->writer };

	if (!run->which)
		return scan_capture(capture, &plan, ret_scan);
	/* A live capture's pipe may run for days: nothing of it is kept. */
	if (!run->writer)
		capture_read_once(capture);
	return packets_print(capture, &packets, ret_scan);
}

/* Reads the file once, and once more if there is damage to compare. */
static int look_at(const struct run *run, struct capture *capture, struct pcap_result *result,
		   struct scan *scan, struct diff_copies *copies)
{
	struct progress progress = { .name = result->name };
	const struct pass_watch watch = { .tell = progress_tell, .owner = &progress };
	int rc;

	progress_start(&progress);
	rc = scan_file(run, capture, result->name, &watch, scan);
	if (!rc && scan->damaged && (!run->which || run->writer)) {
		if (diff_find_copies(capture, &watch, scan, copies))
			result->not_compared = fail_text();
		else
			result->copies = copies;
	}
	progress_end(&progress);
	return rc;
}

static enum exit_code judge_file(struct run *run, const char *path)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(scan_cleanup) struct scan scan = { 0 };
	struct pcap_result result = { .path = path, .scan = &scan, .several = run->several };
	struct diff_copies copies;
	int rc = capture_open(path, &capture);

	if (rc)
		return could_not();
	result.name = capture_name(capture);
	result.compression = capture_compression(capture);
	rc = look_at(run, capture, &result, &scan, &copies);
	rc = rc ? rc : report(run, &result);
	rc = rc || !run->writer ? rc : write_damaged(run, capture, &scan);
	return rc ? could_not() : pcap_exit(&scan);
}

/* ---- All files ---- */

static enum exit_code worse(enum exit_code a, enum exit_code b)
{
	/* Damage found is certain, whatever else could not be found out. */
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
		return worse(code, could_not());
	fprintf(out, "%s written to %s\n", words_count(run->written, "damaged packet", &number),
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
		code = worse(code, judge_file(run, paths[i]));
	}
	if (run->write)
		code = finish_file(run, code);
	writer_cleanup(&run->writer);
	return code;
}

static enum exit_code compare_files(const struct run *run, const char *path)
{
	_cleanup_(capture_cleanup) struct capture *before = NULL, *after = NULL;
	_cleanup_(diff_cleanup) struct diff diff = { 0 };
	int rc = capture_open(path, &before);

	rc = rc ? rc : capture_open(run->diff, &after);
	rc = rc ? rc : diff_captures(before, after, &diff);
	if (!rc)
		rc = pcap_print_diff(&diff, capture_name(before), capture_name(after), run->json);
	return rc ? could_not() : pcap_diff_exit(&diff);
}

/* ---- Options ---- */

static int parse_packets(const char *value, void *target)
{
	static const char *const names[] = { "bad", "artefact", "all" };

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(value ? value : names[0], names[i]) != 0)
			continue;
		*(uint32_t *)target = PACKETS_BAD + i;
		return 0;
	}
	return fail(-EINVAL, "unknown kind '%.40s'; known: bad, artefact, all", value);
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
		  .help = "instead of the report a line for each packet:\n"
			  "bad (default), artefact or all" },
		{ .type = OPTION_STRING, .name = "write", .value = "FILE", .target = &run->write,
		  .help = "the damaged packets into a new pcapng, with comments" },
		{ .type = OPTION_STRING, .name = "diff", .value = "OTHER", .target = &run->diff,
		  .help = "FILE is before, OTHER behind a hop: what changed on the way" },
		{ .type = OPTION_FLAG, .name = "json", .target = &run->json,
		  .help = "one JSON object for each file, or packet" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "pcap",
		.synopsis = "[OPTION]... FILE...",
		.about =
			"Judges every checksum in captures: pcap and pcapng, plain, gzip or zstd; '-' is standard\n"
			"input. Tells damaged packets from unfinished sums (offload), which are harmless.",
		.epilog =
			"Exit code: 0 nothing damaged, 1 damage found (--diff: changes), 3 nothing could be judged.\n\n"
			"Examples: a capture, as it is made, and before and behind a hop\n"
			"  truesum pcap eth0.pcapng\n"
			"  tcpdump -i eth0 -U -w - | truesum pcap --packets -\n"
			"  truesum pcap before.pcap --diff behind.pcap",
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
