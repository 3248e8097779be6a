// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a journal's file says: see ledger.h. Each kind of change is a row of one table: how to undo
 * it, how to tell whether it is in force, and the words for it. A change that is gone or was never
 * made needs no undoing and is not counted.
 */
#include "net/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/nl.h"
#include "net/route.h"
#include "net/tc.h"
#include "net/vxlan.h"

#define FILE_MAX_BYTES (1 << 20)

void ledger_free(struct ledger *ledger)
{
	json_decref(ledger->head);
	json_decref(ledger->changes);
}

/* Takes `head`. */
static int take_head(struct ledger *ledger, json_t *head)
{
	json_int_t dev, ino, cookie;
	const char *boot = NULL;
	char now[LEDGER_BOOT];

	ledger->head = head;
	if (json_unpack(head, "{s:[I,I], s:I, s:i, s?s, s?s, s?s, s?s}", "netns", &dev, &ino,
			"cookie", &cookie, "index", &ledger->index, "device", &ledger->device,
			"where", &ledger->where, "claim", &ledger->claim, "boot", &boot))
		return -EBADMSG;
	ledger->is_past = boot && !ledger_this_boot(now) && strcmp(boot, now) != 0;
	ledger->netns = (struct netns_id){ .dev = (dev_t)dev,
					   .ino = (ino_t)ino,
					   .cookie = (uint64_t)cookie };
	return 0;
}

static int take_line(struct ledger *ledger, const char *line, size_t len)
{
	json_t *record = json_loadb(line, len, 0, NULL);

	if (!record)
		return -EBADMSG;
	if (!ledger->head)
		return take_head(ledger, record);
	return json_array_append_new(ledger->changes, record);
}

int ledger_read(int fd, struct ledger *ret_ledger)
{
	_cleanup_(ledger_free) struct ledger ledger = { .device = "a device" };
	_cleanup_free_ char *text = NULL;
	const char *line, *end;
	unsigned int number = 0;
	struct stat st;
	ssize_t len;

	if (fstat(fd, &st) < 0)
		return fail_errno(-errno, "cannot read it");
	if (st.st_size > FILE_MAX_BYTES)
		return fail(-EBADMSG, "it is too large to be a record");
	text = malloc((size_t)st.st_size + 1);
	ledger.changes = json_array();
	if (!text || !ledger.changes)
		return fail(-ENOMEM, "out of memory");
	len = pread(fd, text, (size_t)st.st_size, 0);
	if (len < 0)
		return fail_errno(-errno, "cannot read it");
	for (line = text; (end = memchr(line, '\n', (size_t)(text + len - line))); line = end + 1) {
		number++;
		if (take_line(&ledger, line, (size_t)(end - line)) && !ledger.bad_line)
			ledger.bad_line = number;
	}
	ledger.end = (size_t)(line - text);
	*ret_ledger = TAKE(ledger, LEDGER_INIT);
	return 0;
}

int ledger_check(const struct ledger *ledger)
{
	if (!ledger->bad_line)
		return 0;
	return fail(-EBADMSG, "line %u is not a record", ledger->bad_line);
}

bool ledger_is_placed(const struct ledger *ledger)
{
	return ledger->head && ledger->bad_line != 1 && !ledger->is_past;
}

bool ledger_is_of(const struct ledger *ledger, const struct netns_id *netns, int index)
{
	return ledger_is_placed(ledger) && ledger->index == index &&
	       netns_same(&ledger->netns, netns);
}

static const char *record_kind(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));

	return kind ? kind : "";
}

const json_t *ledger_find(const struct ledger *ledger, const char *kind, const char *key,
			  const char *text)
{
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record) {
		const char *value = key ? json_string_value(json_object_get(record, key)) : NULL;

		if (!strcmp(record_kind(record), kind) && (!key || (value && !strcmp(value, text))))
			return record;
	}
	return NULL;
}

int ledger_this_boot(char ret_id[LEDGER_BOOT])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(ret_id, LEDGER_BOOT, file))
		return -ENOENT;
	return 0;
}

/* Where a change was made: the device, found again. */
struct place {
	int netns_fd;
	struct nl *nl;
	struct link_info link;
};

