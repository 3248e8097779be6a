// SPDX-License-Identifier: GPL-2.0-or-later
/* Growing arrays, reading and writing whole files, traces, and the signals that end a run. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Before cmocka, which has a macro called fail(). */
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/trace.h"

#include <cmocka.h>

static char folder[] = "/tmp/tsum-test-base.XXXXXX";

static int make_test_folder(void **state)
{
	(void)state;
	umask(077);
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int remove_test_folder(void **state)
{
	(void)state;
	return chdir("/") || rmdir(folder);
}

static size_t files_here(void)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(".");
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	return count;
}

static void assert_content(const char *path, const char *expected)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	assert_true(fd >= 0);
	assert_int_equal(file_read(fd, path, 1 << 20, &text, &len), 0);
	assert_int_equal(len, strlen(expected));
	assert_string_equal(text, expected);
}

static void test_array_grows(void **state)
{
	_cleanup_free_ struct {
		uint64_t number;
		char fill[24];
	} *array = NULL;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		__typeof__(array) added = ARRAY_ADD(array, count);

		assert_non_null(added);
		assert_int_equal(count, i + 1);
		assert_ptr_equal(added, &array[i]);
		/* New elements are zeroed, even if the memory was used before. */
		assert_int_equal(added->number, 0);
		for (size_t k = 0; k < sizeof(added->fill); k++)
			assert_int_equal(added->fill[k], 0);
		added->number = i;
		memset(added->fill, 0xff, sizeof(added->fill));
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(array[i].number, i);
	count = 3; /* an array that became shorter grows again */
	assert_ptr_equal(ARRAY_ADD(array, count), &array[3]);
	assert_int_equal(array[3].number, 0);
	assert_int_equal(array[2].number, 2);
}

static void test_array_reserves(void **state)
{
	_cleanup_free_ int *array = NULL;
	size_t room = 0, former;

	(void)state;
	assert_int_equal(ARRAY_RESERVE(array, room, 1), 0);
	assert_true(room >= 1);
	array[0] = 7;
	former = room;
	assert_int_equal(ARRAY_RESERVE(array, room, former), 0);
	assert_int_equal(room, former);
	assert_int_equal(ARRAY_RESERVE(array, room, former + 1), 0);
	assert_true(room >= 2 * former);
	assert_int_equal(ARRAY_RESERVE(array, room, 5000), 0);
	assert_true(room >= 5000);
	assert_int_equal(array[0], 7);
	/* Too many elements: nothing changes. */
	former = room;
	assert_int_equal(ARRAY_RESERVE(array, room, SIZE_MAX / 2), -ENOMEM);
	assert_int_equal(room, former);
	assert_int_equal(array[0], 7);
	assert_non_null(strstr(fail_text(), "out of memory"));
}

static void test_file_is_read(void **state)
{
	_cleanup_free_ char *text = NULL, *large = malloc(100001);
	_cleanup_close_ int fd = -1;
	size_t len = 0;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 100000);
	large[100000] = '\0';
	assert_int_equal(file_replace("large", 0600, large, 100000), 0);
	assert_content("large", large);
	fd = open("large", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_read(fd, "the input", 99999, &text, &len), -EFBIG);
	assert_null(text);
	assert_non_null(strstr(fail_text(), "the input"));
	assert_int_equal(file_replace("empty", 0600, NULL, 0), 0);
	assert_content("empty", "");
	unlink("large");
	unlink("empty");
}

/* If the reader of a descriptor is slow, everything still arrives. */
static void test_file_is_written_whole(void **state)
{
	static char data[300000];
	char buffer[4096];
	size_t sum = 0;
	int ends[2], status;
	ssize_t got;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(ends[0]);
		_exit(file_write(ends[1], data, sizeof(data)) ? 1 : 0);
	}
	close(ends[1]);
	while ((got = read(ends[0], buffer, sizeof(buffer))) > 0)
		sum += (size_t)got;
	close(ends[0]);
	assert_int_equal(sum, sizeof(data));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_file_is_replaced(void **state)
{
	struct stat before, after;

	(void)state;
	assert_int_equal(file_replace("it", 0644, "one", 3), 0);
	assert_content("it", "one");
	assert_int_equal(stat("it", &before), 0);
	/* The umask is 077 here. */
	assert_int_equal(before.st_mode & 07777, 0644);
	assert_int_equal(file_replace("./it", 0600, "two, longer", 11), 0);
	assert_content("it", "two, longer");
	assert_int_equal(stat("it", &after), 0);
	assert_int_equal(after.st_mode & 07777, 0600);
	assert_true(before.st_ino != after.st_ino);
	assert_int_equal(files_here(), 1);
	unlink("it");
}

