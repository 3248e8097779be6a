// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A run in plain words: see words.h. First one cell (its name, verdict and evidence), then the
 * legend, then the whole run, counted from the grid.
 *
 * A network setup (a row of the grid) has one verdict in a column, that of its worse family: it
 * delivers damage if IPv4 or IPv6 does, it is blocked if one of them is, otherwise it is verified.
 * If neither has a verdict, the row does not count.
 */
#include "cmd/lab/words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "lab/topology.h"
#include "packet/damage.h"

#define NAMES_MAX 5 /* of more network setups only the number is said */

static const char *const proto_words[PROTOS] = { "TCP", "UDP", "UDP" };

static const char *verdict_word(const struct cell_result *result)
{
	static const char *const verdicts[VERDICTS] = {
		[VERDICT_UNKNOWN] = "unknown",
		[VERDICT_VERIFIED] = "verified",
		[VERDICT_DELIVERS_CORRUPT] = "DELIVERED",
		[VERDICT_BLOCKED] = "blocked",
		[VERDICT_NOT_POSSIBLE] = "not possible",
	};

	return result->skipped ? "not here" : verdicts[result->verdict];
}

void words_verdict(FILE *out, const struct cell_result *a, const struct cell_result *b,
		   const struct lab_settings *settings)
{
	uint32_t least = a->delivered_damaged, most = a->delivered_damaged;

	fputs(verdict_word(a), out);
	if (a->verdict != VERDICT_DELIVERS_CORRUPT || !settings)
		return;
	if (b && b->delivered_damaged < least)
		least = b->delivered_damaged;
	if (b && b->delivered_damaged > most)
		most = b->delivered_damaged;
	fprintf(out, " %" PRIu32, least);
	if (most > least)
		fprintf(out, "-%" PRIu32, most);
	/* More than `during`: a retransmission of an earlier message was damaged, too. */
	if (most <= settings->during)
		fprintf(out, "/%" PRIu32, settings->during);
}

