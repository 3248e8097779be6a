// SPDX-License-Identifier: GPL-2.0-or-later
/* Looking facts up: see facts.h. */
#include "audit/facts.h"

const char *const audit_sysctl_names[AUDIT_SYSCTLS] = {
	[SYSCTL_CONNTRACK_CHECKSUM] = "net.netfilter.nf_conntrack_checksum",
	[SYSCTL_FORWARD_V4] = "net.ipv4.ip_forward",
	[SYSCTL_FORWARD_V6] = "net.ipv6.conf.all.forwarding",
	[SYSCTL_RP_FILTER_ALL] = "net.ipv4.conf.all.rp_filter",
	[SYSCTL_RP_FILTER_DEFAULT] = "net.ipv4.conf.default.rp_filter",
	[SYSCTL_BRIDGE_NF_V4] = "net.bridge.bridge-nf-call-iptables",
	[SYSCTL_BRIDGE_NF_V6] = "net.bridge.bridge-nf-call-ip6tables",
};

bool audit_feature(const struct audit_facts *facts, const struct audit_device *device,
		   const char *feature)
{
	return device->features_known &&
	       feature_in(&facts->names, device->features.active, feature);
}

bool audit_tx_checksum(const struct audit_facts *facts, const struct audit_device *device)
{
	return audit_feature(facts, device, "tx-checksum-ip-generic") ||
	       audit_feature(facts, device, "tx-checksum-ipv4") ||
	       audit_feature(facts, device, "tx-checksum-ipv6");
}

struct audit_place audit_find(const struct audit_facts *facts, size_t space, int index)
{
	const struct space *look = &facts->inventory.space[space];

	for (size_t i = 0; index && i < look->device_count; i++)
		if (look->device[i].index == index)
			return (struct audit_place){ space, i };
	return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
}

struct audit_place audit_peer(const struct audit_facts *facts, struct audit_place place)
{
	const struct device *device = audit_device(facts, place);

	if (!device->link || device->link_space < 0 ||
	    (size_t)device->link_space >= facts->inventory.space_count)
		return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
	return audit_find(facts, (size_t)device->link_space, device->link);
}
