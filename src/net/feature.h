/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Offload features of a device, by ethtool netlink (kernel >= 5.6). Features have the names that
 * `ethtool -k` groups into its own: "rx-checksum" (NETIF_F_RXCSUM), "tx-checksum-ip-generic", ...
 */
#ifndef TRUESUM_NET_FEATURE_H
#define TRUESUM_NET_FEATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nl;

/* Whether the feature is active now. -ENOENT if the device does not have it. */
int feature_get(int netns_fd, const char *device, const char *feature, bool *ret_on);

/*
 * Asks for the feature to be on or off. Returns 0 if the feature has that state afterwards, and
 * -EOPNOTSUPP with a sentence if the device did not follow.
 */
int feature_set(int netns_fd, const char *device, const char *feature, bool on);

/*
 * The same for the device with that index, whatever its name is by now; `device` is for messages.
 * -ENODEV if there is none. Each call takes the kernel's RTNL lock once or twice, and waits for it.
 */
int feature_get_at(int netns_fd, int index, const char *device, const char *feature, bool *ret_on);
int feature_set_at(int netns_fd, int index, const char *device, const char *feature, bool on);

/*
 * The feature's bit number in net_device.features on this kernel: numbers change between releases.
 */
int feature_bit(const char *feature, unsigned int *ret_bit);

#define FEATURE_WORDS 4 /* 128 features; Linux 6.18 has 66 */
#define FEATURE_NAME 32

/*
 * The features of this kernel; a name's place is its bit number. Empty: no feature has that number.
 */
struct feature_names {
	size_t count;
	char name[32 * FEATURE_WORDS][FEATURE_NAME];
};

/* Bit masks, a feature's bit at [bit / 32] >> bit % 32. */
struct feature_state {
	uint32_t active[FEATURE_WORDS];
	uint32_t wanted[FEATURE_WORDS]; /* asked for, first by the driver, then by the user */
	uint32_t fixed[FEATURE_WORDS]; /* what no user can change */
};

int feature_names_read(struct feature_names *ret_names);

/* Calls `take` for every device of the namespace of `nl` (NETLINK_GENERIC). */
typedef void (*feature_take_fn)(int index, const struct feature_state *state, void *data);
int feature_dump(struct nl *nl, feature_take_fn take, void *data);

/* Whether the mask has the feature of that name; false if the kernel has no such feature. */
bool feature_in(const struct feature_names *names, const uint32_t *mask, const char *feature);

#endif
