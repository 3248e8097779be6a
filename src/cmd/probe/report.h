/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `truesum probe` prints. `lying`: the probe was made as if the NIC lied. */
#ifndef TRUESUM_CMD_PROBE_REPORT_H
#define TRUESUM_CMD_PROBE_REPORT_H

#include "probe/run.h"

struct inventory;

/* Text: the verdict, a row for each target, then the evidence for what is unsafe or not proven. */
void probe_print(const struct probe *probe, const struct inventory *inventory, bool lying);

/* One JSON object. -ENOMEM with a sentence. */
int probe_print_json(const struct probe *probe, const struct inventory *inventory, bool lying);

/* KTAP (Documentation/dev-tools/ktap.rst): a test for each check and direction. */
void probe_print_ktap(const struct probe *probe, const struct inventory *inventory);

#endif
