// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is known of a cell: see expect.h.
 *
 * A damaged packet is followed from the wire to the socket with the claim it carries
 * (skb->ip_summed), past everyone who might look at its checksum. Linux 6.1 with and without the 2016
 * statement did the same in every cell that was tried with it (routed, nested, both bridges, mesos,
 * conntrack, both DNAT rows, masquerade, both VXLAN rows, macvlan, ipvlan, local; plain, honest and
 * lying NICs, unfinished sums, compensating flips, UDP without checksum; v4 and v6); cells beyond that
 * follow from the code named below.
 */
#include "lab/expect.h"

#include "lab/topology.h"

/* The claim about the innermost checksum. */
enum claim {
	CLAIM_NONE, /* CHECKSUM_NONE: whoever cares verifies */
	CLAIM_VOUCHED, /* CHECKSUM_UNNECESSARY */
	CLAIM_SETTLED, /* CHECKSUM_PARTIAL: nobody verifies, and `reset` does not reach it */
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
		/* Good on receive by definition: the sender has not written it yet. It is the innermost
		 * sum that is left unfinished, if there is one. */
		return key->proto == PROTO_UDP_NOCHECK ? CLAIM_NONE : CLAIM_SETTLED;
	case NIC_PLAIN:
	case NIC_HONEST: /* vouches for undamaged packets only */
	case NICS:
		break;
	}
	return CLAIM_NONE;
}

/*
 * What is left of the outer packet's claim behind the tunnel's end: nothing. Without an outer checksum
 * the claim is used up on the outer UDP header (__skb_decr_checksum_unnecessary() in
 * __skb_checksum_validate_needed(), include/linux/skbuff.h). With one, a vouched outer checksum is
 * believed and turned into CHECKSUM_COMPLETE for the inner packet (skb_checksum_try_convert(),
 * net/ipv4/udp.c), by which the damage would pass; but forwarding it into the container makes that
 * NONE again (skb_forward_csum() in ip_forward()).
 */
static enum claim claim_behind_tunnel(enum carrier carrier, enum claim claim)
{
	bool tunnel = carrier == CARRIER_VXLAN || carrier == CARRIER_VXLAN_CSUM;

	return tunnel && claim == CLAIM_VOUCHED ? CLAIM_NONE : claim;
}

struct expectation expect(const struct cell_key *key, bool unseen)
{
	const struct topology *topology = key->topology;
	enum claim claim = claim_at_entry(key);
	bool has_veth = topology->attach != ATTACH_NONE && topology->attach != ATTACH_MACVLAN &&
			topology->attach != ATTACH_IPVLAN;

	/* The outer UDP checksum covers the inner packet, whatever that one's own checksum is. */
	if (topology->host_check == HOST_CHECK_OUTER_UDP && claim == CLAIM_NONE && !unseen)
		return caught(CAUGHT_OUTER_UDP);
	if (unseen || key->proto == PROTO_UDP_NOCHECK)
		return delivered;
	claim = claim_behind_tunnel(topology->carrier, claim);
	/*
	 * conntrack verifies what nobody vouched for (nf_conntrack_checksum, nf_ip_checksum()): a
	 * damaged packet is INVALID, not translated, and comes to the host's own TCP or UDP.
	 */
	if (claim == CLAIM_NONE && topology->host_check == HOST_CHECK_NAT)
		return caught(CAUGHT_HOST);
	if (claim == CLAIM_NONE && topology->host_check == HOST_CHECK_RULE)
		return caught(CAUGHT_RULE);
	/* rx-off clears the feature that the 2016 statement asks for; today's veth has no statement. */
	if (claim == CLAIM_NONE && has_veth && key->behaviour == BEHAVIOUR_VETH_2016 &&
	    key->mitigation != MITIGATION_RX_OFF)
		claim = CLAIM_VOUCHED;
	if (claim == CLAIM_VOUCHED && key->mitigation == MITIGATION_RESET)
		claim = CLAIM_NONE;
	if (claim != CLAIM_NONE)
		return delivered;
	return caught(topology->attach == ATTACH_NONE ? CAUGHT_HOST : CAUGHT_CONTAINER);
}
