// SPDX-License-Identifier: GPL-2.0-or-later
/* What `truesum guard apply`, `status` and `revert` print: text, then JSON. */
#include "cmd/guard/report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "guard/catalog.h"
#include "guard/daemon/service.h"
#include "guard/proof.h"
#include "net/inventory.h"

#define NAME_WIDTH_MAX 28
#define EXPLAINED_MAX 20

static int name_width(const char *name)
{
	size_t len = strlen(name);

	return (int)(len > NAME_WIDTH_MAX ? NAME_WIDTH_MAX : len);
}

/* ---- apply ---- */

/* How many targets. */
struct tally {
	size_t tried, isolated, was_bad, is_bad, good;
};

static struct tally tally_targets(const struct proof_result *result)
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
	}
	return tally;
}

static void print_verified(const struct tally *tally)
{
	printf(": %zu of %zu target%s %s.", tally->good, tally->tried, tally->tried == 1 ? "" : "s",
	       tally->good == 1 || tally->tried == 1 ? "verifies what it receives"
						     : "verify what they receive");
}

static void print_apply_headline(const struct proof_result *result, const struct tally *tally)
{
	bool color = term_color(stdout), ordered = !result->policy.proven;
	const char *plain = term_style(color, TERM_PLAIN), *good = term_style(color, TERM_GOOD);
	const char *plural = tally->tried == 1 ? "" : "s";

	if (tally->is_bad) {
		printf("%sCannot protect: %zu of %zu target%s still deliver%s damaged data.%s",
		       term_style(color, TERM_BAD), tally->is_bad, tally->tried, plural,
		       tally->is_bad == 1 ? "s" : "", plain);
	} else if (tally->good < tally->tried || !tally->tried) {
		printf("%sNot all proven safe%s", term_style(color, TERM_WARN), plain);
		print_verified(tally);
	} else if (tally->was_bad) {
		printf("%sProtected%s: %zu of %zu target%s delivered damaged data, now none.", good,
		       plain, tally->was_bad, tally->tried, plural);
	} else {
		printf("%s%s%s", good, ordered ? "Safe" : "Nothing to do", plain);
		print_verified(tally);
	}
	printf(" (%u probe%s, %.1f s)\n", result->probes, result->probes == 1 ? "" : "s",
	       result->seconds);
	if (tally->isolated)
		printf("%zu more ha%s only lo: no packet can enter, so nothing was tried.\n",
		       tally->isolated, tally->isolated == 1 ? "s" : "ve");
}

static void print_verdict_column(enum verdict verdict)
{
	bool color = term_color(stdout);

	printf("%s%-16s%s  ", term_style(color, term_verdict_style(verdict)),
	       verdict == VERDICT_DELIVERS_CORRUPT ? "DELIVERS CORRUPT" : verdict_names[verdict],
	       term_style(color, TERM_PLAIN));
}

static void print_target_table(const struct proof_result *result, const struct inventory *inventory)
{
	int width = 6;

	for (size_t i = 0; i < result->target_count; i++) {
		int len = name_width(inventory->space[result->target[i].space].name);

		width = len > width ? len : width;
	}
	printf("\n%-*s  %-15s  %-16s  %-16s  mitigation\n", width, "target", "device", "before",
	       "after");
	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];
		char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)], words[80];

		if (target->isolated)
			continue;
		term_printable(device, sizeof(device), target->device);
		catalog_words(target->kept, ", ", "-", words, sizeof(words));
		printf("%-*.*s  %-15s  ", width, NAME_WIDTH_MAX,
		       inventory->space[target->space].name, *device ? device : "-");
		print_verdict_column(target->before);
		print_verdict_column(target->after);
		printf("%s\n", words);
	}
}

static void print_policy_rows(const struct policy *policy)
{
	char words[300];

	for (size_t i = 0; i < policy->kind_count; i++) {
		policy_words(&policy->kind[i], words, sizeof(words));
		printf("  containers: %s\n", words);
	}
	for (size_t i = 0; i < policy->device_count; i++) {
		catalog_words(policy->device[i].mitigations, ", ", "-", words, sizeof(words));
		printf("  %s on the host: %s\n", policy->device[i].name, words);
	}
	catalog_words(policy->host, ", ", "-", words, sizeof(words));
	if (policy->host)
		printf("  the host itself: %s\n", words);
}

static bool policy_is_empty(const struct policy *policy)
{
	return !policy->kind_count && !policy->device_count && !policy->host;
}

