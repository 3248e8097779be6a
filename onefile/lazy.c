// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Linked into the program that the one file carries. libnftables and libm are loaded, with
 * all that they need, when one of their functions is first called: the calls end up here. A
 * function that is not in the list at the end is undefined when the program is linked.
 */
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onefile.h"

#define LIBRARIES_MAX 16 /* tools/onefile refuses more */

/* By now the loader has what the launcher opened for it. */
__attribute__((constructor)) static void close_libraries(void)
{
	for (int i = 0; i < LIBRARIES_MAX; i++)
		close(ONEFILE_FIRST_FD + i);
}

__attribute__((noreturn)) static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "truesum: cannot load %s from memory: %s.\n", what, why);
	exit(3);
}

/*
 * The loader knows what it has loaded by the path, too: no two of these paths may be the same, nor
 * the same as one of the launcher's.
 */
static void load_all(void **library)
{
	int fd[LIBRARIES_MAX];
	char path[48];

	for (size_t i = 0; i < onefile_part_count; i++) {
		fd[i] = onefile_open(&onefile_part[i]);
		if (fd[i] < 0)
			give_up("a library", strerror(errno));
		snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd[i]);
		library[i] = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
		if (!library[i])
			give_up("a library", dlerror());
	}
	for (size_t i = 0; i < onefile_part_count; i++)
		close(fd[i]);
}

/* The libraries' function, not this file's of the same name. */
static void *find(const char *name)
{
	static void *library[LIBRARIES_MAX];
	void *function = NULL;

	if (!library[0])
		load_all(library);
	for (size_t i = 0; i < onefile_part_count && !function; i++)
		function = dlsym(library[i], name);
	if (!function)
		give_up(name, "none of the libraries has it");
	return function;
}

/* Calls the library's function of the same name. */
#define FORWARD(result, name, parameters, arguments)                                               \
	result name parameters                                                                     \
	{                                                                                          \
		static __typeof__(&name) real;                                                     \
                                                                                                   \
		if (!real)                                                                         \
			*(void **)&real = find(#name);                                             \
		return real arguments;                                                             \
	}

FORWARD(double, fmax, (double x, double y), (x, y))
FORWARD(double, fmin, (double x, double y), (x, y))
FORWARD(double, pow, (double x, double y), (x, y))
FORWARD(void, sincos, (double x, double *sin, double *cos), (x, sin, cos))
FORWARD(struct nft_ctx *, nft_ctx_new, (uint32_t flags), (flags))
FORWARD(void, nft_ctx_free, (struct nft_ctx * ctx), (ctx))
FORWARD(int, nft_ctx_buffer_output, (struct nft_ctx * ctx), (ctx))
FORWARD(int, nft_ctx_buffer_error, (struct nft_ctx * ctx), (ctx))
FORWARD(void, nft_ctx_output_set_flags, (struct nft_ctx * ctx, unsigned int flags), (ctx, flags))
FORWARD(const char *, nft_ctx_get_output_buffer, (struct nft_ctx * ctx), (ctx))
FORWARD(const char *, nft_ctx_get_error_buffer, (struct nft_ctx * ctx), (ctx))
FORWARD(int, nft_run_cmd_from_buffer, (struct nft_ctx * nft, const char *buf), (nft, buf))
