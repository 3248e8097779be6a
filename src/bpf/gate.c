// SPDX-License-Identifier: GPL-2.0-or-later
/* Loading gate.bpf.c: see gate.h. */
#include "bpf/gate.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/fail.h"
#include "base/trace.h"
#include "bpf/gate.skel.h"

struct gate_programs {
	struct gate_bpf *skeleton;
};

static int load(const struct gate_programs_settings *settings, struct gate_bpf *skeleton)
{
	int rc;

	skeleton->rodata->vouching = settings->vouching;
	skeleton->rodata->tap = (uint32_t)settings->tap;
	skeleton->rodata->via = (uint32_t)settings->via;
	skeleton->rodata->inner = settings->inner;
	memcpy((void *)skeleton->rodata->far_mac, settings->far_mac, sizeof(settings->far_mac));
	memcpy((void *)skeleton->rodata->peer_v4, settings->peer_v4, sizeof(settings->peer_v4));
	memcpy((void *)skeleton->rodata->peer_v6, settings->peer_v6, sizeof(settings->peer_v6));
	rc = gate_bpf__load(skeleton);
	trace("bpf", "load gate: %d", rc);
	return rc;
}

int gate_programs_load(const struct gate_programs_settings *settings, struct gate_programs **ret)
{
	struct gate_programs *programs = calloc(1, sizeof(*programs));
	int rc;

	if (!programs)
		return fail(-ENOMEM, "out of memory");
	/* Its own messages would only repeat, at length, what the error says. */
	libbpf_set_print(NULL);
	programs->skeleton = gate_bpf__open();
	rc = programs->skeleton ? load(settings, programs->skeleton) : -errno;
	if (rc) {
		gate_programs_free(programs);
		return fail_errno(rc, "cannot load a BPF program (kernel 5.8 and later, as root)");
	}
	*ret = programs;
	return 0;
}

void gate_programs_free(struct gate_programs *programs)
{
	if (!programs)
		return;
	gate_bpf__destroy(programs->skeleton);
	free(programs);
}

int gate_programs_in(const struct gate_programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.tsum_gate);
}

int gate_programs_out(const struct gate_programs *programs)
{
	return bpf_program__fd(programs->skeleton->progs.tsum_gate_out);
}

bool gate_programs_merged(const struct gate_programs *programs, uint16_t port)
{
	return programs &&
	       __atomic_load_n(&programs->skeleton->bss->merged[port], __ATOMIC_RELAXED);
}
