// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writing pcapng (draft-ietf-opsawg-pcapng), little-endian, times in nanoseconds. The file gets its
 * name when it is complete: until then it is an unnamed one in the same folder or, if the file
 * system has no such thing, one with a name of its own.
 */
#include "pcap/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"

enum { TYPE_IDB = 1, TYPE_EPB = 6, OPTION_COMMENT = 1, OPTION_TSRESOL = 9, NANOSECONDS = 9 };

struct described {
	uint32_t link, interface;
};

struct writer {
	FILE *file;
	char *path;
	char *temporary; /* NULL: the file has no name yet */
	struct described *described; /* in the order of their numbers in the file */
	uint32_t count;
};

/* The numbers of a block, little-endian. */
struct block {
	uint8_t bytes[64];
	size_t len;
};

static void add16(struct block *block, uint16_t value)
{
	block->bytes[block->len++] = (uint8_t)value;
	block->bytes[block->len++] = (uint8_t)(value >> 8);
}

static void add32(struct block *block, uint32_t value)
{
	add16(block, (uint16_t)value);
	add16(block, (uint16_t)(value >> 16));
}

static size_t pad(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void put_padded(struct writer *writer, const void *bytes, size_t len)
{
	static const uint8_t zeros[3];

	fwrite(bytes, 1, len, writer->file);
	fwrite(zeros, 1, pad(len) - len, writer->file);
}

static void put_block(struct writer *writer, const struct block *block)
{
	put_padded(writer, block->bytes, block->len);
}

static int check(const struct writer *writer)
{
	return ferror(writer->file)
		       ? fail_errno(errno ? -errno : -EIO, "cannot write %s", writer->path)
		       : 0;
}

static void put_section(struct writer *writer)
{
	struct block block = { 0 };

	add32(&block, 0x0a0d0d0a);
	add32(&block, 28);
	add32(&block, 0x1a2b3c4d);
	add16(&block, 1);
	add16(&block, 0);
	add32(&block, UINT32_MAX); /* the section's length: not known */
	add32(&block, UINT32_MAX);
	add32(&block, 28);
	put_block(writer, &block);
}

static void put_interface(struct writer *writer, uint32_t link)
{
	struct block block = { 0 };

	add32(&block, TYPE_IDB);
	add32(&block, 32);
	add16(&block, (uint16_t)link);
	add16(&block, 0);
	add32(&block, 0); /* snaplen: no limit */
	add16(&block, OPTION_TSRESOL);
	add16(&block, 1);
	add32(&block, NANOSECONDS);
	add32(&block, 0); /* end of options */
	add32(&block, 32);
	put_block(writer, &block);
}

/* The number of the interface in this file, described there now if it was not before. */
static int interface_of(struct writer *writer, const struct record *record, uint32_t *ret_number)
{
	struct described *grown;

	for (uint32_t i = writer->count; i-- > 0;) {
		if (writer->described[i].link != record->link ||
		    writer->described[i].interface != record->interface)
			continue;
		*ret_number = i;
		return 0;
	}
	grown = realloc(writer->described, (writer->count + 1U) * sizeof(*grown));
	if (!grown)
		return fail(-ENOMEM, "no memory");
	grown[writer->count] = (struct described){ record->link, record->interface };
	writer->described = grown;
	put_interface(writer, record->link);
	*ret_number = writer->count++;
	return 0;
}

/* How many bytes of a comment fit an option without cutting a UTF-8 character. */
static size_t comment_len(const char *comment)
{
	size_t len = comment ? strlen(comment) : 0;

	if (len <= UINT16_MAX)
		return len;
	len = UINT16_MAX;
	while (len && ((uint8_t)comment[len] & 0xc0) == 0x80)
		len--;
	return len;
}

int writer_add(struct writer *writer, const struct record *record, const char *comment)
{
	uint64_t ns = record->time_ns > 0 ? (uint64_t)record->time_ns : 0;
	size_t said = comment_len(comment), total = 32 + pad(record->captured);
	struct block head = { 0 }, option = { 0 }, tail = { 0 };
	uint32_t number = 0;
	int rc;

	if (record->captured > RECORD_MAX)
		return fail(-EMSGSIZE, "a packet of %u bytes is too long to write",
			    record->captured);
	rc = interface_of(writer, record, &number);
	if (rc)
		return rc;
	if (said)
		total += 4 + pad(said) + 4;
	add32(&head, TYPE_EPB);
	add32(&head, (uint32_t)total);
	add32(&head, number);
	add32(&head, (uint32_t)(ns >> 32));
	add32(&head, (uint32_t)ns);
	add32(&head, record->captured);
	add32(&head, record->len);
	put_block(writer, &head);
	put_padded(writer, record->data, record->captured);
	if (said) {
		add16(&option, OPTION_COMMENT);
		add16(&option, (uint16_t)said);
		put_block(writer, &option);
		put_padded(writer, comment, said);
		add32(&tail, 0);
	}
	add32(&tail, (uint32_t)total);
	put_block(writer, &tail);
	return check(writer);
}

static void writer_free(struct writer *writer)
{
	if (!writer)
		return;
	if (writer->file)
		fclose(writer->file);
	if (writer->temporary)
		unlink(writer->temporary);
	free(writer->temporary);
	free(writer->path);
	free(writer->described);
	free(writer);
}

void writer_cleanup(struct writer **writer)
{
	writer_free(*writer);
	*writer = NULL;
}

/* The folder a path lies in. */
static int folder_of(const char *path, char **ret_folder)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (!slash)
		folder = strdup(".");
	else if (slash == path)
		folder = strdup("/");
	else
		folder = strndup(path, (size_t)(slash - path));
	if (!folder)
		return -ENOMEM;
	*ret_folder = folder;
	return 0;
}

