// SPDX-License-Identifier: GPL-2.0-or-later
/* probe/judge.c: the verdict for every kind of evidence. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "probe/judge.h"

#define HOST 1000
#define TARGET 2000
#define OTHER 3000

/* Checks like those in probe/payload.c. The judge only knows their rows. */
static const struct check tcp = { "tcp",
				  IPPROTO_TCP,
				  SHAPE_SINGLE,
				  true,
				  true,
				  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD,
				    MESSAGE_CANCELLING, MESSAGE_INTACT } };
static const struct check udp = { "udp",
				  IPPROTO_UDP,
				  SHAPE_SINGLE,
				  true,
				  true,
				  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD,
				    MESSAGE_CANCELLING, MESSAGE_INTACT } };
static const struct check merged = { "tcp-merged",
				     IPPROTO_TCP,
				     SHAPE_MERGED,
				     true,
				     true,
				     { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD,
				       MESSAGE_CANCELLING, MESSAGE_INTACT } };
static const struct check fragments = { "udp-fragments",
					IPPROTO_UDP,
					SHAPE_FRAGMENTS,
					true,
					true,
					{ MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD,
					  MESSAGE_CANCELLING, MESSAGE_INTACT } };
static const struct check no_check = {
	"udp-no-check", IPPROTO_UDP, SHAPE_NO_CHECK,
	true,		false,	     { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_INTACT }
};

/* What arrived, one character for each message: n(othing), i(ntact), d(amaged), o(ther). */
static struct peer_evidence read_as(const char *arrived)
{
	struct peer_evidence evidence = { .met = true, .merged = true };

	for (size_t i = 0; arrived[i]; i++)
		evidence.arrived[i] = (enum arrival)(strchr("nido", arrived[i]) - "nido");
	return evidence;
}

static struct judge_context context_nothing(void)
{
	return (struct judge_context){
		.target_netns = TARGET,
		.host_netns = HOST,
		.host_forwards = true,
		.damaged = 4,
	};
}

static struct judge_context context_drop(const char *reason, uint32_t netns, bool outbound)
{
	struct judge_context context = context_nothing();

	context.drop[context.drop_count++] =
		(struct judge_drop){ .reason = reason, .netns = netns, .outbound = outbound };
	return context;
}

/* ---- The messages that were read decide ---- */

static const struct {
	const struct check *check;
	const char *arrived;
	const char *reason; /* part of it; "": none */
	enum verdict verdict;
	bool inherent;
} rows[] = {
	/*
	 * Verified: intact messages intact, the cancelling one damaged, no damage that a checksum
	 * notices.
	 */
	{ &tcp, "iiidi", "", VERDICT_VERIFIED, false },
	{ &udp, "inndi", "", VERDICT_VERIFIED, false },
	{ &fragments, "inndi", "", VERDICT_VERIFIED, false },
	{ &merged, "iiidi", "", VERDICT_VERIFIED, false },
	/* One damaged message is enough, no matter which one, and what else arrived. */
	{ &tcp, "idddi", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &tcp, "ididi", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &tcp, "iiddi", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &tcp, "idnnn", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &udp, "indnn", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &udp, "idndi", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &fragments, "idddi", "", VERDICT_DELIVERS_CORRUPT, false },
	{ &merged, "iddni", "", VERDICT_DELIVERS_CORRUPT, false },
	/*
	 * Without a checksum damage must arrive, which is no defect. If it does not arrive, that
	 * proves nothing.
	 */
	{ &no_check, "idi", "", VERDICT_DELIVERS_CORRUPT, true },
	{ &no_check, "ini", "checks more", VERDICT_UNKNOWN, false },
	{ &no_check, "nnn", "did not come back", VERDICT_BLOCKED, false },
	/* Blocked: the first message did not arrive. */
	{ &tcp, "nnnnn", "did not come back", VERDICT_BLOCKED, false },
	{ &udp, "nnndi", "did not come back", VERDICT_BLOCKED, false },
	/* The check itself does not work: even damage that no checksum notices did not arrive. */
	{ &tcp, "iiini", "no checksum can notice", VERDICT_UNKNOWN, false },
	{ &tcp, "iiiii", "no checksum can notice", VERDICT_UNKNOWN, false },
	{ &udp, "innni", "no checksum can notice", VERDICT_UNKNOWN, false },
	{ &udp, "innii", "no checksum can notice", VERDICT_UNKNOWN, false },
	/* The exchange ended early. */
	{ &tcp, "innnn", "", VERDICT_UNKNOWN, false },
	{ &tcp, "iindn", "", VERDICT_UNKNOWN, false },
	{ &tcp, "inndn", "ended before", VERDICT_UNKNOWN, false },
	{ &tcp, "iiidn", "ended before", VERDICT_UNKNOWN, false },
	{ &udp, "inndn", "", VERDICT_UNKNOWN, false },
	/* Bytes that were never sent, and intact messages that arrived damaged. */
	{ &tcp, "oiidi", "rewrites", VERDICT_UNKNOWN, false },
	{ &tcp, "ioidi", "rewrites", VERDICT_UNKNOWN, false },
	{ &tcp, "iiioi", "rewrites", VERDICT_UNKNOWN, false },
	{ &udp, "inndo", "rewrites", VERDICT_UNKNOWN, false },
	{ &tcp, "iiidd", "rewrites", VERDICT_UNKNOWN, false },
	{ &tcp, "diidi", "rewrites", VERDICT_UNKNOWN, false },
};

