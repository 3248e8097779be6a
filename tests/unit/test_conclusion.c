// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard/conclusion.c: a container adds protection to its kind, and never lowers it. A table of
 * cases, then all combinations of what two containers can show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard/conclusion.h"

#define RX_OFF MITIGATION_BIT(MITIGATION_RX_OFF)
#define RESET MITIGATION_BIT(MITIGATION_RESET)
#define ALL (RX_OFF | RESET)

/* What one container shows. */
#define GOOD                                                                                       \
	{                                                                                          \
		.kind = "veth", .verifies = true, .is_witness = true                               \
	}
#define GOOD_WITH(mask)                                                                            \
	{                                                                                          \
		.kind = "veth", .verifies = true, .is_witness = true, .on = (mask)                 \
	}
#define HELPED_BY(mask)                                                                            \
	{                                                                                          \
		.kind = "veth", .was_bad = true, .verifies = true, .is_witness = true,             \
		.on = (mask)                                                                       \
	}
#define BAD                                                                                        \
	{                                                                                          \
		.kind = "veth", .was_bad = true, .is_bad = true, .is_witness = true, .tried = ALL  \
	}
#define SET_BY_OTHERS                                                                              \
	{                                                                                          \
		.kind = "veth", .verifies = true                                                   \
	}
#define HELPED_AND_SET(mask)                                                                       \
	{                                                                                          \
		.kind = "veth", .was_bad = true, .verifies = true, .on = (mask)                    \
	}
#define VANISHED                                                                                   \
	{                                                                                          \
		.kind = "veth", .was_bad = true, .is_witness = true                                \
	}
#define UNKNOWN                                                                                    \
	{                                                                                          \
		.kind = "veth", .is_witness = true                                                 \
	}
#define ASTRAY                                                                                     \
	{                                                                                          \
		.kind = "veth", .is_astray = true, .is_witness = true                              \
	}

static const struct policy_row protected_row = { "veth", RX_OFF, POLICY_PROTECTED, 0 };
static const struct policy_row nothing_row = { "veth", 0, POLICY_NEEDS_NOTHING, 0 };
static const struct policy_row unproven_row = { "veth", ALL, POLICY_UNPROVEN, 0 };
static const struct policy_row hopeless_row = { "veth", ALL, POLICY_NOTHING_HELPS, RESET };

static const struct {
	const char *name;
	struct conclusion_sight sight[3];
	bool is_partial, has_host;
	const struct policy_row *earlier;
	enum policy_state state;
	uint32_t mitigations, tried;
} cases[] = {
	{ "good containers need nothing", { GOOD, GOOD }, .state = POLICY_NEEDS_NOTHING },
	{ "what helps is proven",
	  { GOOD, HELPED_BY(RX_OFF) },
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "of what helped all is wanted",
	  { HELPED_BY(RX_OFF), HELPED_BY(RESET) },
	  .state = POLICY_PROTECTED,
	  .mitigations = ALL },
	{ "the host's mitigation helps",
	  { HELPED_BY(0) },
	  .has_host = true,
	  .state = POLICY_PROTECTED },
	{ "a mitigation of the host may be what helps",
	  { GOOD },
	  .has_host = true,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "one that nothing helps",
	  { GOOD, BAD },
	  .state = POLICY_NOTHING_HELPS,
	  .mitigations = ALL,
	  .tried = ALL },
	{ "nothing helps, whatever was proven before",
	  { BAD },
	  .earlier = &nothing_row,
	  .state = POLICY_NOTHING_HELPS,
	  .mitigations = ALL,
	  .tried = ALL },
	{ "a tenant's own rx-off proves nothing",
	  { SET_BY_OTHERS },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "nor beside a good one",
	  { SET_BY_OTHERS, GOOD },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "nor beside one that something helped",
	  { SET_BY_OTHERS, HELPED_BY(RX_OFF) },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "nor does help that a tenant may have made",
	  { HELPED_AND_SET(RX_OFF) },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "it does not lower what was proven",
	  { SET_BY_OTHERS },
	  .earlier = &protected_row,
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "it adds to what was proven",
	  { HELPED_AND_SET(RESET) },
	  .earlier = &protected_row,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "one that vanished though it received damage",
	  { GOOD, VANISHED },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "the same, whatever was proven",
	  { GOOD, VANISHED },
	  .earlier = &nothing_row,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "no verdict proves nothing", { UNKNOWN }, .state = POLICY_UNPROVEN, .mitigations = ALL },
	{ "no verdict lowers nothing",
	  { UNKNOWN },
	  .earlier = &protected_row,
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "no verdict beside a good one", { UNKNOWN, GOOD }, .state = POLICY_NEEDS_NOTHING },
	{ "one whose packets a neighbour got, beside a good one",
	  { ASTRAY, GOOD },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "the same lowers nothing",
	  { ASTRAY, GOOD },
	  .earlier = &protected_row,
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "a part of the containers proves nothing",
	  { GOOD },
	  .is_partial = true,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "a part of them, with help",
	  { HELPED_BY(RX_OFF) },
	  .is_partial = true,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "a part of them lowers nothing",
	  { GOOD },
	  .is_partial = true,
	  .earlier = &protected_row,
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "a part of them adds",
	  { HELPED_BY(RESET) },
	  .is_partial = true,
	  .earlier = &protected_row,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "a part of them does not end that nothing helps",
	  { GOOD },
	  .is_partial = true,
	  .earlier = &hopeless_row,
	  .state = POLICY_NOTHING_HELPS,
	  .mitigations = ALL,
	  .tried = RESET },
	{ "all of them do, but not what is put on",
	  { GOOD_WITH(ALL) },
	  .earlier = &hopeless_row,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "what is on stays wanted",
	  { GOOD_WITH(RX_OFF) },
	  .earlier = &protected_row,
	  .state = POLICY_PROTECTED,
	  .mitigations = RX_OFF },
	{ "what is on without proof is not proven",
	  { GOOD_WITH(RX_OFF) },
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
	{ "what is unproven stays so",
	  { GOOD_WITH(ALL) },
	  .earlier = &unproven_row,
	  .state = POLICY_UNPROVEN,
	  .mitigations = ALL },
};

static size_t count_sights(const struct conclusion_sight sight[3])
{
	size_t count = 0;

	while (count < 3 && sight[count].kind)
		count++;
	return count;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct conclusion_settings settings = { .is_complete = !cases[i].is_partial,
							      .has_host = cases[i].has_host,
							      .earlier = cases[i].earlier };
		struct policy_row row;

		assert_true(conclusion_draw(&settings, "veth", cases[i].sight,
					    count_sights(cases[i].sight), &row));
		if (row.state != cases[i].state || row.mitigations != cases[i].mitigations ||
		    row.tried != cases[i].tried)
			fail_msg("%s: %s, %x, %x", cases[i].name, policy_state_names[row.state],
				 row.mitigations, row.tried);
	}
}

