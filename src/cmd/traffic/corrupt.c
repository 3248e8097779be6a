// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum corrupt`: damages chosen packets on a live device, and stops cleanly.
 *
 * bpf/corrupt.bpf.c does the damage; this file prepares it and cleans up. The journal records every
 * change of the host (offload features, clsact, the filter), so that it is undone however this
 * ends. The event loop takes signals before the first change. The counters are read once more after
 * the filter is removed, so that they are complete.
 */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "base/loop.h"
#include "base/options.h"
#include "base/term.h"
#include "bpf/corrupt.h"
#include "cmd/common/command.h"
#include "cmd/traffic/pattern_options.h"
#include "net/feature.h"
#include "net/journal.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nl.h"
#include "net/tc.h"
#include "packet/damage.h"

#define POLL_NS UINT64_C(100000000)
#define DURATION_MIN UINT64_C(1000000)
#define DURATION_MAX (UINT64_C(30) * 24 * 3600 * 1000000000)
#define ETHERNET_HEADER 14
#define FIRST_PRIORITY 1

/*
 * Features that are off during the run. At egress: those that leave checksums unfinished (the
 * kernel turns TCP segmentation off with them). At ingress: those that merge packets before the
 * hook.
 */
static const struct {
	const char *feature;
	enum tc_direction direction;
	bool finishes_sums;
} features_off[] = {
	{ "tx-checksum-ip-generic", TC_EGRESS, true },
	{ "tx-checksum-ipv4", TC_EGRESS, true },
	{ "tx-checksum-ipv6", TC_EGRESS, true },
	{ "rx-gro", TC_INGRESS, false },
	{ "rx-gro-hw", TC_INGRESS, false },
	{ "rx-lro", TC_INGRESS, false },
};

#define CORRUPT_FEATURES_MAX 8

struct corrupt_plan {
	const char *device;
	char shown[TERM_PRINTABLE_SIZE(IF_NAMESIZE)]; /* the device's name, printable */
	const char *match; /* as given; NULL: everything */
	enum tc_direction direction;
	double rate; /* 0 < rate <= 1 */
	struct corrupt_config config;
	const char *features_off[CORRUPT_FEATURES_MAX];
	size_t feature_count;
	bool add_clsact;
};

struct corrupt_outcome {
	double seconds;
	struct corrupt_state state;
};

static const char *const direction_names[] = {
	[TC_INGRESS] = "ingress", [TC_EGRESS] = "egress", NULL
};

/* ---- The report ---- */

/*
 * What can happen to a packet: its JSON key and the words for it, which say what to do if something
 * can be done.
 */
static const struct {
	enum corrupt_fate fate;
	const char *key, *words;
} fates[] = {
	{ CORRUPT_SPARED, "not_chosen", "not chosen by --rate" },
	{ CORRUPT_AFTER_LIMIT, "after_count", "arrived after --count was reached" },
	{ CORRUPT_NO_PAYLOAD, "no_payload", "skipped: no payload" },
	{ CORRUPT_SUPER_PACKET, "super_packet",
	  "skipped: several segments in one (GSO, GRO), whose checksums are computed later (see --help)" },
	{ CORRUPT_UNFINISHED, "unfinished_sum",
	  "skipped: their checksum is unfinished, and no later device here finishes it" },
	{ CORRUPT_UNCHANGED, "unchanged", "skipped: the pattern changes nothing in them" },
	{ CORRUPT_FAILED, "failed", "skipped: the kernel could not make them writable" },
	{ CORRUPT_ALREADY, "already_vouched", "skipped: vouched for already" },
};

static const char *what_is_done(const struct corrupt_plan *plan)
{
	return plan->config.vouch ? "vouch" : damage_names[plan->config.spec.kind];
}

static void print_json(json_t *object)
{
	_cleanup_free_ char *text = object ? json_dumps(object, JSON_REAL_PRECISION(6)) : NULL;

	json_decref(object);
	printf("%s\n", text ? text : "{}");
}