void words_caught_by(FILE *out, const struct cell_key *key, enum caught_by caught_by)
{
	static const char *const sentences[CAUGHT_BYS] = {
		[CAUGHT_UNKNOWN] = "unknown",
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
		fputs(", because conntrack did not translate it", out);
}

void words_cell_name(FILE *out, const struct cell_key *key)
{
	char column[64];

	grid_column_name(key->behaviour, key->mitigation, column, sizeof(column));
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
		fprintf(out, ", %" PRIu32 " of them with a checksum that is still right",
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

/* Why the counter that shows the drops differs from the number of damaged segments. */
static void say_difference(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;
	uint64_t seen = result->caught;
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
			"%" PRIu64 " more counted than the %" PRIu64
			" damaged segments: a segment that "
			"the host cut or copied is counted once for each piece",
			seen - visible, visible);
	}
}

static void say_caught(FILE *out, const struct lab_cell *cell)
{
	words_caught_by(out, &cell->key, cell->result.caught_by);
}

static void say_expected(FILE *out, const struct lab_cell *cell)
{
	const struct cell_result *result = &cell->result;

	if (result->agreement == AGREEMENT_NONE) {
		fputs("nothing is known to expect", out);
		return;
	}
	if (result->agreement == AGREEMENT_AS_EXPECTED) {
		fputs("the same", out);
		return;
	}
	fprintf(out, "%s, caught by ", verdict_names[result->expected]);
	words_caught_by(out, &cell->key, result->expected_by);
	fputs(": this cell DIFFERS", out);
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
		bool always; /* for a skipped cell, too */
	} facts[] = {
		{ "messages", say_messages, false }, { "wire", say_wire, false },
		{ "counters", say_counters, false }, { "difference", say_difference, false },
		{ "caught by", say_caught, false },  { "expected", say_expected, false },
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

/* What a term of the legend is about. */
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
	  "the application read no wrong byte; the word after it says who caught the damage" },
	{ TOPIC_VERDICT, VERDICT_DELIVERS_CORRUPT, "DELIVERED n/m",
	  "the application read n of the damage window's m messages with wrong bytes in them" },
	{ TOPIC_VERDICT, VERDICT_BLOCKED, "blocked", "no data came through, damaged or not" },
	{ TOPIC_VERDICT, VERDICT_UNKNOWN, "unknown",
	  "the cell ran, but its verdict could not be found out" },
	{ TOPIC_SKIPPED, 0, "not here",
	  "this kernel lacks what the cell needs; counted as skipped" },
	{ TOPIC_DIFFERS, 0, "!", "differs from what is expected of this cell" },
	{ TOPIC_CATCHER, CAUGHT_CONTAINER, "container",
	  "the container's own TCP or UDP checked it and dropped it" },
	{ TOPIC_CATCHER, CAUGHT_HOST, "host",
	  "the host's own TCP or UDP dropped it; with NAT because conntrack did not translate it" },
	{ TOPIC_CATCHER, CAUGHT_RULE, "rule",
	  "a firewall rule on the host dropped what conntrack found INVALID" },
	{ TOPIC_CATCHER, CAUGHT_OUTER_UDP, "outer-udp",
	  "the outer UDP checksum of the tunnel failed at the host" },
	{ TOPIC_BEHAVIOUR, BEHAVIOUR_NATIVE, "native", "this kernel as it is" },
	{ TOPIC_BEHAVIOUR, BEHAVIOUR_VETH_2016, "veth-2016",
	  "with veth's statement from before 2016, which marks unchecked packets as checked (emulated)" },
	{ TOPIC_MITIGATION, MITIGATION_RX_OFF, "rx-off",
	  "ethtool -K eth0 rx off inside the container, before its link is up" },
	{ TOPIC_MITIGATION, MITIGATION_RESET, "reset",
	  "a BPF program at the container's ingress removes the mark \"checked\"" },
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
		return result->agreement == AGREEMENT_DIFFERS;
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

/* The verdict of a network setup (a row) in a column, and who caught the damage. */
struct setup {
	enum verdict verdict;
	enum caught_by caught_by;
};

struct column_tally {
	size_t judged;
	size_t by_verdict[VERDICTS];
	size_t by_catcher[CAUGHT_BYS];
};

static struct setup setup_of(const struct grid_place *place)
{
	struct setup setup = { VERDICT_UNKNOWN, CAUGHT_UNKNOWN };

	for (int family = 0; family < GRID_FAMILIES; family++) {
		const struct lab_cell *cell = place->cell[family];

		/* A family without a verdict does not count. */
		if (!cell || cell->result.verdict == VERDICT_UNKNOWN)
			continue;
		if (setup.verdict == VERDICT_UNKNOWN ||
		    vocabulary_worse(setup.verdict, cell->result.verdict) != setup.verdict)
			setup = (struct setup){ cell->result.verdict, cell->result.caught_by };
	}
	return setup;
}

static struct column_tally tally_column(const struct grid *grid, int column)
{
	struct column_tally tally = { 0 };

	for (size_t i = 0; i < grid->row_count; i++) {
		struct setup setup = setup_of(&grid->rows[i].place[column]);

		tally.by_verdict[setup.verdict]++;
		tally.judged += setup.verdict != VERDICT_UNKNOWN;
		if (setup.verdict == VERDICT_VERIFIED)
			tally.by_catcher[setup.caught_by]++;
	}
	return tally;
}

typedef bool (*row_filter)(const struct grid_row *row, int column, int argument);

static bool row_has_verdict(const struct grid_row *row, int column, int verdict)
{
	return (int)setup_of(&row->place[column]).verdict == verdict;
}

static bool row_caught_by(const struct grid_row *row, int column, int caught_by)
{
	struct setup setup = setup_of(&row->place[column]);

	return setup.verdict == VERDICT_VERIFIED && (int)setup.caught_by == caught_by;
}

/* Delivered without the mitigation (column `base`), and with it (column) too. */
static bool row_not_cured(const struct grid_row *row, int column, int base)
{
	return row_has_verdict(row, base, VERDICT_DELIVERS_CORRUPT) &&
	       row_has_verdict(row, column, VERDICT_DELIVERS_CORRUPT);
}

/* A row's name, with its protocol and NIC if these vary. */
static void say_row(FILE *out, const struct grid *grid, const struct grid_row *row)
{
	fputs(row->topology->name, out);
	if (grid->proto_varies)
		fprintf(out, " %s", proto_names[row->proto]);
	if (grid->nic_varies)
		fprintf(out, " %s", nic_names[row->nic]);
}

/*
 * Lists the rows that pass: " (routed, bridge)". Writes nothing if there are none, or more than
 * `most`.
 */
static void say_rows(FILE *out, const struct grid *grid, size_t most, const char *before,
		     row_filter passes, int column, int argument)
{
	size_t count = 0, said = 0;

	for (size_t i = 0; i < grid->row_count; i++)
		count += passes(&grid->rows[i], column, argument);
	if (!count || count > most)
		return;
	fprintf(out, " (%s", before);
	for (size_t i = 0; i < grid->row_count; i++) {
		if (!passes(&grid->rows[i], column, argument))
			continue;
		fputs(said++ ? ", " : "", out);
		say_row(out, grid, &grid->rows[i]);
	}
	fputc(')', out);
}

static void headline_native(FILE *out, const struct grid *grid, const struct lab_run *run,
			    int column)
{
	struct column_tally tally = tally_column(grid, column);
	size_t bad = tally.by_verdict[VERDICT_DELIVERS_CORRUPT];

	if (!tally.judged) {
		fprintf(out, "Nothing could be tried on Linux %s as it is", run->kernel);
	} else if (!bad) {
		fprintf(out, "Linux %s drops damaged packets on %s", run->kernel,
			tally.by_verdict[VERDICT_UNKNOWN]
				? "every network setup that could be tried"
			: tally.judged == 1 ? "the network setup that was tried"
					    : "every network setup");
	} else if (bad * 2 < tally.judged) {
		fprintf(out, "Linux %s drops damaged packets on %zu of %zu network setups",
			run->kernel, tally.judged - bad, tally.judged);
		say_rows(out, grid, 3, bad > 1 ? "exceptions: " : "exception: ", row_has_verdict,
			 column, VERDICT_DELIVERS_CORRUPT);
	} else {
		fprintf(out, "Linux %s delivers damaged packets on %zu of %zu network setups",
			run->kernel, bad, tally.judged);
	}
}

/* `first`: the headline begins with it. */
static void headline_other(FILE *out, const struct grid *grid, int column, bool first)
{
	struct column_tally tally = tally_column(grid, column);
	const char *name = grid->columns[column].name;
	bool one = tally.judged == 1;

	if (column == grid->column_of[BEHAVIOUR_VETH_2016][MITIGATION_NONE])
		name = "veth's 2016 statement";
	fprintf(out, "%s %s ", first ? "With" : "with", name);
	if (!tally.judged) {
		fputs("nothing could be tried", out);
		return;
	}
	fprintf(out, "%zu of %zu", tally.by_verdict[VERDICT_DELIVERS_CORRUPT], tally.judged);
	if (first)
		fprintf(out, " network setup%s deliver%s damaged packets", one ? "" : "s",
			one ? "s" : "");
	else
		fprintf(out, " deliver%s them", one ? "s" : "");
}

static void say_headline(FILE *out, const struct grid *grid, const struct lab_run *run)
{
	const struct lab_counts *counts = &grid->counts;
	int native = grid->column_of[BEHAVIOUR_NATIVE][MITIGATION_NONE];
	int unfixed = grid->column_of[BEHAVIOUR_VETH_2016][MITIGATION_NONE];
	const char *between = "";

	if (!counts->differing && !counts->as_known && !counts->no_expectation) {
		fputs("Could not find out: no cell could be judged.", out);
		return;
	}
	if (counts->differing)
		fprintf(out, "%zu cell%s from what is expected. ", counts->differing,
			counts->differing == 1 ? " DIFFERS" : "s DIFFER");
	if (native >= 0) {
		headline_native(out, grid, run, native);
		between = "; ";
	}
	for (int i = 0; i < (int)grid->column_count; i++) {
		if (i == native || (i != unfixed && (native >= 0 || unfixed >= 0)))
			continue;
		fputs(between, out);
		headline_other(out, grid, i, !*between);
		between = "; ";
	}
	if (counts->unknown)
		fprintf(out, "; %zu cell%s could not be judged", counts->unknown,
			counts->unknown == 1 ? "" : "s");
	fputc('.', out);
}

static void say_run_counts(FILE *out, const struct lab_counts *counts)
{
	const struct {
		size_t count;
		const char *name;
		bool always; /* also if there are none */
	} parts[] = {
		{ counts->as_known, "as expected", true },
		{ counts->differing, "differing", true },
		{ counts->no_expectation, "without an expectation", false },
		{ counts->unknown, "not judged", false },
		{ counts->skipped, "skipped", true },
	};
	const char *between = ": ";

	fprintf(out, "%zu cell%s", counts->cells, counts->cells == 1 ? "" : "s");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (!parts[i].count && !parts[i].always)
			continue;
		fprintf(out, "%s%zu %s", between, parts[i].count, parts[i].name);
		between = ", ";
	}
	fputc('.', out);
}

