// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The words for one cell: its name, its verdict, who caught the damage, and its evidence. What is said
 * about a whole run is in conclusion.c.
 */
#include "cmd/lab/words.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "lab/topology.h"

static const char *const proto_words[PROTOS] = { "TCP", "UDP", "UDP" };

/* What a term of the legend is about, and so when it occurs. */
enum topic {
	TOPIC_SKIPPED,
	TOPIC_VERDICT,
	TOPIC_DIFFERS,
	TOPIC_CATCHER,
	TOPIC_BEHAVIOUR,
	TOPIC_MITIGATION
};

static const struct legend_row {
	enum topic topic;
	int value; /* of the topic's enum */
	const char *term, *meaning;
} legend[] = {
	{ TOPIC_VERDICT, VERDICT_VERIFIED, "verified",
	  "the application read no wrong byte; beside it who caught the damage" },
	{ TOPIC_VERDICT, VERDICT_DELIVERS_CORRUPT, "DELIVERED n/m",
	  "the application read n of the damage window's m messages with wrong bytes in them" },
	{ TOPIC_VERDICT, VERDICT_BLOCKED, "blocked", "no data came through, damaged or not" },
	{ TOPIC_VERDICT, VERDICT_UNKNOWN, "unknown",
	  "the cell ran, but its verdict could not be found out" },
	{ TOPIC_SKIPPED, 0, "not here",
	  "this kernel lacks what the cell needs; counted as skipped" },
	{ TOPIC_DIFFERS, 0, "!", "differs from what is known of this cell" },
	{ TOPIC_CATCHER, CAUGHT_CONTAINER, "container",
	  "the container's own TCP or UDP checked it and dropped it" },
	{ TOPIC_CATCHER, CAUGHT_HOST, "host",
	  "the host's own TCP or UDP dropped it; with NAT because conntrack did not translate it" },
	{ TOPIC_CATCHER, CAUGHT_RULE, "rule",
	  "a firewall rule on the host dropped what conntrack finds INVALID" },
	{ TOPIC_CATCHER, CAUGHT_OUTER_UDP, "outer-udp",
	  "the outer UDP checksum of the tunnel failed at the host" },
	{ TOPIC_BEHAVIOUR, BEHAVIOUR_NATIVE, "native", "this kernel as it is" },
	{ TOPIC_BEHAVIOUR, BEHAVIOUR_VETH_2016, "veth-2016",
	  "with veth's statement of before 2016, which marked unchecked packets as checked (emulated)" },
	{ TOPIC_MITIGATION, MITIGATION_RX_OFF, "rx-off",
	  "ethtool -K eth0 rx off inside the container, before its link is up" },
	{ TOPIC_MITIGATION, MITIGATION_RESET, "reset",
	  "a BPF program at the container's ingress takes the mark \"checked\" away again" },
};

static bool term_occurs(const struct legend_row *term, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	switch (term->topic) {
	case TOPIC_SKIPPED:
		return result->skipped;
	case TOPIC_VERDICT:
		return !result->skipped && (int)result->verdict == term->value;
	case TOPIC_DIFFERS:
		return words_differs(result);
	case TOPIC_CATCHER:
		return result->verdict == VERDICT_VERIFIED && (int)result->caught_by == term->value;
	case TOPIC_BEHAVIOUR:
		return (int)cell->key.behaviour == term->value;
	case TOPIC_MITIGATION:
		return (int)cell->key.mitigation == term->value;
	}
	return false;
}

static bool term_occurs_in(const struct legend_row *term, const struct grid *grid)
{
	for (size_t i = 0; i < grid->row_count * grid->column_count * GRID_FAMILIES; i++) {
		const struct grid_row *row = &grid->rows[i / GRID_FAMILIES / grid->column_count];
		const struct grid_place *place =
			&row->place[i / GRID_FAMILIES % grid->column_count];
		const struct lab_cell *cell = place->cell[i % GRID_FAMILIES];

		if (cell && term_occurs(term, cell))
			return true;
	}
	return false;
}

void words_legend(const struct grid *grid, words_fact_fn fact, void *owner)
{
	for (size_t i = 0; i < ARRAY_SIZE(legend); i++)
		if (term_occurs_in(&legend[i], grid))
			fact(owner, legend[i].term, legend[i].meaning);
}

