// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keeps on every device what is wanted there: see keeper.h.
 *
 * Whatever an event says, the keeper compares what is wanted on its device with what is in force.
 * So an event too many costs a little time only, and the events of the keeper's own changes end
 * with nothing to do. Each change is recorded before it is made (net/journal.h). The record is
 * removed when its device disappears.
 *
 * A proof (guard/proof.h) in another process changes devices, too: it adds mitigations, and takes
 * off what it added. Meanwhile the keeper takes nothing off; afterwards it takes over the records
 * that the proof made. It never waits for a journal that another process has locked (a proof may
 * have been stopped): such a device comes again after a while.
 */
#include "guard/daemon/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "guard/catalog.h"
#include "guard/daemon/links.h"
#include "guard/daemon/log.h"
#include "guard/mitigate.h"
#include "net/journal.h"
#include "net/ledger.h"
#include "net/netns_search.h"

#define MS UINT64_C(1000000)
#define SETTLE_NS (50 * MS) /* how long changes are gathered */
#define LATER_FIRST_NS (1 * MS) /* until a device whose journal was locked comes again */
#define LATER_LAST_NS (64 * MS)
#define ROUND_NS (20 * MS) /* of work, before the loop handles other events */
/* Searches of all of /proc, each for one namespace, in one reading of the records. */
#define SLOW_SEARCHES_MAX 2

/* A device in a queue, by numbers: it may be gone when its turn comes. */
struct task {
	int nsid, index; /* nsid -1: this namespace */
};

/* A ring that grows, of tasks in the order in which they were put in. */
struct queue {
	struct task *task;
	size_t first, count, capacity;
};

struct keeper {
	struct loop *loop;
	struct keeper_settings settings;
	struct links *links;
	struct mitigator mitigator;
	struct netns_entry host; /* nsid -1 */
	struct queue new, changed;
	struct queue later; /* their journals were locked */
	uint64_t later_ns;
	unsigned int slow_searches;
	bool began;
	bool in_proof;
	bool has_settled; /* changed devices may be worked on */
	struct loop_source *worker, *settle, *again;
};

/* ---- The queues ---- */

static size_t ring_place(const struct queue *queue, size_t number)
{
	size_t at = queue->first + number;

	return at < queue->capacity ? at : at - queue->capacity;
}

static bool grow_queue(struct queue *queue)
{
	size_t capacity = queue->capacity ? 2 * queue->capacity : 64;
	struct task *more = malloc(capacity * sizeof(*more));

	if (!more)
		return false;
	for (size_t i = 0; i < queue->count; i++)
		more[i] = queue->task[ring_place(queue, i)];
	free(queue->task);
	queue->task = more;
	queue->first = 0;
	queue->capacity = capacity;
	return true;
}

/* False: no memory. */
static bool queue_put(struct queue *queue, struct task task)
{
	if (queue->count == queue->capacity && !grow_queue(queue))
		return false;
	queue->task[ring_place(queue, queue->count++)] = task;
	return true;
}

/* False: it is empty. */
static bool queue_take(struct queue *queue, struct task *ret_task)
{
	if (!queue->count)
		return false;
	*ret_task = queue->task[queue->first];
	queue->first = ring_place(queue, 1);
	queue->count--;
	return true;
}

/* ---- Devices ---- */

static bool is_host(const struct netns_entry *netns)
{
	return netns->nsid < 0;
}

static struct netns_entry *or_host(struct keeper *keeper, struct netns_entry *netns)
{
	return netns ? netns : &keeper->host;
}

static struct kept_device *kept_device(const struct netns_entry *netns, int index)
{
	struct kept_device *device = netns->data;

	while (device && device->index != index)
		device = device->next;
	return device;
}

static struct kept_device *add_device(struct netns_entry *netns, int index)
{
	struct kept_device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	device->index = index;
	device->next = netns->data;
	netns->data = device;
	return device;
}

