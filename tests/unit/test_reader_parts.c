// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A capture read in parts is the capture read in one go: for parts of any size, for captures of
 * captures (whose payloads look like records), for sections that change in between, and for broken
 * files.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "pcap/reader.h"

struct file {
	uint8_t *bytes;
	size_t len, room;
	bool ng;
};

static void file_cleanup(struct file *file)
{
	free(file->bytes);
}

#define _cleanup_file_ _cleanup_(file_cleanup)

static void add(struct file *file, const void *bytes, size_t len)
{
	if (file->len + len > file->room) {
		file->room = (file->len + len) * 2;
		file->bytes = realloc(file->bytes, file->room);
		assert_non_null(file->bytes);
	}
	memcpy(file->bytes + file->len, bytes, len);
	file->len += len;
}

/* A section with one interface, or a pcap file's head. */
static void add_head(struct file *file, bool ng, uint32_t link)
{
	const uint32_t section[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, ~0U, ~0U, 28 };
	const uint32_t interface[] = { 1, 20, link, 0, 20 };
	const uint32_t pcap[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, link };

	file->ng = ng;
	if (ng) {
		add(file, section, sizeof(section));
		add(file, interface, sizeof(interface));
	} else {
		add(file, pcap, sizeof(pcap));
	}
}

static void add_packet(struct file *file, uint64_t time_us, const void *bytes, uint32_t len)
{
	uint32_t padded = (len + 3) & ~3U;
	const uint32_t block[] = {
		6, len ? padded + 32 : 32, 0, (uint32_t)(time_us >> 32), (uint32_t)time_us, len, len
	};
	const uint32_t record[] = { (uint32_t)(time_us / 1000000), (uint32_t)(time_us % 1000000),
				    len, len };
	static const uint8_t zeros[4];

	if (!file->ng) {
		add(file, record, sizeof(record));
		add(file, bytes, len);
		return;
	}
	add(file, block, sizeof(block));
	add(file, bytes, len);
	add(file, zeros, padded - len);
	add(file, &block[1], 4);
}

#define START_US 1700000000000000U

static struct file usual(bool ng, unsigned int packets)
{
	static uint8_t bytes[1500];
	struct file file = { 0 };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 151 >> 3);
	add_head(&file, ng, 1);
	for (unsigned int i = 0; i < packets; i++)
		add_packet(&file, START_US + i * 100, bytes, i % 5 ? 60 + i * 97 % 1400 : 1500);
	return file;
}

/*
 * A capture of a capture's transfer, several times nested, in packets of 1460 bytes or much larger.
 */
static struct file nested(bool ng, unsigned int levels, uint32_t cut)
{
	_cleanup_file_ struct file inner = levels ? nested(ng, levels - 1, 1460) : usual(ng, 200);
	struct file file = { 0 };

	add_head(&file, ng, 1);
	for (size_t at = 0; at < inner.len; at += cut) {
		size_t len = inner.len - at < cut ? inner.len - at : cut;

		add_packet(&file, START_US + at, inner.bytes + at, (uint32_t)len);
	}
	return file;
}

/* A digest of everything that was read: FNV-1a over all fields of all records. */
struct digest {
	uint64_t hash, records;
	int end;
};

static void digest_add(struct digest *digest, const struct record *record)
{
	const uint64_t fields[] = { record->offset,
				    record->captured,
				    record->len,
				    record->interface,
				    record->link,
				    (uint64_t)record->time_ns,
				    record->captured ? record->data[record->captured - 1] : 0 };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		digest->hash = (digest->hash ^ fields[i]) * 0x100000001b3;
	digest->records++;
}

static void digest_reader(struct digest *digest, struct reader *reader)
{
	struct record record;

	while ((digest->end = reader_next(reader, &record)) == 1)
		digest_add(digest, &record);
}

static struct digest sequential(const struct file *file)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	struct digest digest = { 0 };

	assert_int_equal(capture_memory(file->bytes, file->len, 0, &capture), 0);
	assert_int_equal(reader_new(capture, &reader), 0);
	digest_reader(&digest, reader);
	return digest;
}

/*
 * Reads all parts, as threads would, and then checks which of them fit together. Returns how many
 * do not.
 */