static void test_arrivals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct judge_context context = context_drop("TCP_CSUM", TARGET, false);
		struct peer_evidence evidence = read_as(rows[i].arrived);
		struct judgement judged;

		judge_in(rows[i].check, &evidence, &context, &judged);
		if (judged.verdict != rows[i].verdict || judged.inherent != rows[i].inherent ||
		    !strstr(judged.reason, rows[i].reason))
			fail_msg("%s %s: %s, '%s'", rows[i].check->name, rows[i].arrived,
				 verdict_names[judged.verdict], judged.reason);
		/*
		 * There is a reason if, and only if, the verdict is open; otherwise the verdict
		 * says who caught the damage.
		 */
		assert_int_equal(judged.reason[0] != '\0',
				 judged.verdict == VERDICT_UNKNOWN ||
					 judged.verdict == VERDICT_BLOCKED);
		if (judged.verdict == VERDICT_VERIFIED)
			assert_int_equal(judged.by, CAUGHT_SOCKET);
		if (judged.verdict == VERDICT_DELIVERS_CORRUPT)
			assert_int_equal(judged.by, CAUGHT_NOBODY);
	}
}

/*
 * All 4^5 combinations of messages that may arrive: exactly one is "verified", and delivered damage
 * never gets a better verdict.
 */
static void test_every_evidence(void **state)
{
	static const struct check *const checks[] = { &tcp, &udp };
	unsigned int verified = 0;

	(void)state;
	for (unsigned int code = 0; code < 2 * 1024; code++) {
		const struct check *check = checks[code & 1];
		struct judge_context context = context_drop("TCP_CSUM", TARGET, false);
		struct peer_evidence evidence = { .met = true };
		enum arrival *got = evidence.arrived;
		struct judgement judged;
		bool other = false;

		for (unsigned int i = 0; i < 5; i++) {
			got[i] = (enum arrival)(code >> (1 + 2 * i) & 3);
			other |= got[i] == ARRIVED_OTHER;
		}
		other |= got[0] == ARRIVED_DAMAGED || got[4] == ARRIVED_DAMAGED;
		judge_in(check, &evidence, &context, &judged);
		verified += judged.verdict == VERDICT_VERIFIED;
		if (got[0] == ARRIVED_NOTHING)
			assert_int_equal(judged.verdict, VERDICT_BLOCKED);
		else if (other)
			assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
		else if (got[1] == ARRIVED_DAMAGED || got[2] == ARRIVED_DAMAGED)
			assert_int_equal(judged.verdict, VERDICT_DELIVERS_CORRUPT);
		if (judged.verdict != VERDICT_VERIFIED)
			continue;
		assert_int_equal(got[0], ARRIVED_INTACT);
		assert_int_equal(got[3], ARRIVED_DAMAGED);
		/*
		 * All damaged messages were dropped, not just one; the last arrived, so the others
		 * had their time.
		 */
		assert_int_equal(got[1],
				 check->proto == IPPROTO_TCP ? ARRIVED_INTACT : ARRIVED_NOTHING);
		assert_int_equal(got[2],
				 check->proto == IPPROTO_TCP ? ARRIVED_INTACT : ARRIVED_NOTHING);
		assert_int_equal(got[4], ARRIVED_INTACT);
	}
	assert_int_equal(verified, 2);
}

