// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The topologies: see topology.h. To add one, add a row to the table below; it needs code only if
 * it connects the container in a new way (enum attach) or carries the packets in something new
 * (enum carrier). What to expect of it follows from its fields (lab/judge.c).
 *
 * Every namespace is fresh, has no name and is held only by a descriptor of the site. Closing
 * these, or the end of the process, takes all of it down: nothing here touches the host's own
 * network, so there is nothing to undo. Addresses are documentation addresses (RFC 5737, RFC 3849).
 */
#include "lab/topology.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/mark.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/netfilter.h"
#include "net/nl.h"
#include "net/port.h"
#include "net/route.h"
#include "net/tc.h"

/* Asking for the state makes conntrack look at every packet. */
#define RULES_CONNTRACK                                                                            \
	"table inet tsum { chain forward { type filter hook forward priority 0;"                   \
	" ct state established accept; accept; }; }"

#define RULES_DROP_INVALID                                                                         \
	"table inet tsum { counter invalid {};"                                                    \
	" chain forward { type filter hook forward priority 0;"                                    \
	" ct state invalid counter name invalid drop; accept; }; }"

#define RULES_DNAT                                                                                 \
	"table inet tsum { chain pre { type nat hook prerouting priority -100;"                    \
	" tcp dport {P} dnat {F} to {C}; udp dport {P} dnat {F} to {C}; }; }"

#define RULES_MASQUERADE                                                                           \
	"table inet tsum { chain post { type nat hook postrouting priority 100;"                   \
	" oifname tsumwire masquerade; }; }"

/* clang-format off */
const struct topology topologies[] = {
	{ .name = "bare", .about = "no container: the host itself receives" },
	{ .name = "routed", .about = "routed over veth (CNI ptp, Kubernetes, GKE)",
	  .attach = ATTACH_ROUTED },
	{ .name = "bridge", .about = "routed to a bridge with a veth (Docker IPv6, kubenet)",
	  .attach = ATTACH_BRIDGE },
	{ .name = "l2bridge", .about = "bridge with the NIC and a veth as ports",
	  .attach = ATTACH_L2BRIDGE },
	{ .name = "nested", .about = "container in a container: two veth hops",
	  .attach = ATTACH_NESTED },
	{ .name = "conntrack", .about = "routed, conntrack on, INVALID accepted",
	  .attach = ATTACH_ROUTED, .rules = RULES_CONNTRACK },
	{ .name = "conntrack-drop", .about = "routed, ctstate INVALID dropped (kube-proxy)",
	  .attach = ATTACH_ROUTED, .host_check = HOST_CHECK_RULE, .rules = RULES_DROP_INVALID },
	{ .name = "local", .about = "container to container on one host, damage in between",
	  .attach = ATTACH_ROUTED, .carrier = CARRIER_VETH, .nic = NIC_PARTIAL },
	{ .name = "nat", .about = "DNAT to the container (Docker's default)",
	  .attach = ATTACH_ROUTED, .host_check = HOST_CHECK_NAT, .rules = RULES_DNAT },
	{ .name = "nat-nocsum", .about = "the same with nf_conntrack_checksum=0",
	  .attach = ATTACH_ROUTED, .no_conntrack_checksum = true, .rules = RULES_DNAT },
	{ .name = "masquerade", .about = "the container connects out, the replies are damaged",
	  .attach = ATTACH_ROUTED, .host_check = HOST_CHECK_NAT, .container_dials = true,
	  .rules = RULES_MASQUERADE },
	{ .name = "mesos", .about = "shared address, port range redirected by tc (Mesos)",
	  .attach = ATTACH_SHARED, .v4_only = true },
	{ .name = "vxlan", .about = "VXLAN without outer checksum, then a veth",
	  .attach = ATTACH_ROUTED, .carrier = CARRIER_VXLAN },
	{ .name = "vxlan-csum", .about = "VXLAN with outer UDP checksum, then a veth",
	  .attach = ATTACH_ROUTED, .carrier = CARRIER_VXLAN_CSUM, .host_check = HOST_CHECK_OUTER_UDP },
	{ .name = "macvlan", .about = "macvlan on the NIC: no veth", .attach = ATTACH_MACVLAN },
	{ .name = "ipvlan", .about = "ipvlan (L2) on the NIC: no veth", .attach = ATTACH_IPVLAN },
};
/* clang-format on */

