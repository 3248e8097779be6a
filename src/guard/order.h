/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the CNI plugin's configuration or the OCI hook's option wishes for a new container's devices. Pure. */
#ifndef TRUESUM_GUARD_ORDER_H
#define TRUESUM_GUARD_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct guard_order {
	bool is_named; /* else "auto": the host's policy, by the kind of device */
	uint32_t mitigations; /* MITIGATION_BIT()s, where they are named */
};

/* Adds a name of `len` bytes to it; -EINVAL where it is none that goes on a container's device. */
int guard_order_add(struct guard_order *order, const char *name, size_t len);

/* "auto", or names with commas between them. -EINVAL with a sentence. */
int guard_order_parse(const char *text, struct guard_order *ret_order);

#endif