static void test_merged(void **state)
{
	struct peer_evidence evidence = read_as("iiidi");
	struct judge_context context = context_drop("TCP_CSUM", TARGET, false);
	struct judgement judged;

	(void)state;
	evidence.merged = false;
	judge_in(&merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(judged.reason, "GRO merged nothing"));
	context.no_merging = "no flush timeout";
	judge_in(&merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	assert_string_equal(judged.reason, "no flush timeout");
	/* Neither matters for single packets, or if damage was delivered. */
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_VERIFIED);
	evidence = read_as("idddi");
	evidence.merged = false;
	judge_in(&merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_DELIVERS_CORRUPT);
}

/* A kernel that merges no datagrams: that check is not possible there, and nothing is unknown. */
static void test_merged_datagrams_on_an_old_kernel(void **state)
{
	const struct check udp_merged = {
		.name = "udp-merged",
		.proto = IPPROTO_UDP,
		.shape = SHAPE_MERGED,
		.messages = { MESSAGE_INTACT, MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD,
			      MESSAGE_CANCELLING, MESSAGE_INTACT },
	};
	struct peer_evidence evidence = read_as("iindi");
	struct judge_context context = context_drop("UDP_CSUM", TARGET, false);
	struct judgement judged;

	(void)state;
	context.udp_never_merges = true;
	evidence.merged = false;
	judge_in(&udp_merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_NOT_POSSIBLE);
	assert_non_null(strstr(judged.reason, "not possible on this kernel"));
	/* TCP is merged on every kernel. */
	judge_in(&merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	/* What was delivered is a fact, and so is what was merged after all. */
	evidence = read_as("iiddi");
	evidence.merged = false;
	judge_in(&udp_merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_DELIVERS_CORRUPT);
	evidence = read_as("iindi");
	judge_in(&udp_merged, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_VERIFIED);
	/* In a summary it does not count beside anything. */
	for (enum verdict other = VERDICT_UNKNOWN; other < VERDICT_NOT_POSSIBLE; other++) {
		assert_int_equal(vocabulary_worse(other, VERDICT_NOT_POSSIBLE), other);
		assert_int_equal(vocabulary_worse(VERDICT_NOT_POSSIBLE, other), other);
	}
	assert_string_equal(verdict_names[VERDICT_NOT_POSSIBLE], "not-possible");
}

/* ---- Who caught it ---- */

static const struct {
	const char *reason;
	uint32_t netns;
	bool outbound;
	enum caught_by by; /* CAUGHT_UNKNOWN: then the verdict is unknown, too */
} catchers[] = {
	{ "TCP_CSUM", TARGET, false, CAUGHT_SOCKET },
	{ "UDP_CSUM", TARGET, false, CAUGHT_SOCKET },
	{ "SKB_CSUM", TARGET, false, CAUGHT_SOCKET },
	{ "UDP_CSUM", 0, false, CAUGHT_SOCKET }, /* dropped while a socket's queue was read */
	{ "TCP_CSUM", HOST, false, CAUGHT_CONNTRACK },
	{ "UDP_CSUM", HOST, false, CAUGHT_CONNTRACK },
	{ "NETFILTER_DROP", HOST, false, CAUGHT_RULE },
	{ "NETFILTER_DROP", TARGET, false, CAUGHT_RULE },
	/* Drops that are not about checksums, or not about packets to the target. */
	{ "TCP_CSUM", TARGET, true, CAUGHT_UNKNOWN },
	{ "NETFILTER_DROP", HOST, true, CAUGHT_UNKNOWN },
	{ "TCP_OLD_DATA", TARGET, false, CAUGHT_UNKNOWN },
	{ "NO_SOCKET", HOST, false, CAUGHT_UNKNOWN },
	{ "_CSUM", TARGET, false, CAUGHT_UNKNOWN },
	{ "", TARGET, false, CAUGHT_UNKNOWN },
};

static void test_by_drops(void **state)
{
	struct peer_evidence evidence = read_as("iiidi");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(catchers); i++) {
		struct judge_context context =
			context_drop(catchers[i].reason, catchers[i].netns, catchers[i].outbound);
		struct judgement judged;

		judge_in(&tcp, &evidence, &context, &judged);
		if (judged.by != catchers[i].by)
			fail_msg("%s: by %s", catchers[i].reason, caught_by_names[judged.by]);
		assert_int_equal(judged.verdict, catchers[i].by == CAUGHT_UNKNOWN
							 ? VERDICT_UNKNOWN
							 : VERDICT_VERIFIED);
		if (catchers[i].by == CAUGHT_UNKNOWN)
			assert_non_null(strstr(judged.reason, "does not tell what dropped"));
	}
}

