// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard/start/attachments.c: what is written at a container's start is read at its end, whatever
 * its names are. In a mount namespace of its own, with a /run of its own.
 */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/vocabulary.h"
#include "guard/start/attachments.h"

static bool has_world;
static struct attachment written = {
	.netns = { .dev = 4, .ino = 4026532000, .cookie = 77 },
	.device = { { 2, "eth0", MITIGATION_BIT(MITIGATION_RESET) },
		    { 3, "net1",
		      MITIGATION_BIT(MITIGATION_RESET) | MITIGATION_BIT(MITIGATION_RX_OFF) } },
	.count = 2,
};

static int make_world(void **state)
{
	(void)state;
	has_world = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tsum-test", "/run", "tmpfs", 0, NULL);
	return 0;
}

static void check_round_trip(const struct attachment_key *key)
{
	static struct attachment read;

	assert_int_equal(attachments_write(key, &written, "/run/netns/c1"), 0);
	memset(&read, 0, sizeof(read));
	assert_int_equal(attachments_read(key, &read), 0);
	assert_true(netns_same(&read.netns, &written.netns));
	assert_false(read.is_past);
	assert_int_equal(read.count, written.count);
	for (size_t i = 0; i < read.count; i++) {
		assert_int_equal(read.device[i].index, written.device[i].index);
		assert_string_equal(read.device[i].device, written.device[i].device);
		assert_int_equal(read.device[i].mitigations, written.device[i].mitigations);
	}
	assert_int_equal(attachments_remove(key), 0);
	assert_int_equal(attachments_read(key, &read), -ENOENT);
	assert_int_equal(attachments_remove(key), 0);
}

/* The three names are a file's name together: as long as that may be, and no longer. */
static void test_longest_names(void **state)
{
	char id[NAME_MAX + 1];
	const struct attachment_key key = { "net", id, "eth0" };
	const size_t most = NAME_MAX - strlen("net::eth0");

	(void)state;
	if (!has_world)
		skip();
	for (size_t len = most - 1; len <= most + 1; len++) {
		memset(id, 'c', len);
		id[len] = '\0';
		if (len <= most) {
			check_round_trip(&key);
			continue;
		}
		assert_int_equal(attachments_write(&key, &written, "/n"), -ENAMETOOLONG);
		assert_non_null(strstr(fail_text(), "too long together: 256 characters"));
	}
}

static int count_one(const struct attachment_key *key, void *data)
{
	size_t *count = data;

	assert_string_equal(key->network, "blue");
	assert_string_equal(key->ifname, "eth0");
	++*count;
	return attachments_remove(key);
}

/* Each network's attachments are its own. */
static void test_each_of_a_network(void **state)
{
	static const struct attachment_key keys[] = { { "blue", "c1", "eth0" },
						      { "blue", "c2", "eth0" },
						      { "blues", "c1", "eth1" },
						      { "blu", "c1", "eth2" } };
	static struct attachment read;
	size_t count = 0;

	(void)state;
	if (!has_world)
		skip();
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(attachments_write(&keys[i], &written, "/n"), 0);
	assert_int_equal(attachments_each("blue", count_one, &count), 0);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(attachments_read(&keys[i], &read), i < 2 ? -ENOENT : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_names),
		cmocka_unit_test(test_each_of_a_network),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