bool words_differs(const struct cell_result *result)
{
	return !result->skipped && result->verdict != VERDICT_UNKNOWN && result->has_expected &&
	       !result->as_expected;
}

const char *words_verdict(const struct cell_result *result)
{
	static const char *const verdicts[VERDICTS] = {
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_VERIFIED] = "verified",
		[VERDICT_DELIVERS_CORRUPT] = "DELIVERED",
		[VERDICT_BLOCKED] = "blocked",
	};

	return result->skipped ? "not here" : verdicts[result->verdict];
}

void words_verdict_of(FILE *out, const struct cell_result *a, const struct cell_result *b,
		      const struct lab_settings *settings)
{
	uint32_t least = a->delivered_damaged, most = a->delivered_damaged;

	fputs(words_verdict(a), out);
	if (a->verdict != VERDICT_DELIVERS_CORRUPT)
		return;
	if (b && b->delivered_damaged < least)
		least = b->delivered_damaged;
	if (b && b->delivered_damaged > most)
		most = b->delivered_damaged;
	fprintf(out, " %" PRIu32, least);
	if (most > least)
		fprintf(out, "-%" PRIu32, most);
	/* A retransmission of an earlier message may be damaged in the window as well. */
	if (most <= settings->during)
		fprintf(out, "/%" PRIu32, settings->during);
}

const char *words_catcher(enum caught_by caught_by)
{
	static const char *const catchers[CAUGHT_BYS] = {
		[CAUGHT_UNKNOWN] = "",	[CAUGHT_NOBODY] = "",	[CAUGHT_CONTAINER] = "container",
		[CAUGHT_HOST] = "host", [CAUGHT_RULE] = "rule", [CAUGHT_OUTER_UDP] = "outer-udp",
	};

	return catchers[caught_by];
}

void words_caught_by(FILE *out, const struct cell_key *key, enum caught_by caught_by)
{
	static const char *const sentences[CAUGHT_BYS] = {
		[CAUGHT_UNKNOWN] = "it is not known whom",
		[CAUGHT_NOBODY] = "nobody",
		[CAUGHT_CONTAINER] = "the container's own ",
		[CAUGHT_HOST] = "the host's own ",
		[CAUGHT_RULE] = "the host's rule that drops what conntrack finds INVALID",
		[CAUGHT_OUTER_UDP] = "the tunnel's outer UDP checksum, at the host",
	};

	fputs(sentences[caught_by], out);
	if (caught_by == CAUGHT_CONTAINER || caught_by == CAUGHT_HOST)
		fputs(proto_words[key->proto], out);
	if (caught_by == CAUGHT_HOST && key->topology->host_check == HOST_CHECK_NAT)
		fputs(", since conntrack did not translate it", out);
}

void words_cell_name(FILE *out, const struct cell_key *key)
{
	char column[64];

	grid_column_name(&(struct grid_column){ key->behaviour, key->mitigation }, column,
			 sizeof(column));
	fprintf(out, "%s IPv%d %s", key->topology->name, key->family == AF_INET6 ? 6 : 4,
		proto_words[key->proto]);
	if (key->proto == PROTO_UDP_NOCHECK)
		fputs(" without checksum", out);
	if (key->nic != NIC_PLAIN)
		fprintf(out, ", NIC %s", nic_names[key->nic]);
	fprintf(out, ", %s", column);
}

void words_duration(FILE *out, uint64_t ns)
{
	if (ns < 1000000)
		fprintf(out, "%" PRIu64 " µs", ns / 1000);
	else if (ns < 1000000000)
		fprintf(out, "%" PRIu64 " ms", ns / 1000000);
	else
		fprintf(out, "%.2f s", (double)ns / 1e9);
}

static void say_messages(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	fprintf(out,
		"%" PRIu32 " sent, %" PRIu32 " read intact, %" PRIu32 " read damaged (%" PRIu64
		" wrong byte%s), %" PRIu32 " never read; longest delay ",
		result->sent, result->delivered, result->delivered_damaged, result->bytes_wrong,
		result->bytes_wrong == 1 ? "" : "s", result->not_delivered);
	words_duration(out, result->longest_delay_ns);
}