/* If the target is the host, the host's socket caught it, not the host's conntrack. */
static void test_by_drops_on_the_host(void **state)
{
	struct peer_evidence evidence = read_as("iiidi");
	struct judge_context context = context_drop("TCP_CSUM", HOST, false);
	struct judgement judged;

	(void)state;
	context.target_is_host = true;
	context.target_netns = HOST;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.by, CAUGHT_SOCKET);
}

static const struct {
	uint64_t target, host;
	unsigned int damaged;
	enum caught_by by;
} counters
	[] = {
		{ 4, 0, 4, CAUGHT_SOCKET },
		{ 5, 0, 4, CAUGHT_SOCKET }, /* other damage arrived, too */
		{ 0, 4, 4, CAUGHT_CONNTRACK },
		{ 0, 400, 4, CAUGHT_CONNTRACK }, /* the host's counter covers all targets */
		{ 4, 400, 4, CAUGHT_SOCKET },
		{ 3, 0, 4, CAUGHT_UNKNOWN }, /* not all of the damage */
		{ 0, 3, 4, CAUGHT_UNKNOWN },
		{ 0, 0, 4, CAUGHT_UNKNOWN },
		{ 0, 0, 0, CAUGHT_UNKNOWN },
	};

static void test_by_counters(void **state)
{
	struct peer_evidence evidence = read_as("inndi");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		struct judge_context context = context_nothing();
		struct judgement judged;

		context.damaged = counters[i].damaged;
		context.target_errors = counters[i].target;
		context.host_errors = counters[i].host;
		judge_in(&udp, &evidence, &context, &judged);
		if (judged.by != counters[i].by)
			fail_msg("row %zu: by %s", i, caught_by_names[judged.by]);
		assert_int_equal(judged.verdict, counters[i].by == CAUGHT_UNKNOWN
							 ? VERDICT_UNKNOWN
							 : VERDICT_VERIFIED);
	}
	/* Drop reasons come before counters. */
	for (int outbound = 0; outbound < 2; outbound++) {
		struct judge_context context = context_drop("NETFILTER_DROP", HOST, outbound);
		struct judgement judged;

		context.target_errors = 4;
		judge_in(&udp, &evidence, &context, &judged);
		assert_int_equal(judged.by, outbound ? CAUGHT_SOCKET : CAUGHT_RULE);
	}
}

/*
 * Anybody can raise a counter. If the kernel reports drops, counters tell only of a packet that it
 * dropped without a reason.
 */
