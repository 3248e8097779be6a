/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of `truesum pcap` in words. */
#ifndef TRUESUM_CMD_PCAP_REPORT_H
#define TRUESUM_CMD_PCAP_REPORT_H

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

#endif