/* " The damage was caught by the container itself (11 setups), the host (nat, masquerade)." */
static void say_catchers(FILE *out, const struct grid *grid, int column)
{
	static const char *const catchers[CAUGHT_BYS] = {
		[CAUGHT_CONTAINER] = "the container itself",
		[CAUGHT_HOST] = "the host",
		[CAUGHT_RULE] = "a rule on the host",
		[CAUGHT_OUTER_UDP] = "the tunnel's outer checksum",
	};
	struct column_tally tally = tally_column(grid, column);
	const char *between = tally.by_verdict[VERDICT_DELIVERS_CORRUPT]
				      ? " On the others it was caught by "
				      : " The damage was caught by ";

	for (int who = 0; who < CAUGHT_BYS; who++) {
		if (!catchers[who] || !tally.by_catcher[who])
			continue;
		fprintf(out, "%s%s", between, catchers[who]);
		if (tally.by_catcher[who] > NAMES_MAX)
			fprintf(out, " (%zu setups)", tally.by_catcher[who]);
		else
			say_rows(out, grid, NAMES_MAX, "", row_caught_by, column, who);
		between = ", ";
	}
	if (*between == ',')
		fputc('.', out);
}

static void conclude_behaviour(FILE *out, const struct grid *grid, const struct lab_run *run,
			       enum behaviour behaviour)
{
	int column = grid->column_of[behaviour][MITIGATION_NONE];
	struct column_tally tally;
	size_t bad;

