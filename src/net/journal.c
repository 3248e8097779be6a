// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The record of changes: see journal.h; what the files say: ledger.h.
 *
 * Files are made, taken over and removed only by who holds the folder's lock, so that none is ever seen
 * without its owner's lock, or locked after it was unlinked. A file is new (O_EXCL): processes of several
 * PID namespaces may share /run and have the same number.
 */
#include "net/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature.h"
#include "net/journal_part.h"
#include "net/link.h"
#include "net/netns_search.h"
#include "net/vxlan.h"

#define FOLDER JOURNAL_FOLDER
#define SUFFIX ".journal"
#define NAMESAKES_MAX 100

int journal_lock_folder(int *ret_fd)
{
	_cleanup_close_ int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return fail_errno(-errno, "cannot read " FOLDER " (run as root)");
	if (flock(fd, LOCK_EX) < 0)
		return fail_errno(-errno, "cannot lock " FOLDER);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

typedef int (*journal_fn)(const char *path, int fd, void *data);

/*
 * Calls `fn` for every journal, goes on after an error and returns the first, with the file's name. A
 * journal that vanishes meanwhile is none.
 */
static int for_each_journal(journal_fn fn, void *data)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(FOLDER);
	const struct dirent *entry;
	char path[320], first_text[400] = "";
	int first = 0;

	if (!dir)
		return fail_errno(-errno, "cannot read " FOLDER " (run as root)");
	while ((entry = readdir(dir))) {
		_cleanup_close_ int fd = -1;
		size_t len = strlen(entry->d_name);
		int rc;

		if (len <= strlen(SUFFIX) || strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX))
			continue;
		snprintf(path, sizeof(path), FOLDER "/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		rc = fd < 0 ? fail_errno(-errno, "cannot open it") : fn(path, fd, data);
		if (!rc || first)
			continue;
		first = rc;
		snprintf(first_text, sizeof(first_text), "%s: %s", path, fail_text());
	}
	return first ? fail(first, "%s", first_text) : 0;
}

struct recovery {
	journal_say_fn say;
	struct journal_tally tally;
};

bool journal_still_named(const char *path, int fd)
{
	struct stat named, locked;

	return !stat(path, &named) && !fstat(fd, &locked) && named.st_dev == locked.st_dev &&
	       named.st_ino == locked.st_ino;
}

/* A journal whose lock can be had belongs to nobody alive. */
static int recover_one(const char *path, int fd, void *data)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int netns_fd = -1;
	struct recovery *recovery = data;
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : fail_errno(-errno, "cannot lock it");
	if (!journal_still_named(path, fd))
		return 0;
	rc = ledger_read(fd, &ledger);
	if (rc)
		return rc;
	rc = ledger_is_placed(&ledger) ? netns_search_find(&ledger.netns, &netns_fd) : 0;
	if (rc == -ENOENT) {
		if (json_array_size(ledger.changes)) {
			ledger_say_lost(&ledger, recovery->say);
			recovery->tally.lost++;
		}
		rc = 0;
	} else if (!rc) {
		rc = ledger_undo(&ledger, 0, netns_fd, recovery->say, &recovery->tally.undone);
	}
	rc = rc ? rc : ledger_check(&ledger);
	if (!rc)
		unlink(path);
	return rc;
}

/* The folder's lock must be held. */
static int recover(journal_say_fn say, struct journal_tally *ret_tally)
{
	struct recovery recovery = { .say = say };
	int rc = for_each_journal(recover_one, &recovery);

	*ret_tally = recovery.tally;
	return rc;
}

int journal_recover(journal_say_fn say, struct journal_tally *ret_tally)
{
	_cleanup_close_ int folder = -1;
	int rc = journal_lock_folder(&folder);

	*ret_tally = (struct journal_tally){ 0 };
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return recover(say, ret_tally);
}

void journal_free(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->netns_fd >= 0)
		close(journal->netns_fd);
	ledger_free(&journal->known);
	nl_close(journal->nl);
	free(journal);
}

