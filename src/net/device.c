// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A namespace's devices: see device.h. Devices, addresses and default routes come from rtnetlink
 * dumps over one socket in the namespace, the drivers' names from ethtool's ioctl (ethtool netlink
 * has none).
 */
#include "net/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/array.h"
#include "net/netns.h"
#include "net/nl.h"

/* A number of the attribute's own size, host order; 0 if the size is another. */
static uint32_t attribute_number(const struct nlattr *attr)
{
	switch (mnl_attr_get_payload_len(attr)) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	default:
		return 0;
	}
}

static void copy_text(const struct nlattr *attr, char *to, size_t size)
{
	size_t len = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (len >= size)
		len = size - 1;
	memcpy(to, mnl_attr_get_payload(attr), len);
	to[len] = '\0';
}

/* drivers/net/vxlan/vxlan_core.c: the two families have a flag each, of opposite sense. */
static void read_vxlan_data(const struct nlattr *data, struct device *device)
{
	bool v6 = false, csum4 = false, zero6 = false;
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_VXLAN_PORT:
			device->vxlan_port = ntohs((uint16_t)attribute_number(attr));
			break;
		case IFLA_VXLAN_GROUP6:
		case IFLA_VXLAN_LOCAL6:
			v6 = true;
			break;
		case IFLA_VXLAN_UDP_CSUM:
			csum4 = attribute_number(attr);
			break;
		case IFLA_VXLAN_UDP_ZERO_CSUM6_TX:
			zero6 = attribute_number(attr);
			break;
		}
	}
	device->vxlan_csum = v6 ? !zero6 : csum4;
}

static void take_info(const struct nlattr *info, struct device *device)
{
	const struct nlattr *attr, *data = NULL;

	mnl_attr_for_each_nested(attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			copy_text(attr, device->kind, sizeof(device->kind));
		else if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	if (data && !strcmp(device->kind, "vxlan"))
		read_vxlan_data(data, device);
}

static void take_xdp(const struct nlattr *xdp, struct device *device)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, xdp) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_XDP_SKB_PROG_ID:
			device->xdp[0] = attribute_number(attr);
			break;
		case IFLA_XDP_DRV_PROG_ID:
			device->xdp[1] = attribute_number(attr);
			break;
		case IFLA_XDP_HW_PROG_ID:
			device->xdp[2] = attribute_number(attr);
			break;
		}
	}
}

static void take_attribute(const struct nlattr *attr, struct device *device)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		copy_text(attr, device->name, sizeof(device->name));
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(attr) == sizeof(device->mac))
			memcpy(device->mac, mnl_attr_get_payload(attr), sizeof(device->mac));
		break;
	case IFLA_MTU:
		device->mtu = attribute_number(attr);
		break;
	case IFLA_MASTER:
		device->master = (int)attribute_number(attr);
		break;
	case IFLA_LINK:
		device->link = (int)attribute_number(attr);
		break;
	case IFLA_LINK_NETNSID:
		device->link_nsid = (int)attribute_number(attr);
		break;
	case IFLA_LINKINFO:
		take_info(attr, device);
		break;
	case IFLA_XDP:
		take_xdp(attr, device);
		break;
	}
}

static int add_device_from(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct device_list *list = data;
	const struct nlattr *attr;
	struct device *device;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifi))
		return MNL_CB_OK;
	device = ARRAY_ADD(list->device, list->count);
	if (!device) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	*device = (struct device){
		.index = ifi->ifi_index,
		.flags = ifi->ifi_flags,
		.link_nsid = NETNSA_NSID_NOT_ASSIGNED,
		.link_space = -1,
	};
	mnl_attr_for_each(attr, message, sizeof(*ifi))
		take_attribute(attr, device);
	return MNL_CB_OK;
}

static int compare_devices(const void *one, const void *other)
{
	const struct device *a = one, *b = other;

	return (a->index > b->index) - (a->index < b->index);
}

struct device *device_find(struct device *device, size_t count, int index)
{
	const struct device key = { .index = index };

	return count ? bsearch(&key, device, count, sizeof(key), compare_devices) : NULL;
}

const uint8_t *device_global_address(const struct device *device, int family)
{
	for (size_t i = 0; i < device->address_count; i++)
		if (device->address[i].family == family && device->address[i].scope < RT_SCOPE_LINK)
			return device->address[i].address;
	return NULL;
}

