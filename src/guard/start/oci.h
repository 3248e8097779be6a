/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the state of a container that an OCI runtime hands to its hooks (OCI runtime specification
 * 1.0, "State"). Pure.
 */
#ifndef TRUESUM_GUARD_START_OCI_H
#define TRUESUM_GUARD_START_OCI_H

#include <stddef.h>
#include <sys/types.h>

enum oci_status { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_STOPPED, OCI_STATUSES };

struct oci_state {
	char id[260]; /* printable; cut if it is longer: then it is too long for a record */
	pid_t pid; /* in the runtime's PID namespace; 0: there is no process */
	enum oci_status status;
};

/* -EBADMSG with a sentence. An unknown status is read as created. */
int oci_parse_state(const char *text, size_t len, struct oci_state *ret_state);

#endif