static void test_counters_beside_drops(void **state)
{
	static const struct {
		const char *reason;
		bool outbound;
		enum caught_by by;
	} drops[] = {
		{ "NO_SOCKET", false, CAUGHT_UNKNOWN },
		{ "NOT_SPECIFIED", true, CAUGHT_UNKNOWN },
		{ "NOT_SPECIFIED", false, CAUGHT_SOCKET },
	};
	struct peer_evidence evidence = read_as("inndi");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(drops); i++) {
		struct judge_context context =
			context_drop(drops[i].reason, HOST, drops[i].outbound);
		struct judgement judged;

		context.drops_known = true;
		context.target_errors = context.host_errors = 400;
		judge_in(&udp, &evidence, &context, &judged);
		assert_int_equal(judged.by, drops[i].by);
	}
}

/* What the socket had no room for makes a check unknown that would be blocked, but no proof. */
static void test_lost(void **state)
{
	struct judge_context context = context_drop("UDP_CSUM", TARGET, false);
	struct {
		const char *arrived;
		enum verdict verdict;
	} lost[] = {
		{ "nnnnn", VERDICT_UNKNOWN },
		{ "innni", VERDICT_UNKNOWN },
		{ "inndi", VERDICT_VERIFIED },
		{ "idnnn", VERDICT_DELIVERS_CORRUPT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++) {
		struct peer_evidence evidence = read_as(lost[i].arrived);
		struct judgement judged;

		evidence.lost = 7;
		judge_in(&udp, &evidence, &context, &judged);
		assert_int_equal(judged.verdict, lost[i].verdict);
		if (judged.verdict == VERDICT_UNKNOWN)
			assert_non_null(strstr(judged.reason, "no room for 7"));
	}
}

/* ---- Inside a tunnel ---- */

static struct judge_context context_tunnelled(const char *reason, bool outbound)
{
	struct judge_context context = context_drop(reason, HOST, outbound);

	context.drop[0].tunnelled = true;
	return context;
}

/* Dropped with outer headers: by the outer checksum. Without them: by conntrack. */
static void test_outer_by_drops(void **state)
{
	struct judge_context context = context_tunnelled("UDP_CSUM", false);
	struct peer_evidence evidence = read_as("iiidi");
	struct judgement judged;

	(void)state;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_VERIFIED);
	assert_int_equal(judged.by, CAUGHT_OUTER_UDP);
	/* The outer checksum protects the host's own socket, too. */
	context.target_is_host = true;
	context.target_netns = HOST;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.by, CAUGHT_OUTER_UDP);
	context.drop[0].tunnelled = false;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.by, CAUGHT_SOCKET);
	context = context_tunnelled("NETFILTER_DROP", false);
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.by, CAUGHT_RULE);
	context = context_tunnelled("UDP_CSUM", true);
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
}

/* A rule that drops outer packets is reported like any other rule. */
static void test_outer_blocked(void **state)
{
	struct judge_context context = context_tunnelled("NETFILTER_DROP", false);
	struct peer_evidence evidence = read_as("nnnnn");
	struct judgement judged;

	(void)state;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_BLOCKED);
	assert_non_null(
		strstr(judged.reason, "a firewall rule on the host drops the answers to it"));
}

static const struct {
	bool outer_sum;
	uint64_t target, host, host_udp;
	enum caught_by by;
} outer_counters[] = {
	{ true, 0, 0, 4, CAUGHT_OUTER_UDP }, /* TCP: the host's UDP counts it */
	{ true, 0, 4, 4, CAUGHT_OUTER_UDP }, /* UDP: the host's own counter is the same one */
	{ true, 4, 4, 4, CAUGHT_OUTER_UDP }, /* the target is the host */
	{ true, 0, 0, 3, CAUGHT_UNKNOWN },
	{ true, 4, 0, 0, CAUGHT_SOCKET }, /* the outer checksum was vouched for */
	{ false, 0, 4, 4, CAUGHT_CONNTRACK },
	{ false, 4, 0, 4, CAUGHT_SOCKET },
	{ false, 0, 0, 4, CAUGHT_UNKNOWN },
};

