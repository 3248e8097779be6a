// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verdicts: see judge.h.
 *
 * Packets that went astray prove nothing: who got them knows the exchange's secret.
 *
 * "verified" needs four things: the intact messages arrived. The one whose flipped bits cancel
 * arrived, damaged, which shows that damage gets through when nothing notices it. The other damaged
 * messages did not arrive. And it is known who dropped them. If any of this is missing, the verdict
 * is "unknown", and the reason says what is missing.
 */
#include "probe/judge.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* Not IP_CSUM or ICMP_CSUM: the peer's IP headers are right, so the packet was somebody else's. */
static bool is_csum(const struct judge_drop *drop)
{
	return !strcmp(drop->reason, "TCP_CSUM") || !strcmp(drop->reason, "UDP_CSUM") ||
	       !strcmp(drop->reason, "SKB_CSUM");
}

static bool is_here(const struct judge_drop *drop, uint32_t netns)
{
	return drop->netns == netns;
}

/*
 * Whether counters may tell. They count everybody's packets, so only if the kernel does not report
 * drops, or dropped one of these without a reason.
 */
static bool needs_counters(const struct judge_context *context)
{
	bool no_reason = false;

	for (unsigned int i = 0; i < context->drop_count; i++)
		no_reason |= !context->drop[i].outbound &&
			     !strcmp(context->drop[i].reason, "NOT_SPECIFIED");
	return context->damaged && (!context->drops_known || no_reason);
}

/* The kernel's drop reasons come first; the counters tell if there are none. */
static enum caught_by who_caught(const struct peer_evidence *evidence,
				 const struct judge_context *context)
{
	for (unsigned int i = 0; i < context->drop_count; i++) {
		const struct judge_drop *drop = &context->drop[i];

		if (drop->outbound)
			continue;
		if (is_csum(drop) && drop->tunnelled)
			return CAUGHT_OUTER_UDP;
		/*
		 * A packet that is dropped while a socket's queue is read has no namespace any
		 * more.
		 */
		if (is_csum(drop) && (!drop->netns || is_here(drop, context->target_netns)))
			return CAUGHT_SOCKET;
		if (is_csum(drop) && is_here(drop, context->host_netns))
			return CAUGHT_CONNTRACK;
		if (!strcmp(drop->reason, "NETFILTER_DROP"))
			return CAUGHT_RULE;
	}
	if (!needs_counters(context))
		return CAUGHT_UNKNOWN;
	/* The outer checksum is verified first. */
	if (evidence->outer_sum && context->host_udp_errors >= context->damaged)
		return CAUGHT_OUTER_UDP;
	if (context->target_errors >= context->damaged)
		return CAUGHT_SOCKET;
	if (context->host_errors >= context->damaged)
		return CAUGHT_CONNTRACK;
	return CAUGHT_UNKNOWN;
}

/* Drop reasons that explain why nothing gets through. */
static const struct {
	const char *reason, *words;
} hindrances[] = {
	{ "NETFILTER_DROP", "a firewall rule" },
	{ "IP_RPFILTER", "rp_filter (reverse path filter)" },
	{ "IP_INADDRERRORS", "no forwarding, or an address that is not accepted" },
	{ "IP_INNOROUTES", "no route" },
	{ "IP_OUTNOROUTES", "no route out" },
	{ "XFRM_POLICY", "an IPsec policy" },
	{ "BPF_CGROUP_EGRESS", "a BPF program of its cgroup" },
	{ "SOCKET_FILTER", "a socket filter" },
	{ "TC_EGRESS", "a tc filter" },
	{ "TC_INGRESS", "a tc filter" },
	{ "XDP", "an XDP program" },
	{ "NEIGH_FAILED", "a neighbour that does not answer" },
	{ "NEIGH_CREATEFAIL", "a full neighbour table (net.ipv4.neigh.default.gc_thresh3)" },
};

static bool name_hindrance(const struct judge_context *context, bool outbound, char *text,
			   size_t size)
{
	for (unsigned int i = 0; i < context->drop_count; i++) {
		const struct judge_drop *drop = &context->drop[i];
		const char *where = is_here(drop, context->host_netns)	   ? "on the host"
				    : is_here(drop, context->target_netns) ? "in the target"
									   : "on the way";

		for (size_t k = 0; drop->outbound == outbound && k < ARRAY_SIZE(hindrances); k++) {
			if (strcmp(drop->reason, hindrances[k].reason) != 0)
				continue;
			snprintf(text, size, "%s %s drops %s", hindrances[k].words, where,
				 outbound ? "its packets" : "the answers to it");
			return true;
		}
	}
	return false;
}

