/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one file: a static launcher that carries the program, its loader and its libraries. The
 * launcher maps program and loader from its own file, as the kernel does, and starts the loader.
 * That knows libraries by names only, so each of them is a file in memory, and the program asks
 * for it by the number of a descriptor.
 *
 * Two parts are carried by the program itself and loaded when something first needs them, as
 * copying them would slow down every start: see lazy.c.
 */
#ifndef TRUESUM_ONEFILE_H
#define TRUESUM_ONEFILE_H

#include <stddef.h>

/* The first library's descriptor; the others' follow. tools/onefile has the same number. */
#define ONEFILE_FIRST_FD 200

/* A carried file. tools/onefile writes the tables. */
struct onefile_part {
	const char *start, *end;
};

/* Of the launcher: the program, the loader, then libraries. Of the program: libraries. */
extern const struct onefile_part onefile_part[];
extern const size_t onefile_part_count;

/* Puts a part into memory: a descriptor, closed on exec; -1: errno says why. */
int onefile_open(const struct onefile_part *part);

#endif
