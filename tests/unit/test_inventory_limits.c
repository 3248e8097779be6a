// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net/inventory.c in difficult cases: many namespaces; devices and processes that come and go at
 * the same time; no privilege, no descriptors, no /proc. Runs in fresh network and mount
 * namespaces, which end with this process. A test that gives up something for good runs in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/inventory.h"
#include "net/link.h"
#include "net/nl.h"

#define NAMESPACES 1000
#define NOBODY 65534

static bool there;

#define NEEDS_WORLD()                                                                              \
	do {                                                                                       \
		(void)state;                                                                       \
		if (!there) {                                                                      \
			print_message("needs root, network and mount namespaces\n");               \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static int make_world(void **state)
{
	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return 0;
	/* In a chroot, / may be no mount point. Then mounts could show outside. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	assert_int_equal(mount("tsum-test", "/run", "tmpfs", 0, NULL), 0);
	mkdir("/run/netns", 0755);
	there = true;
	return 0;
}

/* Never uses a name twice: the kernel may still be removing a dead namespace's devices. */
static int named;

static int add_namespace(void)
{
	_cleanup_close_ int file = -1;
	char path[64], from[64];
	int netns = -1;

	snprintf(path, sizeof(path), "/run/netns/n%d", ++named);
	assert_int_equal(netns_new(&netns), 0);
	snprintf(from, sizeof(from), "/proc/self/fd/%d", netns);
	file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	assert_true(file >= 0);
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
	return netns;
}

/* Namespaces, each with a veth pair to here. */
static void add_star(int count)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char name[16];

	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &nl), 0);
	for (int i = 0; i < count; i++) {
		_cleanup_close_ int netns = add_namespace();

		snprintf(name, sizeof(name), "h%d", named);
		assert_int_equal(link_add_veth(nl, name, "eth0", netns), 0);
	}
}

static void drop_namespaces(void)
{
	char path[64];

	for (int i = 1; i <= named; i++) {
		snprintf(path, sizeof(path), "/run/netns/n%d", i);
		umount2(path, MNT_DETACH);
		unlink(path);
	}
}

/* How many devices of the space have a peer, in a namespace mounted here, whose peer they are. */
static size_t count_pairs(const struct inventory *inventory, size_t space)
{
	size_t pairs = 0, there_too = 0, back = 0;

	for (size_t i = 0; i < inventory->space[space].device_count; i++) {
		const struct device *near = &inventory->space[space].device[i];
		const struct device *far = inventory_link(inventory, near, &there_too);

		pairs += far && *inventory->space[there_too].path &&
			 inventory_link(inventory, far, &back) == near && back == space;
	}
	return pairs;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_thousand(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	struct rusage usage;
	double start;

	NEEDS_WORLD();
	add_star(NAMESPACES);
	start = seconds();
	assert_int_equal(inventory_take(NULL, &inventory), 0);
	start = seconds() - start;
	drop_namespaces();
	getrusage(RUSAGE_SELF, &usage);
	print_message("# %zu namespaces in %.0f ms, %ld MiB\n", inventory.space_count, start * 1e3,
		      usage.ru_maxrss >> 10);
	assert_int_equal(count_pairs(&inventory, 0), NAMESPACES);
	assert_true(start < 5); /* a slow machine under sanitizers; 0.3 s is usual */
}

/* Pairs between namespaces, every device with the same name and index. */
static void test_equal_pairs(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	size_t pairs = 0;

	NEEDS_WORLD();
	for (int i = 0; i < 50; i++) {
		_cleanup_close_ int one = add_namespace(), other = add_namespace();
		_cleanup_(nl_cleanup) struct nl *nl = NULL;

		assert_int_equal(nl_open(one, NETLINK_ROUTE, &nl), 0);
		assert_int_equal(link_add_veth(nl, "eth0", "eth0", other), 0);
	}
	assert_int_equal(inventory_take(NULL, &inventory), 0);
	drop_namespaces();
	for (size_t i = 1; i < inventory.space_count; i++)
		if (*inventory.space[i].path)
			pairs += count_pairs(&inventory, i);
	assert_int_equal(pairs, 100);
}

static pid_t start(void (*work)(void))
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	work();
	_exit(1);
}

