// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What wrong and unfinished sums mean: see diagnosis.h.
 *
 * The scan says which flows may be rewritten (most of their packets are wrong by the same amount)
 * and who sends unfinished sums. Only these are followed, so most captures need no second reading,
 * and one that has only unfinished sums is read until every sender is settled.
 */
#include "pcap/diagnosis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "pcap/lanes.h"
#include "pcap/scan.h"
#include "sum/csum.h"

#define PAIRS_MAX 65536 /* pairs of addresses with flows of one or two damaged packets */
#define CHANCE 200 /* of so many damaged packets one is alike others */
#define FEW 3 /* packets: a flow with fewer proves nothing by itself */

struct diagnosis {
	struct rewritten *rewritten;
	struct unfinished *unfinished;
	uint64_t followed, not_followed; /* packets with wrong sums */
};

static int make(bool learn_flows, bool learn_senders, struct diagnosis **ret_diagnosis)
{
	_cleanup_(diagnosis_cleanup) struct diagnosis *diagnosis = calloc(1, sizeof(*diagnosis));

	if (!diagnosis || rewritten_new(learn_flows, &diagnosis->rewritten) ||
	    unfinished_new(learn_senders, &diagnosis->unfinished))
		return fail(-ENOMEM, "out of memory");
	*ret_diagnosis = TAKE_PTR(diagnosis);
	return 0;
}

int diagnosis_new(struct diagnosis **ret_diagnosis)
{
	return make(true, true, ret_diagnosis);
}

void diagnosis_free(struct diagnosis *diagnosis)
{
	if (!diagnosis)
		return;
	rewritten_free(diagnosis->rewritten);
	unfinished_free(diagnosis->unfinished);
	free(diagnosis);
}

int diagnosis_visit(void *owner, const struct pass_packet *packet)
{
	struct diagnosis *diagnosis = owner;
	int rc = 0;

	if (rewritten_follows(diagnosis->rewritten))
		rc = rewritten_visit(diagnosis->rewritten, packet);
	if (!rc && unfinished_open(diagnosis->unfinished))
		rc = unfinished_visit(diagnosis->unfinished, packet);
	return rc == -ENOMEM ? fail(rc, "out of memory") : rc;
}

/* ---- Which flows to follow ---- */

/* Whether most of so many packets agree on a change; more have to if damage makes such changes. */
static bool leads(uint16_t lead, uint16_t change, uint32_t packets)
{
	return lead == UINT16_MAX || (uint64_t)lead * (lanes_one_bit(change) ? 1 : 4) >= packets;
}

static bool is_suspect(const struct flow_row *row)
{
	return row->header || row->syn ||
	       (row->damaged >= FEW && (leads(row->change_lead, row->change, row->damaged) ||
					leads(row->seed_lead, row->seed_change, row->damaged)));
}

/* A flow of few packets, which may be one of many alike between the same addresses. */
static bool is_small(const struct flow_row *row)
{
	return row->damaged < FEW && !row->header && row->change_lead == row->damaged &&
	       !lanes_one_bit(row->change);
}

static bool is_small_seed(const struct flow_row *row)
{
	return row->damaged < FEW && !row->header && row->seed_lead == row->damaged &&
	       !lanes_one_bit(row->seed_change);
}

static struct packet_flow pair_of(const struct packet_flow *flow)
{
	struct packet_flow pair = *flow;

	pair.proto = 0;
	pair.src_port = pair.dst_port = 0;
	return pair;
}

static int follow(struct diagnosis *diagnosis, const struct flow_row *row)
{
	int rc = rewritten_follow(diagnosis->rewritten, &row->flow, row->change, row->seed_change);

	if (rc == -ENOSPC)
		diagnosis->not_followed += row->damaged;
	else
		diagnosis->followed += row->damaged;
	return rc == -ENOSPC ? 0 : rc;
}

/* Counts the small flows between the same addresses with the same change; then follows these. */
static int follow_small(struct diagnosis *diagnosis, const struct scan *scan, bool seed)
{
	_cleanup_(flows_cleanup) struct flows *pairs = NULL;
	int rc = flows_new(PAIRS_MAX, &pairs);

	for (unsigned int round = 0; round < 2 && !rc; round++) {
		for (size_t i = 0; i < flows_count(scan->flows) && !rc; i++) {
			const struct flow_row *row = flows_row(scan->flows, i);
			struct packet_flow key = pair_of(&row->flow);
			size_t at;

			if (!(seed ? is_small_seed(row) : is_small(row)))
				continue;
			/* The change is part of the key. */
			key.src_port = seed ? row->seed_change : row->change;
			if (flows_add(pairs, &key, &at))
				continue;
			if (!round)
				flows_row(pairs, at)->packets += row->damaged;
			else if (flows_row(pairs, at)->packets >= FEW)
				rc = follow(diagnosis, row);
		}
	}
	return rc;
}

static int follow_flows(struct diagnosis *diagnosis, const struct scan *scan)
{
	bool small = false, small_seed = false;
	int rc = 0;

	for (size_t i = 0; i < flows_count(scan->flows) && !rc; i++) {
		const struct flow_row *row = flows_row(scan->flows, i);

		if (is_suspect(row))
			rc = follow(diagnosis, row);
		small |= is_small(row);
		small_seed |= is_small_seed(row);
	}
	if (!rc && small)
		rc = follow_small(diagnosis, scan, false);
	if (!rc && small_seed)
		rc = follow_small(diagnosis, scan, true);
	return rc;
}

