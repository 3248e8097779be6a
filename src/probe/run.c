// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a probe: see run.h.
 *
 * Each exchange has a port of the peer's for itself, and a secret and sequence numbers
 * (bpf/token.h). By these a frame that comes out of the gate, or a drop that the kernel reports, is
 * known to belong to it, even if NAT changes the target's address. Targets start in order, as long
 * as fewer than EXCHANGES_MAX exchanges are open.
 *
 * A flood may delay or displace packets, so that an exchange proves nothing. When all are over,
 * such checks are repeated, a bounded number of times. All signals that end a run are blocked from
 * before the first change until after the last one is undone.
 */
#include "probe/run.h"

#include <errno.h>
#include <linux/capability.h>
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
#include "base/privilege.h"
#include "base/term.h"
#include "base/trace.h"
#include "bpf/drop.h"
#include "bpf/token.h"
#include "net/counter.h"
#include "net/inventory.h"
#include "net/netfilter.h"
#include "net/netns.h"
#include "net/nl.h"
#include "probe/reach.h"

#define EXCHANGES_MAX 512
#define UNKNOWN_ROUNDS 8 /* repeats of a check that proves nothing */
#define BLOCKED_ROUNDS 2 /* of one to which nothing comes, if others send to the peer */
#define STRAY_ROUNDS 3 /* of one whose packets go to others */
#define PORT_TO(space) ((uint32_t)(space) + 1) /* where a bridge's port leads, as in tokens */
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

/* A check to repeat. */
struct repeat {
	size_t target, check;
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
	uint32_t exchange_count; /* all that were begun; they are numbered from 0 */
	unsigned int round; /* 0: the first; then repeats */
	struct repeat *repeat;
	size_t repeat_count, repeat_next;
	uint64_t foreign; /* frames that the gate's filter let through */
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

bool probe_is_astray(const struct probe_check *check)
{
	return check->astray.answers || check->astray.requests || check->astray.router;
}

/* Of a repeated exchange all frames count that left the target, unless others got some of them. */
static void take_evidence(struct probe_check *check, const struct peer_evidence *fresh)
{
	struct peer_evidence before = check->evidence;

	check->evidence = *fresh;
	if (probe_is_astray(check))
		return;
	check->evidence.tx_good += before.tx_good;
	check->evidence.tx_bad += before.tx_bad;
	check->evidence.tx_unfinished += before.tx_unfinished;
}

static void close_exchange(struct exchange *exchange)
{
	struct run *run = exchange->run;
	struct probe_target *target = &run->probe->target[exchange->target];
	const struct space *space = space_of(run, exchange->target);
	struct peer_evidence evidence = { 0 };

	loop_remove(&exchange->source);
	run->by_port[exchange->port] = NULL;
	peer_end(TAKE_PTR(exchange->peer), &evidence);
	token_close(gate_describe(run->gate)->tokens, exchange->port);
	take_evidence(&target->check[exchange->check], &evidence);
	run->open_count--;
	if (--run->progress[exchange->target].open)
		return;
	if (!space->own)
		forget_connections(run, space->fd);
	if (!run->round)
		target_done(run);
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
		if (exchange && !peer_take_packet(exchange->peer, &packet))
			run->foreign++;
	}
	return 0;
}

/* ---- Starting exchanges ---- */

static const struct reach *reach_of(const struct probe_target *target, int family)
{
	return family == AF_INET ? &target->reach_v4 : &target->reach_v6;
}

/* The bridge through which the target's packets go to the host; NULL: none that is known. */
static const struct device *bridge_of(const struct run *run, const struct probe_target *target,
				      int family)
{
	const struct device *port = reach_of(target, family)->port, *master = NULL;

	if (port && port->master)
		master = inventory_device(&run->inventory->space[0], NULL, port->master);
	return master && !strcmp(master->kind, "bridge") ? master : NULL;
}

