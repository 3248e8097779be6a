// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum lab`: chooses the cells, runs them and shows the result. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/term.h"
#include "bpf/mark.h"
#include "cmd/traffic/pattern_options.h"
#include "cmd/common/command.h"
#include "cmd/lab/show.h"
#include "lab/topology.h"

#define SECOND UINT64_C(1000000000)
#define CELLS_MAX 4096
#define HELP_WIDTH 66
#define TOPOLOGIES_MAX 32 /* bits of axes.topology */
#define PROGRESS_NS (SECOND / 10)

static const char *const family_names[] = { "4", "6", NULL };
static const int families[] = { AF_INET, AF_INET6 };

struct lab_options {
	const char *topology, *family, *proto, *nic, *behaviour, *mitigation;
	const char *live, *pace, *server, *report;
	uint64_t port, jobs, window;
	bool json, verbose;
	struct pattern_options pattern;
};

/* The axes as bit masks over the name tables. */
struct axes {
	uint32_t topology, family, proto, nic, behaviour, mitigation;
	bool nic_given, treatments_given;
};

/* The two paces: as quick as TCP's retransmission timers sensibly allow, and that of 2015. */
static const struct pace {
	const char *name;
	uint64_t pace_ns;
	uint32_t before, during, after;
} paces[] = {
	{ "quick", SECOND / 40, 4, 16, 4 },
	{ "original", SECOND, 3, 10, 3 },
};

static int usage(void)
{
	fprintf(stderr, "truesum lab: %s (see truesum lab --help)\n", fail_text());
	return EXIT_USAGE;
}

