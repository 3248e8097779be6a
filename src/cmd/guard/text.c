// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of `truesum guard`: see guard_report.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "cmd/guard/report.h"
#include "guard/catalog.h"
#include "guard/daemon/service.h"
#include "guard/proof.h"
#include "net/inventory.h"

#define NAME_SHOWN 28
#define EXPLAINED_MAX 20
#define REVERT_HINT "truesum guard revert        puts everything back\n"

static int shown_width(const char *name)
{
	size_t len = strlen(name);

	return (int)(len > NAME_SHOWN ? NAME_SHOWN : len);
}

/* ---- apply ---- */

struct tally {
	size_t tried, isolated, was_bad, is_bad, good, held; /* held: something is kept on them */
};

static struct tally count(const struct proof_result *result)
{
	struct tally tally = { 0 };

	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];

		if (target->isolated) {
			tally.isolated++;
			continue;
		}
		tally.tried++;
		tally.was_bad += target->before == VERDICT_DELIVERS_CORRUPT;
		tally.is_bad += target->after == VERDICT_DELIVERS_CORRUPT;
		tally.good += target->after == VERDICT_VERIFIED;
		tally.held += target->kept != 0;
	}
	return tally;
}

static void print_headline(const struct proof_result *result, const struct tally *tally)
{
	bool color = term_color(stdout);
	const char *plain = term_style(color, TERM_PLAIN);
	const char *plural = tally->tried == 1 ? "" : "s";

	if (tally->is_bad)
		printf("%sCannot protect: %zu of %zu target%s deliver%s damaged data still.%s",
		       term_style(color, TERM_BAD), tally->is_bad, tally->tried, plural,
		       tally->is_bad == 1 ? "s" : "", plain);
	else if (tally->good < tally->tried || !tally->tried)
		printf("%sNot everything could be proven%s: %zu of %zu target%s verif%s what they "
		       "receive.",
		       term_style(color, TERM_WARN), plain, tally->good, tally->tried, plural,
		       tally->good == 1 ? "ies" : "y");
	else if (tally->was_bad)
		printf("%sProtected%s: %zu of %zu target%s delivered damaged data, none does now.",
		       term_style(color, TERM_GOOD), plain, tally->was_bad, tally->tried, plural);
	else
		printf("%sNothing to do%s: every target verifies what it receives, %zu of %zu, proven by "
		       "delivery.",
		       term_style(color, TERM_GOOD), plain, tally->good, tally->tried);
	printf(" (%u probe%s, %.1f s)\n", result->probes, result->probes == 1 ? "" : "s",
	       result->seconds);
	if (tally->isolated)
		printf("%zu more ha%s no device but lo: nothing can enter, nothing was tried.\n",
		       tally->isolated, tally->isolated == 1 ? "s" : "ve");
}

static void print_verdict(enum verdict verdict)
{
	bool color = term_color(stdout);

	printf("%s%-16s%s  ", term_style(color, term_verdict_style(verdict)),
	       verdict == VERDICT_DELIVERS_CORRUPT ? "DELIVERS CORRUPT" : verdict_names[verdict],
	       term_style(color, TERM_PLAIN));
}

static void print_targets(const struct proof_result *result, const struct inventory *inventory)
{
	int width = 6;

	for (size_t i = 0; i < result->target_count; i++) {
		int len = shown_width(inventory->space[result->target[i].space].name);

		width = len > width ? len : width;
	}
	printf("\n%-*s  %-15s  %-16s  %-16s  mitigation\n", width, "target", "device", "before",
	       "after");
	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];
		char device[IFNAMSIZ], words[80];

		if (target->isolated)
			continue;
		term_printable(device, sizeof(device), target->device);
		catalog_words(target->kept, ", ", "-", words, sizeof(words));
		printf("%-*.*s  %-15s  ", width, NAME_SHOWN, inventory->space[target->space].name,
		       *device ? device : "-");
		print_verdict(target->before);
		print_verdict(target->after);
		printf("%s\n", words);
	}
}

