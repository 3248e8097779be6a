/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The topologies, that is the ways into a container: a table, and building a row of it in fresh
 * namespaces.
 *
 *   sender S --- wire (two ports, joined by lab/wire.h) --- host H --- container C
 */
#ifndef TRUESUM_LAB_TOPOLOGY_H
#define TRUESUM_LAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lab/run.h"

/* How the receiver is connected to the host. */
enum attach {
	ATTACH_NONE, /* the receiver is the host itself */
	ATTACH_ROUTED, /* a veth pair, routed */
	ATTACH_NESTED, /* a second veth pair from that container into another one */
	ATTACH_BRIDGE, /* a veth pair on a bridge the host routes to */
	ATTACH_L2BRIDGE, /* a veth pair on a bridge; the wire is another port of it */
	/* a veth pair; host and container share one address; tc redirects the ports */
	ATTACH_SHARED,
	ATTACH_MACVLAN, /* a macvlan device on the wire */
	ATTACH_IPVLAN, /* an ipvlan (L2) device on the wire */
};

/* What carries the sender's packets. */
enum carrier {
	CARRIER_ETHERNET,
	CARRIER_VXLAN, /* outer UDP checksum zero */
	CARRIER_VXLAN_CSUM, /* outer UDP checksum computed */
	CARRIER_VETH, /* the sender is a container on the same host */
};

/* What verifies on the host, before the container does. */
enum host_check {
	HOST_CHECK_NONE,
	HOST_CHECK_NAT, /* conntrack, which does not translate an INVALID packet */
	HOST_CHECK_RULE, /* a rule that drops ctstate INVALID */
	HOST_CHECK_OUTER_UDP, /* the tunnel's outer UDP checksum */
};

struct topology {
	const char *name;
	const char *about; /* one line for people */
	enum attach attach;
	enum carrier carrier;
	enum host_check host_check;
	enum nic nic; /* the NIC model, unless the user names one */
	bool container_dials; /* the container connects to the sender; the replies are damaged */
	bool v4_only;
	bool no_conntrack_checksum; /* nf_conntrack_checksum = 0 */
	const char *rules; /* nftables in H; {C}: the container's address, {P}: port, {F}: family */
};

extern const struct topology topologies[];
extern const size_t topology_count;

/* A topology that was built. Closing the descriptors takes it down. */
struct site {
	int sender, host, receiver; /* namespaces; in `bare` the receiver is the host */
	int middle; /* a namespace in between; -1 if there is none */
	int sender_port, host_port; /* the wire's two ports (net/port.h) */
	char dial[48]; /* the address that the connecting side connects to */
};

/*
 * Builds the key's topology with its NIC model, behaviour and mitigation, for a server on `port`.
 * -EOPNOTSUPP if this kernel lacks a part, with a sentence that names it. After a failure nothing
 * is left.
 */
int topology_build(const struct cell_key *key, uint16_t port, const struct marks *marks,
		   struct site *ret_site);
void topology_close(struct site *site);

#endif
