// SPDX-License-Identifier: GPL-2.0-or-later
/* guard/policy.c: reads what it wrote, and refuses a file that is not a policy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "guard/policy.h"

static char path[] = "/tmp/tsum-policy-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 || close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_round_trip(void **state)
{
	struct policy policy = { .kernel = "6.1.0-unheard",
				 .proven = 1700000000,
				 .verdict = VERDICT_VERIFIED,
				 .host = MITIGATION_BIT(MITIGATION_CONNTRACK_CHECKSUM) },
		      read;

	(void)state;
	assert_int_equal(
		policy_add(&policy, POLICY_KIND, "veth", MITIGATION_BIT(MITIGATION_RX_OFF)), 0);
	assert_int_equal(policy_add(&policy, POLICY_KIND, "veth", MITIGATION_BIT(MITIGATION_RESET)),
			 0);
	assert_int_equal(policy_add(&policy, POLICY_KIND, "", MITIGATION_BIT(MITIGATION_RESET)), 0);
	assert_int_equal(
		policy_add(&policy, POLICY_DEVICE, "eth0", MITIGATION_BIT(MITIGATION_RESET)), 0);
	assert_int_equal(
		policy_add(&policy, POLICY_DEVICE, "a\"b\\c", MITIGATION_BIT(MITIGATION_TX_OFF)),
		0);
	assert_int_equal(policy_write(path, &policy), 0);
	assert_int_equal(policy_read(path, POLICY_ANY_KERNEL, &read), 0);
	assert_int_equal(read.kind_count, 2);
	assert_int_equal(policy_get(&read, POLICY_KIND, "veth"),
			 MITIGATION_BIT(MITIGATION_RX_OFF) | MITIGATION_BIT(MITIGATION_RESET));
	assert_int_equal(policy_get(&read, POLICY_KIND, ""), MITIGATION_BIT(MITIGATION_RESET));
	/* Nothing is known of it, so it gets all that may help. */
	assert_int_equal(policy_get(&read, POLICY_KIND, "macvlan"),
			 MITIGATION_BIT(MITIGATION_RX_OFF) | MITIGATION_BIT(MITIGATION_RESET));
	assert_null(policy_kind(&read, "macvlan"));
	assert_int_equal(read.device_count, 2);
	assert_string_equal(read.device[1].name, "a\"b\\c");
	assert_int_equal(read.device[1].mitigations, MITIGATION_BIT(MITIGATION_TX_OFF));
	assert_int_equal(read.host, policy.host);
	assert_string_equal(read.kernel, policy.kernel);
	assert_int_equal(read.proven, policy.proven);
	assert_int_equal(read.verdict, VERDICT_VERIFIED);
	assert_int_equal(policy_read(path, POLICY_THIS_KERNEL, &read), -ESTALE);
	assert_non_null(strstr(fail_text(), "6.1.0-unheard"));
}

static void test_empty_policy(void **state)
{
	struct policy policy = { 0 }, read;

	(void)state;
	assert_int_equal(policy_write(path, &policy), 0);
	assert_int_equal(policy_read(path, POLICY_ANY_KERNEL, &read), 0);
	assert_int_equal(read.kind_count + read.device_count + read.host, 0);
}

static void test_too_many_rows(void **state)
{
	struct policy policy = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < POLICY_KINDS_MAX; i++) {
		snprintf(name, sizeof(name), "kind%d", i);
		assert_int_equal(policy_add(&policy, POLICY_KIND, name, 1), 0);
	}
	assert_int_equal(policy_add(&policy, POLICY_KIND, "kind0", 2), 0);
	assert_int_equal(policy_add(&policy, POLICY_KIND, "another", 1), -E2BIG);
	for (int i = 0; i < POLICY_DEVICES_MAX; i++) {
		snprintf(name, sizeof(name), "eth%d", i);
		assert_int_equal(policy_add(&policy, POLICY_DEVICE, name, 1), 0);
	}
	assert_int_equal(policy_add(&policy, POLICY_DEVICE, "another", 1), -E2BIG);
	/* A full policy is written and read, too. */
	assert_int_equal(policy_write(path, &policy), 0);
	assert_int_equal(policy_read(path, POLICY_ANY_KERNEL, &policy), 0);
	assert_int_equal(policy.kind_count, POLICY_KINDS_MAX);
	assert_int_equal(policy.device_count, POLICY_DEVICES_MAX);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define REST "\"containers\":[],\"devices\":[],\"host\":[]}"

static void test_broken_files(void **state)
{
	static const char *const broken[] = {
		"",
		"nonsense",
		"[]",
		"{}",
		"{\"version\":3,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\"," REST,
		"{\"version\":2,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":"
		"[{\"kind\":\"veth\",\"mitigations\":[],\"tried\":[]}],\"devices\":[],\"host\":[]}",
		"{\"version\":2,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":"
		"[{\"kind\":\"veth\",\"state\":\"fine\",\"mitigations\":[],\"tried\":[]}],\"devices\":[],"
		"\"host\":[]}",
		"{\"version\":2,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":"
		"[{\"kind\":\"veth\",\"state\":\"protected\",\"mitigations\":[]}],\"devices\":[],"
		"\"host\":[]}",
		"{\"version\":1,\"kernel\":\"k\",\"proven\":-1,\"verdict\":\"verified\"," REST,
		"{\"version\":1,\"kernel\":\"k\",\"proven\":\"1\",\"verdict\":\"verified\"," REST,
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"fine\"," REST,
		"{\"version\":1,\"kernel\":1,\"proven\":1,\"verdict\":\"verified\"," REST,
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":{},"
		"\"devices\":[],\"host\":[]}",
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":"
		"[{\"kind\":\"veth\",\"mitigations\":[\"prayer\"]}],\"devices\":[],\"host\":[]}",
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":"
		"[{\"kind\":\"\",\"mitigations\":[]}],\"devices\":[],\"host\":[]}",
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":[],"
		"\"devices\":[{\"device\":\"longer than any name\",\"mitigations\":[]}],\"host\":[]}",
		"{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\",\"containers\":[],"
		"\"devices\":[],\"host\":[1]}",
	};
	struct policy policy = { .proven = 42 };

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		write_text(broken[i]);
		assert_int_equal(policy_read(path, POLICY_ANY_KERNEL, &policy), -EBADMSG);
		assert_non_null(strstr(fail_text(), path));
		assert_int_equal(policy.proven, 42); /* untouched */
	}
	write_text("{\"version\":1,\"kernel\":\"k\",\"proven\":1,\"verdict\":\"verified\"," REST);
	assert_int_equal(policy_read(path, POLICY_ANY_KERNEL, &policy), 0);
	assert_int_equal(policy_read("/nonexistent/policy.json", POLICY_ANY_KERNEL, &policy),
			 -ENOENT);
	assert_true(policy_write("/nonexistent/policy.json", &policy) < 0);
}

static void test_which_kinds_are_ends(void **state)
{
	(void)state;
	assert_true(policy_is_end("veth"));
	assert_true(policy_is_end(""));
	assert_true(policy_is_end("ipvlan"));
	assert_false(policy_is_end("bridge"));
	assert_false(policy_is_end("vxlan"));
	assert_false(policy_is_end("wireguard"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	     cmocka_unit_test(test_empty_policy),
		cmocka_unit_test(test_too_many_rows),	     cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_which_kinds_are_ends),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
