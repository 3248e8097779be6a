/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a probe's checks come to. Pure. */
#ifndef TRUESUM_PROBE_CONCLUDE_H
#define TRUESUM_PROBE_CONCLUDE_H

#include "probe/run.h"

/* How many letters of a target's checks over the protocol are damaged so that an inner checksum sees it. */
unsigned int conclude_damaged(const struct probe_target *target, uint8_t proto);

/* Of all its checks. */
enum verdict conclude_target(const struct probe_target *target);

/* Of all targets but the isolated ones: the worst. */
enum verdict conclude(const struct probe *probe);

#endif