static void remove_device(struct netns_entry *netns, struct kept_device *device)
{
	struct kept_device **at = (struct kept_device **)&netns->data;

	while (*at && *at != device)
		at = &(*at)->next;
	if (*at)
		*at = device->next;
	free(device);
}

/* The device is gone, and with it all that was changed on it: removes its record, too. */
static void forget_device(struct netns_entry *netns, struct kept_device *device)
{
	if (device->is_recorded && netns->id.ino)
		journal_kept_forget(&netns->id, device->index);
	remove_device(netns, device);
}

static int on_settled(void *owner);

static void enqueue(struct keeper *keeper, const struct netns_entry *netns,
		    struct kept_device *device)
{
	struct queue *queue = device->is_new ? &keeper->new : &keeper->changed;

	if (device->is_queued)
		return;
	device->is_queued = queue_put(queue, (struct task){ netns->nsid, device->index });
	if (!device->is_new && !keeper->settle && !keeper->has_settled)
		loop_add_timer(keeper->loop, SETTLE_NS, 0, on_settled, keeper, &keeper->settle);
}

/* ---- Events ---- */

static void on_link(void *owner, struct netns_entry *netns, const struct links_device *link)
{
	struct keeper *keeper = owner;
	struct kept_device *device;

	netns = or_host(keeper, netns);
	if (!keeper->settings.concerns(keeper->settings.owner, link, is_host(netns)))
		return;
	device = kept_device(netns, link->index);
	if (!device) {
		device = add_device(netns, link->index);
		if (!device)
			return; /* no memory: the next list of all devices includes it */
		device->is_new = device->appeared = keeper->began;
		device->since = clock_ns();
		if (keeper->began && !is_host(netns))
			keeper->settings.appeared(keeper->settings.owner);
	}
	if (*link->name)
		memcpy(device->name, link->name, sizeof(device->name));
	memcpy(device->kind, link->kind, sizeof(device->kind));
	device->was_listed = true;
	enqueue(keeper, netns, device);
}

static void on_link_gone(void *owner, struct netns_entry *netns, int index)
{
	struct kept_device *device;

	netns = or_host(owner, netns);
	device = kept_device(netns, index);
	if (device)
		forget_device(netns, device);
}

static void on_filter_gone(void *owner, struct netns_entry *netns, int index)
{
	struct kept_device *device;

	netns = or_host(owner, netns);
	device = kept_device(netns, index);
	if (device)
		enqueue(owner, netns, device);
}

/* The list is complete: devices that are not in it have disappeared. */
static void on_listed(void *owner, struct netns_entry *netns)
{
	struct kept_device *device, *next;

	netns = or_host(owner, netns);
	for (device = netns->data; device; device = next) {
		next = device->next;
		if (!device->was_listed && device->index)
			forget_device(netns, device);
		else
			device->was_listed = false;
	}
}

static void enqueue_all(void *owner, struct netns_entry *netns)
{
	for (struct kept_device *device = netns->data; device; device = device->next)
		enqueue(owner, netns, device);
}

static void forget_devices(void *owner, struct netns_entry *netns)
{
	(void)owner;
	while (netns->data)
		forget_device(netns, netns->data);
}

static void on_overflow(void *owner)
{
	struct keeper *keeper = owner;

	log_event(keeper->settings.log,
		  &(struct guard_event){ .kind = GUARD_TROUBLE, .level = LOG_WARNING },
		  "netlink events were lost in a flood: listing all devices again");
}

/* ---- One device ---- */

static bool is_gone(int rc)
{
	return rc == -ENODEV || rc == -ENXIO;
}

static void log_device(struct keeper *keeper, const struct netns_entry *netns,
		       const struct kept_device *device, struct guard_event event,
		       const char *trouble)
{
	event.netns = netns->name;
	event.device = device->name;
	if (trouble)
		log_event(keeper->settings.log, &event, "%s", trouble);
	else
		log_event(keeper->settings.log, &event, NULL);
}

