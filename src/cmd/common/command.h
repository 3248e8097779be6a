/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every command is: a row in main.c's table. argv[0] is its name; it returns an exit code. */
#ifndef TRUESUM_CMD_COMMON_COMMAND_H
#define TRUESUM_CMD_COMMON_COMMAND_H

#include "base/exit_code.h"

int command_lab(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_guard(int argc, char **argv);
int command_corrupt(int argc, char **argv);
int command_send(int argc, char **argv);
int command_recv(int argc, char **argv);
int command_pcap(int argc, char **argv);
int command_clean(int argc, char **argv);

/* `truesum` called as a CNI plugin: its request is in the environment and on standard input. */
int command_cni(void);

#endif
