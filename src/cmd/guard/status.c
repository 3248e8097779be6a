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

static int could_not(void)
{
	fprintf(stderr, "truesum guard status: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static void release(struct guard_status *status)
{
	kept_release(&status->kept);
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

static void note_bare(struct guard_status *status, const struct inventory *inventory, size_t space,
		      const char *name)
{
	const struct space *here = &inventory->space[space];
	struct guard_bare *bare = &status->bare[status->bare_count];

	for (size_t i = 0; *name && i < here->device_count; i++)
		if (!strcmp(here->device[i].name, name) && policy_is_end(here->device[i].kind)) {
			bare->space = space;
			snprintf(bare->device, sizeof(bare->device), "%s", name);
			bare->lacks = policy_of_kind(&status->policy, here->device[i].kind) &
				      ~kept_on(&status->kept, here, name);
			status->bare_count += bare->lacks != 0;
			return;
		}
}

/* Began since then, or were proven not to need it. */
static int find_bare(struct guard_status *status, const struct inventory *inventory)
{
	static const struct guard_settings settings;
	struct guard_plan plan;

	status->bare = calloc(2 * inventory->space_count + 1, sizeof(*status->bare));
	if (!status->bare)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < inventory->space_count; i++) {
		if (inventory->space[i].own)
			continue;
		guard_plan(&settings, inventory, i, &plan);
		note_bare(status, inventory, i, plan.device);
		note_bare(status, inventory, i, plan.device_v6);
	}
	return 0;
}

static int take(struct guard_status *status, const struct inventory *inventory)
{
	struct utsname name;
	int rc = kept_take(inventory, true, &status->kept);

	if (rc)
		return rc;
	if (!uname(&name))
		snprintf(status->kernel, sizeof(status->kernel), "%.64s", name.release);
	rc = policy_read(POLICY_FILE, &status->policy);
	if (rc)
		return rc == -ENOENT ? 0 : rc;
	status->has_policy = true;
	return find_bare(status, inventory);
}

int guard_command_status(int argc, char **argv)
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
	if (status.kept.error)
		rc = fail(status.kept.error, "%s", status.kept.why);
	if (rc)
		return could_not();
	return status.kept.holding < status.kept.change_count ? EXIT_FOUND : EXIT_NOTHING_WRONG;
}