static void print_policy_rows(const struct policy *policy)
{
	char words[80];

	for (size_t i = 0; i < policy->kind_count; i++) {
		catalog_words(policy->kind[i].mitigations, ", ", "-", words, sizeof(words));
		printf("  containers' %s: %s\n", policy->kind[i].name, words);
	}
	for (size_t i = 0; i < policy->device_count; i++) {
		catalog_words(policy->device[i].mitigations, ", ", "-", words, sizeof(words));
		printf("  the host's %s: %s\n", policy->device[i].name, words);
	}
	catalog_words(policy->host, ", ", "-", words, sizeof(words));
	if (policy->host)
		printf("  the host: %s\n", words);
}

static bool policy_is_empty(const struct policy *policy)
{
	return !policy->kind_count && !policy->device_count && !policy->host;
}

static void explain_targets(const struct proof_result *result, const struct inventory *inventory)
{
	size_t explained = 0, left = 0;

	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];

		if (target->isolated || target->after == VERDICT_VERIFIED)
			continue;
		if (explained++ >= EXPLAINED_MAX) {
			left++;
			continue;
		}
		printf("\n%s %s: %s\n", inventory->space[target->space].name,
		       target->after == VERDICT_DELIVERS_CORRUPT ? "cannot be protected"
								 : verdict_names[target->after],
		       target->reason);
	}
	if (left)
		printf("\n%zu more targets are not proven safe: --json has them all\n", left);
}

static void print_next(void)
{
	pid_t daemon = service_pid();

	printf("\nNext:\n");
	if (daemon)
		printf("  kill -HUP %-17d lets the running daemon put that on every new container\n",
		       (int)daemon);
	else
		printf("  truesum guard run           puts that on every new container\n");
	printf("  truesum guard status        says whether it is in force\n  " REVERT_HINT);
}

void guard_print_apply(const struct proof_result *result, const struct inventory *inventory)
{
	struct tally tally = count(result);

	print_headline(result, &tally);
	print_targets(result, inventory);
	if (*result->problem)
		printf("\n%s%s\n", result->problem,
		       result->problems > 1 ? " (and others: --json)" : "");
	explain_targets(result, inventory);
	if (policy_is_empty(&result->policy))
		return;
	printf("\nThe policy (" POLICY_FILE "):\n");
	print_policy_rows(&result->policy);
	print_next();
}

/* ---- status ---- */

const char *guard_state(const struct records *records)
{
	if (records->error)
		return "unknown";
	return records->holding < records->change_count ? "drifted" : "in-force";
}

static void print_changes(const struct records *records)
{
	bool color = term_color(stdout);
	int width = 5;

	for (size_t i = 0; i < records->place_count; i++) {
		int len = shown_width(records->place[i].where);

		width = len > width ? len : width;
	}
	printf("\n%-*s  %-15s  %-18s  %-8s  %s\n", width, "where", "device", "mitigation", "now",
	       "before");
	for (size_t i = 0; i < records->place_count; i++) {
		const struct records_place *place = &records->place[i];

		for (size_t k = 0; k < place->count; k++) {
			const struct records_change *change = &records->change[place->first + k];

			printf("%-*.*s  %-15s  %-18s  %s%-8s%s  %s%s%s\n", width, NAME_SHOWN,
			       place->where, *place->device ? place->device : "-",
			       mitigation_names[change->mitigation],
			       term_style(color, change->in_force ? TERM_GOOD : TERM_BAD),
			       change->in_force ? "in force" : "DRIFTED",
			       term_style(color, TERM_PLAIN),
			       *change->former ? change->what : "none", *change->former ? " " : "",
			       change->former);
		}
	}
}

/* "3 minutes" */
static void age_words(int64_t seconds, char *text, size_t size)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	size_t i = 0;

	seconds = seconds < 0 ? 0 : seconds;
	while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
		i++;
	snprintf(text, size, "%" PRId64 " %s%s", seconds / units[i].seconds, units[i].unit,
		 seconds / units[i].seconds == 1 ? "" : "s");
}

