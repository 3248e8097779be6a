// SPDX-License-Identifier: GPL-2.0-or-later
/* What stays of a namespace's name when its container is rebuilt: see baseline.h. */
#include <stdio.h>
#include <string.h>

#include "audit/baseline.h"
#include "audit/collect.h"
#include "base/term.h"

/* Generated names have these letters only: k8s.io/apimachinery/pkg/util/rand. */
#define GENERATED "bcdfghjklmnpqrstvwxz2456789"

/* Cuts "-xxxxx" off the end, where it is generated and `min` to `max` long. */
static bool cut_generated(char *name, size_t min, size_t max)
{
	char *dash = strrchr(name, '-');
	size_t len = dash ? strlen(dash + 1) : 0;

	if (!dash || dash == name || len < min || len > max || strspn(dash + 1, GENERATED) != len)
		return false;
	*dash = '\0';
	return true;
}

static bool is_id(const struct space *space, const char *name)
{
	return *space->container && strlen(name) >= 12 &&
	       !strncmp(space->container, name, strlen(name));
}

void audit_role(const struct audit_facts *facts, size_t space, char *ret_name, size_t size)
{
	const struct space *look = &facts->inventory.space[space];
	char numbered[sizeof(look->comm) + 16];

	snprintf(numbered, sizeof(numbered), "%s[%d]", look->comm, look->pid);
	if (look->own || !(is_id(look, look->name) || !strcmp(look->name, numbered))) {
		term_printable(ret_name, size, look->name);
		return;
	}
	if (!*look->hostname || is_id(look, look->hostname) ||
	    !strcmp(look->hostname, facts->inventory.space[0].hostname)) {
		term_printable(ret_name, size, look->comm);
		return;
	}
	term_printable(ret_name, size, look->hostname);
	if (cut_generated(ret_name, 5, 5))
		cut_generated(ret_name, 6, 10);
}
