// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The record of changes: see journal.h.
 *
 * A record is {"netns":[dev,ino],"device":name,"index":n,"kind":...} with what the kind needs. The
 * device must still have both name and index, or it is another one.
 */
#include "net/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/netns.h"

#define FOLDER "/run/truesum"
#define SUFFIX ".journal"
#define LINE_MAX_BYTES 1024

struct journal {
	int fd;
	char path[64];
};

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Where a change happens: the device, found again. */
struct place {
	int netns_fd;
	struct nl *nl;
	int index;
};

static void leave_place(struct place *place)
{
	nl_close(place->nl);
	if (place->netns_fd >= 0)
		close(place->netns_fd);
}

static int find_place(const json_t *record, struct place *place)
{
	json_int_t dev, ino;
	const char *device;
	int index, rc;
	struct link_info link;

	if (json_unpack((json_t *)record, "{s:[I,I], s:s, s:i}", "netns", &dev, &ino, "device",
			&device, "index", &index))
		return fail(-EBADMSG, "a record lacks its device");
	rc = netns_find((dev_t)dev, (ino_t)ino, &place->netns_fd);
	rc = rc ? rc : nl_open(place->netns_fd, NETLINK_ROUTE, &place->nl);
	rc = rc ? rc : link_get(place->nl, device, &link);
	if (rc)
		return rc;
	if (link.index != index)
		return fail(-ENODEV, "device %s is another one now", device);
	place->index = index;
	return 0;
}

static int undo_feature(const struct place *place, const json_t *record)
{
	const char *device, *feature;
	int former;

	if (json_unpack((json_t *)record, "{s:s, s:s, s:b}", "device", &device, "feature", &feature,
			"former", &former))
		return fail(-EBADMSG, "a feature record is incomplete");
	return feature_set(place->netns_fd, device, feature, former);
}

static int undo_clsact(const struct place *place, const json_t *record)
{
	unsigned int filters;
	int rc = tc_filter_count(place->nl, place->index, &filters);

	(void)record;
	if (rc || filters)
		return rc;
	rc = tc_clsact_delete(place->nl, place->index);
	return rc == -EINVAL || rc == -ENOENT ? 0 : rc;
}

static int undo_bpf(const struct place *place, const json_t *record)
{
	char present[64];
	const char *name;
	int direction, priority, rc;

	if (json_unpack((json_t *)record, "{s:i, s:i, s:s}", "direction", &direction, "priority",
			&priority, "name", &name))
		return fail(-EBADMSG, "a BPF record is incomplete");
	rc = tc_bpf_name(place->nl, place->index, (enum tc_direction)direction, (uint16_t)priority,
			 present, sizeof(present));
	/* Not attached yet when we ended, or somebody else's by now. */
	if (rc == -ENOENT || (!rc && strcmp(present, name)))
		return 0;
	if (rc)
		return rc;
	return tc_filter_delete(place->nl, place->index, (enum tc_direction)direction,
				(uint16_t)priority);
}

static const struct {
	const char *kind;
	int (*undo)(const struct place *place, const json_t *record);
	const char *words;
} kinds[] = {
	{ "feature", undo_feature, "offload feature restored" },
	{ "clsact", undo_clsact, "clsact qdisc removed" },
	{ "bpf", undo_bpf, "BPF filter removed" },
};

/* Undoes one record. What is gone needs no undoing. */
static int undo(const json_t *record, void (*say)(const char *sentence))
{
	_cleanup_(leave_place) struct place place = { .netns_fd = -1 };
	const char *kind = json_string_value(json_object_get(record, "kind"));
	int rc = find_place(record, &place);
	char sentence[160];

	if (rc == -ENOENT || rc == -ENODEV)
		return 0;
	for (size_t i = 0; !rc && kind && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, kind))
			continue;
		rc = kinds[i].undo(&place, record);
		if (!rc && say) {
			snprintf(sentence, sizeof(sentence), "%s: %s",
				 json_string_value(json_object_get(record, "device")),
				 kinds[i].words);
			say(sentence);
		}
	}
	return rc;
}

/* Undoes the journal's lines, latest first. A line cut off by SIGKILL was not acted upon: passed over. */
static int undo_all(int fd, void (*say)(const char *sentence), unsigned int *ret_changes)
{
	_cleanup_(cleanup_json) json_t *records = json_array();
	_cleanup_fclose_ FILE *file = NULL;
	char line[LINE_MAX_BYTES];
	int first_error = 0, copy = dup(fd);

	file = copy < 0 ? NULL : fdopen(copy, "r");
	if (!file || !records)
		return fail(-ENOMEM, "cannot read a journal");
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		json_t *record = json_loads(line, 0, NULL);

		if (record)
			json_array_append_new(records, record);
	}
	for (size_t i = json_array_size(records); i-- > 0;) {
		int rc = undo(json_array_get(records, i), say);

		if (rc && !first_error)
			first_error = rc;
		*ret_changes += !rc;
	}
	return first_error;
}

/* A journal whose lock can be had belongs to nobody alive. */
static int recover_one(const char *path, void (*say)(const char *sentence),
		       unsigned int *ret_changes)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	int rc;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	rc = undo_all(fd, say, ret_changes);
	if (!rc)
		unlink(path);
	return rc;
}