const size_t topology_count = ARRAY_SIZE(topologies);

#define WIRE "tsumwire" /* the wire's device, in S and in H; the rules above name it, too */
#define VETH "tsumveth" /* the host's end of a veth pair */
#define CONTAINER "tsumeth" /* the container's device */
#define BRIDGE "tsumbr"
#define TUNNEL "tsumvxlan"
#define MIDDLE_PORT "tsumport"

/* The order of filters: first a NIC makes its claim, then a mitigation takes it back. */
enum { PRIORITY_NIC = 1, PRIORITY_RESET = 2, PRIORITY_VETH = 1 };

/* The address plan of one family. */
struct plan {
	const char *sender, *host,
		*neighbour; /* on the wire; the neighbour is a container beside H */
	const char *gateway, *container; /* between H and the container */
	const char *inner_gateway, *inner; /* between the container and the nested one */
	const char *tunnel_sender, *tunnel_host; /* in the tunnel */
	const char *any;
	unsigned int prefix_len;
	const char *nft_family;
};

static const struct plan plans[] = {
	{ "192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1", "198.51.100.2", "203.0.113.1",
	  "203.0.113.2", "10.42.0.1", "10.42.0.2", "0.0.0.0", 24, "ip" },
	{ "2001:db8:1::1", "2001:db8:1::2", "2001:db8:1::3", "2001:db8:2::1", "2001:db8:2::2",
	  "2001:db8:3::1", "2001:db8:3::2", "2001:db8:4::1", "2001:db8:4::2", "::", 64, "ip6" },
};

struct ns {
	int fd;
	struct nl *nl;
};

struct builder {
	const struct cell_key *key;
	const struct topology *topology;
	const struct plan *plan;
	const struct marks *marks;
	uint16_t port;
	struct ns sender, host, receiver, middle;
	int sender_port, host_port;
};

static int index_of(const struct ns *ns, const char *device, int *ret_index)
{
	struct link_info link;
	int rc = link_get(ns->nl, device, &link);

	if (!rc)
		*ret_index = link.index;
	return rc;
}

static int set_device_up(const struct ns *ns, const char *device)
{
	int index, rc = index_of(ns, device, &index);

	return rc ? rc : link_set_up(ns->nl, index);
}

static int add_address(const struct builder *b, const struct ns *ns, const char *device,
		       const char *address)
{
	int index, rc = index_of(ns, device, &index);

	return rc ? rc : link_addr_add(ns->nl, index, address, b->plan->prefix_len, 0);
}

static int default_route(const struct builder *b, const struct ns *ns, const char *gateway)
{
	return route_add(ns->nl, b->plan->any, 0, gateway, 0);
}

static int need_clsact(const struct ns *ns, int index)
{
	int rc = tc_clsact_add(ns->nl, index);

	return rc == -EEXIST ? 0 : rc;
}

static int put_mark(const struct builder *b, const struct ns *ns, const char *device,
		    enum tc_direction direction, uint16_t priority, enum mark_program program)
{
	int index, rc, fd = mark_fd(b->marks, program);

	if (fd < 0)
		return fd;
	rc = index_of(ns, device, &index);
	if (rc)
		return rc;
	rc = need_clsact(ns, index);
	return rc ? rc : tc_bpf_attach(ns->nl, index, direction, priority, fd, mark_names[program]);
}