/* If both are there, IFA_LOCAL is this host's address and IFA_ADDRESS the other end's. */
static int take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(message);
	struct device_list *list = data;
	const struct nlattr *attr, *address = NULL;
	struct device_address *to;
	struct device *device;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifa))
		return MNL_CB_OK;
	device = device_find(list->device, list->count, (int)ifa->ifa_index);
	if (!device || device->address_count == DEVICE_ADDRESSES_MAX)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*ifa))
		if (mnl_attr_get_type(attr) == IFA_LOCAL ||
		    (mnl_attr_get_type(attr) == IFA_ADDRESS && !address))
			address = attr;
	if (!address || mnl_attr_get_payload_len(address) !=
				(ifa->ifa_family == AF_INET ? 4 : sizeof(to->address)))
		return MNL_CB_OK;
	to = &device->address[device->address_count++];
	to->family = ifa->ifa_family;
	to->prefix_len = ifa->ifa_prefixlen;
	to->scope = ifa->ifa_scope;
	memcpy(to->address, mnl_attr_get_payload(address), mnl_attr_get_payload_len(address));
	return MNL_CB_OK;
}

/* A kernel without IPv6 answers a question about its routes with those of IPv4. */
static int note_default_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	struct device_list *list = data;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*rtm) || rtm->rtm_dst_len ||
	    rtm->rtm_table != RT_TABLE_MAIN || rtm->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	list->default_v4 |= rtm->rtm_family == AF_INET;
	list->default_v6 |= rtm->rtm_family == AF_INET6;
	return MNL_CB_OK;
}

static void empty_list(void *data)
{
	((struct device_list *)data)->count = 0;
}

static void forget_addresses(void *data)
{
	struct device_list *list = data;

	for (size_t i = 0; i < list->count; i++)
		list->device[i].address_count = 0;
}

static int dump_devices(struct nl *nl, struct device_list *list)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	int rc;

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	rc = nl_dump(nl, request, add_device_from, empty_list, list);
	if (!rc && list->count)
		qsort(list->device, list->count, sizeof(*list->device), compare_devices);
	return rc;
}

static int dump_addresses(struct nl *nl, struct device_list *list)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETADDR, NLM_F_DUMP);

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return nl_dump(nl, request, take_address, forget_addresses, list);
}

static int dump_routes(struct nl *nl, struct device_list *list, uint8_t family)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(request, sizeof(*rtm));

	rtm->rtm_family = family;
	return nl_dump(nl, request, note_default_route, NULL, list);
}

static int dump_routes4(struct nl *nl, struct device_list *list)
{
	return dump_routes(nl, list, AF_INET);
}

static int dump_routes6(struct nl *nl, struct device_list *list)
{
	return dump_routes(nl, list, AF_INET6);
}

static int (*const dumps[])(struct nl *nl, struct device_list *list) = {
	dump_devices,
	dump_addresses,
	dump_routes4,
	dump_routes6,
};

static void copy_field(char *to, const char *from, size_t size)
{
	snprintf(to, size, "%.*s", (int)size - 1, from);
}

int device_ask_driver(int any_socket, const char *name, struct device_driver *ret_driver)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ifr = { .ifr_data = (char *)&info };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(any_socket, SIOCETHTOOL, &ifr) < 0)
		return -errno;
	copy_field(ret_driver->name, info.driver, sizeof(ret_driver->name));
	copy_field(ret_driver->version, info.version, sizeof(ret_driver->version));
	copy_field(ret_driver->firmware, info.fw_version, sizeof(ret_driver->firmware));
	copy_field(ret_driver->bus, info.bus_info, sizeof(ret_driver->bus));
	return 0;
}

static void read_drivers(struct device_list *list, int any_socket)
{
	for (size_t i = 0; i < list->count; i++) {
		struct device *device = &list->device[i];
		struct device_driver driver;

		if (!(device->flags & IFF_LOOPBACK) &&
		    !device_ask_driver(any_socket, device->name, &driver))
			memcpy(device->driver, driver.name, sizeof(device->driver));
	}
}

static void list_release(struct device_list *list)
{
	free(list->device);
}

int device_list_read(int netns_fd, struct device_list *ret_list)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_close_ int any_socket = -1;
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	_cleanup_(list_release) struct device_list list = { 0 };
	socklen_t size = sizeof(list.cookie);
	int rc = netns_enter(netns_fd, &home);

	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &nl);
	if (rc)
		return rc;
	any_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any_socket < 0)
		return fail_errno(-errno, "cannot open a socket");
	/* Linux 5.14. netns_identify() would enter the namespace again. */
	if (getsockopt(any_socket, SOL_SOCKET, SO_NETNS_COOKIE, &list.cookie, &size) < 0)
		list.cookie = 0;
	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		rc = dumps[i](nl, &list);
		if (rc)
			return rc;
	}
	read_drivers(&list, any_socket);
	*ret_list = TAKE(list, (struct device_list){ 0 });
	return 0;
}