static void print_policy(const struct guard_status *status)
{
	const struct policy *policy = &status->policy;
	char age[40];

	if (!status->has_policy) {
		printf("\nThere is no policy for new containers: truesum guard apply makes one.\n");
		return;
	}
	age_words(time(NULL) - policy->proven, age, sizeof(age));
	if (policy->proven)
		printf("\nPolicy, proven %s ago on Linux %s, verdict %s:\n", age, policy->kernel,
		       verdict_names[policy->verdict]);
	else
		printf("\nPolicy, ordered by name on Linux %s, verdict %s:\n", policy->kernel,
		       verdict_names[policy->verdict]);
	print_policy_rows(policy);
	if (policy_is_empty(policy))
		printf("  nothing is needed\n");
	if (strcmp(policy->kernel, status->kernel) != 0)
		printf("Linux %s runs now: truesum guard apply proves it anew.\n", status->kernel);
}

void guard_print_status(const struct guard_status *status, const struct inventory *inventory)
{
	const struct records *records = &status->records;
	bool color = term_color(stdout);
	size_t drifted = records->change_count - records->holding;

	if (drifted)
		printf("%sDrifted%s: %zu of %zu change%s no longer in force. truesum guard apply makes it "
		       "anew.\n",
		       term_style(color, TERM_BAD), term_style(color, TERM_PLAIN), drifted,
		       records->change_count, drifted == 1 ? " is" : "s are");
	else if (records->change_count)
		printf("%sIn force%s: %zu change%s.\n", term_style(color, TERM_GOOD),
		       term_style(color, TERM_PLAIN), records->change_count,
		       records->change_count == 1 ? "" : "s");
	else
		printf("Nothing is put on.\n");
	if (records->past)
		printf("What was put on before the last boot is gone with it.\n");
	if (records->change_count)
		print_changes(records);
	print_policy(status);
	if (status->bare_count)
		printf("\n%zu container device%s not what the policy says, as %s in %s: begun since then, or\n"
		       "proven not to need it. truesum guard apply looks; truesum guard run does so by itself.\n",
		       status->bare_count, status->bare_count == 1 ? " has" : "s have",
		       status->bare[0].device, inventory->space[status->bare[0].space].name);
}

/* ---- revert ---- */

static void print_reverted(const struct records *records, const struct guard_reverted *reverted,
			   bool dry_run)
{
	const struct records_place *place = &reverted->place;

	for (size_t i = 0; i < place->count; i++) {
		const struct records_change *change = &records->change[place->first + i];

		printf("  %s%s%s: %s", place->where, *place->device ? " " : "", place->device,
		       mitigation_names[change->mitigation]);
		if (!change->in_force)
			printf(" was not in force any more");
		else if (*reverted->why)
			printf(" could not be taken back: %s", reverted->why);
		else if (!*change->former)
			printf(" %s", dry_run ? "would be taken off" : "taken off");
		else
			printf(", %s %s %s", change->what, dry_run ? "would be again" : "is again",
			       change->former);
		printf("\n");
	}
}

static size_t changes_of(const struct guard_revert *revert)
{
	size_t changes = 0;

	for (size_t i = 0; i < revert->count; i++)
		changes += revert->reverted[i].place.count;
	return changes;
}

void guard_print_revert(const struct guard_revert *revert, bool dry_run)
{
	const struct records *records = &revert->records;
	size_t changes = changes_of(revert);

	if (!changes)
		printf("%s.\n",
		       dry_run ? "Nothing would be put back" : "There was nothing to put back");
	else if (dry_run)
		printf("%zu change%s would be put back:\n", changes, changes == 1 ? "" : "s");
	else if (revert->failed)
		printf("Not everything could be put back:\n");
	else
		printf("Put back: %zu change%s.\n", changes, changes == 1 ? "" : "s");
	for (size_t i = 0; i < revert->count; i++)
		print_reverted(records, &revert->reverted[i], dry_run);
	if (records->gone)
		printf("%u more %s gone with %s container or device.\n", records->gone,
		       records->gone == 1 ? "is" : "are", records->gone == 1 ? "its" : "their");
	if (records->past)
		printf("What was put on before the last boot is gone with it; %s.\n",
		       dry_run ? "its records would be removed" : "its records are removed");
	if (revert->recovered)
		printf("Left by killed runs: %u change%s undone.\n", revert->recovered,
		       revert->recovered == 1 ? "" : "s");
	if (revert->policy_removed)
		printf("The policy for new containers is removed.\n");
	if (dry_run)
		printf("Nothing was changed.\n");
}
