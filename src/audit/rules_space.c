// SPDX-License-Identifier: GPL-2.0-or-later
/* Rules about namespaces: settings, counters, sockets. */
#include <stdio.h>
#include <string.h>

#include "audit/rule.h"
#include "base/cleanup.h"

static const struct audit_place nowhere = { AUDIT_NONE, AUDIT_NONE };

void audit_find_unchecked_nat(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;
	bool doubtful = audit_veth_doubtful(facts->kernel);

	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		const struct audit_space *space = &facts->space[i];

		if (space->sysctl[SYSCTL_CONNTRACK_CHECKSUM] != 0 || space->nat != NAT_YES)
			continue;
		audit_add(
			judgement,
			&(struct audit_hit){
				.severity = doubtful ? AUDIT_DANGER : AUDIT_WARNING,
				.place = { i, AUDIT_NONE },
				.other = nowhere,
				.detail =
					doubtful
						? "This kernel's veth may let them through to the "
						  "container's application."
						: "Since Linux 4.4 the container's own stack still "
						  "notices: one guard of two is off." });
	}
}

/* Programs known to verify what a packet socket gives them. */
static const char *const verifiers[] = { "dhclient", "udhcpc",	 "dhcpcd", "dhcpd",
					 "vpp",	     "vpp_main", "runsc",  "runsc-sandbox" };

static bool verifies(const char *comm)
{
	for (size_t i = 0; i < ARRAY_SIZE(verifiers); i++)
		if (!strcmp(comm, verifiers[i]))
			return true;
	return false;
}

/* The device a socket reads from where somebody leaves sums unfinished, and who that is. */
static struct audit_place unfinished_at(const struct audit_facts *facts, size_t space,
					const struct audit_packet_socket *socket,
					struct audit_place *ret_sender)
{
	for (size_t i = 0; i < facts->inventory.space[space].device_count; i++) {
		struct audit_place place = { space, i };

		if (socket->index && socket->index != audit_device(facts, place)->index)
			continue;
		*ret_sender = audit_unfinished_sender(facts, place);
		if (ret_sender->device != AUDIT_NONE)
			return place;
	}
	return nowhere;
}

static void look_at_socket(struct audit_judgement *judgement, size_t space,
			   const struct audit_packet_socket *socket)
{
	struct audit_place sender, place = unfinished_at(judgement->facts, space, socket, &sender);
	char who[64];

	if (place.device == AUDIT_NONE)
		return;
	if (socket->pid)
		snprintf(who, sizeof(who), "%s (pid %d)", socket->comm, socket->pid);
	else
		snprintf(who, sizeof(who), "A process of another namespace");
	audit_add(judgement, &(struct audit_hit){ .severity = verifies(socket->comm) ? AUDIT_WARNING
										     : AUDIT_NOTE,
						  .place = place,
						  .other = sender,
						  .detail = who });
}

void audit_find_packet_socket(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;

	for (size_t i = 0; i < facts->inventory.space_count; i++)
		for (size_t k = 0; k < facts->space[i].packet_socket_count; k++)
			if (!facts->space[i].packet_socket[k].sees_status)
				look_at_socket(judgement, i, &facts->space[i].packet_socket[k]);
}

void audit_find_csum_failure(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;
	struct audit_place place = { 0, AUDIT_NONE };
	char detail[80];

	if (!facts->csum_failures)
		return;
	for (size_t i = 0; i < facts->inventory.space[0].device_count; i++)
		if (!strcmp(facts->space[0].device[i].name, facts->csum_failure_device))
			place.device = i;
	snprintf(detail, sizeof(detail), "%u time%s, last of %s", facts->csum_failures,
		 facts->csum_failures == 1 ? "" : "s", facts->csum_failure_device);
	audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
						  .place = place,
						  .other = nowhere,
						  .detail = detail });
}

/* Fewer than this share of what was received is a note: every long-lived host has seen one. */
#define ERRORS_PER_PACKET 1000000

void audit_find_checksum_errors(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;

	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		const struct counters *counters = &facts->space[i].counters;
		const struct {
			const char *proto;
			uint64_t errors;
		} of[] = { { "TCP", counters->tcp_in_csum_errors },
			   { "UDP", counters->udp_in_csum_errors },
			   { "ICMP", counters->icmp_in_csum_errors } };
		char detail[200] = "";
		uint64_t errors = 0;
		size_t used = 0;

		for (size_t k = 0; k < ARRAY_SIZE(of); k++) {
			if (of[k].errors)
				used += (size_t)snprintf(detail + used, sizeof(detail) - used,
							 "%s%llu %s", errors ? ", " : "",
							 (unsigned long long)of[k].errors,
							 of[k].proto);
			errors += of[k].errors;
		}
		if (!errors)
			continue;
		snprintf(detail + used, sizeof(detail) - used,
			 " packet%s with a wrong checksum, of %llu received",
			 errors == 1 ? "" : "s", (unsigned long long)counters->in_packets);
		audit_add(judgement,
			  &(struct audit_hit){ .severity = errors >= counters->in_packets /
										   ERRORS_PER_PACKET
								   ? AUDIT_WARNING
								   : AUDIT_NOTE,
					       .place = { i, AUDIT_NONE },
					       .other = nowhere,
					       .detail = detail });
	}
}

void audit_find_conntrack_invalid(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;

	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		uint64_t invalid = facts->space[i].counters.conntrack_invalid;
		char detail[48];

		if (!invalid)
			continue;
		snprintf(detail, sizeof(detail), "%llu packet%s so far",
			 (unsigned long long)invalid, invalid == 1 ? "" : "s");
		audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
							  .place = { i, AUDIT_NONE },
							  .other = nowhere,
							  .detail = detail });
	}
}