/* Begins an exchange for a check of the target's. */
static int start_exchange(struct run *run, size_t number, size_t check)
{
	struct probe_target *target = &run->probe->target[number];
	struct probe_check *row = &target->check[check];
	struct token_table *tokens = gate_describe(run->gate)->tokens;
	const struct space *space = space_of(run, number);
	struct peer_plan plan = {
		.netns_fd = space->own ? -1 : space->fd,
		.forwards = reach_of(target, row->family)->forwards,
		.check = row->check,
		.family = row->family,
	};
	struct exchange *exchange = run->exchange;
	uint32_t leads_to = bridge_of(run, target, row->family)
				    ? PORT_TO(reach_of(target, row->family)->next)
				    : 0;
	int rc, fd = -1;

	while (exchange->peer)
		exchange++;
	rc = token_open(tokens, run->exchange_count, leads_to, &plan.port, &plan.token);
	if (rc)
		return rc;
	*exchange = (struct exchange){
		.run = run, .target = number, .check = check, .port = plan.port
	};
	gate_forget(run->gate, plan.port);
	rc = peer_start(run->gate, &plan, &exchange->peer, &fd);
	if (!rc && fd >= 0)
		rc = loop_add_fd(run->loop, fd, EPOLLIN, socket_ready, exchange, &exchange->source);
	if (rc) {
		peer_end(TAKE_PTR(exchange->peer), NULL);
		token_close(tokens, plan.port);
		return rc;
	}
	row->number = run->exchange_count++;
	run->by_port[plan.port] = exchange;
	run->open_count++;
	run->progress[number].open++;
	trace("probe", "%s: %s v%d begins, port %u", space->name, row->check->name,
	      row->family == AF_INET ? 4 : 6, plan.port);
	return 0;
}

