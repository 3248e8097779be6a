// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loading corrupt.bpf.c: see corrupt.h. It is tried as it should be first, then without reading
 * ip_summed, for kernels that have no bpf_cast_to_kern_ctx().
 */
#include "bpf/corrupt.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/loop.h"
#include "base/trace.h"
#include "bpf/corrupt.skel.h"

struct corrupt {
	struct corrupt_bpf *skeleton;
};

static int load(const struct corrupt_config *config, bool status_readable,
		struct corrupt_bpf **ret_skeleton)
{
	struct corrupt_bpf *skeleton = corrupt_bpf__open();
	int rc;

	if (!skeleton)
		return -errno;
	skeleton->rodata->status_readable = status_readable;
	skeleton->bss->config = *config;
	skeleton->bss->alive_until = clock_ns() + CORRUPT_ALIVE_NS;
	rc = corrupt_bpf__load(skeleton);
	trace("bpf", "load corrupt, %s ip_summed: %d", status_readable ? "reads" : "cannot read",
	      rc);
	if (rc)
		corrupt_bpf__destroy(skeleton);
	else
		*ret_skeleton = skeleton;
	return rc;
}

int corrupt_load(const struct corrupt_config *config, struct corrupt **ret_corrupt)
{
	_cleanup_(corrupt_cleanup) struct corrupt *corrupt = calloc(1, sizeof(*corrupt));
	int rc;

	if (!corrupt)
		return -ENOMEM;
	libbpf_set_print(NULL); /* its messages would only repeat, at length, what the error says */
	rc = load(config, true, &corrupt->skeleton);
	if (rc && rc != -EPERM)
		rc = load(config, false, &corrupt->skeleton);
	if (rc)
		return fail_errno(rc, "cannot load the BPF program (needs root and kernel 5.8)");
	*ret_corrupt = TAKE_PTR(corrupt);
	return 0;
}

void corrupt_free(struct corrupt *corrupt)
{
	if (!corrupt)
		return;
	corrupt_bpf__destroy(corrupt->skeleton);
	free(corrupt);
}

void corrupt_cleanup(struct corrupt **corrupt)
{
	corrupt_free(*corrupt);
}

int corrupt_fd(const struct corrupt *corrupt)
{
	return bpf_program__fd(corrupt->skeleton->progs.truesum_corrupt);
}

void corrupt_keep_alive(struct corrupt *corrupt)
{
	corrupt->skeleton->bss->alive_until = clock_ns() + CORRUPT_ALIVE_NS;
}

int corrupt_read(const struct corrupt *corrupt, struct corrupt_state *ret_state)
{
	struct corrupt_state state;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(corrupt->skeleton->maps.state), &zero, &state))
		return fail_errno(-errno, "cannot read the BPF program's counters");
	*ret_state = state;
	return 0;
}
