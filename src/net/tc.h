/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Traffic control by rtnetlink: the clsact qdisc and its filters. `nl` is a NETLINK_ROUTE socket in
 * the device's namespace. Filters of one direction run in the order of their priority.
 */
#ifndef TRUESUM_NET_TC_H
#define TRUESUM_NET_TC_H

#include <stddef.h>
#include <stdint.h>

struct nl;

enum tc_direction { TC_INGRESS, TC_EGRESS };

/*
 * Where a device can have filters: nowhere, in both directions (clsact), or at ingress only. The
 * last is the older ingress qdisc in the place of clsact: it accepts filters for egress, too, but
 * runs them at ingress.
 */
enum tc_hooks { TC_HOOKS_NONE, TC_HOOKS_BOTH, TC_HOOKS_INGRESS };

int tc_get_hooks(struct nl *nl, int index, enum tc_hooks *ret_hooks);

/* -EEXIST if the device has a clsact or ingress qdisc already. */
int tc_clsact_add(struct nl *nl, int index);

/* Removes clsact, or the ingress qdisc in its place, with every filter on it. */
int tc_clsact_delete(struct nl *nl, int index);

/* How many filters the device's clsact has in both directions; 0 if there is no clsact. */
int tc_filter_count(struct nl *nl, int index, unsigned int *ret_count);

/*
 * The same for any filters; *ret_tagged: how many of them are BPF programs with this tag, the
 * kernel's hash of their code.
 */
int tc_filter_tagged(struct nl *nl, int index, const uint8_t tag[8], unsigned int *ret_count,
		     unsigned int *ret_tagged);

/*
 * Attaches a loaded BPF program (direct action) under a priority that must be free in that
 * direction. The filter holds the program: prog_fd may be closed.
 */
int tc_bpf_attach(struct nl *nl, int index, enum tc_direction direction, uint16_t priority,
		  int prog_fd, const char *name);

/* The lowest priority from `from` on that no filter of that direction has. */
int tc_free_priority(struct nl *nl, int index, enum tc_direction direction, uint16_t from,
		     uint16_t *ret_priority);

/*
 * The name of the BPF filter under a priority, as given to tc_bpf_attach(); -ENOENT if there is
 * none.
 */
int tc_bpf_name(struct nl *nl, int index, enum tc_direction direction, uint16_t priority,
		char *ret_name, size_t size);

/* Removes every filter of that direction and priority; -ENOENT if there is none. */
int tc_filter_delete(struct nl *nl, int index, enum tc_direction direction, uint16_t priority);

#define TC_REDIRECT_PRIORITY 10

/*
 * At the device's ingress, after filters with a lower priority number, redirects IPv4 packets to
 * the egress of device `to` (u32 + mirred) if the 32 bits after a 20-byte IP header (source port,
 * destination port) equal `ports` under `mask`, both in host order.
 */
int tc_redirect_ports(struct nl *nl, int index, uint32_t ports, uint32_t mask, int to);

#endif
