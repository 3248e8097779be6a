/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon gives up once it has begun. */
#ifndef TRUESUM_GUARD_DAEMON_SANDBOX_H
#define TRUESUM_GUARD_DAEMON_SANDBOX_H

/*
 * Gives up all capabilities but those that guarding and proving need, forbids gaining others, and leaves
 * only the system calls in use; the others fail with EPERM, and the kernel logs them. For this process and
 * all it starts, for good. -errno with a sentence.
 */
int sandbox_enter(void);

#endif