static void test_outer_by_counters(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(outer_counters); i++) {
		struct peer_evidence evidence = read_as("iiidi");
		struct judge_context context = context_nothing();
		struct judgement judged;

		context.target_errors = outer_counters[i].target;
		context.host_errors = outer_counters[i].host;
		context.host_udp_errors = outer_counters[i].host_udp;
		evidence.outer_sum = outer_counters[i].outer_sum;
		judge_in(&tcp, &evidence, &context, &judged);
		if (judged.by != outer_counters[i].by)
			fail_msg("row %zu: by %s", i, caught_by_names[judged.by]);
	}
}

/* A packet without a checksum of its own is verified by the outer one only. */
static void test_outer_no_check(void **state)
{
	static const struct check with_pair = {
		"udp-no-check",
		IPPROTO_UDP,
		SHAPE_NO_CHECK,
		true,
		false,
		{ MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_CANCELLING, MESSAGE_INTACT }
	};
	struct judge_context context = context_tunnelled("UDP_CSUM", false);
	struct peer_evidence evidence = read_as("indi");
	struct judgement judged;

	(void)state;
	judge_in(&with_pair, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_VERIFIED);
	assert_int_equal(judged.by, CAUGHT_OUTER_UDP);
	assert_false(judged.inherent);
	context.drop[0].tunnelled = false;
	judge_in(&with_pair, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	/* Nothing proves that damage gets through. */
	context.drop[0].tunnelled = true;
	evidence = read_as("inni");
	judge_in(&with_pair, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	evidence = read_as("iddi");
	judge_in(&with_pair, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_DELIVERS_CORRUPT);
	assert_true(judged.inherent);
}

/* ---- Blocked, and why ---- */

static const struct {
	int error;
	bool met, is_host, forwards;
	const char *drop;
	uint32_t netns;
	bool outbound;
	const char *words[3]; /* the reason contains all of them */
} hindrances[] = {
	{ ENETUNREACH, false, false, true, NULL, 0, false, { "no route to the outside" } },
	{ EHOSTUNREACH, false, false, true, NULL, 0, false, { "unreachable" } },
	{ ECONNREFUSED, false, false, true, NULL, 0, false, { "refuses the connection" } },
	{ EPERM, false, false, true, NULL, 0, false, { "not permitted" } },
	{ EACCES, false, false, true, NULL, 0, false, { "not permitted" } },
	{ EADDRNOTAVAIL, false, false, true, NULL, 0, false, { "no address" } },
	{ EAFNOSUPPORT, false, false, true, NULL, 0, false, { "no address" } },
	{ ENETDOWN, false, false, true, NULL, 0, false, { "network is down" } },
	{ ENOBUFS, false, false, true, NULL, 0, false, { "room for another neighbour" } },
	{ 0,
	  false,
	  false,
	  true,
	  "NETFILTER_DROP",
	  HOST,
	  true,
	  { "firewall rule", "on the host", "its packets" } },
	{ 0,
	  false,
	  false,
	  true,
	  "NETFILTER_DROP",
	  TARGET,
	  true,
	  { "firewall rule", "in the target", "its packets" } },
	{ 0, false, false, true, "NETFILTER_DROP", OTHER, true, { "firewall rule", "on the way" } },
	{ 0,
	  true,
	  false,
	  true,
	  "NETFILTER_DROP",
	  HOST,
	  false,
	  { "firewall rule", "on the host", "the answers" } },
	{ 0, false, false, true, "IP_RPFILTER", HOST, true, { "rp_filter", "on the host" } },
	{ 0,
	  true,
	  false,
	  true,
	  "IP_RPFILTER",
	  TARGET,
	  false,
	  { "rp_filter", "in the target", "the answers" } },
	{ 0, false, false, false, "IP_INADDRERRORS", HOST, true, { "no forwarding" } },
	{ 0, false, false, true, "IP_OUTNOROUTES", OTHER, true, { "no route out", "on the way" } },
	{ 0, false, false, true, "IP_INNOROUTES", HOST, true, { "no route", "on the host" } },
	{ 0, false, false, true, "XFRM_POLICY", HOST, true, { "IPsec" } },
	{ 0,
	  false,
	  false,
	  true,
	  "BPF_CGROUP_EGRESS",
	  TARGET,
	  true,
	  { "BPF program of its cgroup" } },
	{ 0, true, false, true, "SOCKET_FILTER", TARGET, false, { "socket filter" } },
	{ 0, false, false, true, "TC_INGRESS", HOST, true, { "tc filter" } },
	{ 0, true, false, true, "TC_EGRESS", HOST, false, { "tc filter" } },
	{ 0, true, false, true, "XDP", TARGET, false, { "XDP" } },
	{ 0, false, false, true, "NEIGH_FAILED", TARGET, true, { "neighbour" } },
	/* No drop is reported. */
	{ 0, false, false, false, NULL, 0, false, { "does not forward", "ip_forward" } },
	{ 0, false, false, true, NULL, 0, false, { "did not come out" } },
	{ 0, false, true, false, NULL, 0, false, { "did not come out" } },
	{ 0, true, false, true, NULL, 0, false, { "did not come back" } },
	/* Drops in the other direction, or for another reason, explain nothing. */
	{ 0, true, false, true, "NETFILTER_DROP", HOST, true, { "did not come back" } },
	{ 0, false, false, true, "NETFILTER_DROP", HOST, false, { "did not come out" } },
	{ 0, false, false, true, "TCP_CSUM", HOST, true, { "did not come out" } },
};

static void test_blocked(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hindrances); i++) {
		struct peer_evidence evidence = { .error = hindrances[i].error,
						  .met = hindrances[i].met };
		struct judge_context context = context_nothing();
		struct judgement judged;

		if (hindrances[i].drop)
			context = context_drop(hindrances[i].drop, hindrances[i].netns,
					       hindrances[i].outbound);
		context.target_is_host = hindrances[i].is_host;
		context.host_forwards = hindrances[i].forwards;
		judge_in(&tcp, &evidence, &context, &judged);
		assert_int_equal(judged.verdict, VERDICT_BLOCKED);
		assert_int_equal(judged.by, CAUGHT_UNKNOWN);
		for (size_t k = 0; k < 3 && hindrances[i].words[k]; k++)
			if (!strstr(judged.reason, hindrances[i].words[k]))
				fail_msg("row %zu: '%s' is not in '%s'", i, hindrances[i].words[k],
					 judged.reason);
	}
}

