// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Broken captures: the reader reads their complete records, then says where and how they break off.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "pcap_file.h"

/* Reads the file cut to `len`: its complete records, then where it breaks off, or the end. */
static void assert_cut(const struct file *file, size_t len, size_t room, bool ng)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	_cleanup_free_ uint8_t *exact = malloc(len ? len : 1);
	uint64_t broken, last = 0;
	struct record record;
	size_t whole = 0;
	int rc;

	memcpy(exact, file->bytes, len);
	assert_int_equal(capture_memory(exact, len, room, &capture), 0);
	if (len < (ng ? 28 : 24)) {
		assert_int_equal(reader_new(capture, &reader), -EBADMSG);
		assert_non_null(strstr(fail_text(), "ends inside"));
		return;
	}
	reader = open_reader(capture);
	while ((rc = reader_next(reader, &record)) == 1)
		last = record.offset;
	while (whole < file->starts && file->start[whole] <= len)
		whole++;
	if (len == file->len || (whole && file->start[whole - 1] == len)) {
		assert_int_equal(rc, 0);
		assert_null(reader_broken(reader, &broken));
		return;
	}
	assert_int_equal(rc, -EBADMSG);
	assert_non_null(strstr(reader_broken(reader, &broken), "the file ends inside"));
	assert_int_equal(broken, file->start[whole - 1]);
	assert_int_equal(reader_at(reader), broken);
	assert_true(last < broken);
	assert_int_equal(reader_next(reader, &record), -EBADMSG);
}

static void test_every_cut(void **state)
{
	_cleanup_file_ struct file pcap = pcap_of(0xa1b2c3d4, true), ng = pcapng_of(false);

	(void)state;
	for (size_t len = 0; len <= pcap.len; len++)
		assert_cut(&pcap, len, 0, false);
	for (size_t len = 0; len <= ng.len; len++)
		assert_cut(&ng, len, 0, true);
	for (size_t len = 0; len <= ng.len; len += 13)
		assert_cut(&ng, len, 64, true);
	for (size_t len = 0; len <= pcap.len; len += 13)
		assert_cut(&pcap, len, 64, false);
}

/* Expects the sentence and the offset after `records` records. */
static void assert_broken(const struct file *file, unsigned int records, size_t at,
			  const char *sentence)
{
	static const size_t rooms[] = { 0, 5 };

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		_cleanup_(capture_cleanup) struct capture *capture = NULL;
		_cleanup_(reader_cleanup) struct reader *reader = NULL;
		struct record record;
		uint64_t offset = 0;

		assert_int_equal(capture_memory(file->bytes, file->len, rooms[i], &capture), 0);
		reader = open_reader(capture);
		for (unsigned int n = 0; n < records; n++)
			assert_int_equal(reader_next(reader, &record), 1);
		assert_int_equal(reader_next(reader, &record), -EBADMSG);
		assert_string_equal(reader_broken(reader, &offset), sentence);
		assert_int_equal(offset, at);
	}
}

static void test_broken_pcap(void **state)
{
	_cleanup_file_ struct file file = pcap_of(0xa1b2c3d4, false);

	(void)state;
	file.bytes[file.start[3] + 11] = 0xb2; /* lengths of both: len is the smaller */
	file.bytes[file.start[3] + 10] = 0xd0;
	file.bytes[file.start[3] + 9] = 0x5e;
	file.bytes[file.start[3] + 8] = 0;
	assert_broken(&file, 3, file.start[3], "the record says it has 3,000,000,000 bytes");
}

/* A file of one section, one interface, two packets, and something more to break. */
static struct file ng_to_break(void)
{
	struct packet packet = packet_of(12); /* of 144 bytes */
	struct file file = { 0 };

	add_section(&file, -1);
	add_interface(&file, 1, 0, -1, 0);
	add_enhanced(&file, 0, 1, &packet, false);
	add_enhanced(&file, 0, 2, &packet, true);
	add_other(&file, 5, 100);
	return file;
}

