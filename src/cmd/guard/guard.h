/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every subcommand of `guard` is: a row in guard.c's table. As in command.h. */
#ifndef TRUESUM_CMD_GUARD_GUARD_H
#define TRUESUM_CMD_GUARD_GUARD_H

int cmd_guard_apply(int argc, char **argv);
int cmd_guard_status(int argc, char **argv);
int cmd_guard_revert(int argc, char **argv);
int cmd_guard_run(int argc, char **argv);
int cmd_guard_hook(int argc, char **argv);
int cmd_guard_cost(int argc, char **argv);

#endif