/* A fresh namespace without address checks and router solicitations, which could disturb a cell. */
static int new_ns(struct ns *ns, bool forwards)
{
	static const char *const zero[] = {
		"net/ipv4/conf/all/rp_filter",
		"net/ipv4/conf/default/rp_filter",
		"net/ipv6/conf/all/accept_dad",
		"net/ipv6/conf/default/accept_dad",
		"net/ipv6/conf/default/router_solicitations",
	};
	int rc = netns_new(&ns->fd);

	rc = rc ? rc : nl_open(ns->fd, NETLINK_ROUTE, &ns->nl);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(zero); i++) {
		rc = netns_sysctl_write(ns->fd, zero[i], "0");
		if (rc == -ENOENT && strstr(zero[i], "ipv6"))
			rc = 0; /* a kernel without IPv6: adding an IPv6 address will say so */
	}
	/* A connection that nc leaves behind must not hold the namespace for long. */
	rc = rc ? rc : netns_sysctl_write(ns->fd, "net/ipv4/tcp_orphan_retries", "1");
	if (!rc && forwards) {
		rc = netns_sysctl_write(ns->fd, "net/ipv4/ip_forward", "1");
		netns_sysctl_write(ns->fd, "net/ipv6/conf/all/forwarding", "1");
	}
	return rc ? rc : set_device_up(ns, "lo");
}

/*
 * The sender is a container: the peer of its veth, in a namespace of its own, is the wire's port.
 */
static int sender_on_veth(struct builder *b)
{
	int index, rc = new_ns(&b->middle, false);

	/*
	 * Only the wire may answer there, so the namespace has no IPv6. -ENOENT: neither has the
	 * kernel.
	 */
	if (!rc &&
	    netns_sysctl_write(b->middle.fd, "net/ipv6/conf/all/disable_ipv6", "1") != -ENOENT)
		rc = netns_sysctl_write(b->middle.fd, "net/ipv6/conf/default/disable_ipv6", "1");
	rc = rc ? rc : link_add_veth(b->middle.nl, MIDDLE_PORT, WIRE, b->sender.fd);
	/* A NIC's frames have finished sums, so the sender must finish them itself. */
	if (!rc && b->key->nic != NIC_PARTIAL)
		rc = feature_set(b->sender.fd, WIRE, "tx-checksum-ip-generic", false);
	rc = rc ? rc : set_device_up(&b->middle, MIDDLE_PORT);
	rc = rc ? rc : index_of(&b->middle, MIDDLE_PORT, &index);
	return rc ? rc : port_open_packet(b->middle.fd, index, &b->sender_port);
}

static int attach_wire(struct builder *b)
{
	static const enum mark_program claims[NICS] = {
		[NIC_HONEST] = MARK_HONEST, [NIC_LYING] = MARK_VOUCH
	};
	int rc;

	if (b->topology->carrier == CARRIER_VETH)
		rc = sender_on_veth(b);
	else
		rc = port_open_tap(b->sender.fd, WIRE, &b->sender_port);
	rc = rc ? rc : port_open_tap(b->host.fd, WIRE, &b->host_port);
	if (!rc && (b->key->nic == NIC_HONEST || b->key->nic == NIC_LYING))
		rc = put_mark(b, &b->host, WIRE, TC_INGRESS, PRIORITY_NIC, claims[b->key->nic]);
	rc = rc ? rc : set_device_up(&b->sender, WIRE);
	rc = rc ? rc : set_device_up(&b->host, WIRE);
	return rc ? rc : add_address(b, &b->sender, WIRE, b->plan->sender);
}

