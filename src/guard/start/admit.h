/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protecting a new container's devices before its first instruction: all of them get what is ordered, or
 * none does. With "auto" that is the host's policy by the kind of device; without a policy nobody knows yet
 * what is needed, and what this kernel can of rx-off and reset is put on, both.
 */
#ifndef TRUESUM_GUARD_START_ADMIT_H
#define TRUESUM_GUARD_START_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "guard/order.h"
#include "net/link.h"

#define ADMIT_DEVICES_MAX 64

/* What the user should know beside success: that there is no policy, that a kernel cannot do all. */
typedef void (*admit_say_fn)(const char *sentence);

struct admission;
int admission_new(const struct guard_order *order, admit_say_fn say,
		  struct admission **ret_admission);

/* Takes back what was put on since, unless it was committed. */
void admission_free(struct admission *admission);
DEFINE_CLEANUP(struct admission *, admission, admission_free)

/*
 * Puts on the device what it is to get. Devices come by index, least first: others wait in that order, too.
 * *ret_mitigations: the MITIGATION_BIT()s that are in force by it. After -errno, with a sentence, the admission is to
 * be freed.
 */
int admit(struct admission *admission, int netns_fd, const char *netns,
	  const struct link_info *link, uint32_t *ret_mitigations);

/* It stays. */
void admission_commit(struct admission *admission);

/* What a device of that kind is to get by now: MITIGATION_BIT()s. */
uint32_t admission_wanted(struct admission *admission, const char *kind);

/* Whether what a veth is to get can be put on here; -errno with a sentence. */
int admission_ready(struct admission *admission);

#endif
