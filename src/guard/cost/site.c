// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Building a path to measure: see cost_site.h.
 *
 *	sender: tsumwire == tsumwire :host: tsumveth == tsumeth :container
 *
 * Between containers of one host the sender's device leaves sums unfinished and super-packets whole: nothing
 * is summed or cut anywhere. For packets from a wire its tx offload is off, so the kernel cuts and sums them
 * before the device; what a NIC says of them is a BPF program at the host's end, and whether it merges them
 * is that end's GRO, which like a NIC's runs before the program.
 */
#include "guard/cost/site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/route.h"
#include "net/netns.h"
#include "net/nft.h"
#include "net/tc.h"

#define WIRE "tsumwire"
#define VETH "tsumveth"
#define CONTAINER "tsumeth"
#define TUNNEL "tsumvxlan"

/* Documentation addresses (RFC 5737). */
#define WIRE_SENDER "192.0.2.1"
#define WIRE_HOST "192.0.2.2"
#define TUNNEL_SENDER "203.0.113.1"
#define TUNNEL_HOST "203.0.113.2"
#define GATEWAY "198.51.100.1"
#define RECEIVER "198.51.100.2"
#define PORT 5555
#define ANY "0.0.0.0"

#define CONNTRACK_CHECKSUM "net/netfilter/nf_conntrack_checksum"
#define NIC_PRIORITY 1
#define RESET_PRIORITY 2
#define CONNECT_MS 3000

/* conntrack sees every packet as soon as a rule asks for its state. */
#define CONNTRACK_RULES                                                                            \
	"table inet tsum { chain forward { type filter hook forward priority 0;"                   \
	" ct state established accept; accept; }; }"

struct space {
	int fd;
	struct nl *nl;
};

struct cost_site {
	const struct cost_path *path;
	const struct marks *marks;
	struct space sender, host, container;
	int out, in; /* the flow's sockets */
};

const char *const cost_place_names[] = { "container's end", "sender's end", "VXLAN device", "host",
					 NULL };

/* IPv4 alone: with IPv6 the kernel would send packets of its own meanwhile. */
static int make_space(struct space *space)
{
	static const char *const settings[][2] = {
		{ "net/ipv4/conf/all/rp_filter", "0" },
		{ "net/ipv4/conf/default/rp_filter", "0" },
		{ "net/ipv4/ip_forward", "1" },
		{ "net/ipv6/conf/all/disable_ipv6", "1" },
		{ "net/ipv6/conf/default/disable_ipv6", "1" },
	};
	struct link_info lo;
	int rc = netns_new(&space->fd);

	rc = rc ? rc : nl_open(space->fd, NETLINK_ROUTE, &space->nl);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(settings); i++) {
		rc = netns_sysctl_write(space->fd, settings[i][0], settings[i][1]);
		if (rc == -ENOENT && strstr(settings[i][0], "ipv6"))
			rc = 0;
	}
	rc = rc ? rc : link_get(space->nl, "lo", &lo);
	return rc ? rc : link_set_up(space->nl, lo.index);
}

static int set_up(const struct space *space, const char *device, const char *address)
{
	struct link_info link;
	int rc = link_get(space->nl, device, &link);

	rc = rc ? rc : link_addr_add(space->nl, link.index, address, 24, 0);
	return rc ? rc : link_set_up(space->nl, link.index);
}

/*
 * Two devices know each other for good: no ARP between samples, and no place wanted in the neighbour table, which
 * all namespaces of a machine share and may have filled.
 */
static int introduce(const struct space *one, const char *one_device, const char *one_address,
		     const struct space *other, const char *other_device, const char *other_address)
{
	struct link_info a, b;
	int rc = link_get(one->nl, one_device, &a);

	rc = rc ? rc : link_get(other->nl, other_device, &b);
	rc = rc ? rc : link_neigh_add(one->nl, a.index, other_address, b.mac);
	return rc ? rc : link_neigh_add(other->nl, b.index, one_address, a.mac);
}

static int put_program(const struct cost_site *site, const struct space *space, const char *device,
		       uint16_t priority, enum mark_program program)
{
	struct link_info link;
	int fd = mark_fd(site->marks, program), rc;

	if (fd < 0)
		return fd;
	rc = link_get(space->nl, device, &link);
	rc = rc ? rc : tc_clsact_add(space->nl, link.index);
	return rc ? rc
		  : tc_bpf_attach(space->nl, link.index, TC_INGRESS, priority, fd,
				  mark_names[program]);
}