/* Logs an error once, not at every check. */
static void log_trouble(struct keeper *keeper, const struct netns_entry *netns,
			struct kept_device *device, int rc)
{
	if (device->trouble == rc)
		return;
	device->trouble = rc;
	log_device(keeper, netns, device,
		   (struct guard_event){ .kind = GUARD_TROUBLE, .level = LOG_ERR }, fail_text());
}

static void log_put_on(struct keeper *keeper, const struct netns_entry *netns,
		       const struct kept_device *device, uint32_t had)
{
	struct guard_event event = { .kind = GUARD_PROTECTED,
				     .level = LOG_INFO,
				     .mitigations = device->has,
				     .ns = device->appeared && !had ? clock_ns() - device->since
								    : 0 };

	if (had == device->has) {
		event.kind = GUARD_RESTORED;
		event.level = LOG_WARNING;
		event.ns = 0;
	}
	log_device(keeper, netns, device, event, NULL);
}

/*
 * Puts on all of `wanted` that is possible. A failure counts as trouble even if others are in
 * force.
 */
static int put_on(struct keeper *keeper, struct netns_entry *netns, struct kept_device *device,
		  const struct journal_place *place, uint32_t wanted)
{
	uint32_t had = device->has, in_force = wanted;
	bool changed = false;
	int rc;

	device->is_recorded = true;
	rc = mitigate_protect(&keeper->mitigator, place, wanted, &changed);
	if (is_gone(rc) || rc == -EAGAIN)
		return rc;
	if (rc) {
		log_trouble(keeper, netns, device, rc);
		if (mitigate_in_force(place, wanted, &in_force))
			in_force = 0;
	} else {
		device->trouble = 0;
	}
	device->has |= in_force;
	if (changed && in_force)
		log_put_on(keeper, netns, device, had);
	return 0;
}

static int adjust(struct keeper *keeper, struct netns_entry *netns, struct kept_device *device,
		  int fd, uint32_t wanted)
{
	const struct journal_place place = { .netns_fd = fd,
					     .netns = is_host(netns) ? NULL : netns->name,
					     .device = device->index ? device->name : NULL,
					     .index = device->index };
	uint32_t extra = device->has & ~wanted;
	int rc = wanted ? put_on(keeper, netns, device, &place, wanted) : 0;

	if (rc || !extra || keeper->in_proof)
		return rc;
	rc = mitigate_revert(&place, wanted);
	if (rc && rc != -EAGAIN && !is_gone(rc))
		log_trouble(keeper, netns, device, rc);
	if (rc)
		return rc;
	device->has &= wanted;
	log_device(keeper, netns, device,
		   (struct guard_event){
			   .kind = GUARD_TAKEN_OFF, .level = LOG_INFO, .mitigations = extra },
		   NULL);
	return 0;
}

/* -EAGAIN: it should come again, as another process has its journal locked. */
static int check_device(struct keeper *keeper, struct netns_entry *netns,
			struct kept_device *device)
{
	_cleanup_close_ int fd = -1;
	struct links_device link = { 0 };
	uint32_t wanted = keeper->settings.wanted(keeper->settings.owner, device, is_host(netns));

	device->is_new = false;
	if (!wanted && !device->has)
		return 0;
	/* Without a way into its namespace the device waits until one is found. */
	if (!is_host(netns) &&
	    links_open_netns(keeper->links, netns, device->appeared && !device->has, &fd)) {
		device->is_new = device->appeared && !device->has;
		return 0;
	}
	if (!*device->name && device->index &&
	    !links_ask(keeper->links, is_host(netns) ? NULL : netns, device->index, &link))
		memcpy(device->name, link.name, sizeof(device->name));
	return adjust(keeper, netns, device, fd, wanted) == -EAGAIN ? -EAGAIN : 0;
}

