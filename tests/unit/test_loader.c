// SPDX-License-Identifier: GPL-2.0-or-later
/* What is quoted of a verifier that refuses, and what is advised if rights are missing. */
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/privilege.h"
#include "bpf/loader.h"

#define LOG(text) "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n" text "-- END PROG LOAD LOG --\n"

static void test_refusals(void **state)
{
	static const struct {
		const char *message, *words;
	} rows[] = {
		{ LOG("func#0 @0\n1540: if (x)\nback-edge from insn 1540 to 1542\n"
		      "verification time 916 usec\nstack depth 0+0\nprocessed 0 insns (limit 1)\n"),
		  "back-edge from insn 1540 to 1542" },
		{ LOG("366: (85) call #0\nR0 !read_ok\nprocessed 34677 insns\n"), "R0 !read_ok" },
		{ LOG("; if (x) {\n12: R1=0\n"), "" },
		{ LOG(""), "" },
		{ "libbpf: failed to load object 'x'\n", "" },
		{ "-- BEGIN PROG LOAD LOG --\nno end\n", "" },
		{ "", "" },
	};
	char words[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		loader_find_refusal(rows[i].message, words, sizeof(words));
		assert_string_equal(words, rows[i].words);
	}
	loader_find_refusal(LOG("abcdefghij\n"), words, 5);
	assert_string_equal(words, "abcd");
}

static void test_what_a_kernel_is_too_old_for(void **state)
{
	(void)state;
	assert_int_equal(loader_impossible("9.9"), -EOPNOTSUPP);
	assert_string_equal(fail_text(), "not possible on this kernel (needs Linux 9.9)");
}

/* Only a missing right has a remedy, and it is told once. */
static void test_remedies(void **state)
{
	(void)state;
	assert_int_equal(privilege_fail(-ENOSPC, "cannot write %s", "x"), -ENOSPC);
	assert_null(strchr(fail_text(), '('));
	assert_string_equal(privilege_hint(-ENOSPC), "");
	assert_int_equal(privilege_fail(-EACCES, "cannot write %s", "x"), -EACCES);
	assert_non_null(strstr(fail_text(), "cannot write x: Permission denied ("));
	assert_string_equal(privilege_hint(-EACCES), "");
	(fail)(-EPERM, "no"); /* not the macro */
	assert_non_null(strstr(privilege_hint(-EPERM), privilege_remedy()));
	errno = ENOTDIR;
	privilege_remedy();
	assert_int_equal(errno, ENOTDIR);
}

/* Runs in a child, as it gives rights up for good: 0 if the remedy has the words. */
static int remedy_has(const char *words, uid_t uid, const unsigned int *kept, size_t count)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		if (privilege_keep_only(kept, count) || (uid && setuid(uid)))
			_exit(2);
		_exit(!strstr(privilege_remedy(), words));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

static void test_root_is_not_told_to_be_root(void **state)
{
	static const unsigned int admin[] = { 21 /* CAP_SYS_ADMIN */ }, setuid[] = { 7 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(remedy_has("CAP_SYS_ADMIN", 0, NULL, 0), 0);
	assert_int_equal(remedy_has("CAP_NET_ADMIN", 0, admin, 1), 0);
	assert_int_equal(remedy_has("run as root", 65534, setuid, 1), 0);
	assert_int_equal(remedy_has("run as root", 0, NULL, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_what_a_kernel_is_too_old_for),
		cmocka_unit_test(test_remedies),
		cmocka_unit_test(test_root_is_not_told_to_be_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