static int open_named(struct writer *writer)
{
	char *name;
	int fd;

	if (asprintf(&name, "%s.tsum-%d", writer->path, (int)getpid()) < 0)
		return -ENOMEM;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		fd = -errno;
		free(name);
	} else {
		writer->temporary = name;
	}
	return fd;
}

static int open_file(struct writer *writer)
{
	_cleanup_free_ char *folder = NULL;
	int fd = folder_of(writer->path, &folder);

	if (fd < 0)
		return fd;
	fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0 && errno != EOPNOTSUPP && errno != EISDIR)
		return -errno;
	return fd < 0 ? open_named(writer) : fd;
}

int writer_new(const char *path, struct writer **ret_writer)
{
	_cleanup_(writer_cleanup) struct writer *writer = calloc(1, sizeof(*writer));
	int fd;

	if (writer)
		writer->path = strdup(path);
	if (!writer || !writer->path)
		return fail(-ENOMEM, "no memory");
	if (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW))
		return fail(-EEXIST, "%s exists already: choose another name, or remove it", path);
	fd = open_file(writer);
	if (fd < 0)
		return fail_errno(fd, "cannot create %s", path);
	writer->file = fdopen(fd, "w");
	if (!writer->file) {
		close(fd);
		return fail(-ENOMEM, "no memory");
	}
	put_section(writer);
	*ret_writer = TAKE_PTR(writer);
	return 0;
}

/* linkat() needs no privilege by way of /proc; neither way replaces a file. */
static int give_name(const struct writer *writer)
{
	char self[40];
	int rc;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fileno(writer->file));
	if (!writer->temporary)
		rc = linkat(AT_FDCWD, self, AT_FDCWD, writer->path, AT_SYMLINK_FOLLOW);
	else
		rc = renameat2(AT_FDCWD, writer->temporary, AT_FDCWD, writer->path,
			       RENAME_NOREPLACE);
	if (!rc)
		return 0;
	if (errno == EEXIST)
		return fail(
			-EEXIST,
			"%s exists now, another program created it: choose another name, or remove it",
			writer->path);
	return fail_errno(-errno, "cannot give %s its name", writer->path);
}

int writer_close(struct writer **writer)
{
	_cleanup_(writer_cleanup) struct writer *closing = TAKE_PTR(*writer);
	int rc = fflush(closing->file) ? -errno : 0;

	if (rc || ferror(closing->file))
		return fail_errno(rc ? rc : -EIO, "cannot write %s", closing->path);
	rc = give_name(closing);
	if (rc)
		return rc;
	free(TAKE_PTR(closing->temporary));
	return 0;
}
