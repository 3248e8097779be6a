// SPDX-License-Identifier: GPL-2.0-or-later
/* Naming targets: see targets.h. */
#include "cmd/common/targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"

static int add(struct targets *targets, enum target_naming naming, const char *text)
{
	if (targets->count == TARGETS_NAMED_MAX)
		return fail(-EINVAL, "more than %d targets; use --all", TARGETS_NAMED_MAX);
	targets->name[targets->count++] = (struct target_name){ naming, text };
	return 0;
}

int targets_add_pid(const char *value, void *target)
{
	uint64_t pid;

	return options_parse_number(value, 1, 1 << 22, &pid) ? -EINVAL
							     : add(target, TARGET_PID, value);
}

int targets_add_netns(const char *value, void *target)
{
	return add(target, TARGET_NETNS, value);
}

int targets_add_container(const char *value, void *target)
{
	return add(target, TARGET_CONTAINER, value);
}

const char *const targets_as_if_names[] = { "lying-nic", NULL };

int targets_parse_as_if(const char *value, void *target)
{
	uint32_t index;
	int rc = options_parse_name(value, "pretence", targets_as_if_names, &index);

	if (!rc)
		*(bool *)target = true;
	return rc;
}

static int find(const struct inventory *inventory, const struct target_name *name,
		size_t *ret_space)
{
	switch (name->naming) {
	case TARGET_PID:
		return inventory_by_pid(inventory, (pid_t)strtol(name->text, NULL, 10), ret_space);
	case TARGET_NETNS:
		return inventory_by_netns(inventory, name->text, ret_space);
	case TARGET_CONTAINER:
		return inventory_by_container(inventory, name->text, ret_space);
	}
	return -EINVAL;
}

int targets_choose(const struct targets *targets, const struct inventory *inventory,
		   size_t **ret_spaces, size_t *ret_count)
{
	_cleanup_free_ size_t *spaces =
		calloc(inventory->space_count + targets->count + 1, sizeof(*spaces));
	size_t count = 0, space = 0;
	int rc = 0;

	if (!spaces)
		return fail(-ENOMEM, "out of memory");
	if (targets->all || !targets->count)
		for (count = 0; count < inventory->space_count; count++)
			spaces[count] = count;
	for (size_t i = 0; !rc && i < targets->count; i++) {
		bool again = false;

		rc = find(inventory, &targets->name[i], &space);
		for (size_t k = 0; !rc && k < count; k++)
			again |= spaces[k] == space;
		if (!rc && !again)
			spaces[count++] = space;
	}
	if (rc)
		return rc;
	*ret_spaces = TAKE_PTR(spaces);
	*ret_count = count;
	return 0;
}