static json_t *json_head(const struct corrupt_plan *plan)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:f, s:I}", "command", "corrupt",
			 "version", TRUESUM_VERSION, "device", plan->shown, "direction",
			 direction_names[plan->direction], "match", plan->match, "pattern",
			 what_is_done(plan), "rate", plan->rate, "seed",
			 (json_int_t)plan->config.spec.seed);
}

static void print_plan_json(const struct corrupt_plan *plan)
{
	json_t *object = json_head(plan), *features = json_array();

	for (size_t i = 0; i < plan->feature_count; i++)
		json_array_append_new(features, json_string(plan->features_off[i]));
	json_object_set_new(object, "dry_run", json_true());
	json_object_set_new(object, "features_off", features);
	json_object_set_new(object, "add_clsact", json_boolean(plan->add_clsact));
	print_json(object);
}

static void print_plan(const struct corrupt_plan *plan, bool json)
{
	if (json) {
		print_plan_json(plan);
		return;
	}
	printf("On %s this would, until the end of the run:\n", plan->shown);
	for (size_t i = 0; i < plan->feature_count; i++)
		printf("  turn offload feature %s off\n", plan->features_off[i]);
	if (plan->add_clsact)
		printf("  add a clsact qdisc\n");
	printf("  attach a BPF filter at %s: %s, %g%% of packets that match '%s'\n",
	       direction_names[plan->direction], what_is_done(plan), plan->rate * 100,
	       plan->match ? plan->match : "tcp or udp");
	printf("Nothing was changed.\n");
}

static void print_outcome_json(const struct corrupt_plan *plan,
			       const struct corrupt_outcome *outcome)
{
	const struct corrupt_state *state = &outcome->state;
	json_t *object = json_head(plan), *skipped = json_object();

	json_object_set_new(object, "seconds", json_real(outcome->seconds));
	json_object_set_new(object, "matched", json_integer((json_int_t)state->matched));
	json_object_set_new(object, plan->config.vouch ? "vouched" : "damaged",
			    json_integer((json_int_t)state->fate[CORRUPT_DONE]));
	json_object_set_new(object, "bits_changed", json_integer((json_int_t)state->bits));
	for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
		json_object_set_new(skipped, fates[i].key,
				    json_integer((json_int_t)state->fate[fates[i].fate]));
	json_object_set_new(object, "skipped", skipped);
	print_json(object);
}

static void print_outcome(const struct corrupt_plan *plan, const struct corrupt_outcome *outcome,
			  bool json)
{
	const struct corrupt_state *state = &outcome->state;
	unsigned long long done = state->fate[CORRUPT_DONE];

	if (json) {
		print_outcome_json(plan, outcome);
		return;
	}
	printf("%s %s, %.1f s: %llu packet%s matched\n", plan->shown,
	       direction_names[plan->direction], outcome->seconds,
	       (unsigned long long)state->matched, state->matched == 1 ? "" : "s");
	if (plan->config.vouch)
		printf("%10llu marked as verified\n", done);
	else
		printf("%10llu damaged (%s, seed %llu; %llu bit%s), their checksums %s\n", done,
		       what_is_done(plan), (unsigned long long)plan->config.spec.seed,
		       (unsigned long long)state->bits, state->bits == 1 ? "" : "s",
		       plan->config.spec.where == DAMAGE_PAYLOAD ? "left as they were"
								 : "not computed again");
	for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
		if (state->fate[fates[i].fate])
			printf("%10llu %s\n", (unsigned long long)state->fate[fates[i].fate],
			       fates[i].words);
}

/* ---- The run ---- */

struct run {
	struct corrupt_plan plan;
	const char *netns;
	uint64_t duration_ns;
	int netns_fd;
	struct nl *nl;
	struct journal *journal;
	struct corrupt_bpf *corrupt;
	struct loop *loop;
	struct loop_source *poll, *end;
	uint64_t started_ns;
	int index; /* of the device */
	bool gone; /* the device disappeared meanwhile */
	bool json, dry_run;
};

static void cleanup_run(struct run *run)
{
	loop_remove(&run->poll);
	loop_remove(&run->end);
	journal_close(run->journal);
	corrupt_free(run->corrupt);
	loop_free(run->loop);
	nl_close(run->nl);
	if (run->netns_fd >= 0)
		close(run->netns_fd);
}

