/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture file's bytes, from whatever source: a plain file is mapped; gzip, zstd and standard
 * input are read as a stream through a buffer of a few MiB.
 */
#ifndef TRUESUM_PCAP_CAPTURE_H
#define TRUESUM_PCAP_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct capture;

/*
 * Opens the file ("-": standard input, decompressed too if need be). -errno with a sentence in
 * fail_text() that names the file: not there, a directory, no right, empty, not a capture's magic.
 * While a mapped capture is open a handler for SIGBUS is installed; no thread may block that
 * signal.
 */
int capture_open(const char *path, struct capture **ret_capture);
void capture_free(struct capture *capture);
DEFINE_CLEANUP(struct capture *, capture, capture_free)

/*
 * A capture over bytes in memory, which stay the caller's and must outlive it, for tests: as if
 * mapped, or with `room` > 0 as a stream (decompressed if need be) whose buffer begins with that
 * many bytes. The first bytes are not looked at.
 */
int capture_memory(const void *data, size_t len, size_t room, struct capture **ret_capture);

/* As given; "standard input" for "-". */
const char *capture_name(const struct capture *capture);

/* "none", "gzip", "zstd". */
const char *capture_compression(const struct capture *capture);

/* Whether every byte is mapped, so that several threads can read different parts. */
bool capture_mapped(const struct capture *capture);

/*
 * For progress: bytes of the (compressed) input used so far and in all; in all is 0 if not
 * known.
 */
void capture_progress(const struct capture *capture, uint64_t *ret_done, uint64_t *ret_total);

/*
 * Back to the first byte, for another pass. A pipe is kept in an unnamed file under TMPDIR (or
 * /var/tmp) while it is read the first time; -errno with a sentence if that was not possible,
 * unless what was read so far is in the buffer still.
 */
int capture_rewind(struct capture *capture);

/*
 * Says that the capture will not be rewound: nothing of a pipe is kept from here on, which costs
 * time.
 */
void capture_read_once(struct capture *capture);

/*
 * The bytes from `offset` (of the decompressed data) on: at least `want` of them if the capture has
 * as many, else all there are. If it is a stream, `offset` never goes back, and each call makes the
 * former result invalid. If it is mapped, any thread may ask, and the result stays valid until the
 * capture is closed. Returns 0 or -errno (a decompressor's error, an unreadable disk) if there are
 * fewer than `want` because of that: capture_error() says why; fail() is not called.
 */
int capture_bytes(struct capture *capture, uint64_t offset, size_t want, const uint8_t **ret_data,
		  size_t *ret_len);

/*
 * NULL, or why capture_bytes() fails: a sentence without the file's name, valid until the capture
 * is rewound or closed. If the capture is mapped, any thread may ask at any time (one system call).
 * If somebody cuts the file short, the missing part reads as zeros, so a packet that looks damaged
 * proves nothing.
 */
const char *capture_error(const struct capture *capture);

#endif