/* After a target's name, before the reason. */
static const char *const unsafe_words[VERDICTS] = {
	[VERDICT_UNKNOWN] = "could not be judged",
	[VERDICT_VERIFIED] = "is verified",
	[VERDICT_DELIVERS_CORRUPT] = "cannot be protected",
	[VERDICT_BLOCKED] = "is blocked",
	[VERDICT_NOT_POSSIBLE] = "cannot be judged on this kernel",
};

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
		       unsafe_words[target->after], target->reason);
	}
	if (left)
		printf("\n%zu more target%s not proven safe: --json shows all.\n", left,
		       left == 1 ? " is" : "s are");
}

/* Those whose own settings keep the probe from telling anything about other containers. */
static void explain_others(const struct proof_result *result, const struct inventory *inventory)
{
	size_t count = 0, first = 0;

	for (size_t i = 0; i < result->target_count; i++)
		if (*result->target[i].others && !count++)
			first = i;
	if (count)
		printf("\n%s%s: mitigated by somebody else, so nothing is concluded from it about others:\n"
		       "%s.\n",
		       inventory->space[result->target[first].space].name,
		       count > 1 ? " and others" : "", result->target[first].others);
}

static void print_next_steps(void)
{
	pid_t daemon = service_pid();

	printf("\nNext:\n");
	if (daemon)
		printf("  kill -HUP %-12d  makes the running daemon use this policy\n",
		       (int)daemon);
	else
		printf("  truesum guard run       keeps this on, and puts it on new containers\n");
	printf("  truesum guard status    shows whether it is still in force\n"
	       "  truesum guard revert    puts everything back as it was\n");
}

static void print_apply(const struct proof_result *result, const struct inventory *inventory)
{
	struct tally tally = tally_targets(result);

	print_apply_headline(result, &tally);
	print_target_table(result, inventory);
	if (*result->problem)
		printf("\n%s%s\n", result->problem,
		       result->problems > 1 ? " (this is the first of several such problems)" : "");
	explain_targets(result, inventory);
	explain_others(result, inventory);
	if (policy_is_empty(&result->policy))
		return;
	printf("\nPolicy (" POLICY_FILE "):\n");
	print_policy_rows(&result->policy);
	print_next_steps();
}

/* ---- status ---- */

