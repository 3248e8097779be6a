// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verdict on a cell: see judge.h.
 *
 * The expectation follows a damaged packet from the wire to the socket, with the claim about its
 * checksum that it carries (skb->ip_summed), past each part of the kernel that may check it. Linux
 * 6.1, with and without the 2016 statement, did the same in every cell that was tried on it:
 * routed, nested, both bridges, mesos, conntrack, both DNAT topologies, masquerade, both VXLAN
 * topologies, macvlan, ipvlan, local; plain, honest and lying NICs, unfinished sums, compensating
 * flips, UDP without checksum; IPv4 and IPv6. Other cells follow from the kernel functions named
 * below.
 *
 * The evidence says something about damage only if three things hold: the messages before the
 * damage window arrived (there is a way in), the wire changed bits (there was damage), and no byte
 * was wrong before that. Damage that was not delivered counts as verified only if a counter shows
 * who dropped it: a packet that just disappeared proves nothing.
 */
#include "lab/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "lab/message.h"
#include "lab/run.h"
#include "lab/topology.h"

struct expectation {
	enum verdict verdict;
	enum caught_by caught_by;
};

/* What a packet claims about its innermost checksum. */
enum claim {
	CLAIM_NONE, /* CHECKSUM_NONE: the socket's TCP or UDP verifies */
	CLAIM_VOUCHED, /* CHECKSUM_UNNECESSARY */
	CLAIM_SETTLED, /* CHECKSUM_PARTIAL: nothing verifies it, `reset` leaves it alone */
};

static const struct expectation delivered = { VERDICT_DELIVERS_CORRUPT, CAUGHT_NOBODY };

static struct expectation caught(enum caught_by by)
{
	return (struct expectation){ VERDICT_VERIFIED, by };
}

static enum claim claim_at_entry(const struct cell_key *key)
{
	switch (key->nic) {
	case NIC_LYING:
		return CLAIM_VOUCHED;
	case NIC_PARTIAL:
		/*
		 * The receiver takes an unfinished sum as good: the sender has not written it yet.
		 * It is the innermost sum that is unfinished, if there is one.
		 */
		return key->proto == PROTO_UDP_NOCHECK ? CLAIM_NONE : CLAIM_SETTLED;
	case NIC_PLAIN:
	case NIC_HONEST: /* vouches only for undamaged packets */
	case NICS:
		break;
	}
	return CLAIM_NONE;
}

/*
 * A vouched packet loses its claim at the tunnel's end. Without an outer checksum the kernel spends
 * the claim on the outer UDP header (__skb_decr_checksum_unnecessary() in
 * __skb_checksum_validate_needed(), include/linux/skbuff.h). With one, it believes the vouched
 * outer checksum and makes it CHECKSUM_COMPLETE for the inner packet (skb_checksum_try_convert(),
 * net/ipv4/udp.c); the damage would pass, but forwarding into the container sets CHECKSUM_NONE
 * again (skb_forward_csum() in ip_forward()).
 */
static enum claim claim_after_tunnel(enum carrier carrier, enum claim claim)
{
	bool tunnel = carrier == CARRIER_VXLAN || carrier == CARRIER_VXLAN_CSUM;

	return tunnel && claim == CLAIM_VOUCHED ? CLAIM_NONE : claim;
}

/*
 * What is expected of a cell. `unseen`: the damage leaves the checksum right, so no kernel notices.
 */
static struct expectation expectation_of(const struct cell_key *key, bool unseen)
{
	const struct topology *topology = key->topology;
	enum claim claim = claim_at_entry(key);
	bool has_veth = topology->attach != ATTACH_NONE && topology->attach != ATTACH_MACVLAN &&
			topology->attach != ATTACH_IPVLAN;

	/* The outer UDP checksum covers the inner packet, whatever the inner checksum is. */
	if (topology->host_check == HOST_CHECK_OUTER_UDP && claim == CLAIM_NONE && !unseen)
		return caught(CAUGHT_OUTER_UDP);
	if (unseen || key->proto == PROTO_UDP_NOCHECK)
		return delivered;
	claim = claim_after_tunnel(topology->carrier, claim);
	/*
	 * conntrack verifies a packet without a claim (nf_conntrack_checksum, nf_ip_checksum()): a
	 * damaged one is INVALID, so it is not translated, and ends in the host's own TCP or UDP.
	 */
	if (claim == CLAIM_NONE && topology->host_check == HOST_CHECK_NAT)
		return caught(CAUGHT_HOST);
	if (claim == CLAIM_NONE && topology->host_check == HOST_CHECK_RULE)
		return caught(CAUGHT_RULE);
	/* The 2016 statement vouches only if the feature that rx-off clears is on. */
	if (claim == CLAIM_NONE && has_veth && key->behaviour == BEHAVIOUR_VETH_2016 &&
	    key->mitigation != MITIGATION_RX_OFF)
		claim = CLAIM_VOUCHED;
	if (claim == CLAIM_VOUCHED && key->mitigation == MITIGATION_RESET)
		claim = CLAIM_NONE;
	if (claim != CLAIM_NONE)
		return delivered;
	return caught(topology->attach == ATTACH_NONE ? CAUGHT_HOST : CAUGHT_CONTAINER);
}

