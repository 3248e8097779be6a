// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protects containers at their start: see start.h.
 *
 * The kept journals of all devices of a container stay open, and so locked, until it is known
 * whether all of them could be protected. If one could not, what was added to the journals
 * meanwhile is undone.
 *
 * For each attachment of a container to a network, attachments.h records what was put on; for each
 * device, net/journal.h records how to undo it. CHECK compares what is in force with what ADD put
 * on, as far as that is still wanted: a policy that changed since is no error. DEL succeeds
 * whatever is already gone. Nothing needs to be undone for a device that disappears with its
 * container; hardware returns to the host, and is put back as it was.
 */
#include "guard/start/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "guard/catalog.h"
#include "guard/mitigate.h"
#include "guard/policy.h"
#include "guard/start/attachments.h"
#include "guard/start/cni.h"
#include "guard/start/oci.h"
#include "net/journal.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nl.h"

/* ---- Admission: all devices of a container, or none ---- */

struct admission {
	uint32_t ordered; /* MITIGATION_BIT()s; 0: the policy's */
	start_say_fn say;
	bool policy_is_read, is_unproven;
	struct policy policy;
	struct mitigator mitigator;
	struct open_device {
		struct journal *journal;
		size_t before; /* changes it had */
	} device[ATTACHMENT_DEVICES_MAX];
	size_t count;
};

/* Keeps what was put on. */
static void admission_commit(struct admission *admission)
{
	while (admission->count)
		journal_keep(admission->device[--admission->count].journal);
}

/* Undoes what was put on and not committed. */
static void admission_release(struct admission *admission)
{
	while (admission->count) {
		struct open_device *device = &admission->device[--admission->count];

		if (journal_kept_undo_to(device->journal, device->before))
			admission->say(fail_text());
		journal_keep(device->journal);
	}
	mitigate_release(&admission->mitigator);
}

static void read_policy(struct admission *admission)
{
	char sentence[320], words[80];

	if (admission->policy_is_read)
		return;
	admission->policy_is_read = true;
	admission->is_unproven =
		policy_read(POLICY_FILE, POLICY_THIS_KERNEL, &admission->policy) != 0;
	if (!admission->is_unproven)
		return;
	catalog_words(catalog_at(AT_END), " and ", "", words, sizeof(words));
	snprintf(sentence, sizeof(sentence), "%.200s; until then new containers get %s",
		 fail_text(), words);
	admission->say(sentence);
}

/* What a device of that kind should have. */
static uint32_t admission_wanted(struct admission *admission, const char *kind)
{
	if (admission->ordered)
		return admission->ordered;
	read_policy(admission);
	return admission->is_unproven ? catalog_at(AT_END)
				      : policy_get(&admission->policy, POLICY_KIND, kind);
}

/*
 * If nothing is proven to help this kind, one mitigation is enough: those that this kernel or
 * device cannot have may be missing.
 */
static bool may_be_missing(struct admission *admission, const char *kind, int rc)
{
	const struct policy_row *row;

	if (admission->ordered || (rc != -EOPNOTSUPP && rc != -ENOENT))
		return false;
	read_policy(admission);
	row = policy_kind(&admission->policy, kind);
	return admission->is_unproven || !row || row->state == POLICY_UNPROVEN ||
	       row->state == POLICY_NOTHING_HELPS;
}

static int put_all(struct admission *admission, struct journal *journal,
		   const struct journal_place *place, const char *kind, uint32_t mask,
		   uint32_t *ret_mitigations)
{
	char sentence[400];
	uint32_t done = 0;
	int missed = 0;

	for (unsigned int i = MITIGATION_NONE + 1; i < MITIGATIONS; i++) {
		int rc = mask & MITIGATION_BIT(i) ? mitigate_put(&admission->mitigator, journal,
								 place, (enum mitigation)i)
						  : -ECANCELED;

		if (!rc)
			done |= MITIGATION_BIT(i);
		if (!rc || rc == -ECANCELED)
			continue;
		snprintf(sentence, sizeof(sentence), "%s: %s is not possible: %.300s",
			 place->device, mitigation_names[i], fail_text());
		missed = rc;
		if (!may_be_missing(admission, kind, rc))
			return fail(rc, "%s", sentence);
		admission->say(sentence);
	}
	if (missed && !done)
		return fail(missed, "%s", sentence);
	*ret_mitigations = done;
	return 0;
}

