/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum pcap` found out about one file, for its two kinds of output. */
#ifndef TRUESUM_CMD_PCAP_RESULT_H
#define TRUESUM_CMD_PCAP_RESULT_H

#include "base/exit_code.h"
#include "diff/diff.h"
#include "pcap/scan.h"

struct pcap_result {
	const char *name; /* "standard input" for "-" */
	const char *path; /* as given */
	const char *compression; /* "none", ... */
	const struct scan *scan;
	const struct diff_copies *copies; /* NULL: nothing damaged, or no second pass */
	const char *not_compared; /* why there was no second pass, or NULL */
	bool several; /* there are more files: say of which each line speaks */
};

enum exit_code pcap_exit(const struct scan *scan);

#endif
