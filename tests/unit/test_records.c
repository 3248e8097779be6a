// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net/journal_records.c, guard/mitigate.c, guard/trial.c: permanent changes are made once, and
 * undone exactly.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "guard/records.h"
#include "guard/mitigate.h"
#include "net/feature.h"
#include "net/ledger.h"
#include "net/inventory.h"
#include "net/link.h"
#include "net/nl.h"

#define FORWARD "net/ipv4/ip_forward"
#define RX_OFF MITIGATION_BIT(MITIGATION_RX_OFF)
#define RESET MITIGATION_BIT(MITIGATION_RESET)

static struct nl *nl;
static struct journal_place end, host = { .netns_fd = -1 };
static bool there;

#define NEEDS_WORLD(state)                                                                         \
	do {                                                                                       \
		(void)(state);                                                                     \
		if (!there) {                                                                      \
			print_message("needs root, network and mount namespaces\n");               \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static int make_world(void **state)
{
	struct link_info link;

	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return 0;
	/* In a chroot, / may be no mount point. Then mounts could show outside. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	assert_int_equal(mount("tsum-test", "/run", "tmpfs", 0, NULL), 0);
	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &nl), 0);
	assert_int_equal(link_add_veth(nl, "v0", "v1", -1), 0);
	assert_int_equal(link_get(nl, "v1", &link), 0);
	end = (struct journal_place){ .netns_fd = -1, .device = "v1", .index = link.index };
	there = true;
	return 0;
}

static unsigned int files(void)
{
	DIR *dir = opendir("/run/truesum/guard");
	unsigned int count = 0;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		count += *entry->d_name != '.';
	if (dir)
		closedir(dir);
	return count;
}

static bool rx_is_on(void)
{
	bool on = false;

	assert_int_equal(feature_get(-1, "v1", "rx-checksum", &on), 0);
	return on;
}

static unsigned int filters(void)
{
	unsigned int count = 0;
	char name[64];

	for (uint16_t priority = 1; priority < 20; priority++)
		count += !tc_bpf_name(nl, end.index, TC_INGRESS, priority, name, sizeof(name));
	return count;
}

static void test_protect_twice_and_revert(void **state)
{
	const uint32_t both = RX_OFF | RESET;
	struct mitigator mitigator = MITIGATOR_INIT;
	enum tc_hooks hooks;
	uint32_t in_force = 0;
	bool changed = false;

	NEEDS_WORLD(state);
	assert_int_equal(mitigate_protect(&mitigator, &end, both, &changed), 0);
	assert_true(changed);
	assert_false(rx_is_on());
	assert_int_equal(filters(), 1);
	assert_int_equal(mitigate_in_force(&end, both, &in_force), 0);
	assert_int_equal(in_force, both);
	assert_int_equal(mitigate_protect(&mitigator, &end, both, &changed), 0);
	assert_false(changed);
	assert_int_equal(filters(), 1);
	assert_int_equal(files(), 1);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_true(rx_is_on());
	assert_int_equal(tc_get_hooks(nl, end.index, &hooks), 0);
	assert_int_equal(hooks, TC_HOOKS_NONE);
	assert_int_equal(files(), 0);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_int_equal(files(), 0);
	mitigate_release(&mitigator);
}

static void test_drift_keeps_the_first_value(void **state)
{
	struct mitigator mitigator = MITIGATOR_INIT;
	uint32_t in_force = 0;
	bool changed = false;

	NEEDS_WORLD(state);
	assert_int_equal(mitigate_protect(&mitigator, &end, RX_OFF, NULL), 0);
	assert_int_equal(feature_set(-1, "v1", "rx-checksum", true), 0);
	assert_int_equal(mitigate_in_force(&end, RX_OFF, &in_force), 0);
	assert_int_equal(in_force, 0);
	assert_int_equal(mitigate_protect(&mitigator, &end, RX_OFF, &changed), 0);
	assert_true(changed);
	assert_false(rx_is_on());
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_true(rx_is_on());
	mitigate_release(&mitigator);
}

static void test_what_was_off_before_stays_off(void **state)
{
	struct mitigator mitigator = MITIGATOR_INIT;
	bool changed = true;

	NEEDS_WORLD(state);
	assert_int_equal(feature_set(-1, "v1", "rx-checksum", false), 0);
	assert_int_equal(mitigate_protect(&mitigator, &end, RX_OFF, &changed), 0);
	assert_false(changed);
	assert_int_equal(files(), 0);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_false(rx_is_on());
	assert_int_equal(feature_set(-1, "v1", "rx-checksum", true), 0);
	mitigate_release(&mitigator);
}

static void test_undo_to(void **state)
{
	struct mitigator mitigator = MITIGATOR_INIT;
	struct journal *journal = NULL;
	size_t first = 0, count = 0;

	NEEDS_WORLD(state);
	assert_int_equal(journal_open_kept(&end, &journal), 0);
	assert_int_equal(mitigate_put(&mitigator, journal, &end, MITIGATION_RX_OFF), 0);
	assert_int_equal(journal_kept_count(journal, &first), 0);
	assert_int_equal(first, 1);
	assert_int_equal(mitigate_put(&mitigator, journal, &end, MITIGATION_RESET), 0);
	assert_int_equal(journal_kept_count(journal, &count), 0);
	assert_true(count > first);
	assert_int_equal(journal_kept_undo_to(journal, first), 0);
	assert_int_equal(journal_kept_count(journal, &count), 0);
	assert_int_equal(count, first);
	assert_int_equal(filters(), 0);
	assert_false(rx_is_on());
	assert_int_equal(mitigate_put(&mitigator, journal, &end, MITIGATION_RESET), 0);
	assert_int_equal(filters(), 1);
	journal_keep(journal);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_int_equal(filters(), 0);
	assert_true(rx_is_on());
	mitigate_release(&mitigator);
}

static void test_a_trial_undoes_only_its_own_changes(void **state)
{
	const struct space space = { .own = true, .fd = -1, .name = "host" };
	struct mitigator mitigator = MITIGATOR_INIT;
	struct mitigate_trial trial;
	bool changed = false;

	NEEDS_WORLD(state);
	assert_int_equal(mitigate_protect(&mitigator, &end, RX_OFF, NULL), 0);
	trial = (struct mitigate_trial){
		.netns = &space, .device = "v1", .kind = "veth", .index = end.index
	};
	assert_int_equal(mitigate_try(&trial, &mitigator, RX_OFF, &changed), 0);
	assert_false(changed);
	assert_int_equal(trial.earlier, RX_OFF);
	assert_int_equal(mitigate_try(&trial, &mitigator, RESET, &changed), 0);
	assert_true(changed);
	assert_int_equal(trial.now, RESET);
	assert_int_equal(mitigate_try(&trial, &mitigator, 0, NULL), 0);
	assert_int_equal(filters(), 0);
	assert_false(rx_is_on());
	/* A failure leaves nothing behind. */
	trial = (struct mitigate_trial){ .netns = &space };
	assert_true(mitigate_try(&trial, &mitigator, RX_OFF, &changed) < 0);
	assert_int_equal(files(), 1);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_int_equal(files(), 0);
	mitigate_release(&mitigator);
}

static void test_a_sysctl_of_the_host(void **state)
{
	struct journal *journal = NULL;
	char value[SYSCTL_SIZE];

	NEEDS_WORLD(state);
	assert_int_equal(netns_sysctl_write(-1, FORWARD, "0"), 0);
	assert_int_equal(journal_open_kept(&host, &journal), 0);
	assert_int_equal(journal_sysctl(journal, FORWARD, "1"), 0);
	assert_int_equal(journal_sysctl(journal, "net/nonesuch", "1"), -ENOENT);
	journal_keep(journal);
	assert_int_equal(netns_sysctl_read(-1, FORWARD, value), 0);
	assert_string_equal(value, "1");
	assert_int_equal(mitigate_revert(&host, 0), 0);
	assert_int_equal(netns_sysctl_read(-1, FORWARD, value), 0);
	assert_string_equal(value, "0");
}

/* Edits the only record. */
static void edit_record(const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof(command), "sed -i 's/%s/%s/' /run/truesum/guard/*", from, to);
	assert_int_equal(system(command), 0);
}

static int count_one(const struct ledger *ledger, void *data)
{
	unsigned int *counts = data;

	counts[ledger->is_past]++;
	return 0;
}

static void test_another_boot_and_another_namespace(void **state)
{
	static const char *const edits[][2] = {
		{ "\"boot\":\"[^\"]*\"", "\"boot\":\"another\"" },
		{ "\"cookie\":[0-9]*", "\"cookie\":1" },
	};
	struct mitigator mitigator = MITIGATOR_INIT;
	uint32_t in_force = 0;

	NEEDS_WORLD(state);
	for (size_t i = 0; i < 2; i++) {
		unsigned int counts[2] = { 0 };

		assert_int_equal(mitigate_protect(&mitigator, &end, RESET, NULL), 0);
		edit_record(edits[i][0], edits[i][1]);
		assert_int_equal(journal_kept_each(count_one, counts), 0);
		assert_int_equal(counts[0] + counts[1], 1);
		assert_int_equal(counts[1], i == 0);
		/* Somebody else's filter does not count, and is left alone. */
		assert_int_equal(mitigate_in_force(&end, RESET, &in_force), 0);
		assert_int_equal(in_force, 0);
		assert_int_equal(mitigate_revert(&end, 0), 0);
		assert_int_equal(filters(), 1);
		assert_int_equal(tc_clsact_delete(nl, end.index), 0);
		assert_int_equal(files(), 0);
	}
	mitigate_release(&mitigator);
}

static void test_a_broken_record(void **state)
{
	struct mitigator mitigator = MITIGATOR_INIT;
	unsigned int counts[2] = { 0 };

	NEEDS_WORLD(state);
	assert_int_equal(mitigate_protect(&mitigator, &end, RX_OFF, NULL), 0);
	assert_int_equal(system("echo '{\"kind\"' >>$(echo /run/truesum/guard/*)"), 0);
	assert_int_equal(mitigate_revert(&end, 0), -EBADMSG);
	assert_int_equal(journal_kept_each(count_one, counts), -EBADMSG);
	assert_non_null(strstr(fail_text(), "line 3 is not a record"));
	assert_int_equal(system("sed -i '$d' /run/truesum/guard/*"), 0);
	/* A line without its end was cut off before its change was made. */
	assert_int_equal(system("printf '{\"ki' >>$(echo /run/truesum/guard/*)"), 0);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_true(rx_is_on());
	assert_int_equal(files(), 0);
	mitigate_release(&mitigator);
}

static void test_many_at_once(void **state)
{
	struct mitigator mitigator = MITIGATOR_INIT;
	pid_t child[8];
	int status;

	NEEDS_WORLD(state);
	for (size_t i = 0; i < 8; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		for (int k = 0; k < 20; k++)
			if (mitigate_protect(&mitigator, &end, RESET, NULL) ||
			    (i % 2 && mitigate_revert(&end, 0)))
				_exit(1);
		_exit(0);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_true(filters() <= 1);
	assert_int_equal(mitigate_revert(&end, 0), 0);
	assert_int_equal(filters(), 0);
	assert_int_equal(files(), 0);
}

static void test_a_device_that_is_gone(void **state)
{
	const struct inventory empty = { 0 };
	struct journal_place gone;
	struct link_info link;
	struct mitigator mitigator = MITIGATOR_INIT;
	struct records records;

	NEEDS_WORLD(state);
	assert_int_equal(link_add_veth(nl, "w0", "w1", -1), 0);
	assert_int_equal(link_get(nl, "w1", &link), 0);
	gone = (struct journal_place){ .netns_fd = -1, .device = "w1", .index = link.index };
	assert_int_equal(mitigate_protect(&mitigator, &gone, RX_OFF, NULL), 0);
	/* The inventory is empty, so the namespace is searched for. */
	assert_int_equal(records_read(&empty, true, &records), 0);
	assert_int_equal(records.place_count, 1);
	assert_int_equal(records.holding, 1);
	assert_int_equal(records.change[0].mitigation, MITIGATION_RX_OFF);
	assert_string_equal(records.change[0].what, "rx-checksum");
	assert_string_equal(records.change[0].former, "on");
	records_release(&records);
	assert_int_equal(system("ip link del w0"), 0);
	assert_int_equal(records_read(&empty, false, &records), 0);
	assert_int_equal(records.gone, 1);
	assert_int_equal(records.place_count, 0);
	assert_int_equal(files(), 1);
	records_release(&records);
	assert_int_equal(records_read(&empty, true, &records), 0);
	assert_int_equal(files(), 0);
	records_release(&records);
	mitigate_release(&mitigator);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protect_twice_and_revert),
		cmocka_unit_test(test_drift_keeps_the_first_value),
		cmocka_unit_test(test_what_was_off_before_stays_off),
		cmocka_unit_test(test_undo_to),
		cmocka_unit_test(test_a_trial_undoes_only_its_own_changes),
		cmocka_unit_test(test_a_sysctl_of_the_host),
		cmocka_unit_test(test_another_boot_and_another_namespace),
		cmocka_unit_test(test_a_broken_record),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_a_device_that_is_gone),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
