// SPDX-License-Identifier: GPL-2.0-or-later
/* A queue as a ring: see queue.h. */
#include "guard/daemon/queue.h"

#include <stdlib.h>

static size_t place(const struct queue *queue, size_t number)
{
	size_t at = queue->first + number;

	return at < queue->capacity ? at : at - queue->capacity;
}

static bool grow(struct queue *queue)
{
	size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
	struct task *more = malloc(capacity * sizeof(*more));

	if (!more)
		return false;
	for (size_t i = 0; i < queue->count; i++)
		more[i] = queue->task[place(queue, i)];
	free(queue->task);
	queue->task = more;
	queue->first = 0;
	queue->capacity = capacity;
	return true;
}

bool queue_put(struct queue *queue, struct task task)
{
	if (queue->count == queue->capacity && !grow(queue))
		return false;
	queue->task[place(queue, queue->count++)] = task;
	return true;
}

bool queue_take(struct queue *queue, struct task *ret_task)
{
	if (!queue->count)
		return false;
	*ret_task = queue->task[queue->first];
	queue->first = place(queue, 1);
	queue->count--;
	return true;
}
