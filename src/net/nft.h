/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nftables rules, through the library behind `nft`. */
#ifndef TRUESUM_NET_NFT_H
#define TRUESUM_NET_NFT_H

#include <stdbool.h>
#include <stdint.h>

/* Runs nft commands (as one transaction) in the namespace; -errno with nft's own words. */
int nft_load(int netns_fd, const char *commands);

/* Packets counted by a named counter of table `inet tsum`. */
int nft_counter(int netns_fd, const char *counter, uint64_t *ret_packets);

/*
 * Whether a rule lies in a table that has a chain of type nat: address translation by nftables, or
 * by iptables where that is nft underneath.
 */
int nft_has_nat(int netns_fd, bool *ret_nat);

#endif
