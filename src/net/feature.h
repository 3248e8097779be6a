/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offload features of a device, by ethtool netlink (kernel >= 5.6). Features have the names that
 * `ethtool -k` groups into its own: "rx-checksum" (NETIF_F_RXCSUM), "tx-checksum-ip-generic", ...
 */
#ifndef TRUESUM_NET_FEATURE_H
#define TRUESUM_NET_FEATURE_H

#include <stdbool.h>

/* Whether the feature is active now. -ENOENT where the device does not know it. */
int feature_get(int netns_fd, const char *device, const char *feature, bool *ret_on);

/*
 * Asks for the feature to be on or off. Returns 0 where the feature has that state afterwards, and
 * -EOPNOTSUPP with a sentence where the device did not follow.
 */
int feature_set(int netns_fd, const char *device, const char *feature, bool on);

/*
 * The feature's bit number in net_device.features on this kernel: numbers move between releases.
 * Asks the loopback device, which every namespace has.
 */
int feature_bit(const char *feature, unsigned int *ret_bit);

#endif
