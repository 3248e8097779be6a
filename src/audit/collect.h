/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting the facts about a host. Reads only. */
#ifndef TRUESUM_AUDIT_COLLECT_H
#define TRUESUM_AUDIT_COLLECT_H

#include <stddef.h>

struct audit_facts;

/*
 * Keeps, of this process's capabilities, those that looking at what belongs to others needs. For
 * good. -errno with a sentence.
 */
int audit_keep_rights(void);

/*
 * Collects all facts that this user may see; `unseen` tells which are missing. The caller frees
 * them with audit_facts_release(). -errno with a sentence if nothing can be seen.
 */
int audit_facts_take(struct audit_facts *ret_facts);
void audit_facts_release(struct audit_facts *facts);

/*
 * Counts "hw csum failure" in the kernel log. `fd` yields one record for each read(), as /dev/kmsg
 * does, and does not block. Records that the kernel itself did not write do not count.
 */
void audit_scan_log(struct audit_facts *facts, int fd);

/* What is known about BPF programs, by id. NULL: nothing yet. */
struct audit_programs;
void audit_programs_free(struct audit_programs *programs);

/*
 * Adds XDP, tc and tcx programs to a namespace's devices. Call it inside the namespace. *programs
 * remembers what was learned from one call to the next. Without CAP_SYS_ADMIN names and redirects
 * stay unknown.
 */
int audit_collect_programs(struct audit_facts *facts, size_t space,
			   struct audit_programs **programs);

#endif