static int holds_feature(const struct place *place, const json_t *record, bool *ret_holds)
{
	const char *feature;
	int former, rc;
	bool now;

	if (json_unpack((json_t *)record, "{s:s, s:b}", "feature", &feature, "former", &former))
		return fail(-EBADMSG, "a feature record is incomplete");
	rc = feature_get(place->netns_fd, place->link.name, feature, &now);
	if (!rc)
		*ret_holds = now != (bool)former;
	return rc;
}

static int undo_feature(const struct place *place, const json_t *record, bool *ret_changed)
{
	bool holds = false;
	int rc = holds_feature(place, record, &holds);
	const char *feature;
	int former;

	if (rc || !holds)
		return rc;
	json_unpack((json_t *)record, "{s:s, s:b}", "feature", &feature, "former", &former);
	rc = feature_set(place->netns_fd, place->link.name, feature, former);
	*ret_changed = !rc;
	return rc;
}

static int holds_sysctl(const struct place *place, const json_t *record, bool *ret_holds)
{
	const char *sysctl, *former, *value;
	char now[SYSCTL_SIZE];
	int rc;

	if (json_unpack((json_t *)record, "{s:s, s:s, s:s}", "sysctl", &sysctl, "former", &former,
			"value", &value))
		return fail(-EBADMSG, "a sysctl record is incomplete");
	rc = netns_sysctl_read(place->netns_fd, sysctl, now);
	if (!rc)
		*ret_holds = !strcmp(now, value);
	return rc;
}

/* If somebody set it to another value meanwhile, that value stays. */
static int undo_sysctl(const struct place *place, const json_t *record, bool *ret_changed)
{
	const char *sysctl, *former;
	bool holds = false;
	int rc = holds_sysctl(place, record, &holds);

	if (rc || !holds)
		return rc == -ENOENT ? 0 : rc;
	json_unpack((json_t *)record, "{s:s, s:s}", "sysctl", &sysctl, "former", &former);
	rc = netns_sysctl_write(place->netns_fd, sysctl, former);
	*ret_changed = !rc;
	return rc;
}

static int undo_clsact(const struct place *place, const json_t *record, bool *ret_changed)
{
	enum tc_hooks hooks;
	unsigned int filters;
	int rc = tc_get_hooks(place->nl, place->link.index, &hooks);

	(void)record;
	/* An ingress qdisc in its place is not ours. */
	if (rc || hooks != TC_HOOKS_BOTH)
		return rc;
	rc = tc_filter_count(place->nl, place->link.index, &filters);
	if (rc || filters)
		return rc;
	rc = tc_clsact_delete(place->nl, place->link.index);
	*ret_changed = !rc;
	return rc;
}

static int holds_clsact(const struct place *place, const json_t *record, bool *ret_holds)
{
	enum tc_hooks hooks;
	int rc = tc_get_hooks(place->nl, place->link.index, &hooks);

	(void)record;
	if (!rc)
		*ret_holds = hooks == TC_HOOKS_BOTH;
	return rc;
}

/* False if it is not attached yet, or if the filter there has another name now. */
static int holds_bpf(const struct place *place, const json_t *record, bool *ret_holds)
{
	char present[64];
	const char *name;
	int direction, priority, rc;

	if (json_unpack((json_t *)record, "{s:i, s:i, s:s}", "direction", &direction, "priority",
			&priority, "name", &name))
		return fail(-EBADMSG, "a BPF record is incomplete");
	rc = tc_bpf_name(place->nl, place->link.index, (enum tc_direction)direction,
			 (uint16_t)priority, present, sizeof(present));
	if (!rc || rc == -ENOENT)
		*ret_holds = !rc && !strcmp(present, name);
	return rc == -ENOENT ? 0 : rc;
}

static int undo_bpf(const struct place *place, const json_t *record, bool *ret_changed)
{
	int direction, priority, rc;
	bool holds = false;

	rc = holds_bpf(place, record, &holds);
	if (rc || !holds)
		return rc;
	json_unpack((json_t *)record, "{s:i, s:i}", "direction", &direction, "priority", &priority);
	rc = tc_filter_delete(place->nl, place->link.index, (enum tc_direction)direction,
			      (uint16_t)priority);
	*ret_changed = !rc;
	return rc;
}

