// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any text as a container's state: refused with a sentence, or a process number and printable text.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/fail.h"
#include "guard/start/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct oci_state state;

	if (oci_parse_state((const char *)data, len, &state)) {
		expect(*fail_text() != '\0');
		return 0;
	}
	expect(state.pid >= 0 && state.status < OCI_STATUSES && *state.id);
	for (const char *at = state.id; *at; at++)
		expect(isprint((unsigned char)*at));
	return 0;
}
