// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pcapng files (draft-ietf-opsawg-pcapng): blocks of a type, a length, a body and the length again.
 * The enhanced packet block is read by a short path; every other block through any_block(), which
 * finds its row in a table. Blocks that hold no packet are stepped over without being kept in
 * memory.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pcap/format.h"

#define NS_PER_S 1000000000

enum {
	BLOCK = 12, /* type, length, length */
	BODY = 8, /* where the body begins */
	EPB_FIXED = 20, /* the obsolete block's, too */
	SPB_FIXED = 4,
	SHB_FIXED = 16,
	IDB_FIXED = 8,
	BLOCKS_BEFORE_MAX = 65536, /* blocks read before the first packet */
	INTERFACES_MAX = 65536,
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

static __attribute__((noinline)) int broken_length(struct format_file *file, uint32_t total)
{
	return format_break(file, format_offset(file, file->at), -EBADMSG,
			    "the block says it has %s bytes", format_number(total).text);
}

static __attribute__((noinline)) int broken_trailer(struct format_file *file, uint64_t offset,
						    uint32_t total, uint32_t trailer)
{
	return format_break(file, offset, -EBADMSG,
			    "the block says it has %s bytes at its begin and %s at its end",
			    format_number(total).text, format_number(trailer).text);
}

static __attribute__((noinline)) int cut_off(struct format_file *file, uint64_t offset,
					     uint32_t total)
{
	return format_break(file, offset, -EBADMSG, "the file ends inside this block of %s bytes",
			    format_number(total).text);
}

/* The whole block into the window. 1 or -errno. */
static __attribute__((noinline)) int need_block(struct format_file *file, uint32_t total)
{
	int rc;

	if (total > RECORD_MAX)
		return broken_length(file, total);
	rc = format_need(file, total);
	if (rc)
		return rc;
	return cut_off(file, format_offset(file, file->at), total);
}

/*
 * Options up to `end`: the value of the one with `code` and its length, NULL without it; -EBADMSG
 * if the lengths lead out of the block.
 */
static int find_option(const uint8_t *at, const uint8_t *end, bool swapped, uint16_t code,
		       const uint8_t **ret_value, uint16_t *ret_len)
{
	*ret_value = NULL;
	while (end - at >= 4) {
		uint16_t this = format_16(at, swapped), len = format_16(at + 2, swapped);
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

static __attribute__((noinline)) int check_options(struct format_file *file, const uint8_t *at,
						   const uint8_t *end, bool swapped)
{
	const uint8_t *value;
	uint16_t len;

	if (!find_option(at, end, swapped, OPTION_END, &value, &len))
		return 0;
	return format_break(file, format_offset(file, file->at), -EBADMSG,
			    "an option of the block is longer than the block");
}

static __attribute__((noinline)) int no_interface(struct format_file *file, uint32_t number)
{
	return format_break(file, format_offset(file, file->at), -EBADMSG,
			    "the packet names interface %s, but the section has described %s",
			    format_number(number).text, format_number(file->section.count).text);
}

static __attribute__((noinline)) int broken_captured(struct format_file *file, uint32_t captured)
{
	return format_break(file, format_offset(file, file->at), -EBADMSG,
			    "the packet says it has %s bytes, more than its block",
			    format_number(captured).text);
}

/* ---- Clocks ---- */

/* Sets the clock's unit from an if_tsresol option (6: microseconds), after offset_s. */
static void set_resolution(struct format_interface *interface, uint8_t tsresol)
{
	uint32_t exponent = tsresol & 0x7f;

	interface->scale = interface->divide = 0;
	interface->shift = 0;
	if (tsresol & 0x80) {
		interface->shift = exponent;
	} else if (exponent <= 9) {
		interface->scale = 1;
		for (uint32_t i = exponent; i < 9; i++)
			interface->scale *= 10;
	} else if (exponent <= 9 + 19) {
		interface->divide = 1;
		for (uint32_t i = 9; i < exponent; i++)
			interface->divide *= 10;
	} else {
		interface->shift = 127; /* 2^64 units are less than a nanosecond either way */
	}
	interface->units_end = 0;
	if (interface->scale && !interface->offset_s)
		interface->units_end = INT64_MAX / interface->scale;
}

/*
 * Nanoseconds since 1970; a time that does not fit becomes the nearest that does. 128 bits do not
 * overflow: 2^64 units of up to 10^9 ns, and 2^63 s of 10^9 ns, are below 2^95.
 */
static int64_t interface_time(const struct format_interface *interface, uint64_t units)
{
	__int128 ns = (__int128)interface->offset_s * NS_PER_S;

	if (interface->scale)
		ns += (__int128)units * interface->scale;
	else if (interface->divide)
		ns += units / interface->divide;
	else
		ns += (__int128)units * NS_PER_S >> interface->shift;
	if (ns > INT64_MAX)
		return INT64_MAX;
	return ns <= INT64_MIN ? INT64_MIN + 1 : (int64_t)ns;
}

/* ---- Packets ---- */

static inline void fill(const struct format_file *file, struct record *ret_record, uint32_t number,
			const uint8_t *data, uint32_t captured, uint32_t len)
{
	const struct format_interface *interface = &file->section.interfaces[number];

	ret_record->data = data;
	ret_record->captured = captured;
	ret_record->len = len < captured ? captured : len;
	ret_record->link = interface->link;
	ret_record->interface = file->section.before + number;
	if (unlikely(interface->fcs))
		format_trim(ret_record, interface->fcs);
}

static inline int64_t time_of(const struct format_interface *interface, uint64_t units)
{
	if (likely(units < interface->units_end))
		return (int64_t)(units * interface->scale);
	return interface_time(interface, units);
}

/* An enhanced packet block, or the obsolete one: they differ in how the interface is written. */
static inline __attribute__((always_inline)) int packet(struct format_file *file,
							struct record *ret_record,
							const uint8_t *head, uint32_t total,
							bool swapped, bool obsolete)
{
	const uint8_t *body = head + BODY;
	uint32_t number, captured, options, trailer;
	uint64_t units;

	if (unlikely(total < BLOCK + EPB_FIXED || total % 4))
		return broken_length(file, total);
	trailer = format_32(head + total - 4, swapped);
	captured = format_32(body + 12, swapped);
	number = obsolete ? format_16(body, swapped) : format_32(body, swapped);
	if (unlikely(trailer != total))
		return broken_trailer(file, format_offset(file, head), total, trailer);
	if (unlikely(captured > total - BLOCK - EPB_FIXED))
		return broken_captured(file, captured);
	if (unlikely(number >= file->section.count))
		return no_interface(file, number);
	options = (captured + 3U) & ~3U;
	if (options != total - BLOCK - EPB_FIXED &&
	    check_options(file, body + EPB_FIXED + options, head + total - 4, swapped) < 0)
		return file->broken;
	units = (uint64_t)format_32(body + 4, swapped) << 32 | format_32(body + 8, swapped);
	fill(file, ret_record, number, body + EPB_FIXED, captured, format_32(body + 16, swapped));
	ret_record->time_ns = time_of(&file->section.interfaces[number], units);
	ret_record->offset = format_offset(file, head);
	file->at = head + total;
	format_prefetch(file->at, captured);
	return 1;
}

static int obsolete_packet(struct format_file *file, struct record *ret_record,
			   const struct block *block)
{
	return packet(file, ret_record, block->head, block->total, block->swapped, true);
}

static int simple_packet(struct format_file *file, struct record *ret_record,
			 const struct block *block)
{
	uint32_t len = format_32(block->head + BODY, block->swapped);
	uint32_t captured = len, snaplen;

	if (!file->section.count)
		return no_interface(file, 0);
	snaplen = file->section.interfaces[0].snaplen;
	if (snaplen && captured > snaplen)
		captured = snaplen;
	if (captured > block->total - BLOCK - SPB_FIXED)
		return broken_captured(file, captured);
	fill(file, ret_record, 0, block->head + BODY + SPB_FIXED, captured, len);
	ret_record->time_ns = INT64_MIN;
	ret_record->offset = format_offset(file, block->head);
	file->at = block->head + block->total;
	return 1;
}

/* if_fcslen was once said to count bits: 16, 32 and 64 are taken for such. */
static uint32_t fcs_bytes(uint8_t value)
{
	return value <= 8 ? value : value <= 64 && value % 8 == 0 ? value / 8 : 0;
}

static int interface_options(struct format_file *file, const struct block *block,
			     struct format_interface *interface)
{
	const uint8_t *at = block->head + BODY + IDB_FIXED, *end = block->head + block->total - 4;
	const uint8_t *resolution, *offset, *fcs;
	uint16_t resolution_len, offset_len, fcs_len;
	bool swapped = block->swapped;

	if (find_option(at, end, swapped, IF_TSRESOL, &resolution, &resolution_len) < 0)
		return check_options(file, at, end, swapped);
	find_option(at, end, swapped, IF_TSOFFSET, &offset, &offset_len);
	find_option(at, end, swapped, IF_FCSLEN, &fcs, &fcs_len);
	if ((resolution && resolution_len != 1) || (offset && offset_len != 8) ||
	    (fcs && fcs_len != 1))
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "an option of the interface has a wrong length");
	interface->offset_s = offset ? (int64_t)format_64(offset, swapped) : 0;
	interface->fcs = fcs ? fcs_bytes(*fcs) : 0;
	set_resolution(interface, resolution ? *resolution : 6);
	return 0;
}

static int add_interface(struct format_file *file, struct record *ret_record,
			 const struct block *block)
{
	const uint8_t *body = block->head + BODY;
	struct format_interface interface = {
		.link = format_16(body, block->swapped),
		.snaplen = format_32(body + 4, block->swapped),
	};
	struct format_section *section = &file->section;
	int rc = interface_options(file, block, &interface);

	(void)ret_record;
	if (rc)
		return rc;
	if (section->count == INTERFACES_MAX || section->before + section->count == UINT32_MAX)
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "there are too many interfaces");
	if (section->count == section->room) {
		uint32_t room = section->room ? section->room * 2 : 4;
		struct format_interface *grown =
			reallocarray(section->interfaces, room, sizeof(*grown));

		if (!grown)
			return format_break(file, format_offset(file, file->at), -ENOMEM,
					    "no memory");
		section->interfaces = grown;
		section->room = room;
	}
	section->interfaces[section->count++] = interface;
	file->at = block->head + block->total;
	return FORMAT_AGAIN;
}

/* The blocks that are read; others are stepped over. */
static const struct kind {
	uint32_t type;
	uint32_t fixed; /* bytes of body before what varies */
	int (*read)(struct format_file *file, struct record *ret_record, const struct block *block);
} KINDS[] = {
	{ TYPE_IDB, IDB_FIXED, add_interface },
	{ TYPE_SPB, SPB_FIXED, simple_packet },
	{ TYPE_OPB, EPB_FIXED, obsolete_packet },
};

static const struct kind *kind_of(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(KINDS); i++)
		if (KINDS[i].type == type)
			return &KINDS[i];
	return NULL;
}

