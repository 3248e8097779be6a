/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ownership: a local variable releases what it owns when it leaves scope, unless it was taken. */
#ifndef TRUESUM_BASE_CLEANUP_H
#define TRUESUM_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

/* The value, and leaves `empty` in the variable: passes ownership on. */
#define TAKE(variable, empty)                                                                      \
	({                                                                                         \
		__typeof__(variable) *taken_from_ = &(variable);                                   \
		__typeof__(variable) taken_ = *taken_from_;                                        \
		*taken_from_ = (empty);                                                            \
		taken_;                                                                            \
	})
#define TAKE_PTR(variable) TAKE(variable, NULL)
#define TAKE_FD(variable) TAKE(variable, -1)

/*
 * Defines NAME_cleanup() for `_cleanup_(NAME_cleanup)`: calls `release` (which accepts NULL) with
 * the variable's value.
 */
#define DEFINE_CLEANUP(type, name, release)                                                        \
	static inline void name##_cleanup(type *variable)                                          \
	{                                                                                          \
		release(*variable);                                                                \
	}

static inline void cleanup_free(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
