/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The programs of mark.bpf.c for user space, and what they share with it. */
#ifndef TRUESUM_BPF_MARK_H
#define TRUESUM_BPF_MARK_H

/* The source MAC address of a frame that the wire's switch damaged: read by tsum_honest. */
#define MARK_DAMAGED_MAC                                                                           \
	{                                                                                          \
		0x02, 0x74, 0x73, 0x75, 0x6d, 0xff                                                 \
	}

enum mark_program {
	MARK_VOUCH, /* vouch for every packet */
	MARK_HONEST, /* vouch for every packet the switch did not damage */
	MARK_RESET, /* take a claim back */
	MARK_VETH_2016, /* what veth did before Linux 4.4, to be put on a veth's egress */
	MARK_PROGRAMS
};

struct marks;

/*
 * Loads the programs. -EPERM with a sentence without privilege. A kernel that cannot run them is no
 * failure here: marks_fd() says so to whoever needs one.
 */
int marks_open(struct marks **ret_marks);
void marks_close(struct marks *marks);
void marks_cleanup(struct marks **marks);

/*
 * The program's descriptor, which stays the marks'. -EOPNOTSUPP, with what is missing, where this
 * kernel cannot run it: MARK_VETH_2016 reads the receiving end's features, which needs kernel 6.2 and BTF.
 */
int marks_fd(const struct marks *marks, enum mark_program program);

/*
 * Loads MARK_RESET alone, in a tenth of the time: it reads nothing of the kernel's own structures, so the
 * kernel's types need not be read. The descriptor is the caller's.
 */
int mark_load_reset(int *ret_fd);

/* The program's name, as tc shows it. */
const char *mark_name(enum mark_program program);

#endif
