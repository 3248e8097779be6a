/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of audit_facts_take(). Those with a space are called from inside its namespace. */
#ifndef TRUESUM_AUDIT_COLLECT_H
#define TRUESUM_AUDIT_COLLECT_H

#include "audit/facts.h"

/* Features, the devices below tunnels, forwarding and rp_filter. */
int audit_collect_devices(struct audit_facts *facts, size_t space);

/* XDP, tc and tcx programs; facts->...redirects and names with CAP_SYS_ADMIN. */
struct audit_programs; /* what was learnt of programs, by id */
int audit_programs_new(struct audit_programs **ret_programs);
void audit_programs_free(struct audit_programs *programs);
int audit_collect_programs(struct audit_facts *facts, size_t space,
			   struct audit_programs *programs);

/* The other sysctls, counters, whether addresses are translated. */
int audit_collect_settings(struct audit_facts *facts, size_t space);

/* Packet sockets, without their owners. */
int audit_collect_packet_sockets(struct audit_facts *facts, size_t space);
/* Whose they are. */
void audit_name_packet_sockets(struct audit_facts *facts);

/*
 * "hw csum failure" in the kernel log. `fd` gives a record a read, as /dev/kmsg, and does not
 * block. Records that are not the kernel's own do not count.
 */
void audit_scan_log(struct audit_facts *facts, int fd);

#endif