/* ---- Work ---- */

static bool take_task(struct keeper *keeper, struct task *ret_task)
{
	if (queue_take(&keeper->new, ret_task))
		return true;
	if (!keeper->has_settled)
		return false;
	if (queue_take(&keeper->changed, ret_task))
		return true;
	keeper->has_settled = false;
	return false;
}

static int on_again(void *owner);

/* The device stays marked as queued: other events about it change nothing. */
static void put_off(struct keeper *keeper, struct task task, struct kept_device *device)
{
	device->is_queued = queue_put(&keeper->later, task);
	if (keeper->again)
		return;
	loop_add_timer(keeper->loop, keeper->later_ns, 0, on_again, keeper, &keeper->again);
	if (keeper->later_ns < LATER_LAST_NS)
		keeper->later_ns *= 2;
}

/* Works on the queues until the time. Returns whether there is more. */
static bool work(struct keeper *keeper, uint64_t until)
{
	struct task task;

	while (take_task(keeper, &task)) {
		struct netns_entry *netns =
			task.nsid < 0
				? &keeper->host
				: netns_search_by_nsid(links_search(keeper->links), task.nsid);
		struct kept_device *device = netns ? kept_device(netns, task.index) : NULL;

		if (!device)
			continue;
		device->is_queued = false;
		if (check_device(keeper, netns, device))
			put_off(keeper, task, device);
		links_drain(keeper->links);
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

static int on_again(void *owner)
{
	struct keeper *keeper = owner;
	struct task task;

	loop_remove(&keeper->again);
	while (queue_take(&keeper->later, &task))
		queue_put(&keeper->new, task);
	return work_for_a_while(keeper);
}

static int on_settled(void *owner)
{
	struct keeper *keeper = owner;

	loop_remove(&keeper->settle);
	keeper->has_settled = true;
	return work_for_a_while(keeper);
}

static void on_drained(void *owner)
{
	struct keeper *keeper = owner;

	if (!keeper->later.count)
		keeper->later_ns = LATER_FIRST_NS;
	if (keeper->began)
		work_for_a_while(keeper);
}

/* ---- Records of earlier runs and of proofs ---- */

/*
 * Whether a recorded namespace is gone. Each living namespace with a record has a number here. If
 * all numbers are resolved, a namespace that is not among them is dead. Else it may be one of the
 * unresolved; only a search of all of /proc tells, so that is done for some.
 */
static bool is_dead(struct keeper *keeper, const struct netns_id *id)
{
	_cleanup_close_ int fd = -1;

	if (!netns_search_unresolved(links_search(keeper->links)))
		return true;
	return keeper->slow_searches++ < SLOW_SEARCHES_MAX && netns_search_find(id, &fd) == -ENOENT;
}

/* A record that another process has locked is dropped another time. */
static int drop_record(const struct ledger *ledger)
{
	int rc = journal_kept_drop(ledger);

	return rc == -EAGAIN ? 0 : rc;
}

/*
 * Notes what a record says is on its device; drops the record if its namespace or device is gone.
 */
static int adopt(const struct ledger *ledger, void *data)
{
	struct keeper *keeper = data;
	struct netns_search *search = links_search(keeper->links);
	struct netns_entry *netns = netns_same(&ledger->netns, &keeper->host.id)
					    ? &keeper->host
					    : netns_search_by_id(search, &ledger->netns);
	struct kept_device *device = netns ? kept_device(netns, ledger->index) : NULL;
	struct links_device link;
	const json_t *record;
	size_t i;

	if (ledger->is_past || (!netns && is_dead(keeper, &ledger->netns)))
		return drop_record(ledger);
	if (netns && !device && ledger->index &&
	    links_ask(keeper->links, is_host(netns) ? NULL : netns, ledger->index, &link) ==
		    -ENODEV)
		return drop_record(ledger);
	if (!device)
		return 0;
	device->is_recorded = true;
	device->has = 0;
	json_array_foreach(ledger->changes, i, record) {
		device->has |= MITIGATION_BIT(catalog_of_record(record));
	}
	return 0;
}

static void adopt_all(struct keeper *keeper)
{
	keeper->slow_searches = 0;
	if (journal_kept_each(adopt, keeper))
		log_event(keeper->settings.log,
			  &(struct guard_event){ .kind = GUARD_TROUBLE, .level = LOG_ERR },
			  "%s: this record cannot be read and is left alone, the others are "
			  "taken over",
			  fail_text());
}

/* ---- All devices ---- */

int keeper_check(struct keeper *keeper, bool list_again)
{
	enqueue_all(keeper, &keeper->host);
	if (list_again)
		return links_list(keeper->links, true);
	netns_search_each(links_search(keeper->links), enqueue_all, keeper);
	return 0;
}

int keeper_begin(struct keeper *keeper)
{
	int rc = links_list(keeper->links, false);

	if (rc)
		return rc;
	if (!kept_device(&keeper->host, 0))
		add_device(&keeper->host, 0);
	adopt_all(keeper);
	keeper_check(keeper, false);
	keeper->began = keeper->has_settled = true;
	loop_remove(&keeper->settle);
	work(keeper, UINT64_MAX);
	keeper->has_settled = false;
	return 0;
}

void keeper_set_proof(struct keeper *keeper, bool runs)
{
	keeper->in_proof = runs;
	if (runs)
		return;
	adopt_all(keeper);
	keeper_check(keeper, false);
}

static void count_devices(void *owner, struct netns_entry *netns)
{
	struct keeper_tally *tally = owner;

	tally->netns += netns->resolved;
	for (const struct kept_device *device = netns->data; device; device = device->next) {
		tally->devices++;
		tally->protected += device->has != 0;
	}
}

void keeper_count(struct keeper *keeper, struct keeper_tally *ret_tally)
{
	*ret_tally = (struct keeper_tally){ 0 };
	netns_search_each(links_search(keeper->links), count_devices, ret_tally);
}

/* ---- Life ---- */

int keeper_new(struct loop *loop, const struct keeper_settings *settings,
	       struct keeper **ret_keeper)
{
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	const struct links_hooks hooks = { .link = on_link,
					   .link_gone = on_link_gone,
					   .filter_gone = on_filter_gone,
					   .listed = on_listed,
					   .found = enqueue_all,
					   .gone = forget_devices,
					   .overflowed = on_overflow,
					   .drained = on_drained,
					   .owner = keeper };
	int rc;

	if (!keeper)
		return fail(-ENOMEM, "out of memory");
	keeper->loop = loop;
	keeper->settings = *settings;
	keeper->mitigator = MITIGATOR_INIT;
	keeper->later_ns = LATER_FIRST_NS;
	keeper->host.nsid = -1;
	snprintf(keeper->host.name, sizeof(keeper->host.name), "host");
	rc = netns_identify(-1, &keeper->host.id);
	rc = rc ? rc : links_new(loop, &hooks, settings->buffer, &keeper->links);
	if (rc)
		keeper_free(keeper);
	else
		*ret_keeper = keeper;
	return rc;
}

static void free_devices(void *owner, struct netns_entry *netns)
{
	(void)owner;
	while (netns->data)
		remove_device(netns, netns->data);
}

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	loop_remove(&keeper->worker);
	loop_remove(&keeper->settle);
	loop_remove(&keeper->again);
	/* The devices still exist: free what is known of them, but keep their records. */
	if (keeper->links)
		netns_search_each(links_search(keeper->links), free_devices, NULL);
	free_devices(NULL, &keeper->host);
	links_free(keeper->links);
	mitigate_release(&keeper->mitigator);
	free(keeper->new.task);
	free(keeper->changed.task);
	free(keeper->later.task);
	free(keeper);
}
