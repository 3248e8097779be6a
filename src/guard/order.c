// SPDX-License-Identifier: GPL-2.0-or-later
/* Orders by name: see order.h. Of all mitigations these are the ones that a container's own device can have. */
#include "guard/order.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "guard/mitigate.h"

static const struct {
	const char *name;
	enum mitigation mitigation;
} names[] = {
	{ "rx-off", MITIGATION_RX_OFF },
	{ "reset", MITIGATION_RESET },
};

int guard_order_add(struct guard_order *order, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (len == strlen(names[i].name) && !memcmp(name, names[i].name, len)) {
			order->is_named = true;
			order->mitigations |= MITIGATION_BIT(names[i].mitigation);
			return 0;
		}
	return -EINVAL;
}

int guard_order_parse(const char *text, struct guard_order *ret_order)
{
	struct guard_order order = { 0 };

	for (const char *from = text; strcmp(text, "auto"); from += strcspn(from, ",") + 1) {
		size_t len = strcspn(from, ",");

		if (guard_order_add(&order, from, len))
			return fail(-EINVAL,
				    "unknown mitigation '%.*s'; known: rx-off, reset, auto",
				    (int)(len < 40 ? len : 40), from);
		if (!from[len])
			break;
	}
	*ret_order = order;
	return 0;
}