int journal_recover(void (*say)(const char *sentence), unsigned int *ret_changes)
{
	_cleanup_(cleanup_dir) DIR *dir = opendir(FOLDER);
	const struct dirent *entry;
	unsigned int changes = 0;
	int first_error = 0;
	char path[320];

	if (!dir && errno != ENOENT)
		return fail_errno(-errno, "cannot read " FOLDER " (run as root)");
	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		int rc;

		if (len <= strlen(SUFFIX) || strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX))
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		rc = recover_one(path, say, &changes);
		if (rc && !first_error)
			first_error = rc;
	}
	if (ret_changes)
		*ret_changes = changes;
	return first_error;
}

int journal_open(struct journal **ret_journal)
{
	struct journal *journal;
	int rc = journal_recover(NULL, NULL);

	if (rc)
		return fail(rc, "cannot undo what an earlier run left (%s); see " FOLDER,
			    fail_text());
	if (mkdir(FOLDER, 0700) < 0 && errno != EEXIST)
		return fail_errno(-errno, "cannot make " FOLDER);
	journal = calloc(1, sizeof(*journal));
	if (!journal)
		return -ENOMEM;
	snprintf(journal->path, sizeof(journal->path), FOLDER "/%d" SUFFIX, (int)getpid());
	journal->fd = open(journal->path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd < 0 || flock(journal->fd, LOCK_EX | LOCK_NB) < 0) {
		rc = fail_errno(-errno, "cannot open %s", journal->path);
		if (journal->fd >= 0)
			close(journal->fd);
		free(journal);
		return rc;
	}
	*ret_journal = journal;
	return 0;
}

int journal_close(struct journal *journal)
{
	unsigned int changes = 0;
	int rc;

	if (!journal)
		return 0;
	rc = undo_all(journal->fd, NULL, &changes);
	if (!rc)
		unlink(journal->path);
	close(journal->fd);
	free(journal);
	return rc;
}

void journal_cleanup(struct journal **journal)
{
	journal_close(*journal);
}

/* Writes {place, ...details}; takes `details`. Gives the device's index and an nl socket to act with. */
static int record(const struct journal *journal, int netns_fd, const char *device, json_t *details,
		  const struct link_info *link)
{
	_cleanup_(cleanup_json) json_t *line = details;
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int own = -1;
	struct stat st;
	size_t len;

	if (netns_fd < 0) {
		own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		netns_fd = own;
	}
	if (netns_fd < 0 || fstat(netns_fd, &st) < 0)
		return fail_errno(-errno, "cannot identify the network namespace");
	if (!line ||
	    json_object_set_new(line, "netns",
				json_pack("[I,I]", (json_int_t)st.st_dev, (json_int_t)st.st_ino)) ||
	    json_object_set_new(line, "device", json_string(device)) ||
	    json_object_set_new(line, "index", json_integer(link->index)))
		return -ENOMEM;
	text = json_dumps(line, JSON_COMPACT);
	len = text ? strlen(text) : 0;
	if (!text || len + 2 > LINE_MAX_BYTES)
		return fail(-ENOMEM, "a journal record is too long");
	text[len] = '\n'; /* in place of the terminating NUL */
	if (write(journal->fd, text, len + 1) != (ssize_t)len + 1)
		return fail_errno(-errno, "cannot write %s", journal->path);
	return 0;
}

static int open_device(int netns_fd, const char *device, struct nl **ret_nl,
		       struct link_info *ret_link)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(netns_fd, NETLINK_ROUTE, &nl);

	rc = rc ? rc : link_get(nl, device, ret_link);
	if (!rc)
		*ret_nl = TAKE_PTR(nl);
	return rc;
}

int journal_feature(struct journal *journal, int netns_fd, const char *device, const char *feature,
		    bool on)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct link_info link;
	bool former;
	int rc = open_device(netns_fd, device, &nl, &link);

	rc = rc ? rc : feature_get(netns_fd, device, feature, &former);
	if (rc || former == on)
		return rc;
	rc = record(journal, netns_fd, device,
		    json_pack("{s:s, s:s, s:b}", "kind", "feature", "feature", feature, "former",
			      (int)former),
		    &link);
	return rc ? rc : feature_set(netns_fd, device, feature, on);
}

int journal_clsact(struct journal *journal, int netns_fd, const char *device)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct link_info link;
	int rc = open_device(netns_fd, device, &nl, &link);

	if (rc)
		return rc;
	if (tc_has_clsact(nl, link.index))
		return 0;
	rc = record(journal, netns_fd, device, json_pack("{s:s}", "kind", "clsact"), &link);
	rc = rc ? rc : tc_clsact_add(nl, link.index);
	return rc == -EEXIST ? 0 : rc;
}

int journal_bpf(struct journal *journal, int netns_fd, const char *device,
		enum tc_direction direction, uint16_t from, int prog_fd, const char *name)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct link_info link;
	uint16_t priority;
	int rc = open_device(netns_fd, device, &nl, &link);

	rc = rc ? rc : tc_free_priority(nl, link.index, direction, from, &priority);
	rc = rc ? rc
		: record(journal, netns_fd, device,
			 json_pack("{s:s, s:i, s:i, s:s}", "kind", "bpf", "direction",
				   (int)direction, "priority", (int)priority, "name", name),
			 &link);
	return rc ? rc : tc_bpf_attach(nl, link.index, direction, priority, prog_fd, name);
}
