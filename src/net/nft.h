/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nftables rules, through libnftables, the library of `nft`. */
#ifndef TRUESUM_NET_NFT_H
#define TRUESUM_NET_NFT_H

#include <stdbool.h>
#include <stdint.h>

/* Runs nft commands (as one transaction) in the namespace; -errno with nft's own words. */
int nft_load(int netns_fd, const char *commands);

/* Packets counted by a named counter of table `inet tsum`. */
int nft_counter(int netns_fd, const char *counter, uint64_t *ret_packets);

/*
 * Whether a table with a chain of type nat has rules: address translation by nftables, or by an
 * iptables that uses nftables.
 */
int nft_has_nat(int netns_fd, bool *ret_nat);

#endif