	if (column < 0)
		return;
	tally = tally_column(grid, column);
	bad = tally.by_verdict[VERDICT_DELIVERS_CORRUPT];
	if (!tally.judged)
		return;
	if (behaviour == BEHAVIOUR_NATIVE)
		fprintf(out, " Linux %s as it is ", run->kernel);
	else
		fputs(" With the statement veth had until 2016 it ", out);
	if (tally.judged == 1)
		fprintf(out, "delivered %s on the one network setup that was tried",
			bad ? "damaged data to the application" : "no damaged byte");
	else if (bad)
		fprintf(out,
			"delivered damaged data to the application on %zu of %zu network setups",
			bad, tally.judged);
	else
		fprintf(out, "delivered no damaged byte on any of %zu network setups",
			tally.judged);
	say_rows(out, grid, NAMES_MAX, "", row_has_verdict, column, VERDICT_DELIVERS_CORRUPT);
	fputc('.', out);
	say_catchers(out, grid, column);
	if (tally.by_verdict[VERDICT_BLOCKED]) {
		fprintf(out, " Nothing at all came through on %zu",
			tally.by_verdict[VERDICT_BLOCKED]);
		say_rows(out, grid, NAMES_MAX, "", row_has_verdict, column, VERDICT_BLOCKED);
		fputc('.', out);
	}
}

