/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guard has put on this host, by the kept journals (net/journal.h), and whether it is in
 * force.
 */
#ifndef TRUESUM_GUARD_RECORDS_H
#define TRUESUM_GUARD_RECORDS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/term.h"
#include "net/netns.h"

struct device; /* net/inventory.h, like the two below */
struct inventory;
struct space;

/* One change of a place. */
struct records_change {
	enum mitigation mitigation;
	char what[64]; /* the feature, sysctl or filter */
	char former[SYSCTL_SIZE]; /* "on", "1", ...; empty: it did not exist */
	bool in_force;
};

struct records_place {
	struct netns_id netns;
	int netns_fd; /* -1: this namespace */
	int index; /* 0: the namespace itself */
	const struct space *space; /* the inventory's; NULL: it is not in the inventory */
	const struct device *known; /* the inventory's; NULL: the namespace itself, or not there */
	char where[TERM_PRINTABLE_SIZE(65)]; /* namespace or container, printable */
	/* its present name, printable; empty: the namespace itself */
	char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)];
	size_t first, count; /* of its changes */
};

struct records {
	struct records_place *place;
	size_t place_count;
	struct records_change *change;
	size_t change_count, holding; /* all changes; of these, those in force */
	unsigned int gone; /* places whose namespace or device is gone */
	unsigned int past; /* places of an earlier boot */
	int error; /* the first -errno of a place that could not be read; 0: none */
	char why[400]; /* its sentence */
};

/*
 * Reads all kept journals. `drop`: removes those of places that are gone or past; changes nothing
 * else. Searches for namespaces that are not in the inventory. -ENOMEM and -EACCES with a sentence;
 * other errors are in the result.
 */
int records_read(const struct inventory *inventory, bool drop, struct records *ret_records);
void records_release(struct records *records);

#endif
