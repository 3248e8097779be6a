/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking entries, by ctnetlink. */
#ifndef TRUESUM_NET_CONNTRACK_H
#define TRUESUM_NET_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>

struct nl;

/*
 * Whether connections are tracked in the namespace this thread is in (nf_conntrack is in use
 * there).
 */
bool conntrack_is_on(void);

/*
 * Deletes the entries of every connection that was opened to the address (4 or 16 bytes, network
 * order), in the namespace of `nl` (NETLINK_NETFILTER).
 */
int conntrack_forget(struct nl *nl, int family, const uint8_t *address);

#endif