static int start_check(struct run *run, size_t number, const struct check *row, int family)
{
	struct probe_target *target = &run->probe->target[number];
	int rc;

	target->check[target->check_count] = (struct probe_check){ .check = row, .family = family };
	rc = start_exchange(run, number, target->check_count);
	target->check_count += !rc;
	return rc;
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
	struct reach *reach = family == AF_INET ? &target->reach_v4 : &target->reach_v6;
	const struct gate_info *info = gate_describe(run->gate);
	const char *host_why = family == AF_INET ? info->no_v4 : info->no_v6;

	if (*host_why)
		snprintf(why, sizeof(target->no_v4), "the host has none: %.120s", host_why);
	else if (!space->own && !has_address(space, family))
		snprintf(why, sizeof(target->no_v4), "it has no address");
	else if (!space->own && reach_gate(run->inventory, target->space, family, info->entrance,
					   reach, why, sizeof(target->no_v4)))
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
			rc = start_check(run, number, &check_rows[i], AF_INET);
		if (!rc && v6 && check_rows[i].v6)
			rc = start_check(run, number, &check_rows[i], AF_INET6);
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

/* ---- Judging ---- */

/* The contexts of all exchanges, by number. */
struct contexts {
	struct judge_context *context;
	size_t count;
};

static void take_drop(void *owner, const struct drop_key *key, const char *reason, uint64_t packets)
{
	const struct contexts *contexts = owner;
	struct judge_context *context;

	(void)packets;
	if (key->number >= contexts->count)
		return;
	context = &contexts->context[key->number];
	if (context->drop_count < JUDGE_DROPS_MAX)
		context->drop[context->drop_count++] = (struct judge_drop){
			.reason = reason,
			.netns = key->netns,
			.outbound = key->outbound,
			.tunnelled = key->tunnelled,
		};
}

/* A stray packet, among all contexts. Its port may be new, and so may not be in the inventory. */
struct strays {
	const struct run *run;
	const struct contexts *contexts;
};

static void take_stray(void *owner, const struct drop_stray *stray)
{
	const struct strays *strays = owner;
	const struct inventory *inventory = strays->run->inventory;
	const struct device *port =
		inventory_device(&inventory->space[0], NULL, (int)stray->ifindex);
	struct judge_astray *astray;
	size_t at = 0;

	if (stray->number >= strays->contexts->count)
		return;
	astray = &strays->contexts->context[stray->number].astray;
	astray->answers |= !stray->outbound;
	astray->requests |= stray->outbound;
	if (port)
		term_printable(astray->port, sizeof(astray->port), port->name);
	else
		snprintf(astray->port, sizeof(astray->port), "a new device");
	if (port && inventory_link(inventory, port, &at) &&
	    strlen(inventory->space[at].name) < sizeof(astray->to))
		snprintf(astray->to, sizeof(astray->to), "%s", inventory->space[at].name);
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

/*
 * Judges a check. If nothing came out of the gate, and nothing tells why, the target may send to a
 * wrong MAC address. No packet goes astray if that is its own.
 */
static void judge_check(const struct run *run, const struct probe_target *target,
			struct probe_check *check, struct judge_context *context)
{
	judge_in(check->check, &check->evidence, context, &check->in);
	if (check->in.unexplained && !check->evidence.met && context->is_direct &&
	    bridge_of(run, target, check->family) &&
	    reach_router_is_wrong(run->inventory, target->space, check->family,
				  reach_of(target, check->family))) {
		context->astray.router = true;
		judge_in(check->check, &check->evidence, context, &check->in);
	}
	judge_out(&check->evidence, context, &check->out);
	check->astray = context->astray;
	trace_check(&run->inventory->space[target->space], check);
}

/* `contexts`: those of all exchanges. */
static void judge_target(struct run *run, size_t number, struct judge_context *contexts,
			 const struct counters *host_after)
{
	struct probe_target *target = &run->probe->target[number];
	const struct space *space = space_of(run, number);
	const struct counters *before = &run->progress[number].before;
	const char *no_merging = gate_describe(run->gate)->no_merging;
	struct counters after = *before;

	counter_read(space->own ? -1 : space->fd, &after);
	for (size_t i = 0; i < target->check_count; i++) {
		struct probe_check *check = &target->check[i];
		struct judge_context *context = &contexts[check->number];
		uint8_t proto = check->check->proto;

		context->drops_known = run->drops != NULL;
		context->target_is_host = space->own;
		context->is_direct = reach_of(target, check->family)->port &&
				     reach_of(target, check->family)->next == target->space;
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
		context->udp_never_merges = gate_describe(run->gate)->udp_never_merges;
		judge_check(run, target, check, context);
	}
	target->verdict = conclude_target(target);
}

static int judge_targets(struct run *run)
{
	size_t count = run->exchange_count;
	_cleanup_free_ struct judge_context *context = calloc(count + 1, sizeof(*context));
	struct contexts contexts = { .context = context, .count = count };
	struct strays strays = { .run = run, .contexts = &contexts };
	struct counters host_after = run->host_before;

	if (!context)
		return fail(-ENOMEM, "out of memory");
	if (run->drops)
		drop_each(run->drops, take_drop, &contexts);
	if (run->drops)
		drop_each_stray(run->drops, take_stray, &strays);
	counter_read(-1, &host_after);
	run->forwards_v4 = sysctl_is_on("/proc/sys/net/ipv4/ip_forward");
	run->forwards_v6 = sysctl_is_on("/proc/sys/net/ipv6/conf/all/forwarding");
	for (size_t i = 0; i < run->probe->target_count; i++)
		judge_target(run, i, context, &host_after);
	run->probe->verdict = conclude_probe(run->probe);
	run->probe->foreign = run->foreign + gate_foreign(run->gate);
	return 0;
}

/* ---- Rounds ---- */

/*
 * What may mislead packets between a target and the host that a bridge joins: the host's neighbour
 * entry for the target's address if answers went to others, or nobody knows where; the target's
 * entry for its router's.
 */
enum misled { MISLED_NOT, MISLED_ANSWERS, MISLED_REQUESTS };

static enum misled is_misled(const struct run *run, const struct probe_target *target,
			     const struct probe_check *check)
{
	const struct reach *reach = reach_of(target, check->family);

	if (!bridge_of(run, target, check->family) || !reach->is_routed ||
	    reach->next != target->space)
		return MISLED_NOT;
	if (check->astray.requests || check->astray.router)
		return MISLED_REQUESTS;
	return check->astray.answers || (check->in.unexplained && check->evidence.met)
		       ? MISLED_ANSWERS
		       : MISLED_NOT;
}

/* If the right MAC address did not help, the bridge has forgotten where it is. */
static int lead_answers(const struct run *run, const struct probe_target *target,
			const struct device *bridge)
{
	const struct space *space = &run->inventory->space[target->space];
	int rc = 0;

	for (size_t i = 0; !rc && i < space->device_count; i++) {
		const struct device *device = &space->device[i];
		const struct device *port = inventory_link(run->inventory, device, NULL);

		if (port && port->master == bridge->index && !strcmp(device->kind, port->kind))
			rc = gate_lead_answers(run->gate, bridge, device, run->round ? port : NULL);
	}
	return rc;
}

/* Leads packets past the entries that mislead them. If it cannot, the check stays as it is. */
static void lead(const struct run *run, const struct probe_target *target,
		 const struct probe_check *check)
{
	const struct device *bridge = bridge_of(run, target, check->family);
	enum misled misled = is_misled(run, target, check);
	int rc;

	if (misled == MISLED_NOT)
		return;
	rc = misled == MISLED_ANSWERS
		     ? lead_answers(run, target, bridge)
		     : gate_lead_requests(run->gate, bridge, reach_of(target, check->family)->port);
	trace("probe", "%s: leads its %s on a bridge: %d",
	      run->inventory->space[target->space].name,
	      misled == MISLED_ANSWERS ? "answers" : "requests", rc);
}

/* Whether another try may prove what this one did not. */
static bool is_worth_repeating(const struct run *run, const struct probe_target *target,
			       const struct probe_check *check)
{
	if (probe_is_astray(check))
		return run->round < STRAY_ROUNDS;
	if (!check->is_led && is_misled(run, target, check) == MISLED_ANSWERS)
		return true;
	if (check->check->shape == SHAPE_MERGED && *gate_describe(run->gate)->no_merging)
		return false;
	if (check->in.verdict == VERDICT_UNKNOWN)
		return run->round < UNKNOWN_ROUNDS;
	return check->in.verdict == VERDICT_BLOCKED && run->probe->foreign &&
	       run->round < BLOCKED_ROUNDS;
}

static void plan_repeat(struct run *run, size_t number, size_t check)
{
	struct probe_target *target = &run->probe->target[number];
	struct probe_check *row = &target->check[check];

	if (!is_worth_repeating(run, target, row))
		return;
	lead(run, target, row);
	row->is_led |= is_misled(run, target, row) == MISLED_ANSWERS;
	run->repeat[run->repeat_count++] = (struct repeat){ .target = number, .check = check };
}

static int plan_repeats(struct run *run)
{
	struct probe *probe = run->probe;
	size_t most = 0;

	for (size_t i = 0; i < probe->target_count; i++)
		most += probe->target[i].check_count;
	if (!run->repeat)
		run->repeat = calloc(most + 1, sizeof(*run->repeat));
	if (!run->repeat)
		return fail(-ENOMEM, "out of memory");
	run->repeat_count = run->repeat_next = 0;
	for (size_t i = 0; i < probe->target_count; i++)
		for (size_t k = 0; k < probe->target[i].check_count; k++)
			plan_repeat(run, i, k);
	run->probe->repeats += (unsigned int)run->repeat_count;
	run->round++;
	trace("probe", "round %u: %zu checks are repeated", run->round, run->repeat_count);
	return 0;
}

/* If the namespace is gone meanwhile, what was found before remains. */
static int start_repeats(struct run *run)
{
	int rc = 0;

	while (rc != -ENOMEM && rc != -EMFILE && run->repeat_next < run->repeat_count &&
	       run->open_count < EXCHANGES_MAX) {
		const struct repeat *repeat = &run->repeat[run->repeat_next++];

		rc = start_exchange(run, repeat->target, repeat->check);
	}
	return rc == -ENOMEM || rc == -EMFILE ? rc : 0;
}

static bool is_round_over(const struct run *run)
{
	return run->round ? run->repeat_next == run->repeat_count && !run->open_count
			  : run->done == run->probe->target_count;
}

static int end_round(struct run *run)
{
	int rc = judge_targets(run);

	rc = rc ? rc : plan_repeats(run);
	if (!rc && !run->repeat_count)
		loop_quit(run->loop, 0);
	return rc;
}

static int tick(void *owner)
{
	struct run *run = owner;
	uint64_t now = clock_ns();
	int rc;

	gate_renew(run->gate, now);
	run->gate_is_ready = run->gate_is_ready || gate_is_ready(run->gate, now);
	if (!run->gate_is_ready)
		return 0;
	for (size_t i = 0; i < EXCHANGES_MAX; i++) {
		struct exchange *exchange = &run->exchange[i];

		if (exchange->peer && peer_tick(exchange->peer, now))
			close_exchange(exchange);
	}
	rc = run->round ? start_repeats(run) : start_targets(run);
	return rc || !is_round_over(run) ? rc : end_round(run);
}

static int interrupted(void *owner, int signo)
{
	struct run *run = owner;

	(void)signo;
	loop_quit(run->loop, fail(-EINTR, "interrupted"));
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
	drop_close(run->drops);
	gate_close(run->gate);
	/* Last: it unblocks the signals. */
	loop_free(run->loop);
	free(run->progress);
	free(run->repeat);
	free(run);
}

/* No DEFINE_CLEANUP(): cppcheck does not see through the macro in a .c file. */
static void cleanup_run(struct run **run)
{
	end_run(*run);
}

/*
 * Afterwards the run enters namespaces (CAP_SYS_ADMIN) if a target is in another one, chooses
 * sequence numbers and undoes its changes (CAP_NET_ADMIN), and reads what BPF programs counted.
 */
static int give_up_privilege(const struct run *run, const size_t *spaces, size_t count)
{
	unsigned int keep[3] = { CAP_NET_ADMIN, PRIVILEGE_BPF };
	size_t kept = 2;
	bool elsewhere = false;

	for (size_t i = 0; i < count; i++)
		elsewhere |= !run->inventory->space[spaces[i]].own;
	if (elsewhere)
		keep[kept++] = CAP_SYS_ADMIN;
	return privilege_keep_only(keep, kept);
}

static int admit_all(const struct run *run, const size_t *spaces, size_t count)
{
	int rc = gate_admit(run->gate, &run->inventory->space[0]);

	for (size_t i = 0; !rc && i < count; i++)
		rc = gate_admit(run->gate, &run->inventory->space[spaces[i]]);
	return rc;
}

/* Says which packets may leave by the ports of the host's bridges. */
static int allow_ports(const struct run *run)
{
	const struct space *own = &run->inventory->space[0];
	int entrance = gate_describe(run->gate)->entrance, rc = 0;

	for (size_t i = 0; !rc && run->drops && i < own->device_count; i++) {
		const struct device *port = &own->device[i];
		size_t to = 0;

		if (!port->master)
			continue;
		if (port->index == entrance)
			rc = drop_allow_port(run->drops, port->index, DROP_ANYWHERE);
		else if (!strcmp(port->kind, "veth") && inventory_link(run->inventory, port, &to))
			rc = drop_allow_port(run->drops, port->index,
					     to ? PORT_TO(to) : DROP_ANYWHERE);
	}
	return rc;
}

static int watch_drops(struct run *run)
{
	struct drops_of of = gate_describe(run->gate)->drops_of;

	of.netns = netns_number(run, 0);
	run->probe->no_drop_reasons = drop_open(&of, &run->drops);
	return allow_ports(run);
}

static int start_loop(struct run *run)
{
	int rc = loop_add_fd(run->loop, gate_describe(run->gate)->fd, EPOLLIN, gate_ready, run,
			     &run->gate_source);

	return rc ? rc : loop_add_timer(run->loop, 1, TICK_NS, tick, run, &run->tick);
}

static int set_up_run(struct run *run, const size_t *spaces, size_t count)
{
	struct rlimit files;
	int rc;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	run->progress = calloc(count + 1, sizeof(*run->progress));
	run->probe->target = calloc(count + 1, sizeof(*run->probe->target));
	if (!run->progress || !run->probe->target)
		return fail(-ENOMEM, "out of memory");
	rc = loop_new(&run->loop);
	rc = rc ? rc : loop_add_signals(run->loop, interrupted, run);
	rc = rc ? rc : gate_open(&run->settings->gate, &run->gate);
	if (rc)
		return rc;
	rc = watch_drops(run);
	rc = rc ? rc : counter_read(-1, &run->host_before);
	rc = rc ? rc : admit_all(run, spaces, count);
	if (!rc && run->settings->give_up_privilege)
		rc = give_up_privilege(run, spaces, count);
	return rc ? rc : start_loop(run);
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
	rc = set_up_run(run, spaces, count);
	for (size_t i = 0; !rc && i < count; i++)
		probe.target[probe.target_count++].space = spaces[i];
	rc = rc ? rc : loop_run(run->loop);
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