static int build_carrier(struct builder *b)
{
	const struct plan *plan = b->plan;
	bool csum = b->topology->carrier == CARRIER_VXLAN_CSUM;
	int rc = 0;

	if (b->topology->attach != ATTACH_L2BRIDGE)
		rc = add_address(b, &b->host, WIRE, plan->host);
	if (b->topology->carrier != CARRIER_VXLAN && b->topology->carrier != CARRIER_VXLAN_CSUM)
		return rc ? rc : default_route(b, &b->sender, plan->host);
	rc = rc ? rc : link_add_vxlan(b->sender.nl, TUNNEL, plan->sender, plan->host, csum);
	rc = rc ? rc : link_add_vxlan(b->host.nl, TUNNEL, plan->host, plan->sender, csum);
	rc = rc ? rc : set_device_up(&b->sender, TUNNEL);
	rc = rc ? rc : set_device_up(&b->host, TUNNEL);
	rc = rc ? rc : add_address(b, &b->sender, TUNNEL, plan->tunnel_sender);
	rc = rc ? rc : add_address(b, &b->host, TUNNEL, plan->tunnel_host);
	return rc ? rc : default_route(b, &b->sender, plan->tunnel_host);
}

/*
 * Puts the 2016 statement on the end that leads into a container. If BPF cannot read the receiving
 * end's features for each packet, read them once here: they do not change while the cell runs.
 */
static int put_2016(const struct builder *b, const struct ns *outside, const struct ns *container)
{
	bool rxcsum = false;
	int rc;

	if (mark_fd(b->marks, MARK_VETH_2016) >= 0)
		return put_mark(b, outside, VETH, TC_EGRESS, PRIORITY_VETH, MARK_VETH_2016);
	rc = feature_get(container->fd, CONTAINER, "rx-checksum", &rxcsum);
	return rc || !rxcsum ? rc
			     : put_mark(b, outside, VETH, TC_EGRESS, PRIORITY_VETH, MARK_VOUCH);
}

/*
 * Adds a veth pair from `outside` into a container. Before it is up, applies what the cell asks
 * for: the 2016 statement at the egress that leads in, rx-off on the container's end.
 */
static int veth_into(const struct builder *b, const struct ns *outside, const struct ns *container)
{
	int rc = link_add_veth(outside->nl, VETH, CONTAINER, container->fd);

	if (!rc && b->key->mitigation == MITIGATION_RX_OFF)
		rc = feature_set(container->fd, CONTAINER, "rx-checksum", false);
	if (!rc && b->key->behaviour == BEHAVIOUR_VETH_2016)
		rc = put_2016(b, outside, container);
	rc = rc ? rc : set_device_up(outside, VETH);
	return rc ? rc : set_device_up(container, CONTAINER);
}

static int attach_routed(struct builder *b)
{
	int rc = veth_into(b, &b->host, &b->receiver);

	rc = rc ? rc : add_address(b, &b->host, VETH, b->plan->gateway);
	rc = rc ? rc : add_address(b, &b->receiver, CONTAINER, b->plan->container);
	return rc ? rc : default_route(b, &b->receiver, b->plan->gateway);
}

static int attach_nested(struct builder *b)
{
	const struct plan *plan = b->plan;
	int rc = new_ns(&b->middle, true);

	rc = rc ? rc : veth_into(b, &b->host, &b->middle);
	rc = rc ? rc : add_address(b, &b->host, VETH, plan->gateway);
	rc = rc ? rc : add_address(b, &b->middle, CONTAINER, plan->container);
	rc = rc ? rc : default_route(b, &b->middle, plan->gateway);
	rc = rc ? rc : veth_into(b, &b->middle, &b->receiver);
	rc = rc ? rc : add_address(b, &b->middle, VETH, plan->inner_gateway);
	rc = rc ? rc : add_address(b, &b->receiver, CONTAINER, plan->inner);
	rc = rc ? rc : default_route(b, &b->receiver, plan->inner_gateway);
	return rc ? rc
		  : route_add(b->host.nl, plan->inner, plan->prefix_len == 64 ? 128 : 32,
			      plan->container, 0);
}

static int enslave(const struct builder *b, const char *device)
{
	int index, bridge, rc = index_of(&b->host, device, &index);

	rc = rc ? rc : index_of(&b->host, BRIDGE, &bridge);
	return rc ? rc : link_set_master(b->host.nl, index, bridge);
}

