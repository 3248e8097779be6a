/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets as the command line names them: containers, processes, namespaces, or all of them. */
#ifndef TRUESUM_CMD_COMMON_TARGETS_H
#define TRUESUM_CMD_COMMON_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "net/inventory.h"

#define TARGETS_NAMED_MAX 256

enum target_naming { TARGET_PID, TARGET_NETNS, TARGET_CONTAINER };

struct targets {
	struct target_name {
		enum target_naming naming;
		const char *text;
	} name[TARGETS_NAMED_MAX];
	size_t count;
	bool all;
};

/* For OPTION_CALL; `target`: the struct targets. */
int targets_add_pid(const char *value, void *target);
int targets_add_netns(const char *value, void *target);
int targets_add_container(const char *value, void *target);

/* The rows of an option table that name targets, into a `struct targets *`. */
#define TARGETS_NAMED_ROWS(targets)                                                                \
	{ .type = OPTION_CALL,                                                                     \
	  .name = "container",                                                                     \
	  .letter = 'c',                                                                           \
	  .value = "ID|NAME",                                                                      \
	  .target = (targets),                                                                     \
	  .parse = targets_add_container,                                                          \
	  .help = "a container: its id, the beginning of the id, or its Docker name" },            \
		{ .type = OPTION_CALL,                                                             \
		  .name = "pid",                                                                   \
		  .letter = 'p',                                                                   \
		  .value = "PID",                                                                  \
		  .target = (targets),                                                             \
		  .parse = targets_add_pid,                                                        \
		  .help = "the network namespace of a process" },                                  \
	{                                                                                          \
		.type = OPTION_CALL, .name = "netns", .letter = 'n', .value = "NAME|PATH",         \
		.target = (targets), .parse = targets_add_netns,                                   \
		.help = "a network namespace by name or path"                                      \
	}

#define TARGETS_ALL_ROW(targets)                                                                   \
	{                                                                                          \
		.type = OPTION_FLAG, .name = "all", .letter = 'a', .target = &(targets)->all,      \
		.help = "every network namespace with a process or a name, the host\n"             \
			"included (default)"                                                       \
	}

/* The option --as-if: "lying-nic" sets the bool. */
int targets_parse_as_if(const char *value, void *target);
extern const char *const targets_as_if_names[];

#define TARGETS_AS_IF_ROW(vouching)                                                                \
	{                                                                                          \
		.type = OPTION_CALL, .name = "as-if", .value = "WHAT", .target = (vouching),       \
		.parse = targets_parse_as_if, .names = targets_as_if_names,                        \
		.help = ": as if the NIC vouched for what it did not check"                        \
	}

/*
 * The numbers of the spaces that are meant, each once; all spaces if none is named. *ret_spaces is
 * the caller's, to free(). -ENOENT or -EINVAL with a sentence if one does not exist.
 */
int targets_choose(const struct targets *targets, const struct inventory *inventory,
		   size_t **ret_spaces, size_t *ret_count);

#endif
