// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard revert`: puts everything back that guard has changed, and what killed runs left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "cmd/guard/guard.h"
#include "cmd/guard/report.h"
#include "cmd/common/targets.h"
#include "cmd/common/command.h"
#include "guard/daemon/service.h"
#include "guard/mitigate.h"
#include "net/inventory.h"
#include "net/journal.h"

struct request {
	struct targets targets;
	bool dry_run, json;
};

static int could_not(void)
{
	fprintf(stderr, "truesum guard revert: %s\n", fail_text());
	return EXIT_UNKNOWN;
}

static void release(struct guard_revert *revert)
{
	records_release(&revert->records);
	free(revert->reverted);
}

static int parse_options(int argc, char **argv, struct request *request)
{
	/* clang-format off */
	const struct option_row rows[] = {
		{ .type = OPTION_HEADING,
		  .help = "Targets (default: everything); each may be given several times" },
		TARGETS_NAMED_ROWS(&request->targets),
		{ .type = OPTION_HEADING, .help = "Output" },
		{ .type = OPTION_FLAG, .name = "dry-run", .target = &request->dry_run,
		  .help = "say what would be put back, and do nothing" },
		{ .type = OPTION_FLAG, .name = "json", .target = &request->json, .help = "one JSON object" },
	};
	/* clang-format on */
	const struct option_table table = {
		.command = "guard revert",
		.synopsis = "[TARGET]... [OPTION]...",
		.about =
			"Puts back what `truesum guard` has changed on containers and the host, each feature,\n"
			"sysctl and filter as it was before, and what a killed run left. With nothing left, the\n"
			"policy for new containers goes, too.",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc >= 0 && request->dry_run && request->json) {
		fprintf(stderr,
			"truesum guard revert: --dry-run is told in words only, without --json\n");
		rc = -EINVAL;
	}
	return rc;
}

static void say(enum journal_news news, const char *sentence)
{
	if (news == JOURNAL_LOST)
		fprintf(stderr, "truesum guard revert: left by a killed run: %s\n", sentence);
}

static bool is_meant(const struct inventory *inventory, const struct records_place *place,
		     const size_t *spaces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (netns_same(&inventory->space[spaces[i]].id, &place->netns))
			return true;
	return false;
}

/* Which places are meant. */
static int select_places(const struct request *request, const struct inventory *inventory,
			 struct guard_revert *revert)
{
	_cleanup_free_ size_t *spaces = NULL;
	size_t count = 0;
	int rc = request->targets.count
			 ? targets_choose(&request->targets, inventory, &spaces, &count)
			 : 0;

	if (rc)
		return rc;
	revert->reverted = calloc(revert->records.place_count + 1, sizeof(*revert->reverted));
	if (!revert->reverted)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0; i < revert->records.place_count; i++)
		if (!request->targets.count ||
		    is_meant(inventory, &revert->records.place[i], spaces, count))
			revert->reverted[revert->count++].place = revert->records.place[i];
	return 0;
}

static void undo(struct guard_revert *revert)
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

/* With nothing left there is nothing to be put on new containers. */
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
		"`truesum guard run` is at work (pid %d) and would put it on again: end it first "
		"(systemctl stop truesum-guard)",
		(int)daemon);
}

static int revert_all(const struct request *request, const struct inventory *inventory,
		      struct guard_revert *revert)
{
	struct journal_tally tally;
	int rc = journal_recover(say, &tally), removed;

	revert->recovered = tally.undone;
	revert->lost = tally.lost;
	rc = rc ? rc : records_read(inventory, true, &revert->records);
	rc = rc ? rc : select_places(request, inventory, revert);
	if (rc)
		return rc;
	undo(revert);
	removed = remove_policy(inventory, revert);
	if (request->json)
		rc = guard_print_revert_json(revert);
	else
		guard_print_revert(revert, false);
	if (rc || removed)
		return rc ? rc : removed;
	if (revert->records.error)
		return fail(revert->records.error, "%s", revert->records.why);
	return revert->failed ? fail(-EIO, "not everything could be put back: see above") : 0;
}

int cmd_guard_revert(int argc, char **argv)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	_cleanup_(release) struct guard_revert revert = { 0 };
	_cleanup_close_ int lock = -1;
	struct request request = { 0 };
	int rc = parse_options(argc, argv, &request);

	if (rc < 0)
		return options_exit(rc);
	rc = inventory_take(NULL, &inventory);
	if (!rc && request.dry_run) {
		rc = records_read(&inventory, false, &revert.records);
		rc = rc ? rc : select_places(&request, &inventory, &revert);
		if (!rc)
			guard_print_revert(&revert, true);
	} else if (!rc) {
		rc = refuse_beside_daemon();
		rc = rc ? rc : journal_kept_lock(&lock);
		rc = rc ? rc : revert_all(&request, &inventory, &revert);
	}
	if (rc)
		return could_not();
	return revert.lost ? EXIT_UNKNOWN : EXIT_NOTHING_WRONG;
}
