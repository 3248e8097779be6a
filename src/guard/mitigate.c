// SPDX-License-Identifier: GPL-2.0-or-later
/* Putting mitigations on: see mitigate.h. */
#include "guard/mitigate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/mark.h"
#include "net/ledger.h"

/*
 * `corrupt --vouch` takes the first free priority: to take its claim back the reset must come behind it, and in
 * front of programs that end the chain.
 */
#define RESET_PRIORITY 2

#define CONNTRACK_CHECKSUM "net/netfilter/nf_conntrack_checksum"

struct mitigator {
	int reset_fd; /* -1: not loaded yet */
};

static int put_rx_off(struct mitigator *mitigator, struct journal *journal)
{
	(void)mitigator;
	return journal_feature(journal, "rx-checksum", false);
}

static int put_reset(struct mitigator *mitigator, struct journal *journal)
{
	int rc = mitigator_ready(mitigator);

	return rc ? rc
		  : journal_bpf(journal, TC_INGRESS, RESET_PRIORITY, mitigator->reset_fd,
				mark_name(MARK_RESET));
}

static int put_conntrack_checksum(struct mitigator *mitigator, struct journal *journal)
{
	(void)mitigator;
	return journal_sysctl(journal, CONNTRACK_CHECKSUM, "1");
}

/* A device has the one for all protocols, or one for each family. */
static const char *const tx_features[] = { "tx-checksum-ip-generic", "tx-checksum-ipv4",
					   "tx-checksum-ipv6" };

static int put_tx_off(struct mitigator *mitigator, struct journal *journal)
{
	int first = 0;

	(void)mitigator;
	for (size_t i = 0; i < ARRAY_SIZE(tx_features); i++) {
		int rc = journal_feature(journal, tx_features[i], false);

		first = first ? first : rc;
	}
	return first;
}

static int holds_rx_off(const struct journal *journal, bool *ret_holds)
{
	bool on;
	int rc = journal_feature_get(journal, "rx-checksum", &on);

	if (!rc)
		*ret_holds = !on;
	return rc;
}

static int holds_reset(const struct journal *journal, bool *ret_holds)
{
	*ret_holds = journal_has_bpf(journal, TC_INGRESS, mark_name(MARK_RESET));
	return 0;
}

static int holds_conntrack_checksum(const struct journal *journal, bool *ret_holds)
{
	char now[SYSCTL_SIZE];
	int rc = netns_sysctl_read(journal_netns(journal), CONNTRACK_CHECKSUM, now);

	if (!rc)
		*ret_holds = strcmp(now, "0") != 0;
	return rc;
}

static int holds_tx_off(const struct journal *journal, bool *ret_holds)
{
	bool any = false, on;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(tx_features); i++) {
		on = false;
		rc = journal_feature_get(journal, tx_features[i], &on);
		any |= on;
	}
	if (!rc)
		*ret_holds = !any;
	return rc;
}

static const struct {
	int (*put)(struct mitigator *mitigator, struct journal *journal);
	int (*holds)(const struct journal *journal, bool *ret_holds);
	const char *about;
	bool of_host;
	/* What its records look like. */
	const char *kind, *key, *prefix;
} mitigations[MITIGATIONS] = {
	[MITIGATION_RX_OFF] = { put_rx_off, holds_rx_off, "rx checksum offload off", false,
				"feature", "feature", "rx-" },
	[MITIGATION_RESET] = { put_reset, holds_reset, "claims taken back at ingress (tc BPF)",
			       false, "bpf", "name", "tsum_reset" },
	[MITIGATION_CONNTRACK_CHECKSUM] = { put_conntrack_checksum, holds_conntrack_checksum,
					    "connection tracking verifies", true, "sysctl",
					    "sysctl", CONNTRACK_CHECKSUM },
	[MITIGATION_TX_OFF] = { put_tx_off, holds_tx_off, "tx checksum offload off", false,
				"feature", "feature", "tx-" },
};

void guard_mitigation_words(uint32_t mask, const char *between, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS && used < size; i++)
		if (mask & MITIGATION_BIT(i))
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used ? between : "", mitigation_names[i]);
}

