/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept on this host (net/journal.h): as a list, and as a policy for what comes. */
#ifndef TRUESUM_GUARD_RECORDS_H
#define TRUESUM_GUARD_RECORDS_H

#include <net/if.h>
#include <stdbool.h>

#include "guard/mitigate.h"
#include "guard/policy.h"
#include "net/inventory.h"

/* One change of a place. */
struct kept_change {
	enum mitigation mitigation;
	char what[64]; /* the feature, sysctl or filter */
	char former[SYSCTL_SIZE]; /* "on", "1", ...; empty: there was none */
	bool in_force;
};

struct kept_place {
	struct netns_id netns;
	int netns_fd; /* -1: this namespace */
	int index; /* 0: the namespace itself */
	const struct space *space; /* the inventory's; NULL: it was found otherwise */
	char where[128]; /* namespace or container, printable */
	char device[IFNAMSIZ]; /* its name now; empty: the namespace itself */
	size_t first, count; /* of its changes */
};

struct kept {
	struct kept_place *place;
	size_t place_count;
	struct kept_change *change;
	size_t change_count, holding; /* of them those in force */
	unsigned int gone; /* places whose namespace or device is gone */
	unsigned int past; /* places of an earlier boot */
	int error; /* -errno: one could not be looked at, the first */
	char why[400]; /* its sentence */
};

/*
 * Looks at all of it. Records of what is gone or past are removed if `drop`; nothing is changed but that.
 * Namespaces that the inventory has not are searched for. *ret_kept: kept_release().
 */
int kept_take(const struct inventory *inventory, bool drop, struct kept *ret_kept);
void kept_release(struct kept *kept);

/* Which mitigations are kept on a device, in force or not. */
uint32_t kept_on(const struct kept *kept, const struct space *space, const char *device);

/* Adds everything that is kept, in force or not: by kind, by device of the host, of the host. */
int kept_policy(const struct inventory *inventory, struct policy *policy);

#endif
