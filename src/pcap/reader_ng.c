// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pcapng files (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and the length again. The
 * enhanced packet block is read by a short path; every other block through any_block(), which finds its
 * row in a table. Blocks that hold no packet are stepped over without being kept in memory.
 */
#include <errno.h>

#include "pcap/reader_private.h"

enum {
	BLOCK = 12, /* type, length, length */
	BODY = 8, /* where the body begins */
	EPB_FIXED = 20, /* the obsolete block's, too */
	SPB_FIXED = 4,
	SHB_FIXED = 16,
	IDB_FIXED = 8,
	PRELUDE_MAX = 65536 /* blocks */
};

enum {
	TYPE_IDB = 1,
	TYPE_OPB = 2,
	TYPE_SPB = 3,
	TYPE_EPB = 6,
	TYPE_SHB = 0x0a0d0d0a,
};

enum {
	OPTION_END = 0,
	IF_TSRESOL = 9,
	IF_FCSLEN = 13,
	IF_TSOFFSET = 14,
};

static const uint32_t BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/* A whole block in the window. */
struct block {
	const uint8_t *head;
	uint32_t total;
	bool swapped;
};

static __attribute__((noinline)) int broken_length(struct reader *reader, uint32_t total)
{
	return reader_break(reader, -EBADMSG, "the block says it has %s bytes",
			    grouped(total).text);
}

static __attribute__((noinline)) int broken_trailer(struct reader *reader, uint64_t offset,
						    uint32_t total, uint32_t trailer)
{
	return reader_break_at(reader, offset, -EBADMSG,
			       "the block says it has %s bytes at its begin and %s at its end",
			       grouped(total).text, grouped(trailer).text);
}

static __attribute__((noinline)) int cut_off(struct reader *reader, uint64_t offset, uint32_t total)
{
	return reader_break_at(reader, offset, -EBADMSG,
			       "the file ends inside this block of %s bytes", grouped(total).text);
}

/* The whole block into the window. 1 or -errno. */
static __attribute__((noinline)) int need_block(struct reader *reader, uint32_t total)
{
	int rc;

	if (total > RECORD_MAX)
		return broken_length(reader, total);
	rc = reader_need(reader, total);
	if (rc)
		return rc;
	return cut_off(reader, reader_offset(reader, reader->at), total);
}

/*
 * Options up to `end`: the value of the one with `code` and its length, NULL without it; -EBADMSG where
 * the lengths lead out of the block.
 */
static int find_option(const uint8_t *at, const uint8_t *end, bool swapped, uint16_t code,
		       const uint8_t **ret_value, uint16_t *ret_len)
{
	*ret_value = NULL;
	while (end - at >= 4) {
		uint16_t this = file16(at, swapped), len = file16(at + 2, swapped);
		size_t padded = (len + 3U) & ~3U;

		at += 4;
		if (this == OPTION_END)
			return 0;
		if (padded > (size_t)(end - at))
			return -EBADMSG;
		if (this == code && !*ret_value) {
			*ret_value = at;
			*ret_len = len;
		}
		at += padded;
	}
	return 0;
}

static __attribute__((noinline)) int check_options(struct reader *reader, const uint8_t *at,
						   const uint8_t *end, bool swapped)
{
	const uint8_t *value;
	uint16_t len;

	if (!find_option(at, end, swapped, OPTION_END, &value, &len))
		return 0;
	return reader_break(reader, -EBADMSG, "an option of the block is longer than the block");
}

static __attribute__((noinline)) int no_interface(struct reader *reader, uint32_t number)
{
	return reader_break(reader, -EBADMSG,
			    "the packet names interface %s, but the section has described %s",
			    grouped(number).text, grouped(reader->section.count).text);
}

static __attribute__((noinline)) int broken_captured(struct reader *reader, uint32_t captured)
{
	return reader_break(reader, -EBADMSG,
			    "the packet says it has %s bytes, more than its block",
			    grouped(captured).text);
}

static inline void fill(const struct reader *reader, struct record *ret_record, uint32_t number,
			const uint8_t *data, uint32_t captured, uint32_t len)
{
	const struct interface *interface = &reader->section.interfaces[number];

	ret_record->data = data;
	ret_record->captured = captured;
	ret_record->len = len < captured ? captured : len;
	ret_record->link = interface->link;
	ret_record->interface = reader->section.before + number;
	if (unlikely(interface->fcs))
		record_trim(ret_record, interface->fcs);
}

static inline int64_t time_of(const struct interface *interface, uint64_t units)
{
	if (likely(units < interface->units_end))
		return (int64_t)(units * interface->scale);
	return interface_time(interface, units);
}

