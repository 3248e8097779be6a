// SPDX-License-Identifier: GPL-2.0-or-later
/* Loads the programs of mark.bpf.c: see mark.h. */
#include "bpf/mark.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/trace.h"
#include "bpf/loader.h"
#include "bpf/mark.skel.h"
#include "net/feature.h"

struct marks {
	struct mark_bpf *skeleton; /* NULL if nothing could be loaded */
	bool can_emulate;
	int load_error;
};

const char *const mark_names[MARK_PROGRAMS] = { "tsum_vouch", "tsum_honest", "tsum_reset",
						"tsum_veth_2016" };

static int load_marks(bool emulate, struct mark_bpf **ret_skeleton)
{
	struct mark_bpf *skeleton = mark_bpf__open();
	unsigned int bit = 0;
	int rc;

	if (!skeleton)
		return -errno;
	rc = emulate ? feature_bit("rx-checksum", &bit) : 0;
	if (!rc) {
		skeleton->rodata->rxcsum_bit = bit;
		bpf_program__set_autoload(skeleton->progs.tsum_veth_2016, emulate);
		rc = mark_bpf__load(skeleton);
	}
	trace("bpf", "load mark, %s veth-2016: %d", emulate ? "with" : "without", rc);
	if (rc)
		mark_bpf__destroy(skeleton);
	else
		*ret_skeleton = skeleton;
	return rc;
}

/* -EOPNOTSUPP with a sentence; `rc` is why nothing could be loaded. */
static int fail_unsupported(int rc)
{
	return fail(-EOPNOTSUPP,
		    "not possible on this kernel (BPF that marks packets needs Linux 5.8): "
		    "%s",
		    strerror(-rc));
}

int mark_open(struct marks **ret_marks)
{
	struct marks *marks = calloc(1, sizeof(*marks));
	int rc;

	if (!marks)
		return -ENOMEM;
	loader_silence_libbpf();
	rc = loader_has_function("bpf_cast_to_kern_ctx") ? load_marks(true, &marks->skeleton)
							 : -EOPNOTSUPP;
	marks->can_emulate = !rc;
	if (rc && !loader_failed_here(rc))
		marks->load_error = rc = load_marks(false, &marks->skeleton);
	if (loader_failed_here(rc)) {
		free(marks);
		return loader_fail(rc);
	}
	*ret_marks = marks;
	return 0;
}

int mark_load_reset(int *ret_fd)
{
	struct mark_bpf *skeleton;
	const struct bpf_program *program;
	int fd;

	loader_silence_libbpf();
	skeleton = mark_bpf__open();
	if (!skeleton)
		return fail_errno(-errno, "cannot read our own BPF programs");
	program = skeleton->progs.tsum_reset;
	fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, mark_names[MARK_RESET], "Dual BSD/GPL",
			   bpf_program__insns(program), bpf_program__insn_cnt(program), NULL);
	mark_bpf__destroy(skeleton);
	trace("bpf", "load %s: %d", mark_names[MARK_RESET], fd < 0 ? fd : 0);
	if (loader_failed_here(fd))
		return loader_fail(fd);
	if (fd < 0)
		return fail_unsupported(fd);
	*ret_fd = fd;
	return 0;
}

void mark_close(struct marks *marks)
{
	if (!marks)
		return;
	mark_bpf__destroy(marks->skeleton);
	free(marks);
}

int mark_fd(const struct marks *marks, enum mark_program program)
{
	if (!marks->skeleton)
		return fail_unsupported(marks->load_error);
	if (program == MARK_VETH_2016 && !marks->can_emulate)
		return loader_impossible("6.2");
	return bpf_program__fd(
		bpf_object__find_program_by_name(marks->skeleton->obj, mark_names[program]));
}

int mark_tag(int fd, unsigned char ret_tag[8])
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int rc = bpf_obj_get_info_by_fd(fd, &info, &len);

	if (rc)
		return fail_errno(-errno, "cannot read what the kernel knows of a BPF program");
	memcpy(ret_tag, info.tag, sizeof(info.tag));
	return 0;
}
