/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ways into a container, as a table. What a row means is built by site.c.
 *
 *   sender S --- wire (two ports joined by truesum's switch) --- host H --- container C
 */
#ifndef TRUESUM_LAB_TOPOLOGY_H
#define TRUESUM_LAB_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/cell.h"

/* How the receiver hangs on the host. */
enum attach {
	ATTACH_NONE, /* the receiver is the host itself */
	ATTACH_ROUTED, /* a veth pair, routed */
	ATTACH_NESTED, /* a second veth pair behind the first container */
	ATTACH_BRIDGE, /* a veth pair on a bridge the host routes to */
	ATTACH_L2BRIDGE, /* a veth pair on a bridge that has the wire as a port */
	ATTACH_SHARED, /* a veth pair; the container has the host's address, tc redirects its ports */
	ATTACH_MACVLAN, /* a macvlan device on the wire */
	ATTACH_IPVLAN, /* an ipvlan (L2) device on the wire */
};

/* What the sender's packets travel in. */
enum carrier {
	CARRIER_ETHERNET,
	CARRIER_VXLAN, /* outer UDP checksum zero */
	CARRIER_VXLAN_CSUM, /* outer UDP checksum computed */
	CARRIER_VETH, /* the sender is a container on the same host */
};

/* Who else verifies on the host, before the container. */
enum host_check {
	HOST_CHECK_NONE,
	HOST_CHECK_NAT, /* conntrack does not translate what it finds INVALID */
	HOST_CHECK_RULE, /* a rule drops what conntrack finds INVALID */
	HOST_CHECK_OUTER_UDP, /* the tunnel's outer UDP checksum */
};

struct topology {
	const char *name;
	const char *about; /* one line for people */
	enum attach attach;
	enum carrier carrier;
	enum host_check host_check;
	enum nic nic; /* the NIC model where none is asked for */
	bool container_dials; /* the container connects out; the damaged data are the replies */
	bool v4_only;
	bool no_conntrack_checksum; /* nf_conntrack_checksum = 0 */
	const char *
		rules; /* nftables in H; {C} stands for the container's address, {P} for the port */
};

extern const struct topology topologies[];
extern const size_t topology_count;

/* Their names, NULL-terminated, in the table's order. */
const char *const *topology_names(void);

#endif
