// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Connection tracking: see conntrack.h. The kernel lists the entries. For IPv4 it filters by
 * destination itself if it can (CTA_FILTER, Linux 5.8), so that few entries of a table of millions
 * reach us. For IPv6 that filter is useless: on 6.18 it omits exactly the entries that it should
 * list. Each entry is then deleted by the tuple with which it was listed.
 */
#include "net/conntrack.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/nl.h"

#define TUPLE_MAX 128
/* CTA_FILTER_F_CTA_IP_DST: net/netfilter/nf_conntrack_netlink.c */
#define FILTER_IP_DST (1U << 1)

struct entry {
	uint16_t len;
	uint8_t tuple[TUPLE_MAX]; /* attributes within CTA_TUPLE_ORIG */
};

struct list {
	int family;
	const uint8_t *address;
	struct entry *entry;
	size_t count, room;
};

bool conntrack_is_on(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
	unsigned int count = 0;

	return file && fscanf(file, "%u", &count) == 1 && count > 0;
}

static bool leads_there(const struct list *list, const struct nlattr *tuple)
{
	size_t len = list->family == AF_INET ? 4 : 16;
	const struct nlattr *part, *field;

	mnl_attr_for_each_nested(part, tuple) {
		if (mnl_attr_get_type(part) != CTA_TUPLE_IP)
			continue;
		mnl_attr_for_each_nested(field, part) {
			uint16_t type = mnl_attr_get_type(field);

			if ((type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) &&
			    mnl_attr_get_payload_len(field) == len)
				return !memcmp(mnl_attr_get_payload(field), list->address, len);
		}
	}
	return false;
}

static int take_entry(const struct nlmsghdr *message, void *data)
{
	struct list *list = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != CTA_TUPLE_ORIG || len > TUPLE_MAX ||
		    !leads_there(list, attr))
			continue;
		if (list->count == list->room) {
			size_t room = list->room ? 2 * list->room : 64;
			struct entry *entry = realloc(list->entry, room * sizeof(*entry));

			if (!entry) {
				errno = ENOMEM;
				return MNL_CB_ERROR;
			}
			list->entry = entry;
			list->room = room;
		}
		list->entry[list->count].len = len;
		memcpy(list->entry[list->count++].tuple, mnl_attr_get_payload(attr), len);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *begin_message(void *buffer, uint16_t type, uint16_t flags, int family)
{
	struct nlmsghdr *request =
		nl_request(buffer, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));

	head->nfgen_family = (uint8_t)family;
	head->version = NFNETLINK_V0;
	return request;
}

static int list_entries(struct nl *nl, struct list *list, bool filtered)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request =
		begin_message(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, list->family);
	bool v4 = list->family == AF_INET;
	struct nlattr *nest, *inner;

	if (filtered) {
		nest = mnl_attr_nest_start(request, CTA_FILTER);
		mnl_attr_put_u32(request, CTA_FILTER_ORIG_FLAGS, FILTER_IP_DST);
		mnl_attr_put_u32(request, CTA_FILTER_REPLY_FLAGS, 0);
		mnl_attr_nest_end(request, nest);
		nest = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
		inner = mnl_attr_nest_start(request, CTA_TUPLE_IP);
		mnl_attr_put(request, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16,
			     list->address);
		mnl_attr_nest_end(request, inner);
		mnl_attr_nest_end(request, nest);
	}
	list->count = 0;
	return nl_talk(nl, request, take_entry, list);
}

int conntrack_forget(struct nl *nl, int family, const uint8_t *address)
{
	struct list list = { .family = family, .address = address };
	int rc = list_entries(nl, &list, family == AF_INET);

	if (rc && rc != -EINTR)
		rc = list_entries(nl, &list, false);
	for (size_t i = 0; i < list.count; i++) {
		char buffer[NL_REQUEST_SIZE];
		struct nlmsghdr *request = begin_message(buffer, IPCTNL_MSG_CT_DELETE, 0, family);
		struct nlattr *nest = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);

		memcpy(mnl_nlmsg_get_payload_tail(request), list.entry[i].tuple, list.entry[i].len);
		request->nlmsg_len += MNL_ALIGN(list.entry[i].len);
		mnl_attr_nest_end(request, nest);
		/* It may have ended by itself meanwhile. */
		nl_talk(nl, request, NULL, NULL);
	}
	free(list.entry);
	return rc;
}
