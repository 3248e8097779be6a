// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lab on a machine that is too busy: with a timer that came much too late, a message that did
 * not arrive proves nothing. lab/run.c is included, so that its clock is the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

static uint64_t now_ns = UINT64_C(1000000000000);

static uint64_t fake_clock(void)
{
	return now_ns;
}

#define clock_ns fake_clock
#include "lab/run.c" /* NOLINT(bugprone-suspicious-include) */

#include <cmocka.h>

static const struct lab_settings settings = { .before = 2, .during = 3, .after = 1 };

/* A cell whose control never arrives; its deadline comes `late_ns` after its time. */
static enum verdict verdict_when(uint64_t late_ns, bool refused)
{
	static const struct run_watcher nobody;
	static struct message_fate fates[6];
	struct runner runner = { .settings = &settings, .watcher = &nobody };
	struct lab_cell lab = {
		.key = { .topology = &topologies[0], .family = AF_INET },
		.result = { .messages = fates, .message_count = ARRAY_SIZE(fates) },
	};
	struct cell cell = { .runner = &runner,
			     .lab = &lab,
			     .key = &lab.key,
			     .result = &lab.result,
			     .site = { .sender = -1, .host = -1, .receiver = -1 } };

	assert_int_equal(loop_new(&runner.loop), 0);
	set_deadline(&cell, CONNECT_PATIENCE_NS);
	now_ns += CONNECT_PATIENCE_NS + late_ns;
	if (refused) {
		note_lateness(&cell);
		fail_errno(-ECONNREFUSED, "cannot connect");
		on_peers_failed(&cell, true);
	} else {
		on_deadline(&cell);
	}
	loop_remove(&cell.end);
	loop_free(runner.loop);
	return lab.result.verdict;
}

static void test_lateness_proves_nothing(void **state)
{
	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		assert_int_equal(verdict_when(0, refused), VERDICT_BLOCKED);
		assert_int_equal(verdict_when(LATE_NS, refused), VERDICT_BLOCKED);
		assert_int_equal(verdict_when(LATE_NS + 1, refused), VERDICT_UNKNOWN);
		assert_int_equal(verdict_when(5 * LATE_NS, refused), VERDICT_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lateness_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
