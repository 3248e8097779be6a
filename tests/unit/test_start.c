// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A container starts on a kernel that lacks what a mitigation needs. While nothing is proven, the
 * other mitigations are enough; what was asked for by name, or failed for another reason, is an
 * error. guard/start/start.c is included, so that a mitigation fails as the test says. In network
 * and mount namespaces of its own.
 */
#include "guard/mitigate.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int reset_rc, ready_rc, rx_off_rc;

static int fake_put(struct mitigator *mitigator, struct journal *journal,
		    const struct journal_place *place, enum mitigation mitigation)
{
	int rc = mitigation == MITIGATION_RESET	   ? reset_rc
		 : mitigation == MITIGATION_RX_OFF ? rx_off_rc
						   : 0;

	return rc ? rc : mitigate_put(mitigator, journal, place, mitigation);
}

static int fake_ready(struct mitigator *mitigator, uint32_t mitigations)
{
	return ready_rc ? ready_rc : mitigate_ready(mitigator, mitigations);
}

#define mitigate_put fake_put
#define mitigate_ready fake_ready
#include "guard/start/start.c" /* NOLINT(bugprone-suspicious-include) */

#include <cmocka.h>

static bool has_world;
static struct oci_state container = { .id = "tsum-test", .status = OCI_CREATED };
static unsigned int missed; /* sentences that said so */

static int make_world(void **state)
{
	(void)state;
	has_world = !unshare(CLONE_NEWNET | CLONE_NEWNS) &&
		    !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("tsum-test", "/run", "tmpfs", 0, NULL) &&
		    !mount("tsum-test", "/var/lib", "tmpfs", 0, NULL);
	if (!has_world)
		return 0;
	container.pid = fork();
	if (!container.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(unshare(CLONE_NEWNET) ||
		      system("ip link add eth0 type veth peer name eth1") || raise(SIGSTOP));
	}
	return waitpid(container.pid, NULL, WUNTRACED) == container.pid ? 0 : -1;
}

static int end_world(void **state)
{
	(void)state;
	if (container.pid > 0) {
		kill(container.pid, SIGKILL);
		waitpid(container.pid, NULL, 0);
	}
	return 0;
}

static void say(const char *sentence)
{
	missed += strstr(sentence, "is not possible") != NULL;
}

static int start_with(uint32_t ordered, int rx_off, int reset)
{
	const struct oci_state stopped = { .id = "tsum-test", .status = OCI_STOPPED };
	int rc;

	rx_off_rc = rx_off;
	reset_rc = reset;
	missed = 0;
	rc = start_oci(&container, ordered, say);
	start_oci(&stopped, 0, say);
	return rc;
}

static void test_what_may_be_missing(void **state)
{
	static const struct {
		uint32_t ordered;
		int rx_off, reset, rc;
		bool missed;
	} rows[] = {
		{ 0, 0, 0, 0, false },
		{ 0, 0, -ENOENT, 0, true },
		{ 0, 0, -EOPNOTSUPP, 0, true },
		{ 0, -ENOENT, 0, 0, true },
		{ 0, 0, -EIO, -EIO, false },
		{ 0, 0, -EPERM, -EPERM, false },
		{ 0, -EOPNOTSUPP, -ENOENT, -ENOENT, true }, /* nothing is on */
		{ MITIGATION_BIT(MITIGATION_RESET), 0, -ENOENT, -ENOENT, false },
		{ MITIGATION_BIT(MITIGATION_RESET), 0, -EOPNOTSUPP, -EOPNOTSUPP, false },
		{ MITIGATION_BIT(MITIGATION_RX_OFF), 0, -ENOENT, 0, false }, /* not asked for */
	};

	(void)state;
	if (!has_world)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int rc = start_with(rows[i].ordered, rows[i].rx_off, rows[i].reset);

		if (rc != rows[i].rc || !missed != !rows[i].missed)
			fail_msg("row %zu: %d (%s), %u", i, rc, fail_text(), missed);
	}
}

static void test_status_says_the_same(void **state)
{
	static const struct {
		int ready, rc;
	} rows[] = { { 0, 0 }, { -ENOENT, 0 }, { -EOPNOTSUPP, 0 }, { -EIO, -EIO } };
	struct cni_request request = { .command = CNI_STATUS };
	struct cni_error error;

	(void)state;
	if (!has_world)
		skip();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ready_rc = rows[i].ready;
		assert_int_equal(start_cni(&request, say, &error), rows[i].rc);
	}
	request.ordered = MITIGATION_BIT(MITIGATION_RESET);
	ready_rc = -ENOENT;
	assert_int_equal(start_cni(&request, say, &error), -ENOENT);
	ready_rc = 0;
}

static size_t records(void)
{
	_cleanup_(cleanup_closedir) DIR *folder = opendir("/run/truesum/guard");
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += *entry->d_name != '.';
	return count;
}

/* The containers of a pod share its devices: their records stay until the last one ends. */
static void test_records_end_with_the_last_container(void **state)
{
	const struct oci_state other = { .id = "tsum-othe", /* a shorter id: not the same one */
					 .status = OCI_CREATED,
					 .pid = container.pid },
			       container_ends = { .id = "tsum-test", .status = OCI_STOPPED },
			       other_ends = { .id = "tsum-othe", .status = OCI_STOPPED };

	(void)state;
	if (!has_world)
		skip();
	rx_off_rc = reset_rc = 0;
	for (int both = 0; both < 2; both++) {
		assert_int_equal(start_oci(&container, 0, say), 0);
		assert_int_equal(records(), 2); /* its two devices */
		if (both) {
			assert_int_equal(start_oci(&other, 0, say), 0);
			assert_int_equal(start_oci(&other_ends, 0, say), 0);
			assert_int_equal(records(), 2);
			assert_int_equal(start_oci(&other, 0, say), 0);
		}
		assert_int_equal(start_oci(&container_ends, 0, say), 0);
		assert_int_equal(records(), both ? 2 : 0);
		assert_int_equal(start_oci(&other_ends, 0, say), 0);
		assert_int_equal(records(), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_may_be_missing),
		cmocka_unit_test(test_status_says_the_same),
		cmocka_unit_test(test_records_end_with_the_last_container),
	};

	return cmocka_run_group_tests(tests, make_world, end_world);
}
