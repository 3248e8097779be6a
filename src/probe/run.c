// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a probe: see run.h.
 *
 * Each exchange has its own port of the peer. The port shows which exchange a frame from the gate,
 * or a drop that the kernel reports, belongs to, even if NAT changes the target's address. Targets
 * start in order, as long as fewer than EXCHANGES_MAX exchanges are open.
 */
#include "probe/run.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/trace.h"
#include "bpf/drop.h"
#include "net/netfilter.h"
#include "net/counter.h"
#include "net/inventory.h"
#include "net/netns.h"
#include "net/nl.h"
#include "probe/reach.h"

#define FIRST_PORT 16384
#define EXCHANGES_MAX 512
#define TICK_NS UINT64_C(5000000)
#define FRAME_MAX 65600
#define FRAMES_A_ROUND 256

struct run;

/* An open exchange. */
struct exchange {
	struct run *run;
	struct peer *peer; /* NULL: this slot is free */
	struct loop_source *source;
	size_t target, check;
	uint16_t port;
};

/* A target's counters before its exchanges, and how many of these are open. */
struct progress {
	struct counters before;
	unsigned int open;
};

struct run {
	const struct probe_settings *settings;
	const struct inventory *inventory;
	struct probe *probe;
	struct gate *gate;
	bool gate_is_ready;
	struct drops *drops;
	struct loop *loop;
	struct loop_source *gate_source, *tick;
	struct counters host_before;
	bool forwards_v4, forwards_v6; /* the host */
	struct progress *progress; /* by target */
	struct exchange exchange[EXCHANGES_MAX];
	unsigned int open_count;
	struct exchange *by_port[UINT16_MAX + 1];
	size_t next; /* target to start */
	size_t done; /* targets */
	uint32_t next_port;
	uint8_t frame[FRAME_MAX];
};

static uint32_t netns_number(const struct run *run, size_t space)
{
	return (uint32_t)run->inventory->space[space].id.ino;
}

/* ---- The end of an exchange ---- */

/* Removes connection tracking's entries for the peer in that namespace, a killed run's, too. */
static void forget_connections(const struct run *run, int netns_fd)
{
	const struct gate_info *info = gate_describe(run->gate);
	_cleanup_(netns_leave) int home = -1;
	_cleanup_(nl_cleanup) struct nl *nl = NULL;

	if (netns_enter(netns_fd, &home) || !netfilter_tracks() ||
	    nl_open(-1, NETLINK_NETFILTER, &nl))
		return;
	netfilter_forget(nl, AF_INET, info->peer_v4);
	netfilter_forget(nl, AF_INET6, info->peer_v6);
}

static const struct space *space_of(const struct run *run, size_t target)
{
	return &run->inventory->space[run->probe->target[target].space];
}

static void target_done(struct run *run)
{
	run->done++;
	if (run->settings->progress)
		run->settings->progress(run->settings->owner, run->done, run->probe->target_count);
}

static void close_exchange(struct exchange *exchange)
{
	struct run *run = exchange->run;
	struct probe_target *target = &run->probe->target[exchange->target];
	const struct space *space = space_of(run, exchange->target);

	loop_remove(&exchange->source);
	run->by_port[exchange->port] = NULL;
	peer_end(TAKE_PTR(exchange->peer), &target->check[exchange->check].evidence);
	if (!--run->progress[exchange->target].open) {
		if (!space->own)
			forget_connections(run, space->fd);
		target_done(run);
	}
	run->open_count--;
}

/* ---- Callbacks ---- */

static int socket_ready(void *owner, uint32_t events)
{
	struct exchange *exchange = owner;

	(void)events;
	peer_read_socket(exchange->peer);
	return 0;
}

static int gate_ready(void *owner, uint32_t events)
{
	struct run *run = owner;

	(void)events;
	for (unsigned int i = 0; i < FRAMES_A_ROUND; i++) {
		struct gate_packet packet;
		const struct exchange *exchange;
		ssize_t len = read(gate_describe(run->gate)->fd, run->frame, sizeof(run->frame));

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (len < 0)
			return fail_errno(-errno, "cannot read from device " GATE_DEVICE);
		if (!gate_take(run->gate, run->frame, (size_t)len, &packet))
			continue;
		exchange = run->by_port[packet.judged.flow.dst_port];
		if (exchange)
			peer_take_packet(exchange->peer, &packet);
	}
	return 0;
}

/* ---- Starting exchanges ---- */

