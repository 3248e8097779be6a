/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files by which container runtimes call truesum: lists of CNI plugins, OCI hooks, runtimes of
 * Docker, containerd, Podman and CRI-O. As long as one of them names truesum, no container starts
 * without it, so it must be taken out before the program is removed.
 */
#ifndef TRUESUM_GUARD_CHAIN_CHAIN_H
#define TRUESUM_GUARD_CHAIN_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "guard/chain/text.h"

struct chain_file {
	char *path; /* as found */
	char *real; /* without symbolic links: what is read and replaced */
	struct stat stat; /* when it was read */
	char *before;
	size_t before_len;
	struct chain_text text;
	const char
		*then; /* what makes the programs that read it read it again; "" if they notice */
	bool is_done; /* chain_take_out() has done it */
	char why[400]; /* why it could not be read or changed, else empty */
};

struct chain_files {
	struct chain_file *file; /* only those that name truesum, or could not be read */
	size_t count;
};

/* Looks through the places where runtimes have such files. -errno with a sentence. */
int chain_find(struct chain_files *ret_files);

/* The same for one file, added to `files`; -ENOENT if it is not there. */
int chain_find_in(const char *path, struct chain_files *files);

/*
 * Takes truesum out of the file, which keeps its mode and owner. -EAGAIN with a sentence if
 * somebody changed it since it was read.
 */
int chain_take_out(struct chain_file *file);

/*
 * Puts the plugin into the CNI list at `path`, or sets whether it is fail-open. *ret_changed: false
 * if it is there already. Fails if a folder of CNI plugins has the list's first plugin but not
 * truesum: then no container could start.
 */
int chain_put_plugin(const char *path, bool fail_open, bool *ret_changed);

/* The same with a file of its own for an OCI hook. -EEXIST if something else is there. */
int chain_put_hook(const char *path, bool fail_open, bool *ret_changed);

void chain_release(struct chain_files *files);

#endif