json_t *guard_mitigations_compose(uint32_t mask)
{
	json_t *names = json_array();

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++)
		if (mask & MITIGATION_BIT(i))
			json_array_append_new(names, json_string(mitigation_names[i]));
	return names;
}

int guard_mitigations_take(const json_t *names, uint32_t *ret_mask)
{
	uint32_t mask = 0;
	size_t i;
	const json_t *name;

	json_array_foreach(names, i, name) {
		unsigned int number = MITIGATION_RX_OFF;

		while (number < MITIGATIONS && json_is_string(name) &&
		       strcmp(mitigation_names[number], json_string_value(name)))
			number++;
		if (number == MITIGATIONS || !json_is_string(name))
			return -EBADMSG;
		mask |= MITIGATION_BIT(number);
	}
	if (!json_is_array(names))
		return -EBADMSG;
	*ret_mask = mask;
	return 0;
}

const char *guard_mitigation_about(enum mitigation mitigation)
{
	return mitigations[mitigation].about;
}

bool guard_mitigation_is_of_host(enum mitigation mitigation)
{
	return mitigations[mitigation].of_host;
}

uint32_t guard_mitigations_of_devices(void)
{
	uint32_t mask = 0;

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++)
		mask |= mitigations[i].of_host ? 0 : MITIGATION_BIT(i);
	return mask;
}

enum mitigation guard_mitigation_of(const json_t *record)
{
	const char *kind = json_string_value(json_object_get(record, "kind"));

	for (unsigned int i = MITIGATION_RX_OFF; kind && i < MITIGATIONS; i++) {
		const char *text = json_string_value(json_object_get(record, mitigations[i].key));

		if (!strcmp(kind, mitigations[i].kind) && text &&
		    !strncmp(text, mitigations[i].prefix, strlen(mitigations[i].prefix)))
			return (enum mitigation)i;
	}
	return MITIGATION_NONE;
}

int mitigator_new(struct mitigator **ret_mitigator)
{
	struct mitigator *mitigator = calloc(1, sizeof(*mitigator));

	if (!mitigator)
		return fail(-ENOMEM, "out of memory");
	mitigator->reset_fd = -1;
	*ret_mitigator = mitigator;
	return 0;
}

int mitigator_ready(struct mitigator *mitigator)
{
	return mitigator->reset_fd < 0 ? mark_load_reset(&mitigator->reset_fd) : 0;
}

void mitigator_free(struct mitigator *mitigator)
{
	if (mitigator && mitigator->reset_fd >= 0)
		close(mitigator->reset_fd);
	free(mitigator);
}

int mitigate(struct mitigator *mitigator, struct journal *journal, enum mitigation mitigation)
{
	return mitigations[mitigation].put(mitigator, journal);
}

int guard_protect(struct mitigator *mitigator, const struct journal_place *place, uint32_t mask,
		  bool *ret_changed)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	int rc = journal_open_kept(place, &journal), first = 0;

	if (rc)
		return rc;
	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++) {
		if (!(mask & MITIGATION_BIT(i)))
			continue;
		rc = mitigate(mitigator, journal, (enum mitigation)i);
		first = first ? first : rc;
	}
	if (ret_changed)
		*ret_changed = journal_has_changed(journal);
	return first;
}

int guard_in_force(const struct journal_place *place, uint32_t mask, uint32_t *ret_in_force)
{
	_cleanup_(journal_keep_cleanup) struct journal *journal = NULL;
	uint32_t in_force = 0;
	int rc = journal_open_kept(place, &journal);

	for (unsigned int i = MITIGATION_RX_OFF; !rc && i < MITIGATIONS; i++) {
		bool holds = false;

		if (mask & MITIGATION_BIT(i))
			rc = mitigations[i].holds(journal, &holds);
		in_force |= holds ? MITIGATION_BIT(i) : 0;
	}
	if (!rc)
		*ret_in_force = in_force;
	return rc;
}

int guard_unprotect(const struct journal_place *place)
{
	struct journal *journal;
	int rc = journal_open_kept(place, &journal);

	return rc ? rc : journal_close(journal);
}
