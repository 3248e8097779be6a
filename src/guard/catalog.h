/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalog of mitigations: a row for each says where it can be put, in which order `guard apply`
 * tries it, and how a journal records it. Sets of mitigations in words and JSON. Pure:
 * guard/mitigate.h puts them on.
 */
#ifndef TRUESUM_GUARD_CATALOG_H
#define TRUESUM_GUARD_CATALOG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"

/* Where a mitigation can be put. */
enum catalog_place {
	AT_END, /* a container's own device that leads outside */
	AT_HOST, /* the host's network namespace as a whole */
	AT_BOUNDARY, /* the host's device that packets enter by (--via) */
	AT_TUNNEL, /* an encapsulating device of the host (--tunnel) */
	CATALOG_PLACES
};

struct catalog_row {
	/*
	 * For each place 0, if the mitigation cannot be put there, or its rank: guard tries the
	 * lowest rank first, so the narrowest mitigation should have it.
	 */
	unsigned int rank[CATALOG_PLACES];
	/*
	 * Its records (net/ledger.h) have this "kind", and under `key` a text that begins with
	 * `prefix`.
	 */
	const char *kind, *key, *prefix;
};

/* By enum mitigation; MITIGATION_NONE's row is empty. */
extern const struct catalog_row catalog[MITIGATIONS];

/*
 * All mitigations that can be put at a place: MITIGATION_BIT()s. Those for AT_END are what the CNI
 * plugin and the OCI hook accept by name, and what a new container gets while nothing is proven on
 * this host.
 */
uint32_t catalog_at(enum catalog_place place);

/*
 * Which mitigation a record belongs to; MITIGATION_NONE: it belongs to none, for example a clsact.
 */
enum mitigation catalog_of_record(const json_t *record);

/*
 * Their names with `between` between them, e.g. "rx-off, reset"; `none` for an empty set. Cut if
 * `size` is too small.
 */
void catalog_words(uint32_t mitigations, const char *between, const char *none, char *text,
		   size_t size);

/* Their names as a JSON array; the caller's, NULL without memory. */
json_t *catalog_compose(uint32_t mitigations);

/* Reads such an array. -EBADMSG if it is anything else. */
int catalog_parse(const json_t *names, uint32_t *ret_mitigations);

#endif