/* ---- Outward ---- */

static const struct {
	uint32_t good, bad, unfinished;
	enum verdict verdict;
	const char *reason;
} sums[] = {
	{ 0, 0, 0, VERDICT_BLOCKED, "none of its packets came out" },
	{ 7, 0, 0, VERDICT_VERIFIED, "" },
	{ 6, 1, 0, VERDICT_DELIVERS_CORRUPT, "1 of 7 packets left with a wrong checksum" },
	{ 0, 7, 0, VERDICT_DELIVERS_CORRUPT, "7 of 7 packets left with a wrong checksum" },
	{ 5, 0, 2, VERDICT_DELIVERS_CORRUPT, "2 of 7 packets left with an unfinished checksum" },
};

static void test_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
		struct peer_evidence evidence = read_as("iiidi");
		struct judge_context context = context_nothing();
		struct judgement judged;

		evidence.tx_good = sums[i].good;
		evidence.tx_bad = sums[i].bad;
		evidence.tx_unfinished = sums[i].unfinished;
		judge_out(&evidence, &context, &judged);
		assert_int_equal(judged.verdict, sums[i].verdict);
		assert_string_equal(judged.reason, sums[i].reason);
		assert_false(judged.inherent);
	}
}

/* ---- Packets that others got ---- */

static const struct {
	struct judge_astray astray;
	const char *words[4];
} strays[] = {
	{ { .answers = true, .port = "vethb", .to = "mate" },
	  { "answers to it", "vethb", "to mate", "its IP or MAC address" } },
	{ { .requests = true, .port = "vethb" }, { "its packets", "vethb", "router's address" } },
	{ { .router = true }, { "wrong MAC address for its router" } },
};