static int start_exchange(struct run *run, size_t number, const struct check *row, int family)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = space_of(run, number);
	const struct peer_target place = {
		.netns_fd = space->own ? -1 : space->fd,
		.forwards = target->forwards,
	};
	struct exchange *exchange = run->exchange;
	int rc, fd = -1;

	while (exchange->peer)
		exchange++;
	*exchange = (struct exchange){ .run = run,
				       .target = number,
				       .check = target->check_count,
				       .port = (uint16_t)run->next_port };
	rc = peer_start(run->gate, &place, row, family, exchange->port, &exchange->peer, &fd);
	if (rc)
		return rc;
	if (fd >= 0)
		rc = loop_add_fd(run->loop, fd, EPOLLIN, socket_ready, exchange, &exchange->source);
	if (rc) {
		peer_end(TAKE_PTR(exchange->peer), NULL);
		return rc;
	}
	run->by_port[run->next_port++] = exchange;
	run->open_count++;
	run->progress[number].open++;
	target->check[target->check_count++] =
		(struct probe_check){ .check = row, .family = family };
	trace("probe", "%s: %s v%d begins, port %u", space->name, row->name,
	      family == AF_INET ? 4 : 6, exchange->port);
	return 0;
}

static bool only_loopback(const struct space *space)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (!(space->device[i].flags & IFF_LOOPBACK))
			return false;
	return true;
}

static bool has_address(const struct space *space, int family)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (device_global_address(&space->device[i], family))
			return true;
	return false;
}

/*
 * Whether the family can be tried; the target gets the reason if not. It need not have an address
 * of each family.
 */
static bool may_try(const struct run *run, struct probe_target *target, int family)
{
	const struct space *space = &run->inventory->space[target->space];
	char *why = family == AF_INET ? target->no_v4 : target->no_v6;
	const struct gate_info *info = gate_describe(run->gate);
	const char *host_why = family == AF_INET ? info->no_v4 : info->no_v6;

	if (*host_why)
		snprintf(why, sizeof(target->no_v4), "the host has none: %.120s", host_why);
	else if (!space->own && !has_address(space, family))
		snprintf(why, sizeof(target->no_v4), "it has no address");
	else if (!space->own && reach_gate(run->inventory, target->space, family, info->entrance,
					   &target->forwards, why, sizeof(target->no_v4)))
		target->cut_off = true;
	return !*why;
}

static int start_target(struct run *run, size_t number)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = &run->inventory->space[target->space];
	bool v4 = may_try(run, target, AF_INET), v6 = may_try(run, target, AF_INET6);
	int rc = counter_read(space->own ? -1 : space->fd, &run->progress[number].before);

	for (size_t i = 0; !rc && i < check_row_count; i++) {
		/*
		 * GRO does not merge datagrams for a socket of this namespace (udp_gro_receive()).
		 */
		if (space->own && check_rows[i].proto == IPPROTO_UDP &&
		    check_rows[i].shape == SHAPE_MERGED)
			continue;
		if (v4 && check_rows[i].v4)
			rc = start_exchange(run, number, &check_rows[i], AF_INET);
		if (!rc && v6 && check_rows[i].v6)
			rc = start_exchange(run, number, &check_rows[i], AF_INET6);
	}
	if (rc && rc != -ENOMEM && rc != -EMFILE) {
		/* The namespace is gone, or may not be entered. */
		snprintf(target->vanished, sizeof(target->vanished), "%s", fail_text());
		rc = 0;
	}
	if (!rc && !run->progress[number].open)
		target_done(run);
	return rc;
}

static int start_targets(struct run *run)
{
	struct probe *probe = run->probe;
	int rc = 0;

	while (!rc && run->next < probe->target_count &&
	       run->open_count + PROBE_CHECKS_MAX <= EXCHANGES_MAX) {
		size_t number = run->next++;
		const struct space *space = &run->inventory->space[probe->target[number].space];

		probe->target[number].isolated = !space->own && only_loopback(space);
		if (probe->target[number].isolated)
			target_done(run);
		else
			rc = start_target(run, number);
	}
	return rc;
}

static int tick(void *owner)
{
	struct run *run = owner;
	uint64_t now = clock_ns();
	int rc;

	run->gate_is_ready = run->gate_is_ready || gate_is_ready(run->gate, now);
	if (!run->gate_is_ready)
		return 0;
	for (size_t i = 0; i < EXCHANGES_MAX; i++) {
		struct exchange *exchange = &run->exchange[i];

		if (exchange->peer && peer_tick(exchange->peer, now))
			close_exchange(exchange);
	}
	rc = start_targets(run);
	if (!rc && run->done == run->probe->target_count)
		loop_quit(run->loop, 0);
	return rc;
}

static int interrupted(void *owner, int signo)
{
	struct run *run = owner;

	(void)signo;
	loop_quit(run->loop, fail(-EINTR, "interrupted"));
	return 0;
}