int journal_truncate(struct journal *journal, off_t end)
{
	if (ftruncate(journal->fd, end) < 0)
		return fail_errno(-errno, "cannot shorten %s", journal->path);
	journal->end = end;
	return 0;
}

/* Appends a line; takes `record`. Half a line must not stay: the next one would be glued to it. */
static int append(struct journal *journal, json_t *record)
{
	_cleanup_free_ char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	size_t len;
	ssize_t written;
	int rc;

	json_decref(record);
	if (!text)
		return fail(-ENOMEM, "cannot compose a line of %s", journal->path);
	len = strlen(text);
	text[len++] = '\n'; /* in place of the terminating NUL */
	written = write(journal->fd, text, len);
	if (written == (ssize_t)len) {
		journal->end += written;
		return 0;
	}
	rc = fail_errno(written < 0 ? -errno : -ENOSPC, "cannot write %s", journal->path);
	return journal_truncate(journal, journal->end) ? -EIO : rc;
}

/* What the other journals say of a place. */
struct survey {
	const struct netns_id *netns;
	int index;
	const char *claim, *own_path; /* may be NULL */
	pid_t claimed_by; /* 0: nobody */
	bool clsact; /* one of them added it, or shares it */
};

static int survey_one(const char *path, int fd, void *data)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	struct survey *survey = data;
	int rc = ledger_read(fd, &ledger);

	if (rc || (survey->own_path && !strcmp(path, survey->own_path)) ||
	    !ledger_is_of(&ledger, survey->netns, survey->index))
		return rc;
	survey->clsact |= ledger_has(&ledger, "clsact");
	if (survey->claim && ledger.claim && !strcmp(survey->claim, ledger.claim))
		survey->claimed_by = (pid_t)strtol(path + strlen(FOLDER "/"), NULL, 10);
	return 0;
}

