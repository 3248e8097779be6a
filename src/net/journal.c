// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The record of changes: see journal.h; what the files say: ledger.h.
 *
 * A journal of a run is /run/truesum/PID.journal. Such files are made, taken over and removed only
 * under the folder's lock, so no other process sees one without its owner's lock, or locks one that
 * was already unlinked. A file is new (O_EXCL): processes of several PID namespaces may share /run
 * and have the same number.
 *
 * A kept journal is /run/truesum/guard/INODE-INDEX, named after its place (namespace and device),
 * so it is found without a search among thousands. The kernel reuses the inode numbers of dead
 * namespaces: if the file speaks of another namespace, or of another boot, its content is out of
 * date and is emptied. Such a file is read, written and removed only under its own lock; after
 * waiting for the lock a process checks that the path still means that file.
 */
#include "net/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "base/file.h"
#include "base/term.h"
#include "net/feature.h"
#include "net/ledger.h"
#include "net/link.h"
#include "net/netns_search.h"
#include "net/nl.h"
#include "net/vxlan.h"

#define FOLDER "/run/truesum"
#define KEPT_FOLDER FOLDER "/guard"
#define SUFFIX ".journal"
#define NAMESAKES_MAX 100

struct journal {
	int fd;
	char path[64];
	off_t end; /* of its last whole line */
	bool kept; /* its changes stay when its process ends */
	struct ledger known; /* what a kept journal said when it was opened; else empty */
	bool has_changed; /* something was set since it was opened */
	int netns_fd;
	struct netns_id netns;
	int index;
	char device[24]; /* for messages */
	struct nl *nl;
};

/* ---- The folder ---- */

static bool never_waits;

void journal_set_waiting(bool waits)
{
	never_waits = !waits;
}

static int lock_file(int fd, const char *path)
{
	int rc = file_lock(fd, !never_waits);

	return rc ? fail_errno(rc, "cannot lock %s", path) : 0;
}

/* Alone in the folder until the descriptor is closed; -ENOENT if there is no such folder. */
static int lock_folder(int *ret_fd)
{
	_cleanup_close_ int fd = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0)
		return privilege_fail(-errno, "cannot read " FOLDER "");
	rc = lock_file(fd, FOLDER);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
}

static int make_journal_folder(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return privilege_fail(-errno, "cannot create %s", path);
	return 0;
}

typedef int (*journal_fn)(const char *path, int fd, void *data);

/*
 * Calls `fn` for every journal in the folder, goes on after an error and returns the first one,
 * with the file's name. Skips a journal that vanishes meanwhile.
 */
static int for_each_journal(journal_fn fn, void *data)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(FOLDER);
	const struct dirent *entry;
	char path[320], first_text[400] = "";
	int first = 0;

	if (!dir)
		return privilege_fail(-errno, "cannot read " FOLDER "");
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

/* ---- Undoing what dead processes left ---- */

struct recovery {
	journal_say_fn say;
	struct journal_tally tally;
};

/* If the journal can be locked, its process is dead. */
static int recover_file(const char *path, int fd, void *data)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int netns_fd = -1;
	struct recovery *recovery = data;
	int rc;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : fail_errno(-errno, "cannot lock it");
	if (!ledger_is_named(path, fd))
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
static int recover_all(journal_say_fn say, struct journal_tally *ret_tally)
{
	struct recovery recovery = { .say = say };
	int rc = for_each_journal(recover_file, &recovery);

	ledger_tidy(KEPT_FOLDER);
	*ret_tally = recovery.tally;
	return rc;
}

int journal_recover(journal_say_fn say, struct journal_tally *ret_tally)
{
	_cleanup_close_ int folder = -1;
	int rc = lock_folder(&folder);

	*ret_tally = (struct journal_tally){ 0 };
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return recover_all(say, ret_tally);
}

/* ---- Writing a journal ---- */

static void free_journal(struct journal *journal)
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

static void cleanup_journal(struct journal **journal)
{
	free_journal(*journal);
}

/* Removes what was appended after `end`. */
static int truncate_to(struct journal *journal, off_t end)
{
	if (ftruncate(journal->fd, end) < 0)
		return fail_errno(-errno, "cannot truncate %s", journal->path);
	journal->end = end;
	return 0;
}

