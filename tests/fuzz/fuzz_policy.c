// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any file in place of the policy: refused with a sentence, or rows that fit, and the same when the
 * policy is composed and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/fail.h"
#include "guard/policy.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_rows(const struct policy_row *row, size_t count, size_t most)
{
	expect(count <= most);
	for (size_t i = 0; i < count; i++)
		expect(*row[i].name && memchr(row[i].name, '\0', sizeof(row[i].name)));
}

/* What is written is read as the same. */
static void check_again(const struct policy *policy, json_int_t version)
{
	json_t *root = policy_compose(policy), *again_root;
	struct policy again;
	char *text;

	expect(root != NULL);
	json_object_set_new(root, "version", json_integer(version));
	text = json_dumps(root, 0);
	expect(text && !policy_read(memory_path(text, strlen(text)), POLICY_ANY_KERNEL, &again));
	again_root = policy_compose(&again);
	json_object_set_new(again_root, "version", json_integer(version));
	expect(json_equal(root, again_root));
	json_decref(root);
	json_decref(again_root);
	free(text);
}

/* Of a file that was read as a policy. */
static json_int_t version_of(const uint8_t *data, size_t len)
{
	json_t *root = json_loadb((const char *)data, len, 0, NULL);
	json_int_t version = json_integer_value(json_object_get(root, "version"));

	json_decref(root);
	return version;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct policy policy;

	if (policy_read(memory_path(data, len), POLICY_ANY_KERNEL, &policy)) {
		expect(*fail_text() != '\0');
		return 0;
	}
	check_rows(policy.kind, policy.kind_count, POLICY_KINDS_MAX);
	check_rows(policy.device, policy.device_count, POLICY_DEVICES_MAX);
	expect(memchr(policy.kernel, '\0', sizeof(policy.kernel)) != NULL);
	expect(policy.proven >= 0);
	policy_get(&policy, POLICY_KIND, "veth");
	policy_get(&policy, POLICY_DEVICE, "eth0");
	check_again(&policy, version_of(data, len));
	return 0;
}
