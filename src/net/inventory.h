/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What there is on this host: its network namespaces, who lives in them, and their devices with what
 * joins them. Reads /proc, /run and netlink only; changes nothing, and runs nothing of a container's.
 */
#ifndef TRUESUM_NET_INVENTORY_H
#define TRUESUM_NET_INVENTORY_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/netns.h"

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
	char name[IFNAMSIZ]; /* as the kernel has it: control characters may be in it */
	char kind[16]; /* "veth", "bridge", "vxlan", "tun", ...; empty: hardware or lo */
	char driver[32]; /* ethtool's driver name; empty where there is none */
	uint8_t mac[6];
	uint32_t flags; /* IFF_* */
	uint32_t mtu;
	int master; /* index of the bridge or bond it is a port of; 0 */
	int link; /* IFLA_LINK: the peer of a veth, the lower device of a macvlan or vlan; 0: none */
	int link_nsid; /* what the device's namespace calls the one `link` lies in; -1: the same one */
	int link_space; /* number, in struct inventory, of the namespace `link` lies in; -1: not known */
	uint32_t vxlan_port; /* host order; 0: no VXLAN */
	bool vxlan_csum; /* outer UDP checksum is computed */
	uint32_t xdp[DEVICE_XDP_MAX]; /* ids of XDP programs: skb, driver, hardware mode; 0: none */
	struct device_address address[DEVICE_ADDRESSES_MAX]; /* the first of them */
	size_t address_count;
};

/* A network namespace. */
struct space {
	struct netns_id id;
	int fd; /* open as long as the inventory */
	bool own; /* the one truesum runs in: the host, to all others */
	pid_t pid; /* a process in it, the oldest; 0: none (it has a name, or something holds it) */
	uint64_t started; /* when that was, in ticks since boot; of a kernel thread UINT64_MAX */
	char comm[16]; /* its name; as hostname and name: printable ASCII, '?' for the rest */
	char hostname[65]; /* as seen by that process */
	char container[65]; /* container id, from the process's cgroup; empty */
	char pod[64]; /* Kubernetes pod uid, from the cgroup; empty */
	/* What to call it: "host", the container's name where known, a pod's hostname, the container id's
	 * first 12 digits, the netns's name, or "comm[pid]". */
	char name[128];
	char path[256]; /* /run/netns/NAME or where else it is mounted, any bytes; empty */
	struct device *device; /* by index */
	size_t device_count;
	bool default_v4, default_v6; /* it has a default route */
};

struct inventory {
	struct space *space; /* the own one, the others by age of their process, then by path */
	size_t space_count;
	struct docker *docker; /* running containers, by the engine; NULL: it did not answer */
};

/*
 * Takes stock. -EPERM with a sentence where /proc/PID/ns cannot be read at all; single namespaces that
 * vanish meanwhile or are out of reach are left out. `docker`: path of the engine's API socket to ask for
 * containers' names (NULL: /run/docker.sock; one that is not there or does not answer within a second is
 * no error).
 */
int inventory_take(const char *docker, struct inventory *ret_inventory);
void inventory_release(struct inventory *inventory);

/*
 * A namespace's devices, addresses and default routes, anew: they change. Pointers to its devices are good
 * until then. -EINTR where they changed while they were read, each time; on failure nothing has changed.
 */
int inventory_look(struct inventory *inventory, size_t space);

/*
 * The space meant by a process number, by a netns name or path, by a container's name, id or the beginning
 * of an id. -ENOENT (or -EINVAL where several match) with a sentence that says what to do.
 */
int inventory_by_pid(const struct inventory *inventory, pid_t pid, size_t *ret_space);
int inventory_by_netns(const struct inventory *inventory, const char *spec, size_t *ret_space);
int inventory_by_container(const struct inventory *inventory, const char *name, size_t *ret_space);

/* The device's first address of the family that is not for its own link alone (4 or 16 bytes); or NULL. */
const uint8_t *device_global_address(const struct device *device, int family);

/* The device at the other end: of a veth its peer, of a macvlan or VLAN its lower device. NULL: not known. */
const struct device *inventory_link(const struct inventory *inventory, const struct device *device,
				    size_t *ret_space);

#endif
