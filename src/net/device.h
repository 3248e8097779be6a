/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Network devices: all of one namespace, with their addresses, and its default routes. */
#ifndef TRUESUM_NET_DEVICE_H
#define TRUESUM_NET_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_XDP_MAX 3
#define DEVICE_ADDRESSES_MAX 16

struct device_address {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t prefix_len;
	uint8_t scope; /* RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, ... */
	uint8_t address[16]; /* network order; IPv4: the first 4 */
};

struct device {
	int index;
	char name[IFNAMSIZ]; /* as the kernel has it: may contain control characters */
	char kind[16]; /* "veth", "bridge", "vxlan", "tun", ...; empty: hardware or lo */
	char driver[32]; /* ethtool's driver name; empty: there is none */
	uint8_t mac[6];
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	int master; /* index of the bridge or bond it is a port of; 0: none */
	/* IFLA_LINK: the peer of a veth, the lower device of a macvlan or vlan; 0: none */
	int link;
	/* what the device's namespace calls the one `link` lies in; -1: the same one */
	int link_nsid;
	/* number in struct inventory of the namespace `link` lies in; -1: not known */
	int link_space;
	uint32_t vxlan_port; /* host order; 0: no VXLAN */
	bool vxlan_csum; /* outer UDP checksum is computed */
	/* ids of XDP programs in skb, driver, hardware mode; 0: none */
	uint32_t xdp[DEVICE_XDP_MAX];
	struct device_address address[DEVICE_ADDRESSES_MAX]; /* the first ones */
	size_t address_count;
};

/* What a driver says about itself (ETHTOOL_GDRVINFO): any bytes; empty: it does not say. */
#define DEVICE_DRIVER_SIZE 32
struct device_driver {
	char name[DEVICE_DRIVER_SIZE];
	char version[DEVICE_DRIVER_SIZE]; /* the kernel's release for drivers that have none */
	char firmware[DEVICE_DRIVER_SIZE];
	char bus[DEVICE_DRIVER_SIZE]; /* "0000:03:00.0" */
};

/* The devices of one namespace. */
struct device_list {
	uint64_t cookie; /* as in struct netns_id */
	struct device *device; /* by index; link_space is -1 */
	size_t count;
	bool default_v4, default_v6; /* it has a default route */
};

/*
 * Reads the devices of the namespace (-1: this one), entering it once; list->device is the caller's
 * to free. On failure -errno with a sentence; -EINTR if the devices changed at every try.
 */
int device_list_read(int netns_fd, struct device_list *ret_list);

/*
 * Asks the driver of a device in the namespace of the socket, which may be any. -errno without a
 * sentence; -EOPNOTSUPP: it has no such driver.
 */
int device_ask_driver(int any_socket, const char *name, struct device_driver *ret_driver);

/* The device with that index in an array sorted by index; NULL: none. */
struct device *device_find(struct device *device, size_t count, int index);

/*
 * The device's first address of the family whose scope is wider than its link (4 or 16 bytes);
 * NULL: none.
 */
const uint8_t *device_global_address(const struct device *device, int family);

#endif
