// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The readers of pcap and pcapng: every variant of a file gives the same packets, and libpcap
 * agrees.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "pcap_file.h"

static void assert_packet(const struct record *record, unsigned int number)
{
	struct packet packet = packet_of(number);

	assert_int_equal(record->captured, packet.captured);
	assert_int_equal(record->len, packet.len);
	assert_int_equal(record->link, 1);
	assert_int_equal(record->interface, 0);
	assert_int_equal(record->time_ns, (int64_t)micros_of(&packet) * 1000);
	if (packet.captured)
		assert_memory_equal(record->data, packet.bytes, packet.captured);
}

/* Expects all packets of packet_of(), and then the end. */
static void assert_packets(struct capture *capture, const char *format)
{
	_cleanup_(reader_cleanup) struct reader *reader = open_reader(capture);
	struct record record;
	uint64_t offset;

	assert_string_equal(reader_format(reader), format);
	for (unsigned int i = 0; i < PACKETS; i++) {
		assert_int_equal(reader_next(reader, &record), 1);
		assert_packet(&record, i);
	}
	assert_int_equal(reader_next(reader, &record), 0);
	assert_int_equal(reader_next(reader, &record), 0);
	assert_null(reader_broken(reader, &offset));
}

static void assert_in_memory(const void *bytes, size_t len, size_t room, const char *format)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;

	assert_int_equal(capture_memory(bytes, len, room, &capture), 0);
	assert_packets(capture, format);
	assert_int_equal(capture_rewind(capture), 0);
	assert_packets(capture, format);
}

static size_t gzip_of(const struct file *file, uint8_t *out, size_t room)
{
	z_stream zlib = { .next_in = file->bytes, .avail_in = (uInt)file->len };

	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zlib.next_out = out;
	zlib.avail_out = (uInt)room;
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	deflateEnd(&zlib);
	return zlib.total_out;
}

/* Mapped, and as a stream through buffers of many sizes, plain and compressed. */
static void assert_read_all_ways(const struct file *file, const char *format)
{
	static const size_t rooms[] = { 0, 1, 2, 3, 16, 100, 1530, 4096, 1 << 20 };
	static uint8_t packed[1 << 18];
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++)
		assert_in_memory(file->bytes, file->len, rooms[i], format);
	len = gzip_of(file, packed, sizeof(packed));
	for (size_t i = 1; i < ARRAY_SIZE(rooms); i++)
		assert_in_memory(packed, len, rooms[i], format);
	len = ZSTD_compress(packed, sizeof(packed), file->bytes, file->len, 3);
	for (size_t i = 1; i < ARRAY_SIZE(rooms); i++)
		assert_in_memory(packed, len, rooms[i], format);
}

static void test_same_packets(void **state)
{
	static const struct {
		uint32_t magic;
		const char *name;
	} variants[] = {
		{ 0xa1b2c3d4, "pcap" },
		{ 0xa1b23c4d, "pcap-ns" },
		{ 0xa1b2cd34, "pcap-kuznetsov" },
	};

	(void)state;
	for (int big = 0; big < 2; big++) {
		_cleanup_file_ struct file ng = pcapng_of(big);

		for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
			_cleanup_file_ struct file file = pcap_of(variants[i].magic, big);

			assert_read_all_ways(&file, variants[i].name);
		}
		assert_read_all_ways(&ng, "pcapng");
	}
}

/* The only record of a file that has one. */
static struct record only_record(const struct file *file)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	struct record record, none;
	uint64_t offset;

	assert_int_equal(capture_memory(file->bytes, file->len, 0, &capture), 0);
	reader = open_reader(capture);
	if (reader_next(reader, &record) != 1)
		fail_msg("%s", reader_broken(reader, &offset));
	assert_int_equal(reader_next(reader, &none), 0);
	return record;
}

static void test_lengths_of_pcap(void **state)
{
	struct packet packet = { .seconds = 1, .captured = 60, .len = 60 };
	static const struct {
		uint16_t minor;
		uint32_t link, captured, len, say_captured, say_len;
	} cases[] = {
		{ 4, 1, 60, 60, 60, 60 },
		{ 4, 1, 60, 0, 60, 60 }, /* a writer that does not know the length */
		{ 4, 0x24000001, 60, 60, 56, 56 }, /* two words of frame check sequence */
		{ 4, 0x24000001, 60, 100, 60, 96 }, /* not captured */
		{ 4, 0x24000001, 60, 62, 58, 58 }, /* in part */
		{ 4, 0x20000001, 60, 60, 60, 60 }, /* not said to be there */
		{ 4, 0xf4000001, 20, 20, 0, 0 },
		{ 4, 0x03ff0001, 60, 60, 60, 60 }, /* reserved bits */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_file_ struct file file = { .big = i & 1 };
		struct record record;

		add_pcap_head(&file, 0xa1b2c3d4, cases[i].minor, cases[i].link);
		packet.captured = cases[i].captured;
		packet.len = cases[i].len;
		add_pcap_record(&file, 0xa1b2c3d4, &packet);
		record = only_record(&file);
		assert_int_equal(record.captured, cases[i].say_captured);
		assert_int_equal(record.len, cases[i].say_len);
		assert_int_equal(record.link, 1);
	}
}

