// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is wanted on every device: see keeper.h.
 *
 * A device is seen to by comparing what is wanted with what is in force, whatever the event was that led to
 * it: so an event too many costs a little time, and our own changes, which are events, too, end in finding
 * nothing to do. What is put on is recorded before (net/journal.h); the record goes when the device does.
 */
#include "guard/daemon/keeper_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define MS UINT64_C(1000000)
#define SETTLE_NS (50 * MS) /* how long changes are gathered */
#define ROUND_NS (20 * MS) /* of work, then the loop sees to others */

/* ---- Devices ---- */

static struct netns_entry *or_host(struct keeper *keeper, struct netns_entry *space)
{
	return space ? space : &keeper->host;
}

static struct kept_device *add_device(struct netns_entry *space, int index)
{
	struct kept_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->index = index;
	device->next = space->data;
	space->data = device;
	return device;
}

static void remove_device(struct netns_entry *space, struct kept_device *device)
{
	struct kept_device **at = (struct kept_device **)&space->data;

	while (*at && *at != device)
		at = &(*at)->next;
	if (*at)
		*at = device->next;
	free(device);
}

/* It is gone, and all that was changed on it with it. */
static void forget_device(struct netns_entry *space, struct kept_device *device)
{
	if (device->is_recorded && space->id.ino)
		journal_kept_forget(&space->id, device->index);
	remove_device(space, device);
}

static int on_settled(void *owner);

static void put_off(struct keeper *keeper)
{
	if (!keeper->settle && !keeper->may_act)
		loop_add_timer(keeper->loop, SETTLE_NS, 0, on_settled, keeper, &keeper->settle);
}

static void enqueue(struct keeper *keeper, const struct netns_entry *space,
		    struct kept_device *device)
{
	struct queue *queue = device->is_fresh ? &keeper->fresh : &keeper->changed;

	if (device->is_queued)
		return;
	device->is_queued = queue_put(queue, (struct task){ space->nsid, device->index });
	if (!device->is_fresh)
		put_off(keeper);
}

/* ---- What the watch tells ---- */

static void on_link(void *owner, struct netns_entry *space, const struct watch_link *link)
{
	struct keeper *keeper = owner;
	struct kept_device *device;

	space = or_host(keeper, space);
	if (!keeper->settings.concerns(keeper->settings.owner, link, space_is_host(space)))
		return;
	device = keeper_device(space, link->index);
	if (!device) {
		device = add_device(space, link->index);
		if (!device)
			return; /* no memory: the next look finds it */
		device->is_fresh = device->came = keeper->began;
		device->since = clock_ns();
		if (keeper->began && !space_is_host(space))
			keeper->settings.came(keeper->settings.owner);
	}
	if (*link->name)
		memcpy(device->name, link->name, sizeof(device->name));
	memcpy(device->kind, link->kind, sizeof(device->kind));
	device->was_seen = true;
	enqueue(keeper, space, device);
}

static void on_link_gone(void *owner, struct netns_entry *space, int index)
{
	struct kept_device *device;

	space = or_host(owner, space);
	device = keeper_device(space, index);
	if (device)
		forget_device(space, device);
}

static void on_filter_gone(void *owner, struct netns_entry *space, int index)
{
	struct kept_device *device;

	space = or_host(owner, space);
	device = keeper_device(space, index);
	if (device)
		enqueue(owner, space, device);
}

static void on_looked(void *owner, struct netns_entry *space)
{
	struct kept_device *device, *next;

	space = or_host(owner, space);
	for (device = space->data; device; device = next) {
		next = device->next;
		if (!device->was_seen && device->index)
			forget_device(space, device);
		else
			device->was_seen = false;
	}
}

/* What was told of it while no way led there has waited. */
static void on_found(void *owner, struct netns_entry *space)
{
	for (struct kept_device *device = space->data; device; device = device->next)
		enqueue(owner, space, device);
}

static void on_gone(void *owner, struct netns_entry *space)
{
	(void)owner;
	while (space->data)
		forget_device(space, space->data);
}

static void on_overflow(void *owner)
{
	struct keeper *keeper = owner;

	tell(keeper->settings.teller, NEWS_TROUBLE, LOG_WARNING, NULL, NULL, 0, 0,
	     "netlink events were lost in a flood: looking at everything anew");
}

/* ---- Seeing to a device ---- */

static bool is_gone(int rc)
{
	return rc == -ENODEV || rc == -ENXIO;
}

