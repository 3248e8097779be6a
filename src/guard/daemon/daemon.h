/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon: keeps the policy's mitigations (guard/policy.h) on the devices of all containers,
 * present and new, and proves the policy again on a schedule. When it ends, it leaves all
 * protection in place.
 */
#ifndef TRUESUM_GUARD_DAEMON_DAEMON_H
#define TRUESUM_GUARD_DAEMON_DAEMON_H

#include <stddef.h>
#include <stdint.h>

#include "guard/daemon/log.h"

struct daemon_settings {
	const char *policy; /* path: POLICY_FILE */
	/*
	 * MITIGATION_BIT()s for every device of a container, without proof; 0: as the policy says.
	 */
	uint32_t ordered;
	uint64_t prove_every_ns; /* 0: not on a schedule */
	uint64_t prove_limit_ns; /* a proof that takes longer is killed */
	size_t buffer; /* bytes, of the socket for events */
	guard_event_fn log; /* gets every event */
	void *owner;
};

/*
 * Runs until SIGTERM or SIGINT; then 0. SIGHUP reads the policy again, SIGUSR1 starts a proof.
 * -EBUSY with a sentence if another daemon runs on this host; other -errno with a sentence if it
 * could not start or go on.
 */
int daemon_run(const struct daemon_settings *settings);

#endif