/* Steps over a block of any length; only its end is read into the window. */
static int step_over(struct format_file *file, uint32_t total, bool swapped)
{
	uint64_t offset = format_offset(file, file->at);
	uint32_t trailer;
	int rc;

	if (total <= (size_t)(file->end - file->at))
		file->at += total - 4;
	else
		format_jump(file, offset + total - 4);
	rc = format_need(file, 4);
	if (rc < 0)
		file->broken_at = offset;
	if (rc < 0)
		return rc;
	if (!rc)
		return cut_off(file, offset, total);
	trailer = format_32(file->at, swapped);
	if (trailer != total)
		return broken_trailer(file, offset, total, trailer);
	file->at += 4;
	return FORMAT_AGAIN;
}

static int next_block_native(struct format_file *file, struct record *ret_record);
static int next_block_swapped(struct format_file *file, struct record *ret_record);

/* Reads a section header, which says its own byte order. */
static int begin_section(struct format_file *file)
{
	bool swapped = format_32(file->at + BODY, false) != BYTE_ORDER_MAGIC;
	struct format_section *section = &file->section;
	uint32_t total = format_32(file->at + 4, swapped);
	const uint8_t *head;
	int rc;

	if (swapped && format_32(file->at + BODY, true) != BYTE_ORDER_MAGIC)
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "the section header has no byte-order magic");
	if (total < BLOCK + SHB_FIXED || total % 4)
		return broken_length(file, total);
	rc = need_block(file, total);
	if (rc < 0)
		return rc;
	head = file->at;
	if (format_32(head + total - 4, swapped) != total)
		return broken_trailer(file, format_offset(file, head), total,
				      format_32(head + total - 4, swapped));
	if (format_16(head + 12, swapped) != 1)
		return format_break(file, format_offset(file, file->at), -EBADMSG,
				    "pcapng version %u.%u is not known",
				    format_16(head + 12, swapped), format_16(head + 14, swapped));
	rc = check_options(file, head + BODY + SHB_FIXED, head + total - 4, swapped);
	if (rc)
		return rc;
	section->before += section->count;
	section->count = 0;
	section->swapped = swapped;
	file->next = swapped ? next_block_swapped : next_block_native;
	file->at = head + total;
	return FORMAT_AGAIN;
}