static void print_change_table(const struct records *records)
{
	bool color = term_color(stdout);
	int width = 5;

	for (size_t i = 0; i < records->place_count; i++) {
		int len = name_width(records->place[i].where);

		width = len > width ? len : width;
	}
	printf("\n%-*s  %-15s  %-18s  %-8s  %s\n", width, "where", "device", "mitigation", "now",
	       "before");
	for (size_t i = 0; i < records->place_count; i++) {
		const struct records_place *place = &records->place[i];

		for (size_t k = 0; k < place->count; k++) {
			const struct records_change *change = &records->change[place->first + k];

			printf("%-*.*s  %-15s  %-18s  %s%-8s%s  %s%s%s\n", width, NAME_WIDTH_MAX,
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

static void print_policy_of_status(const struct guard_status *status)
{
	const struct policy *policy = &status->policy;
	char age[40];

	if (!status->has_policy) {
		printf("\nThere is no policy for new containers yet: truesum guard apply makes one.\n");
		return;
	}
	age_words(time(NULL) - policy->proven, age, sizeof(age));
	if (policy->proven)
		printf("\nPolicy, proven %s ago on Linux %s (verdict: %s):\n", age, policy->kernel,
		       verdict_names[policy->verdict]);
	else
		printf("\nPolicy, chosen with --mitigation on Linux %s (verdict: %s):\n",
		       policy->kernel, verdict_names[policy->verdict]);
	print_policy_rows(policy);
	if (policy_is_empty(policy))
		printf("  no mitigation%s\n",
		       policy->verdict == VERDICT_VERIFIED ? " is needed" : "");
	if (strcmp(policy->kernel, status->kernel) != 0)
		printf("This host now runs Linux %s: truesum guard apply proves the policy again.\n",
		       status->kernel);
}

static void print_status(const struct guard_status *status, const struct inventory *inventory)
{
	const struct records *records = &status->records;
	bool color = term_color(stdout);
	size_t drifted = records->change_count - records->holding;
	char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)] = "";

	if (drifted)
		printf("%sDrifted%s: %zu of %zu change%s no longer in force. truesum guard apply repairs it.\n",
		       term_style(color, TERM_BAD), term_style(color, TERM_PLAIN), drifted,
		       records->change_count, drifted == 1 ? " is" : "s are");
	else if (policy_is_hopeless(&status->policy))
		printf("%sNothing helps%s: damage is delivered in spite of %zu change%s in force.\n",
		       term_style(color, TERM_BAD), term_style(color, TERM_PLAIN),
		       records->change_count, records->change_count == 1 ? "" : "s");
	else if (records->change_count)
		printf("%sIn force%s: %zu change%s.\n", term_style(color, TERM_GOOD),
		       term_style(color, TERM_PLAIN), records->change_count,
		       records->change_count == 1 ? "" : "s");
	else
		printf("No mitigation is on.\n");
	if (records->past)
		printf("What was changed before the last reboot is no longer in force.\n");
	if (records->change_count)
		print_change_table(records);
	print_policy_of_status(status);
	if (status->bare_count)
		term_printable(device, sizeof(device), status->bare[0].device);
	if (status->bare_count)
		printf("\n%zu container device%s a mitigation of the policy: %s in %s%s.\n"
		       "Either newer than the policy, or proven not to need it: truesum guard apply\n"
		       "finds out. truesum guard run protects new containers by itself.\n",
		       status->bare_count, status->bare_count == 1 ? " lacks" : "s lack", device,
		       inventory->space[status->bare[0].space].name,
		       status->bare_count == 1 ? "" : ", and others");
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
			printf(" was no longer in force");
		else if (*reverted->why)
			printf(" could not be undone: %s", reverted->why);
		else if (!*change->former)
			printf(" %s", dry_run ? "would be removed" : "removed");
		else
			printf(" %s, %s %s %s again", dry_run ? "would be undone" : "undone",
			       change->what, dry_run ? "would be" : "is", change->former);
		printf("\n");
	}
}

/* The changes that had an effect. */
static size_t count_in_force(const struct guard_revert *revert)
{
	size_t changes = 0;

	for (size_t i = 0; i < revert->count; i++) {
		const struct records_place *place = &revert->reverted[i].place;

		for (size_t k = 0; k < place->count; k++)
			changes += revert->records.change[place->first + k].in_force;
	}
	return changes;
}

static void print_revert(const struct guard_revert *revert)
{
	bool dry_run = revert->dry_run;
	const struct records *records = &revert->records;
	size_t changes = count_in_force(revert);

	if (revert->failed)
		printf("Not everything could be undone:\n");
	else if (!changes)
		printf("There %s nothing to undo.\n", dry_run ? "is" : "was");
	else if (dry_run)
		printf("%zu change%s would be undone:\n", changes, changes == 1 ? "" : "s");
	else
		printf("%zu change%s undone:\n", changes, changes == 1 ? "" : "s");
	for (size_t i = 0; i < revert->count; i++)
		print_reverted(records, &revert->reverted[i], dry_run);
	if (records->gone)
		printf("%u changed device%s or namespace%s no longer exist%s.\n", records->gone,
		       records->gone == 1 ? "" : "s", records->gone == 1 ? "" : "s",
		       records->gone == 1 ? "s" : "");
	if (records->past)
		printf("What was changed before the last reboot is no longer in force; its records %s.\n",
		       dry_run ? "would be removed" : "were removed");
	if (revert->recovered)
		printf("Also undone: %u change%s that killed runs had left.\n", revert->recovered,
		       revert->recovered == 1 ? "" : "s");
	if (revert->policy_removed)
		printf("The policy for new containers was removed.\n");
	if (dry_run)
		printf("Nothing was changed.\n");
}

/* ---- JSON ---- */

static json_t *devices_json(const char *first, const char *second)
{
	const char *const all[] = { first, second };
	json_t *array = json_array();
	char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)];

	for (size_t i = 0; i < 2; i++) {
		term_printable(name, sizeof(name), all[i]);
		if (*name)
			json_array_append_new(array, json_string(name));
	}
	return array;
}

static json_t *begin_json(const char *action)
{
	return json_pack("{ss ss ss}", "command", "guard", "action", action, "version",
			 TRUESUM_VERSION);
}

