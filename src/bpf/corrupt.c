// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads corrupt.bpf.c: see corrupt.h. The first try lets it read ip_summed, if the kernel has
 * bpf_cast_to_kern_ctx() (Linux 6.2). The second does without.
 */
#include "bpf/corrupt.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/trace.h"
#include "bpf/corrupt.skel.h"
#include "bpf/loader.h"

#define CAST "bpf_cast_to_kern_ctx"

static int load_corrupt(const struct corrupt_config *config, bool status_readable,
			struct corrupt_bpf **ret_corrupt)
{
	struct corrupt_bpf *corrupt = corrupt_bpf__open();
	int rc;

	if (!corrupt)
		return -errno;
	corrupt->rodata->status_readable = status_readable;
	corrupt->bss->config = *config;
	corrupt->bss->alive_until = clock_ns() + CORRUPT_ALIVE_NS;
	rc = corrupt_bpf__load(corrupt);
	trace("bpf", "load corrupt, %s ip_summed: %d", status_readable ? "reads" : "cannot read",
	      rc);
	if (rc)
		corrupt_bpf__destroy(corrupt);
	else
		*ret_corrupt = corrupt;
	return rc;
}

int corrupt_load(const struct corrupt_config *config, struct corrupt_bpf **ret_corrupt)
{
	int rc;

	loader_silence_libbpf();
	rc = loader_has_function(CAST) ? load_corrupt(config, true, ret_corrupt) : -EOPNOTSUPP;
	if (rc && !loader_failed_here(rc))
		rc = load_corrupt(config, false, ret_corrupt);
	return rc ? loader_fail(rc) : 0;
}

void corrupt_free(struct corrupt_bpf *corrupt)
{
	corrupt_bpf__destroy(corrupt);
}

bool corrupt_reads_status(const struct corrupt_bpf *corrupt)
{
	return corrupt->rodata->status_readable;
}

int corrupt_fd(const struct corrupt_bpf *corrupt)
{
	return bpf_program__fd(corrupt->progs.truesum_corrupt);
}

void corrupt_keep_alive(struct corrupt_bpf *corrupt)
{
	corrupt->bss->alive_until = clock_ns() + CORRUPT_ALIVE_NS;
}

int corrupt_read(const struct corrupt_bpf *corrupt, struct corrupt_state *ret_state)
{
	struct corrupt_state state;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(bpf_map__fd(corrupt->maps.state), &zero, &state))
		return fail_errno(-errno, "cannot read the BPF program's counters");
	*ret_state = state;
	return 0;
}
