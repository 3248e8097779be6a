// SPDX-License-Identifier: GPL-2.0-or-later
/* What the steps of a comparison hand on: see diff_work.h. */
#include "diff/work.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Changes are found out of order: so many are collected before the latest are thrown away. */
#define CHANGES_KEPT (4 * (size_t)DIFF_CHANGES_MAX)

void diff_work_cleanup(struct diff_work *work)
{
	diff_flows_free(work->flows);
	free(work->before.packet);
	free(work->after.packet);
	free(work->left);
}

int diff_list_add(struct diff_list *list, const struct diff_packet *packet)
{
	if (list->count == list->room) {
		size_t room = list->room ? list->room + list->room / 2 : 1024;
		struct diff_packet *bigger = realloc(list->packet, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		list->packet = bigger;
		list->room = room;
	}
	list->packet[list->count++] = *packet;
	return 0;
}

int diff_work_leave(struct diff_work *work)
{
	const struct diff_list *before = &work->before;
	uint32_t near = 0;
	size_t count = 0;

	for (size_t i = 0; i < before->count; i++)
		count += !before->packet[i].match;
	work->left = malloc((count + 1) * sizeof(*work->left));
	if (!work->left)
		return -ENOMEM;
	work->left_count = count;
	count = 0;
	for (size_t i = 0; i < before->count; i++) {
		if (before->packet[i].match)
			near = before->packet[i].match;
		else
			work->left[count++] =
				(struct diff_left){ .packet = (uint32_t)i, .previous = near };
	}
	near = 0;
	for (size_t i = before->count; i-- > 0;) {
		if (before->packet[i].match)
			near = before->packet[i].match;
		else
			work->left[--count].next = near;
	}
	return 0;
}

static int by_after(const void *a, const void *b)
{
	const struct diff_change *one = a, *other = b;

	return (one->after > other->after) - (one->after < other->after);
}

void diff_work_sort(struct diff_work *work)
{
	struct diff *diff = work->diff;

	if (diff->change_count > 1)
		qsort(diff->changes, diff->change_count, sizeof(*diff->changes), by_after);
	if (diff->change_count > DIFF_CHANGES_MAX)
		diff->change_count = DIFF_CHANGES_MAX;
}

int diff_work_change(struct diff_work *work, const struct diff_change *change)
{
	struct diff *diff = work->diff;

	if (diff->change_count == CHANGES_KEPT)
		diff_work_sort(work);
	if (diff->change_count == work->change_room) {
		size_t room = work->change_room ? 2 * work->change_room : 64;
		struct diff_change *bigger = realloc(diff->changes, room * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		diff->changes = bigger;
		work->change_room = room;
	}
	diff->changes[diff->change_count++] = *change;
	diff->changed++;
	diff->changed_unseen += !change->seen;
	return 0;
}

int diff_work_pair(struct diff_work *work, struct diff_pair *pair, uint32_t before,
		   const struct diff_packet *after)
{
	struct diff_change change = {
		.before = (uint64_t)before + 1,
		.after = (uint64_t)after->number + 1,
		.before_ns = work->before.packet[before].time_ns,
		.after_ns = after->time_ns,
		.flow = pair->after->flow,
	};

	pair->shape = &work->diff->shape;
	diff_pair_compare(pair);
	change.seen = pair->after->bad || pair->newly_bad;
	change.where = pair->delta.where;
	change.was = pair->delta.was;
	change.is = pair->delta.is;
	change.offset = pair->delta.offset;
	change.bits = (uint32_t)pair->delta.bits;
	return diff_work_change(work, &change);
}

void diff_work_same(struct diff_work *work, const struct packet_flow *before,
		    const struct packet_flow *after)
{
	work->diff->same++;
	work->diff->translated += !diff_flow_equal(before, after);
}

/* The first byte of addresses and ports that differs; `bits` in all. */
static void describe_stray(const struct packet_flow *was, const struct packet_flow *is,
			   struct diff_change *change)
{
	const uint32_t size = was->family == AF_INET ? 4 : 16, at = was->family == AF_INET ? 12 : 8;
	const uint8_t was_ports[4] = { (uint8_t)(was->src_port >> 8), (uint8_t)was->src_port,
				       (uint8_t)(was->dst_port >> 8), (uint8_t)was->dst_port };
	const uint8_t is_ports[4] = { (uint8_t)(is->src_port >> 8), (uint8_t)is->src_port,
				      (uint8_t)(is->dst_port >> 8), (uint8_t)is->dst_port };
	struct diff_delta delta;

	diff_delta_init(&delta);
	diff_delta_add(&delta, NULL, DIFF_NETWORK, at, was->src, is->src, size);
	diff_delta_add(&delta, NULL, DIFF_NETWORK, at + size, was->dst, is->dst, size);
	diff_delta_add(&delta, NULL, DIFF_TRANSPORT, 0, was_ports, is_ports, sizeof(is_ports));
	change->where = delta.where;
	change->offset = delta.offset;
	change->was = delta.was;
	change->is = delta.is;
	change->bits = (uint32_t)delta.bits;
}

int diff_work_strays(struct diff_work *work)
{
	const struct diff_link *link;
	uint32_t at = 0;
	int rc = 0;

	while (!rc && (link = diff_flows_stray(work->flows, &at))) {
		const struct packet_flow *from =
			diff_flows_get(work->flows, DIFF_BEFORE, link->from);
		const struct packet_flow *is = diff_flows_get(work->flows, DIFF_AFTER, link->to);
		struct diff_change change = {
			.before = (uint64_t)link->before + 1,
			.after = (uint64_t)link->first + 1,
			.before_ns = work->before.packet[link->before].time_ns,
			.after_ns = link->after_ns,
			.flow = *is,
		};
		struct packet_flow was;

		diff_flows_expected(work->flows, link->from, &was);
		describe_stray(&was, is, &change);
		work->diff->same--;
		work->diff->translated -= !diff_flow_equal(from, is);
		rc = diff_work_change(work, &change);
	}
	return rc;
}
