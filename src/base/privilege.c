// SPDX-License-Identifier: GPL-2.0-or-later
/* Capabilities, and what to do if one is missing: see privilege.h. */
#include "base/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define CAPABILITIES_MAX 64
#define INITIAL_USER_NAMESPACE 0xeffffffd /* PROC_USER_INIT_INO (linux/proc_ns.h) */

bool privilege_has(unsigned int capability)
{
	return capng_get_caps_process() >= 0 && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

static bool in_user_namespace(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != INITIAL_USER_NAMESPACE;
}

const char *privilege_remedy(void)
{
	int kept = errno;
	const char *remedy = "look at seccomp, AppArmor, SELinux and mounts";

	if (geteuid() != 0)
		remedy = "run as root";
	else if (in_user_namespace())
		remedy = "run as the host's root, not as that of a user namespace";
	else if (!privilege_has(CAP_SYS_ADMIN))
		remedy = "run outside of the container: this root lacks CAP_SYS_ADMIN";
	else if (!privilege_has(CAP_NET_ADMIN))
		remedy = "run outside of the container: this root lacks CAP_NET_ADMIN";
	errno = kept;
	return remedy;
}

static bool is_refusal(int rc)
{
	return rc == -EPERM || rc == -EACCES;
}

const char *privilege_hint(int rc)
{
	static _Thread_local char hint[120];
	size_t len = strlen(fail_text());

	if (!is_refusal(rc) || (len && fail_text()[len - 1] == ')'))
		return "";
	snprintf(hint, sizeof(hint), " (%s)", privilege_remedy());
	return hint;
}

int privilege_fail(int rc, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!is_refusal(rc))
		return fail_errno(rc, "%s", text);
	return fail(rc, "%s: %s (%s)", text, strerror(-rc), privilege_remedy());
}

void privilege_parse_lockdown(const char *text, char *ret_mode, size_t size)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	*ret_mode = '\0';
	if (close)
		snprintf(ret_mode, size, "%.*s", (int)(close - open - 1), open + 1);
}

void privilege_read_lockdown(char *ret_mode, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";

	if (file && !fgets(line, sizeof(line), file))
		*line = '\0';
	privilege_parse_lockdown(line, ret_mode, size);
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
