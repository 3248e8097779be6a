// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Attaches one of the programs that mark packets (bpf/mark.h) to a device of this namespace, and
 * leaves it there. On a veth's egress, tsum_veth_2016 does what veth did before Linux 4.4: it marks
 * packets if the receiving end has rx offload, so that `rx off` there is a fix, as it was then.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/mark.h"
#include "net/link.h"
#include "net/nl.h"
#include "net/tc.h"

static int attach(const char *device, enum tc_direction direction, const char *name,
		  uint16_t priority)
{
	_cleanup_(marks_cleanup) struct marks *marks = NULL;
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct link_info link;
	int rc = mark_open(&marks), program = 0, fd;

	while (program < MARK_PROGRAMS && strcmp(mark_names[program], name) != 0)
		program++;
	if (!rc && program == MARK_PROGRAMS)
		rc = fail(-1, "no program %s", name);
	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &nl);
	rc = rc ? rc : link_get(nl, device, &link);
	if (rc)
		return rc;
	fd = mark_fd(marks, (enum mark_program)program);
	if (fd < 0)
		return fd;
	tc_clsact_add(nl, link.index);
	return tc_bpf_attach(nl, link.index, direction, priority, fd, name);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "Usage: mark DEVICE egress|ingress PROGRAM PRIORITY\n");
		return 2;
	}
	if (!attach(argv[1], !strcmp(argv[2], "egress") ? TC_EGRESS : TC_INGRESS, argv[3],
		    (uint16_t)strtoul(argv[4], NULL, 10)))
		return 0;
	fprintf(stderr, "mark: %s\n", fail_text());
	return 1;
}
