// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum guard` for machines: see guard_report.h. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "base/fail.h"
#include "base/term.h"
#include "cmd/guard/report.h"
#include "guard/catalog.h"
#include "guard/proof.h"
#include "net/inventory.h"

static json_t *devices(const char *first, const char *second)
{
	const char *const all[] = { first, second };
	json_t *array = json_array();
	char name[IFNAMSIZ];

	for (size_t i = 0; i < 2; i++) {
		term_printable(name, sizeof(name), all[i]);
		if (*name)
			json_array_append_new(array, json_string(name));
	}
	return array;
}

/* Takes `object`. */
static int print(json_t *object)
{
	int rc = object ? json_dumpf(object, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) : -1;

	json_decref(object);
	if (rc)
		return fail(-ENOMEM, "out of memory");
	printf("\n");
	return 0;
}

static json_t *begin(const char *action)
{
	return json_pack("{ss ss ss}", "command", "guard", "action", action, "version",
			 TRUESUM_VERSION);
}

int guard_print_apply_json(const struct proof_result *result, const struct inventory *inventory)
{
	json_t *root = begin("apply"), *targets = json_array();

	for (size_t i = 0; i < result->target_count; i++) {
		const struct proof_target *target = &result->target[i];
		const struct space *space = &inventory->space[target->space];

		json_array_append_new(
			targets,
			json_pack("{ss sI si ss ss so sb ss ss so so ss}", "name", space->name,
				  "netns", (json_int_t)space->id.ino, "pid", (int)space->pid,
				  "container", space->container, "pod", space->pod, "devices",
				  devices(target->device, target->device_v6), "isolated",
				  target->isolated, "before", verdict_names[target->before],
				  "after", verdict_names[target->after], "mitigations",
				  catalog_compose(target->kept), "tried",
				  catalog_compose(target->tried), "reason", target->reason));
	}
	json_object_set_new(root, "verdict", json_string(verdict_names[result->verdict]));
	json_object_set_new(root, "seconds", json_real(result->seconds));
	json_object_set_new(root, "probes", json_integer(result->probes));
	json_object_set_new(root, "problem", json_string(result->problem));
	json_object_set_new(root, "targets", targets);
	json_object_set_new(root, "policy", policy_compose(&result->policy));
	return print(root);
}

static json_t *change_json(const struct records_place *place, const struct records_change *change)
{
	return json_pack("{ss sI ss ss ss ss sb}", "where", place->where, "netns",
			 (json_int_t)place->netns.ino, "device", place->device, "mitigation",
			 mitigation_names[change->mitigation], "what", change->what, "former",
			 change->former, "in_force", change->in_force);
}

int guard_print_status_json(const struct guard_status *status, const struct inventory *inventory)
{
	const struct records *records = &status->records;
	json_t *root = begin("status"), *changes = json_array(), *bare = json_array();

	for (size_t i = 0; i < records->place_count; i++)
		for (size_t k = 0; k < records->place[i].count; k++)
			json_array_append_new(
				changes,
				change_json(&records->place[i],
					    &records->change[records->place[i].first + k]));
	for (size_t i = 0; i < status->bare_count; i++)
		json_array_append_new(bare,
				      json_pack("{ss so so}", "name",
						inventory->space[status->bare[i].space].name,
						"devices", devices(status->bare[i].device, ""),
						"lacks", catalog_compose(status->bare[i].lacks)));
	json_object_set_new(root, "state", json_string(guard_state(records)));
	json_object_set_new(root, "reason", json_string(records->why));
	json_object_set_new(root, "kernel", json_string(status->kernel));
	json_object_set_new(root, "changes", changes);
	json_object_set_new(root, "bare", bare);
	json_object_set_new(root, "policy",
			    status->has_policy ? policy_compose(&status->policy) : json_null());
	if (status->has_policy)
		json_object_set_new(root, "age", json_integer(time(NULL) - status->policy.proven));
	return print(root);
}

int guard_print_revert_json(const struct guard_revert *revert)
{
	json_t *root = begin("revert"), *changes = json_array();

	for (size_t i = 0; i < revert->count; i++) {
		const struct records_place *place = &revert->reverted[i].place;

		for (size_t k = 0; k < place->count; k++) {
			json_t *change =
				change_json(place, &revert->records.change[place->first + k]);

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
	return print(root);
}