/* Removes half a line, which a write left that failed, here or in another process. */
static int remove_half_line(struct journal *journal)
{
	struct stat st;

	if (fstat(journal->fd, &st) < 0)
		return fail_errno(-errno, "cannot read %s", journal->path);
	return st.st_size > journal->end ? truncate_to(journal, journal->end) : 0;
}

/* Appends a line; takes `record`. No line continues half a line: both would be lost. */
static int append_record(struct journal *journal, json_t *record)
{
	_cleanup_free_ char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	size_t len;
	int rc;

	json_decref(record);
	if (!text)
		return fail(-ENOMEM, "cannot compose a line of %s", journal->path);
	rc = remove_half_line(journal);
	if (rc)
		return rc;
	len = strlen(text);
	text[len++] = '\n'; /* in place of the terminating NUL */
	rc = file_write(journal->fd, text, len);
	if (!rc) {
		journal->end += (off_t)len;
		return 0;
	}
	fail_errno(rc, "cannot write %s", journal->path);
	return truncate_to(journal, journal->end) ? -EIO : rc;
}

/* What the other journals say of a place. */
struct survey {
	const struct netns_id *netns;
	int index;
	const char *claim, *own_path; /* may be NULL */
	pid_t claimed_by; /* 0: none */
	bool clsact; /* one of them added it, or shares it */
};

static int survey_file(const char *path, int fd, void *data)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	struct survey *survey = data;
	int rc = ledger_read(fd, &ledger);

	if (rc || (survey->own_path && !strcmp(path, survey->own_path)) ||
	    !ledger_is_of(&ledger, survey->netns, survey->index))
		return rc;
	survey->clsact |= ledger_find(&ledger, "clsact", NULL, NULL) != NULL;
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

static int append_head(struct journal *journal, const struct journal_place *place,
		       const char *claim)
{
	char boot[LEDGER_BOOT], printable[TERM_PRINTABLE_SIZE(PATH_MAX)];
	const struct netns_id *netns = &journal->netns;
	json_t *head = json_pack("{s:[I,I], s:I, s:i}", "netns", (json_int_t)netns->dev,
				 (json_int_t)netns->ino, "cookie", (json_int_t)netns->cookie,
				 "index", place->index);

	if (!ledger_this_boot(boot))
		json_object_set_new(head, "boot", json_string(boot));
	/* Names are for messages only, and may be any bytes. */
	if (place->device) {
		term_printable(printable, sizeof(printable), place->device);
		json_object_set_new(head, "device", json_string(printable));
	}
	if (place->netns) {
		term_sentence(printable, sizeof(printable), place->netns);
		json_object_set_new(head, "where", json_string(printable));
	}
	if (claim)
		json_object_set_new(head, "claim", json_string(claim));
	return append_record(journal, head);
}

/* Checks the claim and makes the file. The folder's lock must be held. */
static int start_record(struct journal *journal, const struct journal_place *place,
			const char *claim)
{
	struct survey survey = { .netns = &journal->netns, .index = place->index, .claim = claim };
	int rc = for_each_journal(survey_file, &survey);

	if (!rc && survey.claimed_by)
		rc = fail(-EBUSY,
			  "another truesum (pid %d) is working on %s: wait for it or end it",
			  (int)survey.claimed_by, place->device);
	rc = rc ? rc : create_file(journal);
	if (rc)
		return rc;
	rc = append_head(journal, place, claim);
	if (rc)
		unlink(journal->path);
	return rc;
}

/* Sets all fields but the file's. `journal` is zeroed, its descriptors are -1. */
static int open_place_of(struct journal *journal, const struct journal_place *place)
{
	int rc;

	journal->index = place->index;
	snprintf(journal->device, sizeof(journal->device), "%s",
		 place->device ? place->device : "the namespace");
	journal->netns_fd = place->netns_fd < 0 ? -1 : fcntl(place->netns_fd, F_DUPFD_CLOEXEC, 0);
	if (place->netns_fd >= 0 && journal->netns_fd < 0)
		return fail_errno(-errno, "cannot keep the network namespace open");
	rc = netns_identify(journal->netns_fd, &journal->netns);
	return rc ? rc : nl_open(journal->netns_fd, NETLINK_ROUTE, &journal->nl);
}

