// SPDX-License-Identifier: GPL-2.0-or-later
/* pcap files (draft-ietf-opsawg-pcap) and Kuznetsov's variant of them, whose record header is longer. */
#include <errno.h>

#include "pcap/reader_private.h"

enum { HEAD = 24, RECORD = 16, RECORD_KUZNETSOV = 24 };

static const struct variant {
	uint32_t magic;
	uint32_t header;
	uint32_t scale;
	const char *name;
} VARIANTS[] = {
	{ 0xa1b2c3d4, RECORD, 1000, "pcap" },
	{ 0xa1b23c4d, RECORD, 1, "pcap-ns" },
	{ 0xa1b2cd34, RECORD_KUZNETSOV, 1000, "pcap-kuznetsov" },
};

/* The record is not in the window as a whole. 1: now it is. */
static __attribute__((noinline)) int need_body(struct reader *reader, uint32_t captured)
{
	int rc;

	if (captured > RECORD_MAX)
		return reader_break(reader, -EBADMSG, "the record says it has %s bytes",
				    grouped(captured).text);
	rc = reader_need(reader, (size_t)reader->header + captured);
	if (rc)
		return rc;
	return reader_break(reader, -EBADMSG,
			    "the file ends inside this packet: %s of its %s bytes are there",
			    grouped((uint64_t)(reader->end - reader->at) - reader->header).text,
			    grouped(captured).text);
}

/* Writers that count wrongly, and those before version 2.4 that exchanged the two. */
static __attribute__((noinline)) void settle_lengths(const struct reader *reader,
						     uint32_t *captured, uint32_t *len)
{
	uint32_t swap = *len;

	if (reader->exchanged) {
		*len = *captured;
		*captured = swap;
	} else {
		*len = *captured;
	}
}

/* A file that was cut short reads as empty packets, which are rare enough elsewhere to ask each time. */
static __attribute__((noinline)) bool cut_short(struct reader *reader)
{
	return capture_mapped(reader->capture) && capture_error(reader->capture) &&
	       reader_break(reader, -EIO, "the file was cut short");
}

static inline __attribute__((always_inline)) int
next_record(struct reader *reader, struct record *ret_record, bool swapped, uint32_t header)
{
	const uint8_t *head = reader->at;
	uint32_t captured, len;
	int rc;

	if (unlikely(head >= reader->soft)) {
		rc = reader_head(reader);
		if (rc <= 0)
			return rc;
		head = reader->at;
	}
	captured = file32(head + 8, swapped);
	len = file32(head + 12, swapped);
	if (unlikely(!captured) && cut_short(reader))
		return reader->broken;
	if (unlikely(captured > len))
		settle_lengths(reader, &captured, &len);
	if (unlikely(captured > (size_t)(reader->end - head) - header)) {
		rc = need_body(reader, captured);
		if (rc <= 0)
			return rc;
		head = reader->at;
	}
	reader->at = head + header + captured;
	reader_prefetch(reader->at, captured);
	ret_record->data = head + header;
	ret_record->captured = captured;
	ret_record->len = len;
	ret_record->link = reader->link;
	ret_record->interface = 0;
	ret_record->time_ns = (int64_t)file32(head, swapped) * 1000000000 +
			      (int64_t)file32(head + 4, swapped) * reader->scale;
	ret_record->offset = reader_offset(reader, head);
	if (unlikely(reader->fcs))
		record_trim(ret_record, reader->fcs);
	return 1;
}

static int next_native(struct reader *reader, struct record *ret_record)
{
	return next_record(reader, ret_record, false, RECORD);
}

static int next_swapped(struct reader *reader, struct record *ret_record)
{
	return next_record(reader, ret_record, true, RECORD);
}

static int next_kuznetsov(struct reader *reader, struct record *ret_record)
{
	return next_record(reader, ret_record, false, RECORD_KUZNETSOV);
}

static int next_kuznetsov_swapped(struct reader *reader, struct record *ret_record)
{
	return next_record(reader, ret_record, true, RECORD_KUZNETSOV);
}

static const struct variant *variant_of(uint32_t magic)
{
	for (size_t i = 0; i < sizeof(VARIANTS) / sizeof(VARIANTS[0]); i++)
		if (VARIANTS[i].magic == magic)
			return &VARIANTS[i];
	return NULL;
}

/*
 * The link type is in the lower 16 bits. With bit 26 set, the highest four give the length of the frame
 * check sequence behind every packet, in 16-bit words.
 */
static void set_link(struct reader *reader, uint32_t link)
{
	reader->link = link & 0xffff;
	reader->fcs = link & 1U << 26 ? (link >> 28) * 2 : 0;
}

int reader_pcap_open(struct reader *reader)
{
	const struct variant *variant = variant_of(file32(reader->at, false));
	bool swapped = !variant;
	uint16_t major, minor;
	int rc;

	if (swapped)
		variant = variant_of(file32(reader->at, true));
	if (!variant)
		return reader_break(reader, -EBADMSG, "this is no pcap or pcapng file");
	reader->format = variant->name;
	reader->header = variant->header;
	reader->scale = variant->scale;
	if (variant->header == RECORD)
		reader->next = swapped ? next_swapped : next_native;
	else
		reader->next = swapped ? next_kuznetsov_swapped : next_kuznetsov;
	reader->section.swapped = swapped;
	rc = reader_need(reader, HEAD);
	if (rc < 0)
		return rc;
	if (!rc)
		return reader_break(reader, -EBADMSG, "the file ends inside its header");
	major = file16(reader->at + 4, swapped);
	minor = file16(reader->at + 6, swapped);
	if (major != 2 || minor < 3 || minor > 4)
		return reader_break(reader, -EBADMSG, "pcap version %u.%u is not known", major,
				    minor);
	reader->exchanged = minor == 3;
	reader->snaplen = file32(reader->at + 16, swapped);
	set_link(reader, file32(reader->at + 20, swapped));
	reader_jump(reader, HEAD);
	return 0;
}