static int build_wire(const struct cost_site *site)
{
	int rc = link_add_veth(site->sender.nl, WIRE, WIRE, site->host.fd);

	if (!rc && site->path->wire)
		rc = feature_set(site->sender.fd, WIRE, "tx-checksum-ip-generic", false);
	if (!rc && site->path->merged)
		rc = feature_set(site->host.fd, WIRE, "rx-gro", true);
	if (!rc && site->path->vouched)
		rc = put_program(site, &site->host, WIRE, NIC_PRIORITY, MARK_VOUCH);
	rc = rc ? rc : set_up(&site->sender, WIRE, WIRE_SENDER);
	rc = rc ? rc : set_up(&site->host, WIRE, WIRE_HOST);
	return rc ? rc : introduce(&site->sender, WIRE, WIRE_SENDER, &site->host, WIRE, WIRE_HOST);
}

static int build_way(const struct cost_site *site)
{
	int rc;

	if (!site->path->vxlan)
		return route_add(site->sender.nl, ANY, 0, WIRE_HOST, 0);
	rc = link_add_vxlan(site->sender.nl, TUNNEL, WIRE_SENDER, WIRE_HOST, false);
	rc = rc ? rc : link_add_vxlan(site->host.nl, TUNNEL, WIRE_HOST, WIRE_SENDER, false);
	rc = rc ? rc : set_up(&site->sender, TUNNEL, TUNNEL_SENDER);
	rc = rc ? rc : set_up(&site->host, TUNNEL, TUNNEL_HOST);
	rc = rc ? rc
		: introduce(&site->sender, TUNNEL, TUNNEL_SENDER, &site->host, TUNNEL, TUNNEL_HOST);
	return rc ? rc : route_add(site->sender.nl, ANY, 0, TUNNEL_HOST, 0);
}

static int build_container(const struct cost_site *site)
{
	int rc = link_add_veth(site->host.nl, VETH, CONTAINER, site->container.fd);

	rc = rc ? rc : set_up(&site->host, VETH, GATEWAY);
	rc = rc ? rc : set_up(&site->container, CONTAINER, RECEIVER);
	rc = rc ? rc : introduce(&site->host, VETH, GATEWAY, &site->container, CONTAINER, RECEIVER);
	rc = rc ? rc : route_add(site->container.nl, ANY, 0, GATEWAY, 0);
	if (rc || !site->path->conntrack)
		return rc;
	rc = nft_load(site->host.fd, CONNTRACK_RULES);
	/* After the rules: loading them is what brings conntrack, and with it the sysctl, to be. */
	return rc ? rc : netns_sysctl_write(site->host.fd, CONNTRACK_CHECKSUM, "0");
}

/* ---- The flow ---- */

