/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of `truesum pcap` in words, and what `--diff` prints. */
#ifndef TRUESUM_CMD_PCAP_REPORT_H
#define TRUESUM_CMD_PCAP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/pcap/result.h"
#include "packet/shape.h"

/* All of it, to standard output. */
void pcap_print_report(const struct pcap_result *result);

/* The first sentence only: "3 damaged packets in 2 flows; ...". */
void pcap_print_verdict(FILE *out, const struct pcap_result *result);

/* "by payload offset mod 16: ..." and the line that is stuck, if one is; shared with --diff. */
void pcap_print_shape(const struct shape *shape);

/* A path as a shell takes it. */
void pcap_print_quoted(FILE *out, const char *path);

/* Prints what --diff found, in words or as JSON. The names are as given. -ENOMEM with a sentence. */
int pcap_print_diff(const struct diff *diff, const char *before, const char *after, bool json);

/* 1: something changed; 3: nothing could be compared; else 0. */
enum exit_code pcap_diff_exit(const struct diff *diff);

#endif
