/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of raw bytes that can be read a second time: a file, bytes in memory, or a pipe, whose bytes
 * are kept in an unnamed file under TMPDIR (or /var/tmp) while they are read first.
 */
#ifndef TRUESUM_PCAP_INPUT_H
#define TRUESUM_PCAP_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

/* Takes the descriptor over, in any case. `seekable`: a regular file, read from its first byte. */
int input_new_fd(int fd, bool seekable, struct input **ret_input);
/* The bytes stay the caller's and must outlive the input. */
int input_new_memory(const void *data, size_t len, struct input **ret_input);
void input_free(struct input *input);

/* Up to `room` bytes, at least one unless it is the end (0). -errno, no sentence. */
ssize_t input_read(struct input *input, void *to, size_t room);

/* Back to the first byte. 0, or -errno (no sentence) where a pipe's bytes could not be kept. */
int input_rewind(struct input *input);

/* There will be no second time: a pipe's bytes are kept no more, unless some are being read again. */
void input_read_once(struct input *input);

/* How many bytes have been read since the first. Any thread may ask. */
uint64_t input_at(const struct input *input);

#endif