/* ---- Judging ---- */

/* The contexts of all exchanges. The one with port FIRST_PORT + n has number n. */
struct contexts {
	const struct run *run;
	struct judge_context *context;
	size_t count;
};

/*
 * Whether the namespace may be ours: a probe in an unrelated namespace has the same peer. 0: it has
 * no number.
 */
static bool is_in_inventory(const struct run *run, uint32_t netns)
{
	for (size_t i = 0; netns && i < run->inventory->space_count; i++)
		if (netns_number(run, i) == netns)
			return true;
	return !netns;
}

static void take_drop(void *owner, const struct drop_key *key, const char *reason, uint64_t packets)
{
	const struct contexts *contexts = owner;
	struct judge_context *context;

	(void)packets;
	if (key->port < FIRST_PORT || key->port >= FIRST_PORT + contexts->count ||
	    !is_in_inventory(contexts->run, key->netns))
		return;
	context = &contexts->context[key->port - FIRST_PORT];
	if (context->drop_count < JUDGE_DROPS_MAX)
		context->drop[context->drop_count++] = (struct judge_drop){
			.reason = reason,
			.netns = key->netns,
			.outbound = key->outbound,
			.tunnelled = key->tunnelled,
		};
}

static bool sysctl_is_on(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int value = 0;

	return file && fscanf(file, "%d", &value) == 1 && value;
}

static uint64_t errors_of(const struct counters *counters, uint8_t proto)
{
	return proto == IPPROTO_TCP ? counters->tcp_in_csum_errors : counters->udp_in_csum_errors;
}

/*
 * How many messages of a target's checks over the protocol carry damage that their own checksum
 * notices.
 */
static unsigned int count_noticeable(const struct probe_target *target, uint8_t proto)
{
	unsigned int count = 0;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct check *check = target->check[i].check;

		for (unsigned int k = 0; check->messages[k] != MESSAGE_END; k++)
			count += check->proto == proto && check->shape != SHAPE_NO_CHECK &&
				 payload_is_noticeable(check->messages[k]);
	}
	return count;
}

/* The verdict of all of a target's checks. */
static enum verdict conclude_target(const struct probe_target *target)
{
	unsigned int seen[VERDICTS] = { 0 };

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		/*
		 * If fragments or merged packets do not get through, damage cannot come in by them.
		 */
		if (!check->in.inherent &&
		    (check->in.verdict != VERDICT_BLOCKED || check->check->shape == SHAPE_SINGLE))
			seen[check->in.verdict]++;
		if (check->out.verdict == VERDICT_DELIVERS_CORRUPT)
			seen[VERDICT_DELIVERS_CORRUPT]++;
	}
	seen[VERDICT_BLOCKED] += target->cut_off;
	if (seen[VERDICT_DELIVERS_CORRUPT])
		return VERDICT_DELIVERS_CORRUPT;
	if (seen[VERDICT_UNKNOWN] || target->vanished[0])
		return VERDICT_UNKNOWN;
	return seen[VERDICT_VERIFIED] && !seen[VERDICT_BLOCKED] ? VERDICT_VERIFIED
								: VERDICT_BLOCKED;
}

/* The verdict of all targets but the isolated ones. */
static enum verdict conclude_probe(const struct probe *probe)
{
	enum verdict worst = VERDICTS;

	for (size_t i = 0; i < probe->target_count; i++)
		if (!probe->target[i].isolated)
			worst = vocabulary_worse(worst, probe->target[i].verdict);
	return worst == VERDICTS ? VERDICT_BLOCKED : worst;
}

static void trace_check(const struct space *space, const struct probe_check *check)
{
	trace("probe", "%s: %s v%d in %s, by %s%s%s; out %s", space->name, check->check->name,
	      check->family == AF_INET ? 4 : 6, verdict_names[check->in.verdict],
	      caught_by_names[check->in.by], *check->in.reason ? ": " : "", check->in.reason,
	      verdict_names[check->out.verdict]);
}

/* `context`: those of the target's checks. */
static void judge_target(struct run *run, size_t number, struct judge_context *context,
			 const struct counters *host_after)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = space_of(run, number);
	const struct counters *before = &run->progress[number].before;
	const char *no_merging = gate_describe(run->gate)->no_merging;
	struct counters after = *before;

	counter_read(space->own ? -1 : space->fd, &after);
	for (size_t i = 0; i < target->check_count; i++, context++) {
		struct probe_check *check = &target->check[i];
		uint8_t proto = check->check->proto;

		context->target_is_host = space->own;
		context->target_netns = netns_number(run, target->space);
		context->host_netns = netns_number(run, 0);
		context->host_forwards =
			check->family == AF_INET ? run->forwards_v4 : run->forwards_v6;
		context->damaged = count_noticeable(target, proto);
		context->target_errors = errors_of(&after, proto) - errors_of(before, proto);
		context->host_errors =
			errors_of(host_after, proto) - errors_of(&run->host_before, proto);
		context->host_udp_errors = errors_of(host_after, IPPROTO_UDP) -
					   errors_of(&run->host_before, IPPROTO_UDP);
		context->no_merging = *no_merging ? no_merging : NULL;
		judge_in(check->check, &check->evidence, context, &check->in);
		judge_out(&check->evidence, &check->out);
		trace_check(space, check);
	}
	target->verdict = conclude_target(target);
}

