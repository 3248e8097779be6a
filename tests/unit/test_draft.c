// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard/draft.c: what a new policy keeps of the earlier one. A run that looked at some containers
 * only must not take from the others what protects them. In a mount namespace of its own, whose
 * /run is empty: nothing is recorded on this host.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "guard/draft.h"
#include "net/inventory.h"

#define RX_OFF MITIGATION_BIT(MITIGATION_RX_OFF)
#define RESET MITIGATION_BIT(MITIGATION_RESET)
#define CONNTRACK MITIGATION_BIT(MITIGATION_CONNTRACK_CHECKSUM)

static bool has_world;

static int make_world(void **state)
{
	(void)state;
	has_world = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tsum-test", "/run", "tmpfs", 0, NULL);
	return 0;
}

/* The host and two containers, one with a veth, one with a macvlan. */
static struct device veth = { .index = 2, .name = "eth0", .kind = "veth" },
		     macvlan = { .index = 2, .name = "eth0", .kind = "macvlan" };
static struct space spaces[] = {
	{ .own = true, .fd = -1 },
	{ .fd = -1, .device = &veth, .device_count = 1 },
	{ .fd = -1, .device = &macvlan, .device_count = 1 },
};
static const struct inventory inventory = { .space = spaces, .space_count = 3 };
static const size_t all[] = { 0, 1, 2 };

static const struct policy earlier = {
	.kind = { { "veth", RX_OFF, POLICY_PROTECTED, 0 },
		  { "ipvlan", RESET, POLICY_NOTHING_HELPS, RX_OFF } },
	.kind_count = 2,
	.device = { { "eth0", RESET, POLICY_UNPROVEN, 0 }, { "eth1", RESET, POLICY_UNPROVEN, 0 } },
	.device_count = 2,
	.host = CONNTRACK,
};

static struct policy draft_of(size_t space_count, const char *via, const struct policy *before)
{
	const struct draft draft = { .inventory = &inventory,
				     .spaces = all,
				     .space_count = space_count,
				     .earlier = before,
				     .via = via };
	struct policy policy = { 0 };

	assert_int_equal(draft_policy(&draft, &policy), 0);
	return policy;
}

/* A run for some containers says nothing of the others, which the host's part may protect. */
static void test_host_part(void **state)
{
	(void)state;
	if (!has_world)
		skip();
	assert_int_equal(draft_of(1, NULL, &earlier).host, CONNTRACK);
	assert_int_equal(draft_of(2, NULL, &earlier).host, CONNTRACK);
	assert_int_equal(draft_of(3, NULL, &earlier).host, 0);
	assert_int_equal(draft_of(1, NULL, NULL).host, 0);
}

/* The host's devices keep their rows, except the one that was looked at. */
static void test_devices(void **state)
{
	struct policy policy;

	(void)state;
	if (!has_world)
		skip();
	policy = draft_of(3, NULL, &earlier);
	assert_int_equal(policy.device_count, 2);
	assert_int_equal(policy_get(&policy, POLICY_DEVICE, "eth0"), RESET);
	assert_int_equal(policy_get(&policy, POLICY_DEVICE, "eth1"), RESET);
	policy = draft_of(3, "eth0", &earlier);
	assert_int_equal(policy.device_count, 1);
	assert_int_equal(policy_get(&policy, POLICY_DEVICE, "eth0"), 0);
	assert_int_equal(policy_get(&policy, POLICY_DEVICE, "eth1"), RESET);
}

/* Kinds that were not seen keep all of what was proven of them. */
static void test_kinds(void **state)
{
	struct policy old = earlier, policy;
	const struct policy_row *row;

	(void)state;
	if (!has_world)
		skip();
	policy = draft_of(3, NULL, &earlier);
	assert_int_equal(policy.kind_count, 2);
	row = policy_kind(&policy, "ipvlan");
	assert_int_equal(row->state, POLICY_NOTHING_HELPS);
	assert_int_equal(row->mitigations, RESET);
	assert_int_equal(row->tried, RX_OFF);
	row = policy_kind(&policy, "veth");
	assert_int_equal(row->state, POLICY_PROTECTED);
	assert_int_equal(row->mitigations, RX_OFF);
	/* An empty row of version 1 proves nothing. */
	old.is_old = true;
	old.kind[0].mitigations = 0;
	policy = draft_of(3, NULL, &old);
	assert_null(policy_kind(&policy, "veth"));
	assert_non_null(policy_kind(&policy, "ipvlan"));
}

/* "Needs nothing" is concluded only if the run looked at all containers with such a device. */
static void test_complete_runs(void **state)
{
	const struct conclusion_sight sights[] = {
		{ .kind = "veth", .verifies = true, .is_witness = true },
		{ .kind = "macvlan", .verifies = true, .is_witness = true },
	};
	static const size_t without_veth[] = { 0, 2 };
	struct draft draft = { .inventory = &inventory,
			       .spaces = all,
			       .space_count = 3,
			       .sight = sights,
			       .sight_count = 2 };
	struct policy policy = { 0 };

	(void)state;
	if (!has_world)
		skip();
	assert_int_equal(draft_policy(&draft, &policy), 0);
	assert_int_equal(policy_kind(&policy, "veth")->state, POLICY_NEEDS_NOTHING);
	assert_int_equal(policy_kind(&policy, "macvlan")->state, POLICY_NEEDS_NOTHING);
	draft.spaces = without_veth;
	draft.space_count = 2;
	memset(&policy, 0, sizeof(policy));
	assert_int_equal(draft_policy(&draft, &policy), 0);
	assert_int_equal(policy_kind(&policy, "veth")->state, POLICY_UNPROVEN);
	assert_int_equal(policy_kind(&policy, "macvlan")->state, POLICY_NEEDS_NOTHING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_part),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_complete_runs),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