/*
 * Before version 2.3 the captured length comes second, in version 2.3 the smaller one is the
 * captured length. DG/UX wrote 543.0.
 */
static void test_exchanged_lengths(void **state)
{
	static const struct {
		uint16_t major, minor;
		uint32_t first, second, say_captured, say_len;
	} cases[] = {
		{ 2, 0, 1000, 60, 60, 1000 },	{ 2, 1, 1000, 60, 60, 1000 },
		{ 2, 2, 1000, 60, 60, 1000 },	{ 2, 2, 60, 60, 60, 60 },
		{ 2, 2, 0, 60, 60, 60 },	{ 2, 3, 1000, 60, 60, 1000 },
		{ 2, 3, 60, 1000, 60, 1000 },	{ 2, 4, 60, 1000, 60, 1000 },
		{ 543, 0, 1000, 60, 60, 1000 },
	};
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases) * 6; i++) {
		_cleanup_file_ struct file file = { .big = i & 1 };
		const size_t row = i / 6;
		struct record record;

		add_pcap_head(&file, magics[i / 2 % 3], cases[row].minor, 1);
		file.bytes[file.big ? 4 : 5] = (uint8_t)(cases[row].major >> 8);
		file.bytes[file.big ? 5 : 4] = (uint8_t)cases[row].major;
		add32(&file, 5);
		add32(&file, 6);
		add32(&file, cases[row].first);
		add32(&file, cases[row].second);
		if (i / 2 % 3 == 2)
			add(&file, (uint8_t[8]){ 0 }, 8);
		add(&file, packet_of(20).bytes, 60);
		record = only_record(&file);
		assert_int_equal(record.captured, cases[row].say_captured);
		assert_int_equal(record.len, cases[row].say_len);
	}
}

static void test_clocks(void **state)
{
	static const struct {
		int tsresol;
		int64_t offset;
		uint64_t units;
		int64_t ns;
	} cases[] = {
		{ -1, 0, 1500000, 1500000000 },
		{ 6, 0, 1500000, 1500000000 },
		{ 9, 0, 1500000001, 1500000001 },
		{ 0, 0, AFTER_2038_S, AFTER_2038_S * INT64_C(1000000000) },
		{ 3, 0, 1500, 1500000000 },
		{ 12, 0, 1500000000999, 1500000000 },
		{ 28, 0, UINT64_MAX, 1 },
		{ 29, 0, UINT64_MAX, 0 },
		{ 127, 0, UINT64_MAX, 0 },
		{ 0x80, 0, 7, 7000000000 },
		{ 0x80 | 1, 0, 3, 1500000000 },
		{ 0x80 | 32, 0, UINT64_C(3) << 31, 1500000000 },
		{ 0x80 | 64, 0, UINT64_C(1) << 63, 500000000 },
		{ 0x80 | 127, 0, UINT64_MAX, 0 },
		{ 6, 100, 1500000, 101500000000 },
		{ 6, -100, 1500000, -98500000000 },
		{ 6, 0, UINT64_MAX, INT64_MAX },
		{ 9, 0, UINT64_MAX, INT64_MAX },
		{ 6, INT64_MAX, 0, INT64_MAX },
		{ 6, INT64_MIN, 0, INT64_MIN + 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_file_ struct file file = { .big = i & 1 };
		struct packet packet = packet_of(11);

		add_section(&file, -1);
		add_interface(&file, 1, 0, cases[i].tsresol, cases[i].offset);
		add_enhanced(&file, 0, cases[i].units, &packet, false);
		assert_int_equal(only_record(&file).time_ns, cases[i].ns);
	}
}

static void test_simple_packets(void **state)
{
	struct packet packet = packet_of(30); /* of 900 bytes */
	_cleanup_file_ struct file file = { 0 };
	struct record record;

	(void)state;
	add_section(&file, -1);
	add_interface(&file, 113, 0, -1, 0);
	packet.len = packet.captured;
	add_simple(&file, &packet);
	record = only_record(&file);
	assert_int_equal(record.captured, 900);
	assert_int_equal(record.len, 900);
	assert_int_equal(record.link, 113);
	assert_true(record.time_ns == INT64_MIN);
	file.len = 0;
	add_section(&file, -1);
	add_interface(&file, 113, 100, -1, 0);
	packet.captured = 100;
	add_simple(&file, &packet);
	record = only_record(&file);
	assert_int_equal(record.captured, 100);
	assert_int_equal(record.len, 900);
}

static void test_fcs_of_pcapng(void **state)
{
	static const uint8_t said[] = { 0, 2, 4, 16, 32, 77 };
	static const uint32_t cut[] = { 0, 2, 4, 2, 4, 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		_cleanup_file_ struct file file = { 0 }, body = { 0 };
		struct packet packet = packet_of(20); /* of 400 bytes */

		add_section(&file, -1);
		add32(&body, 1);
		add32(&body, 0);
		add_option(&body, 13, &said[i], 1);
		add_block(&file, 1, &body);
		add_enhanced(&file, 0, 1, &packet, true);
		assert_int_equal(only_record(&file).captured, 400 - cut[i]);
	}
}

/*
 * Three sections of both byte orders; only the first states its length. The numbers of interfaces
 * go on from one section to the next.
 */
static void test_sections(void **state)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	_cleanup_file_ struct file file = { 0 };
	struct packet packet = packet_of(12);
	struct record record;

	(void)state;
	for (unsigned int section = 0; section < 3; section++) {
		file.big = section == 1;
		add_section(&file, section ? -1 : 2 * 32 + 2 * (32 + 144));
		for (unsigned int i = 0; i <= section; i++)
			add_interface(&file, (uint16_t)(10 * section + i), 0, -1, 0);
		for (unsigned int i = 0; i <= section; i++)
			add_enhanced(&file, i, micros_of(&packet), &packet, true);
	}
	assert_int_equal(capture_memory(file.bytes, file.len, 0, &capture), 0);
	reader = open_reader(capture);
	for (unsigned int section = 0, count = 0; section < 3; section++) {
		for (unsigned int i = 0; i <= section; i++) {
			assert_int_equal(reader_next(reader, &record), 1);
			assert_int_equal(record.interface, count++);
			assert_int_equal(record.link, 10 * section + i);
			assert_int_equal(record.time_ns, micros_of(&packet) * 1000);
		}
	}
	assert_int_equal(reader_next(reader, &record), 0);
}

