/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a journal's file (net/journal.h) says, and undoing it.
 *
 * The first line says where, the others what was changed there, each a JSON object:
 *     {"netns":[dev,ino],"cookie":n,"index":n,"boot":id,"device":name,"where":namespace,"claim":name}
 *     {"kind":"feature","feature":name,"former":bool}
 *     {"kind":"sysctl","sysctl":name,"former":text,"value":text}
 *     {"kind":"clsact"}
 *     {"kind":"bpf","direction":n,"priority":n,"name":name}
 *     {"kind":"fdb","mac":address}
 *     {"kind":"neighbour","address":address}
 * A device is known by its index, which is its own as long as its namespace lives; "device" and "where"
 * are what the user called them, for sentences only. Index 0: the namespace itself.
 */
#ifndef TRUESUM_NET_LEDGER_H
#define TRUESUM_NET_LEDGER_H

#include <jansson.h>
#include <stdbool.h>

#include "net/journal.h"
#include "net/netns.h"

struct ledger {
	json_t *head; /* owns the names below; NULL: nothing was recorded, nothing changed */
	json_t *changes; /* an array, oldest first */
	struct netns_id netns;
	int index;
	const char *device, *where, *claim; /* where, claim: may be NULL */
	bool is_past; /* of an earlier boot: nothing of it is left */
	unsigned int bad_line; /* the first that is no record; 0: none */
};

#define LEDGER_INIT ((struct ledger){ .head = NULL })

/* Reads a whole file. A last line without its end was cut off before it was acted upon: passed over. */
int ledger_read(int fd, struct ledger *ret_ledger);
void ledger_free(struct ledger *ledger);

/* -EBADMSG with a sentence where a line is no record. */
int ledger_check(const struct ledger *ledger);

/* Whether its place is known, so that something can be undone; false for an empty one, too. */
bool ledger_is_placed(const struct ledger *ledger);
bool ledger_is_of(const struct ledger *ledger, const struct netns_id *netns, int index);
bool ledger_has(const struct ledger *ledger, const char *kind);

/* The first record of a kind whose text under `key` is `text`; NULL: none. The ledger's. */
const json_t *ledger_find(const struct ledger *ledger, const char *kind, const char *key,
			  const char *text);
const json_t *ledger_find_bpf(const struct ledger *ledger, int direction, int priority,
			      const char *name);

/*
 * Undoes the changes in the namespace but for the oldest `keep`, latest first, and goes on after an error;
 * returns the first. Adds to *changes what was different before. `say` may be NULL.
 */
int ledger_undo(const struct ledger *ledger, size_t keep, int netns_fd, journal_say_fn say,
		unsigned int *changes);

/* Whether a change of the ledger is in force now; -ENODEV where its device is gone. */
int ledger_holds(const struct ledger *ledger, size_t change, int netns_fd, bool *ret_holds);

#define LEDGER_BOOT 37

/* This boot's id, as text. */
int ledger_this_boot(char ret_id[LEDGER_BOOT]);

/* Says what may remain in a namespace that nothing leads to. */
void ledger_say_lost(const struct ledger *ledger, journal_say_fn say);

#endif