/* Any block but an enhanced packet block; its first 12 bytes are in the window. */
static __attribute__((noinline)) int any_block(struct format_file *file, struct record *ret_record,
					       bool swapped)
{
	uint32_t type = format_32(file->at, swapped);
	uint32_t total = format_32(file->at + 4, swapped);
	const struct kind *kind = kind_of(type);
	struct block block = { .total = total, .swapped = swapped };
	uint32_t trailer;
	int rc;

	if (type == TYPE_SHB)
		return begin_section(file);
	if (total < BLOCK + (kind ? kind->fixed : 0) || total % 4)
		return broken_length(file, total);
	if (!kind)
		return step_over(file, total, swapped);
	rc = need_block(file, total);
	if (rc < 0)
		return rc;
	block.head = file->at;
	trailer = format_32(block.head + total - 4, swapped);
	if (trailer != total)
		return broken_trailer(file, format_offset(file, block.head), total, trailer);
	return kind->read(file, ret_record, &block);
}

static inline __attribute__((always_inline)) int next_block(struct format_file *file,
							    struct record *ret_record, bool swapped)
{
	uint32_t total;
	int rc;

	if (unlikely(file->at >= file->soft)) {
		rc = format_head(file);
		if (rc <= 0)
			return rc;
	}
	if (unlikely(format_32(file->at, swapped) != TYPE_EPB))
		return any_block(file, ret_record, swapped);
	total = format_32(file->at + 4, swapped);
	if (unlikely(total > (size_t)(file->end - file->at))) {
		rc = need_block(file, total);
		if (rc < 0)
			return rc;
	}
	return packet(file, ret_record, file->at, total, swapped, false);
}

