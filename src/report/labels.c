// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Labels: see labels.h. A list of secrets with their labels is made once; sentences are searched
 * for them, the longest first, where words begin. Addresses are found by their form.
 */
#include "report/labels.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/inventory.h"

#define ID_DIGITS 12 /* hexadecimal digits in a row, from which on they identify something */

struct secret {
	char *text; /* printable */
	size_t len;
	char label[96];
	bool of_host; /* this host's own name */
};

struct address {
	int family;
	uint8_t bytes[16];
	unsigned int number; /* among the addresses or the MACs */
};

struct device_label {
	char text[96];
};

struct device_labels {
	struct device_label *label;
};

struct labels {
	const struct inventory *inventory;
	bool real;
	struct secret *secret; /* the longest first */
	size_t secret_count;
	struct device_labels *device; /* of each space, as many as it has devices */
	struct address *address;
	size_t address_count;
	unsigned int addresses, macs;
};

/* ---- Devices ---- */

/* "p3s0f1np1": letters that systemd's names have, each followed by a number. */
static bool is_location(const char *at)
{
	while (*at) {
		size_t letters = strspn(at, "bcdfionpPrsuv"), digits;

		at += letters;
		digits = strspn(at, "0123456789");
		at += digits;
		if (!letters || letters > 2 || !digits || digits > 3)
			return false;
	}
	return true;
}