static int attach_bridge(struct builder *b)
{
	bool l2 = b->topology->attach == ATTACH_L2BRIDGE;
	int rc = link_add_bridge(b->host.nl, BRIDGE);

	rc = rc ? rc : veth_into(b, &b->host, &b->receiver);
	rc = rc ? rc : enslave(b, VETH);
	if (!rc && l2)
		rc = enslave(b, WIRE);
	rc = rc ? rc : set_device_up(&b->host, BRIDGE);
	rc = rc ? rc : add_address(b, &b->host, BRIDGE, l2 ? b->plan->host : b->plan->gateway);
	rc = rc ? rc
		: add_address(b, &b->receiver, CONTAINER,
			      l2 ? b->plan->neighbour : b->plan->container);
	return rc || l2 ? rc : default_route(b, &b->receiver, b->plan->gateway);
}

/* The container has the host's addresses, IP and MAC; tc carries its port over and back (Mesos). */
static int attach_shared(struct builder *b)
{
	struct link_info sender, wire, veth, inside;
	int rc = veth_into(b, &b->host, &b->receiver);

	rc = rc ? rc : link_get(b->sender.nl, WIRE, &sender);
	rc = rc ? rc : link_get(b->host.nl, WIRE, &wire);
	rc = rc ? rc : link_get(b->host.nl, VETH, &veth);
	rc = rc ? rc : link_get(b->receiver.nl, CONTAINER, &inside);
	rc = rc ? rc : link_set_mac(b->receiver.nl, inside.index, wire.mac);
	rc = rc ? rc : add_address(b, &b->receiver, CONTAINER, b->plan->host);
	rc = rc ? rc : link_neigh_add(b->receiver.nl, inside.index, b->plan->sender, sender.mac);
	rc = rc ? rc : need_clsact(&b->host, wire.index);
	rc = rc ? rc : tc_redirect_ports(b->host.nl, wire.index, b->port, 0xffff, veth.index);
	rc = rc ? rc : need_clsact(&b->host, veth.index);
	return rc ? rc
		  : tc_redirect_ports(b->host.nl, veth.index, (uint32_t)b->port << 16, 0xffff0000,
				      wire.index);
}

static int attach_stacked(struct builder *b)
{
	int wire, rc = index_of(&b->host, WIRE, &wire);

	if (!rc && b->topology->attach == ATTACH_MACVLAN)
		rc = link_add_over(b->host.nl, "macvlan", CONTAINER, wire, b->receiver.fd);
	else if (!rc)
		rc = link_add_over(b->host.nl, "ipvlan", CONTAINER, wire, b->receiver.fd);
	rc = rc ? rc : set_device_up(&b->receiver, CONTAINER);
	return rc ? rc : add_address(b, &b->receiver, CONTAINER, b->plan->neighbour);
}

static int attach_none(struct builder *b)
{
	(void)b;
	return 0;
}

static int build_attachment(struct builder *b)
{
	static int (*const build[])(struct builder *) = {
		[ATTACH_NONE] = attach_none,	   [ATTACH_ROUTED] = attach_routed,
		[ATTACH_NESTED] = attach_nested,   [ATTACH_BRIDGE] = attach_bridge,
		[ATTACH_L2BRIDGE] = attach_bridge, [ATTACH_SHARED] = attach_shared,
		[ATTACH_MACVLAN] = attach_stacked, [ATTACH_IPVLAN] = attach_stacked,
	};
	bool bare = b->topology->attach == ATTACH_NONE;
	int rc = build[b->topology->attach](b);

	if (!rc && b->key->mitigation == MITIGATION_RESET)
		rc = put_mark(b, bare ? &b->host : &b->receiver, bare ? WIRE : CONTAINER,
			      TC_INGRESS, PRIORITY_RESET, MARK_RESET);
	return rc;
}

/* Replaces each `mark` in the text with `with`. */
static void fill_in(char *text, size_t size, const char *mark, const char *with)
{
	char *at;

	while ((at = strstr(text, mark))) {
		char rest[512];

		snprintf(rest, sizeof(rest), "%s", at + strlen(mark));
		snprintf(at, size - (size_t)(at - text), "%s%s", with, rest);
	}
}

