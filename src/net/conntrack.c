// SPDX-License-Identifier: GPL-2.0-or-later
/* Connection tracking: see conntrack.h. Numbers in its attributes are big-endian. */
#include "net/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fail.h"

bool conntrack_is_on(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
	unsigned int count = 0;

	return file && fscanf(file, "%u", &count) == 1 && count > 0;
}

static void put_ip(struct nlmsghdr *request, const struct sockaddr_storage *from,
		   const struct sockaddr_storage *to)
{
	struct nlattr *ip = mnl_attr_nest_start(request, CTA_TUPLE_IP);

	if (from->ss_family == AF_INET) {
		mnl_attr_put(request, CTA_IP_V4_SRC, 4,
			     &((const struct sockaddr_in *)from)->sin_addr);
		mnl_attr_put(request, CTA_IP_V4_DST, 4,
			     &((const struct sockaddr_in *)to)->sin_addr);
	} else {
		mnl_attr_put(request, CTA_IP_V6_SRC, 16,
			     &((const struct sockaddr_in6 *)from)->sin6_addr);
		mnl_attr_put(request, CTA_IP_V6_DST, 16,
			     &((const struct sockaddr_in6 *)to)->sin6_addr);
	}
	mnl_attr_nest_end(request, ip);
}

/* Port and family lie alike in both kinds of address. */
static in_port_t port_of(const struct sockaddr_storage *address)
{
	return ((const struct sockaddr_in *)address)->sin_port;
}

int conntrack_delete(struct nl *nl, uint8_t proto, const struct sockaddr_storage *from,
		     const struct sockaddr_storage *to)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request =
		nl_request(buffer, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	struct nlattr *tuple, *ports;

	if (from->ss_family != AF_INET && from->ss_family != AF_INET6)
		return -ENOENT;
	head->nfgen_family = (uint8_t)from->ss_family;
	head->version = NFNETLINK_V0;
	tuple = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
	put_ip(request, from, to);
	ports = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(request, CTA_PROTO_NUM, proto);
	mnl_attr_put_u16(request, CTA_PROTO_SRC_PORT, port_of(from));
	mnl_attr_put_u16(request, CTA_PROTO_DST_PORT, port_of(to));
	mnl_attr_nest_end(request, ports);
	mnl_attr_nest_end(request, tuple);
	return nl_talk(nl, request, NULL, NULL);
}
