// SPDX-License-Identifier: GPL-2.0-or-later
/* Names that somebody else chose: shown, quoted for the shell, read from mountinfo. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Before cmocka, which has a macro called fail(). */
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/netns.h"
#include "net/netns_search.h"

#include <cmocka.h>

/* Undoes term_printable(). */
static void decode(char *ret_name, const char *text)
{
	unsigned int byte;

	for (; *text; ret_name++) {
		if (*text != '\\') {
			*ret_name = *text++;
			continue;
		}
		assert_int_equal(sscanf(text, "\\x%2x", &byte), 1);
		*ret_name = (char)byte;
		text += 4;
	}
	*ret_name = '\0';
}

static void test_shown_names_say_their_bytes(void **state)
{
	char name[256], text[TERM_PRINTABLE_SIZE(256)], back[256];

	(void)state;
	for (int i = 0; i < 255; i++)
		name[i] = (char)(i + 1);
	name[255] = '\0';
	term_printable(text, sizeof(text), name);
	for (const char *at = text; *at; at++)
		assert_true(*at >= ' ' && *at <= '~');
	decode(back, text);
	assert_string_equal(back, name);
	term_printable(text, sizeof(text), "a\\x41\x1b[m\xff");
	assert_string_equal(text, "a\\x5cx41\\x1b[m\\xff");
	term_sentence(text, sizeof(text), "a\\x41\x1b[m\xff");
	assert_string_equal(text, "a\\x41\\x1b[m\\xff");
}

/* A text that does not fit has no half of an escape at its end. */
static void test_shown_names_are_cut_between_bytes(void **state)
{
	char text[16];

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		memset(text, '#', sizeof(text));
		term_printable(text, size, "a\x80\x80\x80");
		assert_int_equal(strlen(text), size < 2 ? 0 : 1 + (size - 2) / 4 * 4);
		assert_int_equal(text[size], '#');
	}
	term_printable(text, sizeof(text), "\x80z");
	assert_string_equal(text, "\\x80z");
}

/* A sentence about a failure may quote such names. */
static void test_failures_are_printable(void **state)
{
	(void)state;
	assert_int_equal((fail)(-EINVAL, "no '%s'", "\x1b]0;x\a\xff\n"), -EINVAL);
	assert_string_equal(fail_text(), "no '\\x1b]0;x\\x07\\xff\\x0a'");
	assert_int_equal((fail)(-EINVAL, "again: %s", fail_text()), -EINVAL);
	assert_string_equal(fail_text(), "again: no '\\x1b]0;x\\x07\\xff\\x0a'");
	fail_errno(-ENOENT, "\x9b");
	assert_string_equal(fail_text(), "\\x9b: No such file or directory");
}

static void test_words_are_quoted(void **state)
{
	static const struct {
		const char *name, *word;
	} cases[] = {
		{ "eth0.5@if3", "eth0.5@if3" },
		{ "", "''" },
		{ "-n", "'-n'" },
		{ "it's", "'it'\\''s'" },
		{ "$(id) `id`;|&<>*?[]{}~#!\"\\", "'$(id) `id`;|&<>*?[]{}~#!\"\\'" },
		{ "a\x1b'\\\xff", "\"$(printf 'a\\033\\047\\134\\377')\"" },
		{ "-%!\x01", "\"$(printf '\\055%%\\041\\001')\"" },
		{ "a=b", "'a=b'" },
	};
	char word[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(term_shell_quote(word, sizeof(word), cases[i].name));
		assert_string_equal(word, cases[i].word);
	}
}

/* The shell reads back exactly the name, whatever bytes it has. sh may be dash. */
static void test_shell_reads_back(void **state)
{
	static const char *const shells[] = { "LC_ALL=C sh -c 'eval \"$COMMAND$WORD\"'",
					      "LC_ALL=C bash -c 'eval \"$COMMAND$WORD\"'" };
	char name[256], word[TERM_QUOTED_SIZE(256)], back[300];

	(void)state;
	/* Printable bytes only, then all bytes: the two ways to quote. */
	for (int way = 0; way < 4; way++) {
		int only_printable = way % 2;
		int first = only_printable ? ' ' : 1, last = only_printable ? '~' : 255;
		FILE *shell;

		for (int byte = first; byte <= last; byte++)
			name[byte - first] = (char)byte;
		name[last - first + 1] = '\0';
		assert_true(term_shell_quote(word, sizeof(word), name));
		for (const char *at = word; *at; at++)
			assert_true(*at >= ' ' && *at <= '~');
		assert_int_equal(setenv("COMMAND", "printf %s ", 1), 0);
		assert_int_equal(setenv("WORD", word, 1), 0);
		shell = popen(shells[way / 2], "r");
		assert_non_null(shell);
		back[fread(back, 1, sizeof(back) - 1, shell)] = '\0';
		assert_int_equal(pclose(shell), 0);
		assert_string_equal(back, name);
	}
}