/*
 * Puts on the device what it should have; *ret_mitigations: what is in force by it. Devices must
 * come by index, lowest first: other processes lock their journals in that order, too. After a
 * failure release the admission.
 */
static int admit(struct admission *admission, int netns_fd, const char *netns,
		 const struct link_info *link, uint32_t *ret_mitigations)
{
	const struct journal_place place = {
		.netns_fd = netns_fd, .netns = netns, .device = link->name, .index = link->index
	};
	uint32_t mask = admission_wanted(admission, link->kind);
	struct open_device *device = &admission->device[admission->count];
	int rc;

	if (!mask) {
		*ret_mitigations = 0;
		return 0;
	}
	if (admission->count == ATTACHMENT_DEVICES_MAX)
		return fail(-E2BIG, "more than %d devices", ATTACHMENT_DEVICES_MAX);
	rc = journal_open_kept(&place, &device->journal);
	if (rc)
		return rc;
	rc = journal_kept_count(device->journal, &device->before);
	if (rc) {
		journal_keep(device->journal);
		return rc;
	}
	admission->count++;
	return put_all(admission, device->journal, &place, link->kind, mask, ret_mitigations);
}

/* ---- The CNI plugin ---- */

struct work {
	const struct cni_request *request;
	struct cni_error *error;
	struct admission admission;
	struct attachment attachment;
	int netns_fd; /* -1: not there */
	struct netns_id netns;
	struct nl *nl;
};

static void work_release(struct work *work)
{
	admission_release(&work->admission);
	nl_close(work->nl);
	if (work->netns_fd >= 0)
		close(work->netns_fd);
}

static struct attachment_key cni_key(const struct cni_request *request)
{
	return (struct attachment_key){ request->network, request->container_id, request->ifname };
}

/* Answers an error. One that may be gone at the next try has a code of its own. */
static int answer_error(struct work *work, enum cni_code code, int rc)
{
	if (rc == -EBUSY || rc == -EAGAIN || rc == -EINTR || rc == -ENOBUFS)
		code = CNI_TRY_AGAIN;
	cni_fail(work->error, code, "%s", fail_text());
	return rc;
}

/* Opens the container's namespace, which must not be this one: its devices are the host's. */
static int enter_container(struct work *work)
{
	const char *path = work->request->netns;
	struct netns_id own;
	int rc = netns_open(path, &work->netns_fd);

	if (rc == -ENOENT)
		return answer_error(work, CNI_NO_CONTAINER, rc);
	if (rc == -EINVAL)
		return answer_error(work, CNI_ENVIRONMENT, rc);
	rc = rc ? rc : netns_identify(work->netns_fd, &work->netns);
	rc = rc ? rc : netns_identify(-1, &own);
	rc = rc ? rc : nl_open(work->netns_fd, NETLINK_ROUTE, &work->nl);
	if (rc)
		return answer_error(work, CNI_IO, rc);
	if (!netns_same(&own, &work->netns))
		return 0;
	cni_fail(work->error, CNI_ENVIRONMENT, "CNI_NETNS is '%.80s'", path);
	snprintf(work->error->details, sizeof(work->error->details),
		 "that is the network namespace the plugin runs in, not a container's");
	return -EINVAL;
}

/* ---- ADD ---- */

static int order_by_index(const void *one, const void *other)
{
	const struct link_info *a = one, *b = other;

	return (a->index > b->index) - (a->index < b->index);
}

/*
 * Finds the devices that the request names, by index, without loopback devices, which need nothing.
 */
static int find_devices(struct work *work, struct link_info *link, size_t *ret_count)
{
	const char *name[CNI_DEVICES_MAX];
	size_t names = cni_devices(work->request, name), count = 0;

	for (size_t i = 0; i < names; i++) {
		int rc = link_get(work->nl, name[i], &link[count]);

		if (rc) {
			answer_error(work, CNI_CANNOT_PROTECT, rc);
			snprintf(work->error->details, sizeof(work->error->details),
				 "prevResult or CNI_IFNAME names it, but it is not in %.160s",
				 work->request->netns);
			return rc;
		}
		if (!(link[count].flags & IFF_LOOPBACK))
			count++;
	}
	qsort(link, count, sizeof(*link), order_by_index);
	*ret_count = count;
	return 0;
}

