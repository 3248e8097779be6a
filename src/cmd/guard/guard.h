/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every subcommand of `guard` is: a row in guard.c's table. As in command.h. */
#ifndef TRUESUM_CMD_GUARD_GUARD_H
#define TRUESUM_CMD_GUARD_GUARD_H

int guard_command_apply(int argc, char **argv);
int guard_command_status(int argc, char **argv);
int guard_command_revert(int argc, char **argv);
int guard_command_run(int argc, char **argv);
int guard_command_hook(int argc, char **argv);
int guard_command_cost(int argc, char **argv);

#endif
