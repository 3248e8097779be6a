// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the daemon proves. guard/daemon/daemon.c is included, so that the test sees its timers
 * instead of waiting for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

static uint64_t timer_ns; /* the last one set; 0: none */

static int fake_add_timer(struct loop *loop, uint64_t first_ns, uint64_t every_ns,
			  int (*call)(void *), void *owner, struct loop_source **ret_source)
{
	(void)loop, (void)every_ns, (void)call, (void)owner;
	timer_ns = first_ns;
	*ret_source = (struct loop_source *)&timer_ns;
	return 0;
}

#define loop_add_timer fake_add_timer
#include "guard/daemon/daemon.c" /* NOLINT(bugprone-suspicious-include) */

#include <cmocka.h>

/* A container appears; returns after how long there will be a proof, 0 for none. */
static uint64_t wait_after(struct guard_daemon *daemon)
{
	timer_ns = 0;
	on_appeared(daemon);
	return timer_ns;
}

/* Containers on which nothing can be proven must not keep the host busy with proofs. */
static void test_each_wait_is_longer(void **state)
{
	const struct daemon_settings settings = { 0 };
	struct guard_daemon daemon = { .settings = &settings, .prove_wait_ns = PROVE_SOON_NS };
	uint64_t wait = PROVE_SOON_NS;

	(void)state;
	for (int round = 0; round < 8; round++, wait *= 2) {
		assert_int_equal(wait_after(&daemon), wait);
		assert_int_equal(wait_after(&daemon), 0); /* it is scheduled already */
		daemon.soon = NULL; /* as after it */
	}
}

static void test_no_proof_is_scheduled(void **state)
{
	const struct daemon_settings ordered = { .ordered = MITIGATION_BIT(MITIGATION_RX_OFF) };
	const struct daemon_settings settings = { 0 };
	struct guard_daemon daemon = { .settings = &ordered, .prove_wait_ns = PROVE_SOON_NS };

	(void)state;
	assert_int_equal(wait_after(&daemon), 0);
	daemon.settings = &settings;
	daemon.has_policy = true;
	assert_int_equal(wait_after(&daemon), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_wait_is_longer),
		cmocka_unit_test(test_no_proof_is_scheduled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