static int do_add(struct work *work)
{
	const struct attachment_key key = cni_key(work->request);
	struct attachment *attachment = &work->attachment;
	struct link_info link[CNI_DEVICES_MAX] = { 0 };
	int rc = enter_container(work);

	rc = rc ? rc : find_devices(work, link, &attachment->count);
	if (rc)
		return rc;
	attachment->netns = work->netns;
	for (size_t i = 0; i < attachment->count; i++) {
		struct attached_device *device = &attachment->device[i];

		device->index = link[i].index;
		term_printable(device->device, sizeof(device->device), link[i].name);
		rc = admit(&work->admission, work->netns_fd, work->request->netns, &link[i],
			   &device->mitigations);
		if (!rc)
			continue;
		answer_error(work, CNI_CANNOT_PROTECT, rc);
		snprintf(work->error->details, sizeof(work->error->details),
			 "nothing was left on %s; choose another \"mitigation\", or "
			 "run `truesum guard apply` to find what helps here",
			 link[i].name);
		return rc;
	}
	rc = attachments_write(&key, attachment, work->request->netns);
	if (rc)
		return answer_error(work, CNI_IO, rc);
	admission_commit(&work->admission);
	return 0;
}

/* ---- CHECK ---- */

static int verify_device(struct work *work, const struct attached_device *device)
{
	struct link_info link = { 0 };
	const struct journal_place place = { .netns_fd = work->netns_fd,
					     .netns = work->request->netns,
					     .device = link.name,
					     .index = device->index };
	uint32_t wanted, in_force = 0;
	char missing[80];
	int rc = link_get_by_index(work->nl, device->index, &link);

	if (rc == -ENODEV) {
		cni_fail(work->error, CNI_UNPROTECTED, "%s is gone", device->device);
		snprintf(work->error->details, sizeof(work->error->details),
			 "the device that ADD protected (index %d) no longer exists: "
			 "make the attachment again (DEL, ADD)",
			 device->index);
		return rc;
	}
	wanted = rc ? 0 : admission_wanted(&work->admission, link.kind) & device->mitigations;
	if (!rc && wanted)
		rc = mitigate_in_force(&place, wanted, &in_force);
	if (rc)
		return answer_error(work, CNI_IO, rc);
	if (!(wanted & ~in_force))
		return 0;
	catalog_words(wanted & ~in_force, ", ", "", missing, sizeof(missing));
	cni_fail(work->error, CNI_UNPROTECTED, "%s is no longer protected: %s was taken off",
		 link.name, missing);
	snprintf(work->error->details, sizeof(work->error->details),
		 "ADD had put it on in %.160s. `truesum guard run` notices and puts it on again; "
		 "or make the attachment again (DEL, ADD)",
		 work->request->netns);
	return -ENOENT;
}

static int do_check(struct work *work)
{
	const struct attachment_key key = cni_key(work->request);
	struct attachment *attachment = &work->attachment;
	int rc = enter_container(work);

	if (rc)
		return rc;
	rc = attachments_read(&key, attachment);
	if (rc) {
		cni_fail(work->error, CNI_NOT_RECORDED, "there is no record of an ADD: %s",
			 fail_text());
		snprintf(work->error->details, sizeof(work->error->details),
			 "/run/truesum was emptied, or another plugin did the ADD: "
			 "make the attachment again (DEL, ADD)");
		return rc;
	}
	if (attachment->is_past || !netns_same(&attachment->netns, &work->netns)) {
		cni_fail(work->error, CNI_NOT_RECORDED,
			 "ADD was called for another network namespace than %.120s",
			 work->request->netns);
		return -ENOENT;
	}
	for (size_t i = 0; !rc && i < attachment->count; i++)
		rc = verify_device(work, &attachment->device[i]);
	return rc;
}

/* ---- DEL and GC ---- */

/* Puts a device that still exists back as it was; removes the record of one that is gone. */
static int drop_device(const struct work *work, const struct netns_id *netns, int index)
{
	struct journal_place place = { .netns_fd = work->netns_fd, .index = index };
	struct link_info link;

	if (work->nl && netns_same(netns, &work->netns) &&
	    !link_get_by_index(work->nl, index, &link)) {
		place.device = link.name;
		return mitigate_revert(&place, 0);
	}
	return journal_kept_forget(netns, index);
}

