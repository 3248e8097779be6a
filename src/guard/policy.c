// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading and writing the policy: see policy.h. */
#include "guard/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "guard/mitigate.h"

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

uint32_t policy_of_kind(const struct policy *policy, const char *kind)
{
	for (size_t i = 0; i < policy->kind_count; i++)
		if (!strcmp(policy->kind[i].kind, kind_name(kind)))
			return policy->kind[i].mitigations & guard_mitigations_of_devices();
	return 0;
}

uint32_t policy_of_device(const struct policy *policy, const char *device)
{
	for (size_t i = 0; i < policy->device_count; i++)
		if (!strcmp(policy->device[i].device, device))
			return policy->device[i].mitigations;
	return 0;
}

int policy_add_kind(struct policy *policy, const char *kind, uint32_t mitigations)
{
	for (size_t i = 0; i < policy->kind_count; i++)
		if (!strcmp(policy->kind[i].kind, kind_name(kind))) {
			policy->kind[i].mitigations |= mitigations;
			return 0;
		}
	if (policy->kind_count == POLICY_KINDS_MAX)
		return fail(-E2BIG, "more than %d kinds of devices", POLICY_KINDS_MAX);
	policy->kind[policy->kind_count].mitigations = mitigations;
	snprintf(policy->kind[policy->kind_count++].kind, sizeof(policy->kind[0].kind), "%s",
		 kind_name(kind));
	return 0;
}

int policy_add_device(struct policy *policy, const char *device, uint32_t mitigations)
{
	for (size_t i = 0; i < policy->device_count; i++)
		if (!strcmp(policy->device[i].device, device)) {
			policy->device[i].mitigations |= mitigations;
			return 0;
		}
	if (policy->device_count == POLICY_DEVICES_MAX)
		return fail(-E2BIG, "more than %d devices of the host", POLICY_DEVICES_MAX);
	policy->device[policy->device_count].mitigations = mitigations;
	snprintf(policy->device[policy->device_count++].device, IFNAMSIZ, "%s", device);
	return 0;
}

/* ---- Reading ---- */

/* Rows of {`key`: name, "mitigations": [...]}. */
static int take_rows(const json_t *rows, const char *key, struct policy *policy,
		     int (*add)(struct policy *policy, const char *name, uint32_t mitigations))
{
	size_t i;
	const json_t *row;

	json_array_foreach(rows, i, row) {
		const char *name = json_string_value(json_object_get(row, key));
		uint32_t mask;

		if (!name || !*name || strlen(name) >= IFNAMSIZ ||
		    guard_mitigations_take(json_object_get(row, "mitigations"), &mask) ||
		    add(policy, name, mask))
			return -EBADMSG;
	}
	return json_is_array(rows) ? 0 : -EBADMSG;
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
	if (take_rows(json_object_get(root, "containers"), "kind", policy, policy_add_kind) ||
	    take_rows(json_object_get(root, "devices"), "device", policy, policy_add_device))
		return -EBADMSG;
	return guard_mitigations_take(json_object_get(root, "host"), &policy->host);
}

int policy_read(const char *path, struct policy *ret_policy)
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
			    "%s is no policy of this version: remove it, and run "
			    "`truesum guard apply` again",
			    path);
	*ret_policy = policy;
	return 0;
}

int policy_current(const char *path, struct policy *ret_policy)
{
	struct policy policy;
	struct utsname kernel;
	int rc = policy_read(path, &policy);

	if (rc)
		return rc;
	if (uname(&kernel) < 0 || strcmp(policy.kernel, kernel.release))
		return fail(
			-ESTALE,
			"the policy was proven on Linux %s, this is %s: `truesum guard apply` makes "
			"another",
			policy.kernel, kernel.release);
	*ret_policy = policy;
	return 0;
}

/* ---- Writing ---- */

json_t *policy_compose(const struct policy *policy)
{
	json_t *containers = json_array(), *devices = json_array();

	for (size_t i = 0; i < policy->kind_count; i++)
		json_array_append_new(
			containers,
			json_pack("{s:s, s:o}", "kind", policy->kind[i].kind, "mitigations",
				  guard_mitigations_compose(policy->kind[i].mitigations)));
	for (size_t i = 0; i < policy->device_count; i++)
		json_array_append_new(
			devices,
			json_pack("{s:s, s:o}", "device", policy->device[i].device, "mitigations",
				  guard_mitigations_compose(policy->device[i].mitigations)));
	return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o}", "kernel", policy->kernel, "proven",
			 (json_int_t)policy->proven, "verdict", verdict_names[policy->verdict],
			 "containers", containers, "devices", devices, "host",
			 guard_mitigations_compose(policy->host));
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
