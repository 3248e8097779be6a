// SPDX-License-Identifier: GPL-2.0-or-later
/* Links, addresses and neighbours: see link.h. One function builds one rtnetlink request. */
#include "net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "net/nl.h"

#define VXLAN_ID 42

static int read_link_info(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	struct link_info *info = data;
	const struct nlattr *attr, *nested;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifi))
		return MNL_CB_OK;
	info->index = ifi->ifi_index;
	info->flags = ifi->ifi_flags;
	mnl_attr_for_each(attr, message, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
		    mnl_attr_get_payload_len(attr) == sizeof(info->mac))
			memcpy(info->mac, mnl_attr_get_payload(attr), sizeof(info->mac));
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(info->name, sizeof(info->name), "%s", mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(nested, attr)
			if (mnl_attr_get_type(nested) == IFLA_INFO_KIND &&
			    mnl_attr_validate(nested, MNL_TYPE_STRING) >= 0)
				snprintf(info->kind, sizeof(info->kind), "%.*s",
					 (int)mnl_attr_get_payload_len(nested),
					 (const char *)mnl_attr_get_payload(nested));
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *link_request(void *buffer, uint16_t type, uint16_t flags, int index,
				     struct ifinfomsg **ret_ifi)
{
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

	ifi->ifi_index = index;
	if (ret_ifi)
		*ret_ifi = ifi;
	return request;
}

int link_get(struct nl *nl, const char *name, struct link_info *ret_info)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = link_request(buffer, RTM_GETLINK, 0, 0, NULL);
	struct link_info info = { 0 };
	int rc;

	if (!*name || strlen(name) >= IFNAMSIZ)
		return fail(-ENODEV, "no device '%.40s'", name);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	rc = nl_talk(nl, request, read_link_info, &info);
	if (rc)
		return fail_errno(rc, "no device '%s'", name);
	*ret_info = info;
	return 0;
}

int link_get_by_index(struct nl *nl, int index, struct link_info *ret_info)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = link_request(buffer, RTM_GETLINK, 0, index, NULL);
	struct link_info info = { 0 };
	int rc = nl_talk(nl, request, read_link_info, &info);

	if (rc)
		return fail_errno(rc, "no device with index %d", index);
	*ret_info = info;
	return 0;
}

struct list {
	struct link_info *link;
	size_t count;
};

static int add_to_list(const struct nlmsghdr *message, void *data)
{
	struct list *list = data;
	struct link_info *more = realloc(list->link, (list->count + 1) * sizeof(*more));

	if (!more) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	list->link = more;
	more[list->count] = (struct link_info){ 0 };
	return read_link_info(message, &more[list->count++]);
}

static int compare_links(const void *one, const void *other)
{
	const struct link_info *a = one, *b = other;

	return (a->index > b->index) - (a->index < b->index);
}

static void empty_link_list(void *data)
{
	((struct list *)data)->count = 0;
}

int link_list(struct nl *nl, struct link_info **ret_link, size_t *ret_count)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	struct list list = { 0 };
	int rc;

	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	rc = nl_dump(nl, request, add_to_list, empty_link_list, &list);
	if (rc) {
		free(list.link);
		return rc;
	}
	if (list.count)
		qsort(list.link, list.count, sizeof(*list.link), compare_links);
	*ret_link = list.link;
	*ret_count = list.count;
	return 0;
}

/* Starts a request that creates a device of `kind`; finish with end_link(). */
struct new_link {
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	struct nlattr *info, *data;
	const char *name, *kind;
};