static int forget_recorded(struct work *work, const struct attachment_key *key)
{
	struct attachment *attachment = &work->attachment;
	int rc = attachments_read(key, attachment), first = 0;

	for (size_t i = 0; !rc && i < attachment->count; i++) {
		int one = drop_device(work, &attachment->netns, attachment->device[i].index);

		first = first ? first : one;
	}
	return first;
}

/* Without a record, e.g. after /run was emptied: the devices that the request names. */
static void forget_named(struct work *work)
{
	const char *name[CNI_DEVICES_MAX];
	size_t count = cni_devices(work->request, name);
	struct link_info link;

	for (size_t i = 0; work->nl && i < count; i++)
		if (!link_get(work->nl, name[i], &link))
			drop_device(work, &work->netns, link.index);
}

static int do_del(struct work *work)
{
	const struct attachment_key key = cni_key(work->request);
	int rc, removed;

	if (work->request->netns && enter_container(work)) {
		/* It is gone already; or it is the host's, whose devices must stay as they are. */
		nl_close(work->nl);
		work->nl = NULL;
		work->error->code = 0;
	}
	rc = forget_recorded(work, &key);
	if (!rc)
		forget_named(work);
	removed = attachments_remove(&key);
	rc = rc ? rc : removed;
	return rc ? answer_error(work, CNI_IO, rc) : 0;
}

static int forget_if_invalid(const struct attachment_key *key, void *data)
{
	struct work *work = data;
	int rc, removed;

	if (cni_is_valid(work->request, key->container_id, key->ifname))
		return 0;
	rc = forget_recorded(work, key);
	removed = attachments_remove(key);
	return rc ? rc : removed;
}

static int do_gc(struct work *work)
{
	int rc = attachments_each(work->request->network, forget_if_invalid, work);

	return rc ? answer_error(work, CNI_IO, rc) : 0;
}

/* ---- STATUS ---- */

static int do_status(struct work *work)
{
	uint32_t wanted = admission_wanted(&work->admission, "veth");
	int rc = attachments_ready();

	rc = rc ? rc : journal_kept_ready();
	rc = rc ? rc : mitigate_ready(&work->admission.mitigator, wanted);
	if (!rc || may_be_missing(&work->admission, "veth", rc))
		return 0;
	return answer_error(work, CNI_UNAVAILABLE, rc);
}

static int (*const acts[CNI_COMMANDS])(struct work *work) = {
	[CNI_ADD] = do_add, [CNI_CHECK] = do_check,   [CNI_DEL] = do_del,
	[CNI_GC] = do_gc,   [CNI_STATUS] = do_status,
};

/* For commands that put nothing on. */
static void say_nothing(const char *sentence)
{
	(void)sentence;
}

int start_cni(const struct cni_request *request, start_say_fn say, struct cni_error *ret_error)
{
	_cleanup_(work_release) struct work work = {
		.request = request,
		.error = ret_error,
		.admission = { .ordered = request->ordered,
			       .say = request->command == CNI_ADD ? say : say_nothing,
			       .mitigator = MITIGATOR_INIT },
		.netns_fd = -1,
	};

	return acts[request->command] ? acts[request->command](&work) : 0;
}

/* ---- The OCI hook ---- */

/* The container's records; no network is called "+oci". */
static struct attachment_key oci_key(const struct oci_state *state)
{
	return (struct attachment_key){ "+oci", state->id, "-" };
}

static void add_attached(struct attachment *attachment, const struct attached_device *device)
{
	for (size_t i = 0; i < attachment->count; i++)
		if (attachment->device[i].index == device->index) {
			attachment->device[i].mitigations |= device->mitigations;
			return;
		}
	if (attachment->count < ATTACHMENT_DEVICES_MAX)
		attachment->device[attachment->count++] = *device;
}

/* For the container's end, and to find containers that share a namespace. */
static int record(const struct oci_state *state, const struct attachment *own, const char *netns)
{
	const struct attachment_key key = oci_key(state);
	struct attachment attachment;

	if (!own->count)
		return 0;
	if (strpbrk(state->id, "/:"))
		return fail(-EINVAL, "its id has a '/' or ':'");
	/* An earlier call, e.g. at `runc create`, may have recorded devices already. */
	if (attachments_read(&key, &attachment) || !netns_same(&attachment.netns, &own->netns))
		attachment = (struct attachment){ .netns = own->netns };
	for (size_t i = 0; i < own->count; i++)
		add_attached(&attachment, &own->device[i]);
	return attachments_write(&key, &attachment, netns);
}