static int load_rules(const struct builder *b)
{
	char rules[512], port[8];
	int rc;

	if (!b->topology->rules)
		return 0;
	snprintf(rules, sizeof(rules), "%s", b->topology->rules);
	snprintf(port, sizeof(port), "%u", b->port);
	fill_in(rules, sizeof(rules), "{P}", port);
	fill_in(rules, sizeof(rules), "{C}", b->plan->container);
	fill_in(rules, sizeof(rules), "{F}", b->plan->nft_family);
	rc = netfilter_load(b->host.fd, rules);
	/* After the rules: the sysctl exists once they have loaded conntrack. */
	if (!rc)
		rc = netns_sysctl_write(b->host.fd, "net/netfilter/nf_conntrack_checksum",
					b->topology->no_conntrack_checksum ? "0" : "1");
	return rc;
}

static const char *dial_address(const struct builder *b)
{
	switch (b->topology->attach) {
	case ATTACH_NONE:
	case ATTACH_SHARED:
		return b->plan->host;
	case ATTACH_NESTED:
		return b->plan->inner;
	case ATTACH_L2BRIDGE:
	case ATTACH_MACVLAN:
	case ATTACH_IPVLAN:
		return b->plan->neighbour;
	case ATTACH_ROUTED:
	case ATTACH_BRIDGE:
		break;
	}
	if (b->topology->container_dials)
		return b->plan->sender;
	/* With DNAT the client connects to the host's address. */
	return b->topology->rules && strstr(b->topology->rules, "dnat") ? b->plan->host
									: b->plan->container;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void cleanup_builder(struct builder *b)
{
	struct ns *all[] = { &b->sender, &b->host, &b->receiver, &b->middle };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		nl_close(all[i]->nl);
		close_fd(&all[i]->fd);
	}
	close_fd(&b->sender_port);
	close_fd(&b->host_port);
}

static int build(struct builder *b)
{
	int rc = new_ns(&b->sender, false);

	rc = rc ? rc : new_ns(&b->host, true);
	if (!rc && b->topology->attach == ATTACH_NONE) {
		b->receiver.fd = fcntl(b->host.fd, F_DUPFD_CLOEXEC, 3);
		rc = b->receiver.fd < 0 ? fail_errno(-errno, "cannot hold a namespace") : 0;
	} else if (!rc) {
		rc = new_ns(&b->receiver, false);
	}
	rc = rc ? rc : attach_wire(b);
	rc = rc ? rc : build_carrier(b);
	rc = rc ? rc : build_attachment(b);
	return rc ? rc : load_rules(b);
}

int topology_build(const struct cell_key *key, uint16_t port, const struct marks *marks,
		   struct site *ret_site)
{
	_cleanup_(cleanup_builder) struct builder b = {
		.key = key,
		.topology = key->topology,
		.plan = &plans[key->family == AF_INET6],
		.marks = marks,
		.port = port,
		.sender = { .fd = -1 },
		.host = { .fd = -1 },
		.receiver = { .fd = -1 },
		.middle = { .fd = -1 },
		.sender_port = -1,
		.host_port = -1,
	};
	int rc = build(&b);

	if (rc)
		return rc;
	snprintf(ret_site->dial, sizeof(ret_site->dial), "%s", dial_address(&b));
	ret_site->sender = TAKE_FD(b.sender.fd);
	ret_site->host = TAKE_FD(b.host.fd);
	ret_site->receiver = TAKE_FD(b.receiver.fd);
	ret_site->middle = TAKE_FD(b.middle.fd);
	ret_site->sender_port = TAKE_FD(b.sender_port);
	ret_site->host_port = TAKE_FD(b.host_port);
	return 0;
}

void topology_close(struct site *site)
{
	int *all[] = { &site->sender_port, &site->host_port, &site->sender,
		       &site->host,	   &site->receiver,  &site->middle };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		close_fd(all[i]);
}