/* Whether a stack that lies not on its way refused an answer, as not for its addresses. */
static bool ends_elsewhere(const struct judge_context *context)
{
	for (unsigned int i = 0; context->is_direct && i < context->drop_count; i++) {
		const struct judge_drop *drop = &context->drop[i];

		if (!drop->outbound && drop->netns && !is_here(drop, context->host_netns) &&
		    !is_here(drop, context->target_netns) &&
		    (!strcmp(drop->reason, "IP_INADDRERRORS") ||
		     !strcmp(drop->reason, "OTHERHOST")))
			return true;
	}
	return false;
}

static const char *errno_words(int error)
{
	switch (error) {
	case ENETUNREACH:
		return "it has no route to the outside";
	case EHOSTUNREACH:
		return "a router on the way reports that the host is unreachable";
	case ECONNREFUSED:
		return "something on the way refuses the connection";
	case EACCES:
	case EPERM:
		return "it is not permitted to send there (a rule, a route or a BPF program)";
	case EAFNOSUPPORT:
	case EADDRNOTAVAIL:
		return "it has no address of this family";
	case ENETDOWN:
		return "its network is down";
	case EINVAL:
	case ENOBUFS:
		return "the kernel has no room for another neighbour (net.ipv4.neigh.default.gc_thresh3, "
		       "net.ipv6...)";
	default:
		return strerror(error);
	}
}

static void blocked(const struct peer_evidence *evidence, const struct judge_context *context,
		    struct judgement *ret)
{
	char *text = ret->reason;
	size_t size = sizeof(ret->reason);

	ret->verdict = VERDICT_BLOCKED;
	/* A rule may drop and refuse: then the rule is the reason. */
	if (name_hindrance(context, !evidence->met, text, size))
		return;
	ret->unexplained = !evidence->error;
	if (evidence->error)
		snprintf(text, size, "%s", errno_words(evidence->error));
	else if (!evidence->met && !context->target_is_host && !context->host_forwards)
		snprintf(text, size,
			 "the host does not forward (net.ipv4.ip_forward, "
			 "net.ipv6.conf.all.forwarding)");
	else if (!evidence->met)
		snprintf(
			text, size,
			"its packets did not come out: they got lost between it and the host's routing");
	else
		snprintf(text, size, "the intact answers did not come back to it");
}

static bool any_arrived(const struct check *check, const struct peer_evidence *evidence,
			enum message message, enum arrival arrival)
{
	for (unsigned int i = 0; check->messages[i] != MESSAGE_END; i++)
		if (check->messages[i] == message && evidence->arrived[i] == arrival)
			return true;
	return false;
}

static bool all_arrived(const struct check *check, const struct peer_evidence *evidence,
			enum message message, enum arrival arrival)
{
	for (unsigned int i = 0; check->messages[i] != MESSAGE_END; i++)
		if (check->messages[i] == message && evidence->arrived[i] != arrival)
			return false;
	return true;
}