static bool is_end(const struct link_info *link)
{
	return !(link->flags & IFF_LOOPBACK) && policy_is_end(link->kind);
}

static int admit_all(struct admission *admission, int netns_fd, const char *netns,
		     struct attachment *attachment, size_t *ret_ends)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	_cleanup_free_ struct link_info *link = NULL;
	size_t count = 0, ends = 0;
	int rc = nl_open(netns_fd, NETLINK_ROUTE, &nl);

	rc = rc ? rc : link_list(nl, &link, &count);
	for (size_t i = 0; !rc && i < count && ends < ATTACHMENT_DEVICES_MAX; i++) {
		struct attached_device *device = &attachment->device[attachment->count];

		if (!is_end(&link[i]))
			continue;
		ends++;
		rc = admit(admission, netns_fd, netns, &link[i], &device->mitigations);
		device->index = link[i].index;
		term_printable(device->device, sizeof(device->device), link[i].name);
		attachment->count += device->mitigations != 0;
	}
	*ret_ends = ends;
	return rc;
}

static int protect(const struct oci_state *state, uint32_t ordered, start_say_fn say)
{
	_cleanup_(admission_release) struct admission admission = { .ordered = ordered,
								    .say = say,
								    .mitigator = MITIGATOR_INIT };
	struct attachment attachment = { 0 };
	_cleanup_close_ int netns_fd = -1;
	struct netns_id own;
	size_t ends;
	char pid[16];
	int rc;

	if (!state->pid)
		return fail(-ESRCH, "it has no process: this hook belongs to createRuntime");
	snprintf(pid, sizeof(pid), "%d", (int)state->pid);
	rc = netns_open(pid, &netns_fd);
	rc = rc ? rc : netns_identify(netns_fd, &attachment.netns);
	rc = rc ? rc : netns_identify(-1, &own);
	/* A container in the host's namespace has no devices of its own. */
	if (rc || netns_same(&own, &attachment.netns))
		return rc;
	if (state->status == OCI_RUNNING)
		say("it runs already, and may have read unverified data: this hook belongs to "
		    "createRuntime");
	rc = admit_all(&admission, netns_fd, pid, &attachment, &ends);
	rc = rc ? rc : record(state, &attachment, pid);
	if (rc)
		return rc;
	if (!ends)
		say("it has no network yet, nothing is protected; `truesum guard run` protects "
		    "devices that it gets later");
	admission_commit(&admission);
	return 0;
}

struct others {
	const struct attachment_key *but;
	const struct netns_id *netns;
	bool any;
};

static int find_other(const struct attachment_key *key, void *data)
{
	_cleanup_free_ struct attachment *attachment = calloc(1, sizeof(*attachment));
	struct others *others = data;

	if (attachment && strcmp(key->container_id, others->but->container_id) != 0 &&
	    !attachments_read(key, attachment))
		others->any |= netns_same(&attachment->netns, others->netns);
	return 0;
}

/*
 * Removes a stopped container's record. Removes the records of its devices, too, unless another
 * container is in the same namespace, as in a pod.
 */
static int forget_container(const struct oci_state *state)
{
	const struct attachment_key key = oci_key(state);
	_cleanup_free_ struct attachment *attachment = calloc(1, sizeof(*attachment));
	int rc = attachment ? attachments_read(&key, attachment) : -ENOMEM, first = 0;
	struct others others = { .but = &key, .netns = attachment ? &attachment->netns : NULL };

	if (!rc)
		attachments_each(key.network, find_other, &others);
	for (size_t i = 0; !rc && !others.any && i < attachment->count; i++) {
		int one = journal_kept_forget(&attachment->netns, attachment->device[i].index);

		first = first ? first : one;
	}
	rc = attachments_remove(&key);
	return first ? first : rc;
}

int start_oci(const struct oci_state *state, uint32_t ordered, start_say_fn say)
{
	return state->status == OCI_STOPPED ? forget_container(state)
					    : protect(state, ordered, say);
}
