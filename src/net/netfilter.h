/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Netfilter: nftables rules, by libnftables (the library of `nft`), and tracked connections. */
#ifndef TRUESUM_NET_NETFILTER_H
#define TRUESUM_NET_NETFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl;

/* Runs nft commands (as one transaction) in the namespace; -errno with nft's own words. */
int netfilter_load(int netns_fd, const char *commands);

/* Packets counted by a named counter of table `inet tsum`. */
int netfilter_counter(int netns_fd, const char *counter, uint64_t *ret_packets);

/*
 * Whether a table with a chain of type nat has rules: address translation by nftables, or by an
 * iptables that uses nftables.
 */
int netfilter_has_nat(int netns_fd, bool *ret_nat);

/* A place where rules look at packets. */
struct netfilter_hook {
	char family[8], type[12], hook[16]; /* "ip", "nat", "postrouting" */
	int priority;
};

/*
 * The hooks of nftables' base chains and flowtables, also of an iptables that uses nftables. Free
 * *ret_hook. -EPERM with a sentence without CAP_NET_ADMIN.
 */
int netfilter_hooks(int netns_fd, struct netfilter_hook **ret_hook, size_t *ret_count);

/*
 * Whether connections are tracked in the namespace this thread is in (nf_conntrack is in use
 * there).
 */
bool netfilter_tracks(void);

/*
 * Deletes the entries of every connection that was opened to the address (4 or 16 bytes, network
 * order), in the namespace of `nl` (NETLINK_NETFILTER).
 */
int netfilter_forget(struct nl *nl, int family, const uint8_t *address);

#endif