static int unknown(void)
{
	fprintf(stderr, "truesum lab: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static int parse_axis(const char *given, const char *by_default, const char *what,
		      const char *const *names, uint32_t *ret_mask)
{
	return options_parse_names(given ? given : by_default, what, names, ret_mask);
}

static int parse_axes(const struct lab_options *options, struct axes *axes)
{
	const char *const mitigations[] = { mitigation_names[MITIGATION_NONE],
					    mitigation_names[MITIGATION_RX_OFF],
					    mitigation_names[MITIGATION_RESET], NULL };
	const char *topology_names[TOPOLOGIES_MAX + 1] = { NULL };
	int rc;

	for (size_t i = 0; i < topology_count && i < TOPOLOGIES_MAX; i++)
		topology_names[i] = topologies[i].name;
	rc = parse_axis(options->topology, "all", "topology", topology_names, &axes->topology);
	rc = rc ? rc : parse_axis(options->family, "all", "family", family_names, &axes->family);
	rc = rc ? rc : parse_axis(options->proto, "tcp", "protocol", proto_names, &axes->proto);
	rc = rc ? rc : parse_axis(options->nic, "plain", "NIC model", nic_names, &axes->nic);
	rc = rc ? rc
		: parse_axis(options->behaviour, "all", "behaviour", behaviour_names,
			     &axes->behaviour);
	rc = rc ? rc
		: parse_axis(options->mitigation, options->behaviour ? "none" : "all", "mitigation",
			     mitigations, &axes->mitigation);
	axes->nic_given = options->nic;
	axes->treatments_given = options->behaviour || options->mitigation;
	return rc;
}

static bool has(uint32_t mask, unsigned int bit)
{
	return mask >> bit & 1;
}

/* By default mitigations are tried only with the 2016 behaviour, which needs them. */
static bool is_wanted(const struct axes *axes, const struct cell_key *key)
{
	if (!axes->treatments_given && key->behaviour == BEHAVIOUR_NATIVE &&
	    key->mitigation != MITIGATION_NONE)
		return false;
	if (key->topology->v4_only && key->family == AF_INET6)
		return false;
	/* An IPv6 UDP datagram without checksum is illegal (RFC 8200, 8.1). */
	return key->proto != PROTO_UDP_NOCHECK || key->family == AF_INET;
}

static void add_treatments(const struct axes *axes, struct cell_key key, struct lab_cell *cells,
			   size_t *count)
{
	for (unsigned int b = 0; b < BEHAVIOURS; b++) {
		for (unsigned int m = 0; m < MITIGATIONS; m++) {
			key.behaviour = (enum behaviour)b;
			key.mitigation = (enum mitigation)m;
			if (has(axes->behaviour, b) && has(axes->mitigation, m) &&
			    is_wanted(axes, &key) && *count < CELLS_MAX)
				cells[(*count)++].key = key;
		}
	}
}

static void add_nics(const struct axes *axes, struct cell_key key, struct lab_cell *cells,
		     size_t *count)
{
	for (unsigned int nic = 0; nic < NICS; nic++) {
		key.nic = axes->nic_given ? (enum nic)nic : key.topology->nic;
		if (has(axes->nic, nic))
			add_treatments(axes, key, cells, count);
	}
}

/* Chooses the cells, in the order in which JSON lists them. */
static size_t choose_cells(const struct axes *axes, struct lab_cell *cells)
{
	size_t count = 0;

	for (unsigned int t = 0; t < topology_count; t++) {
		for (unsigned int f = 0; f < ARRAY_SIZE(families); f++) {
			for (unsigned int p = 0; p < PROTOS; p++) {
				struct cell_key key = { .topology = &topologies[t],
							.family = families[f],
							.proto = (enum proto)p };

				if (has(axes->topology, t) && has(axes->family, f) &&
				    has(axes->proto, p))
					add_nics(axes, key, cells, &count);
			}
		}
	}
	return count;
}

static int make_settings(const struct lab_options *options, struct lab_settings *settings)
{
	/* A reader watches --live, so it is slow. */
	const char *name = options->pace ? options->pace : options->live ? "original" : "quick";
	const struct pace *pace = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(paces); i++)
		if (!strcmp(name, paces[i].name))
			pace = &paces[i];
	if (!pace)
		return fail(-EINVAL, "unknown pace '%s'; known: quick, original", name);
	if (strcmp(options->server, "builtin") && strcmp(options->server, "nc"))
		return fail(-EINVAL, "unknown server '%s'; known: builtin, nc", options->server);
	*settings = (struct lab_settings){
		.pace_ns = pace->pace_ns,
		.before = pace->before,
		.during = options->window ? (uint32_t)options->window : pace->during,
		.after = pace->after,
		.netcat = !strcmp(options->server, "nc"),
		.port = (uint16_t)options->port,
	};
	/* TCP doubles its waits: after an outage it tries again within twice the outage's length,
	 * and a busy machine may lose the answer to that try. */
	settings->patience_ns = 5 * SECOND + 3 * settings->pace_ns * settings->during;
	return pattern_options_spec(&options->pattern, &settings->damage);
}

struct progress {
	size_t ended, count; /* cells */
};

static void count_cell(void *owner, const struct lab_cell *cell)
{
	struct progress *progress = owner;

	(void)cell;
	progress->ended++;
}

static int show_progress(void *owner)
{
	const struct progress *progress = owner;

	if (term_is(stderr))
		fprintf(stderr, "\r%zu of %zu cells done ", progress->ended, progress->count);
	return 0;
}

static int run_with_progress(const struct lab_settings *settings, struct lab_cell *cells,
			     size_t count, size_t jobs)
{
	_cleanup_(loop_cleanup) struct loop *loop = NULL;
	struct progress progress = { .count = count };
	const struct run_watcher watcher = { .end = count_cell, .owner = &progress };
	struct loop_source *timer = NULL;
	int rc = loop_new(&loop);

	rc = rc ? rc
		: loop_add_timer(loop, PROGRESS_NS, PROGRESS_NS, show_progress, &progress, &timer);
	rc = rc ? rc : run_cells(loop, settings, cells, count, jobs, &watcher);
	loop_remove(&timer);
	if (term_is(stderr))
		fprintf(stderr, "\r%32s\r", "");
	return rc;
}

static int exit_of(struct lab_counts counts)
{
	if (counts.differing)
		return EXIT_FOUND;
	/* A run of skipped cells has found out nothing. */
	return counts.unknown || counts.cells == counts.skipped ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}