static void unknown(struct judgement *ret, const char *reason)
{
	ret->verdict = VERDICT_UNKNOWN;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static bool any_other(const struct check *check, const struct peer_evidence *evidence)
{
	for (enum message kind = MESSAGE_INTACT; kind <= MESSAGE_CANCELLING; kind++)
		if (any_arrived(check, evidence, kind, ARRIVED_OTHER))
			return true;
	return any_arrived(check, evidence, MESSAGE_INTACT, ARRIVED_DAMAGED);
}

static void judge_messages(const struct check *check, const struct peer_evidence *evidence,
			   const struct judge_context *context, struct judgement *ret)
{
	bool damaged = any_arrived(check, evidence, MESSAGE_BAD_PAYLOAD, ARRIVED_DAMAGED) ||
		       any_arrived(check, evidence, MESSAGE_BAD_FIELD, ARRIVED_DAMAGED);
	/* Over TCP an intact copy follows what was dropped; over UDP nothing does. */
	enum arrival dropped = check->proto == IPPROTO_TCP ? ARRIVED_INTACT : ARRIVED_NOTHING;

	*ret = (struct judgement){ .by = CAUGHT_UNKNOWN };
	if (evidence->arrived[0] == ARRIVED_NOTHING) {
		blocked(evidence, context, ret);
	} else if (any_other(check, evidence)) {
		unknown(ret,
			"it read bytes that the peer never sent: something on the way rewrites them");
	} else if (damaged) {
		ret->verdict = VERDICT_DELIVERS_CORRUPT;
		ret->by = CAUGHT_NOBODY;
		ret->inherent = check->shape == SHAPE_NO_CHECK;
	} else if (check->shape == SHAPE_MERGED && check->proto == IPPROTO_UDP &&
		   context->udp_never_merges && !evidence->merged) {
		ret->verdict = VERDICT_NOT_POSSIBLE;
		snprintf(ret->reason, sizeof(ret->reason),
			 "not possible on this kernel: datagrams are merged from Linux 5.12 on");
	} else if (check->shape == SHAPE_MERGED && context->no_merging) {
		unknown(ret, context->no_merging);
	} else if (check->shape == SHAPE_MERGED && !evidence->merged) {
		unknown(ret, "GRO merged nothing, so this shows nothing about merged packets");
	} else if (check->shape == SHAPE_NO_CHECK &&
		   who_caught(evidence, context) != CAUGHT_OUTER_UDP) {
		unknown(ret,
			"damage without a checksum did not arrive: something on the way checks more");
	} else if (!any_arrived(check, evidence, MESSAGE_CANCELLING, ARRIVED_DAMAGED)) {
		unknown(ret,
			"damage that no checksum can notice did not arrive either: something on the way "
			"checks more, or packets were lost");
	} else if (!all_arrived(check, evidence, MESSAGE_INTACT, ARRIVED_INTACT) ||
		   !all_arrived(check, evidence, MESSAGE_BAD_PAYLOAD, dropped) ||
		   !all_arrived(check, evidence, MESSAGE_BAD_FIELD, dropped)) {
		unknown(ret, "the exchange ended before every message was accounted for");
	} else {
		ret->by = who_caught(evidence, context);
		ret->verdict = VERDICT_VERIFIED;
		if (ret->by == CAUGHT_UNKNOWN)
			unknown(ret,
				"the damaged packets were dropped, but the kernel does not tell what dropped them");
	}
}

/* Whether packets got to somebody else; the reason says how. */
static bool went_astray(const struct judge_context *context, struct judgement *ret)
{
	const struct judge_astray *astray = &context->astray;
	const char *what = astray->answers ? "the answers to it" : "its packets";
	const char *whose = astray->answers ? "its IP or MAC address" : "its router's address";

	if (astray->answers || astray->requests)
		snprintf(ret->reason, sizeof(ret->reason),
			 "%s also leave by %s, another port of its bridge%s%s: somebody there "
			 "claims %s, or the bridge floods",
			 what, astray->port, *astray->to ? ", to " : "", astray->to, whose);
	else if (astray->router)
		snprintf(ret->reason, sizeof(ret->reason),
			 "it has a wrong MAC address for its router (ip neigh): somebody on its "
			 "bridge claims the router's address");
	else if (ends_elsewhere(context))
		snprintf(ret->reason, sizeof(ret->reason),
			 "another namespace gets the answers to it: somebody there claims its "
			 "address");
	return *ret->reason;
}

void judge_in(const struct check *check, const struct peer_evidence *evidence,
	      const struct judge_context *context, struct judgement *ret)
{
	*ret = (struct judgement){ .verdict = VERDICT_UNKNOWN, .by = CAUGHT_UNKNOWN };
	if (went_astray(context, ret))
		return;
	judge_messages(check, evidence, context, ret);
	if (!evidence->lost || ret->verdict == VERDICT_VERIFIED ||
	    ret->verdict == VERDICT_DELIVERS_CORRUPT || ret->verdict == VERDICT_NOT_POSSIBLE)
		return;
	ret->verdict = VERDICT_UNKNOWN;
	snprintf(ret->reason, sizeof(ret->reason),
		 "its own socket had no room for %u datagrams: somebody floods it", evidence->lost);
}

void judge_out(const struct peer_evidence *evidence, const struct judge_context *context,
	       struct judgement *ret)
{
	*ret = (struct judgement){ .verdict = VERDICT_UNKNOWN, .by = CAUGHT_UNKNOWN };
	if (went_astray(context, ret))
		return;
	if (evidence->tx_bad || evidence->tx_unfinished) {
		ret->verdict = VERDICT_DELIVERS_CORRUPT;
		ret->by = CAUGHT_NOBODY;
		snprintf(ret->reason, sizeof(ret->reason), "%u of %u packets left with %s checksum",
			 evidence->tx_bad + evidence->tx_unfinished,
			 evidence->tx_bad + evidence->tx_unfinished + evidence->tx_good,
			 evidence->tx_bad ? "a wrong" : "an unfinished");
	} else if (evidence->tx_good) {
		ret->verdict = VERDICT_VERIFIED;
	} else {
		ret->verdict = VERDICT_BLOCKED;
		snprintf(ret->reason, sizeof(ret->reason), "none of its packets came out");
	}
}
