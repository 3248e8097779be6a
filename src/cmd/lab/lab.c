// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum lab`: chooses the cells, runs them and shows the result. */
#include <errno.h>
#include <fcntl.h>
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
#define BIT(n) (UINT32_C(1) << (n))
#define ALL UINT32_MAX
#define TOPOLOGIES_MAX 32 /* bits of axes.topology */
#define PROGRESS_NS (SECOND / 10)

static const char *const family_names[] = { "4", "6", NULL };
static const int families[] = { AF_INET, AF_INET6 };

/* The axes as bit masks over the name tables; 0: not given. */
struct axes {
	uint32_t topology, family, proto, nic, behaviour, mitigation;
	bool nic_given, treatments_given;
};

struct lab_options {
	struct axes axes;
	const char *const *topology_names;
	uint32_t live; /* topologies */
	uint32_t pace; /* index in `paces`, or PACE_BY_MODE */
	uint32_t server;
	const char *report;
	uint64_t port, jobs, window;
	bool json, verbose;
	struct pattern_options pattern;
};

/* The two paces: as quick as TCP's retransmission timers sensibly allow, and that of 2015. */
enum { PACE_QUICK, PACE_ORIGINAL, PACE_BY_MODE };

static const char *const pace_names[] = { "quick", "original", NULL };

static const char *const pace_meanings[] = {
	"a message every 25 ms, 16 in the damage window",
	"one message a second, a window of 10 s",
	NULL,
};

static const struct pace {
	uint64_t pace_ns;
	uint32_t before, during, after;
} paces[] = {
	[PACE_QUICK] = { SECOND / 40, 4, 16, 4 },
	[PACE_ORIGINAL] = { SECOND, 3, 10, 3 },
};

enum { SERVER_BUILTIN, SERVER_NC };

static const char *const server_names[] = { "builtin", "nc", NULL };

static const char *const server_meanings[] = { "truesum's own", "netcat-openbsd, for TCP only",
					       NULL };

/* The lab's mitigations: none, rx-off and reset. */
#define LAB_MITIGATIONS (BIT(MITIGATION_NONE) | BIT(MITIGATION_RX_OFF) | BIT(MITIGATION_RESET))

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

static void set_default(uint32_t *mask, uint32_t by_default)
{
	if (!*mask)
		*mask = by_default;
}

static void set_default_axes(struct axes *axes)
{
	axes->nic_given = axes->nic;
	axes->treatments_given = axes->behaviour || axes->mitigation;
	set_default(&axes->topology, ALL);
	set_default(&axes->family, ALL);
	set_default(&axes->proto, BIT(PROTO_TCP));
	set_default(&axes->nic, BIT(NIC_PLAIN));
	set_default(&axes->mitigation, axes->behaviour ? BIT(MITIGATION_NONE) : LAB_MITIGATIONS);
	set_default(&axes->behaviour, ALL);
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
	const struct pace *pace;

	/* A reader watches --live, so it is slow. */
	if (options->pace == PACE_BY_MODE)
		pace = &paces[options->live ? PACE_ORIGINAL : PACE_QUICK];
	else
		pace = &paces[options->pace];
	*settings = (struct lab_settings){
		.pace_ns = pace->pace_ns,
		.before = pace->before,
		.during = options->window ? (uint32_t)options->window : pace->during,
		.after = pace->after,
		.netcat = options->server == SERVER_NC,
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
	if (!faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS))
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

/*
 * `lab --live`: shows the cells one after the other, as the first recordings of the fault did:
 * first the plain host, then the container.
 */
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
	struct axes *axes = &options->axes;

	if (axes->topology)
		return fail(-EINVAL, "--live names the topologies itself: leave --topology out");
	if (options->json || options->report)
		return fail(-EINVAL,
			    "--live prints messages as they come: leave --json and --report out");
	/* The plain host comes first. */
	axes->topology = options->live | BIT(0);
	set_default(&axes->family, BIT(0));
	set_default(&axes->behaviour, BIT(BEHAVIOUR_VETH_2016));
	set_default(&axes->mitigation, BIT(MITIGATION_NONE));
	return 0;
}

static int parse_live(const char *value, void *target)
{
	struct lab_options *options = target;

	return options_parse_names(value, "topology", options->topology_names, 0, &options->live);
}

