// SPDX-License-Identifier: GPL-2.0-or-later
/* The catalog of mitigations: see catalog.h. */
#include "guard/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct catalog_row catalog[MITIGATIONS] = {
	[MITIGATION_RX_OFF] = {
		.rank = { [AT_END] = 10, [AT_BOUNDARY] = 50 },
		.kind = "feature", .key = "feature", .prefix = "rx-checksum",
	},
	[MITIGATION_RESET] = {
		.rank = { [AT_END] = 20, [AT_BOUNDARY] = 40 },
		.kind = "bpf", .key = "name", .prefix = "tsum_reset",
	},
	[MITIGATION_CONNTRACK_CHECKSUM] = {
		.rank = { [AT_HOST] = 30 },
		.kind = "sysctl", .key = "sysctl", .prefix = "net/netfilter/nf_conntrack_checksum",
	},
	[MITIGATION_TX_OFF] = {
		.rank = { [AT_TUNNEL] = 60 },
		.kind = "feature", .key = "feature", .prefix = "tx-checksum-",
	},
};
/* clang-format on */

uint32_t catalog_at(enum catalog_place place)
{
	uint32_t mask = 0;

	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS; i++)
		mask |= catalog[i].rank[place] ? MITIGATION_BIT(i) : 0;
	return mask;
}

enum mitigation catalog_of_record(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));

	for (unsigned int i = MITIGATION_NONE + 1; kind && i < MITIGATIONS; i++) {
		const char *text = json_string_value(json_object_get(record, catalog[i].key));

		if (!strcmp(kind, catalog[i].kind) && text &&
		    !strncmp(text, catalog[i].prefix, strlen(catalog[i].prefix)))
			return (enum mitigation)i;
	}
	return MITIGATION_NONE;
}

void catalog_words(uint32_t mitigations, const char *between, const char *none, char *text,
		   size_t size)
{
	size_t used = 0;

	snprintf(text, size, "%s", none);
	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS && used < size; i++)
		if (mitigations & MITIGATION_BIT(i))
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used ? between : "", mitigation_names[i]);
}

json_t *catalog_compose(uint32_t mitigations)
{
	json_t *names = json_array();

	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS; i++)
		if (mitigations & MITIGATION_BIT(i))
			json_array_append_new(names, json_string(mitigation_names[i]));
	return names;
}

int catalog_parse(const json_t *names, uint32_t *ret_mitigations)
{
	uint32_t mask = 0;
	size_t n;
	const json_t *name;

	json_array_foreach(names, n, name) {
		unsigned int i = MITIGATION_NONE + 1;

		while (i < MITIGATIONS && json_is_string(name) &&
		       strcmp(mitigation_names[i], json_string_value(name)))
			i++;
		if (i == MITIGATIONS || !json_is_string(name))
			return -EBADMSG;
		mask |= MITIGATION_BIT(i);
	}
	if (!json_is_array(names))
		return -EBADMSG;
	*ret_mitigations = mask;
	return 0;
}
