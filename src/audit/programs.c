// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Programs on devices: XDP by the ids in the inventory, filters at clsact or ingress by rtnetlink,
 * tcx (Linux 6.6) by bpf(2). The program itself tells its name and whether it redirects:
 * bpf_redirect_map() needs a map of a kind that has no other use, and a call of bpf_redirect()
 * shows in the instructions, which contain the distance of a helper from __bpf_call_base
 * (kernel/bpf/core.c).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "audit/collect.h"
#include "audit/facts.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "net/nl.h"

#define PROGRAMS_MAX 16 /* of a device */
#define MAPS_MAX 64
/* enum bpf_attach_type of Linux 6.6, which is newer than the headers this builds with */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

struct known {
	uint32_t id;
	char name[BPF_OBJ_NAME_LEN];
	enum audit_redirects redirects;
};

struct audit_programs {
	struct known *known;
	size_t count;
	bool no_tcx;
	bool symbols_read;
	uint64_t call_base, redirect; /* addresses; 0: not known */
};

void audit_programs_free(struct audit_programs *programs)
{
	if (programs)
		free(programs->known);
	free(programs);
}

static void read_symbols(struct audit_programs *programs)
{
	_cleanup_fclose_ FILE *file = NULL;
	unsigned long long address;
	char line[256], name[128];

	if (programs->symbols_read)
		return;
	programs->symbols_read = true;
	file = fopen("/proc/kallsyms", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %*c %127s", &address, name) != 2)
			continue;
		if (!strcmp(name, "__bpf_call_base"))
			programs->call_base = address;
		else if (!strcmp(name, "bpf_xdp_redirect"))
			programs->redirect = address;
	}
}

static bool has_redirect_map(const uint32_t *ids, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(ids[i]);
		struct bpf_map_info info = { 0 };
		uint32_t size = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
			continue;
		if (info.type == BPF_MAP_TYPE_XSKMAP || info.type == BPF_MAP_TYPE_DEVMAP ||
		    info.type == BPF_MAP_TYPE_DEVMAP_HASH || info.type == BPF_MAP_TYPE_CPUMAP)
			return true;
	}
	return false;
}

/* Whether the instructions call bpf_redirect(). The kernel writes 0 if it hides what they call. */
static enum audit_redirects calls_redirect(struct audit_programs *programs,
					   const struct bpf_insn *insns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg)
			continue;
		read_symbols(programs);
		if (!insns[i].imm || !programs->call_base || !programs->redirect)
			return REDIRECTS_UNKNOWN;
		if (programs->call_base + (uint64_t)(int64_t)insns[i].imm == programs->redirect)
			return REDIRECTS_YES;
	}
	return REDIRECTS_NO;
}

static enum audit_redirects ask_redirects(struct audit_programs *programs, int fd)
{
	_cleanup_free_ struct bpf_insn *insns = NULL;
	uint32_t maps[MAPS_MAX], size;
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)maps };

	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return REDIRECTS_UNKNOWN;
	if (has_redirect_map(maps, info.nr_map_ids < MAPS_MAX ? info.nr_map_ids : MAPS_MAX))
		return REDIRECTS_YES;
	size = info.xlated_prog_len;
	insns = calloc(1, size + sizeof(*insns));
	if (!insns || !size)
		return REDIRECTS_UNKNOWN;
	info = (struct bpf_prog_info){ .xlated_prog_len = size,
				       .xlated_prog_insns = (uintptr_t)insns };
	size = sizeof(info);
	if (bpf_obj_get_info_by_fd(fd, &info, &size) || !info.xlated_prog_insns)
		return REDIRECTS_UNKNOWN;
	return calls_redirect(programs, insns, info.xlated_prog_len / sizeof(*insns));
}

static void ask_program(struct audit_programs *programs, struct known *known)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(known->id);
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	known->redirects = REDIRECTS_UNKNOWN;
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return;
	term_printable(known->name, sizeof(known->name), info.name);
	known->redirects =
		info.type == BPF_PROG_TYPE_XDP ? ask_redirects(programs, fd) : REDIRECTS_NO;
}

static struct known *look_up(struct audit_programs *programs, uint32_t id)
{
	struct known *known;

	for (size_t i = 0; i < programs->count; i++)
		if (programs->known[i].id == id)
			return &programs->known[i];
	known = ARRAY_ADD(programs->known, programs->count);
	if (!known)
		return NULL;
	known->id = id;
	ask_program(programs, known);
	return known;
}

/*
 * Adds a program to its device, unless the device has it: a filter may be listed in several parts.
 */
static void add_program(struct audit_device *device, const struct audit_program *program)
{
	if (!device->program) {
		device->program = calloc(PROGRAMS_MAX, sizeof(*device->program));
		if (!device->program)
			return;
		device->program_count = 0;
	}
	for (size_t i = 0; i < device->program_count; i++)
		if (device->program[i].id == program->id &&
		    !strcmp(device->program[i].hook, program->hook) &&
		    !strcmp(device->program[i].name, program->name))
			return;
	if (device->program_count < PROGRAMS_MAX)
		device->program[device->program_count++] = *program;
}