static int judge_targets(struct run *run)
{
	size_t count = run->next_port - FIRST_PORT, at = 0;
	_cleanup_free_ struct judge_context *context = calloc(count + 1, sizeof(*context));
	struct contexts contexts = { .run = run, .context = context, .count = count };
	struct counters host_after = run->host_before;

	if (!context)
		return fail(-ENOMEM, "out of memory");
	if (run->drops)
		drop_each(run->drops, take_drop, &contexts);
	counter_read(-1, &host_after);
	run->forwards_v4 = sysctl_is_on("/proc/sys/net/ipv4/ip_forward");
	run->forwards_v6 = sysctl_is_on("/proc/sys/net/ipv6/conf/all/forwarding");
	for (size_t i = 0; i < run->probe->target_count; i++) {
		judge_target(run, i, &context[at], &host_after);
		at += run->probe->target[i].check_count;
	}
	run->probe->verdict = conclude_probe(run->probe);
	return 0;
}

/* ---- The whole ---- */

static void end_run(struct run *run)
{
	if (!run)
		return;
	for (size_t i = 0; i < EXCHANGES_MAX; i++)
		if (run->exchange[i].peer)
			close_exchange(&run->exchange[i]);
	if (run->gate)
		forget_connections(run, -1);
	loop_remove(&run->gate_source);
	loop_remove(&run->tick);
	loop_free(run->loop);
	drop_close(run->drops);
	gate_close(run->gate);
	free(run->progress);
	free(run);
}

DEFINE_CLEANUP(struct run *, run, end_run)

static int set_up_run(struct run *run, size_t count)
{
	struct rlimit files;
	int rc;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	run->next_port = FIRST_PORT;
	run->progress = calloc(count + 1, sizeof(*run->progress));
	run->probe->target = calloc(count + 1, sizeof(*run->probe->target));
	if (!run->progress || !run->probe->target)
		return fail(-ENOMEM, "out of memory");
	rc = gate_open(&run->settings->gate, &run->gate);
	if (rc)
		return rc;
	run->probe->no_drop_reasons = drop_open(&gate_describe(run->gate)->drops_of, &run->drops);
	rc = counter_read(-1, &run->host_before);
	rc = rc ? rc : loop_new(&run->loop);
	rc = rc ? rc : loop_add_signals(run->loop, interrupted, run);
	rc = rc ? rc
		: loop_add_fd(run->loop, gate_describe(run->gate)->fd, EPOLLIN, gate_ready, run,
			      &run->gate_source);
	return rc ? rc : loop_add_timer(run->loop, 1, TICK_NS, tick, run, &run->tick);
}

int probe_run(const struct probe_settings *settings, const struct inventory *inventory,
	      const size_t *spaces, size_t count, struct probe *ret_probe)
{
	_cleanup_(run_cleanup) struct run *run = calloc(1, sizeof(*run));
	struct probe probe = { 0 };
	uint64_t start = clock_ns();
	int rc;

	if (!run)
		return fail(-ENOMEM, "out of memory");
	if (count > PROBE_TARGETS_MAX)
		return fail(-E2BIG, "%zu targets are too many for one probe: at most %d", count,
			    PROBE_TARGETS_MAX);
	run->settings = settings;
	run->inventory = inventory;
	run->probe = &probe;
	rc = set_up_run(run, count);
	for (size_t i = 0; !rc && i < count; i++)
		probe.target[probe.target_count++].space = spaces[i];
	rc = rc ? rc : loop_run(run->loop);
	rc = rc ? rc : judge_targets(run);
	/*
	 * Exchanges that are still open write to the targets, so end them before that memory is
	 * freed.
	 */
	end_run(TAKE_PTR(run));
	probe.seconds = (double)(clock_ns() - start) / 1e9;
	if (rc)
		probe_release(&probe);
	else
		*ret_probe = probe;
	return rc;
}

void probe_release(struct probe *probe)
{
	free(probe->target);
	*probe = (struct probe){ 0 };
}
