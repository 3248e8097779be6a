/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking entries, by ctnetlink. */
#ifndef TRUESUM_NET_CONNTRACK_H
#define TRUESUM_NET_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "net/nl.h"

/* Whether connections are tracked in the namespace this thread is in (nf_conntrack is in use there). */
bool conntrack_is_on(void);

/*
 * Deletes the entry of the connection from one address and port to the other (the original direction), in
 * the namespace of `nl` (NETLINK_NETFILTER). -ENOENT where there is none.
 */
int conntrack_delete(struct nl *nl, uint8_t proto, const struct sockaddr_storage *from,
		     const struct sockaddr_storage *to);

#endif