static int open_socket(const struct cost_site *site, const struct space *space, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	int one = 1, fd, rc = netns_enter(space->fd, &home);

	if (rc)
		return rc;
	fd = socket(AF_INET,
		    (site->path->datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK |
			    SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return fail_errno(-errno, "cannot open a socket");
	if (!site->path->datagram)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_fd = fd;
	return 0;
}

static int wait_for(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int error = 0, count = poll(&wait, 1, CONNECT_MS);
	socklen_t size = sizeof(error);

	if (count < 0)
		return fail_errno(-errno, "cannot wait for a socket");
	if (!count)
		return fail(-ETIMEDOUT, "no packet got through the path to be measured");
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? fail_errno(-error, "cannot connect through the path to be measured") : 0;
}

static int open_flow(struct cost_site *site)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const struct sockaddr *to = (const struct sockaddr *)&address;
	_cleanup_close_ int bound = -1;
	int rc = open_socket(site, &site->container, &bound);

	rc = rc ? rc : open_socket(site, &site->sender, &site->out);
	if (rc)
		return rc;
	inet_pton(AF_INET, RECEIVER, &address.sin_addr);
	if (bind(bound, to, sizeof(address)) < 0)
		return fail_errno(-errno, "cannot bind a socket");
	if (!site->path->datagram && listen(bound, 1) < 0)
		return fail_errno(-errno, "cannot listen");
	if (connect(site->out, to, sizeof(address)) < 0 && errno != EINPROGRESS)
		return fail_errno(-errno, "cannot connect");
	if (site->path->datagram) {
		site->in = TAKE_FD(bound);
		return 0;
	}
	rc = wait_for(site->out, POLLOUT);
	rc = rc ? rc : wait_for(bound, POLLIN);
	if (rc)
		return rc;
	site->in = accept4(bound, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return site->in < 0 ? fail_errno(-errno, "cannot accept a connection") : 0;
}

/* ---- Its life ---- */

void cost_site_free(struct cost_site *site)
{
	if (!site)
		return;
	const struct space *spaces[] = { &site->sender, &site->host, &site->container };

	cleanup_close(&site->out);
	cleanup_close(&site->in);
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		nl_close(spaces[i]->nl);
		cleanup_close(&spaces[i]->fd);
	}
	free(site);
}

int cost_site_build(const struct cost_path *path, const struct marks *marks,
		    struct cost_site **ret_site)
{
	_cleanup_(cost_site_cleanup) struct cost_site *site = malloc(sizeof(*site));
	int rc;

	if (!site)
		return fail(-ENOMEM, "out of memory");
	*site = (struct cost_site){ .path = path,
				    .marks = marks,
				    .sender.fd = -1,
				    .host.fd = -1,
				    .container.fd = -1,
				    .out = -1,
				    .in = -1 };
	rc = make_space(&site->sender);
	rc = rc ? rc : make_space(&site->host);
	rc = rc ? rc : make_space(&site->container);
	rc = rc ? rc : build_wire(site);
	rc = rc ? rc : build_way(site);
	rc = rc ? rc : build_container(site);
	rc = rc ? rc : open_flow(site);
	if (!rc)
		*ret_site = TAKE_PTR(site);
	return rc;
}

/* ---- What is measured on it ---- */

static int switch_reset(const struct cost_site *site, const struct space *space, const char *device,
			bool on)
{
	struct link_info link;
	int rc;

	if (on)
		return put_program(site, space, device, RESET_PRIORITY, MARK_RESET);
	rc = link_get(space->nl, device, &link);
	/* With its clsact: that costs something, too, and is there for the mitigation only. */
	return rc ? rc : tc_clsact_delete(space->nl, link.index);
}

int cost_site_mitigate(const struct cost_site *site, enum cost_place place,
		       enum mitigation mitigation, bool on)
{
	const struct {
		const struct space *space;
		const char *device;
	} places[PLACES] = {
		[PLACE_CONTAINER] = { &site->container, CONTAINER },
		[PLACE_SENDER] = { &site->sender, WIRE },
		[PLACE_TUNNEL] = { &site->sender, TUNNEL },
		[PLACE_HOST] = { &site->host, NULL },
	};
	const struct space *space = places[place].space;
	const char *device = places[place].device;

	switch (mitigation) {
	case MITIGATION_RX_OFF:
		return feature_set(space->fd, device, "rx-checksum", !on);
	case MITIGATION_TX_OFF:
		return feature_set(space->fd, device, "tx-checksum-ip-generic", !on);
	case MITIGATION_RESET:
		return switch_reset(site, space, device, on);
	case MITIGATION_CONNTRACK_CHECKSUM:
		return netns_sysctl_write(space->fd, CONNTRACK_CHECKSUM, on ? "1" : "0");
	case MITIGATION_NONE:
	case MITIGATIONS:
		break;
	}
	return 0;
}

int cost_site_sender(const struct cost_site *site)
{
	return site->out;
}

int cost_site_receiver(const struct cost_site *site)
{
	return site->in;
}

size_t cost_site_datagram(const struct cost_site *site)
{
	return site->path->datagram;
}

int cost_site_received(const struct cost_site *site, uint64_t *ret_bytes, uint64_t *ret_packets)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_fclose_ FILE *devices = NULL;
	char line[512];
	int rc = netns_enter(site->container.fd, &home);

	if (rc)
		return rc;
	devices = fopen("/proc/thread-self/net/dev", "re");
	if (!devices)
		return fail_errno(-errno, "cannot read /proc/thread-self/net/dev");
	while (fgets(line, sizeof(line), devices)) {
		uint64_t bytes, packets;

		if (sscanf(line, " " CONTAINER ": %" SCNu64 " %" SCNu64, &bytes, &packets) != 2)
			continue;
		*ret_bytes = bytes;
		*ret_packets = packets;
		return 0;
	}
	return fail(-ENODEV, "device " CONTAINER " is gone");
}
