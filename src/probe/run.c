// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a probe: see run.h.
 *
 * Every conversation has a port of the peer's to itself, by which frames that come out of the gate, and
 * drops that the kernel tells of, are known to belong to it, whatever NAT makes of the target's address.
 * Targets begin in order, as long as fewer than TALKS_AT_ONCE conversations are open.
 */
#include "probe/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/drop.h"
#include "net/conntrack.h"
#include "net/counter.h"
#include "probe/conclude.h"
#include "probe/reach.h"
#include "probe/warm.h"

#define WARM_PORT 16383
#define FIRST_PORT 16384
#define TALKS_AT_ONCE 512
#define TICK_NS UINT64_C(5000000)
#define FRAME_MAX 65600
#define FRAMES_A_ROUND 256

struct run;

/* An open conversation. */
struct open_talk {
	struct run *run;
	struct talk *talk;
	struct loop_source *source;
	size_t target, check;
};

/* What a target's counters were before, and what is left to do. */
struct progress {
	struct counters before;
	unsigned int open; /* conversations */
};

struct run {
	const struct probe_settings *settings;
	const struct inventory *inventory;
	struct probe *probe;
	struct gate *gate;
	struct warm warm;
	bool is_warm;
	struct drops *drops;
	struct loop *loop;
	struct loop_source *gate_source, *tick;
	struct counters host_before;
	bool forwards_v4, forwards_v6; /* the host */
	struct progress *progress; /* one a target */
	struct open_talk open[TALKS_AT_ONCE];
	unsigned int open_count;
	struct open_talk *by_port[UINT16_MAX + 1];
	size_t next; /* target to begin */
	size_t done;
	uint32_t next_port;
	uint8_t frame[FRAME_MAX];
};

static uint32_t netns_number(const struct run *run, size_t space)
{
	return (uint32_t)run->inventory->space[space].id.ino;
}

/* ---- The end of a conversation ---- */

/* Nothing of the conversations, nor of a killed run's, shall stay in connection tracking there. */
static void forget(const struct run *run, int netns_fd)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_(nl_cleanup) struct nl *nl = NULL;

	if (netns_enter(netns_fd, &home) || !conntrack_is_on() ||
	    nl_open(-1, NETLINK_NETFILTER, &nl))
		return;
	conntrack_forget(nl, AF_INET, gate_peer(run->gate, AF_INET));
	conntrack_forget(nl, AF_INET6, gate_peer(run->gate, AF_INET6));
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

static void close_talk(struct open_talk *open)
{
	struct run *run = open->run;
	struct probe_target *target = &run->probe->target[open->target];
	struct probe_check *check = &target->check[open->check];
	struct talk *talk = open->talk;

	talk_evidence(talk, &check->evidence);
	loop_remove(&open->source);
	run->by_port[talk_port(talk)] = NULL;
	talk_free(talk);
	open->talk = NULL;
	if (!--run->progress[open->target].open) {
		if (!space_of(run, open->target)->own)
			forget(run, space_of(run, open->target)->fd);
		target_done(run);
	}
	run->open_count--;
}

/* ---- Callbacks ---- */

static int socket_ready(void *owner, uint32_t events)
{
	struct open_talk *open = owner;

	(void)events;
	talk_socket(open->talk);
	return 0;
}

static bool is_for_peer(const struct run *run, const struct packet_flow *flow)
{
	return flow->family && !memcmp(flow->dst, gate_peer(run->gate, flow->family),
				       flow->family == AF_INET ? 4 : 16);
}

static int gate_ready(void *owner, uint32_t events)
{
	struct run *run = owner;

	(void)events;
	for (unsigned int i = 0; i < FRAMES_A_ROUND; i++) {
		struct gate_packet packet;
		const struct packet_flow *flow = &packet.judged.flow;
		const struct open_talk *open;
		ssize_t len = read(gate_fd(run->gate), run->frame, sizeof(run->frame));

		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (len < 0)
			return fail_errno(-errno, "cannot read from device " GATE_DEVICE);
		if (!gate_take(run->gate, run->frame, (size_t)len, &packet) ||
		    !is_for_peer(run, flow))
			continue;
		if (!run->is_warm && flow->dst_port == WARM_PORT)
			warm_frame(&run->warm, &packet.judged);
		open = run->by_port[flow->dst_port];
		if (open)
			talk_frame(open->talk, &packet);
	}
	return 0;
}

/* ---- Beginning ---- */