static void test_broken_pcapng(void **state)
{
	static const struct {
		size_t block, byte;
		uint8_t value;
		unsigned int records;
		const char *sentence;
	} cases[] = {
		{ 3, 4, 6, 1, "the block says it has 6 bytes" },
		{ 3, 4, 0xc9, 1, "the block says it has 201 bytes" },
		{ 3, 7, 0x10, 1, "the block says it has 268,435,652 bytes" },
		{ 3, 8, 1, 1, "the packet names interface 1, but the section has described 1" },
		{ 3, 20, 0xff, 1, "the packet says it has 255 bytes, more than its block" },
		{ 3, 192, 0xc8, 1,
		  "the block says it has 196 bytes at its begin and 200 at its end" },
		{ 3, 174, 0xff, 1, "an option of the block is longer than the block" },
		{ 4, 108, 0x74, 2,
		  "the block says it has 112 bytes at its begin and 116 at its end" },
		{ 4, 4, 0x74, 2, "the file ends inside this block of 116 bytes" },
		{ 1, 18, 0xff, 0, "an option of the block is longer than the block" },
		{ 1, 4, 8, 0, "the block says it has 8 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_file_ struct file file = ng_to_break();
		size_t at = file.start[cases[i].block];

		file.bytes[at + cases[i].byte] = cases[i].value;
		assert_broken(&file, cases[i].records, at, cases[i].sentence);
	}
}

/* A section that begins wrongly, and a file that does. */
static void test_broken_section(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_file_ struct file file = ng_to_break();
	struct reader *reader = NULL;
	size_t at = file.len;

	(void)state;
	add_section(&file, -1);
	file.bytes[at + 8] = 0;
	assert_broken(&file, 2, at, "the section header has no byte-order magic");
	file.bytes[at + 8] = 0x4d;
	file.bytes[at + 12] = 2;
	assert_broken(&file, 2, at, "pcapng version 2.0 is not known");
	file.bytes[8] = 0;
	assert_int_equal(capture_memory(file.bytes, file.len, 0, &capture), 0);
	assert_int_equal(reader_new(capture, &reader), -EBADMSG);
	assert_string_equal(fail_text(), "memory: the section header has no byte-order magic");
}

/*
 * The file becomes shorter while it is read: the reader invents no packet and reports the reason.
 */
static void assert_cut_short(const struct file *file, size_t to)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	char path[] = "/var/tmp/tsum-reader-XXXXXX";
	int fd = mkstemp(path), rc = 1;
	unsigned int records = 3;
	struct record record;
	uint64_t offset;

	assert_int_equal(write(fd, file->bytes, file->len), file->len);
	assert_int_equal(capture_open(path, &capture), 0);
	unlink(path);
	reader = open_reader(capture);
	for (unsigned int i = 0; i < records; i++)
		assert_int_equal(reader_next(reader, &record), 1);
	assert_int_equal(ftruncate(fd, (off_t)to), 0);
	close(fd);
	while ((rc = reader_next(reader, &record)) == 1)
		records++;
	assert_int_equal(rc, -EIO);
	assert_string_equal(reader_broken(reader, &offset),
			    "the file became shorter while it was read");
	assert_true(records < PACKETS && record.offset <= (to ? to : 4096));
}

static void test_cut_short(void **state)
{
	_cleanup_file_ struct file pcap = pcap_of(0xa1b2c3d4, false), ng = pcapng_of(true);

	(void)state;
	for (size_t to = 0; to <= 8192; to += 1024) {
		assert_cut_short(&pcap, to);
		assert_cut_short(&ng, to);
	}
	assert_cut_short(&ng, ng.len - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),     cmocka_unit_test(test_broken_pcap),
		cmocka_unit_test(test_broken_pcapng), cmocka_unit_test(test_broken_section),
		cmocka_unit_test(test_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
