/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The programs of mark.bpf.c for user space, and what they share with it. */
#ifndef TRUESUM_BPF_MARK_H
#define TRUESUM_BPF_MARK_H

/* The source MAC address of a frame that the wire's switch damaged: read by tsum_honest. */
#define MARK_DAMAGED_MAC                                                                           \
	{                                                                                          \
		0x02, 0x74, 0x73, 0x75, 0x6d, 0xff                                                 \
	}

enum mark_program {
	MARK_VOUCH, /* mark every packet as verified */
	MARK_HONEST, /* mark every packet as verified that the switch did not damage */
	MARK_RESET, /* take the mark back */
	MARK_VETH_2016, /* what veth did before Linux 4.4; for a veth's egress */
	MARK_PROGRAMS
};

#ifndef __bpf__
#include "base/cleanup.h"

struct marks;

/* The programs' names, as tc shows them. */
extern const char *const mark_names[MARK_PROGRAMS];

/*
 * Loads the programs. -EPERM with a sentence without privilege. It is no failure if this kernel
 * cannot run them: mark_fd() then says so for the program that is needed.
 */
int mark_open(struct marks **ret_marks);
void mark_close(struct marks *marks);
DEFINE_CLEANUP(struct marks *, marks, mark_close)

/*
 * The program's descriptor, owned by `marks`. -EOPNOTSUPP, with what is missing, if this kernel
 * cannot run it: MARK_VETH_2016 reads the receiving end's features, which needs kernel 6.2 and BTF.
 */
int mark_fd(const struct marks *marks, enum mark_program program);

/*
 * Loads MARK_RESET alone, in a tenth of the time: that program reads no structures of the kernel,
 * so the kernel's types (BTF) need not be read. The caller owns the descriptor.
 */
int mark_load_reset(int *ret_fd);

/* The kernel's hash of a loaded program's code. -errno with a sentence. */
int mark_tag(int fd, unsigned char ret_tag[8]);
#endif

#endif