/* An enhanced packet block, or the obsolete one: they differ in how the interface is written. */
static inline __attribute__((always_inline)) int packet(struct reader *reader,
							struct record *ret_record,
							const uint8_t *head, uint32_t total,
							bool swapped, bool obsolete)
{
	const uint8_t *body = head + BODY;
	uint32_t number, captured, options, trailer;
	uint64_t units;

	if (unlikely(total < BLOCK + EPB_FIXED || total % 4))
		return broken_length(reader, total);
	trailer = file32(head + total - 4, swapped);
	captured = file32(body + 12, swapped);
	number = obsolete ? file16(body, swapped) : file32(body, swapped);
	if (unlikely(trailer != total))
		return broken_trailer(reader, reader_offset(reader, head), total, trailer);
	if (unlikely(captured > total - BLOCK - EPB_FIXED))
		return broken_captured(reader, captured);
	if (unlikely(number >= reader->section.count))
		return no_interface(reader, number);
	options = (captured + 3U) & ~3U;
	if (options != total - BLOCK - EPB_FIXED &&
	    check_options(reader, body + EPB_FIXED + options, head + total - 4, swapped) < 0)
		return reader->broken;
	units = (uint64_t)file32(body + 4, swapped) << 32 | file32(body + 8, swapped);
	fill(reader, ret_record, number, body + EPB_FIXED, captured, file32(body + 16, swapped));
	ret_record->time_ns = time_of(&reader->section.interfaces[number], units);
	ret_record->offset = reader_offset(reader, head);
	reader->at = head + total;
	reader_prefetch(reader->at, captured);
	return 1;
}

static int obsolete_packet(struct reader *reader, struct record *ret_record,
			   const struct block *block)
{
	return packet(reader, ret_record, block->head, block->total, block->swapped, true);
}

static int simple_packet(struct reader *reader, struct record *ret_record,
			 const struct block *block)
{
	uint32_t len = file32(block->head + BODY, block->swapped);
	uint32_t captured = len, snaplen;

	if (!reader->section.count)
		return no_interface(reader, 0);
	snaplen = reader->section.interfaces[0].snaplen;
	if (snaplen && captured > snaplen)
		captured = snaplen;
	if (captured > block->total - BLOCK - SPB_FIXED)
		return broken_captured(reader, captured);
	fill(reader, ret_record, 0, block->head + BODY + SPB_FIXED, captured, len);
	ret_record->time_ns = INT64_MIN;
	ret_record->offset = reader_offset(reader, block->head);
	reader->at = block->head + block->total;
	return 1;
}

/* if_fcslen was once said to count bits: 16, 32 and 64 are taken for such. */
static uint32_t fcs_bytes(uint8_t value)
{
	return value <= 8 ? value : value <= 64 && value % 8 == 0 ? value / 8 : 0;
}

static int interface_options(struct reader *reader, const struct block *block,
			     struct interface *interface)
{
	const uint8_t *at = block->head + BODY + IDB_FIXED, *end = block->head + block->total - 4;
	const uint8_t *resolution, *offset, *fcs;
	uint16_t resolution_len, offset_len, fcs_len;
	bool swapped = block->swapped;

	if (find_option(at, end, swapped, IF_TSRESOL, &resolution, &resolution_len) < 0)
		return check_options(reader, at, end, swapped);
	find_option(at, end, swapped, IF_TSOFFSET, &offset, &offset_len);
	find_option(at, end, swapped, IF_FCSLEN, &fcs, &fcs_len);
	if ((resolution && resolution_len != 1) || (offset && offset_len != 8) ||
	    (fcs && fcs_len != 1))
		return reader_break(reader, -EBADMSG,
				    "an option of the interface has a wrong length");
	interface->offset_s = offset ? (int64_t)file64(offset, swapped) : 0;
	interface->fcs = fcs ? fcs_bytes(*fcs) : 0;
	interface_resolution(interface, resolution ? *resolution : 6);
	return 0;
}

static int add_interface(struct reader *reader, struct record *ret_record,
			 const struct block *block)
{
	const uint8_t *body = block->head + BODY;
	struct interface interface = {
		.link = file16(body, block->swapped),
		.snaplen = file32(body + 4, block->swapped),
	};
	int rc = interface_options(reader, block, &interface);

	(void)ret_record;
	if (rc)
		return rc;
	rc = section_add(&reader->section, &interface);
	if (rc)
		return reader_break(reader, rc == -E2BIG ? -EBADMSG : rc, "%s",
				    rc == -E2BIG ? "there are too many interfaces" : "no memory");
	reader->at = block->head + block->total;
	return READER_AGAIN;
}

/* The blocks that are read; others are stepped over. */
static const struct kind {
	uint32_t type;
	uint32_t fixed; /* bytes of body before what varies */
	int (*read)(struct reader *reader, struct record *ret_record, const struct block *block);
} KINDS[] = {
	{ TYPE_IDB, IDB_FIXED, add_interface },
	{ TYPE_SPB, SPB_FIXED, simple_packet },
	{ TYPE_OPB, EPB_FIXED, obsolete_packet },
};

static const struct kind *kind_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
		if (KINDS[i].type == type)
			return &KINDS[i];
	return NULL;
}

