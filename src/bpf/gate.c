// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads gate.bpf.c: see gate.h. */
#include "bpf/gate.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "base/trace.h"
#include "bpf/gate.skel.h"
#include "bpf/loader.h"

int gate_programs_load(const struct gate_programs_settings *settings, struct gate_bpf **ret)
{
	struct gate_bpf *programs;
	int rc;

	loader_silence_libbpf();
	programs = gate_bpf__open();
	if (!programs)
		return loader_fail(-errno);
	programs->rodata->vouching = settings->vouching;
	programs->rodata->tap = (uint32_t)settings->tap;
	programs->rodata->via = (uint32_t)settings->via;
	programs->rodata->inner = settings->inner;
	memcpy((void *)programs->rodata->far_mac, settings->far_mac, sizeof(settings->far_mac));
	memcpy((void *)programs->rodata->peer_v4, settings->peer_v4, sizeof(settings->peer_v4));
	memcpy((void *)programs->rodata->peer_v6, settings->peer_v6, sizeof(settings->peer_v6));
	rc = gate_bpf__load(programs);
	trace("bpf", "load gate: %d", rc);
	if (rc) {
		gate_bpf__destroy(programs);
		return loader_fail(rc);
	}
	*ret = programs;
	return 0;
}

void gate_programs_free(struct gate_bpf *programs)
{
	gate_bpf__destroy(programs);
}

int gate_programs_fd(const struct gate_bpf *programs, bool out)
{
	return bpf_program__fd(out ? programs->progs.tsum_gate_out : programs->progs.tsum_gate);
}

bool gate_programs_merged(const struct gate_bpf *programs, uint16_t port)
{
	return programs && __atomic_load_n(&programs->bss->merged[port], __ATOMIC_RELAXED);
}
