// SPDX-License-Identifier: GPL-2.0-or-later
/* Verdicts from evidence: no false alarm, no miss, and no claim without proof. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lab/judge.h"
#include "lab/message.h"
#include "lab/run.h"
#include "lab/topology.h"

enum { BEFORE = 2, DURING = 3, AFTER = 1, ALL = BEFORE + DURING + AFTER };

static const struct lab_settings settings = { .before = BEFORE, .during = DURING, .after = AFTER };

/* A cell in which everything sent was read intact, and the switch damaged `damaged` segments. */
struct sample {
	struct cell_key key;
	struct message_fate fates[ALL];
	struct cell_result result;
};

static struct sample *sample(const char *topology, uint32_t damaged)
{
	static struct sample all;

	memset(&all, 0, sizeof(all));
	all.key.family = AF_INET;
	for (size_t i = 0; i < topology_count; i++)
		if (!strcmp(topologies[i].name, topology))
			all.key.topology = &topologies[i];
	assert_non_null(all.key.topology);
	for (uint32_t k = 0; k < ALL; k++)
		all.fates[k] = (struct message_fate){ .sent = true,
						      .sent_ns = k,
						      .read_ns = 100,
						      .bytes_read = (uint32_t)message_len(k) };
	all.result.messages = all.fates;
	all.result.message_count = ALL;
	all.result.damaged_on_wire = damaged;
	return &all;
}

static void run(struct sample *sample, enum verdict verdict, enum caught_by by)
{
	judge_cell(&sample->key, &settings, false, &sample->result);
	assert_int_equal(sample->result.verdict, verdict);
	assert_int_equal(sample->result.caught_by, by);
	if (verdict == VERDICT_UNKNOWN)
		assert_true(sample->result.reason[0]);
}

static void test_verified_by(void **state)
{
	struct sample *one = sample("routed", 5);

	(void)state;
	one->result.container.tcp_in_csum_errors = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_CONTAINER);
	assert_int_equal(one->result.agreement, AGREEMENT_AS_EXPECTED);
	assert_int_equal(one->result.caught, 5);
	assert_int_equal(one->result.delivered, ALL);
	assert_int_equal(one->result.longest_delay_ns, 100);

	one = sample("bare", 5);
	one->result.container.tcp_in_csum_errors = one->result.host.tcp_in_csum_errors = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_HOST);

	/* The host's counter may have risen by itself: the container's is nearer to the socket. */
	one = sample("routed", 5);
	one->result.container.tcp_in_csum_errors = 5;
	one->result.host.tcp_in_csum_errors = 7;
	run(one, VERDICT_VERIFIED, CAUGHT_CONTAINER);
	assert_int_equal(one->result.caught, 5);
	assert_int_equal(one->result.agreement, AGREEMENT_AS_EXPECTED);

	one = sample("nat", 5);
	one->result.host.tcp_in_csum_errors = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_HOST);
	assert_int_equal(one->result.agreement, AGREEMENT_AS_EXPECTED);

	one = sample("conntrack-drop", 5);
	one->result.rule_drops = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_RULE);

	one = sample("vxlan-csum", 5);
	one->result.host.udp_in_csum_errors = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_OUTER_UDP);
}

/* The damage is caught in an unexpected place: the run must say so. */
static void test_differs(void **state)
{
	struct sample *one = sample("nat", 5);

	(void)state;
	one->result.container.tcp_in_csum_errors = 5;
	run(one, VERDICT_VERIFIED, CAUGHT_CONTAINER);
	assert_int_equal(one->result.agreement, AGREEMENT_DIFFERS);

	one = sample("routed", 5);
	one->fates[BEFORE].bytes_wrong = 1;
	one->result.bytes_wrong = 1;
	run(one, VERDICT_DELIVERS_CORRUPT, CAUGHT_NOBODY);
	assert_int_equal(one->result.agreement, AGREEMENT_DIFFERS);
}

/* One wrong byte is enough, no matter what the counters say. */
static void test_one_wrong_byte(void **state)
{
	struct sample *one = sample("routed", 5);

	(void)state;
	one->key.behaviour = BEHAVIOUR_VETH_2016;
	one->fates[BEFORE].bytes_wrong = 1;
	one->result.bytes_wrong = 1;
	one->result.container.tcp_in_csum_errors = 4;
	run(one, VERDICT_DELIVERS_CORRUPT, CAUGHT_NOBODY);
	assert_int_equal(one->result.agreement, AGREEMENT_AS_EXPECTED);
	assert_int_equal(one->result.delivered_damaged, 1);
}

static void test_nothing_proven(void **state)
{
	struct sample *one = sample("routed", 0);

	(void)state;
	one->result.unchanged_on_wire = 3; /* the pattern changed nothing */
	run(one, VERDICT_UNKNOWN, CAUGHT_UNKNOWN);

	one = sample("routed", 5); /* damaged, not delivered, and not counted anywhere */
	run(one, VERDICT_UNKNOWN, CAUGHT_UNKNOWN);

	one = sample("routed", 0); /* wrong bytes without damage: not the kernel's doing */
	one->result.bytes_wrong = 1;
	run(one, VERDICT_UNKNOWN, CAUGHT_UNKNOWN);

	one = sample("routed", 5); /* the control itself was wrong */
	one->fates[0].bytes_wrong = 1;
	one->result.bytes_wrong = 1;
	run(one, VERDICT_UNKNOWN, CAUGHT_UNKNOWN);

	one = sample("routed", 5); /* the reason is known already */
	strcpy(one->result.reason, "cannot send");
	one->result.container.tcp_in_csum_errors = 5;
	run(one, VERDICT_UNKNOWN, CAUGHT_UNKNOWN);
	assert_string_equal(one->result.reason, "cannot send");
}

static void test_blocked(void **state)
{
	struct sample *one = sample("routed", 0);

	(void)state;
	one->fates[1].bytes_read = 0;
	run(one, VERDICT_BLOCKED, CAUGHT_UNKNOWN);
	assert_int_equal(one->result.agreement, AGREEMENT_DIFFERS);

	one = sample("routed", 0);
	one->fates[1].bytes_read = 0;
	judge_cell(&one->key, &settings, true, &one->result);
	assert_int_equal(one->result.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(one->result.reason, "busy"));
}

static void test_lost_datagrams(void **state)
{
	struct sample *one = sample("routed", DURING);

	(void)state;
	one->key.proto = PROTO_UDP;
	for (uint32_t k = BEFORE; k < BEFORE + DURING; k++)
		one->fates[k].bytes_read = 0;
	one->result.container.udp_in_csum_errors = DURING;
	run(one, VERDICT_VERIFIED, CAUGHT_CONTAINER);
	assert_int_equal(one->result.not_delivered, DURING);
	assert_string_equal(one->result.reason, "");
}

/* Damage that leaves the sum right is expected to be delivered everywhere. */
static void test_unseen(void **state)
{
	struct sample *one = sample("nat", 5);

	(void)state;
	one->result.damaged_unseen = 5;
	one->fates[BEFORE].bytes_wrong = 1;
	one->result.bytes_wrong = 1;
	run(one, VERDICT_DELIVERS_CORRUPT, CAUGHT_NOBODY);
	assert_int_equal(one->result.agreement, AGREEMENT_AS_EXPECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verified_by),    cmocka_unit_test(test_differs),
		cmocka_unit_test(test_one_wrong_byte), cmocka_unit_test(test_nothing_proven),
		cmocka_unit_test(test_blocked),	       cmocka_unit_test(test_lost_datagrams),
		cmocka_unit_test(test_unseen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
