// SPDX-License-Identifier: GPL-2.0-or-later
/* VXLAN devices: see vxlan.h. Attributes as of drivers/net/vxlan/vxlan_core.c. */
#include "net/vxlan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/fail.h"
#include "net/nl.h"

static void take_data(const struct nlattr *data, struct vxlan *vxlan)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data) {
		size_t len = mnl_attr_get_payload_len(attr);
		bool on = len == 1 && mnl_attr_get_u8(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_VXLAN_PORT:
			if (len == sizeof(uint16_t))
				vxlan->port = ntohs(mnl_attr_get_u16(attr));
			break;
		case IFLA_VXLAN_GROUP6:
		case IFLA_VXLAN_LOCAL6:
			vxlan->v6 = true;
			break;
		case IFLA_VXLAN_COLLECT_METADATA:
			vxlan->external = on;
			break;
		case IFLA_VXLAN_GPE: /* a flag: there or not */
			vxlan->gpe = true;
			break;
		case IFLA_VXLAN_REMCSUM_RX:
		case IFLA_VXLAN_REMCSUM_TX:
			vxlan->remote_csum |= on;
			break;
		}
	}
}

struct found {
	struct vxlan vxlan;
	bool is;
};

static int read_vxlan_link(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *nested, *info = NULL;
	struct found *found = data;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ifinfomsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(nested, attr) {
			if (mnl_attr_get_type(nested) == IFLA_INFO_KIND &&
			    mnl_attr_validate(nested, MNL_TYPE_NUL_STRING) >= 0)
				found->is = !strcmp(mnl_attr_get_str(nested), "vxlan");
			if (mnl_attr_get_type(nested) == IFLA_INFO_DATA)
				info = nested;
		}
	}
	if (found->is && info)
		take_data(info, &found->vxlan);
	return MNL_CB_OK;
}

int vxlan_get(struct nl *nl, int index, struct vxlan *ret_vxlan)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));
	struct found found = { 0 };
	int rc;

	ifi->ifi_index = index;
	rc = nl_talk(nl, request, read_vxlan_link, &found);
	if (rc)
		return fail_errno(rc, "no device with index %d", index);
	if (!found.is)
		return fail(-EINVAL, "device %d is not a VXLAN device", index);
	*ret_vxlan = found.vxlan;
	return 0;
}

static struct nlmsghdr *fdb_request(void *buffer, uint16_t type, uint16_t flags, int index,
				    uint8_t whose, const uint8_t mac[6])
{
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(request, sizeof(*ndm));

	ndm->ndm_family = AF_BRIDGE;
	ndm->ndm_ifindex = index;
	ndm->ndm_state = NUD_PERMANENT;
	ndm->ndm_flags = whose;
	mnl_attr_put(request, NDA_LLADDR, 6, mac);
	return request;
}

int vxlan_fdb_add(struct nl *nl, int index, const uint8_t mac[6], const char *to, int by)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = fdb_request(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
					       index, NTF_SELF, mac);
	struct nl_ip address = { 0 };
	int rc = nl_ip_parse(to, &address);

	if (rc)
		return rc;
	mnl_attr_put(request, NDA_DST, address.len, address.bytes);
	if (by)
		mnl_attr_put_u32(request, NDA_IFINDEX, (uint32_t)by);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot add a forwarding entry to %s: %s", to, fail_text()) : 0;
}

int vxlan_fdb_delete(struct nl *nl, int index, const uint8_t mac[6])
{
	char buffer[NL_REQUEST_SIZE];
	int rc;

	/* This fails if there is no bridge or it learned nothing, which is no error. */
	nl_talk(nl, fdb_request(buffer, RTM_DELNEIGH, 0, index, NTF_MASTER, mac), NULL, NULL);
	rc = nl_talk(nl, fdb_request(buffer, RTM_DELNEIGH, 0, index, NTF_SELF, mac), NULL, NULL);
	return rc ? fail(rc, "cannot delete a forwarding entry: %s", fail_text()) : 0;
}