static int show(const struct lab_options *options, const struct lab_run *run,
		const struct lab_cell *cells, size_t count)
{
	int rc = options->json ? lab_json(stdout, run, cells, count)
			       : lab_matrix(stdout, run, cells, count, options->verbose);

	if (!rc && options->report)
		rc = lab_page(options->report, run, cells, count);
	return rc ? unknown() : exit_of(run_count(cells, count));
}

/* Checked before the run: a failure after it would waste the run. */
static bool can_report(const char *path)
{
	const char *name = path ? strrchr(path, '/') : NULL;
	char folder[PATH_MAX];

	if (!path)
		return true;
	snprintf(folder, sizeof(folder), "%.*s", name ? (int)(name - path + 1) : 1,
		 name ? path : ".");
	if (!access(folder, W_OK))
		return true;
	fail_errno(-errno, "cannot write %s", path);
	return false;
}

static int run_and_show(const struct lab_options *options, const struct lab_settings *settings,
			struct lab_cell *cells, size_t count)
{
	struct utsname system;
	struct lab_run run = { .settings = settings,
			       .kernel = system.release,
			       .version = TRUESUM_VERSION,
			       .started = time(NULL) };
	uint64_t start = clock_ns();
	size_t jobs = run_room(options->jobs);
	int rc;

	uname(&system);
	if (!jobs || !can_report(options->report))
		return unknown();
	rc = run_with_progress(settings, cells, count, jobs);
	run.duration_ns = clock_ns() - start;
	return rc ? unknown() : show(options, &run, cells, count);
}

/* Shows what the original recordings showed: the plain host first, then the container. */
static int run_live(const struct lab_settings *settings, struct lab_cell *cells, size_t count)
{
	if (!run_room(1) || lab_live(stdout, cells, count, settings))
		return unknown();
	return exit_of(run_count(cells, count));
}

static int run_chosen(const struct lab_options *options, const struct axes *axes,
		      struct lab_settings *settings)
{
	_cleanup_free_ struct lab_cell *cells = calloc(CELLS_MAX, sizeof(*cells));
	_cleanup_(marks_cleanup) struct marks *marks = NULL;
	size_t count;
	int code;

	if (!cells)
		return EXIT_UNKNOWN;
	count = choose_cells(axes, cells);
	if (!count) {
		fail(-EINVAL, "no cell is left: mesos and udp-nocheck exist on IPv4 only");
		return usage();
	}
	if (mark_open(&marks))
		return unknown();
	settings->marks = marks;
	code = options->live ? run_live(settings, cells, count)
			     : run_and_show(options, settings, cells, count);
	for (size_t i = 0; i < count; i++)
		run_free_result(&cells[i].result);
	return code;
}

/*
 * --live shows few cells, one after the other: IPv4, veth-2016 and no mitigation, unless the user
 * says otherwise.
 */
static int narrow_for_live(struct lab_options *options)
{
	static char list[256];

	if (options->topology)
		return fail(-EINVAL, "--live names the topologies itself: leave --topology out");
	if (options->json || options->report)
		return fail(-EINVAL, "--live shows; --json and --report are for a run without it");
	/* The plain host comes first. */
	snprintf(list, sizeof(list), "bare,%s", options->live);
	options->topology = list;
	options->family = options->family ? options->family : "4";
	options->behaviour = options->behaviour ? options->behaviour : "veth-2016";
	options->mitigation = options->mitigation ? options->mitigation : "none";
	return 0;
}

/* The topologies' names for the help text, in lines. */
static const char *list_topologies(void)
{
	static char help[64 * HELP_WIDTH];
	size_t len = 0, column = 0;

	for (size_t i = 0; i < topology_count; i++) {
		bool last = i + 1 == topology_count;
		const char *name = topologies[i].name, *after = last ? " (default: all)" : ", ";

		if (column + strlen(name) + strlen(after) - !last > HELP_WIDTH) {
			help[len - 1] = '\n'; /* instead of the blank */
			column = 0;
		}
		column += strlen(name) + strlen(after);
		len += (size_t)snprintf(help + len, sizeof(help) - len, "%s%s", name, after);
	}
	return help;
}