/* What could not be done is told once, not at each look. */
static void say_trouble(struct keeper *keeper, const struct netns_entry *space,
			struct kept_device *device, int rc)
{
	if (device->trouble == rc)
		return;
	device->trouble = rc;
	tell(keeper->settings.teller, NEWS_TROUBLE, LOG_ERR, space->name, device->name, 0, 0, "%s",
	     fail_text());
}

static void say_done(struct keeper *keeper, const struct netns_entry *space,
		     const struct kept_device *device, uint32_t had)
{
	uint64_t ns = device->came && !had ? clock_ns() - device->since : 0;

	if (had == device->has)
		tell_device(keeper->settings.teller, NEWS_RESTORED, LOG_WARNING, space->name,
			    device->name, device->has, 0);
	else
		tell_device(keeper->settings.teller, NEWS_PROTECTED, LOG_INFO, space->name,
			    device->name, device->has, ns);
}

/* Puts on all of `wanted` that can be there; what cannot is trouble only where nothing else helps. */
static int put_on(struct keeper *keeper, struct netns_entry *space, struct kept_device *device,
		  const struct journal_place *place, uint32_t wanted)
{
	uint32_t had = device->has, in_force = wanted;
	bool changed = false;
	int rc;

	device->is_recorded = true;
	rc = guard_protect(keeper->mitigator, place, wanted, &changed);

	if (rc && !is_gone(rc)) {
		say_trouble(keeper, space, device, rc);
		if (guard_in_force(place, wanted, &in_force))
			in_force = 0;
	} else if (!rc) {
		device->trouble = 0;
	}
	if (is_gone(rc))
		return rc;
	device->has |= in_force;
	if (changed && in_force)
		say_done(keeper, space, device, had);
	return 0;
}

static int adjust(struct keeper *keeper, struct netns_entry *space, struct kept_device *device,
		  int fd, uint32_t wanted)
{
	const struct journal_place place = { .netns_fd = fd,
					     .netns = space_is_host(space) ? NULL : space->name,
					     .device = device->index ? device->name : NULL,
					     .index = device->index };
	uint32_t extra = device->has & ~wanted;
	int rc = wanted ? put_on(keeper, space, device, &place, wanted) : 0;

	if (rc || !extra)
		return rc;
	rc = keeper_take_off(&place, wanted);
	if (rc && !is_gone(rc))
		say_trouble(keeper, space, device, rc);
	if (rc)
		return rc;
	device->has &= wanted;
	tell_device(keeper->settings.teller, NEWS_TAKEN_OFF, LOG_INFO, space->name, device->name,
		    extra, 0);
	return 0;
}

static void see_to(struct keeper *keeper, struct netns_entry *space, struct kept_device *device)
{
	_cleanup_close_ int fd = -1;
	struct watch_link link = { 0 };
	uint32_t wanted =
		keeper->settings.wanted(keeper->settings.owner, device, space_is_host(space));

	device->is_fresh = false;
	if (!wanted && !device->has)
		return;
	/* Without a way it waits until there is one. */
	if (!space_is_host(space) && netns_search_open(watch_spaces(keeper->watch), space, &fd)) {
		device->is_fresh = device->came && !device->has;
		watch_lost_way(keeper->watch);
		return;
	}
	if (!*device->name && device->index &&
	    !watch_ask(keeper->watch, space_is_host(space) ? NULL : space, device->index, &link))
		memcpy(device->name, link.name, sizeof(device->name));
	adjust(keeper, space, device, fd, wanted);
}

static struct netns_entry *space_of(struct keeper *keeper, int nsid)
{
	return nsid < 0 ? &keeper->host : netns_search_by_nsid(watch_spaces(keeper->watch), nsid);
}

static bool take_task(struct keeper *keeper, struct task *ret_task)
{
	if (queue_take(&keeper->fresh, ret_task))
		return true;
	if (keeper->paused || !keeper->may_act)
		return false;
	if (queue_take(&keeper->changed, ret_task))
		return true;
	keeper->may_act = false;
	return false;
}

/* Works on the queues until the time; true: there is more. */
static bool work(struct keeper *keeper, uint64_t until)
{
	struct task task;

	while (take_task(keeper, &task)) {
		struct netns_entry *space = space_of(keeper, task.nsid);
		struct kept_device *device = space ? keeper_device(space, task.index) : NULL;

		if (!device)
			continue;
		device->is_queued = false;
		see_to(keeper, space, device);
		watch_drain(keeper->watch);
		if (clock_ns() > until)
			return true;
	}
	return false;
}

