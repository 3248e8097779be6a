/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a container as an OCI runtime tells it to its hooks (OCI runtime specification 1.0, "State"). Pure. */
#ifndef TRUESUM_GUARD_START_OCI_H
#define TRUESUM_GUARD_START_OCI_H

#include <stddef.h>
#include <sys/types.h>

enum oci_status { OCI_CREATING, OCI_CREATED, OCI_RUNNING, OCI_STOPPED, OCI_STATUSES };

struct oci_state {
	char id[80]; /* printable; a longer one is cut off */
	pid_t pid; /* in the runtime's PID namespace; 0: there is no process, or none any more */
	enum oci_status status;
};

/* -EBADMSG with a sentence. A status that the specification does not know is taken for created. */
int oci_parse_state(const char *text, size_t len, struct oci_state *ret_state);

#endif