static void come_and_go(void)
{
	while (true) {
		pid_t child = fork();

		if (!child)
			_exit(unshare(CLONE_NEWNET));
		waitpid(child, NULL, 0);
	}
}

static void plug_and_unplug(void)
{
	while (true) {
		struct nl *nl = NULL;
		int netns = -1;

		/* When the kernel has removed the namespace, the pair is gone, too. */
		if (netns_new(&netns) || nl_open(-1, NETLINK_ROUTE, &nl))
			_exit(1);
		link_add_veth(nl, "here", "there", netns);
		close(netns);
		nl_close(nl);
	}
}

static void test_concurrent_changes(void **state)
{
	double end = seconds() + 1.5;
	pid_t children[3];

	NEEDS_WORLD();
	children[0] = start(come_and_go);
	children[1] = start(plug_and_unplug);
	children[2] = start(plug_and_unplug);
	while (seconds() < end) {
		_cleanup_(inventory_release) struct inventory inventory = { 0 };
		int rc = inventory_take(NULL, &inventory);

		if (rc)
			fail_msg("%d: %s", rc, fail_text());
		assert_true(inventory.space[0].own);
		assert_true(inventory.space[0].device_count > 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
}

/* Runs `check` in a child. It must return 0, or else its sentence is printed. */
static void in_child(int (*check)(void))
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		int line = check();

		if (line)
			print_message("# line %d: %s\n", line, fail_text());
		_exit(line != 0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__;                                                           \
	} while (0)

static int without_privilege(void)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	size_t n = 0;

	CHECK(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) &&
	      !setresuid(NOBODY, NOBODY, NOBODY));
	CHECK(!inventory_take(NULL, &inventory));
	CHECK(inventory.space_count == 1 && inventory.space[0].own);
	CHECK(inventory.space[0].device_count > 0);
	CHECK(!inventory_by_pid(&inventory, getpid(), &n) && n == 0);
	CHECK(inventory_by_pid(&inventory, getppid(), &n) == -EACCES);
	CHECK(strstr(fail_text(), "run as root"));
	CHECK(inventory_by_netns(&inventory, "n1", &n) == -ENOENT);
	CHECK(strstr(fail_text(), "out of reach"));
	return 0;
}

static void test_without_privilege(void **state)
{
	NEEDS_WORLD();
	close(add_namespace());
	in_child(without_privilege);
	drop_namespaces();
}

static int without_proc(void)
{
	struct inventory inventory = { 0 };

	CHECK(!unshare(CLONE_NEWNS) && !mount("tsum-test", "/proc", "tmpfs", 0, NULL));
	CHECK(inventory_take(NULL, &inventory) == -EPERM);
	CHECK(strstr(fail_text(), "(mount /proc)"));
	CHECK(!inventory.space);
	return 0;
}

static void test_without_proc(void **state)
{
	NEEDS_WORLD();
	in_child(without_proc);
}

/* The soft limit is raised, to the hard one but not beyond it. */
static int with_few_descriptors(void)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	struct inventory none = { 0 };
	struct rlimit limit;

	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 30;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(!inventory_take(NULL, &inventory) && inventory.space_count > 40);
	/* Just enough for the namespaces, not for what reads them. */
	limit.rlim_cur = inventory.space_count + 6;
	inventory_release(&inventory);
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit) && !inventory_take(NULL, &inventory));
	inventory_release(&inventory);
	limit.rlim_max = limit.rlim_cur = 30;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(inventory_take(NULL, &none) == -EMFILE && !none.space);
	CHECK(strstr(fail_text(), "raise ulimit -n"));
	return 0;
}

static void test_with_few_descriptors(void **state)
{
	NEEDS_WORLD();
	add_star(40);
	in_child(with_few_descriptors);
	drop_namespaces();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_privilege),
		cmocka_unit_test(test_without_proc),
		cmocka_unit_test(test_with_few_descriptors),
		cmocka_unit_test(test_concurrent_changes),
		cmocka_unit_test(test_equal_pairs),
		cmocka_unit_test(test_thousand),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
