// SPDX-License-Identifier: GPL-2.0-or-later
/* Route lookups: see route.h. RTM_F_FIB_MATCH asks for the entry that matched, not for its result. */
#include "net/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fail.h"

static int take_route(const struct nlmsghdr *message, void *data)
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

static int ask(struct nl *nl, const char *destination, uint32_t flags, const unsigned char *source,
	       int iif, struct route *ret_route)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETROUTE, 0);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(request, sizeof(*rtm));
	struct route route = { 0 };
	uint8_t address[16];
	int rc;

	if (inet_pton(AF_INET, destination, address) == 1)
		rtm->rtm_family = AF_INET;
	else if (inet_pton(AF_INET6, destination, address) == 1)
		rtm->rtm_family = AF_INET6;
	else
		return fail(-EINVAL, "'%s' is not an address", destination);
	rtm->rtm_dst_len = rtm->rtm_family == AF_INET ? 32 : 128;
	rtm->rtm_flags = flags;
	mnl_attr_put(request, RTA_DST, rtm->rtm_dst_len / 8, address);
	if (source) {
		rtm->rtm_src_len = rtm->rtm_dst_len;
		mnl_attr_put(request, RTA_SRC, rtm->rtm_src_len / 8, source);
	}
	if (iif)
		mnl_attr_put_u32(request, RTA_IIF, (uint32_t)iif);
	rc = nl_talk(nl, request, take_route, &route);
	if (!rc)
		*ret_route = route;
	return rc;
}

int route_get(struct nl *nl, const char *destination, struct route *ret_route)
{
	return ask(nl, destination, RTM_F_FIB_MATCH, NULL, 0, ret_route);
}

int route_forward(struct nl *nl, const char *destination, const unsigned char *source, int iif,
		  struct route *ret_route)
{
	return ask(nl, destination, 0, source, iif, ret_route);
}
