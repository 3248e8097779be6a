// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the CNI plugin does: see attach.h. What ADD put on is recorded per attachment (guard/attachment.h),
 * and how to undo it per device (net/journal.h). CHECK compares with what ADD put on as far as that is still
 * wanted: a policy that has changed since is no error. DEL succeeds whatever is gone already.
 */
#include "guard/start/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "guard/start/attachment.h"
#include "guard/mitigate.h"
#include "net/journal.h"
#include "net/netns.h"

struct work {
	const struct cni_request *request;
	struct cni_error *error;
	struct admission *admission;
	struct attachment attachment;
	int netns_fd; /* -1: not there */
	struct netns_id netns;
	struct nl *nl;
};

static void work_release(struct work *work)
{
	admission_free(work->admission);
	nl_close(work->nl);
	if (work->netns_fd >= 0)
		close(work->netns_fd);
}

static struct attachment_key key_of(const struct cni_request *request)
{
	return (struct attachment_key){ request->network, request->container_id, request->ifname };
}

/* A failure below, as an error of the CNI: what may go better another time is told apart. */
static int refuse(struct work *work, enum cni_code code, int rc)
{
	if (rc == -EBUSY || rc == -EAGAIN || rc == -EINTR || rc == -ENOBUFS)
		code = CNI_TRY_AGAIN;
	cni_fail(work->error, code, "%s", fail_text());
	return rc;
}

/* The container's namespace, which is not ours: the host's devices are not a container's. */
static int enter(struct work *work)
{
	const char *path = work->request->netns;
	struct netns_id own;
	int rc = netns_open(path, &work->netns_fd);

	if (rc == -ENOENT)
		return refuse(work, CNI_NO_CONTAINER, rc);
	if (rc == -EINVAL)
		return refuse(work, CNI_ENVIRONMENT, rc);
	rc = rc ? rc : netns_identify(work->netns_fd, &work->netns);
	rc = rc ? rc : netns_identify(-1, &own);
	rc = rc ? rc : nl_open(work->netns_fd, NETLINK_ROUTE, &work->nl);
	if (rc)
		return refuse(work, CNI_IO, rc);
	if (!netns_same(&own, &work->netns))
		return 0;
	cni_fail(work->error, CNI_ENVIRONMENT, "CNI_NETNS is '%.80s'", path);
	cni_detail(work->error,
		   "that is the network namespace the plugin runs in, not a container's");
	return -EINVAL;
}

/* ---- ADD ---- */

static int by_index(const void *one, const void *other)
{
	const struct link_info *a = one, *b = other;

	return (a->index > b->index) - (a->index < b->index);
}

/* The devices meant, by index; loopback ones need nothing. */
static int find_devices(struct work *work, struct link_info *link, size_t *ret_count)
{
	const char *name[CNI_DEVICES_MAX];
	size_t names = cni_devices(work->request, name), count = 0;

	for (size_t i = 0; i < names; i++) {
		int rc = link_get(work->nl, name[i], &link[count]);

		if (rc) {
			refuse(work, CNI_CANNOT_PROTECT, rc);
			cni_detail(work->error,
				   "prevResult or CNI_IFNAME names it, but it is not in %.160s",
				   work->request->netns);
			return rc;
		}
		if (!(link[count].flags & IFF_LOOPBACK))
			count++;
	}
	qsort(link, count, sizeof(*link), by_index);
	*ret_count = count;
	return 0;
}

static int do_add(struct work *work)
{
	const struct attachment_key key = key_of(work->request);
	struct attachment *attachment = &work->attachment;
	struct link_info link[CNI_DEVICES_MAX] = { 0 };
	int rc = enter(work);

	rc = rc ? rc : find_devices(work, link, &attachment->count);
	if (rc)
		return rc;
	attachment->netns = work->netns;
	for (size_t i = 0; i < attachment->count; i++) {
		struct attached_device *device = &attachment->device[i];

		device->index = link[i].index;
		snprintf(device->device, sizeof(device->device), "%s", link[i].name);
		rc = admit(work->admission, work->netns_fd, work->request->netns, &link[i],
			   &device->mitigations);
		if (!rc)
			continue;
		refuse(work, CNI_CANNOT_PROTECT, rc);
		cni_detail(work->error,
			   "nothing was left on %s; choose another \"mitigation\", or "
			   "run `truesum guard apply` to find what helps here",
			   link[i].name);
		return rc;
	}
	rc = attachment_write(&key, attachment, work->request->netns);
	if (rc)
		return refuse(work, CNI_IO, rc);
	admission_commit(work->admission);
	return 0;
}

/* ---- CHECK ---- */

