/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that are to be seen to, in the order in which they came: a queue that grows. */
#ifndef TRUESUM_GUARD_DAEMON_QUEUE_H
#define TRUESUM_GUARD_DAEMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

/* A device by number: whoever it was may be gone when its turn comes. */
struct task {
	int nsid, index; /* nsid -1: this namespace */
};

/* Zeroed at first; `task` is to be freed at last. */
struct queue {
	struct task *task;
	size_t first, count, capacity;
};

/* False: no memory. */
bool queue_put(struct queue *queue, struct task task);

/* False: it is empty. */
bool queue_take(struct queue *queue, struct task *ret_task);

#endif