static json_t *apply_json(const struct proof_result *result, const struct inventory *inventory)
{
	json_t *root = begin_json("apply"), *targets = json_array();

	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];
		const struct space *space = &inventory->space[target->space];

		json_array_append_new(
			targets,
			json_pack("{ss sI si ss ss so sb ss ss so so ss ss}", "name", space->name,
				  "netns", (json_int_t)space->id.ino, "pid", (int)space->pid,
				  "container", space->container, "pod", space->pod, "devices",
				  devices_json(target->device, target->device_v6), "isolated",
				  target->isolated, "before", verdict_names[target->before],
				  "after", verdict_names[target->after], "mitigations",
				  catalog_compose(target->kept), "tried",
				  catalog_compose(target->tried), "reason", target->reason,
				  "others", target->others));
	}
	json_object_set_new(root, "verdict", json_string(verdict_names[result->verdict]));
	json_object_set_new(root, "seconds", json_real(result->seconds));
	json_object_set_new(root, "probes", json_integer(result->probes));
	json_object_set_new(root, "problem", json_string(result->problem));
	json_object_set_new(root, "targets", targets);
	json_object_set_new(root, "policy", policy_compose(&result->policy));
	return root;
}

static json_t *recorded_json(const struct records_place *place, const struct records_change *change)
{
	return json_pack("{ss sI ss ss ss ss sb}", "where", place->where, "netns",
			 (json_int_t)place->netns.ino, "device", place->device, "mitigation",
			 mitigation_names[change->mitigation], "what", change->what, "former",
			 change->former, "in_force", change->in_force);
}

static const char *state_name(const struct records *records)
{
	if (records->error)
		return "unknown";
	return records->holding < records->change_count ? "drifted" : "in-force";
}

static json_t *status_json(const struct guard_status *status, const struct inventory *inventory)
{
	const struct records *records = &status->records;
	json_t *root = begin_json("status"), *changes = json_array(), *bare = json_array();

	for (size_t i = 0; i < records->place_count; i++)
		for (size_t k = 0; k < records->place[i].count; k++)
			json_array_append_new(
				changes,
				recorded_json(&records->place[i],
					      &records->change[records->place[i].first + k]));
	for (size_t i = 0; i < status->bare_count; i++)
		json_array_append_new(bare,
				      json_pack("{ss so so}", "name",
						inventory->space[status->bare[i].space].name,
						"devices", devices_json(status->bare[i].device, ""),
						"lacks", catalog_compose(status->bare[i].lacks)));
	json_object_set_new(root, "state", json_string(state_name(records)));
	json_object_set_new(root, "reason", json_string(records->why));
	json_object_set_new(root, "kernel", json_string(status->kernel));
	json_object_set_new(root, "changes", changes);
	json_object_set_new(root, "bare", bare);
	json_object_set_new(root, "policy",
			    status->has_policy ? policy_compose(&status->policy) : json_null());
	if (status->has_policy)
		json_object_set_new(root, "age", json_integer(time(NULL) - status->policy.proven));
	return root;
}

static json_t *revert_json(const struct guard_revert *revert)
{
	json_t *root = begin_json("revert"), *changes = json_array();

	for (size_t i = 0; i < revert->count; i++) {
		const struct records_place *place = &revert->reverted[i].place;

		for (size_t k = 0; k < place->count; k++) {
			json_t *change =
				recorded_json(place, &revert->records.change[place->first + k]);

			json_object_set_new(change, "reason", json_string(revert->reverted[i].why));
			json_array_append_new(changes, change);
		}
	}
	json_object_set_new(root, "changes", changes);
	json_object_set_new(root, "gone", json_integer(revert->records.gone));
	json_object_set_new(root, "past", json_integer(revert->records.past));
	json_object_set_new(root, "recovered", json_integer(revert->recovered));
	json_object_set_new(root, "lost", json_integer(revert->lost));
	json_object_set_new(root, "policy_removed", json_boolean(revert->policy_removed));
	return root;
}

/* Takes `object`. */
static int print_report_json(json_t *object)
{
	int rc = object ? json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : -1;

	json_decref(object);
	if (rc)
		return fail(-ENOMEM, "out of memory");
	printf("\n");
	return 0;
}

int guard_print(const struct guard_report *report, bool json)
{
	if (report->apply && json)
		return print_report_json(apply_json(report->apply, report->inventory));
	if (report->status && json)
		return print_report_json(status_json(report->status, report->inventory));
	if (json)
		return print_report_json(revert_json(report->revert));
	if (report->apply)
		print_apply(report->apply, report->inventory);
	else if (report->status)
		print_status(report->status, report->inventory);
	else
		print_revert(report->revert);
	return 0;
}