static void begin_link(struct new_link *new, const char *name, const char *kind, int parent,
		       int netns_fd)
{
	new->name = name;
	new->kind = kind;
	new->request = link_request(new->buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, NULL);
	mnl_attr_put_strz(new->request, IFLA_IFNAME, name);
	if (parent)
		mnl_attr_put_u32(new->request, IFLA_LINK, (uint32_t)parent);
	if (netns_fd >= 0)
		mnl_attr_put_u32(new->request, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	new->info = mnl_attr_nest_start(new->request, IFLA_LINKINFO);
	mnl_attr_put_strz(new->request, IFLA_INFO_KIND, kind);
	new->data = mnl_attr_nest_start(new->request, IFLA_INFO_DATA);
}

static int end_link(struct nl *nl, struct new_link *new)
{
	int rc;

	mnl_attr_nest_end(new->request, new->data);
	mnl_attr_nest_end(new->request, new->info);
	rc = nl_talk(nl, new->request, NULL, NULL);
	if (rc == -EOPNOTSUPP)
		return fail(rc, "this kernel has no %s devices", new->kind);
	return rc ? fail(rc, "cannot create %s device %s: %s", new->kind, new->name, fail_text())
		  : 0;
}

int link_add_veth(struct nl *nl, const char *name, const char *peer, int peer_netns)
{
	struct new_link new;
	struct nlattr *nest;

	begin_link(&new, name, "veth", 0, -1);
	nest = mnl_attr_nest_start(new.request, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(new.request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(new.request, IFLA_IFNAME, peer);
	if (peer_netns >= 0)
		mnl_attr_put_u32(new.request, IFLA_NET_NS_FD, (uint32_t)peer_netns);
	mnl_attr_nest_end(new.request, nest);
	return end_link(nl, &new);
}

int link_add_bridge(struct nl *nl, const char *name)
{
	struct new_link new;

	begin_link(&new, name, "bridge", 0, -1);
	return end_link(nl, &new);
}

int link_add_vxlan(struct nl *nl, const char *name, const char *local, const char *remote,
		   bool outer_csum)
{
	struct new_link new;
	struct nl_ip from = { 0 }, to = { 0 };
	bool v6;
	int rc = nl_ip_parse(local, &from);

	rc = rc ? rc : nl_ip_parse(remote, &to);
	if (rc)
		return rc;
	v6 = from.family == AF_INET6;
	begin_link(&new, name, "vxlan", 0, -1);
	mnl_attr_put_u32(new.request, IFLA_VXLAN_ID, VXLAN_ID);
	mnl_attr_put_u16(new.request, IFLA_VXLAN_PORT, htons(4789));
	mnl_attr_put(new.request, v6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL, from.len, from.bytes);
	mnl_attr_put(new.request, v6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP, to.len, to.bytes);
	mnl_attr_put_u8(new.request, IFLA_VXLAN_UDP_CSUM, outer_csum);
	mnl_attr_put_u8(new.request, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, !outer_csum);
	mnl_attr_put_u8(new.request, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, !outer_csum);
	return end_link(nl, &new);
}

int link_add_over(struct nl *nl, const char *kind, const char *name, int parent, int netns_fd)
{
	struct new_link new;

	begin_link(&new, name, kind, parent, netns_fd);
	if (!strcmp(kind, "macvlan"))
		mnl_attr_put_u32(new.request, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	else
		mnl_attr_put_u16(new.request, IFLA_IPVLAN_MODE, IPVLAN_MODE_L2);
	return end_link(nl, &new);
}

int link_set_up(struct nl *nl, int index)
{
	char buffer[NL_REQUEST_SIZE];
	struct ifinfomsg *ifi;
	struct nlmsghdr *request = link_request(buffer, RTM_NEWLINK, 0, index, &ifi);
	int rc;

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot set device %d up: %s", index, fail_text()) : 0;
}

int link_set_master(struct nl *nl, int index, int master)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = link_request(buffer, RTM_NEWLINK, 0, index, NULL);
	int rc;

	mnl_attr_put_u32(request, IFLA_MASTER, (uint32_t)master);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot add device %d to the bridge: %s", index, fail_text()) : 0;
}

int link_set_mac(struct nl *nl, int index, const uint8_t mac[6])
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = link_request(buffer, RTM_NEWLINK, 0, index, NULL);
	int rc;

	mnl_attr_put(request, IFLA_ADDRESS, 6, mac);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot set device %d's MAC address: %s", index, fail_text()) : 0;
}

/* `peer`: the address at the other end, or that of the network: `address` itself. */
static int change_address(struct nl *nl, uint16_t type, uint16_t flags, int index,
			  const char *address, const char *peer, unsigned int prefix_len,
			  uint32_t seconds)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(request, sizeof(*ifa));
	const struct ifa_cacheinfo life = { .ifa_prefered = seconds, .ifa_valid = seconds };
	struct nl_ip ip = { 0 }, other = { 0 };
	int rc = nl_ip_parse(address, &ip);

	rc = rc ? rc : nl_ip_parse(peer, &other);
	if (rc)
		return rc;
	ifa->ifa_family = ip.family;
	ifa->ifa_prefixlen = (uint8_t)prefix_len;
	ifa->ifa_flags = IFA_F_NODAD;
	ifa->ifa_index = (uint32_t)index;
	mnl_attr_put(request, IFA_LOCAL, ip.len, ip.bytes);
	mnl_attr_put(request, IFA_ADDRESS, other.len, other.bytes);
	if (seconds)
		mnl_attr_put(request, IFA_CACHEINFO, sizeof(life), &life);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot %s address %s/%u: %s", type == RTM_DELADDR ? "delete" : "add",
			 address, prefix_len, fail_text())
		  : 0;
}