static unsigned int in_parts(const struct file *file, size_t size, struct digest *ret_digest)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *first = NULL, *before = NULL;
	struct digest whole = { 0 };
	unsigned int misfits = 0;

	assert_int_equal(capture_memory(file->bytes, file->len, 0, &capture), 0);
	assert_int_equal(reader_new(capture, &first), 0);
	for (uint64_t from = 0; from < file->len && !whole.end; from += size) {
		_cleanup_(reader_cleanup) struct reader *part = NULL;
		struct digest tried = whole;

		assert_int_equal(reader_part(first, from, from + size, &part), 0);
		digest_reader(&tried, part);
		if (from && !reader_fits(before, part)) {
			misfits++;
			reader_cleanup(&part);
			assert_int_equal(reader_part(before, 0, from + size, &part), 0);
			tried = whole;
			digest_reader(&tried, part);
		}
		whole = tried;
		reader_cleanup(&before);
		before = TAKE_PTR(part);
	}
	*ret_digest = whole;
	return misfits;
}

static unsigned int assert_parts(const struct file *file, size_t size)
{
	struct digest whole = sequential(file), parts;
	unsigned int misfits = in_parts(file, size, &parts);

	assert_int_equal(parts.records, whole.records);
	assert_int_equal(parts.hash, whole.hash);
	assert_int_equal(parts.end, whole.end);
	return misfits;
}

/*
 * Every guess is right. Only the last part may be without a guess: it may hold the end of the last
 * record and no beginning.
 */
static void test_usual(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		_cleanup_file_ struct file file = usual(ng, 3000);

		for (size_t size = 2000; size < file.len * 2; size = size * 5 / 4 + 1)
			assert_true(assert_parts(&file, size) <= 1);
	}
}

static void test_tiny_parts(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		_cleanup_file_ struct file file = usual(ng, 30);

		for (size_t size = 1; size < 700; size += 3)
			assert_parts(&file, size);
	}
}

static void test_nested(void **state)
{
	static const uint32_t cuts[] = { 512, 1460, 9000, 65000 };

	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		for (size_t i = 0; i < ARRAY_SIZE(cuts) * 2; i++) {
			_cleanup_file_ struct file file = nested(ng, i & 1, cuts[i / 2]);

			for (size_t size = 700; size < file.len; size = size * 3 / 2 + 1)
				assert_parts(&file, size);
		}
	}
}

/*
 * One packet contains a whole capture, larger than the chain of records that a guess checks: the
 * guess must be wrong.
 */
static void test_wrong_guess(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		_cleanup_file_ struct file inner = usual(ng, 4000), file = { 0 };

		add_head(&file, ng, 1);
		add_packet(&file, START_US, inner.bytes, (uint32_t)inner.len);
		add_packet(&file, START_US, inner.bytes, 1000);
		assert_true(inner.len > 2 << 20);
		assert_true(assert_parts(&file, 1 << 18) >= 4);
	}
}

/* A part's reader assumed other sections and interfaces than those before it. */
static void test_sections_between(void **state)
{
	_cleanup_file_ struct file file = { 0 };

	(void)state;
	for (uint32_t section = 0; section < 5; section++) {
		_cleanup_file_ struct file packets = usual(true, 300);

		add_head(&file, true, 100 + section);
		add(&file, packets.bytes + 48, packets.len - 48);
	}
	for (size_t size = 1000; size < file.len; size = size * 3 / 2 + 1)
		assert_parts(&file, size);
}

static void test_broken(void **state)
{
	(void)state;
	for (int ng = 0; ng < 2; ng++) {
		_cleanup_file_ struct file file = usual(ng, 300);

		file.len -= 7;
		for (size_t size = 1000; size < file.len; size = size * 3 / 2 + 1)
			assert_parts(&file, size);
		memset(file.bytes + file.len / 2, 0xee, 3000);
		for (size_t size = 1000; size < file.len; size = size * 3 / 2 + 1)
			assert_parts(&file, size);
	}
}

static void test_streams_have_no_parts(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *first = NULL, *part = NULL;
	_cleanup_file_ struct file file = usual(false, 10);

	(void)state;
	assert_int_equal(capture_memory(file.bytes, file.len, 4096, &capture), 0);
	assert_false(capture_mapped(capture));
	assert_int_equal(reader_new(capture, &first), 0);
	assert_int_equal(reader_part(first, 1000, 2000, &part), -ESPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_tiny_parts),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_wrong_guess),
		cmocka_unit_test(test_sections_between),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_streams_have_no_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
