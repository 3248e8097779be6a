// SPDX-License-Identifier: GPL-2.0-or-later
/* What the loaders of BPF programs share: see loader.h. */
#include "bpf/loader.h"

#include <bpf/libbpf.h>
#include <errno.h>

#include "base/fail.h"

void loader_silence_libbpf(void)
{
	libbpf_set_print(NULL);
}

bool loader_failed_here(int rc)
{
	return rc == -EPERM || rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
}

int loader_impossible(const char *since)
{
	return fail(-EOPNOTSUPP, "not possible on this kernel (needs Linux %s)", since);
}

int loader_fail(int rc)
{
	return fail_errno(rc, "cannot load BPF programs (needs root and kernel 5.8)");
}