int link_addr_add(struct nl *nl, int index, const char *address, unsigned int prefix_len,
		  uint32_t seconds)
{
	uint16_t if_there = seconds ? NLM_F_REPLACE : NLM_F_EXCL;

	return change_address(nl, RTM_NEWADDR, NLM_F_CREATE | if_there, index, address, address,
			      prefix_len, seconds);
}

static unsigned int whole_len(const char *address)
{
	return strchr(address, ':') ? 128 : 32;
}

int link_peer_add(struct nl *nl, int index, const char *address, const char *peer, uint32_t seconds)
{
	uint16_t if_there = seconds ? NLM_F_REPLACE : NLM_F_EXCL;

	return change_address(nl, RTM_NEWADDR, NLM_F_CREATE | if_there, index, address, peer,
			      whole_len(address), seconds);
}

int link_peer_delete(struct nl *nl, int index, const char *address, const char *peer)
{
	return change_address(nl, RTM_DELADDR, 0, index, address, peer, whole_len(address), 0);
}

/* With a MAC address: a permanent entry; NULL: the entry goes. */
static int change_neighbour(struct nl *nl, int index, const char *address, const uint8_t *mac)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, mac ? RTM_NEWNEIGH : RTM_DELNEIGH,
					      mac ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(request, sizeof(*ndm));
	struct nl_ip ip = { 0 };
	int rc = nl_ip_parse(address, &ip);

	if (rc)
		return rc;
	ndm->ndm_family = ip.family;
	ndm->ndm_ifindex = index;
	mnl_attr_put(request, NDA_DST, ip.len, ip.bytes);
	if (mac) {
		ndm->ndm_state = NUD_PERMANENT;
		mnl_attr_put(request, NDA_LLADDR, 6, mac);
	}
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot %s neighbour %s: %s", mac ? "add" : "delete", address,
			 fail_text())
		  : 0;
}

int link_neigh_add(struct nl *nl, int index, const char *address, const uint8_t mac[6])
{
	return change_neighbour(nl, index, address, mac);
}

int link_neigh_delete(struct nl *nl, int index, const char *address)
{
	return change_neighbour(nl, index, address, NULL);
}

struct neighbour {
	uint8_t mac[6];
	bool known;
};

static int read_neighbour(const struct nlmsghdr *message, void *data)
{
	struct neighbour *neighbour = data;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ndmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(struct ndmsg)) {
		if (mnl_attr_get_type(attr) != NDA_LLADDR ||
		    mnl_attr_get_payload_len(attr) != sizeof(neighbour->mac))
			continue;
		memcpy(neighbour->mac, mnl_attr_get_payload(attr), sizeof(neighbour->mac));
		neighbour->known = true;
	}
	return MNL_CB_OK;
}

int link_neigh_get(struct nl *nl, int index, const char *address, uint8_t ret_mac[6])
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETNEIGH, 0);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(request, sizeof(*ndm));
	struct neighbour neighbour = { 0 };
	struct nl_ip ip = { 0 };
	int rc = nl_ip_parse(address, &ip);

	if (rc)
		return rc;
	ndm->ndm_family = ip.family;
	ndm->ndm_ifindex = index;
	mnl_attr_put(request, NDA_DST, ip.len, ip.bytes);
	rc = nl_talk(nl, request, read_neighbour, &neighbour);
	if (!rc && !neighbour.known)
		rc = -ENOENT;
	if (!rc)
		memcpy(ret_mac, neighbour.mac, sizeof(neighbour.mac));
	return rc;
}
