/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What journal.c and journal_kept.c share. */
#ifndef TRUESUM_NET_JOURNAL_PART_H
#define TRUESUM_NET_JOURNAL_PART_H

#include <sys/types.h>

#include "base/cleanup.h"
#include "net/journal.h"
#include "net/ledger.h"

#define JOURNAL_FOLDER "/run/truesum"

struct journal {
	int fd;
	char path[64];
	off_t end; /* its length */
	bool kept; /* it outlives its process */
	struct ledger known; /* what it said when it was opened; of one that is not kept, nothing */
	bool has_changed; /* something was set since it was opened */
	int netns_fd;
	struct netns_id netns;
	int index;
	struct nl *nl;
};

/* All but its file: where its changes are to be made. `journal` is zeroed, its descriptors -1. */
int journal_at(struct journal *journal, const struct journal_place *place);

/* Alone in the folder until the descriptor is closed; -ENOENT where there is no such folder. */
int journal_lock_folder(int *ret_fd);
int journal_make_folder(const char *path);

int journal_append_head(struct journal *journal, const struct journal_place *place,
			const char *claim);

/* Takes out again what was appended last. */
int journal_truncate(struct journal *journal, off_t end);

/* Whether the path still means the file that is open. */
bool journal_still_named(const char *path, int fd);

/* Whether the kept journal of a place says that the clsact there is ours. */
bool journal_kept_has_clsact(const struct netns_id *netns, int index);

void journal_free(struct journal *journal);
DEFINE_CLEANUP(struct journal *, journal, journal_free)

#endif
