// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard status`: shows which mitigations are on, and whether they are still in force.
 * Changes nothing, except that it removes the records of containers that are gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "cmd/common/command.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "guard/proof.h"
#include "net/inventory.h"

static void release_status(struct guard_status *status)
{
	records_release(&status->records);
	free(status->bare);
}

static int parse_status(int argc, char **argv, bool *json)
{
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG, .name = "json", .target = json, .help = "one JSON object" },
	};
	const struct option_table table = {
		.command = "guard status",
		.synopsis = "[OPTION]...",
		.about =
			"Shows the mitigations that `truesum guard` has put on containers and the host, the values\n"
			"before, whether each is still in force, and the policy for new containers.\n\n"
			"Exit codes: 0 everything is in force; 1 something is not, or\n"
			"nothing helps; 3 could not find out.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};

	return options_parse(&table, argc, argv);
}

/* The mitigations that are recorded for a device, in force or not. */
static uint32_t recorded_on(const struct records *records, const struct device *device)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < records->place_count; i++) {
		const struct records_place *place = &records->place[i];

		for (size_t k = 0; place->known == device && k < place->count; k++)
			mask |= MITIGATION_BIT(records->change[place->first + k].mitigation);
	}
	return mask;
}

static void add_if_bare(struct guard_status *status, const struct inventory *inventory,
			size_t number, const char *name)
{
	const struct space *space = &inventory->space[number];
	struct guard_bare *bare = &status->bare[status->bare_count];

	for (size_t i = 0; *name && i < space->device_count; i++) {
		const struct device *device = &space->device[i];

		if (strcmp(device->name, name) != 0 || !policy_is_end(device->kind))
			continue;
		bare->space = number;
		snprintf(bare->device, sizeof(bare->device), "%s", name);
		bare->lacks = policy_get(&status->policy, POLICY_KIND, device->kind) &
			      ~recorded_on(&status->records, device);
		status->bare_count += bare->lacks != 0;
		return;
	}
}

/* Finds containers' devices that are newer than the policy, or were proven to need nothing. */
static int find_bare(struct guard_status *status, const struct inventory *inventory)
{
	static const struct proof_settings settings;
	struct proof_plan plan;

	status->bare = calloc(2 * inventory->space_count + 1, sizeof(*status->bare));
	if (!status->bare)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < inventory->space_count; i++) {
		if (inventory->space[i].own)
			continue;
		proof_plan(&settings, inventory, i, &plan);
		add_if_bare(status, inventory, i, plan.device);
		add_if_bare(status, inventory, i, plan.device_v6);
	}
	return 0;
}

static int take_status(struct guard_status *status, const struct inventory *inventory)
{
	struct utsname name;
	int rc = records_read(inventory, true, &status->records);

	if (rc)
		return rc;
	if (!uname(&name))
		snprintf(status->kernel, sizeof(status->kernel), "%.64s", name.release);
	rc = policy_read(POLICY_FILE, POLICY_ANY_KERNEL, &status->policy);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	status->has_policy = true;
	return find_bare(status, inventory);
}

int guard_command_status(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_(release_status) struct guard_status status = { 0 };
	const struct guard_report report = { .inventory = &inventory, .status = &status };
	bool json = false;
	int rc = parse_status(argc, argv, &json);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	rc = rc ? rc : take_status(&status, &inventory);
	rc = rc ? rc : guard_print(&report, json);
	if (rc)
		return rc;
	if (status.records.error)
		return fail(status.records.error, "%s", status.records.why);
	return status.records.holding < status.records.change_count ||
			       policy_is_hopeless(&status.policy)
		       ? EXIT_FOUND
		       : EXIT_NOTHING_WRONG;
}
