// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Journals on a disk that fills up: half a line never spoils the lines before and after it. In
 * network and mount namespaces of its own, with a /run of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/journal.h"
#include "net/ledger.h"
#include "net/link.h"
#include "net/nl.h"

#define LIFETIME "net/ipv4/ipfrag_time"
#define FORWARD "net/ipv4/ip_forward"
#define TTL "net/ipv4/ip_default_ttl"

static const struct journal_place loopback = { .netns_fd = -1, .device = "lo", .index = 1 };

static bool has_world;

static int make_world(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	alarm(20); /* a test that failed leaves a locked journal, on which the next one waits */
	has_world = !unshare(CLONE_NEWNET | CLONE_NEWNS) &&
		    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tsum-test", "/run", "tmpfs", 0, NULL);
	return 0;
}

static void need_world(void)
{
	if (!has_world)
		skip();
}

/* The one journal of that folder. */
static void find_file(const char *folder, char *path, size_t size)
{
	char pattern[128];
	FILE *list;

	snprintf(pattern, sizeof(pattern), "ls -d %s/*", folder);
	list = popen(pattern, "r");
	assert_non_null(list);
	assert_non_null(fgets(path, (int)size, list));
	path[strcspn(path, "\n")] = '\0';
	assert_int_equal(pclose(list), 0);
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

/* Files may be so long, and no longer; RLIM_INFINITY: as they like. */
static void limit_files(rlim_t bytes)
{
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static size_t changes_in(const char *path)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ledger_read(fd, &ledger), 0);
	assert_int_equal(ledger_check(&ledger), 0);
	assert_int_equal(ledger.end, size_of(path));
	return json_array_size(ledger.changes);
}

static void append_half_line(const char *path)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(write(fd, "{\"kind\":\"sys", 12), 12);
}

/* A record that the disk has no room for: no change is made, and the next record is whole. */
static void fill_up(struct journal *journal, const char *path)
{
	char value[SYSCTL_SIZE];

	assert_int_equal(journal_sysctl(journal, LIFETIME, "31"), 0);
	for (off_t room = 0; room < 20; room += 5) {
		const off_t before = size_of(path);

		limit_files((rlim_t)(before + room));
		assert_int_equal(journal_sysctl(journal, TTL, "77"), -EFBIG);
		limit_files(RLIM_INFINITY);
		assert_int_equal(size_of(path), before);
		assert_int_equal(netns_sysctl_read(-1, TTL, value), 0);
		assert_string_not_equal(value, "77");
	}
	append_half_line(path); /* as if it could not be taken back */
	assert_int_equal(journal_sysctl(journal, FORWARD, "1"), 0);
	assert_int_equal(changes_in(path), 2);
}

