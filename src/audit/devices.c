// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the inventory does not say of devices: offload features, what a tunnel runs over,
 * forwarding, rp_filter. Each is one dump for the whole namespace.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"

struct scope {
	struct audit_facts *facts;
	size_t space;
};

static struct audit_device *find(const struct scope *scope, int index)
{
	struct audit_place place = audit_find(scope->facts, scope->space, index);

	return place.device == AUDIT_NONE ? NULL
					  : &scope->facts->space[place.space].device[place.device];
}

static void take_features(int index, const struct feature_state *state, void *data)
{
	struct audit_device *device = find(data, index);

	if (!device)
		return;
	device->features = *state;
	device->features_known = true;
}

static struct audit_place device_with(const struct scope *scope, uint8_t family,
				      const void *address)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	size_t size = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < look->device_count; i++)
		for (size_t k = 0; k < look->device[i].address_count; k++)
			if (look->device[i].address[k].family == family &&
			    !memcmp(look->device[i].address[k].address, address, size))
				return (struct audit_place){ scope->space, i };
	return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
}

/* A VXLAN says what it runs over, or at least from which address. */
static int vxlan_lower(const struct scope *scope, const struct nlattr *vxlan)
{
	struct audit_place place = { AUDIT_NONE, AUDIT_NONE };
	const struct nlattr *field;

	mnl_attr_for_each_nested(field, vxlan) {
		uint16_t type = mnl_attr_get_type(field), len = mnl_attr_get_payload_len(field);

		if (type == IFLA_VXLAN_LINK && len == 4 && mnl_attr_get_u32(field))
			return (int)mnl_attr_get_u32(field);
		if (type == IFLA_VXLAN_LOCAL && len == 4)
			place = device_with(scope, AF_INET, mnl_attr_get_payload(field));
		else if (type == IFLA_VXLAN_LOCAL6 && len == 16)
			place = device_with(scope, AF_INET6, mnl_attr_get_payload(field));
	}
	return place.device == AUDIT_NONE ? 0 : audit_device(scope->facts, place)->index;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *info, *values = NULL;
	struct audit_device *device;
	bool vxlan = false;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifi) ||
	    !(device = find(data, ifi->ifi_index)))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(info, attr) {
			if (mnl_attr_get_type(info) == IFLA_INFO_KIND &&
			    mnl_attr_validate(info, MNL_TYPE_NUL_STRING) >= 0)
				vxlan = !strcmp(mnl_attr_get_str(info), "vxlan");
			else if (mnl_attr_get_type(info) == IFLA_INFO_DATA)
				values = info;
		}
	}
	if (vxlan && values)
		device->tunnel_lower = vxlan_lower(data, values);
	return MNL_CB_OK;
}

static bool is_tunnel(const struct device *device)
{
	return !strcmp(device->kind, "vxlan") || !strcmp(device->kind, "geneve");
}

/* Where a tunnel does not say what it runs over, and there is one NIC only, it is that. */
static void guess_lower(const struct scope *scope)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	struct audit_device *more = scope->facts->space[scope->space].device;
	int nic = 0;

	for (size_t i = 0; i < look->device_count; i++)
		if (!*look->device[i].kind && !(look->device[i].flags & IFF_LOOPBACK))
			nic = nic ? -1 : look->device[i].index;
	for (size_t i = 0; nic > 0 && i < look->device_count; i++)
		if (is_tunnel(&look->device[i]) && !more[i].tunnel_lower)
			more[i].tunnel_lower = nic;
}

static int find_lower(struct scope *scope)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	bool any = false;
	int rc;

	for (size_t i = 0; i < look->device_count; i++)
		any |= is_tunnel(&look->device[i]);
	if (!any)
		return 0;
	rc = nl_open(-1, NETLINK_ROUTE, &nl);
	if (rc)
		return rc;
	request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	rc = nl_dump(nl, request, take_link, NULL, scope);
	if (!rc)
		guess_lower(scope);
	return rc;
}

/* Where the settings of one device, of all and of new ones are kept. */
static void take_setting(const struct scope *scope, uint8_t family, int index, uint16_t type,
			 int value)
{
	struct audit_space *space = &scope->facts->space[scope->space];
	struct audit_device *device = index > 0 ? find(scope, index) : NULL;

	if (device && type == NETCONFA_RP_FILTER)
		device->rp_filter = value;
	if (index == NETCONFA_IFINDEX_DEFAULT && type == NETCONFA_RP_FILTER)
		space->sysctl[SYSCTL_RP_FILTER_DEFAULT] = value;
	if (index != NETCONFA_IFINDEX_ALL)
		return;
	if (type == NETCONFA_RP_FILTER)
		space->sysctl[SYSCTL_RP_FILTER_ALL] = value;
	else if (type == NETCONFA_FORWARDING)
		space->sysctl[family == AF_INET ? SYSCTL_FORWARD_V4 : SYSCTL_FORWARD_V6] = value;
}

static int take_netconf(const struct nlmsghdr *message, void *data)
{
	const struct netconfmsg *netconf = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	int index = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*netconf))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*netconf))
		if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			index = (int)mnl_attr_get_u32(attr);
	mnl_attr_for_each(attr, message, sizeof(*netconf))
		if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			take_setting(data, netconf->ncm_family, index, mnl_attr_get_type(attr),
				     (int)mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

/*
 * Forwarding and rp_filter, by netlink: opening /proc/sys/net/ipv4/... takes the longer the more
 * namespaces there are, as all of them share one hash chain for a name.
 */
static int read_netconf(struct scope *scope)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct space *look = &scope->facts->inventory.space[scope->space];
	struct audit_space *space = &scope->facts->space[scope->space];
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(-1, NETLINK_ROUTE, &nl);

	for (size_t i = SYSCTL_FORWARD_V4; i <= SYSCTL_RP_FILTER_DEFAULT; i++)
		space->sysctl[i] = -1;
	for (size_t i = 0; i < look->device_count; i++)
		space->device[i].rp_filter = -1;
	for (size_t i = 0; !rc && i < ARRAY_SIZE(families); i++) {
		char buffer[NL_REQUEST_SIZE];
		struct nlmsghdr *request = nl_request(buffer, RTM_GETNETCONF, NLM_F_DUMP);
		struct netconfmsg *netconf = mnl_nlmsg_put_extra_header(request, sizeof(*netconf));

		netconf->ncm_family = families[i];
		rc = nl_dump(nl, request, take_netconf, NULL, scope);
		/* A kernel without IPv6 has no settings of it. */
		if (rc == -EOPNOTSUPP && families[i] == AF_INET6)
			rc = 0;
	}
	return rc;
}

int audit_collect_devices(struct audit_facts *facts, size_t space)
{
	struct scope scope = { .facts = facts, .space = space };
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = read_netconf(&scope);

	rc = rc ? rc : nl_open(-1, NETLINK_GENERIC, &nl);
	rc = rc ? rc : feature_dump(nl, take_features, &scope);
	return rc ? rc : find_lower(&scope);
}