int journal_open(const struct journal_place *place, const char *claim, journal_say_fn say,
		 struct journal **ret_journal)
{
	_cleanup_(cleanup_journal) struct journal *journal = calloc(1, sizeof(*journal));
	_cleanup_close_ int folder = -1;
	struct journal_tally tally;
	int rc;

	if (!journal)
		return fail(-ENOMEM, "out of memory");
	journal->fd = journal->netns_fd = -1;
	rc = make_journal_folder(FOLDER);
	rc = rc ? rc : lock_folder(&folder);
	if (rc)
		return rc == -ENOENT ? fail(rc, FOLDER " was removed just now") : rc;
	rc = recover_all(say, &tally);
	if (rc)
		return fail(rc, "cannot undo what an earlier run left (%s); see " FOLDER,
			    fail_text());
	rc = open_place_of(journal, place);
	rc = rc ? rc : start_record(journal, place, claim);
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
	_cleanup_(cleanup_journal) struct journal *own = journal;
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int folder = -1;
	unsigned int changes = 0;
	int rc;

	if (!journal)
		return 0;
	/* Undo even without the lock. */
	lock_folder(&folder);
	rc = ledger_read(journal->fd, &ledger);
	rc = rc ? rc : ledger_undo(&ledger, 0, journal->netns_fd, NULL, &changes);
	if (!rc)
		unlink(own->path);
	return rc;
}

int journal_feature_get(const struct journal *journal, const char *feature, bool *ret_on)
{
	return feature_get_at(journal->netns_fd, journal->index, journal->device, feature, ret_on);
}

/* By index: its name may change meanwhile, and asking for that waits for the kernel. */
int journal_feature(struct journal *journal, const char *feature, bool on)
{
	bool former;
	int rc = journal_feature_get(journal, feature, &former);

	if (rc || former == on)
		return rc;
	if (!ledger_find(&journal->known, "feature", "feature", feature))
		rc = append_record(journal, json_pack("{s:s, s:s, s:b}", "kind", "feature",
						      "feature", feature, "former", (int)former));
	journal->has_changed = true;
	return rc ? rc
		  : feature_set_at(journal->netns_fd, journal->index, journal->device, feature, on);
}

int journal_sysctl(struct journal *journal, const char *name, const char *value)
{
	char former[SYSCTL_SIZE];
	int rc = netns_sysctl_read(journal->netns_fd, name, former);

	if (rc || !strcmp(former, value))
		return rc;
	if (!ledger_find(&journal->known, "sysctl", "sysctl", name))
		rc = append_record(journal,
				   json_pack("{s:s, s:s, s:s, s:s}", "kind", "sysctl", "sysctl",
					     name, "former", former, "value", value));
	journal->has_changed = true;
	return rc ? rc : netns_sysctl_write(journal->netns_fd, name, value);
}

static int add_clsact(struct journal *journal)
{
	off_t before = journal->end;
	int rc = 0, added;

	if (!ledger_find(&journal->known, "clsact", NULL, NULL))
		rc = append_record(journal, json_pack("{s:s}", "kind", "clsact"));
	if (rc)
		return rc;
	added = tc_clsact_add(journal->nl, journal->index);
	if (!added)
		return 0;
	/* The clsact there, if any, is not ours. */
	rc = truncate_to(journal, before);
	if (rc || added != -EEXIST)
		return rc ? rc : added;
	return fail(-EBUSY, "another program has just added a qdisc to the device: try again");
}

static void write_kept_path(char *path, size_t size, const struct netns_id *netns, int index)
{
	snprintf(path, size, KEPT_FOLDER "/%lu-%d", (unsigned long)netns->ino, index);
}

/* Whether the kept journal of a place says that the clsact there is ours. */
static bool kept_has_clsact(const struct netns_id *netns, int index)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	char path[64];

	write_kept_path(path, sizeof(path), netns, index);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && !ledger_read(fd, &ledger) && ledger_is_of(&ledger, netns, index) &&
	       ledger_find(&ledger, "clsact", NULL, NULL);
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
	if (ledger_find(&journal->known, "clsact", NULL, NULL))
		return 0;
	rc = for_each_journal(survey_file, &survey);
	if (!rc && !journal->kept)
		survey.clsact |= kept_has_clsact(&journal->netns, journal->index);
	if (rc || !survey.clsact)
		return rc;
	return append_record(journal, json_pack("{s:s}", "kind", "clsact"));
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

