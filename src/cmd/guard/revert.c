// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard revert`: undoes what guard has changed, and what killed runs left. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/options.h"
#include "cmd/common/command.h"
#include "cmd/common/targets.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "guard/daemon/service.h"
#include "guard/mitigate.h"
#include "net/inventory.h"
#include "net/journal.h"

struct revert_options {
	struct targets targets;
	bool dry_run, json;
};

static void release_revert(struct guard_revert *revert)
{
	records_release(&revert->records);
	free(revert->reverted);
}

static int parse_revert(int argc, char **argv, struct revert_options *options)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING,
		  .help = "Targets (default: everything); each may be given several times" },
		TARGETS_NAMED_ROWS(&options->targets),
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &options->dry_run,
		  .help = "show what would be undone, and do nothing" },
		{ .type = OPTION_FLAG, .name = "json", .target = &options->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard revert",
		.synopsis = "[TARGET]... [OPTION]...",
		.about =
			"Puts everything back that `truesum guard` has changed on containers and the host: each\n"
			"feature, sysctl and filter as it was before. Also undoes what killed runs left. If no\n"
			"change is left, removes the policy for new containers, too.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc >= 0 && options->dry_run && options->json) {
		fprintf(stderr,
			"truesum guard revert: --dry-run prints text only: leave out --json\n");
		rc = -EINVAL;
	}
	return rc;
}

static void warn_of_lost(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum guard revert: left by a killed run: %s\n", sentence);
}

static bool is_selected(const struct inventory *inventory, const struct records_place *place,
			const size_t *spaces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (netns_same(&inventory->space[spaces[i]].id, &place->netns))
			return true;
	return false;
}

/* Of the places with changes, chooses those in the namespaces that the options name, or all. */
static int select_places(const struct revert_options *options, const struct inventory *inventory,
			 struct guard_revert *revert)
{
	_cleanup_free_ size_t *spaces = NULL;
	size_t count = 0;
	int rc = options->targets.count
			 ? targets_choose(&options->targets, inventory, &spaces, &count)
			 : 0;

	if (rc)
		return rc;
	revert->reverted = calloc(revert->records.place_count + 1, sizeof(*revert->reverted));
	if (!revert->reverted)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < revert->records.place_count; i++)
		if (!options->targets.count ||
		    is_selected(inventory, &revert->records.place[i], spaces, count))
			revert->reverted[revert->count++].place = revert->records.place[i];
	return 0;
}

static void undo_places(struct guard_revert *revert)
{
	for (size_t i = 0; i < revert->count; i++) {
		struct guard_reverted *reverted = &revert->reverted[i];
		const struct journal_place place = { .netns_fd = reverted->place.netns_fd,
						     .netns = reverted->place.where,
						     .device = reverted->place.device,
						     .index = reverted->place.index };

		if (!mitigate_revert(&place, 0))
			continue;
		snprintf(reverted->why, sizeof(reverted->why), "%.290s", fail_text());
		revert->failed++;
	}
}

/* If no change is left, new containers must not get any. */
static int remove_policy(const struct inventory *inventory, struct guard_revert *revert)
{
	struct records left;
	int rc = records_read(inventory, false, &left);

	if (rc)
		return rc;
	if (!left.place_count && !left.error) {
		if (!unlink(POLICY_FILE))
			revert->policy_removed = true;
		else if (errno != ENOENT)
			rc = fail_errno(-errno, "cannot remove " POLICY_FILE);
	}
	records_release(&left);
	return rc;
}

static int refuse_beside_daemon(void)
{
	pid_t daemon = service_pid();

	if (!daemon)
		return 0;
	return fail(
		-EBUSY,
		"`truesum guard run` is running (pid %d) and would put everything on again: stop it first "
		"(systemctl stop truesum-guard)",
		(int)daemon);
}

static int revert_all(const struct revert_options *options, const struct inventory *inventory,
		      struct guard_revert *revert)
{
	const struct guard_report report = { .inventory = inventory, .revert = revert };
	struct journal_tally tally;
	int rc = journal_recover(warn_of_lost, &tally), removed;

	revert->recovered = tally.undone;
	revert->lost = tally.lost;
	rc = rc ? rc : records_read(inventory, true, &revert->records);
	rc = rc ? rc : select_places(options, inventory, revert);
	if (rc)
		return rc;
	undo_places(revert);
	removed = remove_policy(inventory, revert);
	rc = guard_print(&report, options->json);
	if (rc || removed)
		return rc ? rc : removed;
	if (revert->records.error)
		return fail(revert->records.error, "%s", revert->records.why);
	return revert->failed ? fail(-EIO, "not everything could be undone: see above") : 0;
}

int guard_command_revert(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_(release_revert) struct guard_revert revert = { 0 };
	_cleanup_close_ int lock = -1;
	const struct guard_report report = { .inventory = &inventory, .revert = &revert };
	struct revert_options options = { 0 };
	int rc = parse_revert(argc, argv, &options);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	if (!rc && options.dry_run) {
		revert.dry_run = true;
		rc = records_read(&inventory, false, &revert.records);
		rc = rc ? rc : select_places(&options, &inventory, &revert);
		rc = rc ? rc : guard_print(&report, false);
	} else if (!rc) {
		rc = refuse_beside_daemon();
		rc = rc ? rc : journal_kept_lock(&lock);
		/* Waiting for the lock may be interrupted; what begins after it is finished. */
		if (!rc)
			loop_hold_signals();
		rc = rc ? rc : revert_all(&options, &inventory, &revert);
	}
	if (rc)
		return rc;
	return revert.lost ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