static void test_full_disk(void **state)
{
	struct journal *journal;
	char path[128];

	(void)state;
	need_world();
	assert_int_equal(journal_open(&loopback, NULL, NULL, &journal), 0);
	find_file("/run/truesum", path, sizeof(path));
	fill_up(journal, path);
	assert_int_equal(journal_close(journal), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_full_disk_kept(void **state)
{
	char path[128], value[SYSCTL_SIZE];
	struct journal *journal;

	(void)state;
	need_world();
	assert_int_equal(journal_open_kept(&loopback, &journal), 0);
	find_file("/run/truesum/guard", path, sizeof(path));
	fill_up(journal, path);
	journal_keep(journal);

	/* Another process died in the middle of a line. */
	append_half_line(path);
	assert_int_equal(journal_open_kept(&loopback, &journal), 0);
	assert_int_equal(journal_sysctl(journal, TTL, "77"), 0);
	assert_int_equal(changes_in(path), 3);
	append_half_line(path);
	assert_int_equal(journal_kept_undo_to(journal, 1), 0);
	assert_int_equal(changes_in(path), 1);
	assert_int_equal(netns_sysctl_read(-1, TTL, value), 0);
	assert_string_not_equal(value, "77");
	assert_int_equal(journal_kept_undo_to(journal, 0), 0);
	journal_keep(journal);
	assert_int_equal(access(path, F_OK), -1);
}

/* A place whose very first line does not fit is as if it had never been opened. */
static void test_full_disk_at_the_start(void **state)
{
	struct journal *journal = NULL;

	(void)state;
	need_world();
	limit_files(10);
	assert_int_equal(journal_open(&loopback, NULL, NULL, &journal), -EFBIG);
	assert_int_equal(journal_open_kept(&loopback, &journal), -EFBIG);
	limit_files(RLIM_INFINITY);
	assert_null(journal);
	assert_int_equal(system("[ -z \"$(find /run/truesum -name '*.journal')\" ]"), 0);
	assert_int_equal(journal_open_kept(&loopback, &journal), 0);
	assert_int_equal(journal_sysctl(journal, FORWARD, "1"), 0);
	assert_int_equal(journal_kept_undo_to(journal, 0), 0);
	journal_keep(journal);
}

static void say_nothing(enum journal_news news, const char *sentence)
{
	(void)news;
	(void)sentence;
}

/* Nothing was ever changed here. */
static void test_nothing_to_recover(void **state)
{
	struct journal_tally tally = { 1, 1 };

	(void)state;
	need_world();
	assert_int_equal(journal_recover(say_nothing, &tally), 0);
	assert_int_equal(tally.undone + tally.lost, 0);
}

/* A living run's journal is left alone, and is no failure. */
static void test_two_at_a_time(void **state)
{
	struct journal *one, *two;
	struct journal_tally tally;
	char value[SYSCTL_SIZE];

	(void)state;
	need_world();
	assert_int_equal(journal_open(&loopback, NULL, say_nothing, &one), 0);
	assert_int_equal(journal_sysctl(one, LIFETIME, "32"), 0);
	assert_int_equal(journal_open(&loopback, NULL, say_nothing, &two), 0);
	assert_int_equal(journal_recover(say_nothing, &tally), 0);
	assert_int_equal(tally.undone + tally.lost, 0);
	assert_int_equal(netns_sysctl_read(-1, LIFETIME, value), 0);
	assert_string_equal(value, "32");
	assert_int_equal(journal_close(two), 0);
	assert_int_equal(journal_close(one), 0);
	assert_int_equal(netns_sysctl_read(-1, LIFETIME, value), 0);
	assert_string_not_equal(value, "32");
}

/* What somebody else removed already needs no undoing. */
static void test_neighbour(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct journal_place place = { .netns_fd = -1, .device = "br0" };
	struct link_info bridge;
	struct journal *journal;
	struct nl *nl;

	(void)state;
	need_world();
	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &nl), 0);
	assert_int_equal(link_add_bridge(nl, "br0"), 0);
	assert_int_equal(link_get(nl, "br0", &bridge), 0);
	place.index = bridge.index;
	for (int removed = 0; removed < 2; removed++) {
		assert_int_equal(journal_open(&place, NULL, say_nothing, &journal), 0);
		assert_int_equal(journal_neighbour(journal, "192.0.2.9", mac), 0);
		if (removed)
			assert_int_equal(link_neigh_delete(nl, bridge.index, "192.0.2.9"), 0);
		assert_int_equal(journal_close(journal), 0);
		assert_int_equal(link_neigh_delete(nl, bridge.index, "192.0.2.9"), -ENOENT);
	}
	nl_close(nl);
}

/* A place that was opened for nothing leaves no file behind once clean has run. */
static void test_empty_records_are_removed(void **state)
{
	struct journal_tally tally;
	struct journal *journal;
	char path[128];

	(void)state;
	need_world();
	assert_int_equal(journal_open_kept(&loopback, &journal), 0);
	find_file("/run/truesum/guard", path, sizeof(path));
	/* In use: it stays. */
	assert_int_equal(journal_recover(say_nothing, &tally), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(journal_sysctl(journal, LIFETIME, "33"), 0);
	journal_keep(journal);
	/* It holds a change: it stays. */
	assert_int_equal(journal_recover(say_nothing, &tally), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(tally.undone + tally.lost, 0);
	assert_int_equal(journal_open_kept(&loopback, &journal), 0);
	assert_int_equal(journal_kept_undo_to(journal, 0), 0);
	journal_keep(journal);
	assert_int_equal(access(path, F_OK), -1);
	/* What SIGKILL leaves of a record that was only begun. */
	assert_int_equal(
		system("echo '{\"netns\":[1,2],\"cookie\":3,\"index\":1}' >/run/truesum/guard/2-1"),
		0);
	assert_int_equal(journal_recover(say_nothing, &tally), 0);
	assert_int_equal(access("/run/truesum/guard/2-1", F_OK), -1);
	assert_int_equal(tally.undone + tally.lost, 0);
}

static void test_no_journal(void **state)
{
	(void)state;
	assert_int_equal(journal_close(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_recover),
		cmocka_unit_test(test_two_at_a_time),
		cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_full_disk_kept),
		cmocka_unit_test(test_full_disk_at_the_start),
		cmocka_unit_test(test_empty_records_are_removed),
		cmocka_unit_test(test_no_journal),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
