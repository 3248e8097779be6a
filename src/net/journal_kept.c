// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Journals that outlive their process: see journal.h. The file's name is the place's (namespace and index), so that
 * it is found without a search among thousands. Numbers of dead namespaces are given out again: what the file
 * says of another namespace, or of another boot, is past, and makes room.
 *
 * A file is read and written by who holds its lock. It is removed under that lock only, so who waited for
 * it looks whether the name still means the file that was opened.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/journal_part.h"

#define KEPT_FOLDER JOURNAL_FOLDER "/guard"

static void write_path(char *path, size_t size, const struct netns_id *netns, int index)
{
	snprintf(path, size, KEPT_FOLDER "/%lu-%d", (unsigned long)netns->ino, index);
}

/* Opens and locks the file of that path; flags: O_CREAT or 0. */
static int open_locked(const char *path, int flags, int *ret_fd)
{
	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);

		if (fd < 0)
			return fail_errno(-errno, "cannot open %s", path);
		while (flock(fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return fail_errno(-errno, "cannot lock %s", path);
		if (journal_still_named(path, fd)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
	}
}

/* What the file holds; one of another namespace or boot is emptied. */
static int take_known(struct journal *journal, const struct journal_place *place)
{
	int rc = ledger_read(journal->fd, &journal->known);

	rc = rc ? rc : ledger_check(&journal->known);
	if (rc)
		return fail(rc, "%s: %s", journal->path, fail_text());
	journal->end = lseek(journal->fd, 0, SEEK_END);
	if (ledger_is_of(&journal->known, &journal->netns, place->index))
		return 0;
	ledger_free(&journal->known);
	journal->known = LEDGER_INIT;
	rc = journal_truncate(journal, 0);
	return rc ? rc : journal_append_head(journal, place, NULL);
}

int journal_kept_ready(void)
{
	int rc = journal_make_folder(JOURNAL_FOLDER);

	rc = rc ? rc : journal_make_folder(KEPT_FOLDER);
	if (!rc && access(KEPT_FOLDER, W_OK) < 0)
		return fail_errno(-errno, "cannot write in " KEPT_FOLDER " (run as root)");
	return rc;
}

int journal_open_kept(const struct journal_place *place, struct journal **ret_journal)
{
	_cleanup_(journal_cleanup) struct journal *journal = calloc(1, sizeof(*journal));
	int rc;

	if (!journal)
		return fail(-ENOMEM, "out of memory");
	journal->fd = journal->netns_fd = -1;
	journal->kept = true;
	rc = journal_at(journal, place);
	rc = rc ? rc : journal_kept_ready();
	if (rc)
		return rc;
	write_path(journal->path, sizeof(journal->path), &journal->netns, place->index);
	rc = open_locked(journal->path, O_CREAT, &journal->fd);
	rc = rc ? rc : take_known(journal, place);
	if (!rc)
		*ret_journal = TAKE_PTR(journal);
	return rc;
}

int journal_kept_ledger(const struct journal *journal, struct ledger *ret_ledger)
{
	return ledger_read(journal->fd, ret_ledger);
}

int journal_kept_lock(int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	int rc = journal_make_folder(JOURNAL_FOLDER);

	rc = rc ? rc : journal_make_folder(KEPT_FOLDER);
	if (rc)
		return rc;
	fd = open(KEPT_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open " KEPT_FOLDER);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return fail_errno(-errno, "cannot lock " KEPT_FOLDER);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int journal_kept_count(const struct journal *journal, size_t *ret_count)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	int rc = ledger_read(journal->fd, &ledger);

	if (!rc)
		*ret_count = json_array_size(ledger.changes);
	return rc;
}

bool journal_has_changed(const struct journal *journal)
{
	return journal->has_changed;
}

void journal_keep(struct journal *journal)
{
	size_t count;

	if (!journal)
		return;
	if (!journal_kept_count(journal, &count) && !count)
		unlink(journal->path);
	journal_free(journal);
}

/* Where the file ends behind its head and so many changes. */
static int find_end(const struct journal *journal, size_t changes, off_t *ret_end)
{
	_cleanup_free_ char *text = malloc((size_t)journal->end + 1);
	ssize_t len = text ? pread(journal->fd, text, (size_t)journal->end, 0) : -1;
	const char *line = text, *end;

	if (len < 0)
		return fail(-EIO, "cannot read %s", journal->path);
	for (size_t i = 0; i <= changes; i++) {
		end = memchr(line, '\n', (size_t)(text + len - line));
		if (!end)
			return fail(-EBADMSG, "%s is shorter than it was", journal->path);
		line = end + 1;
	}
	*ret_end = line - text;
	return 0;
}

int journal_kept_undo_to(struct journal *journal, size_t count)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	unsigned int changes = 0;
	off_t end = 0;
	int rc = ledger_read(journal->fd, &ledger);

	rc = rc ? rc : ledger_undo(&ledger, count, journal->netns_fd, NULL, &changes);
	rc = rc ? rc : find_end(journal, count, &end);
	rc = rc ? rc : journal_truncate(journal, end);
	if (rc)
		return rc;
	ledger_free(&journal->known);
	journal->known = LEDGER_INIT;
	return ledger_read(journal->fd, &journal->known);
}

/* Puts a new file with these changes in the place of the old one. */
static int rewrite(struct journal *journal, const struct ledger *ledger)
{
	_cleanup_close_ int fd = -1;
	char fresh[sizeof(journal->path) + 8];
	const json_t *record;
	size_t i;
	int rc;

	/* A dot in front: nobody takes it for a journal if it stays. */
	snprintf(fresh, sizeof(fresh), KEPT_FOLDER "/.%s", journal->path + sizeof(KEPT_FOLDER));
	fd = open(fresh, O_RDWR | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return fail_errno(-errno, "cannot write %s", fresh);
	rc = json_dumpfd(ledger->head, fd, JSON_COMPACT) || write(fd, "\n", 1) != 1;
	json_array_foreach(ledger->changes, i, record)
		rc = rc || json_dumpfd(record, fd, JSON_COMPACT) || write(fd, "\n", 1) != 1;
	if (rc || rename(fresh, journal->path) < 0) {
		unlink(fresh);
		return fail(-EIO, "cannot write %s", journal->path);
	}
	close(journal->fd);
	journal->fd = TAKE_FD(fd);
	journal->end = lseek(journal->fd, 0, SEEK_END);
	ledger_free(&journal->known);
	journal->known = LEDGER_INIT;
	return ledger_read(journal->fd, &journal->known);
}

static bool is_kind(const json_t *record, const char *kind)
{
	const char *text = json_string_value(json_object_get(record, "kind"));

	return text && !strcmp(text, kind);
}

int journal_kept_undo_but(struct journal *journal, bool (*keep)(const json_t *record, void *data),
			  void *data)
{
	_cleanup_(ledger_free) struct ledger stay = LEDGER_INIT, go = LEDGER_INIT;
	_cleanup_close_ int folder = -1;
	bool needs_clsact = false;
	unsigned int changes = 0;
	json_t *record;
	size_t i;
	int rc = ledger_read(journal->fd, &stay);

	journal_lock_folder(&folder);
	go.head = json_incref(stay.head);
	go.changes = json_array();
	go.netns = stay.netns;
	go.index = stay.index;
	json_array_foreach(stay.changes, i, record)
		needs_clsact |= is_kind(record, "bpf") && keep(record, data);
	for (i = 0; !rc && i < json_array_size(stay.changes);) {
		record = json_array_get(stay.changes, i);
		if (is_kind(record, "clsact") ? needs_clsact : keep(record, data)) {
			i++;
			continue;
		}
		json_array_append(go.changes, record);
		json_array_remove(stay.changes, i);
	}
	rc = rc ? rc : ledger_undo(&go, 0, journal->netns_fd, NULL, &changes);
	return rc ? rc : rewrite(journal, &stay);
}

bool journal_kept_has_clsact(const struct netns_id *netns, int index)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	char path[64];

	write_path(path, sizeof(path), netns, index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !ledger_read(fd, &ledger) && ledger_is_of(&ledger, netns, index) &&
	       ledger_has(&ledger, "clsact");
}

static int read_one(const char *name, journal_kept_fn fn, void *data)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	char path[320];
	int rc;

	snprintf(path, sizeof(path), KEPT_FOLDER "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(-errno, "cannot open %s", path);
	rc = ledger_read(fd, &ledger);
	rc = rc ? rc : ledger_check(&ledger);
	if (rc)
		return fail(rc, "%s: %s", path, fail_text());
	return ledger.head ? fn(&ledger, data) : 0;
}

int journal_kept_each(journal_kept_fn fn, void *data)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(KEPT_FOLDER);
	const struct dirent *entry;
	char first_text[400];
	int first = 0;

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : fail_errno(-errno, "cannot read " KEPT_FOLDER " (run as root)");
	while ((entry = readdir(dir))) {
		int rc = *entry->d_name == '.' ? 0 : read_one(entry->d_name, fn, data);

		if (!rc || first)
			continue;
		first = rc;
		snprintf(first_text, sizeof(first_text), "%s", fail_text());
	}
	return first ? fail(first, "%s", first_text) : 0;
}

int journal_kept_drop(const struct ledger *ledger)
{
	_cleanup_(ledger_free) struct ledger now = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	char path[64];
	int rc;

	write_path(path, sizeof(path), &ledger->netns, ledger->index);
	rc = open_locked(path, 0, &fd);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = ledger_read(fd, &now);
	if (!rc && json_equal(now.head, ledger->head))
		unlink(path);
	return rc;
}

int journal_kept_forget(const struct netns_id *netns, int index)
{
	_cleanup_(ledger_free) struct ledger now = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	char path[64];
	int rc;

	write_path(path, sizeof(path), netns, index);
	rc = open_locked(path, 0, &fd);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = ledger_read(fd, &now);
	if (!rc && ledger_is_of(&now, netns, index))
		unlink(path);
	return rc;
}