static int next_block_native(struct format_file *file, struct record *ret_record)
{
	return next_block(file, ret_record, false);
}

static int next_block_swapped(struct format_file *file, struct record *ret_record)
{
	return next_block(file, ret_record, true);
}

/* ---- The format ---- */

static bool is_pcapng(const uint8_t *magic)
{
	return format_32(magic, false) == TYPE_SHB;
}

static int open_pcapng(struct format_file *file)
{
	int rc;

	file->name = "pcapng";
	file->header = BLOCK;
	rc = format_need(file, BLOCK);
	if (rc < 0)
		return rc;
	if (!rc)
		return format_break(file, 0, -EBADMSG, "the file ends inside its header");
	rc = begin_section(file);
	if (rc != FORMAT_AGAIN)
		return rc;
	format_jump(file, format_offset(file, file->at));
	return 0;
}

/* Reads the interfaces: everything before the first packet. */
static void learn_pcapng(struct format_file *file)
{
	struct record none;

	for (int i = 0; i < BLOCKS_BEFORE_MAX; i++) {
		uint32_t type;

		if (format_head(file) <= 0)
			return;
		type = format_32(file->at, file->section.swapped);
		if (type == TYPE_EPB || type == TYPE_OPB || type == TYPE_SPB)
			return;
		if (file->next(file, &none) != FORMAT_AGAIN)
			return;
	}
}

/*
 * Common block types. If a part begins with a rarer type, its first record is found one block
 * later.
 */
static bool is_common(uint32_t type)
{
	return (type && type <= 0xb) || type == TYPE_SHB || type == 0xbad || type == 0x40000bad;
}

static size_t plausible_block(const struct format_file *file, const uint8_t *at, size_t left,
			      const uint8_t *before)
{
	bool swapped = file->section.swapped;
	uint32_t total;

	(void)before;
	if (left < BLOCK || !is_common(format_32(at, swapped)))
		return 0;
	total = format_32(at + 4, swapped);
	if (total < BLOCK || total % 4 || total > RECORD_MAX)
		return 0;
	if (total <= left && format_32(at + total - 4, swapped) != total)
		return 0;
	if (format_32(at, swapped) == TYPE_EPB &&
	    (total < BLOCK + EPB_FIXED ||
	     (left >= 24 && format_32(at + 20, swapped) > total - BLOCK - EPB_FIXED)))
		return 0;
	return total;
}

const struct format format_pcapng = {
	.is = is_pcapng,
	.open = open_pcapng,
	.learn = learn_pcapng,
	.plausible = plausible_block,
	.align = 4,
};