/* Whatever arrived: who got the packets may have sent it. */
static void test_astray(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strays); i++) {
		static const char *const arrived[] = { "iiidi", "idddi", "nnnnn", "oiidi" };

		for (size_t k = 0; k < ARRAY_SIZE(arrived); k++) {
			struct peer_evidence evidence = read_as(arrived[k]);
			struct judge_context context = context_drop("TCP_CSUM", TARGET, false);
			struct judgement in, out;

			evidence.tx_bad = (uint32_t)k % 2;
			context.astray = strays[i].astray;
			judge_in(&tcp, &evidence, &context, &in);
			judge_out(&evidence, &context, &out);
			assert_int_equal(in.verdict, VERDICT_UNKNOWN);
			assert_int_equal(in.by, CAUGHT_UNKNOWN);
			assert_int_equal(out.verdict, VERDICT_UNKNOWN);
			for (size_t w = 0; w < 4 && strays[i].words[w]; w++)
				assert_non_null(strstr(in.reason, strays[i].words[w]));
		}
	}
}

/* A stack that lies not on the way refused the answers; one that does is no surprise. */
static void test_ends_elsewhere(void **state)
{
	struct peer_evidence evidence = read_as("nnnnn");
	struct judge_context context = context_drop("IP_INADDRERRORS", OTHER, false);
	struct judgement judged;

	(void)state;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_BLOCKED);
	context.is_direct = true;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(judged.reason, "another namespace"));
	context.drop[0].netns = HOST;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_int_equal(judged.verdict, VERDICT_BLOCKED);
}

/* The peer's IP headers are right: a packet with a wrong one is somebody else's. */
static void test_forged_drop(void **state)
{
	static const char *const reasons[] = { "IP_CSUM", "ICMP_CSUM" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct peer_evidence evidence = read_as("iiidi");
		struct judge_context context = context_drop(reasons[i], TARGET, false);
		struct judgement judged;

		context.drops_known = true;
		judge_in(&tcp, &evidence, &context, &judged);
		assert_int_equal(judged.verdict, VERDICT_UNKNOWN);
	}
}

/* Only if nothing tells why something is blocked. */
static void test_unexplained(void **state)
{
	struct peer_evidence evidence = { .met = true };
	struct judge_context context = context_nothing();
	struct judgement judged;

	(void)state;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_true(judged.unexplained);
	context = context_drop("NETFILTER_DROP", HOST, false);
	judge_in(&tcp, &evidence, &context, &judged);
	assert_false(judged.unexplained);
	context = context_nothing();
	evidence.error = ECONNREFUSED;
	judge_in(&tcp, &evidence, &context, &judged);
	assert_false(judged.unexplained);
}

static void test_names(void **state)
{
	size_t count = 0;

	(void)state;
	while (caught_by_names[count])
		count++;
	assert_int_equal(count, CAUGHT_BYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrivals),
		cmocka_unit_test(test_every_evidence),
		cmocka_unit_test(test_merged),
		cmocka_unit_test(test_merged_datagrams_on_an_old_kernel),
		cmocka_unit_test(test_by_drops),
		cmocka_unit_test(test_by_drops_on_the_host),
		cmocka_unit_test(test_by_counters),
		cmocka_unit_test(test_counters_beside_drops),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_outer_by_drops),
		cmocka_unit_test(test_outer_blocked),
		cmocka_unit_test(test_outer_by_counters),
		cmocka_unit_test(test_outer_no_check),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_astray),
		cmocka_unit_test(test_ends_elsewhere),
		cmocka_unit_test(test_forged_drop),
		cmocka_unit_test(test_unexplained),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