static void test_kinds_are_apart(void **state)
{
	const struct conclusion_sight sight[] = { GOOD,
						  { .kind = "", .was_bad = true, .is_bad = true } };
	const struct conclusion_settings settings = { .is_complete = true };
	struct policy_row row;

	(void)state;
	assert_true(conclusion_draw(&settings, "veth", sight, 2, &row));
	assert_int_equal(row.state, POLICY_NEEDS_NOTHING);
	assert_true(conclusion_draw(&settings, "", sight, 2, &row));
	assert_int_equal(row.state, POLICY_NOTHING_HELPS);
	assert_string_equal(row.name, "hardware");
	assert_false(conclusion_draw(&settings, "macvlan", sight, 2, &row));
}

static void test_ordered(void **state)
{
	const struct conclusion_sight sight[] = { GOOD_WITH(RX_OFF) };
	const struct policy_row earlier = { "veth", RESET, POLICY_PROTECTED, 0 };
	struct conclusion_settings settings = { .is_complete = true,
						.is_ordered = true,
						.earlier = &earlier };
	struct policy_row row;

	(void)state;
	assert_true(conclusion_draw(&settings, "veth", sight, 1, &row));
	assert_int_equal(row.state, POLICY_UNPROVEN);
	assert_int_equal(row.mitigations, RX_OFF);
	settings.is_complete = false;
	assert_true(conclusion_draw(&settings, "veth", sight, 1, &row));
	assert_int_equal(row.mitigations, ALL);
}

/* A container in which somebody has set anything. */
static struct conclusion_sight attacker(unsigned int bits)
{
	return (struct conclusion_sight){ .kind = "veth",
					  .was_bad = bits & 1,
					  .is_bad = (bits & 6) == 2,
					  .verifies = bits & 4,
					  .is_witness = false,
					  .on = bits >> 3 & ALL,
					  .tried = bits >> 5 & ALL };
}

/* Whatever an attacker's container shows, the kind gets no less than without it. */
static void test_an_attacker_lowers_nothing(void **state)
{
	static const struct conclusion_sight honest[] = { GOOD, HELPED_BY(RX_OFF), HELPED_BY(RESET),
							  BAD,	GOOD_WITH(RX_OFF), UNKNOWN };
	enum { EARLIER = 5 };
	const struct policy_row *const earlier[EARLIER] = { NULL, &protected_row, &nothing_row,
							    &unproven_row, &hopeless_row };

	(void)state;
	for (size_t h = 0; h < sizeof(honest) / sizeof(*honest); h++)
		for (size_t e = 0; e < EARLIER; e++)
			for (unsigned int bits = 0; bits < 256; bits++) {
				const struct conclusion_sight sight[] = { honest[h],
									  attacker(bits) };
				const struct conclusion_settings settings = {
					.is_complete = bits & 128, .earlier = earlier[e]
				};
				struct policy_row with, without;

				conclusion_draw(&settings, "veth", sight, 1, &without);
				conclusion_draw(&settings, "veth", sight, 2, &with);
				/* What the honest ones proved anew is missed; what was in the
				 * policy before is not lowered. */
				if (without.mitigations & ~with.mitigations)
					fail_msg("honest %zu, earlier %zu, attacker %x: %x, not %x",
						 h, e, bits, with.mitigations, without.mitigations);
				if (without.state != POLICY_NEEDS_NOTHING &&
				    with.state == POLICY_NEEDS_NOTHING)
					fail_msg("honest %zu, earlier %zu, attacker %x", h, e,
						 bits);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_kinds_are_apart),
		cmocka_unit_test(test_ordered),
		cmocka_unit_test(test_an_attacker_lowers_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