static void say_wire(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	fprintf(out, "%" PRIu32 " segment%s damaged", result->damaged_on_wire,
		result->damaged_on_wire == 1 ? "" : "s");
	if (result->damaged_unseen)
		fprintf(out, ", of which %" PRIu32 " with a checksum that is right in spite of it",
			result->damaged_unseen);
	if (result->unchanged_on_wire)
		fprintf(out, "; %" PRIu32 " that the pattern could not change",
			result->unchanged_on_wire);
}

static void say_counters(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	fprintf(out, "InCsumErrors: container TCP %" PRIu64 ", UDP %" PRIu64,
		result->container.tcp_in_csum_errors, result->container.udp_in_csum_errors);
	fprintf(out, "; host TCP %" PRIu64 ", UDP %" PRIu64, result->host.tcp_in_csum_errors,
		result->host.udp_in_csum_errors);
	fprintf(out, "; conntrack invalid %" PRIu64 "; dropped by the rule %" PRIu64,
		result->host.conntrack_invalid, result->rule_drops);
}

/* How many damaged segments the one who caught them counted. */
static uint64_t counted(const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	bool tcp = cell->key.proto == PROTO_TCP;

	switch (result->caught_by) {
	case CAUGHT_CONTAINER:
		return tcp ? result->container.tcp_in_csum_errors
			   : result->container.udp_in_csum_errors;
	case CAUGHT_HOST:
		return tcp ? result->host.tcp_in_csum_errors : result->host.udp_in_csum_errors;
	case CAUGHT_OUTER_UDP:
		return result->host.udp_in_csum_errors;
	case CAUGHT_RULE:
		return result->rule_drops;
	default:
		return 0;
	}
}

/* Why the number of damaged segments and the counter of who caught them are not the same. */
static void say_difference(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	uint64_t seen = counted(cell);
	uint64_t visible = result->damaged_on_wire - result->damaged_unseen;

	if (result->verdict == VERDICT_DELIVERS_CORRUPT) {
		if (result->delivered_damaged == result->damaged_on_wire)
			return;
		fprintf(out,
			"%" PRIu32 " damaged segments made %" PRIu32
			" damaged messages: a segment may "
			"carry several messages, or repeat data that was already read, which TCP "
			"throws away unread",
			result->damaged_on_wire, result->delivered_damaged);
	} else if (seen < visible) {
		fprintf(out,
			"%" PRIu64 " of the %" PRIu64
			" damaged segments were not counted: they were "
			"dropped before the check, or still on their way when the counters were read",
			visible - seen, visible);
	} else if (seen > visible) {
		fprintf(out,
			"%" PRIu64 " counted beyond the %" PRIu64
			" damaged segments: a segment that "
			"the host cut or copied is counted once for each piece",
			seen - visible, visible);
	}
}

static void say_caught(FILE *out, const struct lab_cell *cell)
{
	words_caught_by(out, &cell->key, cell->result.caught_by);
}

static void say_known(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	if (!result->has_expected) {
		fputs("nothing is known of this cell", out);
		return;
	}
	if (result->as_expected) {
		fputs("as found", out);
		return;
	}
	fprintf(out, "NOT as found: %s, caught by ", verdict_names[result->expected]);
	words_caught_by(out, &cell->key, result->expected_by);
}

static void say_reason(FILE *out, const struct lab_cell *cell)
{
	fputs(cell->result.reason, out);
}

int words_evidence(const struct lab_cell *cell, words_fact_fn fact, void *owner)
{
	static const struct {
		const char *name;
		void (*say)(FILE *out, const struct lab_cell *cell);
		bool always; /* also of a skipped cell */
	} facts[] = {
		{ "messages", say_messages, false }, { "wire", say_wire, false },
		{ "counters", say_counters, false }, { "difference", say_difference, false },
		{ "caught by", say_caught, false },  { "known", say_known, false },
		{ "reason", say_reason, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		_cleanup_free_ char *text = NULL;
		size_t size = 0;
		FILE *out;

		if (cell->result.skipped && !facts[i].always)
			continue;
		out = open_memstream(&text, &size);
		if (!out)
			return fail(-ENOMEM, "no memory for a cell's evidence");
		facts[i].say(out, cell);
		fclose(out);
		if (size)
			fact(owner, facts[i].name, text);
	}
	return 0;
}
