// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Protecting a new container's devices: see admit.h. The kept journals stay open, and so locked, until it is
 * known whether all of them could be protected; what is undone then is what was added to them meanwhile.
 */
#include "guard/start/admit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "guard/mitigate.h"
#include "guard/policy.h"
#include "net/journal.h"

struct admission {
	struct guard_order order;
	admit_say_fn say;
	bool policy_is_read, is_unproven;
	struct policy policy;
	struct mitigator *mitigator;
	struct open_device {
		struct journal *journal;
		size_t before; /* changes it had */
	} device[ADMIT_DEVICES_MAX];
	size_t count;
};

int admission_new(const struct guard_order *order, admit_say_fn say,
		  struct admission **ret_admission)
{
	_cleanup_(admission_cleanup) struct admission *admission = calloc(1, sizeof(*admission));
	int rc;

	if (!admission)
		return fail(-ENOMEM, "out of memory");
	admission->order = *order;
	admission->say = say;
	rc = mitigator_new(&admission->mitigator);
	if (!rc)
		*ret_admission = TAKE_PTR(admission);
	return rc;
}

void admission_commit(struct admission *admission)
{
	while (admission->count)
		journal_keep(admission->device[--admission->count].journal);
}

void admission_free(struct admission *admission)
{
	if (!admission)
		return;
	while (admission->count) {
		struct open_device *device = &admission->device[--admission->count];

		if (journal_kept_undo_to(device->journal, device->before))
			admission->say(fail_text());
		journal_keep(device->journal);
	}
	mitigator_free(admission->mitigator);
	free(admission);
}

static void read_policy(struct admission *admission)
{
	char sentence[320];

	if (admission->policy_is_read)
		return;
	admission->policy_is_read = true;
	admission->is_unproven = policy_current(POLICY_FILE, &admission->policy) != 0;
	if (!admission->is_unproven)
		return;
	snprintf(sentence, sizeof(sentence), "%.200s; until then rx-off and reset are both put on",
		 fail_text());
	admission->say(sentence);
}

uint32_t admission_wanted(struct admission *admission, const char *kind)
{
	if (admission->order.is_named)
		return admission->order.mitigations;
	read_policy(admission);
	return admission->is_unproven ? GUARD_UNPROVEN : policy_of_kind(&admission->policy, kind);
}

/* Of what nobody has proven to be needed, that which cannot be there may be missing: one will do. */
static bool may_miss(const struct admission *admission, int rc)
{
	return admission->is_unproven && (rc == -EOPNOTSUPP || rc == -ENOENT);
}

static int put_all(struct admission *admission, struct journal *journal, const char *device,
		   uint32_t mask, uint32_t *ret_mitigations)
{
	char sentence[400];
	uint32_t done = 0;
	int missed = 0;

	for (unsigned int i = MITIGATION_RX_OFF; i < MITIGATIONS; i++) {
		int rc = mask & MITIGATION_BIT(i)
				 ? mitigate(admission->mitigator, journal, (enum mitigation)i)
				 : -ECANCELED;

		if (!rc)
			done |= MITIGATION_BIT(i);
		if (!rc || rc == -ECANCELED)
			continue;
		snprintf(sentence, sizeof(sentence), "%s: %s is not possible: %.300s", device,
			 mitigation_names[i], fail_text());
		missed = rc;
		if (!may_miss(admission, rc))
			return fail(rc, "%s", sentence);
		admission->say(sentence);
	}
	if (missed && !done)
		return fail(missed, "%s", sentence);
	*ret_mitigations = done;
	return 0;
}

int admit(struct admission *admission, int netns_fd, const char *netns,
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
	if (admission->count == ADMIT_DEVICES_MAX)
		return fail(-E2BIG, "more than %d devices", ADMIT_DEVICES_MAX);
	rc = journal_open_kept(&place, &device->journal);
	if (rc)
		return rc;
	rc = journal_kept_count(device->journal, &device->before);
	if (rc) {
		journal_keep(device->journal);
		return rc;
	}
	admission->count++;
	return put_all(admission, device->journal, link->name, mask, ret_mitigations);
}

int admission_ready(struct admission *admission)
{
	uint32_t mask = admission_wanted(admission, "veth");
	int rc = journal_kept_ready();

	if (!rc && mask & MITIGATION_BIT(MITIGATION_RESET))
		rc = mitigator_ready(admission->mitigator);
	return may_miss(admission, rc) ? 0 : rc;
}
