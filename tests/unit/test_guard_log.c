// SPDX-License-Identifier: GPL-2.0-or-later
/* guard/daemon/log.c: a container that flaps leaves room for the others; the summary names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "base/loop.h"
#include "guard/daemon/log.h"

struct heard {
	unsigned int lines, summaries, of_others;
	char last_summary[500];
};

static void hear(void *owner, const struct guard_event *event)
{
	struct heard *heard = owner;

	if (event->kind == GUARD_SUMMARY) {
		heard->summaries++;
		snprintf(heard->last_summary, sizeof(heard->last_summary), "%s", event->sentence);
		return;
	}
	heard->lines++;
	heard->of_others += event->netns && !strncmp(event->netns, "other", 5);
}

static struct event_log log_;

static int begin(void **state)
{
	static struct heard heard;

	heard = (struct heard){ 0 };
	log_ = (struct event_log){ .write = hear, .owner = &heard };
	*state = &heard;
	return loop_new(&log_.loop);
}

static int end(void **state)
{
	(void)state;
	log_end(&log_);
	loop_free(log_.loop);
	return 0;
}

static void restored(const char *device, const char *netns)
{
	const struct guard_event event = {
		.kind = GUARD_RESTORED, .level = LOG_WARNING, .device = device, .netns = netns
	};

	log_event(&log_, &event, NULL);
}

/* Ends the second. */
static void next_second(void)
{
	log_end(&log_);
}

static void test_a_flapping_container(void **state)
{
	struct heard *heard = *state;
	char name[16];

	for (int i = 0; i < 1000; i++)
		restored("eth0", "flaps");
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "other%d", i);
		restored("eth0", name);
	}
	assert_int_equal(heard->of_others, 10);
	assert_int_equal(heard->lines, 10 + LOG_DEVICE_LINES);
	next_second();
	assert_int_equal(heard->summaries, 1);
	assert_non_null(strstr(heard->last_summary, "eth0 of flaps (998)"));
}

/* Devices that come and go, or are renamed, are of one namespace. */
static void test_many_names_in_one_namespace(void **state)
{
	struct heard *heard = *state;
	char name[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		restored(name, "flaps");
	}
	restored("eth0", "other");
	assert_int_equal(heard->of_others, 1);
	assert_int_equal(heard->lines, LOG_NETNS_LINES + 1);
}

/* Many that flap share few lines as soon as they are known. */
static void test_many_flapping_containers(void **state)
{
	struct heard *heard = *state;
	char name[16];

	for (int second = 0; second < 3; second++) {
		heard->lines = heard->of_others = 0;
		for (int k = 0; k < 20; k++)
			for (int i = 0; i < 60; i++) {
				snprintf(name, sizeof(name), "flaps%d", i);
				restored("eth0", name);
			}
		for (int i = 0; second && i < 10; i++) {
			snprintf(name, sizeof(name), "other%d%d", second, i);
			restored("eth0", name);
		}
		if (second)
			assert_int_equal(heard->of_others, 10);
		assert_true(heard->lines <= LOG_LINES + LOG_NOISY_LINES);
		next_second();
	}
}

static void test_the_worst_three(void **state)
{
	static const struct {
		const char *netns;
		int events;
	} flapping[] = { { "a", 20 }, { "b", 50 }, { "c", 30 }, { "d", 40 }, { "e", 10 } };
	struct heard *heard = *state;

	for (size_t i = 0; i < sizeof(flapping) / sizeof(*flapping); i++)
		for (int k = 0; k < flapping[i].events; k++)
			restored("eth0", flapping[i].netns);
	next_second();
	assert_non_null(strstr(heard->last_summary,
			       "; most of them: eth0 of b (48), eth0 of d (38), eth0 of c (28)"));
	assert_null(strstr(heard->last_summary, "of a"));
	/* The next summary counts from the beginning. */
	for (int k = 0; k < 50; k++)
		restored("eth0", "a");
	next_second();
	assert_non_null(strstr(heard->last_summary, "; most of them: eth0 of a ("));
	assert_null(strstr(heard->last_summary, "of b"));
}

/* Other kinds of events have lines of their own. */
static void test_kinds(void **state)
{
	struct heard *heard = *state;
	const struct guard_event trouble = {
		.kind = GUARD_TROUBLE, .level = LOG_ERR, .device = "eth0", .netns = "other"
	};
	char name[16];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		restored("eth0", name);
	}
	assert_int_equal(heard->lines, LOG_LINES);
	log_event(&log_, &trouble, "text");
	assert_int_equal(heard->of_others, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_flapping_container),
		TEST(test_many_names_in_one_namespace),
		TEST(test_many_flapping_containers),
		TEST(test_the_worst_three),
		TEST(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
