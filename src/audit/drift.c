// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two baselines compared: see baseline.h. Both have been checked, so the shape is what it should
 * be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/baseline.h"
#include "base/cleanup.h"
#include "base/fail.h"

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int add(struct audit_drift *drift, const struct audit_change *change)
{
	struct audit_change *grown = reallocarray(drift->change, drift->count + 1, sizeof(*grown));

	if (!grown)
		return fail(-ENOMEM, "out of memory");
	drift->change = grown;
	grown += drift->count++;
	*grown = *change;
	grown->namespace = strdup(change->namespace);
	grown->device = strdup(change->device);
	grown->what = strdup(change->what);
	return grown->namespace && grown->device && grown->what ? 0
								: fail(-ENOMEM, "out of memory");
}

/*
 * The one in the baseline to compare with: of all in that namespace that have the name, one that is
 * equal, or else the first; NULL: there is none.
 */
static const json_t *counterpart(const json_t *was, const char *namespace, const char *list,
				 const json_t *now)
{
	const json_t *space, *one, *first = NULL;
	size_t i, k;

	json_array_foreach(json_object_get(was, "namespaces"), i, space) {
		if (strcmp(text_of(space, "name"), namespace) != 0)
			continue;
		json_array_foreach(json_object_get(space, list), k, one) {
			if (strcmp(text_of(one, "name"), text_of(now, "name")) != 0)
				continue;
			if (json_equal(one, now))
				return one;
			first = first ? first : one;
		}
	}
	return first;
}

static bool lists(const json_t *array, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (!strcmp(json_string_value(one), text))
			return true;
	return false;
}

/* Adds what one list of names has and the other has not. */
static int compare_lists(struct audit_drift *drift, const char *namespace, const json_t *was,
			 const json_t *now, const char *list, const char *const states[2])
{
	const json_t *sides[2] = { json_object_get(was, list), json_object_get(now, list) };
	struct audit_change change = { .namespace = (char *)namespace,
				       .device = (char *)text_of(now, "name") };
	const json_t *one;
	int rc = 0;
	size_t i;

	for (int side = 0; !rc && side < 2; side++) {
		json_array_foreach(sides[side], i, one) {
			if (rc || lists(sides[!side], json_string_value(one)))
				continue;
			change.what = (char *)json_string_value(one);
			snprintf(change.was, sizeof(change.was), "%s", states[side]);
			snprintf(change.is, sizeof(change.is), "%s", states[!side]);
			rc = add(drift, &change);
		}
	}
	return rc;
}

static int compare_device(struct audit_drift *drift, const json_t *was, const char *namespace,
			  const json_t *now)
{
	static const char *const feature[] = { "on", "off" }, *const program[] = { "there",
										   "gone" };
	const json_t *former = counterpart(was, namespace, "devices", now);
	int rc;

	if (!former) {
		drift->unknown++;
		return 0;
	}
	rc = compare_lists(drift, namespace, former, now, "active", feature);
	return rc ? rc : compare_lists(drift, namespace, former, now, "programs", program);
}

static int compare_sysctl(struct audit_drift *drift, const json_t *was, const char *namespace,
			  const json_t *now)
{
	const json_t *former = counterpart(was, namespace, "sysctls", now);
	struct audit_change change = { .namespace = (char *)namespace,
				       .device = (char *)"",
				       .what = (char *)text_of(now, "name") };

	if (!former || json_equal(former, now))
		return 0;
	snprintf(change.was, sizeof(change.was), "%lld",
		 (long long)json_integer_value(json_object_get(former, "value")));
	snprintf(change.is, sizeof(change.is), "%lld",
		 (long long)json_integer_value(json_object_get(now, "value")));
	return add(drift, &change);
}

int audit_baseline_compare(const json_t *was, const json_t *now, struct audit_drift *ret_drift)
{
	struct audit_drift drift = { 0 };
	const json_t *space, *one;
	size_t i, k;
	int rc = 0;

	json_array_foreach(json_object_get(now, "namespaces"), i, space) {
		const char *name = text_of(space, "name");

		json_array_foreach(json_object_get(space, "sysctls"), k, one)
			rc = rc ? rc : compare_sysctl(&drift, was, name, one);
		json_array_foreach(json_object_get(space, "devices"), k, one)
			rc = rc ? rc : compare_device(&drift, was, name, one);
	}
	if (rc)
		audit_drift_release(&drift);
	else
		*ret_drift = drift;
	return rc;
}

void audit_drift_release(struct audit_drift *drift)
{
	for (size_t i = 0; i < drift->count; i++) {
		free(drift->change[i].namespace);
		free(drift->change[i].device);
		free(drift->change[i].what);
	}
	free(drift->change);
	*drift = (struct audit_drift){ 0 };
}
