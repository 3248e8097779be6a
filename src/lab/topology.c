// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of topologies: see topology.h. What a row means is built by site.c; what is known to
 * happen in it is derived by expect.c.
 */
#include "lab/topology.h"

#include "base/cleanup.h"

/* conntrack sees every packet as soon as a rule asks for its state. */
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
	{ .name = "vxlan", .about = "VXLAN without outer checksum, a veth behind it",
	  .attach = ATTACH_ROUTED, .carrier = CARRIER_VXLAN },
	{ .name = "vxlan-csum", .about = "VXLAN with outer UDP checksum, a veth behind it",
	  .attach = ATTACH_ROUTED, .carrier = CARRIER_VXLAN_CSUM, .host_check = HOST_CHECK_OUTER_UDP },
	{ .name = "macvlan", .about = "macvlan on the NIC: no veth", .attach = ATTACH_MACVLAN },
	{ .name = "ipvlan", .about = "ipvlan (L2) on the NIC: no veth", .attach = ATTACH_IPVLAN },
};
/* clang-format on */

const size_t topology_count = ARRAY_SIZE(topologies);

const char *const *topology_names(void)
{
	static const char *names[ARRAY_SIZE(topologies) + 1];

	for (size_t i = 0; i < topology_count; i++)
		names[i] = topologies[i].name;
	return names;
}
