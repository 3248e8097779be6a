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

#define VERSION 2
#define HARDWARE "hardware"

const char *const policy_state_names[] = { "unproven", "needs-nothing", "protected",
					   "nothing-helps", NULL };

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

const struct policy_row *policy_kind(const struct policy *policy, const char *kind)
{
	return row_named(policy->kind, policy->kind_count, kind_name(kind));
}

uint32_t policy_get(const struct policy *policy, enum policy_rows rows, const char *name)
{
	const struct policy_row *row =
		rows == POLICY_KIND ? policy_kind(policy, name)
				    : row_named(policy->device, policy->device_count, name);

	if (rows == POLICY_DEVICE)
		return row ? row->mitigations : 0;
	if (!row)
		return policy->is_old ? 0 : catalog_at(AT_END);
	/* What belongs on a host's namespace cannot be on a container's device. */
	return row->mitigations & ~catalog_at(AT_HOST);
}

bool policy_is_hopeless(const struct policy *policy)
{
	for (size_t i = 0; i < policy->kind_count; i++)
		if (policy->kind[i].state == POLICY_NOTHING_HELPS)
			return true;
	return false;
}

void policy_words(const struct policy_row *row, char *text, size_t size)
{
	char on[96], tried[96], why[200];

	catalog_words(row->mitigations, " and ", "nothing", on, sizeof(on));
	catalog_words(row->tried, ", ", "nothing that could be put on", tried, sizeof(tried));
	switch (row->state) {
	case POLICY_NEEDS_NOTHING:
		snprintf(why, sizeof(why), "proven");
		break;
	case POLICY_PROTECTED:
		snprintf(why, sizeof(why), "proven to help%s",
			 row->mitigations ? "" : ", by what is on the host");
		break;
	case POLICY_NOTHING_HELPS:
		snprintf(why, sizeof(why), "damage is delivered in spite of everything; tried: %s",
			 tried);
		break;
	default:
		snprintf(why, sizeof(why), "all that may help");
	}
	snprintf(text, size, "%s on %s (%s: %s)", on, row->name, policy_state_names[row->state],
		 why);
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

int policy_set(struct policy *policy, const char *kind, enum policy_state state,
	       uint32_t mitigations, uint32_t tried)
{
	int rc = policy_add(policy, POLICY_KIND, kind, 0);
	struct policy_row *row;

	if (rc)
		return rc;
	row = (struct policy_row *)policy_kind(policy, kind);
	row->state = state;
	row->mitigations = mitigations;
	row->tried = tried;
	return 0;
}

/* ---- Reading ---- */

/* Version 1 has no states. */
static int take_state(const json_t *row, bool is_old, uint32_t mask, enum policy_state *ret_state,
		      uint32_t *ret_tried)
{
	const char *name = json_string_value(json_object_get(row, "state"));
	unsigned int state = 0;

	if (is_old) {
		*ret_state = mask ? POLICY_PROTECTED : POLICY_NEEDS_NOTHING;
		*ret_tried = 0;
		return 0;
	}
	while (name && policy_state_names[state] && strcmp(policy_state_names[state], name) != 0)
		state++;
	if (!name || !policy_state_names[state])
		return -EBADMSG;
	*ret_state = (enum policy_state)state;
	return catalog_parse(json_object_get(row, "tried"), ret_tried);
}

static int take_kinds(const json_t *json, struct policy *policy)
{
	size_t i;
	const json_t *row;

	json_array_foreach(json, i, row) {
		const char *name = json_string_value(json_object_get(row, "kind"));
		enum policy_state state;
		uint32_t mask, tried;

		if (!name || !*name || strlen(name) >= IFNAMSIZ ||
		    catalog_parse(json_object_get(row, "mitigations"), &mask) ||
		    take_state(row, policy->is_old, mask, &state, &tried) ||
		    policy_set(policy, name, state, mask, tried))
			return -EBADMSG;
	}
	return json_is_array(json) ? 0 : -EBADMSG;
}

static int take_devices(const json_t *json, struct policy *policy)
{
	size_t i;
	const json_t *row;

	json_array_foreach(json, i, row) {
		const char *name = json_string_value(json_object_get(row, "device"));
		uint32_t mask;

		if (!name || !*name || strlen(name) >= IFNAMSIZ ||
		    catalog_parse(json_object_get(row, "mitigations"), &mask) ||
		    policy_add(policy, POLICY_DEVICE, name, mask))
			return -EBADMSG;
	}
	return json_is_array(json) ? 0 : -EBADMSG;
}

static int take_policy(const json_t *root, struct policy *policy)
{
	const char *kernel = json_string_value(json_object_get(root, "kernel"));
	const char *verdict = json_string_value(json_object_get(root, "verdict"));
	const json_t *proven = json_object_get(root, "proven");
	json_int_t version = json_integer_value(json_object_get(root, "version"));
	size_t number = 0;

	if ((version != 1 && version != VERSION) || !kernel || !verdict ||
	    !json_is_integer(proven) || json_integer_value(proven) < 0 ||
	    strlen(kernel) >= sizeof(policy->kernel))
		return -EBADMSG;
	while (verdict_names[number] && strcmp(verdict_names[number], verdict))
		number++;
	if (!verdict_names[number])
		return -EBADMSG;
	policy->is_old = version == 1;
	policy->verdict = (enum verdict)number;
	policy->proven = json_integer_value(proven);
	snprintf(policy->kernel, sizeof(policy->kernel), "%s", kernel);
	if (take_kinds(json_object_get(root, "containers"), policy) ||
	    take_devices(json_object_get(root, "devices"), policy))
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
		json_array_append_new(
			containers,
			json_pack("{s:s, s:s, s:o, s:o}", "kind", policy->kind[i].name, "state",
				  policy_state_names[policy->kind[i].state], "mitigations",
				  catalog_compose(policy->kind[i].mitigations), "tried",
				  catalog_compose(policy->kind[i].tried)));
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
	json_auto_t *root = json_pack("{s:i}", "version", VERSION);
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
