// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What writer.h writes reads back the same, here and in tshark; and no half-written file is left.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "pcap/writer.h"

static char folder[] = "/tmp/tsum-writer-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/out.pcapng", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void assert_folder_empty(void)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(folder);
	const struct dirent *entry;

	while ((entry = readdir(dir)))
		assert_true(entry->d_name[0] == '.');
}

enum { RECORDS = 9 };

static const uint8_t bytes[300] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };

static struct record record_of(unsigned int number)
{
	return (struct record){
		.data = bytes,
		.captured = 60 + number,
		.len = 60 + number * 2,
		.link = number % 3 == 2 ? 113 : 1,
		.interface = number % 2,
		.time_ns = INT64_C(4100000000123456789) + number,
	};
}

static struct writer *new_writer(void)
{
	struct writer *writer;

	if (writer_new(path, &writer))
		fail_msg("%s", fail_text());
	return writer;
}

static void write_all(void)
{
	static const char *const comments[] = { NULL, "sum 0x1234, computed 0x1230", "größer" };
	struct writer *writer = new_writer();

	for (unsigned int i = 0; i < RECORDS; i++) {
		struct record record = record_of(i);

		assert_int_equal(writer_add(writer, &record, comments[i % 3]), 0);
	}
	assert_int_equal(writer_close(&writer), 0);
	assert_null(writer);
}

static void test_reads_back(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	static const unsigned int interfaces[] = { 0, 1, 2, 1, 0, 3, 0, 1, 2 };
	struct record record;

	(void)state;
	write_all();
	assert_int_equal(capture_open(path, &capture), 0);
	assert_int_equal(reader_new(capture, &reader), 0);
	for (unsigned int i = 0; i < RECORDS; i++) {
		struct record wrote = record_of(i);

		assert_int_equal(reader_next(reader, &record), 1);
		assert_int_equal(record.captured, wrote.captured);
		assert_int_equal(record.len, wrote.len);
		assert_int_equal(record.link, wrote.link);
		assert_int_equal(record.interface, interfaces[i]);
		assert_int_equal(record.time_ns, wrote.time_ns);
		assert_memory_equal(record.data, bytes, record.captured);
	}
	assert_int_equal(reader_next(reader, &record), 0);
	unlink(path);
	assert_folder_empty();
}

static void test_tshark_reads_it(void **state)
{
	char command[256], line[256] = "";
	unsigned int comments = 0, lines = 0;
	FILE *tshark;

	(void)state;
	if (system("command -v tshark >/dev/null")) {
		print_message("skipped: tshark is not installed\n");
		skip();
	}
	write_all();
	snprintf(command, sizeof(command),
		 "tshark -r %s -T fields -e frame.time_epoch -e frame.comment 2>&1", path);
	tshark = popen(command, "r");
	while (fgets(line, sizeof(line), tshark)) {
		if (strncmp(line, "4100000000.12345", 16))
			continue; /* it warns who runs it as root */
		lines++;
		comments += strstr(line, "computed 0x1230") || strstr(line, "größer");
	}
	assert_int_equal(pclose(tshark), 0);
	assert_int_equal(lines, RECORDS);
	assert_int_equal(comments, 6);
	unlink(path);
}

static void test_overwrites_no_file(void **state)
{
	struct writer *writer = new_writer(), *second;
	FILE *file;

	(void)state;
	file = fopen(path, "w"); /* another program is faster */
	assert_non_null(file);
	fputs("precious", file);
	fclose(file);
	assert_int_equal(writer_close(&writer), -EEXIST);
	assert_non_null(strstr(fail_text(), "another program created it"));
	assert_int_equal(writer_new(path, &second), -EEXIST);
	assert_non_null(strstr(fail_text(), path));
	file = fopen(path, "r");
	assert_int_equal(fgetc(file), 'p');
	fclose(file);
	unlink(path);
	assert_folder_empty();
}

static void test_nothing_half_written(void **state)
{
	struct record record = record_of(0);
	struct writer *writer = new_writer();

	(void)state;
	assert_int_equal(writer_add(writer, &record, "lost"), 0);
	writer_cleanup(&writer);
	assert_null(writer);
	writer_cleanup(&writer);
	assert_folder_empty();
}

static void test_no_such_folder(void **state)
{
	struct writer *writer;

	(void)state;
	assert_int_equal(writer_new("/nonexistent/out.pcapng", &writer), -ENOENT);
	assert_string_equal(fail_text(),
			    "cannot create /nonexistent/out.pcapng: No such file or directory");
}

/* A full disk, imitated by a limit on the file size. */
static void test_disk_full(void **state)
{
	struct record record = record_of(0);
	struct rlimit before, limit;
	struct writer *writer;
	int rc = 0, closed;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = (struct rlimit){ 20000, before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	writer = new_writer();
	for (int i = 0; i < 1000 && !rc; i++)
		rc = writer_add(writer, &record, NULL);
	closed = writer_close(&writer);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(rc, -EFBIG);
	assert_true(closed < 0);
	assert_non_null(strstr(fail_text(), "cannot write"));
	assert_folder_empty();
}

/* A comment that is too long for an option is cut between two characters. */
static void test_long_comment(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	_cleanup_free_ char *comment = calloc(1, 70001);
	static const uint8_t umlaut[] = { 0xc3, 0xb6 };
	struct record record = record_of(0);
	struct writer *writer = new_writer();

	(void)state;
	for (size_t i = 0; i < 70000; i += 2)
		memcpy(comment + i, umlaut, sizeof(umlaut));
	assert_int_equal(writer_add(writer, &record, comment), 0);
	assert_int_equal(writer_close(&writer), 0);
	assert_int_equal(capture_open(path, &capture), 0);
	assert_int_equal(reader_new(capture, &reader), 0);
	assert_int_equal(reader_next(reader, &record), 1);
	assert_int_equal(reader_next(reader, &record), 0);
	assert_int_equal(reader_at(reader), 28 + 32 + 32 + 60 + 4 + 65536 + 4);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_tshark_reads_it),
		cmocka_unit_test(test_overwrites_no_file),
		cmocka_unit_test(test_nothing_half_written),
		cmocka_unit_test(test_no_such_folder),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_long_comment),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