/* No shell keeps a newline at the end of what printf prints. */
static void test_newline_at_the_end(void **state)
{
	char word[40] = "#";

	(void)state;
	assert_false(term_shell_quote(word, sizeof(word), "a\n"));
	assert_string_equal(word, "");
	assert_true(term_shell_quote(word, sizeof(word), "\na"));
}

/* A command with half a name in it must not be advised. */
static void test_words_are_whole_or_absent(void **state)
{
	static const char *const names[] = { "eth0", "a b", "'''", "\x80\x80" };
	char whole[40], word[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(term_shell_quote(whole, sizeof(whole), names[i]));
		for (size_t size = 1; size < sizeof(word); size++) {
			memset(word, '#', sizeof(word));
			if (term_shell_quote(word, size, names[i]))
				assert_string_equal(word, whole);
			else
				assert_string_equal(word, "");
			assert_int_equal(word[size], '#');
		}
	}
}

static void test_mounts(void **state)
{
	static const struct {
		const char *line, *where; /* where NULL: no network namespace */
	} cases[] = {
		{ "9 1 0:4 net:[4026531840] /run/netns/a rw - nsfs nsfs rw\n", "/run/netns/a" },
		{ "9 1 0:4 net:[7] /a\\040b\\011\\012\\134c rw", "/a b\t\n\\c" },
		{ "9 1 0:4 net:[7] /a\\", "/a\\" },
		{ "9 1 0:4 net:[7] /a\\0", "/a\\0" },
		{ "9 1 0:4 net:[7] /a\\00", "/a\\00" },
		{ "9 1 0:4 net:[7] /a\\00\n", "/a\\00" },
		{ "9 1 0:4 net:[7] /a\\ 40 rw", "/a\\" },
		{ "9 1 0:4 net:[7] /a\\-40\\089 rw", "/a\\-40\\089" },
		{ "9 1 0:4 mnt:[7] /a rw", NULL },
		{ "9 1 0:4 / /net:[7] rw", NULL },
		{ "9 1 0:4 net:[7]", NULL },
		{ "9 1 0:4 net:[7] ", NULL },
		{ "9", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* On the heap and no longer than it is: the sanitizer sees a read past the end. */
		_cleanup_free_ char *line = strdup(cases[i].line);
		char *where = NULL;
		ino_t ino = 0;

		assert_int_equal(netns_search_parse_mount(line, &ino, &where),
				 cases[i].where != NULL);
		if (cases[i].where)
			assert_string_equal(where, cases[i].where);
	}
}

/* Nothing but the file of a network namespace is opened; a FIFO does not block. */
static void test_only_namespaces_are_opened(void **state)
{
	static const char fifo[] = "/tmp/tsum-test-names.fifo";
	static const char *const others[] = {
		fifo, "/dev/null",	   "/dev/zero",		"/etc/passwd",
		"/",  "/proc/self/ns/mnt", "/proc/self/ns/user"
	};
	struct netns_id own, id;
	int fd;

	(void)state;
	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	alarm(10);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(netns_open_file(others[i], 0), -EINVAL);
		assert_int_equal(netns_open(others[i], &fd), -EINVAL);
	}
	alarm(0);
	unlink(fifo);
	assert_int_equal(netns_open_file("/nothing", 0), -ENOENT);
	assert_int_equal(netns_look(AT_FDCWD, "/proc/self/ns/net", &own), 0);
	assert_int_equal(netns_open_file("/proc/self/ns/net", own.ino + 1), -ENOENT);
	fd = netns_open_file("/proc/self/ns/net", own.ino);
	assert_true(fd >= 0);
	close(fd);
	fd = netns_open_file("/proc/self/ns/net", 0);
	assert_true(fd >= 0);
	assert_int_equal(netns_look(fd, "/proc/self/ns/net", &id), 0);
	assert_true(id.dev == own.dev && id.ino == own.ino);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown_names_say_their_bytes),
		cmocka_unit_test(test_shown_names_are_cut_between_bytes),
		cmocka_unit_test(test_failures_are_printable),
		cmocka_unit_test(test_words_are_quoted),
		cmocka_unit_test(test_shell_reads_back),
		cmocka_unit_test(test_newline_at_the_end),
		cmocka_unit_test(test_words_are_whole_or_absent),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_only_namespaces_are_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
