// SPDX-License-Identifier: GPL-2.0-or-later
/* The policy that follows from a proof: see draft.h. */
#include "guard/draft.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "guard/records.h"
#include "net/inventory.h"

static bool is_of_kind(const struct device *device, const char *kind)
{
	return !(device->flags & IFF_LOOPBACK) && !strcmp(device->kind, kind);
}

static bool is_target(const struct draft *draft, size_t space)
{
	for (size_t i = 0; i < draft->space_count; i++)
		if (draft->spaces[i] == space)
			return true;
	return false;
}

/* Whether all containers with such a device are targets. */
static bool is_complete(const struct draft *draft, const char *kind)
{
	for (size_t i = 0; i < draft->inventory->space_count; i++) {
		const struct space *space = &draft->inventory->space[i];

		if (space->own || is_target(draft, i))
			continue;
		for (size_t k = 0; k < space->device_count; k++)
			if (is_of_kind(&space->device[k], kind))
				return false;
	}
	return true;
}

/* What an earlier policy proved of a kind; version 1 did not say how it came to an empty row. */
static const struct policy_row *earlier_row(const struct draft *draft, const char *kind)
{
	const struct policy *earlier = draft->earlier;
	const struct policy_row *row = earlier ? policy_kind(earlier, kind) : NULL;

	return row && earlier->is_old && !row->mitigations ? NULL : row;
}

static int add_concluded(const struct draft *draft, struct policy *policy)
{
	bool has_host = policy->host || policy->device_count;
	int rc = 0;

	for (size_t i = 0; !rc && i < draft->sight_count; i++) {
		const char *kind = draft->sight[i].kind;
		const struct conclusion_settings settings = {
			.is_complete = is_complete(draft, kind),
			.has_host = has_host,
			.is_ordered = draft->is_ordered,
			.earlier = earlier_row(draft, kind),
		};
		struct policy_row row;

		if (policy_is_end(kind) && !policy_kind(policy, kind) &&
		    conclusion_draw(&settings, kind, draft->sight, draft->sight_count, &row))
			rc = policy_set(policy, kind, row.state, row.mitigations, row.tried);
	}
	return rc;
}

/* Keeps an earlier policy's rows for what this run did not look at. */
static int add_earlier(const struct draft *draft, struct policy *policy)
{
	const struct policy *earlier = draft->earlier;
	int rc = 0;

	if (!earlier)
		return 0;
	if (draft->space_count < draft->inventory->space_count)
		policy->host |= earlier->host;
	for (size_t i = 0; !rc && i < earlier->kind_count; i++) {
		const struct policy_row *row = earlier_row(draft, earlier->kind[i].name);

		if (row && !policy_kind(policy, row->name))
			rc = policy_set(policy, row->name, row->state, row->mitigations,
					row->tried);
	}
	for (size_t i = 0; !rc && i < earlier->device_count; i++)
		if (!draft->via || strcmp(earlier->device[i].name, draft->via) != 0)
			rc = policy_add(policy, POLICY_DEVICE, earlier->device[i].name,
					earlier->device[i].mitigations);
	return rc;
}

static int add_host_record(struct policy *policy, const struct records_place *place, uint32_t bit)
{
	if (!place->space || !place->space->own)
		return 0;
	if (!place->index)
		policy->host |= bit;
	else if (place->known)
		return policy_add(policy, POLICY_DEVICE, place->known->name, bit);
	return 0;
}

/* Adds what is recorded on this host itself, in force or not. */
static int add_host_records(const struct draft *draft, struct policy *policy)
{
	struct records records = { 0 };
	int rc = records_read(draft->inventory, false, &records);

	for (size_t i = 0; !rc && i < records.place_count; i++) {
		const struct records_place *place = &records.place[i];

		for (size_t k = 0; !rc && k < place->count; k++)
			rc = add_host_record(
				policy, place,
				MITIGATION_BIT(records.change[place->first + k].mitigation));
	}
	records_release(&records);
	return rc;
}

int draft_policy(const struct draft *draft, struct policy *policy)
{
	struct utsname name;
	int rc = add_host_records(draft, policy);

	rc = rc ? rc : add_concluded(draft, policy);
	rc = rc ? rc : add_earlier(draft, policy);
	if (!uname(&name))
		snprintf(policy->kernel, sizeof(policy->kernel), "%.64s", name.release);
	policy->proven = draft->is_ordered ? 0 : time(NULL);
	return rc;
}
