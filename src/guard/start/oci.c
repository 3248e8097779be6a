// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads a container's state: see oci.h. */
#include "guard/start/oci.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

#define PID_LIMIT (1 << 22) /* PID_MAX_LIMIT of include/linux/threads.h */

static const char *const statuses[OCI_STATUSES] = { "creating", "created", "running", "stopped" };

int oci_parse_state(const char *text, size_t len, struct oci_state *ret_state)
{
	json_error_t error;
	json_auto_t *root = json_loadb(text, len, 0, &error);
	const char *id = json_string_value(json_object_get(root, "id"));
	const char *status = json_string_value(json_object_get(root, "status"));
	const json_t *pid = json_object_get(root, "pid");
	struct oci_state state = { .status = OCI_CREATED };

	if (!json_is_object(root))
		return fail(-EBADMSG, "standard input has no container's state (a JSON object)");
	if (!json_is_string(json_object_get(root, "ociVersion")) || !id || !*id)
		return fail(-EBADMSG,
			    "the container's state has no \"ociVersion\" or no \"id\": is this an "
			    "OCI runtime's hook?");
	if (pid && (!json_is_integer(pid) || json_integer_value(pid) < 0 ||
		    json_integer_value(pid) > PID_LIMIT))
		return fail(-EBADMSG, "the container's state has an invalid \"pid\"");
	for (unsigned int i = 0; status && i < OCI_STATUSES; i++)
		if (!strcmp(status, statuses[i]))
			state.status = (enum oci_status)i;
	state.pid = (pid_t)json_integer_value(pid);
	term_printable(state.id, sizeof(state.id), id);
	*ret_state = state;
	return 0;
}
