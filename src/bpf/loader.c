// SPDX-License-Identifier: GPL-2.0-or-later
/* What the loaders of BPF programs share: see loader.h. */
#include "bpf/loader.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/fail.h"
#include "base/privilege.h"

#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --\n"
#define LOG_END "-- END PROG LOAD LOG --"

static _Thread_local char refusal[160];

/* Lines of the verifier's that are statistics, or an instruction. */
static bool is_filler(const char *line, size_t len)
{
	static const char *const beginnings[] = { "processed ", "verification time ",
						  "stack depth ", "; ", "mark_precise" };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
		if (!strncmp(line, beginnings[i], strlen(beginnings[i])))
			return true;
	return !len || (line[0] >= '0' && line[0] <= '9');
}

void loader_find_refusal(const char *message, char *ret_words, size_t size)
{
	const char *line = strstr(message, LOG_BEGIN);
	const char *end = line ? strstr(line, LOG_END) : NULL;

	*ret_words = '\0';
	if (!end)
		return;
	for (line += strlen(LOG_BEGIN); line < end;) {
		size_t len = strcspn(line, "\n");

		if (!is_filler(line, len))
			snprintf(ret_words, size, "%.*s", (int)len, line);
		line += len + 1;
	}
}

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char *message = NULL;

	/* What is quoted is the last refusal. */
	if (level != LIBBPF_WARN || !strstr(format, LOG_BEGIN) ||
	    vasprintf(&message, format, args) < 0)
		return 0;
	loader_find_refusal(message, refusal, sizeof(refusal));
	free(message);
	return 0;
}

void loader_silence_libbpf(void)
{
	*refusal = '\0';
	libbpf_set_print(listen_to_libbpf);
}

bool loader_has_function(const char *name)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool has = btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) >= 0;

	btf__free(btf);
	return has;
}

bool loader_failed_here(int rc)
{
	return rc == -EPERM || rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
}

int loader_impossible(const char *since)
{
	return fail(-EOPNOTSUPP, "not possible on this kernel (needs Linux %s)", since);
}

static bool kernel_is_before(unsigned int major, unsigned int minor)
{
	unsigned int own_major = major, own_minor = minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &own_major, &own_minor) != 2)
		return false;
	return own_major < major || (own_major == major && own_minor < minor);
}

/* Before Linux 5.11, BPF programs count as locked memory; later ones count for the cgroup. */
static bool memory_is_limited(unsigned long long *ret_kb)
{
	struct rlimit limit;

	if (!kernel_is_before(5, 11) || getrlimit(RLIMIT_MEMLOCK, &limit) ||
	    limit.rlim_cur == RLIM_INFINITY)
		return false;
	*ret_kb = limit.rlim_cur / 1024;
	return true;
}

static const char *missing_capability(void)
{
	if (privilege_has(CAP_SYS_ADMIN))
		return NULL;
	if (!privilege_has(PRIVILEGE_BPF))
		return "CAP_BPF or CAP_SYS_ADMIN";
	if (!privilege_has(CAP_NET_ADMIN))
		return "CAP_NET_ADMIN";
	return privilege_has(PRIVILEGE_PERFMON) ? NULL : "CAP_PERFMON";
}

static int fail_by_verifier(int rc)
{
	char mode[24];

	privilege_read_lockdown(mode, sizeof(mode));
	if (!strcmp(mode, "confidentiality"))
		return fail(rc,
			    "the kernel is locked down (%s), so it refuses BPF programs that read "
			    "its memory: %s",
			    mode, refusal);
	return fail(rc,
		    "the kernel's verifier refuses a BPF program: %s (please send truesum report)",
		    refusal);
}

int loader_fail(int rc)
{
	const char *missing = missing_capability();
	unsigned long long kb = 0;

	if (*refusal && rc != -EPERM)
		return fail_by_verifier(rc);
	if (rc == -ENOSYS)
		return fail(rc, "this kernel has no BPF (CONFIG_BPF_SYSCALL)");
	if (rc == -ENOMEM)
		return fail(
			rc,
			"no memory for BPF programs: look at the host's and the cgroup's limit");
	if (rc != -EPERM && rc != -EACCES)
		return fail_errno(rc, "cannot load BPF programs");
	if (missing)
		return fail(rc, "cannot load BPF programs: that needs %s (%s)", missing,
			    privilege_remedy());
	if (memory_is_limited(&kb))
		return fail(rc,
			    "cannot load BPF programs: they need more locked memory than the limit "
			    "of %llu kB (ulimit -l unlimited)",
			    kb);
	return privilege_fail(rc, "cannot load BPF programs");
}
