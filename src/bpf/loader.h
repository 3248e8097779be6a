/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loaders of BPF programs share. */
#ifndef TRUESUM_BPF_LOADER_H
#define TRUESUM_BPF_LOADER_H

#include <stdbool.h>

/*
 * Called before a skeleton is opened: libbpf's own messages would only repeat the error, at length.
 */
void loader_silence_libbpf(void);

/*
 * Whether loading failed for a reason that says nothing about what this kernel can do: no
 * privilege, no memory, too many open files. A program that needs less of the kernel would fail
 * alike.
 */
bool loader_failed_here(int rc);

/*
 * -EOPNOTSUPP with the sentence that this needs a later kernel: "not possible on this kernel (needs
 * Linux 6.2)".
 */
int loader_impossible(const char *since);

/* Sets the sentence for a load that failed with `rc`; returns rc. */
int loader_fail(int rc);

#endif