static bool has_kind(const json_t *record, const char *kind)
{
	const char *text = json_string_value(json_object_get(record, "kind"));

	return text && !strcmp(text, kind);
}

static bool has_bpf_record(const struct ledger *ledger, int direction, int priority,
			   const char *name)
{
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record) {
		const char *value = json_string_value(json_object_get(record, "name"));

		if (has_kind(record, "bpf") && value && !strcmp(value, name) &&
		    json_integer_value(json_object_get(record, "direction")) == direction &&
		    json_integer_value(json_object_get(record, "priority")) == priority)
			return true;
	}
	return false;
}

int journal_bpf(struct journal *journal, enum tc_direction direction, uint16_t from, int prog_fd,
		const char *name)
{
	_cleanup_close_ int folder = -1;
	uint16_t priority;
	int rc;

	if (journal_has_bpf(journal, direction, name))
		return 0;
	rc = lock_folder(&folder);
	if (rc)
		return rc == -ENOENT ? fail(rc, FOLDER " was removed meanwhile") : rc;
	rc = provide_clsact(journal, direction);
	rc = rc ? rc : tc_free_priority(journal->nl, journal->index, direction, from, &priority);
	if (!rc && !has_bpf_record(&journal->known, direction, priority, name))
		rc = append_record(journal, json_pack("{s:s, s:i, s:i, s:s}", "kind", "bpf",
						      "direction", (int)direction, "priority",
						      (int)priority, "name", name));
	journal->has_changed = true;
	return rc ? rc
		  : tc_bpf_attach(journal->nl, journal->index, direction, priority, prog_fd, name);
}

int journal_learned(struct journal *journal, const uint8_t mac[6], const char *address)
{
	char text[18];

	if (address)
		return append_record(
			journal, json_pack("{s:s, s:s}", "kind", "neighbour", "address", address));
	ether_ntoa_r((const struct ether_addr *)mac, text);
	return append_record(journal, json_pack("{s:s, s:s}", "kind", "fdb", "mac", text));
}

int journal_fdb(struct journal *journal, const uint8_t mac[6], const char *to, int by)
{
	int rc = journal_learned(journal, mac, NULL);

	return rc ? rc : vxlan_fdb_add(journal->nl, journal->index, mac, to, by);
}

int journal_neighbour(struct journal *journal, const char *address, const uint8_t mac[6])
{
	int rc = journal_learned(journal, NULL, address);

	return rc ? rc : link_neigh_add(journal->nl, journal->index, address, mac);
}

int journal_address(struct journal *journal, const char *address, const char *peer,
		    uint32_t seconds)
{
	int rc = append_record(journal, json_pack("{s:s, s:s, s:s}", "kind", "address", "address",
						  address, "peer", peer));

	return rc ? rc : link_peer_add(journal->nl, journal->index, address, peer, seconds);
}

/* ---- Kept journals ---- */

/* Opens and locks the file of that path; flags: O_CREAT or 0. */
static int open_locked(const char *path, int flags, int *ret_fd)
{
	for (;;) {
		_cleanup_close_ int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
		int rc;

		if (fd < 0)
			return fail_errno(-errno, "cannot open %s", path);
		rc = lock_file(fd, path);
		if (rc)
			return rc;
		if (ledger_is_named(path, fd)) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
	}
}

/* Reads what the file holds; empties one of another namespace or boot. */
static int take_known(struct journal *journal, const struct journal_place *place)
{
	int rc = ledger_read(journal->fd, &journal->known);

	rc = rc ? rc : ledger_check(&journal->known);
	if (rc)
		return fail(rc, "%s: %s", journal->path, fail_text());
	journal->end = (off_t)journal->known.end;
	if (ledger_is_of(&journal->known, &journal->netns, place->index))
		return 0;
	ledger_free(&journal->known);
	journal->known = LEDGER_INIT;
	rc = truncate_to(journal, 0);
	return rc ? rc : append_head(journal, place, NULL);
}

