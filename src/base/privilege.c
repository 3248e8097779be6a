// SPDX-License-Identifier: GPL-2.0-or-later
/* Capabilities: see privilege.h. */
#include "base/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>

#include "base/fail.h"

#define CAPABILITIES_MAX 64

bool privilege_has(unsigned int capability)
{
	return capng_get_caps_process() >= 0 && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

int privilege_keep_only(const unsigned int *capability, size_t count)
{
	capng_select_t what = CAPNG_SELECT_CAPS;
	bool had[CAPABILITIES_MAX];

	if (count > CAPABILITIES_MAX)
		return fail(-EINVAL, "too many capabilities");
	if (capng_get_caps_process() < 0)
		return fail(-EIO, "cannot read this process's capabilities");
	for (size_t i = 0; i < count; i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, capability[i]);
	/* Lowering the bounding set needs CAP_SETPCAP. */
	if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what = CAPNG_SELECT_BOTH;
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < count; i++)
		if (had[i])
			capng_update(CAPNG_ADD,
				     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				     capability[i]);
	if (capng_apply(what) < 0)
		return fail(-EPERM, "cannot give up capabilities");
	return 0;
}
