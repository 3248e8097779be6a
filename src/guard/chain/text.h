/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts truesum into the text of a container runtime's configuration and takes it out again, as
 * text: everything else keeps its form, comments included. Pure; guard/chain/chain.h knows the
 * files.
 */
#ifndef TRUESUM_GUARD_CHAIN_TEXT_H
#define TRUESUM_GUARD_CHAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What truesum is in a file. A file may have several; this is the first. */
enum chain_role {
	CHAIN_NOTHING, /* the file does not name it */
	CHAIN_PLUGIN, /* a plugin in a list of the CNI */
	CHAIN_HOOK, /* an OCI hook */
	CHAIN_RUNTIME, /* the wrapper truesum-runc, as a runtime */
	CHAIN_OTHER, /* named, but not in a way that chain_text_out() can take out */
	CHAIN_ROLES
};

struct chain_text {
	enum chain_role role;
	size_t line; /* of the first place, from 1; 0: nothing is named */
	bool is_alone; /* the file has nothing but a hook: remove it as a whole; no text */
	char *text; /* without truesum; NULL if it is not named, or cannot be taken out */
	size_t len;
	char why[160]; /* why it cannot be taken out, else empty */
};

/*
 * Takes truesum out: its plugins and hooks are removed with their comma; the path of truesum-runc
 * becomes `runc`, an absolute path, so that containers made with that runtime go on starting. With
 * `runc` NULL it cannot be taken out. `is_json`: JSON; else any format of lines whose comments
 * begin with '#' or ';', such as TOML. -ENOMEM with a sentence. chain_text_release().
 */
int chain_text_out(const char *text, size_t len, bool is_json, const char *runc,
		   struct chain_text *ret);
void chain_text_release(struct chain_text *chain_text);

/*
 * Puts the plugin behind the last of a CNI list's plugins. If it is there already, only sets
 * whether it is fail-open. chain_text_out() undoes it exactly. *ret_first: the type of the first
 * plugin of others. -EINVAL with a sentence if it is no such list, or truesum would refuse to
 * work in it. *ret_text is the caller's.
 */
int chain_text_in(const char *text, size_t len, bool fail_open, char **ret_text, char *ret_first,
		  size_t first_size);

/* The file for a folder of OCI hooks. The caller's; NULL: out of memory. */
char *chain_text_hook(const char *program, bool fail_open);

#endif