/* Why damage came through that no kernel can notice. */
static void conclude_unnoticeable(FILE *out, const struct grid *grid, const struct lab_run *run)
{
	static const char *const nic_sentences[NICS] = {
		[NIC_LYING] =
			" A lying NIC vouches for every frame, damaged or not, and the kernel "
			"believes it.",
		[NIC_PARTIAL] =
			" Packets between containers of one host travel with their checksum "
			"unfinished: if it is computed at all, then after the damage, so no "
			"kernel can notice.",
	};
	bool nics[NICS] = { 0 };
	bool nocheck = false;

	for (size_t i = 0; i < grid->row_count; i++)
		for (size_t column = 0; column < grid->column_count; column++)
			if (row_has_verdict(&grid->rows[i], (int)column,
					    VERDICT_DELIVERS_CORRUPT)) {
				nics[grid->rows[i].nic] = true;
				nocheck |= grid->rows[i].proto == PROTO_UDP_NOCHECK;
			}
	for (int nic = 0; nic < NICS; nic++)
		if (nics[nic] && nic_sentences[nic])
			fputs(nic_sentences[nic], out);
	if (nocheck)
		fputs(" UDP without a checksum has nothing to verify.", out);
	if (damage_unseen[run->settings->damage.kind])
		fprintf(out,
			" The pattern %s leaves the checksum right: no kernel can notice it, and no "
			"mitigation helps.",
			damage_names[run->settings->damage.kind]);
}

static void conclude_mitigation(FILE *out, const struct grid *grid, int column)
{
	const struct grid_column *with = &grid->columns[column];
	int base = grid->column_of[with->behaviour][MITIGATION_NONE];
	size_t needed = 0, failed = 0;
	if (with->mitigation == MITIGATION_NONE || base < 0 || !tally_column(grid, base).judged)
		return;
	for (size_t i = 0; i < grid->row_count; i++) {
		if (setup_of(&grid->rows[i].place[column]).verdict == VERDICT_UNKNOWN)
			continue;
		needed += row_has_verdict(&grid->rows[i], base, VERDICT_DELIVERS_CORRUPT);
		failed += row_not_cured(&grid->rows[i], column, base);
	}
	if (!needed) {
		fprintf(out, " %s: nothing to stop.", with->name);
		return;
	}
	if (needed == 1)
		fprintf(out, " %s %s it on the one setup that delivered", with->name,
			failed ? "did not stop" : "stopped");
	else if (needed == failed)
		fprintf(out, " %s stopped it on none of the setups that delivered", with->name);
	else
		fprintf(out, " %s stopped it on %zu of the %zu setups that delivered", with->name,
			needed - failed, needed);
	if (failed < needed)
		say_rows(out, grid, NAMES_MAX, "not on ", row_not_cured, column, base);
	fputc('.', out);
}

static void say_conclusion(FILE *out, const struct grid *grid, const struct lab_run *run)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *sentences = open_memstream(&text, &len);

	if (!sentences)
		return;
	for (int behaviour = 0; behaviour < BEHAVIOURS; behaviour++)
		conclude_behaviour(sentences, grid, run, (enum behaviour)behaviour);
	for (size_t column = 0; column < grid->column_count; column++)
		conclude_mitigation(sentences, grid, (int)column);
	conclude_unnoticeable(sentences, grid, run);
	fclose(sentences);
	/* Each sentence begins with a blank; drop the first. */
	fputs(*text == ' ' ? text + 1 : text, out);
}

void words_run(FILE *out, enum words_about about, const struct grid *grid,
	       const struct lab_run *run)
{
	switch (about) {
	case WORDS_HEADLINE:
		say_headline(out, grid, run);
		break;
	case WORDS_CONCLUSION:
		say_conclusion(out, grid, run);
		break;
	case WORDS_COUNTS:
		say_run_counts(out, &grid->counts);
		break;
	}
}
