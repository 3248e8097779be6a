/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every command is: a function that main.c's table names. To add a command, write its function
 * in src/cmd/NAME/, declare it here, add its row there, and describe it in man/truesum-NAME.1: a
 * test compares the options there with --help.
 */
#ifndef TRUESUM_CMD_COMMON_COMMAND_H
#define TRUESUM_CMD_COMMON_COMMAND_H

#include "base/exit_code.h"

/*
 * The "schema" of every JSON object. A higher number means that keys changed their meaning or are
 * gone; CHANGELOG.md says which.
 */
#define COMMAND_SCHEMA 2

/* argv[0] is the command's name; the result is an exit code. */
int command_lab(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_guard(int argc, char **argv);
int command_corrupt(int argc, char **argv);
int command_send(int argc, char **argv);
int command_recv(int argc, char **argv);
int command_pcap(int argc, char **argv);
int command_report(int argc, char **argv);
int command_clean(int argc, char **argv);

/* `truesum` as a CNI plugin: the request is in the environment and on standard input. */
int command_cni(void);

/* Becomes man(1) with the command's page. Returns only if it cannot: -errno with a sentence. */
int command_open_page(const char *command);

#endif