static int parse_match(const char *value, void *target)
{
	struct corrupt_plan *plan = target;

	plan->match = value;
	return match_parse(value, &plan->config.match);
}

/* How many bytes come before the IP header on this device. */
static int link_header(int netns_fd, const char *device, uint32_t *ret_len)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int fd = -1;
	struct ifreq request = { 0 };
	int rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return fail_errno(-errno, "cannot find out what kind of device %s is", device);
	*ret_len = request.ifr_hwaddr.sa_family == ARPHRD_ETHER ||
				   request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK
			   ? ETHERNET_HEADER
			   : 0;
	return 0;
}

static int find_device(struct run *run)
{
	struct corrupt_plan *plan = &run->plan;
	struct link_info link;
	int rc = run->netns ? netns_open(run->netns, &run->netns_fd) : 0;

	rc = rc ? rc : nl_open(run->netns_fd, NETLINK_ROUTE, &run->nl);
	if (rc)
		return rc;
	if (link_get(run->nl, plan->device, &link))
		return fail(-ENODEV, "no device '%.20s' in %s%s (see: ip link)", plan->device,
			    run->netns ? "network namespace " : "this network namespace",
			    run->netns ? run->netns : "");
	run->index = link.index;
	return link_header(run->netns_fd, plan->device, &plan->config.link_header);
}

/* Whether the device has the feature, and it is on. */
static bool feature_is_on(const struct run *run, const char *feature)
{
	bool on;

	return !feature_get(run->netns_fd, run->plan.device, feature, &on) && on;
}

/* If a device keeps its checksum offload on, its unfinished sums are left alone. */
static int turn_features_off(struct run *run)
{
	struct corrupt_plan *plan = &run->plan;
	unsigned int bit;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(features_off); i++) {
		const char *feature = features_off[i].feature;

		if (features_off[i].finishes_sums && !feature_bit(feature, &bit))
			plan->config.finishers |= UINT64_C(1) << bit;
		if (plan->config.vouch || features_off[i].direction != plan->direction ||
		    !feature_is_on(run, feature))
			continue;
		rc = journal_feature(run->journal, feature, false);
		if (rc && rc != -EOPNOTSUPP)
			return rc;
		if (rc && features_off[i].finishes_sums)
			plan->config.unfinished_stays = true;
	}
	if (plan->direction == TC_INGRESS)
		plan->config.unfinished_stays = true;
	return 0;
}

static void say_lost(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum corrupt: left by a killed run: %s\n", sentence);
}

static int attach(struct run *run)
{
	struct corrupt_plan *plan = &run->plan;
	const struct journal_place place = { .netns_fd = run->netns_fd,
					     .netns = run->netns,
					     .device = plan->device,
					     .index = run->index };
	/* Two runs that damage would undo each other's features; --vouch changes none. */
	const char *claim = plan->config.vouch ? NULL : direction_names[plan->direction];
	int rc = journal_open(&place, claim, say_lost, &run->journal);

	rc = rc ? rc : turn_features_off(run);
	rc = rc ? rc : corrupt_load(&plan->config, &run->corrupt);
	return rc ? rc
		  : journal_bpf(run->journal, plan->direction, FIRST_PRIORITY,
				corrupt_fd(run->corrupt), CORRUPT_NAME);
}

static int on_signal(void *owner, int signo)
{
	struct run *run = owner;

	(void)signo;
	loop_quit(run->loop, 0);
	return 0;
}

static int on_end(void *owner)
{
	struct run *run = owner;

	loop_quit(run->loop, 0);
	return 0;
}

static int on_poll(void *owner)
{
	struct run *run = owner;
	struct corrupt_state state;
	struct link_info link;
	int rc = corrupt_read(run->corrupt, &state);

	if (rc)
		return rc;
	corrupt_keep_alive(run->corrupt);
	if (term_is(stderr))
		fprintf(stderr, "\r\033[K%s %s: %llu matched, %llu %s", run->plan.shown,
			direction_names[run->plan.direction], (unsigned long long)state.matched,
			(unsigned long long)state.fate[CORRUPT_DONE],
			run->plan.config.vouch ? "vouched for" : "damaged");
	run->gone = link_get_by_index(run->nl, run->index, &link) == -ENODEV;
	if (run->gone ||
	    (run->plan.config.limit && state.fate[CORRUPT_DONE] >= run->plan.config.limit))
		loop_quit(run->loop, 0);
	return 0;
}