/* Over a block of any length, whose end need not be in the window, nor ever was what is between. */
static int step_over(struct reader *reader, uint32_t total, bool swapped)
{
	uint64_t offset = reader_offset(reader, reader->at);
	uint32_t trailer;
	int rc;

	if (total <= (size_t)(reader->end - reader->at))
		reader->at += total - 4;
	else
		reader_jump(reader, offset + total - 4);
	rc = reader_need(reader, 4);
	if (rc < 0)
		reader->broken_at = offset;
	if (rc < 0)
		return rc;
	if (!rc)
		return cut_off(reader, offset, total);
	trailer = file32(reader->at, swapped);
	if (trailer != total)
		return broken_trailer(reader, offset, total, trailer);
	reader->at += 4;
	return READER_AGAIN;
}

static int next_native(struct reader *reader, struct record *ret_record);
static int next_swapped(struct reader *reader, struct record *ret_record);

/* A section header: its byte order is for itself to say. */
static int begin_section(struct reader *reader)
{
	bool swapped = file32(reader->at + BODY, false) != BYTE_ORDER_MAGIC;
	uint32_t total = file32(reader->at + 4, swapped);
	const uint8_t *head;
	int rc;

	if (swapped && file32(reader->at + BODY, true) != BYTE_ORDER_MAGIC)
		return reader_break(reader, -EBADMSG, "the section header has no byte-order magic");
	if (total < BLOCK + SHB_FIXED || total % 4)
		return broken_length(reader, total);
	rc = need_block(reader, total);
	if (rc < 0)
		return rc;
	head = reader->at;
	if (file32(head + total - 4, swapped) != total)
		return broken_trailer(reader, reader_offset(reader, head), total,
				      file32(head + total - 4, swapped));
	if (file16(head + 12, swapped) != 1)
		return reader_break(reader, -EBADMSG, "pcapng version %u.%u is not known",
				    file16(head + 12, swapped), file16(head + 14, swapped));
	rc = check_options(reader, head + BODY + SHB_FIXED, head + total - 4, swapped);
	if (rc)
		return rc;
	section_begin(&reader->section, swapped);
	reader->next = swapped ? next_swapped : next_native;
	reader->at = head + total;
	return READER_AGAIN;
}

/* Any block but an enhanced packet block; its first 12 bytes are in the window. */
static __attribute__((noinline)) int any_block(struct reader *reader, struct record *ret_record,
					       bool swapped)
{
	uint32_t type = file32(reader->at, swapped);
	uint32_t total = file32(reader->at + 4, swapped);
	const struct kind *kind = kind_of(type);
	struct block block = { .total = total, .swapped = swapped };
	uint32_t trailer;
	int rc;

	if (type == TYPE_SHB)
		return begin_section(reader);
	if (total < BLOCK + (kind ? kind->fixed : 0) || total % 4)
		return broken_length(reader, total);
	if (!kind)
		return step_over(reader, total, swapped);
	rc = need_block(reader, total);
	if (rc < 0)
		return rc;
	block.head = reader->at;
	trailer = file32(block.head + total - 4, swapped);
	if (trailer != total)
		return broken_trailer(reader, reader_offset(reader, block.head), total, trailer);
	return kind->read(reader, ret_record, &block);
}

static inline __attribute__((always_inline)) int next_block(struct reader *reader,
							    struct record *ret_record, bool swapped)
{
	uint32_t total;
	int rc;

	if (unlikely(reader->at >= reader->soft)) {
		rc = reader_head(reader);
		if (rc <= 0)
			return rc;
	}
	if (unlikely(file32(reader->at, swapped) != TYPE_EPB))
		return any_block(reader, ret_record, swapped);
	total = file32(reader->at + 4, swapped);
	if (unlikely(total > (size_t)(reader->end - reader->at))) {
		rc = need_block(reader, total);
		if (rc < 0)
			return rc;
	}
	return packet(reader, ret_record, reader->at, total, swapped, false);
}

static int next_native(struct reader *reader, struct record *ret_record)
{
	return next_block(reader, ret_record, false);
}

static int next_swapped(struct reader *reader, struct record *ret_record)
{
	return next_block(reader, ret_record, true);
}

int reader_ng_open(struct reader *reader)
{
	int rc;

	reader->ng = true;
	reader->format = "pcapng";
	reader->header = BLOCK;
	rc = reader_need(reader, BLOCK);
	if (rc < 0)
		return rc;
	if (!rc)
		return reader_break(reader, -EBADMSG, "the file ends inside its header");
	rc = begin_section(reader);
	if (rc != READER_AGAIN)
		return rc;
	reader_jump(reader, reader_at(reader));
	return 0;
}

void reader_ng_prelude(struct reader *reader)
{
	struct record none;

	for (int i = 0; reader->ng && i < PRELUDE_MAX; i++) {
		uint32_t type;

		if (reader_head(reader) <= 0)
			return;
		type = file32(reader->at, reader->section.swapped);
		if (type == TYPE_EPB || type == TYPE_OPB || type == TYPE_SPB)
			return;
		if (reader->next(reader, &none) != READER_AGAIN)
			return;
	}
}
