/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An input's bytes, decompressed where they begin as gzip or zstd, through a buffer. */
#ifndef TRUESUM_PCAP_STREAM_H
#define TRUESUM_PCAP_STREAM_H

#include "pcap/input.h"

struct stream;

/*
 * Takes the input over, in any case, and reads its first bytes. The buffer begins with `room` bytes and
 * grows to what is asked of it. 0, -ENOMEM, or what input_read() said.
 */
int stream_new(struct input *input, size_t room, struct stream **ret_stream);
void stream_free(struct stream *stream);

/* "none", "gzip", "zstd". */
const char *stream_compression(const struct stream *stream);

/* As capture_bytes(). -ESPIPE where `offset` lies before what an earlier call gave up. */
int stream_bytes(struct stream *stream, uint64_t offset, size_t want, const uint8_t **ret_data,
		 size_t *ret_len);

/* Why stream_bytes() failed; NULL: it did not. The stream's until it is rewound. */
const char *stream_error(const struct stream *stream);

/* As input_rewind(), but for what is in the buffer. */
int stream_rewind(struct stream *stream);
/* As input_read_once(). */
void stream_read_once(struct stream *stream);

const struct input *stream_input(const struct stream *stream);

/* Whether these 4 bytes begin a gzip or zstd file: its name, else NULL. */
const char *stream_magic(const uint8_t *bytes);

#endif