static int run_until_end(struct run *run)
{
	int rc = loop_add_timer(run->loop, POLL_NS, POLL_NS, on_poll, run, &run->poll);

	if (!rc && run->duration_ns)
		rc = loop_add_timer(run->loop, run->duration_ns, 0, on_end, run, &run->end);
	run->started_ns = clock_ns();
	rc = rc ? rc : loop_run(run->loop);
	if (term_is(stderr))
		fprintf(stderr, "\r\033[K");
	return rc;
}

static int corrupt_live(struct run *run, struct corrupt_outcome *ret_outcome)
{
	struct corrupt_outcome outcome = { 0 };
	char why[400] = "";
	int rc = loop_new(&run->loop), undone;

	rc = rc ? rc : loop_add_signals(run->loop, on_signal, run);
	rc = rc ? rc : attach(run);
	rc = rc ? rc : run_until_end(run);
	if (rc)
		snprintf(why, sizeof(why), "%s", fail_text());
	undone = journal_close(TAKE_PTR(run->journal));
	if (undone)
		return fail(undone, "%s%scould not undo everything (%s); try: truesum clean", why,
			    rc ? "; and " : "", fail_text());
	if (rc)
		return fail(rc, "%s", why);
	outcome.seconds = (double)(clock_ns() - run->started_ns) / 1e9;
	rc = corrupt_read(run->corrupt, &outcome.state);
	if (!rc)
		*ret_outcome = outcome;
	return rc;
}

static int check_hooks(struct run *run)
{
	enum tc_hooks hooks;
	int rc = tc_get_hooks(run->nl, run->index, &hooks);

	if (rc)
		return rc;
	if (hooks == TC_HOOKS_INGRESS && run->plan.direction == TC_EGRESS)
		return fail(-EOPNOTSUPP,
			    "%s has an ingress qdisc, which has no egress hook: use "
			    "--direction ingress, or replace it by clsact",
			    run->plan.device);
	run->plan.add_clsact = hooks == TC_HOOKS_NONE;
	return 0;
}

static void plan_only(struct run *run)
{
	struct corrupt_plan *plan = &run->plan;

	for (size_t i = 0; i < ARRAY_SIZE(features_off); i++)
		if (!plan->config.vouch && features_off[i].direction == plan->direction &&
		    feature_is_on(run, features_off[i].feature))
			plan->features_off[plan->feature_count++] = features_off[i].feature;
}

/* Checks combinations of options, and fills in what follows from them. */
static int finish_plan(struct corrupt_plan *plan, const struct pattern_options *pattern,
		       double rate)
{
	int rc = pattern_options_spec(pattern, &plan->config.spec);

	if (rc)
		return rc;
	if (!plan->device)
		return fail(-EINVAL, "--dev is missing: name the device to work on");
	term_printable(plan->shown, sizeof(plan->shown), plan->device);
	if (plan->config.vouch && pattern->pattern)
		return fail(-EINVAL, "--vouch damages nothing: leave --pattern out");
	plan->rate = rate;
	/* 2^64 itself does not fit: every number is at or below the highest. */
	plan->config.threshold = rate >= 1 ? UINT64_MAX : (uint64_t)(rate * 0x1p64);
	return 0;
}

/* ---- The command ---- */