static void add_bpf(struct audit_programs *programs, struct audit_device *device, const char *hook,
		    uint32_t id)
{
	const struct known *known = look_up(programs, id);
	struct audit_program program = {
		.hook = hook, .id = id, .redirects = known ? known->redirects : REDIRECTS_UNKNOWN
	};

	snprintf(program.name, sizeof(program.name), "%s", known ? known->name : "");
	add_program(device, &program);
}

struct qdiscs {
	const struct audit_facts *facts;
	size_t space;
	bool *hooked; /* by device: it has clsact or ingress */
};

static int take_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(message);
	const struct qdiscs *qdiscs = data;
	struct audit_place place;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tcm) || tcm->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	place = audit_find(qdiscs->facts, qdiscs->space, tcm->tcm_ifindex);
	if (place.device != AUDIT_NONE)
		qdiscs->hooked[place.device] = true;
	return MNL_CB_OK;
}

struct filters {
	struct audit_device *device;
	const char *hook;
	uint32_t ids[PROGRAMS_MAX];
	size_t id_count;
};

/*
 * Remembers the ids of BPF filters, to be looked up after the dump. Other filters are added by
 * their kind.
 */
static int take_filter(const struct nlmsghdr *message, void *data)
{
	struct filters *filters = data;
	struct audit_program program = { .hook = filters->hook };
	const struct nlattr *attr, *option;
	uint32_t id = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct tcmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(struct tcmsg)) {
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			term_printable(program.name, sizeof(program.name), mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attr)
			if (mnl_attr_get_type(option) == TCA_BPF_ID &&
			    !strcmp(program.name, "bpf") &&
			    mnl_attr_validate(option, MNL_TYPE_U32) >= 0)
				id = mnl_attr_get_u32(option);
	}
	if (id && filters->id_count < PROGRAMS_MAX)
		filters->ids[filters->id_count++] = id;
	else if (!id && strcmp(program.name, "bpf") != 0)
		add_program(filters->device, &program);
	return MNL_CB_OK;
}

static int dump_tc(struct nl *nl, uint16_t type, int index, uint32_t parent, mnl_cb_t take,
		   void *data)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, type, NLM_F_DUMP);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(request, sizeof(*tcm));

	tcm->tcm_ifindex = index;
	tcm->tcm_parent = parent;
	return nl_dump(nl, request, take, NULL, data);
}

static int collect_filters(struct audit_programs *programs, struct nl *nl, int index,
			   struct audit_device *device)
{
	static const struct {
		const char *hook;
		uint32_t minor;
	} sides[] = { { "tc ingress", TC_H_MIN_INGRESS }, { "tc egress", TC_H_MIN_EGRESS } };
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(sides); i++) {
		struct filters filters = { .device = device, .hook = sides[i].hook };

		rc = dump_tc(nl, RTM_GETTFILTER, index, TC_H_MAKE(TC_H_CLSACT, sides[i].minor),
			     take_filter, &filters);
		for (size_t k = 0; k < filters.id_count; k++)
			add_bpf(programs, device, sides[i].hook, filters.ids[k]);
	}
	return rc;
}

/* Older kernels refuse the question, and every kernel does without CAP_NET_ADMIN. */
static void collect_tcx(struct audit_programs *programs, int index, struct audit_device *device)
{
	static const struct {
		const char *hook;
		int type;
	} sides[] = { { "tcx ingress", TCX_INGRESS }, { "tcx egress", TCX_EGRESS } };

	for (size_t i = 0; !programs->no_tcx && i < ARRAY_SIZE(sides); i++) {
		uint32_t ids[PROGRAMS_MAX];
		LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .prog_cnt = PROGRAMS_MAX);

		if (bpf_prog_query_opts(index, (enum bpf_attach_type)sides[i].type, &query)) {
			programs->no_tcx = errno == EINVAL || errno == EPERM;
			continue;
		}
		for (uint32_t k = 0; k < query.prog_cnt && k < PROGRAMS_MAX; k++)
			add_bpf(programs, device, sides[i].hook, ids[k]);
	}
}

int audit_collect_programs(struct audit_facts *facts, size_t space,
			   struct audit_programs **programs)
{
	const struct space *look = &facts->inventory.space[space];
	_cleanup_free_ bool *hooked = calloc(look->device_count + 1, sizeof(*hooked));
	struct qdiscs qdiscs = { .facts = facts, .space = space, .hooked = hooked };
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc;

	*programs = *programs ? *programs : calloc(1, sizeof(**programs));
	if (!hooked || !*programs)
		return fail(-ENOMEM, "out of memory");
	rc = nl_open(-1, NETLINK_ROUTE, &nl);
	rc = rc ? rc : dump_tc(nl, RTM_GETQDISC, 0, 0, take_qdisc, &qdiscs);
	for (size_t i = 0; !rc && i < look->device_count; i++) {
		struct audit_device *device = &facts->space[space].device[i];

		for (size_t k = 0; k < DEVICE_XDP_MAX; k++)
			if (look->device[i].xdp[k])
				add_bpf(*programs, device, "xdp", look->device[i].xdp[k]);
		if (hooked[i])
			rc = collect_filters(*programs, nl, look->device[i].index, device);
		collect_tcx(*programs, look->device[i].index, device);
	}
	return rc;
}
