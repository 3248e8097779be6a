/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a journal's file (net/journal.h) says, and undoing it.
 *
 * The first line says where, the others what was changed there, each a JSON object:
 *     {"netns":[dev,ino],"cookie":n,"index":n,"device":name,"where":namespace,"claim":name}
 *     {"kind":"feature","feature":name,"former":bool}
 *     {"kind":"clsact"}
 *     {"kind":"bpf","direction":n,"priority":n,"name":name}
 * A device is known by its index, which is its own as long as its namespace lives; "device" and "where"
 * are what the user called them, for sentences only.
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

/*
 * Undoes the changes in the namespace, latest first, and goes on after an error; returns the first. Adds
 * to *changes what was different before. `say` may be NULL.
 */
int ledger_undo(const struct ledger *ledger, int netns_fd, journal_say_fn say,
		unsigned int *changes);

/* Says what may remain in a namespace that nothing leads to. */
void ledger_say_lost(const struct ledger *ledger, journal_say_fn say);

#endif
