// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a journal's file says: see ledger.h. A kind of change is a row: how it is undone, and the words for
 * it. What is gone, or was never made, needs no undoing and is no change.
 */
#include "net/ledger.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/tc.h"

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

	ledger->head = head;
	if (json_unpack(head, "{s:[I,I], s:I, s:i, s?s, s?s, s?s}", "netns", &dev, &ino, "cookie",
			&cookie, "index", &ledger->index, "device", &ledger->device, "where",
			&ledger->where, "claim", &ledger->claim))
		return -EBADMSG;
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
	return ledger->head && ledger->bad_line != 1;
}

bool ledger_is_of(const struct ledger *ledger, const struct netns_id *netns, int index)
{
	return ledger_is_placed(ledger) && ledger->index == index &&
	       netns_same(&ledger->netns, netns);
}

static const char *kind_of(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));

	return kind ? kind : "";
}

bool ledger_has(const struct ledger *ledger, const char *kind)
{
	size_t i;
	const json_t *record;

	json_array_foreach(ledger->changes, i, record)
		if (!strcmp(kind_of(record), kind))
			return true;
	return false;
}

/* Where a change was made: the device, found again. */
struct place {
	int netns_fd;
	struct nl *nl;
	struct link_info link;
};

static int undo_feature(const struct place *place, const json_t *record, bool *ret_changed)
{
	const char *feature;
	int former, rc;
	bool now;

	if (json_unpack((json_t *)record, "{s:s, s:b}", "feature", &feature, "former", &former))
		return fail(-EBADMSG, "a feature record is incomplete");
	rc = feature_get(place->netns_fd, place->link.name, feature, &now);
	if (rc || now == (bool)former)
		return rc;
	rc = feature_set(place->netns_fd, place->link.name, feature, former);
	*ret_changed = !rc;
	return rc;
}

static int undo_clsact(const struct place *place, const json_t *record, bool *ret_changed)
{
	enum tc_hooks hooks;
	unsigned int filters;
	int rc = tc_get_hooks(place->nl, place->link.index, &hooks);

	(void)record;
	/* An ingress qdisc in its place is somebody else's. */
	if (rc || hooks != TC_HOOKS_BOTH)
		return rc;
	rc = tc_filter_count(place->nl, place->link.index, &filters);
	if (rc || filters)
		return rc;
	rc = tc_clsact_delete(place->nl, place->link.index);
	*ret_changed = !rc;
	return rc;
}

static int undo_bpf(const struct place *place, const json_t *record, bool *ret_changed)
{
	char present[64];
	const char *name;
	int direction, priority, rc;

	if (json_unpack((json_t *)record, "{s:i, s:i, s:s}", "direction", &direction, "priority",
			&priority, "name", &name))
		return fail(-EBADMSG, "a BPF record is incomplete");
	rc = tc_bpf_name(place->nl, place->link.index, (enum tc_direction)direction,
			 (uint16_t)priority, present, sizeof(present));
	/* Not attached yet when we ended, or somebody else's by now. */
	if (rc == -ENOENT || (!rc && strcmp(present, name)))
		return 0;
	if (!rc)
		rc = tc_filter_delete(place->nl, place->link.index, (enum tc_direction)direction,
				      (uint16_t)priority);
	*ret_changed = !rc;
	return rc;
}

static const struct {
	const char *kind;
	int (*undo)(const struct place *place, const json_t *record, bool *ret_changed);
	const char *undone;
	const char *remains, *detail; /* `detail`: the record's key that says which */
} kinds[] = {
	{ "feature", undo_feature, "offload feature restored", "changed offload feature",
	  "feature" },
	{ "clsact", undo_clsact, "clsact qdisc removed", "a qdisc:", "kind" },
	{ "bpf", undo_bpf, "BPF filter removed", "BPF filter", "name" },
};

static int undo(const struct place *place, const json_t *record, journal_say_fn say,
		unsigned int *changes)
{
	const char *kind = kind_of(record);
	bool changed = false;
	char sentence[160];
	size_t i = 0;
	int rc;

	while (i < ARRAY_SIZE(kinds) && strcmp(kinds[i].kind, kind))
		i++;
	if (i == ARRAY_SIZE(kinds))
		return fail(-EBADMSG, "a record is of an unknown kind ('%.40s')", kind);
	rc = kinds[i].undo(place, record, &changed);
	if (!changed)
		return rc;
	++*changes;
	if (say) {
		snprintf(sentence, sizeof(sentence), "%s: %s", place->link.name, kinds[i].undone);
		say(JOURNAL_UNDONE, sentence);
	}
	return rc;
}

struct first_failure {
	int rc;
	char text[400];
};

static void note(struct first_failure *first, int rc)
{
	if (!rc || first->rc)
		return;
	first->rc = rc;
	snprintf(first->text, sizeof(first->text), "%s", fail_text());
}

static void leave_place(struct place *place)
{
	nl_close(place->nl);
}

int ledger_undo(const struct ledger *ledger, int netns_fd, journal_say_fn say,
		unsigned int *changes)
{
	_cleanup_(leave_place) struct place place = { .netns_fd = netns_fd };
	struct first_failure first = { 0 };
	int rc;

	if (!ledger_is_placed(ledger))
		return 0;
	rc = nl_open(netns_fd, NETLINK_ROUTE, &place.nl);
	rc = rc ? rc : link_get_by_index(place.nl, ledger->index, &place.link);
	/* With the device all that was changed on it is gone. */
	if (rc != -ENODEV)
		note(&first, rc);
	for (size_t i = rc ? 0 : json_array_size(ledger->changes); i-- > 0;)
		note(&first, undo(&place, json_array_get(ledger->changes, i), say, changes));
	return first.rc ? fail(first.rc, "%s", first.text) : 0;
}

void ledger_say_lost(const struct ledger *ledger, journal_say_fn say)
{
	char sentence[480];
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

			if (strcmp(kinds[k].kind, kind_of(record)))
				continue;
			len = strlen(sentence);
			snprintf(sentence + len, sizeof(sentence) - len, "%s %s %s", i ? "," : "",
				 kinds[k].remains, detail ? detail : "");
		}
	}
	say(JOURNAL_LOST, sentence);
}