static void test_failed_replacement_leaves_the_former(void **state)
{
	(void)state;
	/* A folder cannot be replaced by a file. */
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(file_replace("folder/it", 0600, "former", 6), 0);
	assert_true(file_replace("folder", 0600, "new", 3) < 0);
	assert_non_null(strstr(fail_text(), "folder"));
	assert_content("folder/it", "former");
	assert_int_equal(files_here(), 1);
	/* A folder that does not exist. */
	assert_int_equal(file_replace("none/it", 0600, "new", 3), -ENOENT);
	assert_non_null(strstr(fail_text(), "none/it"));
	unlink("folder/it");
	rmdir("folder");
	assert_int_equal(files_here(), 0);
}

/* Writes trace lines in a child with that TRUESUM_DEBUG; returns what it wrote to stderr. */
static char *traced(const char *variable)
{
	char *text = NULL;
	size_t len = 0;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		if (variable)
			setenv("TRUESUM_DEBUG", variable, 1);
		else
			unsetenv("TRUESUM_DEBUG");
		dup2(ends[1], STDERR_FILENO);
		errno = ENOTTY;
		trace("netlink", "first %d", 1);
		trace("bpf", "second %s", "two");
		_exit(errno == ENOTTY ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(file_read(ends[0], "a pipe", 1 << 16, &text, &len), 0);
	close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return text;
}

static size_t lines_of(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == '\n';
	return count;
}

static void test_traces(void **state)
{
	static const struct {
		const char *variable;
		bool netlink, bpf, warned;
	} cases[] = {
		{ NULL, false, false, false },	      { "", false, false, false },
		{ "netlink", true, false, false },    { "bpf,netlink", true, true, false },
		{ "all", true, true, false },	      { "probe", false, false, false },
		{ "bpf,nothing", false, true, true }, { "x,y", false, false, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = traced(cases[i].variable);

		assert_int_equal(strstr(text, " netlink: first 1\n") != NULL, cases[i].netlink);
		assert_int_equal(strstr(text, " bpf: second two\n") != NULL, cases[i].bpf);
		assert_int_equal(strstr(text, "known: netlink, bpf, probe,") != NULL,
				 cases[i].warned);
		assert_int_equal(lines_of(text), cases[i].netlink + cases[i].bpf + cases[i].warned);
	}
}

struct heard {
	struct loop *loop;
	int signo;
};

static int on_end_signal(void *owner, int signo)
{
	struct heard *heard = owner;

	heard->signo = signo;
	loop_quit(heard->loop, 0);
	return 0;
}

/* None of them kills the process: each is reported, so that the host can be put back. */
static void test_every_ending_signal_is_reported(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct heard heard = { 0 };

		assert_int_equal(loop_new(&heard.loop), 0);
		assert_int_equal(loop_add_signals(heard.loop, on_end_signal, &heard), 0);
		raise(signals[i]);
		assert_int_equal(loop_run(heard.loop), 0);
		assert_int_equal(heard.signo, signals[i]);
		loop_free(heard.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_grows),
		cmocka_unit_test(test_array_reserves),
		cmocka_unit_test(test_file_is_read),
		cmocka_unit_test(test_file_is_written_whole),
		cmocka_unit_test(test_file_is_replaced),
		cmocka_unit_test(test_failed_replacement_leaves_the_former),
		cmocka_unit_test(test_traces),
		cmocka_unit_test(test_every_ending_signal_is_reported),
	};

	return cmocka_run_group_tests(tests, make_test_folder, remove_test_folder);
}