static int check_device(struct work *work, const struct attached_device *device)
{
	const struct journal_place place = { .netns_fd = work->netns_fd,
					     .netns = work->request->netns,
					     .device = device->device,
					     .index = device->index };
	uint32_t wanted, in_force = 0;
	struct link_info link;
	char missing[80];
	int rc = link_get_by_index(work->nl, device->index, &link);

	if (rc == -ENODEV) {
		cni_fail(work->error, CNI_UNPROTECTED, "%s is gone", device->device);
		cni_detail(work->error,
			   "the device that ADD protected (index %d) is not there any "
			   "more: make the attachment anew (DEL, ADD)",
			   device->index);
		return rc;
	}
	wanted = rc ? 0 : admission_wanted(work->admission, link.kind) & device->mitigations;
	if (!rc && wanted)
		rc = guard_in_force(&place, wanted, &in_force);
	if (rc)
		return refuse(work, CNI_IO, rc);
	if (!(wanted & ~in_force))
		return 0;
	guard_mitigation_words(wanted & ~in_force, ", ", missing, sizeof(missing));
	cni_fail(work->error, CNI_UNPROTECTED, "%s is not protected any more: %s was taken off",
		 link.name, missing);
	cni_detail(work->error,
		   "ADD had put it on in %.160s. `truesum guard run` notices and puts it on again; "
		   "or make the attachment anew (DEL, ADD)",
		   work->request->netns);
	return -ENOENT;
}

static int do_check(struct work *work)
{
	const struct attachment_key key = key_of(work->request);
	struct attachment *attachment = &work->attachment;
	int rc = enter(work);

	if (rc)
		return rc;
	rc = attachment_read(&key, attachment);
	if (rc) {
		cni_fail(work->error, CNI_NOT_RECORDED, "nothing is known of an ADD: %s",
			 fail_text());
		cni_detail(work->error, "/run/truesum was emptied, or ADD was another plugin's: "
					"make the attachment anew (DEL, ADD)");
		return rc;
	}
	if (attachment->is_past || !netns_same(&attachment->netns, &work->netns)) {
		cni_fail(work->error, CNI_NOT_RECORDED,
			 "ADD was called for another network namespace than %.120s",
			 work->request->netns);
		return -ENOENT;
	}
	for (size_t i = 0; !rc && i < attachment->count; i++)
		rc = check_device(work, &attachment->device[i]);
	return rc;
}

/* ---- DEL and GC ---- */

/* A device that is there still gets its former state; of one that is gone only the record goes. */
static int forget_device(const struct work *work, const struct netns_id *netns, int index)
{
	struct journal_place place = { .netns_fd = work->netns_fd, .index = index };
	struct link_info link;

	if (work->nl && netns_same(netns, &work->netns) &&
	    !link_get_by_index(work->nl, index, &link)) {
		place.device = link.name;
		return guard_unprotect(&place);
	}
	return journal_kept_forget(netns, index);
}

static int forget_recorded(struct work *work, const struct attachment_key *key)
{
	struct attachment *attachment = &work->attachment;
	int rc = attachment_read(key, attachment), first = 0;

	for (size_t i = 0; !rc && i < attachment->count; i++) {
		int one = forget_device(work, &attachment->netns, attachment->device[i].index);

		first = first ? first : one;
	}
	return first;
}

/* Without a record, as where /run was emptied: what the namespace has of it. */
static void forget_named(struct work *work)
{
	const char *name[CNI_DEVICES_MAX];
	size_t count = cni_devices(work->request, name);
	struct link_info link;

	for (size_t i = 0; work->nl && i < count; i++)
		if (!link_get(work->nl, name[i], &link))
			forget_device(work, &work->netns, link.index);
}

static int do_del(struct work *work)
{
	const struct attachment_key key = key_of(work->request);
	int rc, removed;

	if (work->request->netns && enter(work)) {
		/* Gone already; or the host's own, whose devices are not meant. */
		nl_close(work->nl);
		work->nl = NULL;
		work->error->code = 0;
	}
	rc = forget_recorded(work, &key);
	if (!rc)
		forget_named(work);
	removed = attachment_remove(&key);
	rc = rc ? rc : removed;
	return rc ? refuse(work, CNI_IO, rc) : 0;
}

static int collect(const struct attachment_key *key, void *data)
{
	struct work *work = data;
	int rc, removed;

	if (cni_is_valid(work->request, key->container_id, key->ifname))
		return 0;
	rc = forget_recorded(work, key);
	removed = attachment_remove(key);
	return rc ? rc : removed;
}

static int do_gc(struct work *work)
{
	int rc = attachment_each(work->request->network, collect, work);

	return rc ? refuse(work, CNI_IO, rc) : 0;
}

/* ---- STATUS ---- */

static int do_status(struct work *work)
{
	int rc = attachment_ready();

	rc = rc ? rc : admission_ready(work->admission);
	return rc ? refuse(work, CNI_UNAVAILABLE, rc) : 0;
}

static int (*const acts[CNI_COMMANDS])(struct work *work) = {
	[CNI_ADD] = do_add, [CNI_CHECK] = do_check,   [CNI_DEL] = do_del,
	[CNI_GC] = do_gc,   [CNI_STATUS] = do_status,
};

/* CHECK and STATUS put nothing on. */
static void be_quiet(const char *sentence)
{
	(void)sentence;
}

int attach_do(const struct cni_request *request, admit_say_fn say, struct cni_error *ret_error)
{
	_cleanup_(work_release) struct work work = { .request = request,
						     .error = ret_error,
						     .netns_fd = -1 };
	int rc;

	if (!acts[request->command])
		return 0;
	rc = admission_new(&request->order, request->command == CNI_ADD ? say : be_quiet,
			   &work.admission);
	return rc ? refuse(&work, CNI_TRY_AGAIN, rc) : acts[request->command](&work);
}
