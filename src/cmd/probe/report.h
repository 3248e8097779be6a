/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum probe` prints. */
#ifndef TRUESUM_CMD_PROBE_REPORT_H
#define TRUESUM_CMD_PROBE_REPORT_H

#include "base/term.h"
#include "probe/run.h"

enum term_style verdict_style(enum verdict verdict);

/* The verdict first, a row a target, then the evidence of what is unsafe or not proven. */
void probe_print(const struct probe *probe, const struct inventory *inventory, bool lying);

/* One JSON object. -ENOMEM with a sentence. */
int probe_print_json(const struct probe *probe, const struct inventory *inventory, bool lying);

/* KTAP (Documentation/dev-tools/ktap.rst): a test a check. */
void probe_print_ktap(const struct probe *probe, const struct inventory *inventory);

/* The device a target's packets come in by, and where its other end is. NULL where it is not known. */
const struct device *probe_entrance(const struct inventory *inventory, size_t space,
				    const struct device **ret_other, size_t *ret_other_space);

#endif
