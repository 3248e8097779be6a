// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Routes: see route.h. RTM_F_FIB_MATCH asks for the table entry that matched instead of its result.
 */
#include "net/route.h"

#include <linux/rtnetlink.h>
#include <string.h>

#include "base/fail.h"
#include "net/nl.h"

static int read_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(message);
	struct route *route = data;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*rtm))
		return MNL_CB_OK;
	route->prefix_len = rtm->rtm_dst_len;
	route->type = rtm->rtm_type;
	mnl_attr_for_each(attr, message, sizeof(*rtm)) {
		uint16_t type = mnl_attr_get_type(attr);
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (type == RTA_OIF && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			route->oif = (int)mnl_attr_get_u32(attr);
		if (type == RTA_GATEWAY && len <= sizeof(route->gateway)) {
			memcpy(route->gateway, mnl_attr_get_payload(attr), len);
			route->has_gateway = true;
		}
	}
	return MNL_CB_OK;
}

int route_get(struct nl *nl, const char *destination, const unsigned char *source, int iif,
	      struct route *ret_route)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(request, sizeof(*rtm));
	struct route route = { 0 };
	struct nl_ip to = { 0 };
	int rc = nl_ip_parse(destination, &to);

	if (rc)
		return rc;
	rtm->rtm_family = to.family;
	rtm->rtm_dst_len = (uint8_t)(8 * to.len);
	rtm->rtm_flags = iif ? 0 : RTM_F_FIB_MATCH;
	mnl_attr_put(request, RTA_DST, to.len, to.bytes);
	if (source) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		mnl_attr_put(request, RTA_SRC, to.len, source);
	}
	if (iif)
		mnl_attr_put_u32(request, RTA_IIF, (uint32_t)iif);
	rc = nl_talk(nl, request, read_route, &route);
	if (!rc)
		*ret_route = route;
	return rc;
}

int route_add(struct nl *nl, const char *destination, unsigned int prefix_len, const char *gateway,
	      int index)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(request, sizeof(*rtm));
	struct nl_ip to = { 0 }, via = { 0 };
	int rc = nl_ip_parse(destination, &to);

	if (!rc && gateway)
		rc = nl_ip_parse(gateway, &via);
	if (rc)
		return rc;
	rtm->rtm_family = to.family;
	rtm->rtm_dst_len = (uint8_t)prefix_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	if (prefix_len)
		mnl_attr_put(request, RTA_DST, to.len, to.bytes);
	if (gateway)
		mnl_attr_put(request, RTA_GATEWAY, via.len, via.bytes);
	if (index)
		mnl_attr_put_u32(request, RTA_OIF, (uint32_t)index);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot add a route to %s/%u: %s", destination, prefix_len,
			 fail_text())
		  : 0;
}

int route_delete(struct nl *nl, const char *destination, unsigned int prefix_len, int index)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_DELROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(request, sizeof(*rtm));
	struct nl_ip to = { 0 };
	int rc = nl_ip_parse(destination, &to);

	if (rc)
		return rc;
	rtm->rtm_family = to.family;
	rtm->rtm_dst_len = (uint8_t)prefix_len;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_scope = RT_SCOPE_NOWHERE; /* any */
	mnl_attr_put(request, RTA_DST, to.len, to.bytes);
	mnl_attr_put_u32(request, RTA_OIF, (uint32_t)index);
	rc = nl_talk(nl, request, NULL, NULL);
	return rc ? fail(rc, "cannot delete the route to %s/%u: %s", destination, prefix_len,
			 fail_text())
		  : 0;
}
