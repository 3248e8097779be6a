// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pcap files (draft-ietf-opsawg-pcap), and Kuznetsov's variant with a longer record header.
 *
 * A record has two lengths: the captured and the real one. Files before version 2.3 have them in
 * the opposite order, and so have those of DG/UX, which call themselves 543.0; files of version
 * 2.3 have them in either order. The same holds for Kuznetsov's variant. libpcap reads all of
 * these so.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "pcap/format.h"

enum {
	HEAD = 24,
	RECORD = 16, /* its header */
	RECORD_KUZNETSOV = 24,
	USUAL_MAX = 256 << 10, /* bytes; capture programs write no longer packets */
	YEARS_10 = 315360000, /* seconds */
	DAY = 86400,
	MAJOR_DGUX = 543,
};

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

/* For a record that is not in the window as a whole. 1: now it is. */
static __attribute__((noinline)) int need_body(struct format_file *file, uint32_t captured)
{
	int rc;

	if (captured > RECORD_MAX)
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "the record says it has %s bytes",
				    format_number(captured).text);
	rc = format_need(file, (size_t)file->header + captured);
	if (rc)
		return rc;
	return format_break(file, format_offset(file, file->at), -EBADMSG,
			    "the file ends inside this packet: %s of its %s bytes are there",
			    format_number((uint64_t)(file->end - file->at) - file->header).text,
			    format_number(captured).text);
}

/* For writers that count wrongly, and those of version 2.3 that exchanged the two. */
static __attribute__((noinline)) void settle_lengths(const struct format_file *file,
						     uint32_t *captured, uint32_t *len)
{
	uint32_t swap = *len;

	if (file->exchanged) {
		*len = *captured;
		*captured = swap;
	} else {
		*len = *captured;
	}
}

/* A file that was cut short reads as empty packets; others are so rare that each is checked. */
static __attribute__((noinline)) bool cut_short(struct format_file *file)
{
	return capture_mapped(file->capture) && capture_error(file->capture) &&
	       format_break(file, format_offset(file, file->at), -EIO, "the file was cut short");
}

static inline __attribute__((always_inline)) int next_record(struct format_file *file,
							     struct record *ret_record,
							     bool swapped, uint32_t header,
							     bool opposite)
{
	const uint8_t *head = file->at;
	uint32_t captured, len;
	int rc;

	if (unlikely(head >= file->soft)) {
		rc = format_head(file);
		if (rc <= 0)
			return rc;
		head = file->at;
	}
	captured = format_32(head + (opposite ? 12 : 8), swapped);
	len = format_32(head + (opposite ? 8 : 12), swapped);
	if (unlikely(!captured) && cut_short(file))
		return file->broken;
	if (unlikely(captured > len))
		settle_lengths(file, &captured, &len);
	if (unlikely(captured > (size_t)(file->end - head) - header)) {
		rc = need_body(file, captured);
		if (rc <= 0)
			return rc;
		head = file->at;
	}
	file->at = head + header + captured;
	format_prefetch(file->at, captured);
	ret_record->data = head + header;
	ret_record->captured = captured;
	ret_record->len = len;
	ret_record->link = file->link;
	ret_record->interface = 0;
	ret_record->time_ns = (int64_t)format_32(head, swapped) * 1000000000 +
			      (int64_t)format_32(head + 4, swapped) * file->scale;
	ret_record->offset = format_offset(file, head);
	if (unlikely(file->fcs))
		format_trim(ret_record, file->fcs);
	return 1;
}

static int next_record_native(struct format_file *file, struct record *ret_record)
{
	return next_record(file, ret_record, false, RECORD, false);
}

static int next_record_swapped(struct format_file *file, struct record *ret_record)
{
	return next_record(file, ret_record, true, RECORD, false);
}

static int next_kuznetsov(struct format_file *file, struct record *ret_record)
{
	return next_record(file, ret_record, false, RECORD_KUZNETSOV, false);
}

