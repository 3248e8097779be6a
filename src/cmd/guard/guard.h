/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The subcommands of `truesum guard` that have a file of their own; guard.c's table has them all.
 * argv[0] is the subcommand's name. Each returns an exit code, or -errno with a sentence, which
 * guard.c prints before it ends with EXIT_UNKNOWN.
 */
#ifndef TRUESUM_CMD_GUARD_GUARD_H
#define TRUESUM_CMD_GUARD_GUARD_H

int guard_command_apply(int argc, char **argv);
int guard_command_status(int argc, char **argv);
int guard_command_revert(int argc, char **argv);
int guard_command_run(int argc, char **argv);
int guard_command_chain(int argc, char **argv);
int guard_command_unchain(int argc, char **argv);
int guard_command_cost(int argc, char **argv);

#endif
