// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard status`: what is put on, and whether it is in force still. Changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "cmd/common/command.h"
#include "guard/proof.h"
#include "net/inventory.h"

static int could_not(void)
{
	fprintf(stderr, "truesum guard status: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static void release(struct guard_status *status)
{
	records_release(&status->records);
	free(status->bare);
}

static int parse_options(int argc, char **argv, bool *json)
{
	const struct option_row rows[] = {
		{ .type = OPTION_FLAG, .name = "json", .target = json, .help = "one JSON object" },
	};
	const struct option_table table = {
		.command = "guard status",
		.synopsis = "[OPTION]...",
		.about =
			"Says what `truesum guard` has put on containers and the host, the values that were there\n"
			"before, whether all of it is in force still, and the policy for new containers.\n\n"
			"Exit codes: 0 all is in force; 1 something is not; 3 it could not be found out.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};

	return options_parse(&table, argc, argv);
}

/* Which mitigations are recorded on a device, in force or not. */
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

static void note_bare(struct guard_status *status, const struct inventory *inventory, size_t space,
		      const char *name)
{
	const struct space *here = &inventory->space[space];
	struct guard_bare *bare = &status->bare[status->bare_count];

	for (size_t i = 0; *name && i < here->device_count; i++)
		if (!strcmp(here->device[i].name, name) && policy_is_end(here->device[i].kind)) {
			bare->space = space;
			snprintf(bare->device, sizeof(bare->device), "%s", name);
			bare->lacks =
				policy_get(&status->policy, POLICY_KIND, here->device[i].kind) &
				~recorded_on(&status->records, &here->device[i]);
			status->bare_count += bare->lacks != 0;
			return;
		}
}

/* Began since then, or were proven not to need it. */
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
		note_bare(status, inventory, i, plan.device);
		note_bare(status, inventory, i, plan.device_v6);
	}
	return 0;
}

static int take(struct guard_status *status, const struct inventory *inventory)
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

int cmd_guard_status(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_(release) struct guard_status status = { 0 };
	bool json = false;
	int rc = parse_options(argc, argv, &json);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	rc = rc ? rc : take(&status, &inventory);
	if (rc)
		return could_not();
	if (json)
		rc = guard_print_status_json(&status, &inventory);
	else
		guard_print_status(&status, &inventory);
	if (status.records.error)
		rc = fail(status.records.error, "%s", status.records.why);
	if (rc)
		return could_not();
	return status.records.holding < status.records.change_count ? EXIT_FOUND
								    : EXIT_NOTHING_WRONG;
}