static int create_file(struct journal *journal)
{
	snprintf(journal->path, sizeof(journal->path), FOLDER "/%d" SUFFIX, (int)getpid());
	for (int i = 2; i <= NAMESAKES_MAX; i++) {
		journal->fd =
			open(journal->path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (journal->fd >= 0 || errno != EEXIST)
			break;
		snprintf(journal->path, sizeof(journal->path), FOLDER "/%d-%d" SUFFIX,
			 (int)getpid(), i);
	}
	if (journal->fd < 0 || flock(journal->fd, LOCK_EX | LOCK_NB) < 0)
		return fail_errno(-errno, "cannot create %s", journal->path);
	return 0;
}

int journal_append_head(struct journal *journal, const struct journal_place *place,
			const char *claim)
{
	char boot[LEDGER_BOOT];
	const struct netns_id *netns = &journal->netns;
	json_t *head = json_pack("{s:[I,I], s:I, s:i}", "netns", (json_int_t)netns->dev,
				 (json_int_t)netns->ino, "cookie", (json_int_t)netns->cookie,
				 "index", place->index);

	if (!ledger_this_boot(boot))
		json_object_set_new(head, "boot", json_string(boot));
	/* Names are for sentences only; one that is not UTF-8 is left out. */
	if (place->device)
		json_object_set_new(head, "device", json_string(place->device));
	if (place->netns)
		json_object_set_new(head, "where", json_string(place->netns));
	if (claim)
		json_object_set_new(head, "claim", json_string(claim));
	return append(journal, head);
}

/* The folder's lock must be held. */
static int start(struct journal *journal, const struct journal_place *place, const char *claim)
{
	struct survey survey = { .netns = &journal->netns, .index = place->index, .claim = claim };
	int rc = for_each_journal(survey_one, &survey);

	if (!rc && survey.claimed_by)
		rc = fail(-EBUSY,
			  "another truesum (pid %d) is working on %s: wait for it or end it",
			  (int)survey.claimed_by, place->device);
	rc = rc ? rc : create_file(journal);
	if (rc)
		return rc;
	rc = journal_append_head(journal, place, claim);
	if (rc)
		unlink(journal->path);
	return rc;
}

int journal_make_folder(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail_errno(-errno, "cannot make %s (run as root)", path);
	return 0;
}

int journal_at(struct journal *journal, const struct journal_place *place)
{
	int rc;

	journal->index = place->index;
	journal->netns_fd = place->netns_fd < 0 ? -1 : fcntl(place->netns_fd, F_DUPFD_CLOEXEC, 0);
	if (place->netns_fd >= 0 && journal->netns_fd < 0)
		return fail_errno(-errno, "cannot keep the network namespace open");
	rc = netns_identify(journal->netns_fd, &journal->netns);
	return rc ? rc : nl_open(journal->netns_fd, NETLINK_ROUTE, &journal->nl);
}

int journal_open(const struct journal_place *place, const char *claim, journal_say_fn say,
		 struct journal **ret_journal)
{
	_cleanup_(journal_cleanup) struct journal *journal = calloc(1, sizeof(*journal));
	_cleanup_close_ int folder = -1;
	struct journal_tally tally;
	int rc;

	if (!journal)
		return fail(-ENOMEM, "out of memory");
	journal->fd = journal->netns_fd = -1;
	rc = journal_make_folder(FOLDER);
	rc = rc ? rc : journal_lock_folder(&folder);
	if (rc)
		return rc == -ENOENT ? fail(rc, FOLDER " was removed just now") : rc;
	rc = recover(say, &tally);
	if (rc)
		return fail(rc, "cannot undo what an earlier run left (%s); see " FOLDER,
			    fail_text());
	rc = journal_at(journal, place);
	rc = rc ? rc : start(journal, place, claim);
	if (!rc)
		*ret_journal = TAKE_PTR(journal);
	return rc;
}

int journal_netns(const struct journal *journal)
{
	return journal->netns_fd;
}

int journal_close(struct journal *journal)
{
	_cleanup_(journal_cleanup) struct journal *own = journal;
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int folder = -1;
	unsigned int changes = 0;
	int rc;

	if (!journal)
		return 0;
	/* Without the lock it is undone all the same: better than not at all. */
	journal_lock_folder(&folder);
	rc = ledger_read(journal->fd, &ledger);
	rc = rc ? rc : ledger_undo(&ledger, 0, journal->netns_fd, NULL, &changes);
	if (!rc)
		unlink(own->path);
	return rc;
}

int journal_feature_get(const struct journal *journal, const char *feature, bool *ret_on)
{
	struct link_info link;
	int rc = link_get_by_index(journal->nl, journal->index, &link);

	return rc ? rc : feature_get(journal->netns_fd, link.name, feature, ret_on);
}

int journal_feature(struct journal *journal, const char *feature, bool on)
{
	struct link_info link;
	bool former;
	int rc = journal_feature_get(journal, feature, &former);

	if (rc || former == on)
		return rc;
	rc = link_get_by_index(journal->nl, journal->index, &link);
	if (!rc && !ledger_find(&journal->known, "feature", "feature", feature))
		rc = append(journal, json_pack("{s:s, s:s, s:b}", "kind", "feature", "feature",
					       feature, "former", (int)former));
	journal->has_changed = true;
	return rc ? rc : feature_set(journal->netns_fd, link.name, feature, on);
}

int journal_sysctl(struct journal *journal, const char *name, const char *value)
{
	char former[SYSCTL_SIZE];
	int rc = netns_sysctl_read(journal->netns_fd, name, former);

	if (rc || !strcmp(former, value))
		return rc;
	if (!ledger_find(&journal->known, "sysctl", "sysctl", name))
		rc = append(journal, json_pack("{s:s, s:s, s:s, s:s}", "kind", "sysctl", "sysctl",
					       name, "former", former, "value", value));
	journal->has_changed = true;
	return rc ? rc : netns_sysctl_write(journal->netns_fd, name, value);
}

static int add_clsact(struct journal *journal)
{
	off_t before = journal->end;
	int rc = 0, added;

	if (!ledger_has(&journal->known, "clsact"))
		rc = append(journal, json_pack("{s:s}", "kind", "clsact"));
	if (rc)
		return rc;
	added = tc_clsact_add(journal->nl, journal->index);
	if (!added)
		return 0;
	/* Somebody else's it is, if any. */
	rc = journal_truncate(journal, before);
	if (rc || added != -EEXIST)
		return rc ? rc : added;
	return fail(-EBUSY, "somebody added a qdisc to the device just now: try again");
}

/* The folder's lock must be held. */
static int provide_clsact(struct journal *journal, enum tc_direction direction)
{
	struct survey survey = { .netns = &journal->netns,
				 .index = journal->index,
				 .own_path = journal->path };
	enum tc_hooks hooks;
	int rc = tc_get_hooks(journal->nl, journal->index, &hooks);

	if (rc)
		return rc;
	if (hooks == TC_HOOKS_NONE)
		return add_clsact(journal);
	if (hooks == TC_HOOKS_INGRESS)
		return direction == TC_INGRESS
			       ? 0
			       : fail(-EOPNOTSUPP, "the device has an ingress qdisc, which has no "
						   "egress hook");
	if (ledger_has(&journal->known, "clsact"))
		return 0;
	rc = for_each_journal(survey_one, &survey);
	if (!rc && !journal->kept)
		survey.clsact |= journal_kept_has_clsact(&journal->netns, journal->index);
	if (rc || !survey.clsact)
		return rc;
	return append(journal, json_pack("{s:s}", "kind", "clsact"));
}

bool journal_has_bpf(const struct journal *journal, enum tc_direction direction, const char *name)
{
	const json_t *record = ledger_find(&journal->known, "bpf", "name", name);
	uint16_t priority = (uint16_t)json_integer_value(json_object_get(record, "priority"));
	char present[64];

	return record && json_integer_value(json_object_get(record, "direction")) == direction &&
	       !tc_bpf_name(journal->nl, journal->index, direction, priority, present,
			    sizeof(present)) &&
	       !strcmp(present, name);
}

int journal_bpf(struct journal *journal, enum tc_direction direction, uint16_t from, int prog_fd,
		const char *name)
{
	_cleanup_close_ int folder = -1;
	uint16_t priority;
	int rc;

	if (journal_has_bpf(journal, direction, name))
		return 0;
	rc = journal_lock_folder(&folder);
	if (rc)
		return rc == -ENOENT ? fail(rc, FOLDER " was removed meanwhile") : rc;
	rc = provide_clsact(journal, direction);
	rc = rc ? rc : tc_free_priority(journal->nl, journal->index, direction, from, &priority);
	if (!rc && !ledger_find_bpf(&journal->known, direction, priority, name))
		rc = append(journal,
			    json_pack("{s:s, s:i, s:i, s:s}", "kind", "bpf", "direction",
				      (int)direction, "priority", (int)priority, "name", name));
	journal->has_changed = true;
	return rc ? rc
		  : tc_bpf_attach(journal->nl, journal->index, direction, priority, prog_fd, name);
}

int journal_fdb(struct journal *journal, const uint8_t mac[6], const char *to, int by)
{
	char text[18];
	int rc;

	ether_ntoa_r((const struct ether_addr *)mac, text);
	rc = append(journal, json_pack("{s:s, s:s}", "kind", "fdb", "mac", text));
	return rc ? rc : vxlan_fdb_add(journal->nl, journal->index, mac, to, by);
}

int journal_neighbour(struct journal *journal, const char *address, const uint8_t mac[6])
{
	int rc = append(journal, json_pack("{s:s, s:s}", "kind", "neighbour", "address", address));

	return rc ? rc : link_neigh_add(journal->nl, journal->index, address, mac);
}