/* libpcap, if it is installed. */
struct oracle {
	void *library;
	pcap_t *(*open)(FILE *file, u_int precision, char *error);
	int (*next)(pcap_t *pcap, struct pcap_pkthdr **header, const u_char **data);
	int (*link)(pcap_t *pcap);
	void (*close)(pcap_t *pcap);
};

static bool find_oracle(struct oracle *oracle)
{
	oracle->library = dlopen("libpcap.so.0.8", RTLD_NOW);
	if (!oracle->library)
		return false;
	oracle->open = dlsym(oracle->library, "pcap_fopen_offline_with_tstamp_precision");
	oracle->next = dlsym(oracle->library, "pcap_next_ex");
	oracle->link = dlsym(oracle->library, "pcap_datalink");
	oracle->close = dlsym(oracle->library, "pcap_close");
	return oracle->open && oracle->next && oracle->link && oracle->close;
}

static void assert_oracle(const struct oracle *oracle, struct file *file)
{
	_cleanup_(capture_cleanup) struct capture *capture = NULL;
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	FILE *stream = fmemopen(file->bytes, file->len, "rb");
	char error[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *data;
	struct record record;
	pcap_t *pcap;

	pcap = oracle->open(stream, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!pcap)
		fail_msg("libpcap: %s", error);
	assert_int_equal(capture_memory(file->bytes, file->len, 0, &capture), 0);
	reader = open_reader(capture);
	for (unsigned int i = 0; i < PACKETS; i++) {
		assert_int_equal(oracle->next(pcap, &header, &data), 1);
		assert_int_equal(reader_next(reader, &record), 1);
		assert_int_equal(record.captured, header->caplen);
		assert_int_equal(record.len, header->len);
		assert_int_equal(record.link, oracle->link(pcap));
		assert_int_equal(record.time_ns, (int64_t)(uint32_t)header->ts.tv_sec * 1000000000 +
							 header->ts.tv_usec);
		if (header->caplen)
			assert_memory_equal(record.data, data, header->caplen);
	}
	assert_int_equal(oracle->next(pcap, &header, &data), PCAP_ERROR_BREAK);
	assert_int_equal(reader_next(reader, &record), 0);
	oracle->close(pcap);
}

static void test_as_libpcap(void **state)
{
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34 };
	struct oracle oracle;

	(void)state;
	if (!find_oracle(&oracle)) {
		print_message("skipped: libpcap.so.0.8 is not installed\n");
		skip();
	}
	for (int big = 0; big < 2; big++) {
		_cleanup_file_ struct file ng = pcapng_of(big);

		assert_oracle(&oracle, &ng);
		for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
			_cleanup_file_ struct file file = pcap_of(magics[i], big);

			assert_oracle(&oracle, &file);
		}
	}
	dlclose(oracle.library);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_packets),	  cmocka_unit_test(test_lengths_of_pcap),
		cmocka_unit_test(test_exchanged_lengths), cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_simple_packets),	  cmocka_unit_test(test_fcs_of_pcapng),
		cmocka_unit_test(test_sections),	  cmocka_unit_test(test_as_libpcap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