static int follow_senders(struct diagnosis *diagnosis, const struct scan_senders *senders)
{
	int rc = 0;

	for (uint32_t i = 0; i < senders->count && !rc; i++)
		rc = unfinished_follow(diagnosis->unfinished, &senders->sender[i]);
	return rc;
}

int diagnosis_of(const struct scan *scan, struct diagnosis **ret_diagnosis)
{
	_cleanup_(diagnosis_cleanup) struct diagnosis *diagnosis = NULL;
	int rc = make(false, scan->counts.senders.more, &diagnosis);

	if (rc || !diagnosis)
		return rc;
	rc = follow_flows(diagnosis, scan);
	/* Among very many damaged packets, a few are alike by chance. */
	if (!rc && diagnosis->followed < scan->damaged / CHANCE) {
		rewritten_free(TAKE_PTR(diagnosis->rewritten));
		rc = rewritten_new(false, &diagnosis->rewritten);
	}
	rc = rc ? rc : follow_senders(diagnosis, &scan->counts.senders);
	if (rc)
		return fail(rc, "out of memory");
	*ret_diagnosis = TAKE_PTR(diagnosis);
	return 0;
}

/* ---- The second reading ---- */

bool diagnosis_is_open(const struct diagnosis *diagnosis)
{
	return rewritten_follows(diagnosis->rewritten) || unfinished_open(diagnosis->unfinished);
}

static int visit_again(void *owner, const struct pass_packet *packet)
{
	struct diagnosis *diagnosis = owner;
	int rc = diagnosis_visit(diagnosis, packet);

	return rc || diagnosis_is_open(diagnosis) ? rc : PASS_STOP;
}

int diagnosis_read(struct diagnosis *diagnosis, struct capture *capture,
		   const struct pass_watch *watch)
{
	const struct pass_visitor visitor = { .visit = visit_again, .owner = diagnosis };
	const struct pass pass = {
		.depth = PASS_DATAGRAMS, .visitors = &visitor, .visitor_count = 1, .watch = watch
	};
	struct pass_end end;

	return diagnosis_is_open(diagnosis) ? pass_run(capture, &pass, &end) : 0;
}

/* ---- The result ---- */

/* Takes the rewritten packets out of the flows. */
static void clean_flows(const struct diagnosis *diagnosis, struct scan *scan)
{
	for (size_t i = 0; i < flows_count(scan->flows); i++) {
		struct flow_row *row = flows_row(scan->flows, i);
		uint64_t packets = rewritten_packets_of(diagnosis->rewritten, &row->flow);

		row->rewritten = packets < row->damaged ? (uint32_t)packets : row->damaged;
		row->damaged -= row->rewritten;
		row->packets = 0;
		scan->damaged -= row->rewritten;
		scan->rewritten += row->rewritten;
		scan->damaged_flows -= row->rewritten && !row->damaged;
	}
}

/* ... out of the packets that are remembered, and of the differences. */
static void clean_damage(const struct diagnosis *diagnosis, struct scan *scan)
{
	size_t kept = 0;

	for (size_t i = 0; i < scan->damage_count; i++) {
		struct scan_damage *damage = &scan->damage[i];
		const struct flow_row *row =
			damage->flow == UINT32_MAX ? NULL : flows_row(scan->flows, damage->flow);

		if (row && row->rewritten &&
		    rewritten_class_of(diagnosis->rewritten, &row->flow, &damage->wrong) ==
			    CLASS_REWRITTEN) {
			if (damage->owned)
				free((void *)damage->data);
			if (damage->kind == LAYER_IPV4)
				scan->damaged_header--;
			if (!damage->wide)
				scan->differences[csum_minus((uint16_t)damage->computed,
							     (uint16_t)damage->stored)]--;
			continue;
		}
		/* What was compared so far may have been compared with rewritten packets. */
		if (damage->fate == DAMAGE_COMPARED)
			damage->fate = DAMAGE_NO_COPY;
		damage->bits = 0;
		scan->damage[kept++] = *damage;
	}
	scan->damage_count = kept;
}

int diagnosis_decide(struct diagnosis *diagnosis, struct scan *scan,
		     struct diagnosis_result *ret_result)
{
	int rc;

	memset(ret_result, 0, sizeof(*ret_result));
	rc = rewritten_decide(diagnosis->rewritten, &ret_result->rewritten);
	if (rc)
		return rc;
	unfinished_decide(diagnosis->unfinished, &ret_result->unfinished);
	if (ret_result->rewritten.packets) {
		clean_flows(diagnosis, scan);
		clean_damage(diagnosis, scan);
	}
	ret_result->rewritten.packets = scan->rewritten;
	ret_result->rewritten.not_followed += diagnosis->not_followed;
	return 0;
}

enum rewritten_class diagnosis_class(const struct diagnosis *diagnosis,
				     const struct packet_judgement *judgement)
{
	struct wrong wrong = wrong_of(judgement);

	return rewritten_class_of(diagnosis->rewritten, &judgement->flow, &wrong);
}
