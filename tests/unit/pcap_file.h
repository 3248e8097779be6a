/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capture files built in memory, for tests of their readers. Include cmocka.h before. */
#ifndef TRUESUM_UNIT_PCAP_FILE_H
#define TRUESUM_UNIT_PCAP_FILE_H

#include "pcap/reader.h"

enum { PACKETS = 40, BLOCKS_MAX = 4096 };

#define USUAL_S 1700000000U
#define AFTER_2038_S 4100000000U

/* A file under construction; `start` has the offsets of its records or blocks. */
struct file {
	uint8_t *bytes;
	size_t len, room;
	bool big; /* its byte order */
	size_t start[BLOCKS_MAX];
	size_t starts;
};

static inline void file_cleanup(struct file *file)
{
	free(file->bytes);
}

#define _cleanup_file_ _cleanup_(file_cleanup)

static inline void add(struct file *file, const void *bytes, size_t len)
{
	if (file->len + len > file->room) {
		file->room = (file->len + len) * 2;
		file->bytes = realloc(file->bytes, file->room);
		assert_non_null(file->bytes);
	}
	if (len)
		memcpy(file->bytes + file->len, bytes, len);
	file->len += len;
}

static inline void add_number(struct file *file, uint64_t value, size_t size)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < size; i++)
		bytes[file->big ? size - 1 - i : i] = (uint8_t)(value >> (8 * i));
	add(file, bytes, size);
}

static inline void add16(struct file *file, uint16_t value)
{
	add_number(file, value, 2);
}

static inline void add32(struct file *file, uint32_t value)
{
	add_number(file, value, 4);
}

static inline void note_start(struct file *file)
{
	assert_true(file->starts < BLOCKS_MAX);
	file->start[file->starts++] = file->len;
}

/* The packets in all files: of 0 to 1500 bytes, some cut by a snaplen, one after the year 2038. */
struct packet {
	uint32_t seconds, micros, captured, len;
	uint8_t bytes[1504];
};

static inline struct packet packet_of(unsigned int number)
{
	struct packet packet = {
		.seconds = number == 7 ? AFTER_2038_S : USUAL_S + number / 8,
		.micros = number * 24691 % 1000000,
		.captured = number * number % 1501,
	};

	packet.len = packet.captured + (number % 5 == 4 ? 100 : 0);
	for (uint32_t i = 0; i < packet.captured; i++)
		packet.bytes[i] = (uint8_t)(number * 31 + i * 7);
	return packet;
}

static inline void add_pcap_head(struct file *file, uint32_t magic, uint16_t minor, uint32_t link)
{
	add32(file, magic);
	add16(file, 2);
	add16(file, minor);
	add32(file, 0);
	add32(file, 0);
	add32(file, 0); /* snaplen */
	add32(file, link);
}

static inline void add_pcap_record(struct file *file, uint32_t magic, const struct packet *packet)
{
	note_start(file);
	add32(file, packet->seconds);
	add32(file, magic == 0xa1b23c4d ? packet->micros * 1000 : packet->micros);
	add32(file, packet->captured);
	add32(file, packet->len);
	if (magic == 0xa1b2cd34)
		add_number(file, 0, 8);
	add(file, packet->bytes, packet->captured);
}

static inline struct file pcap_of(uint32_t magic, bool big)
{
	struct file file = { .big = big };

	add_pcap_head(&file, magic, 4, 1);
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct packet packet = packet_of(i);

		add_pcap_record(&file, magic, &packet);
	}
	return file;
}

/* A pcapng block around `body`. */
static inline void add_block(struct file *file, uint32_t type, const struct file *body)
{
	static const uint8_t zeros[3];
	size_t gap = -body->len & 3;
	uint32_t total = (uint32_t)(12 + body->len + gap);

	note_start(file);
	add32(file, type);
	add32(file, total);
	add(file, body->bytes, body->len);
	add(file, zeros, gap);
	add32(file, total);
}

