/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: keeps the policy's mitigations (guard/policy.h) on every container's device there is or comes to
 * be, proves the policy anew on a schedule, and leaves all protection in place when it ends.
 */
#ifndef TRUESUM_GUARD_DAEMON_DAEMON_H
#define TRUESUM_GUARD_DAEMON_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include "guard/daemon/news.h"

struct daemon_settings {
	const char *policy; /* path: POLICY_FILE */
	uint32_t
		ordered; /* MITIGATION_BIT()s for every device of a container, without proof; 0: the policy's */
	uint64_t prove_every_ns; /* 0: never on a schedule */
	size_t buffer; /* bytes, of the socket for events */
	news_fn say;
	void *owner;
};

/*
 * Runs until SIGTERM or SIGINT. SIGHUP reads the policy anew, SIGUSR1 proves it. -EBUSY where another one
 * runs; other -errno with a sentence where it could not begin or go on.
 */
int daemon_run(const struct daemon_settings *settings);

#endif