static int next_kuznetsov_swapped(struct format_file *file, struct record *ret_record)
{
	return next_record(file, ret_record, true, RECORD_KUZNETSOV, false);
}

/* Before version 2.3. Such files are old and small: one function reads them all. */
static int next_opposite(struct format_file *file, struct record *ret_record)
{
	return next_record(file, ret_record, file->section.swapped, file->header, true);
}

static const struct variant *variant_of(uint32_t magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(VARIANTS); i++)
		if (VARIANTS[i].magic == magic)
			return &VARIANTS[i];
	return NULL;
}

/*
 * The link type is in the lower 16 bits. With bit 26 set, the highest four give the length of the
 * frame check sequence after every packet, in 16-bit words.
 */
static void set_link(struct format_file *file, uint32_t link)
{
	file->link = link & 0xffff;
	file->fcs = link & 1U << 26 ? (link >> 28) * 2 : 0;
}

static bool is_pcap(const uint8_t *magic)
{
	return variant_of(format_32(magic, false)) || variant_of(format_32(magic, true));
}

static int open_pcap(struct format_file *file)
{
	const struct variant *variant = variant_of(format_32(file->at, false));
	bool swapped = !variant;
	uint16_t major, minor;
	int rc;

	if (swapped)
		variant = variant_of(format_32(file->at, true));
	file->name = variant->name;
	file->header = variant->header;
	file->scale = variant->scale;
	if (variant->header == RECORD)
		file->next = swapped ? next_record_swapped : next_record_native;
	else
		file->next = swapped ? next_kuznetsov_swapped : next_kuznetsov;
	file->section.swapped = swapped;
	rc = format_need(file, HEAD);
	if (rc < 0)
		return rc;
	if (!rc)
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "the file ends inside its header");
	major = format_16(file->at + 4, swapped);
	minor = format_16(file->at + 6, swapped);
	if (!(major == 2 && minor <= 4) && !(major == MAJOR_DGUX && minor == 0))
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "pcap version %u.%u is not known", major, minor);
	file->exchanged = major == 2 && minor == 3;
	if (major == MAJOR_DGUX || minor < 3)
		file->next = next_opposite;
	file->snaplen = format_32(file->at + 16, swapped);
	set_link(file, format_32(file->at + 20, swapped));
	format_jump(file, HEAD);
	return 0;
}

static void learn_pcap(struct format_file *file)
{
	if (format_need(file, sizeof(uint32_t)) == 1)
		file->first_s = format_32(file->at, file->section.swapped);
}

static uint64_t distance(uint32_t a, uint32_t b)
{
	return a > b ? a - b : b - a;
}

static size_t plausible_record(const struct format_file *file, const uint8_t *at, size_t left,
			       const uint8_t *before)
{
	bool swapped = file->section.swapped;
	uint32_t most = file->snaplen && file->snaplen < UINT16_MAX ? file->snaplen : USUAL_MAX;
	uint32_t seconds, captured, len;

	if (left < file->header)
		return 0;
	captured = format_32(at + 8, swapped);
	len = format_32(at + 12, swapped);
	if (file->next == next_opposite || (file->exchanged && captured > len)) {
		uint32_t real = captured;

		captured = len;
		len = real;
	}
	if (!captured || captured > most || captured > len || len > RECORD_MAX ||
	    format_32(at + 4, swapped) >= (file->scale == 1 ? 1000000000 : 1000000))
		return 0;
	seconds = format_32(at, swapped);
	if (distance(seconds, file->first_s) > YEARS_10 ||
	    (before && distance(seconds, format_32(before, swapped)) > DAY))
		return 0;
	return (size_t)file->header + captured;
}

const struct format format_pcap = {
	.is = is_pcap,
	.open = open_pcap,
	.learn = learn_pcap,
	.plausible = plausible_record,
	.align = 1,
};
