/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `truesum report` prints. The JSON object is made first, with labels in place of what is
 * private; the text is made from that object alone, so it cannot say more.
 */
#ifndef TRUESUM_CMD_REPORT_REPORT_H
#define TRUESUM_CMD_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "probe/run.h"
#include "report/collect.h"
#include "report/labels.h"

struct report {
	struct report_facts facts;
	struct labels *labels;
	bool real; /* names and addresses are shown as they are */
	bool probe_wanted;
	char no_probe[300]; /* why the probe failed; empty: it ran */
	struct probe probe;
};

/* The object; NULL without memory. The caller's. */
json_t *report_compose(struct report *report);

/* The text, for e-mail: ASCII, at most 76 columns. */
void report_print(const json_t *object);

#endif
