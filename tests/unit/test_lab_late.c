// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The lab on a machine that is too busy: with a timer that came much too late, a message that did
 * not arrive proves nothing. And what is counted of the packets on the wire. lab/run.c is included,
 * so that its clock is the test's.
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

/*
 * A cell whose control never arrives. An earlier timer comes `before_ns` after its time, the
 * deadline `late_ns` after its own.
 */
static enum verdict verdict_when(uint64_t before_ns, uint64_t late_ns, bool refused)
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
	expect_timer(&cell, 0);
	now_ns += before_ns;
	note_lateness(&cell);
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
		assert_int_equal(verdict_when(0, 0, refused), VERDICT_BLOCKED);
		assert_int_equal(verdict_when(LATE_NS, LATE_NS, refused), VERDICT_BLOCKED);
		assert_int_equal(verdict_when(0, LATE_NS + 1, refused), VERDICT_UNKNOWN);
		assert_int_equal(verdict_when(0, 5 * LATE_NS, refused), VERDICT_UNKNOWN);
		assert_int_equal(verdict_when(LATE_NS + 1, 0, refused), VERDICT_UNKNOWN);
	}
}

/* What the switch reports of its segments adds up, whether or not they hold a message. */
static void test_segments_are_counted(void **state)
{
	static const uint8_t foreign[] = "no message of the lab";
	static const struct wire_segment segments[] = {
		{ .damaged = true, .payload = foreign, .payload_len = sizeof(foreign) },
		{ .damaged = true,
		  .unseen = true,
		  .payload = foreign,
		  .payload_len = sizeof(foreign) },
		{ .unchanged = true, .payload = foreign, .payload_len = sizeof(foreign) },
	};
	struct cell_result result = { 0 };
	struct cell cell = { .result = &result };

	(void)state;
	for (int i = 0; i < 6; i++)
		on_segment(&cell, &segments[i % 3]);
	assert_int_equal(result.damaged_on_wire, 4);
	assert_int_equal(result.damaged_unseen, 2);
	assert_int_equal(result.unchanged_on_wire, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lateness_proves_nothing),
		cmocka_unit_test(test_segments_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
