// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads gate.bpf.c: see gate.h. */
#include "bpf/gate.h"

#include <bpf/bpf.h>
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
	memcpy((void *)programs->rodata->vtep_v4, settings->vtep_v4, sizeof(settings->vtep_v4));
	memcpy((void *)programs->rodata->vtep_v6, settings->vtep_v6, sizeof(settings->vtep_v6));
	programs->rodata->vtep_port = settings->vtep_port;
	/* Without the table the filter would let nothing through. */
	rc = settings->tokens_fd < 0
		     ? settings->tokens_fd
		     : bpf_map__reuse_fd(programs->maps.tokens, settings->tokens_fd);
	rc = rc ? rc : gate_bpf__load(programs);
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

int gate_programs_fd(const struct gate_bpf *programs, enum gate_program which)
{
	const struct bpf_program *const program[] = {
		[GATE_PROGRAM_IN] = programs->progs.tsum_gate,
		[GATE_PROGRAM_FILTER] = programs->progs.tsum_gate_filter,
		[GATE_PROGRAM_OUT] = programs->progs.tsum_gate_out,
		[GATE_PROGRAM_ANSWERS] = programs->progs.tsum_answers,
		[GATE_PROGRAM_REQUESTS] = programs->progs.tsum_requests,
	};

	return bpf_program__fd(program[which]);
}

int gate_programs_admit(const struct gate_bpf *programs, const struct gate_asker *asker)
{
	const uint8_t one = 1;

	return bpf_map_update_elem(bpf_map__fd(programs->maps.askers), asker, &one, BPF_ANY)
		       ? -errno
		       : 0;
}

int gate_programs_answers(const struct gate_bpf *programs, const struct gate_station *station,
			  const struct gate_lead *lead)
{
	int map = bpf_map__fd(programs->maps.stations);

	return bpf_map_update_elem(map, station, lead, BPF_ANY) ? -errno : 0;
}

int gate_programs_requests(const struct gate_bpf *programs, int port, const struct gate_lead *lead)
{
	const uint32_t key = (uint32_t)port;
	int map = bpf_map__fd(programs->maps.ports);

	return bpf_map_update_elem(map, &key, lead, BPF_ANY) ? -errno : 0;
}

bool gate_programs_merged(const struct gate_bpf *programs, uint16_t port)
{
	return programs && __atomic_load_n(&programs->bss->merged[port], __ATOMIC_RELAXED);
}

void gate_programs_forget(struct gate_bpf *programs, uint16_t port)
{
	if (programs)
		__atomic_store_n(&programs->bss->merged[port], 0, __ATOMIC_RELAXED);
}

uint64_t gate_programs_foreign(const struct gate_bpf *programs)
{
	return programs ? __atomic_load_n(&programs->bss->foreign, __ATOMIC_RELAXED) : 0;
}
