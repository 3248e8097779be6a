// SPDX-License-Identifier: GPL-2.0-or-later
/* guard/explain.c: what counts as better, and why something cannot be protected. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard/explain.h"
#include "probe/run.h"

static const struct check tcp = { .name = "tcp", .proto = IPPROTO_TCP, .shape = SHAPE_SINGLE },
			  merged = { .name = "udp-merged",
				     .proto = IPPROTO_UDP,
				     .shape = SHAPE_MERGED },
			  bare = { .name = "udp-no-check",
				   .proto = IPPROTO_UDP,
				   .shape = SHAPE_NO_CHECK };

static void add(struct probe_target *target, const struct check *check, int family, enum verdict in,
		enum verdict out)
{
	target->check[target->check_count++] = (struct probe_check){
		.check = check,
		.family = family,
		.in = { .verdict = in,
			.inherent = check == &bare && in == VERDICT_DELIVERS_CORRUPT },
		.out = { .verdict = out },
	};
	if (in == VERDICT_DELIVERS_CORRUPT && check != &bare)
		target->verdict = in;
	if (out == VERDICT_DELIVERS_CORRUPT)
		target->verdict = out;
}

static const char *words(const struct probe_target *target, const struct explain_context *context)
{
	static char text[400];

	explain(target, context, text, sizeof(text));
	return text;
}

static void test_why(void **state)
{
	const struct explain_context container = { .device = "eth0",
						   .tried = MITIGATION_BIT(MITIGATION_RX_OFF) };
	const struct explain_context host = { .is_host = true, .device = "" };
	const struct explain_context nowhere = { .device = "" };
	struct probe_target target = { .verdict = VERDICT_VERIFIED };

	(void)state;
	add(&target, &bare, AF_INET, VERDICT_DELIVERS_CORRUPT, VERDICT_VERIFIED);
	assert_string_equal(words(&target, &container), "");
	add(&target, &merged, AF_INET, VERDICT_DELIVERS_CORRUPT, VERDICT_VERIFIED);
	add(&target, &merged, AF_INET6, VERDICT_DELIVERS_CORRUPT, VERDICT_VERIFIED);
	assert_ptr_equal(strstr(words(&target, &container), "udp-merged v4 v6: packets that GRO"),
			 words(&target, &container));
	assert_non_null(strstr(words(&target, &host), "--via"));
	assert_non_null(strstr(words(&target, &nowhere), "no device of its own"));
	add(&target, &tcp, AF_INET6, VERDICT_DELIVERS_CORRUPT, VERDICT_VERIFIED);
	assert_string_equal(words(&target, &container),
			    "udp-merged v4 v6, tcp v6: tried, without effect: rx-off");
}

static void test_what_is_sent(void **state)
{
	const struct explain_context container = { .device = "eth0" };
	struct probe_target target = { .verdict = VERDICT_VERIFIED };

	(void)state;
	add(&target, &tcp, AF_INET, VERDICT_VERIFIED, VERDICT_DELIVERS_CORRUPT);
	assert_non_null(strstr(words(&target, &container), "--tunnel"));
}

static void test_blocked(void **state)
{
	const struct explain_context container = { .device = "eth0" };
	struct probe_target target = { .verdict = VERDICT_BLOCKED, .no_v4 = "it has no route" };

	(void)state;
	assert_string_equal(words(&target, &container), "it has no route");
	target.no_v4[0] = '\0';
	add(&target, &tcp, AF_INET6, VERDICT_BLOCKED, VERDICT_BLOCKED);
	snprintf(target.check[0].in.reason, sizeof(target.check[0].in.reason), "a rule");
	assert_string_equal(words(&target, &container), "tcp v6: a rule");
	target.isolated = true;
	assert_string_equal(words(&target, &container), "");
}

static struct explain_score score(enum verdict one, enum verdict other)
{
	struct probe_target target = { .verdict = VERDICT_VERIFIED };

	add(&target, &tcp, AF_INET, one, VERDICT_VERIFIED);
	add(&target, &merged, AF_INET, other, VERDICT_VERIFIED);
	return explain_score(&target);
}

static void test_better(void **state)
{
	const enum verdict bad = VERDICT_DELIVERS_CORRUPT, good = VERDICT_VERIFIED;

	(void)state;
	assert_int_equal(explain_compare(score(good, good), score(bad, bad)), 1);
	assert_int_equal(explain_compare(score(good, bad), score(bad, bad)), 1);
	assert_true(explain_compare(score(bad, bad), score(bad, bad)) <= 0);
	/* GRO did not merge this time, so the merged check is unknown; the other proves it. */
	assert_int_equal(explain_compare(score(good, VERDICT_UNKNOWN), score(bad, bad)), 1);
	assert_true(explain_compare(score(VERDICT_UNKNOWN, VERDICT_UNKNOWN), score(bad, bad)) <= 0);
	/* Cutting a container off is no protection. */
	assert_true(explain_compare(score(VERDICT_BLOCKED, VERDICT_BLOCKED), score(bad, bad)) <= 0);
	assert_true(explain_compare(score(good, VERDICT_BLOCKED), score(bad, bad)) <= 0);
	assert_int_equal(explain_compare(score(bad, good), score(good, good)), -1);
	assert_int_equal(explain_compare(score(VERDICT_UNKNOWN, good), score(good, good)), -1);
	assert_int_equal(explain_compare(score(good, good), score(good, good)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_what_is_sent),
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_better),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
