/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files as a whole: reading one to its end, replacing one so that no reader sees half of it. */
#ifndef TRUESUM_BASE_FILE_H
#define TRUESUM_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Reads to the end. *ret_text is the caller's to free, with a NUL after its *ret_len bytes. -EFBIG
 * if there are more than `max`; every error with a sentence that calls the input `what` ("standard
 * input").
 */
int file_read(int fd, const char *what, size_t max, char **ret_text, size_t *ret_len);

/* Writes all of it, however often write(2) is interrupted or cut short. -errno. */
int file_write(int fd, const void *data, size_t len);

/*
 * Locks the file (flock(2)) until the descriptor is closed, for this process alone; if it does not
 * wait, -EAGAIN if another one has it locked.
 */
int file_lock(int fd, bool waits);

/*
 * Replaces the file at `path`: readers see the former file or the whole new one, and a failure
 * leaves the former. The new one is written without a name if the file system can, and then renamed
 * from .tsum.XXXXXX in the same folder. The file has the permissions `mode` regardless of the
 * umask. -errno with a sentence.
 */
int file_replace(const char *path, mode_t mode, const void *data, size_t len);

#endif
