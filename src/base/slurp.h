/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what comes by a pipe as a whole. */
#ifndef TRUESUM_BASE_SLURP_H
#define TRUESUM_BASE_SLURP_H

#include <stddef.h>

/*
 * Reads to the end. *ret_text is the caller's to free, with a NUL behind its *ret_len bytes. -EFBIG where there
 * are more than `max`; both with a sentence.
 */
int slurp(int fd, size_t max, char **ret_text, size_t *ret_len);

#endif
