// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes the policy: see policy.h. */
#include "guard/policy.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "guard/catalog.h"

#define HARDWARE "hardware"

static const char *kind_name(const char *kind)
{
	return *kind ? kind : HARDWARE;
}

bool policy_is_end(const char *kind)
{
	static const char *const ends[] = { "veth",   "macvlan", "macvtap", "ipvlan",
					    "netkit", "tun",	 HARDWARE };

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!strcmp(kind_name(kind), ends[i]))
			return true;
	return false;
}

/* ---- Rows ---- */

static const struct policy_row *row_named(const struct policy_row *row, size_t count,
					  const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(row[i].name, name))
			return &row[i];
	return NULL;
}

uint32_t policy_get(const struct policy *policy, enum policy_rows rows, const char *name)
{
	const struct policy_row *row =
		rows == POLICY_KIND ? row_named(policy->kind, policy->kind_count, kind_name(name))
				    : row_named(policy->device, policy->device_count, name);
	uint32_t mask = row ? row->mitigations : 0;

	/* What belongs on a host's namespace cannot be on a container's device. */
	return rows == POLICY_KIND ? mask & ~catalog_at(AT_HOST) : mask;
}

static int merge_row(struct policy_row *row, size_t *count, size_t max, const char *name,
		     uint32_t mitigations)
{
	struct policy_row *found = (struct policy_row *)row_named(row, *count, name);

	if (!found && *count == max)
		return -E2BIG;
	if (!found) {
		found = &row[(*count)++];
		snprintf(found->name, sizeof(found->name), "%s", name);
		found->mitigations = 0;
	}
	found->mitigations |= mitigations;
	return 0;
}

int policy_add(struct policy *policy, enum policy_rows rows, const char *name, uint32_t mitigations)
{
	int rc;

	if (rows == POLICY_KIND) {
		rc = merge_row(policy->kind, &policy->kind_count, POLICY_KINDS_MAX, kind_name(name),
			       mitigations);
		return rc ? fail(rc, "more than %d kinds of devices", POLICY_KINDS_MAX) : 0;
	}
	rc = merge_row(policy->device, &policy->device_count, POLICY_DEVICES_MAX, name,
		       mitigations);
	return rc ? fail(rc, "more than %d devices of the host", POLICY_DEVICES_MAX) : 0;
}

/* ---- Reading ---- */

/* Rows of {`key`: name, "mitigations": [...]}. */
static int take_rows(const json_t *json, const char *key, struct policy *policy,
		     enum policy_rows rows)
{
	size_t i;
	const json_t *row;

	json_array_foreach(json, i, row) {
		const char *name = json_string_value(json_object_get(row, key));
		uint32_t mask;

		if (!name || !*name || strlen(name) >= IFNAMSIZ ||
		    catalog_parse(json_object_get(row, "mitigations"), &mask) ||
		    policy_add(policy, rows, name, mask))
			return -EBADMSG;
	}
	return json_is_array(json) ? 0 : -EBADMSG;
}

static int take_policy(const json_t *root, struct policy *policy)
{
	const char *kernel = json_string_value(json_object_get(root, "kernel"));
	const char *verdict = json_string_value(json_object_get(root, "verdict"));
	const json_t *proven = json_object_get(root, "proven");
	size_t number = 0;

	if (json_integer_value(json_object_get(root, "version")) != 1 || !kernel || !verdict ||
	    !json_is_integer(proven) || json_integer_value(proven) < 0 ||
	    strlen(kernel) >= sizeof(policy->kernel))
		return -EBADMSG;
	while (verdict_names[number] && strcmp(verdict_names[number], verdict))
		number++;
	if (!verdict_names[number])
		return -EBADMSG;
	policy->verdict = (enum verdict)number;
	policy->proven = json_integer_value(proven);
	snprintf(policy->kernel, sizeof(policy->kernel), "%s", kernel);
	if (take_rows(json_object_get(root, "containers"), "kind", policy, POLICY_KIND) ||
	    take_rows(json_object_get(root, "devices"), "device", policy, POLICY_DEVICE))
		return -EBADMSG;
	return catalog_parse(json_object_get(root, "host"), &policy->host);
}

static int read_any(const char *path, struct policy *ret_policy)
{
	json_auto_t *root = NULL;
	struct policy policy = { 0 };
	json_error_t error;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return fail(-ENOENT, "there is no policy yet (%s): `truesum guard apply` makes one",
			    path);
	root = json_load_file(path, 0, &error);
	if (!root)
		return fail(-EBADMSG, "%s: %s", path, error.text);
	if (take_policy(root, &policy))
		return fail(-EBADMSG,
			    "%s is not a policy of this version: remove it, and run "
			    "`truesum guard apply` again",
			    path);
	*ret_policy = policy;
	return 0;
}

int policy_read(const char *path, enum policy_kernel kernel, struct policy *ret_policy)
{
	struct policy policy;
	struct utsname now;
	int rc = read_any(path, &policy);

	if (rc)
		return rc;
	if (kernel == POLICY_THIS_KERNEL && (uname(&now) < 0 || strcmp(policy.kernel, now.release)))
		return fail(-ESTALE,
			    "the policy was proven on Linux %s, this is %s: `truesum guard apply` "
			    "makes another",
			    policy.kernel, now.release);
	*ret_policy = policy;
	return 0;
}

/* ---- Writing ---- */

json_t *policy_compose(const struct policy *policy)
{
	json_t *containers = json_array(), *devices = json_array();

	for (size_t i = 0; i < policy->kind_count; i++)
		json_array_append_new(containers,
				      json_pack("{s:s, s:o}", "kind", policy->kind[i].name,
						"mitigations",
						catalog_compose(policy->kind[i].mitigations)));
	for (size_t i = 0; i < policy->device_count; i++)
		json_array_append_new(devices,
				      json_pack("{s:s, s:o}", "device", policy->device[i].name,
						"mitigations",
						catalog_compose(policy->device[i].mitigations)));
	return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "kernel", policy->kernel, "proven",
			 (json_int_t)policy->proven, "verdict", verdict_names[policy->verdict],
			 "containers", containers, "devices", devices, "host",
			 catalog_compose(policy->host));
}

int policy_write(const char *path, const struct policy *policy)
{
	json_auto_t *root = json_pack("{s:i}", "version", 1);
	_cleanup_free_ char *text = NULL;

	if (!root || json_object_update_new(root, policy_compose(policy)))
		return fail(-ENOMEM, "out of memory");
	if (!strcmp(path, POLICY_FILE) && mkdir(POLICY_FOLDER, 0755) < 0 && errno != EEXIST)
		return fail_errno(-errno, "cannot make " POLICY_FOLDER);
	text = json_dumps(root, JSON_INDENT(2));
	if (!text)
		return fail(-ENOMEM, "out of memory");
	return file_replace(path, 0644, text, strlen(text));
}