int command_lab(int argc, char **argv)
{
	struct lab_options options = {
		.server = "builtin", .port = 5555, .jobs = 48, .pattern = PATTERN_OPTIONS_INIT
	};
	const char *topology_help = list_topologies();
	struct lab_settings settings;
	struct axes axes;
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Which cells (comma-separated names, or all)" },
		{ .type = OPTION_STRING, .name = "topology", .letter = 't', .value = "LIST",
		  .target = &options.topology,
		  .help = topology_help },
		{ .type = OPTION_STRING, .name = "family", .value = "LIST",
		  .target = &options.family, .help = "4, 6 (default: all)" },
		{ .type = OPTION_STRING, .name = "proto", .value = "LIST",
		  .target = &options.proto, .help = "tcp (default), udp, udp-nocheck" },
		{ .type = OPTION_STRING, .name = "nic", .value = "LIST", .target = &options.nic,
		  .help = "what the host's NIC claims: plain (nothing; default), honest\n"
			  "(vouches for undamaged packets), lying (for all), partial (sums\n"
			  "handed over unfinished: default in 'local')" },
		{ .type = OPTION_STRING, .name = "behaviour", .value = "LIST",
		  .target = &options.behaviour,
		  .help = "native (this kernel as it is), veth-2016 (default: all)" },
		{ .type = OPTION_STRING, .name = "mitigation", .value = "LIST",
		  .target = &options.mitigation,
		  .help = "none, rx-off, reset (default: all with veth-2016, none with native;\n"
			  "none if --behaviour is given)" },
		{ .type = OPTION_HEADING, .help = "The damage" },
		PATTERN_OPTION_ROWS(options.pattern),
		{ .type = OPTION_HEADING, .help = "The experiment" },
		{ .type = OPTION_STRING, .name = "pace", .value = "NAME", .target = &options.pace,
		  .help = "quick (default: a message every 25 ms, 16 in the damage window) or\n"
			  "original (one a second, a window of 10 s; default with --live)" },
		{ .type = OPTION_NUMBER, .name = "window", .value = "N", .target = &options.window,
		  .min = 1, .max = 1000, .help = "messages in the damage window, 1 to 1000 (default 16; original: 10)" },
		{ .type = OPTION_STRING, .name = "server", .value = "NAME",
		  .target = &options.server, .help = "builtin (default) or nc (netcat-openbsd)" },
		{ .type = OPTION_NUMBER, .name = "port", .value = "N", .target = &options.port,
		  .min = 1024, .max = 32767,
		  .help = "the server's port, in the lab's namespaces only: 1024 to 32767\n"
			  "(default 5555)" },
		{ .type = OPTION_NUMBER, .name = "jobs", .letter = 'j', .value = "N",
		  .target = &options.jobs, .min = 1, .max = RUN_JOBS_MAX,
		  .help = "cells that run side by side, 1 to 60 (default 48)" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_STRING, .name = "live", .value = "LIST", .target = &options.live,
		  .help = "watch it happen: a plain host, then these topologies; IPv4 with\n"
			  "veth-2016 unless you say otherwise" },
		{ .type = OPTION_STRING, .name = "report", .value = "FILE",
		  .target = &options.report,
		  .help = "also write a page with a timeline of every cell" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options.json,
		  .help = "one JSON object" },
		{ .type = OPTION_FLAG, .name = "verbose", .letter = 'v',
		  .target = &options.verbose, .help = "the evidence of every cell" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "lab",
		.synopsis = "[OPTION]...",
		.about =
			"Damages packets on the way into a container and shows what the application reads:\n"
			"on every network setup, with this kernel and one of 2016, with each mitigation. All of\n"
			"it happens in network namespaces of its own, which are gone when it ends.",
		.epilog =
			"Exit code: 0 every cell is as expected, 1 a cell differs, 2 usage, 3 could not run.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	if (!strcmp(options.server, "nc") && options.proto && strcmp(options.proto, "tcp")) {
		fail(-EINVAL, "--server nc is for tcp: nc joins datagrams on its output");
		return usage();
	}
	if ((options.live && narrow_for_live(&options)) || make_settings(&options, &settings) ||
	    parse_axes(&options, &axes))
		return usage();
	return run_chosen(&options, &axes, &settings);
}