static int on_work(void *owner);

static int work_for_a_while(struct keeper *keeper)
{
	if (work(keeper, clock_ns() + ROUND_NS) && !keeper->worker)
		return loop_add_soon(keeper->loop, on_work, keeper, &keeper->worker);
	return 0;
}

static int on_work(void *owner)
{
	struct keeper *keeper = owner;

	keeper->worker = NULL;
	return work_for_a_while(keeper);
}

static int on_settled(void *owner)
{
	struct keeper *keeper = owner;

	loop_remove(&keeper->settle);
	keeper->may_act = true;
	return work_for_a_while(keeper);
}

static void on_drained(void *owner)
{
	struct keeper *keeper = owner;

	if (keeper->began)
		work_for_a_while(keeper);
}

/* ---- All devices ---- */

static void see_to_space(void *owner, struct netns_entry *space)
{
	for (struct kept_device *device = space->data; device; device = device->next)
		enqueue(owner, space, device);
}

void keeper_see_to_all(struct keeper *keeper)
{
	see_to_space(keeper, &keeper->host);
	netns_search_each(watch_spaces(keeper->watch), see_to_space, keeper);
}

int keeper_look(struct keeper *keeper)
{
	see_to_space(keeper, &keeper->host);
	return watch_look_in_steps(keeper->watch);
}

int keeper_begin(struct keeper *keeper)
{
	int rc = watch_look(keeper->watch);

	if (rc)
		return rc;
	if (!keeper_device(&keeper->host, 0))
		add_device(&keeper->host, 0);
	keeper_adopt(keeper);
	keeper_see_to_all(keeper);
	keeper->began = keeper->may_act = true;
	loop_remove(&keeper->settle);
	work(keeper, UINT64_MAX);
	keeper->may_act = false;
	return 0;
}

void keeper_pause(struct keeper *keeper)
{
	keeper->paused = true;
}

void keeper_resume(struct keeper *keeper)
{
	keeper->paused = false;
	keeper_adopt(keeper);
	keeper_see_to_all(keeper);
}

static void count_space(void *owner, struct netns_entry *space)
{
	struct keeper_tally *tally = owner;

	tally->spaces += space->resolved;
	for (const struct kept_device *device = space->data; device; device = device->next) {
		tally->devices++;
		tally->protected += device->has != 0;
	}
}

void keeper_count(struct keeper *keeper, struct keeper_tally *ret_tally)
{
	*ret_tally = (struct keeper_tally){ 0 };
	netns_search_each(watch_spaces(keeper->watch), count_space, ret_tally);
}

/* ---- Beginning and end ---- */

int keeper_new(struct loop *loop, const struct keeper_settings *settings,
	       struct keeper **ret_keeper)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	const struct watch_hooks hooks = { .link = on_link,
					   .link_gone = on_link_gone,
					   .filter_gone = on_filter_gone,
					   .looked = on_looked,
					   .found = on_found,
					   .gone = on_gone,
					   .overflowed = on_overflow,
					   .drained = on_drained,
					   .owner = keeper };
	int rc;

	if (!keeper)
		return fail(-ENOMEM, "out of memory");
	keeper->loop = loop;
	keeper->settings = *settings;
	keeper->host.nsid = -1;
	snprintf(keeper->host.name, sizeof(keeper->host.name), "host");
	rc = netns_identify(-1, &keeper->host.id);
	rc = rc ? rc : mitigator_new(&keeper->mitigator);
	rc = rc ? rc : watch_new(loop, &hooks, settings->buffer, &keeper->watch);
	if (rc)
		keeper_free(keeper);
	else
		*ret_keeper = keeper;
	return rc;
}

static void drop_devices(struct netns_entry *space)
{
	while (space->data)
		remove_device(space, space->data);
}

static void leave_space(void *owner, struct netns_entry *space)
{
	(void)owner;
	drop_devices(space);
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	loop_remove(&keeper->worker);
	loop_remove(&keeper->settle);
	/* What is put on stays, and so do the records: nobody is gone. */
	if (keeper->watch)
		netns_search_each(watch_spaces(keeper->watch), leave_space, NULL);
	drop_devices(&keeper->host);
	watch_free(keeper->watch);
	mitigator_free(keeper->mitigator);
	free(keeper->fresh.task);
	free(keeper->changed.task);
	free(keeper);
}