static int parse_options(int argc, char **argv, struct lab_options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Which cells (comma-separated names, or all)" },
		{ .type = OPTION_NAMES, .name = "topology", .letter = 't', .value = "LIST",
		  .target = &options->axes.topology, .names = options->topology_names, .help = " (default: all)" },
		{ .type = OPTION_NAMES, .name = "family", .value = "LIST",
		  .target = &options->axes.family, .names = family_names, .help = " (default: all)" },
		{ .type = OPTION_NAMES, .name = "proto", .value = "LIST",
		  .target = &options->axes.proto, .names = proto_names, .help = " (default: tcp)" },
		{ .type = OPTION_NAMES, .name = "nic", .value = "LIST", .target = &options->axes.nic,
		  .names = nic_names, .meanings = nic_meanings,
		  .help = "what the host's NIC claims (default: plain; in 'local' partial)" },
		{ .type = OPTION_NAMES, .name = "behaviour", .value = "LIST",
		  .target = &options->axes.behaviour, .names = behaviour_names,
		  .meanings = behaviour_meanings, .help = "how the kernel marks packets (default: all)" },
		{ .type = OPTION_NAMES, .name = "mitigation", .value = "LIST",
		  .target = &options->axes.mitigation, .names = mitigation_names,
		  .meanings = mitigation_meanings, .allowed = LAB_MITIGATIONS,
		  .help = "what is done about it (default: all with veth-2016, none with native;\n"
			  "none if --behaviour is given)" },
		{ .type = OPTION_HEADING, .help = "The damage" },
		PATTERN_OPTION_ROWS(options->pattern),
		{ .type = OPTION_HEADING, .help = "The experiment" },
		{ .type = OPTION_NAME, .name = "pace", .value = "NAME", .target = &options->pace,
		  .names = pace_names, .meanings = pace_meanings,
		  .help = "how fast messages follow (default: quick; with --live original)" },
		{ .type = OPTION_NUMBER, .name = "window", .value = "N", .target = &options->window,
		  .min = 1, .max = 1000,
		  .help = "messages in the damage window, 1 to 1000 (default 16; original: 10)" },
		{ .type = OPTION_NAME, .name = "server", .value = "NAME", .target = &options->server,
		  .names = server_names, .meanings = server_meanings, .help = "the program that receives (default: builtin)" },
		{ .type = OPTION_NUMBER, .name = "port", .value = "N", .target = &options->port,
		  .min = 1024, .max = 32767,
		  .help = "the server's port, in the lab's namespaces only: 1024 to 32767\n"
			  "(default 5555)" },
		{ .type = OPTION_NUMBER, .name = "jobs", .letter = 'j', .value = "N",
		  .target = &options->jobs, .min = 1, .max = RUN_JOBS_MAX,
		  .help = "cells that run side by side, 1 to 60 (default 48)" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_CALL, .name = "live", .value = "LIST", .target = options,
		  .parse = parse_live,
		  .help = "show every message: first on a plain host, then in these topologies;\n"
			  "IPv4 with veth-2016 unless you choose something else" },
		{ .type = OPTION_STRING, .name = "report", .value = "FILE",
		  .target = &options->report,
		  .help = "also write a page with a timeline of every cell" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json,
		  .help = "one JSON object" },
		{ .type = OPTION_FLAG, .name = "verbose", .letter = 'v',
		  .target = &options->verbose, .help = "the evidence of every cell" },
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

	return options_parse(&table, argc, argv);
}

int command_lab(int argc, char **argv)
{
	const char *topology_names[TOPOLOGIES_MAX + 1] = { NULL };
	struct lab_options options = { .topology_names = topology_names,
				       .pace = PACE_BY_MODE,
				       .port = 5555,
				       .jobs = 48,
				       .pattern = PATTERN_OPTIONS_INIT };
	struct lab_settings settings;
	int rc;

	for (size_t i = 0; i < topology_count && i < TOPOLOGIES_MAX; i++)
		topology_names[i] = topologies[i].name;
	rc = parse_options(argc, argv, &options);
	if (rc < 0)
		return options_exit(rc);
	if (options.server == SERVER_NC && options.axes.proto & ~BIT(PROTO_TCP)) {
		fail(-EINVAL, "--server nc is for TCP only: nc joins datagrams on its output");
		return usage();
	}
	if ((options.live && narrow_for_live(&options)) || make_settings(&options, &settings))
		return usage();
	set_default_axes(&options.axes);
	return run_chosen(&options, &options.axes, &settings);
}