/* The following kinds are a run's own and never kept: they are undone without a check. */
static int holds_for_a_run(const struct place *place, const json_t *record, bool *ret_holds)
{
	(void)place;
	(void)record;
	*ret_holds = true;
	return 0;
}

static int undo_fdb(const struct place *place, const json_t *record, bool *ret_changed)
{
	struct ether_addr mac;
	const char *text;
	int rc;

	if (json_unpack((json_t *)record, "{s:s}", "mac", &text) || !ether_aton_r(text, &mac))
		return fail(-EBADMSG, "a record of a forwarding entry is incomplete");
	rc = vxlan_fdb_delete(place->nl, place->link.index, mac.ether_addr_octet);
	*ret_changed = !rc;
	return rc == -ENOENT ? 0 : rc;
}

static int undo_neighbour(const struct place *place, const json_t *record, bool *ret_changed)
{
	const char *address;
	int rc;

	if (json_unpack((json_t *)record, "{s:s}", "address", &address))
		return fail(-EBADMSG, "a record of a neighbour is incomplete");
	rc = link_neigh_delete(place->nl, place->link.index, address);
	*ret_changed = !rc;
	return rc == -ENOENT ? 0 : rc;
}

/* IPv6 keeps the route of an address with a lifetime until that ends. */
static int undo_address(const struct place *place, const json_t *record, bool *ret_changed)
{
	const char *address, *peer;
	int rc;

	if (json_unpack((json_t *)record, "{s:s, s:s}", "address", &address, "peer", &peer))
		return fail(-EBADMSG, "a record of an address is incomplete");
	rc = link_peer_delete(place->nl, place->link.index, address, peer);
	route_delete(place->nl, address, strchr(address, ':') ? 128 : 32, place->link.index);
	*ret_changed = !rc;
	return rc == -EADDRNOTAVAIL ? 0 : rc;
}

static const struct {
	const char *kind;
	int (*undo)(const struct place *place, const json_t *record, bool *ret_changed);
	int (*holds)(const struct place *place, const json_t *record, bool *ret_holds);
	const char *undone;
	const char *remains, *detail; /* detail: key of the record that names the changed thing */
} kinds[] = {
	{ "feature", undo_feature, holds_feature, "offload feature restored",
	  "changed offload feature", "feature" },
	{ "sysctl", undo_sysctl, holds_sysctl, "sysctl restored", "changed sysctl", "sysctl" },
	{ "clsact", undo_clsact, holds_clsact, "clsact qdisc removed", "a qdisc:", "kind" },
	{ "bpf", undo_bpf, holds_bpf, "BPF filter removed", "BPF filter", "name" },
	{ "fdb", undo_fdb, holds_for_a_run, "forwarding entry removed", "forwarding entry", "mac" },
	{ "neighbour", undo_neighbour, holds_for_a_run, "neighbour removed", "neighbour",
	  "address" },
	{ "address", undo_address, holds_for_a_run, "address removed", "address", "address" },
};

static int find_kind(const json_t *record, size_t *ret_number)
{
	const char *kind = record_kind(record);
	size_t i = 0;

	while (i < ARRAY_SIZE(kinds) && strcmp(kinds[i].kind, kind))
		i++;
	if (i == ARRAY_SIZE(kinds))
		return fail(-EBADMSG, "a record is of an unknown kind ('%.40s')", kind);
	*ret_number = i;
	return 0;
}

static int undo_record(const struct place *place, const json_t *record, journal_say_fn say,
		       unsigned int *changes)
{
	bool changed = false;
	char sentence[160], name[TERM_PRINTABLE_SIZE(sizeof(place->link.name))];
	size_t i;
	int rc = find_kind(record, &i);

	rc = rc ? rc : kinds[i].undo(place, record, &changed);
	if (!changed)
		return rc;
	++*changes;
	if (say) {
		term_printable(name, sizeof(name), place->link.name);
		snprintf(sentence, sizeof(sentence), "%s: %s", name, kinds[i].undone);
		say(JOURNAL_UNDONE, sentence);
	}
	return rc;
}

