// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads drop.bpf.c: see drop.h. Names of the reasons come from the kernel's BTF, as their numbers
 * differ between releases.
 */
#include "bpf/drop.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "bpf/drop.skel.h"
#include "bpf/loader.h"

#define PREFIX "SKB_DROP_REASON_"

struct drops {
	struct drop_bpf *skeleton;
	struct btf *btf;
	const struct btf_type *reasons;
};

static void set_constants(struct drop_bpf *skeleton, const struct drops_of *of)
{
	struct stat own;

	if (!stat("/proc/self/ns/pid", &own)) {
		skeleton->rodata->pid_dev = own.st_dev;
		skeleton->rodata->pid_ino = own.st_ino;
		skeleton->rodata->pid = (uint32_t)getpid();
	}
	skeleton->rodata->host_netns = of->netns;
	memcpy((void *)skeleton->rodata->peer_v4, of->v4, 4);
	memcpy((void *)skeleton->rodata->peer_v6, of->v6, 16);
	if (!of->outer_family)
		return;
	if (of->outer_family == AF_INET)
		memcpy((void *)skeleton->rodata->outer_v4, of->outer, 4);
	else
		memcpy((void *)skeleton->rodata->outer_v6, of->outer, 16);
	skeleton->rodata->outer_version = of->outer_family == AF_INET ? 4 : 6;
	skeleton->rodata->outer_port = of->outer_port;
}

static int load_drops(struct drops *drops, const struct drops_of *of)
{
	int id, rc;

	drops->btf = btf__load_vmlinux_btf();
	if (!drops->btf)
		return fail(-EOPNOTSUPP, "drop reasons: this kernel has no BTF");
	id = btf__find_by_name_kind(drops->btf, "skb_drop_reason", BTF_KIND_ENUM);
	if (id < 0)
		return loader_impossible("5.17");
	drops->reasons = btf__type_by_id(drops->btf, (uint32_t)id);
	drops->skeleton = drop_bpf__open();
	if (!drops->skeleton)
		return fail_errno(-errno, "cannot open a BPF program");
	set_constants(drops->skeleton, of);
	rc = of->tokens_fd < 0 ? of->tokens_fd
			       : bpf_map__reuse_fd(drops->skeleton->maps.tokens, of->tokens_fd);
	rc = rc ? rc : drop_bpf__load(drops->skeleton);
	trace("bpf", "load drop: %d", rc);
	if (rc)
		return loader_fail(rc);
	rc = drop_bpf__attach(drops->skeleton);
	trace("bpf", "attach drop to skb:kfree_skb, net:net_dev_start_xmit: %d", rc);
	return rc ? fail_errno(rc, "cannot watch drops by skb:kfree_skb") : 0;
}

int drop_open(const struct drops_of *of, struct drops **ret_drops)
{
	_cleanup_(drops_cleanup) struct drops *drops = calloc(1, sizeof(*drops));
	int rc;

	if (!drops)
		return fail(-ENOMEM, "out of memory");
	loader_silence_libbpf();
	rc = load_drops(drops, of);
	if (!rc)
		*ret_drops = TAKE_PTR(drops);
	return rc;
}

void drop_close(struct drops *drops)
{
	if (!drops)
		return;
	drop_bpf__destroy(drops->skeleton);
	btf__free(drops->btf);
	free(drops);
}

static const char *reason_name(const struct drops *drops, uint32_t reason)
{
	const struct btf_enum *value = btf_enum(drops->reasons);

	for (unsigned int i = 0; i < btf_vlen(drops->reasons); i++, value++) {
		const char *name = btf__name_by_offset(drops->btf, value->name_off);

		if ((uint32_t)value->val != reason || !name)
			continue;
		return strncmp(name, PREFIX, strlen(PREFIX)) ? name : name + strlen(PREFIX);
	}
	return "unknown";
}

int drop_each(const struct drops *drops, drops_fn fn, void *owner)
{
	int map = bpf_map__fd(drops->skeleton->maps.drops), rc;
	struct drop_key key, next;
	const void *last = NULL;
	uint64_t packets;

	while (!(rc = bpf_map_get_next_key(map, last, &next))) {
		if (!bpf_map_lookup_elem(map, &next, &packets))
			fn(owner, &next, reason_name(drops, next.reason), packets);
		key = next;
		last = &key;
	}
	return rc == -ENOENT ? 0 : fail_errno(rc, "cannot read what was dropped");
}

int drop_allow_port(const struct drops *drops, int ifindex, uint32_t leads_to)
{
	const uint32_t key = (uint32_t)ifindex;
	int map = bpf_map__fd(drops->skeleton->maps.ports);

	return bpf_map_update_elem(map, &key, &leads_to, BPF_ANY)
		       ? fail_errno(-errno, "cannot tell a BPF program where a bridge's port leads")
		       : 0;
}

int drop_each_stray(const struct drops *drops, drops_stray_fn fn, void *owner)
{
	int map = bpf_map__fd(drops->skeleton->maps.strays), rc;
	struct drop_stray key, next;
	const void *last = NULL;

	while (!(rc = bpf_map_get_next_key(map, last, &next))) {
		fn(owner, &next);
		key = next;
		last = &key;
	}
	return rc == -ENOENT ? 0 : fail_errno(rc, "cannot read which packets went astray");
}