static inline void add_section(struct file *file, int64_t len)
{
	_cleanup_file_ struct file body = { .big = file->big };

	add32(&body, 0x1a2b3c4d);
	add16(&body, 1);
	add16(&body, 0);
	add_number(&body, (uint64_t)len, 8);
	add_block(file, 0x0a0d0d0a, &body);
}

static inline void add_option(struct file *body, uint16_t code, const void *value, size_t len)
{
	static const uint8_t zeros[3];

	add16(body, code);
	add16(body, (uint16_t)len);
	add(body, value, len);
	add(body, zeros, -len & 3);
}

/* tsresol < 0: no such option. */
static inline void add_interface(struct file *file, uint16_t link, uint32_t snaplen, int tsresol,
				 int64_t offset)
{
	_cleanup_file_ struct file body = { .big = file->big }, number = { .big = file->big };
	uint8_t resolution = (uint8_t)tsresol;

	add16(&body, link);
	add16(&body, 0);
	add32(&body, snaplen);
	add_option(&body, 2, "eth0", 4);
	if (tsresol >= 0)
		add_option(&body, 9, &resolution, 1);
	add_number(&number, (uint64_t)offset, 8);
	if (offset)
		add_option(&body, 14, number.bytes, 8);
	add_option(&body, 0, NULL, 0);
	add_block(file, 1, &body);
}

static inline void add_enhanced(struct file *file, uint32_t interface, uint64_t units,
				const struct packet *packet, bool options)
{
	_cleanup_file_ struct file body = { .big = file->big };
	static const uint8_t zeros[3];

	add32(&body, interface);
	add32(&body, (uint32_t)(units >> 32));
	add32(&body, (uint32_t)units);
	add32(&body, packet->captured);
	add32(&body, packet->len);
	add(&body, packet->bytes, packet->captured);
	add(&body, zeros, -packet->captured & 3);
	if (options) {
		add_option(&body, 1, "a comment", 9);
		add_option(&body, 0, NULL, 0);
	}
	add_block(file, 6, &body);
}

static inline void add_obsolete(struct file *file, uint16_t interface, uint64_t units,
				const struct packet *packet)
{
	_cleanup_file_ struct file body = { .big = file->big };

	add16(&body, interface);
	add16(&body, 17); /* drops */
	add32(&body, (uint32_t)(units >> 32));
	add32(&body, (uint32_t)units);
	add32(&body, packet->captured);
	add32(&body, packet->len);
	add(&body, packet->bytes, packet->captured);
	add_block(file, 2, &body);
}

static inline void add_simple(struct file *file, const struct packet *packet)
{
	_cleanup_file_ struct file body = { .big = file->big };

	add32(&body, packet->len);
	add(&body, packet->bytes, packet->captured);
	add_block(file, 3, &body);
}

/* A block of another type, which readers skip. */
static inline void add_other(struct file *file, uint32_t type, size_t len)
{
	_cleanup_file_ struct file body = { .big = file->big };
	_cleanup_free_ uint8_t *bytes = calloc(1, len + 1);

	add(&body, bytes, len);
	add_block(file, type, &body);
}

static inline uint64_t micros_of(const struct packet *packet)
{
	return (uint64_t)packet->seconds * 1000000 + packet->micros;
}

static inline struct file pcapng_of(bool big)
{
	static const uint32_t others[] = { 4, 5, 0xa, 0xbad, 0x40000bad, 0x777 };
	struct file file = { .big = big };

	add_section(&file, -1);
	add_interface(&file, 1, 0, -1, 0);
	for (unsigned int i = 0; i < PACKETS; i++) {
		struct packet packet = packet_of(i);

		if (i % 7 == 3)
			add_other(&file, others[i % 6], i * 10);
		if (i % 3 == 2)
			add_obsolete(&file, 0, micros_of(&packet), &packet);
		else
			add_enhanced(&file, 0, micros_of(&packet), &packet, i % 3);
	}
	return file;
}

static inline struct reader *open_reader(struct capture *capture)
{
	struct reader *reader;

	if (reader_new(capture, &reader))
		fail_msg("%s", fail_text());
	return reader;
}

#endif