int journal_kept_ready(void)
{
	int rc = make_journal_folder(FOLDER);

	rc = rc ? rc : make_journal_folder(KEPT_FOLDER);
	if (!rc && faccessat(AT_FDCWD, KEPT_FOLDER, W_OK, AT_EACCESS) < 0)
		return privilege_fail(-errno, "cannot write in " KEPT_FOLDER "");
	return rc;
}

int journal_open_kept(const struct journal_place *place, struct journal **ret_journal)
{
	_cleanup_(cleanup_journal) struct journal *journal = calloc(1, sizeof(*journal));
	int rc;

	if (!journal)
		return fail(-ENOMEM, "out of memory");
	journal->fd = journal->netns_fd = -1;
	journal->kept = true;
	rc = open_place_of(journal, place);
	rc = rc ? rc : journal_kept_ready();
	if (rc)
		return rc;
	write_kept_path(journal->path, sizeof(journal->path), &journal->netns, place->index);
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
	int rc = make_journal_folder(FOLDER);

	rc = rc ? rc : make_journal_folder(KEPT_FOLDER);
	if (rc)
		return rc;
	fd = open(KEPT_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(-errno, "cannot open " KEPT_FOLDER);
	rc = lock_file(fd, KEPT_FOLDER);
	if (!rc)
		*ret_fd = TAKE_FD(fd);
	return rc;
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
	free_journal(journal);
}

/* The length of the file up to the end of its first `changes` changes. */
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
	rc = rc ? rc : truncate_to(journal, end);
	if (rc)
		return rc;
	ledger_free(&journal->known);
	journal->known = LEDGER_INIT;
	return ledger_read(journal->fd, &journal->known);
}

/*
 * Replaces the file by a new one with these changes. file_replace() does not fit: the new file must
 * be locked before its name leads to it, and stay open; else another process could take it over in
 * between.
 */
static int rewrite_kept(struct journal *journal, const struct ledger *ledger)
{
	_cleanup_close_ int fd = -1;
	char fresh[sizeof(journal->path) + 8];
	const json_t *record;
	size_t i;
	int rc;

	/* If it stays behind, the dot keeps others from reading it as a journal. */
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

int journal_kept_undo_but(struct journal *journal, bool (*keep)(const json_t *record, void *data),
			  void *data)
{
	_cleanup_(ledger_free) struct ledger stay = LEDGER_INIT, go = LEDGER_INIT;
	_cleanup_close_ int folder = -1;
	bool needs_clsact = false;
	unsigned int changes = 0;
	json_t *record;
	size_t i;
	int rc = lock_folder(&folder);

	if (rc == -EAGAIN)
		return rc;
	rc = ledger_read(journal->fd, &stay);
	go.head = json_incref(stay.head);
	go.changes = json_array();
	go.netns = stay.netns;
	go.index = stay.index;
	json_array_foreach(stay.changes, i, record)
		needs_clsact |= has_kind(record, "bpf") && keep(record, data);
	for (i = 0; !rc && i < json_array_size(stay.changes);) {
		record = json_array_get(stay.changes, i);
		if (has_kind(record, "clsact") ? needs_clsact : keep(record, data)) {
			i++;
			continue;
		}
		json_array_append(go.changes, record);
		json_array_remove(stay.changes, i);
	}
	rc = rc ? rc : ledger_undo(&go, 0, journal->netns_fd, NULL, &changes);
	return rc ? rc : rewrite_kept(journal, &stay);
}

static int read_kept(const char *name, journal_kept_fn fn, void *data)
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
		return errno == ENOENT ? 0 : privilege_fail(-errno, "cannot read " KEPT_FOLDER "");
	while ((entry = readdir(dir))) {
		int rc = *entry->d_name == '.' ? 0 : read_kept(entry->d_name, fn, data);

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

	write_kept_path(path, sizeof(path), &ledger->netns, ledger->index);
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

	write_kept_path(path, sizeof(path), netns, index);
	rc = open_locked(path, 0, &fd);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	rc = ledger_read(fd, &now);
	if (!rc && ledger_is_of(&now, netns, index))
		unlink(path);
	return rc;
}