static void count_messages(struct cell_result *result)
{
	for (uint32_t k = 0; k < result->message_count; k++) {
		const struct message_fate *fate = &result->messages[k];
		bool whole = fate->bytes_read == message_len(k);

		if (!fate->sent)
			continue;
		if (fate->bytes_wrong)
			result->delivered_damaged++;
		else if (whole)
			result->delivered++;
		else
			result->not_delivered++;
		if (whole && fate->read_ns - fate->sent_ns > result->longest_delay_ns)
			result->longest_delay_ns = fate->read_ns - fate->sent_ns;
	}
}

/* Whether the first `count` messages were read as they were sent. */
static bool control_arrived(const struct cell_result *result, uint32_t count)
{
	for (uint32_t k = 0; k < count; k++)
		if (result->messages[k].bytes_read != message_len(k) ||
		    result->messages[k].bytes_wrong)
			return false;
	return true;
}

/* Finds whose counter shows the drops; *ret_count: how many. CAUGHT_UNKNOWN: no counter does. */
static enum caught_by find_catcher(const struct cell_key *key, const struct cell_result *result,
				   uint64_t *ret_count)
{
	bool tcp = key->proto == PROTO_TCP;
	const struct topology *topology = key->topology;
	const struct {
		enum caught_by caught_by;
		bool possible;
		uint64_t count;
	} counters[] = {
		{ CAUGHT_OUTER_UDP, topology->host_check == HOST_CHECK_OUTER_UDP,
		  result->host.udp_in_csum_errors },
		{ CAUGHT_RULE, true, result->rule_drops },
		{ CAUGHT_CONTAINER, topology->attach != ATTACH_NONE,
		  tcp ? result->container.tcp_in_csum_errors
		      : result->container.udp_in_csum_errors },
		{ CAUGHT_HOST, true,
		  tcp ? result->host.tcp_in_csum_errors : result->host.udp_in_csum_errors },
	};

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		if (!counters[i].possible || !counters[i].count)
			continue;
		*ret_count = counters[i].count;
		return counters[i].caught_by;
	}
	return CAUGHT_UNKNOWN;
}

__attribute__((format(printf, 2, 3))) static void set_reason(struct cell_result *result,
							     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->reason, sizeof(result->reason), format, args);
	va_end(args);
}

static void judge_delivered(bool control, struct cell_result *result)
{
	if (control && result->damaged_on_wire) {
		result->verdict = VERDICT_DELIVERS_CORRUPT;
		result->caught_by = CAUGHT_NOBODY;
	} else {
		set_reason(result,
			   "the application read %" PRIu64
			   " wrong bytes that the switch had not damaged",
			   result->bytes_wrong);
	}
}

static void judge_dropped(const struct cell_key *key, struct cell_result *result)
{
	result->caught_by = find_catcher(key, result, &result->caught);
	if (result->caught_by == CAUGHT_UNKNOWN) {
		set_reason(result,
			   "%" PRIu32 " damaged segments vanished, and no counter says where",
			   result->damaged_on_wire);
		return;
	}
	result->verdict = VERDICT_VERIFIED;
	if (key->proto == PROTO_TCP && result->not_delivered)
		set_reason(result, "%" PRIu32 " messages were still missing when patience ended",
			   result->not_delivered);
}

static void judge_evidence(const struct cell_key *key, const struct lab_settings *settings,
			   bool late, struct cell_result *result)
{
	bool control = control_arrived(result, settings->before);

	if (result->bytes_wrong) {
		judge_delivered(control, result);
	} else if (!control && late) {
		set_reason(result,
			   "this machine was too busy to tell whether anything gets through");
	} else if (!control) {
		result->verdict = VERDICT_BLOCKED;
		set_reason(result, "the messages sent before the damage did not arrive");
	} else if (!result->damaged_on_wire) {
		set_reason(result,
			   "the pattern changed no bit of %" PRIu32
			   " segments: choose another bit or pattern",
			   result->unchanged_on_wire);
	} else {
		judge_dropped(key, result);
	}
}

void judge_cell(const struct cell_key *key, const struct lab_settings *settings, bool late,
		struct cell_result *result)
{
	struct expectation known;

	count_messages(result);
	if (!result->reason[0])
		judge_evidence(key, settings, late, result);
	/* A damaged header may hold another port: there is no general expectation then. */
	if (result->verdict == VERDICT_UNKNOWN || settings->damage.where != DAMAGE_PAYLOAD)
		return;
	known = expectation_of(key, result->damaged_unseen > 0);
	result->expected = known.verdict;
	result->expected_by = known.caught_by;
	result->agreement = result->verdict == known.verdict && result->caught_by == known.caught_by
				    ? AGREEMENT_AS_EXPECTED
				    : AGREEMENT_DIFFERS;
}
