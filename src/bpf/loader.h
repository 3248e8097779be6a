/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loaders of BPF programs share. */
#ifndef TRUESUM_BPF_LOADER_H
#define TRUESUM_BPF_LOADER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Called before a skeleton is opened. libbpf's own messages are not printed: they would only repeat
 * the error, at length. loader_fail() quotes the verifier's last words out of them.
 */
void loader_silence_libbpf(void);

/* The words with which the verifier refused, in libbpf's message; "" if there are none. */
void loader_find_refusal(const char *message, char *ret_words, size_t size);

/*
 * Whether this kernel has a function of that name for BPF programs ("bpf_cast_to_kern_ctx"), by its
 * BTF.
 */
bool loader_has_function(const char *name);

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

/*
 * Sets the sentence for a load that failed with `rc`, with the cause: a capability, the limit of
 * locked memory, the verifier, lockdown; returns rc.
 */
int loader_fail(int rc);

#endif