static int begin_talk(struct run *run, size_t number, const struct check *row, int family)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = &run->inventory->space[target->space];
	const struct talk_place place = {
		.netns_fd = space->own ? -1 : space->fd,
		.forwards = target->forwards,
	};
	struct open_talk *open;
	unsigned int slot = 0;
	int rc;

	while (run->open[slot].talk)
		slot++;
	open = &run->open[slot];
	*open = (struct open_talk){ .run = run, .target = number, .check = target->check_count };
	rc = talk_new(run->gate, &place, row, family, (uint16_t)run->next_port, &open->talk);
	if (rc)
		return rc;
	if (talk_fd(open->talk) >= 0)
		rc = loop_add_fd(run->loop, talk_fd(open->talk), EPOLLIN, socket_ready, open,
				 &open->source);
	if (rc) {
		talk_free(TAKE_PTR(open->talk));
		return rc;
	}
	run->by_port[run->next_port++] = open;
	run->open_count++;
	run->progress[number].open++;
	target->check[target->check_count++] =
		(struct probe_check){ .check = row, .family = family };
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

/* Whether the family can be tried; says why not. A target without an address of it lacks nothing. */
static bool may_try(const struct run *run, struct probe_target *target, int family)
{
	const struct space *space = &run->inventory->space[target->space];
	char *why = family == AF_INET ? target->no_v4 : target->no_v6;
	const char *gate_why;

	if (!gate_has(run->gate, family, &gate_why))
		snprintf(why, sizeof(target->no_v4), "the host has none: %.120s", gate_why);
	else if (!space->own && !has_address(space, family))
		snprintf(why, sizeof(target->no_v4), "it has no address");
	else if (!space->own &&
		 reach_gate(run->inventory, target->space, family, gate_entrance(run->gate),
			    &target->forwards, why, sizeof(target->no_v4)))
		target->cut_off = true;
	return !*why;
}

static int begin_target(struct run *run, size_t number)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = &run->inventory->space[target->space];
	bool v4 = may_try(run, target, AF_INET), v6 = may_try(run, target, AF_INET6);
	int rc = counter_read(space->own ? -1 : space->fd, &run->progress[number].before);

	for (size_t i = 0; !rc && i < check_row_count; i++) {
		/* GRO leaves datagrams alone that a socket of this namespace is to have (udp_gro_receive()). */
		if (space->own && check_rows[i].proto == IPPROTO_UDP &&
		    check_rows[i].shape == SHAPE_MERGED)
			continue;
		if (v4 && check_rows[i].v4)
			rc = begin_talk(run, number, &check_rows[i], AF_INET);
		if (!rc && v6 && check_rows[i].v6)
			rc = begin_talk(run, number, &check_rows[i], AF_INET6);
	}
	if (rc && rc != -ENOMEM && rc != -EMFILE) {
		/* It vanished, or nobody may go there. */
		snprintf(target->vanished, sizeof(target->vanished), "%s", fail_text());
		rc = 0;
	}
	if (!rc && !run->progress[number].open)
		target_done(run);
	return rc;
}

static int begin_more(struct run *run)
{
	struct probe *probe = run->probe;
	int rc = 0;

	while (!rc && run->next < probe->target_count &&
	       run->open_count + PROBE_CHECKS_MAX <= TALKS_AT_ONCE) {
		size_t number = run->next++;
		const struct space *space = &run->inventory->space[probe->target[number].space];

		probe->target[number].isolated = !space->own && only_loopback(space);
		if (probe->target[number].isolated)
			target_done(run);
		else
			rc = begin_target(run, number);
	}
	return rc;
}

