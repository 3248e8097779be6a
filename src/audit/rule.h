/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules' functions share: rules.c has the table, the others the functions. */
#ifndef TRUESUM_AUDIT_RULE_H
#define TRUESUM_AUDIT_RULE_H

#include "audit/rules.h"

struct audit_judgement {
	const struct audit_facts *facts;
	const struct audit_rule *rule;
	struct audit_findings findings;
	bool out_of_memory;
};

struct audit_hit {
	enum audit_severity severity;
	struct audit_place place, other; /* other: as far as the templates want one */
	const char *detail; /* may be NULL */
	const char *link; /* NULL: the rule's */
};

void audit_add(struct audit_judgement *judgement, const struct audit_hit *hit);

/*
 * For a veth the other end, for a bridge the container's end of the first port, that leaves sums
 * unfinished.
 */
struct audit_place audit_unfinished_sender(const struct audit_facts *facts,
					   struct audit_place place);

void audit_find_doubtful_veth(struct audit_judgement *judgement);
void audit_find_unchecked_nat(struct audit_judgement *judgement);
void audit_find_tunnel_offload(struct audit_judgement *judgement);
void audit_find_useless_rx_off(struct audit_judgement *judgement);
void audit_find_xdp_redirect(struct audit_judgement *judgement);
void audit_find_packet_socket(struct audit_judgement *judgement);
void audit_find_uneven_bridge(struct audit_judgement *judgement);
void audit_find_checksum_errors(struct audit_judgement *judgement);
void audit_find_conntrack_invalid(struct audit_judgement *judgement);
void audit_find_csum_failure(struct audit_judgement *judgement);
void audit_find_vxlan_zero(struct audit_judgement *judgement);
void audit_find_lro(struct audit_judgement *judgement);

#endif
