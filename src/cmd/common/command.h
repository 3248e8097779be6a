/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands. To add one, add its row here, write cmd_NAME() in src/cmd/NAME/, and describe it in
 * man/truesum.1, where a test compares the options.
 */
#ifndef TRUESUM_CMD_COMMON_COMMAND_H
#define TRUESUM_CMD_COMMON_COMMAND_H

#include "base/exit_code.h"

/* Each command: its name and what it does, in the order of `truesum --help`. */
#define COMMANDS(row)                                                                                     \
	row(lab, "what happens to damaged packets on every way into a container") row(                    \
		probe, "does this running container verify what it receives?")                            \
		row(audit, "which offloads, sysctls and kernels decide that, and what is wrong") row(     \
			guard,                                                                            \
			"protect every container from its first packet on, at a stated cost")             \
			row(corrupt, "damage chosen packets on a device, and stop cleanly") row(          \
				send, "send numbered lines to another machine")                           \
				row(recv, "receive them and check every byte") row(                       \
					pcap,                                                             \
					"which packets of a capture are damaged, and which only look so") \
					row(clean, "undo what a killed run left behind")

/* int cmd_lab(int argc, char **argv) and so on: argv[0] is the name; returns an exit code. */
#define DECLARE_COMMAND(name, help) int cmd_##name(int argc, char **argv);
COMMANDS(DECLARE_COMMAND)
#undef DECLARE_COMMAND

/* `truesum` as a CNI plugin: the request is in the environment and on standard input. */
int cmd_cni(void);

#endif
