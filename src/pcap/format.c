// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What capture file formats have in common: the window, how a file breaks off, sections. See
 * format.h.
 */
#include "pcap/format.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOW (4U << 20) /* a window is no longer, except for one record */

struct format_number format_number(uint64_t number)
{
	struct format_number ret = { "" };
	char digits[21];
	int count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	char *to = ret.text;

	for (int i = 0; i < count; i++) {
		*to++ = digits[i];
		if (i < count - 1 && (count - 1 - i) % 3 == 0)
			*to++ = ',';
	}
	*to = '\0';
	return ret;
}

/* Says the same from then on. */
static int next_broken(struct format_file *file, struct record *ret_record)
{
	(void)ret_record;
	return file->broken;
}

int format_break(struct format_file *file, uint64_t offset, int rc, const char *why, ...)
{
	const char *gone = capture_mapped(file->capture) ? capture_error(file->capture) : NULL;
	va_list args;

	va_start(args, why);
	vsnprintf(file->why, sizeof(file->why), why, args);
	va_end(args);
	if (gone) {
		snprintf(file->why, sizeof(file->why), "%s", gone);
		rc = -EIO;
	}
	file->broken = rc;
	file->broken_at = offset;
	file->next = next_broken;
	return rc;
}

/* Sets `soft` after the last place of this part whose header lies in the window. */
static void set_soft(struct format_file *file, uint64_t at)
{
	size_t len = (size_t)(file->end - file->at);
	uint64_t heads = len < file->header ? 0 : len - file->header + 1;

	if (at >= file->to)
		heads = 0;
	else if (heads > file->to - at)
		heads = file->to - at;
	file->soft = file->at + heads;
}

int format_need(struct format_file *file, size_t want)
{
	uint64_t at = format_offset(file, file->at);
	size_t most = want > WINDOW ? want : WINDOW;
	const uint8_t *data;
	size_t len;
	int rc;

	if ((size_t)(file->end - file->at) >= want)
		return 1;
	rc = capture_bytes(file->capture, at, want, &data, &len);
	if (rc) {
		const char *why = capture_error(file->capture);

		return format_break(file, at, rc, "%s",
				    why ? why : "the capture was read from here on already");
	}
	if (len > most)
		len = most;
	file->at = data;
	file->end = data + len;
	file->delta = at - (uintptr_t)data;
	set_soft(file, at);
	return len >= want;
}

int format_head(struct format_file *file)
{
	uint64_t at = format_offset(file, file->at);
	int rc;

	if (at >= file->to)
		return 0;
	rc = format_need(file, file->header);
	if (rc || file->at == file->end)
		return rc;
	return format_break(file, at, -EBADMSG, "the file ends inside a record's header");
}

void format_jump(struct format_file *file, uint64_t offset)
{
	file->at = file->end = file->soft = NULL;
	file->delta = offset;
}

int format_section_copy(const struct format_section *from, struct format_section *ret_to)
{
	struct format_section copy = *from;

	copy.interfaces = NULL;
	copy.room = copy.count;
	if (copy.count) {
		copy.interfaces = malloc(copy.count * sizeof(*copy.interfaces));
		if (!copy.interfaces)
			return -ENOMEM;
		memcpy(copy.interfaces, from->interfaces, copy.count * sizeof(*copy.interfaces));
	}
	*ret_to = copy;
	return 0;
}

void format_section_clear(struct format_section *section)
{
	free(section->interfaces);
	*section = (struct format_section){ 0 };
}

bool format_section_same(const struct format_section *a, const struct format_section *b)
{
	return a->count == b->count && a->before == b->before && a->swapped == b->swapped &&
	       (!a->count ||
		!memcmp(a->interfaces, b->interfaces, a->count * sizeof(*a->interfaces)));
}
