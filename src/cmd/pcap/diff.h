/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum pcap --diff` prints. */
#ifndef TRUESUM_CMD_PCAP_DIFF_H
#define TRUESUM_CMD_PCAP_DIFF_H

#include "base/exit_code.h"
#include "diff/diff.h"

/* Names as given. */
void pcap_print_diff(const struct diff *diff, const char *before, const char *after);
int pcap_print_diff_json(const struct diff *diff, const char *before, const char *after);

/* 1: something changed; 3: nothing could be compared; else 0. */
enum exit_code pcap_diff_exit(const struct diff *diff);

#endif