struct first_failure {
	int rc;
	char text[400];
};

static void note_failure(struct first_failure *first, int rc)
{
	if (!rc || first->rc)
		return;
	first->rc = rc;
	snprintf(first->text, sizeof(first->text), "%s", fail_text());
}

static void place_close(struct place *place)
{
	nl_close(place->nl);
}

/* Index 0 means the namespace itself. */
static int place_open(const struct ledger *ledger, int netns_fd, struct place *place)
{
	int rc = nl_open(netns_fd, NETLINK_ROUTE, &place->nl);

	snprintf(place->link.name, sizeof(place->link.name), "host");
	return rc || !ledger->index ? rc
				    : link_get_by_index(place->nl, ledger->index, &place->link);
}

int ledger_undo(const struct ledger *ledger, size_t keep, int netns_fd, journal_say_fn say,
		unsigned int *changes)
{
	_cleanup_(place_close) struct place place = { .netns_fd = netns_fd };
	struct first_failure first = { 0 };
	int rc;

	if (!ledger_is_placed(ledger))
		return 0;
	rc = place_open(ledger, netns_fd, &place);
	/* If the device is gone, its changes are gone, too. */
	if (rc != -ENODEV)
		note_failure(&first, rc);
	for (size_t i = rc ? 0 : json_array_size(ledger->changes); i-- > keep;)
		note_failure(&first,
			     undo_record(&place, json_array_get(ledger->changes, i), say, changes));
	return first.rc ? fail(first.rc, "%s", first.text) : 0;
}

int ledger_holds(const struct ledger *ledger, size_t change, int netns_fd, bool *ret_holds)
{
	_cleanup_(place_close) struct place place = { .netns_fd = netns_fd };
	const json_t *record = json_array_get(ledger->changes, change);
	size_t kind;
	int rc = find_kind(record, &kind);

	rc = rc ? rc : place_open(ledger, netns_fd, &place);
	return rc ? rc : kinds[kind].holds(&place, record, ret_holds);
}

void ledger_say_lost(const struct ledger *ledger, journal_say_fn say)
{
	char sentence[640], printable[TERM_PRINTABLE_SIZE(sizeof(sentence))];
	size_t i, len;
	const json_t *record;

	snprintf(sentence, sizeof(sentence),
		 "%s in %s %s: nothing leads there any more (no process, mount or descriptor); if "
		 "that namespace lives on, there remain",
		 ledger->device, ledger->where ? "network namespace" : "the network namespace of",
		 ledger->where ? ledger->where : "a killed run");
	json_array_foreach(ledger->changes, i, record) {
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			const char *detail =
				json_string_value(json_object_get(record, kinds[k].detail));

			if (strcmp(kinds[k].kind, record_kind(record)))
				continue;
			len = strlen(sentence);
			snprintf(sentence + len, sizeof(sentence) - len, "%s %s %s", i ? "," : "",
				 kinds[k].remains, detail ? detail : "");
		}
	}
	/* An earlier version wrote names as they were. */
	term_sentence(printable, sizeof(printable), sentence);
	say(JOURNAL_LOST, printable);
}

/* ---- Files of kept journals ---- */

bool ledger_is_named(const char *path, int fd)
{
	struct stat named, locked;

	return !stat(path, &named) && !fstat(fd, &locked) && named.st_dev == locked.st_dev &&
	       named.st_ino == locked.st_ino;
}

static void tidy(const char *folder, const char *name)
{
	_cleanup_(ledger_free) struct ledger ledger = LEDGER_INIT;
	_cleanup_close_ int fd = -1;
	bool is_new = *name == '.';
	char path[320], new_path[320];

	snprintf(path, sizeof(path), "%s/%s", folder, name + is_new);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 ? errno != ENOENT : flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (is_new) {
		snprintf(new_path, sizeof(new_path), "%s/%s", folder, name);
		unlink(new_path);
	} else if (fd >= 0 && ledger_is_named(path, fd) && !ledger_read(fd, &ledger) &&
		   !ledger.bad_line && !json_array_size(ledger.changes)) {
		unlink(path);
	}
}

void ledger_tidy(const char *folder)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			tidy(folder, entry->d_name);
}