/* A negative result is for options_exit(); the message is printed already. */
static int parse_options(int argc, char **argv, struct run *run)
{
	struct corrupt_plan *plan = &run->plan;
	struct pattern_options pattern = PATTERN_OPTIONS_INIT;
	uint32_t direction = TC_EGRESS;
	bool vouch = false;
	double rate = 1;
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING, .help = "Which packets" },
		{ .type = OPTION_STRING, .name = "dev", .letter = 'd', .value = "IF",
		  .target = &plan->device, .help = "the device" },
		{ .type = OPTION_STRING, .name = "netns", .letter = 'n', .value = "NAME|PATH|PID",
		  .target = &run->netns, .help = "its network namespace (default: this one)" },
		{ .type = OPTION_NAME, .name = "direction", .value = "DIR", .target = &direction,
		  .names = direction_names, .help = " (default: egress)" },
		{ .type = OPTION_CALL, .name = "match", .letter = 'm', .value = "EXPR",
		  .target = plan, .parse = parse_match,
		  .help = "ip, ip6, tcp, udp, [src|dst] host ADDR, [src|dst] port N, joined\n"
			  "by and, or, not and parentheses, as in tcpdump (default: all\n"
			  "TCP and UDP)" },
		{ .type = OPTION_RATE, .name = "rate", .letter = 'r', .value = "RATE", .target = &rate,
		  .help = "the share of them to damage: 10%, 0.1% (default 100%)" },
		{ .type = OPTION_NUMBER, .name = "count", .letter = 'c', .value = "N",
		  .target = &plan->config.limit, .min = 1, .max = UINT64_MAX - 1,
		  .help = "end after N, and never damage more" },
		{ .type = OPTION_DURATION, .name = "for", .value = "TIME", .target = &run->duration_ns,
		  .min = DURATION_MIN, .max = DURATION_MAX,
		  .help = "end after 10s, 500ms, 2m (default: until interrupted)" },
		{ .type = OPTION_HEADING, .help = "What happens to them" },
		PATTERN_OPTION_ROWS(pattern),
		{ .type = OPTION_FLAG, .name = "vouch", .target = &vouch,
		  .help = "damage nothing, but mark them as verified (CHECKSUM_UNNECESSARY), as\n"
			  "veth did before Linux 4.4" },
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &run->dry_run,
		  .help = "print what would be changed on the host, then stop" },
		{ .type = OPTION_FLAG, .name = "json", .target = &run->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "corrupt",
		.synopsis = "--dev IF [OPTION]...",
		.about =
			"Damages the payload of chosen packets on a device, with a tc BPF program. Their\n"
			"checksums stay as they were. At the end, puts everything back.",
		.epilog =
			"Bulk TCP leaves its sockets as super-packets of many segments, which cannot be\n"
			"damaged here. To make new connections send single segments, first run:\n"
			"  ip link set dev IF gso_max_segs 1    (before: ip -d link show dev IF)\n\n"
			"Example: a bad data line in a switch's memory, for ten seconds\n"
			"  truesum corrupt --dev eth0 --match 'tcp dst port 5555' \\\n"
			"      --pattern stuck1 --stride 16 --phase 7 --bit 2 --for 10s",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return rc;
	plan->direction = (enum tc_direction)direction;
	plan->config.vouch = vouch;
	rc = finish_plan(plan, &pattern, rate);
	if (rc)
		fprintf(stderr, "truesum corrupt: %s (see truesum corrupt --help)\n", fail_text());
	return rc;
}

static int could_not(int rc)
{
	fprintf(stderr, "truesum corrupt: %s%s\n", fail_text(), privilege_hint(rc));
	return EXIT_UNKNOWN;
}

int command_corrupt(int argc, char **argv)
{
	_cleanup_(cleanup_run) struct run run = { .netns_fd = -1 };
	struct corrupt_outcome outcome = { 0 };
	int rc = parse_options(argc, argv, &run);

	if (rc < 0)
		return options_exit(rc);
	rc = find_device(&run);
	rc = rc ? rc : check_hooks(&run);
	if (rc)
		return could_not(rc);
	if (run.dry_run) {
		plan_only(&run);
		print_plan(&run.plan, run.json);
		return EXIT_NOTHING_WRONG;
	}
	rc = corrupt_live(&run, &outcome);
	if (rc)
		return could_not(rc);
	print_outcome(&run.plan, &outcome, run.json);
	if (!run.gone)
		return EXIT_NOTHING_WRONG;
	fprintf(stderr, "truesum corrupt: device %s disappeared meanwhile\n", run.plan.shown);
	return EXIT_UNKNOWN;
}