static int tick(void *owner)
{
	struct run *run = owner;
	uint64_t now = clock_ns();
	int rc;

	run->is_warm = run->is_warm || warm_tick(&run->warm, now);
	if (!run->is_warm)
		return 0;
	for (size_t i = 0; i < TALKS_AT_ONCE; i++) {
		struct open_talk *open = &run->open[i];

		if (!open->talk)
			continue;
		talk_tick(open->talk, now);
		if (talk_done(open->talk))
			close_talk(open);
	}
	rc = begin_more(run);
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

/* What is known around the n-th conversation of all, which had port FIRST_PORT + n. */
struct arounds {
	const struct run *run;
	struct circumstances *around;
	size_t count;
};

/* Another probe, of a namespace beside, has the same peer. */
static bool is_known(const struct run *run, uint32_t netns)
{
	for (size_t i = 0; netns && i < run->inventory->space_count; i++)
		if (netns_number(run, i) == netns)
			return true;
	return !netns;
}

static void take_drop(void *owner, const struct drop_key *key, const char *reason, uint64_t packets)
{
	const struct arounds *all = owner;
	struct circumstances *around;

	if (key->port < FIRST_PORT || key->port >= FIRST_PORT + all->count ||
	    !is_known(all->run, key->netns))
		return;
	around = &all->around[key->port - FIRST_PORT];
	if (around->drop_count < DROPS_MAX)
		around->drop[around->drop_count++] = (struct drop){
			.reason = reason,
			.netns = key->netns,
			.outbound = key->outbound,
			.tunnelled = key->tunnelled,
			.packets = packets,
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

static void judge_target(struct run *run, struct probe_target *target, size_t number,
			 struct circumstances *around, const struct counters *host_after)
{
	const struct space *space = &run->inventory->space[target->space];
	struct counters after = run->progress[number].before;
	const struct counters *before = &run->progress[number].before;

	counter_read(space->own ? -1 : space->fd, &after);
	for (size_t i = 0; i < target->check_count; i++) {
		struct probe_check *check = &target->check[i];
		uint8_t proto = check->check->proto;

		around[i].target_is_host = space->own;
		around[i].target_netns = netns_number(run, target->space);
		around[i].host_netns = netns_number(run, 0);
		around[i].host_forwards =
			check->family == AF_INET ? run->forwards_v4 : run->forwards_v6;
		around[i].damaged = conclude_damaged(target, proto);
		around[i].target_errors = errors_of(&after, proto) - errors_of(before, proto);
		around[i].host_errors =
			errors_of(host_after, proto) - errors_of(&run->host_before, proto);
		around[i].host_udp_errors = errors_of(host_after, IPPROTO_UDP) -
					    errors_of(&run->host_before, IPPROTO_UDP);
		if (gate_merges(run->gate, &around[i].no_merging))
			around[i].no_merging = NULL;
		judge_in(check->check, &check->evidence, &around[i], &check->in);
		judge_out(check->check, &check->evidence, &check->out);
	}
	target->verdict = conclude_target(target);
}

static int judge_all(struct run *run)
{
	size_t talks = run->next_port - FIRST_PORT, at = 0;
	_cleanup_free_ struct circumstances *around = calloc(talks + 1, sizeof(*around));
	struct arounds all = { .run = run, .around = around, .count = talks };
	struct counters host_after = run->host_before;

	if (!around)
		return fail(-ENOMEM, "out of memory");
	if (run->drops)
		drops_each(run->drops, take_drop, &all);
	counter_read(-1, &host_after);
	run->forwards_v4 = sysctl_is_on("/proc/sys/net/ipv4/ip_forward");
	run->forwards_v6 = sysctl_is_on("/proc/sys/net/ipv6/conf/all/forwarding");
	for (size_t i = 0; i < run->probe->target_count; i++) {
		struct probe_target *target = &run->probe->target[i];

		judge_target(run, target, i, &around[at], &host_after);
		at += target->check_count;
	}
	run->probe->verdict = conclude(run->probe);
	return 0;
}

/* ---- The whole ---- */

static void end_run(struct run *run)
{
	for (size_t i = 0; i < TALKS_AT_ONCE; i++)
		if (run->open[i].talk)
			close_talk(&run->open[i]);
	if (run->gate)
		forget(run, -1);
	if (run->warm.gate)
		warm_end(&run->warm);
	loop_remove(&run->gate_source);
	loop_remove(&run->tick);
	loop_free(run->loop);
	drops_close(run->drops);
	gate_close(run->gate);
	free(run->progress);
	free(run);
}

static void cleanup_run(struct run **run)
{
	if (*run)
		end_run(*run);
}

static int set_up(struct run *run, size_t count)
{
	struct rlimit files;
	struct drops_of of;
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
	gate_drops_of(run->gate, &of);
	if (drops_open(&of, &run->drops))
		run->probe->no_drops = "drop reasons cannot be watched here";
	warm_begin(&run->warm, run->gate, WARM_PORT);
	rc = counter_read(-1, &run->host_before);
	rc = rc ? rc : loop_new(&run->loop);
	rc = rc ? rc : loop_add_signals(run->loop, interrupted, run);
	rc = rc ? rc
		: loop_add_fd(run->loop, gate_fd(run->gate), EPOLLIN, gate_ready, run,
			      &run->gate_source);
	return rc ? rc : loop_add_timer(run->loop, 1, TICK_NS, tick, run, &run->tick);
}

int probe_run(const struct probe_settings *settings, const struct inventory *inventory,
	      const size_t *spaces, size_t count, struct probe *ret_probe)
{
	_cleanup_(cleanup_run) struct run *run = calloc(1, sizeof(*run));
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
	rc = set_up(run, count);
	for (size_t i = 0; !rc && i < count; i++)
		probe.target[probe.target_count++].space = spaces[i];
	rc = rc ? rc : loop_run(run->loop);
	rc = rc ? rc : judge_all(run);
	/* What is still open writes its evidence to its target. */
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
