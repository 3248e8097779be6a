// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verdicts: see judge.h.
 *
 * "verified" needs all of this: the intact letters arrived; the compensated one did, damaged, so that damage
 * does get through this way when nothing notices it; the damaged ones did not; and somebody is known to
 * have dropped them. Whatever is missing makes it unknown, and says so.
 */
#include "probe/judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static bool is_csum(const struct drop *drop)
{
	size_t len = strlen(drop->reason);

	return len > 5 && !strcmp(drop->reason + len - 5, "_CSUM");
}

static bool is_here(const struct drop *drop, uint32_t netns)
{
	return drop->netns == netns;
}

/* By the kernel's own word where it gives one, else by the counters. */
static enum caught_by who_caught(const struct talk_evidence *evidence,
				 const struct circumstances *around)
{
	for (unsigned int i = 0; i < around->drop_count; i++) {
		const struct drop *drop = &around->drop[i];

		if (drop->outbound)
			continue;
		if (is_csum(drop) && drop->tunnelled)
			return CAUGHT_OUTER_UDP;
		/* Dropped while it was read from a socket's queue, it has left its device behind. */
		if (is_csum(drop) && (!drop->netns || is_here(drop, around->target_netns)))
			return CAUGHT_SOCKET;
		if (is_csum(drop) && is_here(drop, around->host_netns))
			return CAUGHT_CONNTRACK;
		if (!strcmp(drop->reason, "NETFILTER_DROP"))
			return CAUGHT_RULE;
	}
	/* An outer checksum has its say first. */
	if (around->damaged && evidence->outer_sum && around->host_udp_errors >= around->damaged)
		return CAUGHT_OUTER_UDP;
	if (around->damaged && around->target_errors >= around->damaged)
		return CAUGHT_SOCKET;
	if (around->damaged && around->host_errors >= around->damaged)
		return CAUGHT_CONNTRACK;
	return CAUGHT_UNKNOWN;
}

/* Drop reasons that say why nothing gets through. */
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

static bool name_hindrance(const struct circumstances *around, bool outbound, char *text,
			   size_t size)
{
	for (unsigned int i = 0; i < around->drop_count; i++) {
		const struct drop *drop = &around->drop[i];
		const char *where = is_here(drop, around->host_netns)	  ? "on the host"
				    : is_here(drop, around->target_netns) ? "in the target"
									  : "on the way";

		for (size_t k = 0; drop->outbound == outbound && k < ARRAY_SIZE(hindrances); k++) {
			if (strcmp(drop->reason, hindrances[k].reason) != 0)
				continue;
			snprintf(text, size, "%s %s drops what %s it", hindrances[k].words, where,
				 outbound ? "leaves" : "comes back to");
			return true;
		}
	}
	return false;
}

static const char *errno_words(int error)
{
	switch (error) {
	case ENETUNREACH:
		return "it has no route to the outside";
	case EHOSTUNREACH:
		return "a router on the way says that the host is unreachable";
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

static void blocked(const struct talk_evidence *evidence, const struct circumstances *around,
		    struct judgement *ret)
{
	char *text = ret->reason;
	size_t size = sizeof(ret->reason);

	ret->verdict = VERDICT_BLOCKED;
	/* What a rule drops with a refusal is the rule's doing. */
	if (name_hindrance(around, !evidence->met, text, size))
		return;
	if (evidence->error)
		snprintf(text, size, "%s", errno_words(evidence->error));
	else if (!evidence->met && !around->target_is_host && !around->host_forwards)
		snprintf(text, size,
			 "the host does not forward (net.ipv4.ip_forward, "
			 "net.ipv6.conf.all.forwarding)");
	else if (!evidence->met)
		snprintf(text, size,
			 "what it sent did not come out: lost between it and the host's routing");
	else
		snprintf(text, size, "the intact answers did not come back to it");
}

static bool letter_is(const struct check *check, const struct talk_evidence *evidence,
		      enum treatment treatment, enum arrival arrival)
{
	for (unsigned int i = 0; check->letters[i] != TREAT_END; i++)
		if (check->letters[i] == treatment && evidence->arrived[i] == arrival)
			return true;
	return false;
}

static bool all_are(const struct check *check, const struct talk_evidence *evidence,
		    enum treatment treatment, enum arrival arrival)
{
	for (unsigned int i = 0; check->letters[i] != TREAT_END; i++)
		if (check->letters[i] == treatment && evidence->arrived[i] != arrival)
			return false;
	return true;
}

static void unknown(struct judgement *ret, const char *reason)
{
	ret->verdict = VERDICT_UNKNOWN;
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static bool any_other(const struct check *check, const struct talk_evidence *evidence)
{
	for (enum treatment t = TREAT_INTACT; t <= TREAT_PAIR; t++)
		if (letter_is(check, evidence, t, ARRIVED_OTHER))
			return true;
	return letter_is(check, evidence, TREAT_INTACT, ARRIVED_DAMAGED);
}

void judge_in(const struct check *check, const struct talk_evidence *evidence,
	      const struct circumstances *around, struct judgement *ret)
{
	bool damaged = letter_is(check, evidence, TREAT_PAYLOAD, ARRIVED_DAMAGED) ||
		       letter_is(check, evidence, TREAT_FIELD, ARRIVED_DAMAGED);
	/* Over TCP what was dropped comes again, intact; over UDP it does not come. */
	enum arrival dropped = check->proto == IPPROTO_TCP ? ARRIVED_INTACT : ARRIVED_NOTHING;

	*ret = (struct judgement){ .by = CAUGHT_UNKNOWN };
	if (evidence->arrived[0] == ARRIVED_NOTHING) {
		blocked(evidence, around, ret);
	} else if (any_other(check, evidence)) {
		unknown(ret,
			"it read bytes that the peer never sent: something on the way rewrites them");
	} else if (damaged) {
		ret->verdict = VERDICT_DELIVERS_CORRUPT;
		ret->by = CAUGHT_NOBODY;
		ret->inherent = check->shape == SHAPE_NO_CHECK;
	} else if (check->shape == SHAPE_MERGED && around->no_merging) {
		unknown(ret, around->no_merging);
	} else if (check->shape == SHAPE_MERGED && !evidence->merged) {
		unknown(ret, "GRO merged nothing, so nothing was shown of merged packets");
	} else if (check->shape == SHAPE_NO_CHECK &&
		   who_caught(evidence, around) != CAUGHT_OUTER_UDP) {
		unknown(ret,
			"damage under no checksum did not arrive: something on the way checks more");
	} else if (!letter_is(check, evidence, TREAT_PAIR, ARRIVED_DAMAGED)) {
		unknown(ret,
			"damage that no checksum can see did not arrive either: something on the way "
			"checks more, or packets were lost");
	} else if (!all_are(check, evidence, TREAT_INTACT, ARRIVED_INTACT) ||
		   !all_are(check, evidence, TREAT_PAYLOAD, dropped) ||
		   !all_are(check, evidence, TREAT_FIELD, dropped)) {
		unknown(ret, "the connection ended before every letter had its answer");
	} else {
		ret->by = who_caught(evidence, around);
		ret->verdict = VERDICT_VERIFIED;
		if (ret->by == CAUGHT_UNKNOWN)
			unknown(ret,
				"the damaged packets vanished, and nobody says who dropped them");
	}
}

void judge_out(const struct check *check, const struct talk_evidence *evidence,
	       struct judgement *ret)
{
	*ret = (struct judgement){ .by = CAUGHT_UNKNOWN };
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
		snprintf(ret->reason, sizeof(ret->reason), "nothing of it came out");
	}
	(void)check;
}
