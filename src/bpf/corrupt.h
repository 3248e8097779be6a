/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program of corrupt.bpf.c for user space: loaded with a configuration, and its counters. */
#ifndef TRUESUM_BPF_CORRUPT_H
#define TRUESUM_BPF_CORRUPT_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/corrupt_record.h"

#define CORRUPT_NAME "tsum_corrupt" /* as tc shows it */

struct corrupt;

/* Loads the program, not attached. -errno with a sentence: no privilege, no BPF, an old kernel. */
int corrupt_load(const struct corrupt_config *config, struct corrupt **ret_corrupt);
void corrupt_free(struct corrupt *corrupt);
void corrupt_cleanup(struct corrupt **corrupt);

/* The program's descriptor, which stays corrupt's. */
int corrupt_fd(const struct corrupt *corrupt);

/*
 * The program acts until CORRUPT_ALIVE_NS after the load or the latest call, and lets every packet pass
 * uncounted from then on: so that it stops by itself where this process is killed.
 */
#define CORRUPT_ALIVE_NS UINT64_C(2000000000)
void corrupt_keep_alive(struct corrupt *corrupt);

/* What it has done so far. */
int corrupt_read(const struct corrupt *corrupt, struct corrupt_state *ret_state);

#endif
