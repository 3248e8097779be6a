/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a journal's file (net/journal.h) says, and undoing it.
 *
 * The first line says where, the others what was changed there, each a JSON object:
 *     {"netns":[dev,ino],"cookie":n,"index":n,"boot":id,"device":name,"where":namespace,
 *      "claim":name}
 *     {"kind":"feature","feature":name,"former":bool}
 *     {"kind":"sysctl","sysctl":name,"former":text,"value":text}
 *     {"kind":"clsact"}
 *     {"kind":"bpf","direction":n,"priority":n,"name":name}
 *     {"kind":"fdb","mac":address}
 *     {"kind":"neighbour","address":address}
 *     {"kind":"address","address":address,"peer":address}
 * A device is known by its index, which stays the same as long as its namespace lives; "device" and
 * "where" are the user's names, for messages only. Index 0: the namespace itself.
 */
#ifndef TRUESUM_NET_LEDGER_H
#define TRUESUM_NET_LEDGER_H

#include <jansson.h>
#include <stdbool.h>

#include "net/journal.h"
#include "net/netns.h"

struct ledger {
	json_t *head; /* owns the names below; NULL: nothing was recorded */
	json_t *changes; /* an array, oldest first */
	struct netns_id netns;
	int index;
	const char *device, *where, *claim; /* where, claim: may be NULL */
	bool is_past; /* of an earlier boot: none of its changes is left */
	size_t end; /* of the file's last whole line, in bytes */
	unsigned int bad_line; /* the first line that is no record; 0: none */
};

#define LEDGER_INIT ((struct ledger){ .head = NULL })

/*
 * Reads a whole file. A last line without a newline is ignored: its process ended before it made
 * the change.
 */
int ledger_read(int fd, struct ledger *ret_ledger);
void ledger_free(struct ledger *ledger);

/* -EBADMSG with a sentence if a line is no record. */
int ledger_check(const struct ledger *ledger);

/*
 * Whether its place is known, so that changes can be undone; false if it is empty or of an earlier
 * boot.
 */
bool ledger_is_placed(const struct ledger *ledger);
bool ledger_is_of(const struct ledger *ledger, const struct netns_id *netns, int index);

/*
 * The first record of that kind; if `key` is not NULL, the first whose text under that key is
 * `text`. NULL: none. It belongs to the ledger.
 */
const json_t *ledger_find(const struct ledger *ledger, const char *kind, const char *key,
			  const char *text);

/*
 * Undoes all changes except the oldest `keep`, latest first. Goes on after an error and returns the
 * first one. Adds to *changes how many changes were in force. `say` may be NULL.
 */
int ledger_undo(const struct ledger *ledger, size_t keep, int netns_fd, journal_say_fn say,
		unsigned int *changes);

/* Whether a change of the ledger is in force now; -ENODEV if its device is gone. */
int ledger_holds(const struct ledger *ledger, size_t change, int netns_fd, bool *ret_holds);

#define LEDGER_BOOT 37

/* This boot's id, as text. */
int ledger_this_boot(char ret_id[LEDGER_BOOT]);

/* Says which changes may remain in a namespace that truesum can no longer open. */
void ledger_say_lost(const struct ledger *ledger, journal_say_fn say);

/* Whether the path still means the file that is open. */
bool ledger_is_named(const char *path, int fd);

/*
 * Removes from a folder what dead processes left of kept journals before they changed anything: a
 * file without changes, and a new one that was to replace a journal, which has the same name with a
 * dot in front. Whoever works on either holds the journal's lock.
 */
void ledger_tidy(const char *folder);

#endif
