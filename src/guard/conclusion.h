/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From what a proof saw of containers to what is known of their kind of device. Pure: no sockets,
 * no clock.
 *
 * A container can add protection to its kind, never lower it. Damage counts whoever reports it.
 * That something suffices counts only from a witness (guard/witness.h), only if no other container
 * may hide damage, and only if the run looked at all containers of the kind.
 */
#ifndef TRUESUM_GUARD_CONCLUSION_H
#define TRUESUM_GUARD_CONCLUSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guard/policy.h"

/* What was seen of a container's device. */
struct conclusion_sight {
	const char *kind; /* as in struct device */
	bool was_bad; /* damage was received in the first probe */
	bool is_bad; /* damage is received with what is on now */
	bool verifies; /* everything is verified with what is on now */
	bool is_astray; /* another container got its packets: nothing is known of it */
	bool is_witness; /* nobody but truesum has set anything */
	uint32_t on; /* MITIGATION_BIT()s that truesum has put on it, now or earlier */
	uint32_t tried; /* those that did not help it */
};

struct conclusion_settings {
	bool is_complete; /* the run looked at all containers of this kind */
	bool has_host; /* mitigations are on the host, which may help this kind */
	bool is_ordered; /* mitigations were put on by name: just these are wanted */
	/* What is known of the kind so far; NULL: nothing. */
	const struct policy_row *earlier;
};

/*
 * What is known of `kind` now, from the sights of that kind among `count`; false if there is none,
 * then nothing is written.
 */
bool conclusion_draw(const struct conclusion_settings *settings, const char *kind,
		     const struct conclusion_sight *sight, size_t count,
		     struct policy_row *ret_row);

#endif