bool labels_is_usual(const char *device)
{
	static const char *const numbered[] = {
		"eth",	   "wlan",    "bond",	"team",	  "br",	    "docker",	"virbr",
		"tap",	   "tun",     "veth",	"vxlan",  "geneve", "gre",	"wg",
		"dummy",   "ifb",     "cni",	"vmbr",	  "usb",    "wwan",	"ib",
		"macvlan", "macvtap", "ipvlan", "nk",	  "vlan",   "flannel.", "lxcbr",
		"podman",  "sit",     "tunl",	"gretap", "erspan", "ip6tnl",
	};
	static const char *const located[] = { "en", "wl", "ib", "ww" };

	if (!strcmp(device, "lo"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(numbered); i++) {
		size_t len = strlen(numbered[i]);
		size_t digits = strspn(device + (strncmp(device, numbered[i], len) ? 0 : len),
				       "0123456789");

		if (!strncmp(device, numbered[i], len) && digits && digits <= 3 &&
		    !device[len + digits])
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(located); i++)
		if (!strncmp(device, located[i], 2) && device[2] && is_location(device + 2))
			return true;
	return false;
}

/* Counts the devices of each kind that need a label, over all namespaces. */
struct kinds {
	struct {
		char kind[TERM_PRINTABLE_SIZE(16)];
		unsigned int count;
	} * kind;
	size_t count;
};

static unsigned int next_of_kind(struct kinds *kinds, const char *kind)
{
	for (size_t i = 0; i < kinds->count; i++)
		if (!strcmp(kinds->kind[i].kind, kind))
			return ++kinds->kind[i].count;
	if (!ARRAY_ADD(kinds->kind, kinds->count))
		return 0;
	snprintf(kinds->kind[kinds->count - 1].kind, sizeof(kinds->kind->kind), "%s", kind);
	return kinds->kind[kinds->count - 1].count = 1;
}

static int label_devices(struct labels *labels, size_t number, struct kinds *kinds)
{
	const struct space *space = &labels->inventory->space[number];
	struct device_label *label = calloc(space->device_count + 1, sizeof(*label));

	if (!label)
		return fail(-ENOMEM, "out of memory");
	labels->device[number].label = label;
	for (size_t i = 0; i < space->device_count; i++) {
		const struct device *device = &space->device[i];
		char kind[TERM_PRINTABLE_SIZE(sizeof(device->kind))];

		term_printable(kind, sizeof(kind), *device->kind ? device->kind : "nic");
		if (labels->real || labels_is_usual(device->name))
			term_printable(label[i].text, sizeof(label[i].text), device->name);
		else
			snprintf(label[i].text, sizeof(label[i].text), "%s-%u", kind,
				 next_of_kind(kinds, kind));
	}
	return 0;
}

/* ---- Secrets ---- */

static int add_secret(struct labels *labels, const char *name, const char *label, bool of_host)
{
	char printable[TERM_PRINTABLE_SIZE(256)];
	struct secret *secret;

	if (!*name || labels->real)
		return 0;
	secret = ARRAY_ADD(labels->secret, labels->secret_count);
	if (!secret)
		return -ENOMEM;
	term_printable(printable, sizeof(printable), name);
	secret->text = strdup(printable);
	secret->len = strlen(printable);
	secret->of_host = of_host;
	snprintf(secret->label, sizeof(secret->label), "%s", label);
	return secret->text ? 0 : fail(-ENOMEM, "out of memory");
}

/* All that a namespace or its container is called. space->name is printable already. */
static int add_names(struct labels *labels, size_t number)
{
	const struct space *space = &labels->inventory->space[number];
	const char *last = strrchr(space->path, '/');
	char label[48], id[13];
	int rc = 0;

	snprintf(label, sizeof(label), "container-%zu", number);
	snprintf(id, sizeof(id), "%.12s", space->container);
	if (!space->own) {
		const char *const names[] = {
			space->path, last ? last + 1 : "", space->hostname, space->container, id,
			space->pod
		};

		for (size_t i = 0; !rc && i < ARRAY_SIZE(names); i++)
			rc = add_secret(labels, names[i], label, false);
		rc = rc ? rc : add_secret(labels, space->name, label, false);
	}
	for (size_t i = 0; !rc && i < space->device_count; i++)
		if (!labels_is_usual(space->device[i].name))
			rc = add_secret(labels, space->device[i].name,
					labels->device[number].label[i].text, false);
	return rc;
}

static int compare_secrets(const void *one, const void *other)
{
	const struct secret *a = one, *b = other;

	return (a->len < b->len) - (a->len > b->len);
}

static int add_hostname(struct labels *labels, const char *hostname)
{
	char first[65];
	int rc = add_secret(labels, hostname, "this-host", true);

	snprintf(first, sizeof(first), "%.*s", (int)strcspn(hostname, "."), hostname);
	return rc ? rc : add_secret(labels, first, "this-host", true);
}

int labels_make(const struct inventory *inventory, const char *hostname, bool real,
		struct labels **ret_labels)
{
	struct labels *labels = calloc(1, sizeof(*labels));
	struct kinds kinds = { 0 };
	int rc = 0;

	if (labels)
		labels->device = calloc(inventory->space_count + 1, sizeof(*labels->device));
	if (!labels || !labels->device) {
		free(labels);
		return fail(-ENOMEM, "out of memory");
	}
	labels->inventory = inventory;
	labels->real = real;
	for (size_t i = 0; !rc && i < inventory->space_count; i++) {
		rc = label_devices(labels, i, &kinds);
		rc = rc ? rc : add_names(labels, i);
	}
	rc = rc ? rc : add_hostname(labels, hostname);
	free(kinds.kind);
	if (rc) {
		labels_free(labels);
		return rc;
	}
	if (labels->secret_count)
		qsort(labels->secret, labels->secret_count, sizeof(*labels->secret),
		      compare_secrets);
	*ret_labels = labels;
	return 0;
}

void labels_free(struct labels *labels)
{
	if (!labels)
		return;
	for (size_t i = 0; i < labels->secret_count; i++)
		free(labels->secret[i].text);
	for (size_t i = 0; i < labels->inventory->space_count; i++)
		free(labels->device[i].label);
	free(labels->device);
	free(labels->secret);
	free(labels->address);
	free(labels);
}

void labels_space(const struct labels *labels, size_t space, char *ret_text)
{
	const struct space *look = &labels->inventory->space[space];

	if (look->own || labels->real)
		snprintf(ret_text, LABEL_SIZE, "%s", look->own ? "host" : look->name);
	else
		snprintf(ret_text, LABEL_SIZE, "container-%zu", space);
}

void labels_device(const struct labels *labels, size_t space, size_t device, char *ret_text)
{
	snprintf(ret_text, LABEL_SIZE, "%s", labels->device[space].label[device].text);
}

/* ---- Addresses ---- */

static bool is_public_knowledge(int family, const uint8_t *address)
{
	static const uint8_t any[16], loopback[16] = { [15] = 1 };

	if (family == AF_INET)
		return !memcmp(address, any, 4) || !memcmp(address, "\x7f\0\0\1", 4);
	if (family == AF_INET6)
		return !memcmp(address, any, 16) || !memcmp(address, loopback, 16);
	return !memcmp(address, any, 6) || !memcmp(address, "\xff\xff\xff\xff\xff\xff", 6);
}

static size_t address_size(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 6;
}

/* 0: out of memory. */
static unsigned int address_number(struct labels *labels, int family, const uint8_t *bytes)
{
	struct address *new;

	for (size_t i = 0; i < labels->address_count; i++)
		if (labels->address[i].family == family &&
		    !memcmp(labels->address[i].bytes, bytes, address_size(family)))
			return labels->address[i].number;
	new = ARRAY_ADD(labels->address, labels->address_count);
	if (!new)
		return 0;
	new->family = family;
	memcpy(new->bytes, bytes, address_size(family));
	new->number = family == AF_PACKET ? ++labels->macs : ++labels->addresses;
	return new->number;
}

void labels_address(struct labels *labels, int family, const uint8_t *address, char *ret_text)
{
	if (!labels->real && !is_public_knowledge(family, address))
		snprintf(ret_text, LABEL_SIZE, "%s-%u", family == AF_PACKET ? "mac" : "addr",
			 address_number(labels, family, address));
	else if (family == AF_PACKET)
		snprintf(ret_text, LABEL_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", address[0],
			 address[1], address[2], address[3], address[4], address[5]);
	else if (!inet_ntop(family, address, ret_text, LABEL_SIZE))
		*ret_text = '\0';
}

/* ---- Sentences ---- */

/* Whether the text is six pairs of digits with colons or dashes between them. */
static bool parse_mac(const char *text, uint8_t *ret_mac)
{
	unsigned int byte[6];
	int used = 0;

	if (strlen(text) != 17 ||
	    (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		    &byte[4], &byte[5], &used) != 6 &&
	     sscanf(text, "%2x-%2x-%2x-%2x-%2x-%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		    &byte[4], &byte[5], &used) != 6) ||
	    used != 17)
		return false;
	for (size_t i = 0; i < 6; i++)
		ret_mac[i] = (uint8_t)byte[i];
	return true;
}

/*
 * The length of the address or id that begins there, 0 if there is none; its label. An address may
 * have a full stop or a colon after it that belongs to the sentence.
 */
static size_t match_form(struct labels *labels, const char *at, char *ret_label)
{
	size_t digits = strspn(at, "0123456789abcdefABCDEF");
	size_t run = strspn(at, "0123456789abcdefABCDEF:.-");
	char word[64];
	uint8_t bytes[16];

	for (; run >= 3; run--) {
		if (run >= sizeof(word) || isalnum((unsigned char)at[run]))
			continue;
		snprintf(word, sizeof(word), "%.*s", (int)run, at);
		for (size_t i = 0; i < 2; i++)
			if (inet_pton(i ? AF_INET6 : AF_INET, word, bytes) == 1) {
				labels_address(labels, i ? AF_INET6 : AF_INET, bytes, ret_label);
				return run;
			}
		if (parse_mac(word, bytes)) {
			labels_address(labels, AF_PACKET, bytes, ret_label);
			return run;
		}
	}
	if (digits < ID_DIGITS || isalnum((unsigned char)at[digits]))
		return 0;
	snprintf(ret_label, LABEL_SIZE, "(id)");
	return digits;
}

static size_t match_secret(const struct labels *labels, const char *text, size_t at, bool host_only,
			   char *ret_label)
{
	bool begins = at == 0 || !isalnum((unsigned char)text[at - 1]);

	for (size_t i = 0; i < labels->secret_count; i++) {
		const struct secret *secret = &labels->secret[i];

		if ((host_only && !secret->of_host) ||
		    strncmp(text + at, secret->text, secret->len) != 0)
			continue;
		/* A word of letters is not found within another one. */
		if ((!begins && isalnum((unsigned char)*secret->text)) ||
		    (isalnum((unsigned char)secret->text[secret->len - 1]) &&
		     isalnum((unsigned char)text[at + secret->len])))
			continue;
		snprintf(ret_label, LABEL_SIZE, "%s", secret->label);
		return secret->len;
	}
	return 0;
}

static void append_label(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s", more);
}

void labels_sentence(struct labels *labels, const char *text, char *ret_text, size_t size)
{
	char printable[1200], label[LABEL_SIZE];
	size_t len;

	term_sentence(printable, sizeof(printable), text);
	*ret_text = '\0';
	for (size_t at = 0; printable[at]; at += len) {
		bool begins = at == 0 || !isalnum((unsigned char)printable[at - 1]);

		len = labels->real ? 0 : match_secret(labels, printable, at, false, label);
		if (!len && begins && !labels->real)
			len = match_form(labels, printable + at, label);
		if (!len) {
			snprintf(label, sizeof(label), "%c", printable[at]);
			len = 1;
		}
		append_label(ret_text, size, label);
	}
}

void labels_kernel(const struct labels *labels, const char *text, char *ret_text, size_t size)
{
	char label[LABEL_SIZE];
	size_t len;

	*ret_text = '\0';
	for (size_t at = 0; text[at]; at += len) {
		len = match_secret(labels, text, at, true, label);
		if (!len) {
			snprintf(label, sizeof(label), "%c", text[at]);
			len = 1;
		}
		append_label(ret_text, size, label);
	}
}
