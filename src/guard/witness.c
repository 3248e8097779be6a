// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Watches for settings of others: see witness.h.
 *
 * A row for each place that somebody may have set something in; the first that finds something
 * gives the reason. They read only, by netlink and /proc, in the container's namespace.
 */
#include "guard/witness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/vocabulary.h"
#include "net/device.h"
#include "net/feature.h"
#include "net/netns.h"
#include "net/nl.h"
#include "net/tc.h"

__attribute__((format(printf, 2, 3))) static void found(struct witness *witness, const char *format,
							...)
{
	va_list args;

	if (*witness->why)
		return;
	va_start(args, format);
	vsnprintf(witness->why, sizeof(witness->why), format, args);
	va_end(args);
}

static const struct witness_end *end_of(const struct witness *witness, int index)
{
	for (size_t i = 0; i < witness->end_count; i++)
		if (witness->end[i].index == index)
			return &witness->end[i];
	return NULL;
}

static bool has(const struct witness_end *end, enum mitigation mitigation)
{
	return end->on & MITIGATION_BIT(mitigation);
}

/* ---- Features ---- */

struct feature_look {
	struct witness *witness;
	const struct feature_names *names;
};

static void look_at_features(int index, const struct feature_state *state, void *data)
{
	struct feature_look *look = data;
	const struct witness_end *end = end_of(look->witness, index);
	static const char *const added[] = { "rx-gro-list", "rx-udp-gro-forwarding" };

	if (!end)
		return;
	if (!feature_in(look->names, state->wanted, "rx-checksum") &&
	    !feature_in(look->names, state->fixed, "rx-checksum") && !has(end, MITIGATION_RX_OFF))
		found(look->witness, "rx checksum offload is off");
	/* GRO is on by default, except on a veth. */
	if (strcmp(end->kind, "veth") != 0 && !feature_in(look->names, state->wanted, "rx-gro") &&
	    !feature_in(look->names, state->fixed, "rx-gro"))
		found(look->witness, "GRO is off");
	for (size_t i = 0; i < ARRAY_SIZE(added); i++)
		if (feature_in(look->names, state->wanted, added[i]))
			found(look->witness, "%s is on", added[i]);
}

static int check_features(struct witness *witness)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	static struct feature_names names; /* of this kernel */
	struct feature_look look = { .witness = witness, .names = &names };
	int rc = names.count ? 0 : feature_names_read(&names);

	rc = rc ? rc : nl_open(witness->netns_fd, NETLINK_GENERIC, &nl);
	return rc ? rc : feature_dump(nl, look_at_features, &look);
}

/* ---- Traffic control ---- */

static int look_at_qdisc(const struct nlmsghdr *message, void *data)
{
	/* They keep order and time, and have no filters. */
	static const char *const plain[] = { "noqueue", "mq",	  "pfifo_fast", "pfifo",
					     "bfifo",	"fq",	  "fq_codel",	"sfq",
					     "cake",	"clsact", "ingress" };
	struct witness *witness = data;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct tcmsg))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(struct tcmsg)) {
		bool known = false;

		if (mnl_attr_get_type(attr) != TCA_KIND ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
			known |= !strcmp(mnl_attr_get_str(attr), plain[i]);
		if (!known)
			found(witness, "a qdisc %.20s is on a device", mnl_attr_get_str(attr));
	}
	return MNL_CB_OK;
}

/* Filters other than truesum's own reset: its program is known by the kernel's hash of its code. */
static int check_filters(struct witness *witness, struct nl *nl, int index)
{
	const struct witness_end *end = end_of(witness, index);
	unsigned int count = 0, own = 0;
	int rc = tc_filter_tagged(nl, index, witness->tag, &count, &own);

	if (rc)
		return rc;
	if (count > (end && has(end, MITIGATION_RESET) && own ? 1U : 0U))
		found(witness, "a tc filter is on a device");
	return 0;
}

static int check_tc(struct witness *witness, const struct device_list *list)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETQDISC, NLM_F_DUMP);
	int rc = nl_open(witness->netns_fd, NETLINK_ROUTE, &nl);

	mnl_nlmsg_put_extra_header(request, sizeof(struct tcmsg));
	rc = rc ? rc : nl_dump(nl, request, look_at_qdisc, NULL, witness);
	for (size_t i = 0; !rc && i < list->count; i++)
		rc = check_filters(witness, nl, list->device[i].index);
	return rc;
}

/* ---- BPF programs that tc does not list ---- */

/* By linux/bpf.h, which may be older than the kernel. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define NETKIT_PRIMARY 54
#define NETKIT_PEER 55

/* A kernel that cannot have such programs has none. */
static bool has_programs(int target, unsigned int type)
{
	__u32 count = 0;

	return !bpf_prog_query(target, (enum bpf_attach_type)type, 0, NULL, NULL, &count) && count;
}

static int check_programs(struct witness *witness, const struct device_list *list)
{
	static const unsigned int of_device[] = { TCX_INGRESS, TCX_EGRESS, NETKIT_PRIMARY,
						  NETKIT_PEER };
	_cleanup_(netns_leave) int home = -1;
	int rc = netns_enter(witness->netns_fd, &home);

	if (rc)
		return rc;
	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < ARRAY_SIZE(of_device); k++)
			if (has_programs(list->device[i].index, of_device[k]))
				found(witness, "a BPF program is on a device");
	if (has_programs(witness->netns_fd, BPF_SK_LOOKUP) ||
	    has_programs(witness->netns_fd, BPF_FLOW_DISSECTOR))
		found(witness, "a BPF program is on its network namespace");
	return 0;
}

/* ---- Devices ---- */

static int check_devices(struct witness *witness)
{
	struct device_list list = { 0 };
	int rc = device_list_read(witness->netns_fd, &list);

	for (size_t i = 0; !rc && i < list.count; i++) {
		const struct device *device = &list.device[i];

		for (size_t k = 0; k < DEVICE_XDP_MAX; k++)
			if (device->xdp[k])
				found(witness, "an XDP program is on a device");
		if (end_of(witness, device->index) && device->master)
			found(witness, "its device is a port of another one");
	}
	for (size_t i = 0; !rc && i < witness->end_count; i++)
		if (!device_find(list.device, list.count, witness->end[i].index))
			found(witness, "its device is gone");
	rc = rc ? rc : check_tc(witness, &list);
	rc = rc ? rc : check_programs(witness, &list);
	free(list.device);
	return rc;
}

/* ---- Rules ---- */

static struct nlmsghdr *nft_request(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request =
		nl_request(buffer, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	header->nfgen_family = AF_UNSPEC;
	return request;
}

static int note_generation(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*(uint32_t *)data = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int note_table(const struct nlmsghdr *message, void *data)
{
	(void)message;
	*(bool *)data = true;
	return MNL_CB_OK;
}

/* A kernel without nftables has no rules. */
static int read_nft(struct witness *witness, uint32_t *ret_generation)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char buffer[NL_REQUEST_SIZE];
	bool any = false;
	int rc = nl_open(witness->netns_fd, NETLINK_NETFILTER, &nl);

	if (rc)
		return rc == -EPROTONOSUPPORT ? 0 : rc;
	rc = nl_talk(nl, nft_request(buffer, NFT_MSG_GETGEN, 0), note_generation, ret_generation);
	if (rc == -EINVAL || rc == -EOPNOTSUPP)
		return 0;
	rc = rc ? rc
		: nl_dump(nl, nft_request(buffer, NFT_MSG_GETTABLE, NLM_F_DUMP), note_table, NULL,
			  &any);
	if (any)
		found(witness, "nftables has rules");
	return rc;
}

static int check_iptables(struct witness *witness)
{
	static const char *const files[] = { "/proc/thread-self/net/ip_tables_names",
					     "/proc/thread-self/net/ip6_tables_names" };
	_cleanup_(netns_leave) int home = -1;
	int rc = netns_enter(witness->netns_fd, &home);

	for (size_t i = 0; !rc && i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		char byte;

		if (fd < 0 && errno != ENOENT)
			rc = fail_errno(-errno, "cannot read %s", files[i]);
		else if (fd >= 0 && read(fd, &byte, 1) > 0)
			found(witness, "iptables has rules");
	}
	return rc;
}

/* ---- Events ---- */

static int open_group_socket(int bus, const unsigned int *group, size_t count, int *ret_fd)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, bus);
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return fail_errno(-errno, "cannot open a netlink socket");
	for (size_t i = 0; i < count; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group[i],
			       sizeof(group[i])) < 0)
			return fail_errno(-errno, "cannot listen to netlink events");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* The kernel tells of changed features by ethtool's group. */
static int find_feature_group(unsigned int *ret_group)
{
	static unsigned int known; /* the same in every namespace */
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = known ? 0 : nl_open(-1, NETLINK_GENERIC, &nl);

	if (!rc && !known)
		rc = nl_family_group(nl, ETHTOOL_GENL_NAME, ETHTOOL_MCGRP_MONITOR_NAME, &known);
	*ret_group = known;
	return rc;
}

static int open_events(struct witness *witness)
{
	static const unsigned int groups[] = { RTNLGRP_LINK, RTNLGRP_TC };
	_cleanup_(netns_leave) int home = -1;
	unsigned int features = 0;
	int rc = find_feature_group(&features);

	rc = rc ? rc : netns_enter(witness->netns_fd, &home);
	rc = rc ? rc : open_group_socket(NETLINK_ROUTE, groups, 2, &witness->events);
	return rc ? rc : open_group_socket(NETLINK_GENERIC, &features, 1, &witness->features);
}

/* Whether the device has an XDP program or is a port, in a message about it. */
static bool says_set(const struct nlmsghdr *message)
{
	const struct nlattr *attr, *xdp;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_MASTER)
			return true;
		if (mnl_attr_get_type(attr) != IFLA_XDP)
			continue;
		mnl_attr_for_each_nested(xdp, attr)
			if (mnl_attr_get_type(xdp) == IFLA_XDP_ATTACHED &&
			    mnl_attr_get_u8(xdp) != XDP_ATTACHED_NONE)
				return true;
	}
	return false;
}

/* A device changes for many reasons: its carrier, its addresses. */
static bool is_setting(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		return mnl_nlmsg_get_payload_len(message) >= sizeof(struct ifinfomsg) &&
		       says_set(message);
	case RTM_DELLINK:
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
	case RTM_NEWCHAIN:
	case RTM_DELCHAIN:
		return true;
	default:
		return false;
	}
}

/* Also true if events were lost. */
static bool had_settings(int fd)
{
	static char buffer[32768] __attribute__((aligned(8)));
	ssize_t len;

	while ((len = recv(fd, buffer, sizeof(buffer), 0)) >= 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		int left = (int)len;

		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			if (is_setting(message))
				return true;
	}
	return errno != EAGAIN;
}

static bool had_features(int fd)
{
	static char buffer[32768] __attribute__((aligned(8)));
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	ssize_t len;

	while ((len = recv(fd, buffer, sizeof(buffer), 0)) >= 0) {
		const struct genlmsghdr *genl = mnl_nlmsg_get_payload(message);

		if (len >= (ssize_t)(sizeof(*message) + sizeof(*genl)) &&
		    genl->cmd == ETHTOOL_MSG_FEATURES_NTF)
			return true;
	}
	return errno != EAGAIN;
}

/* ---- The whole ---- */

static void close_events(struct witness *witness)
{
	cleanup_close(&witness->events);
	cleanup_close(&witness->features);
	witness->events = witness->features = -1;
}

static void look(struct witness *witness, uint32_t *ret_generation)
{
	int rc = check_features(witness);

	rc = rc ? rc : check_devices(witness);
	rc = rc ? rc : read_nft(witness, ret_generation);
	rc = rc ? rc : check_iptables(witness);
	if (rc)
		found(witness, "what is set there cannot be read: %.80s", fail_text());
}

void witness_watch(struct witness *witness, int netns_fd, const struct witness_end *end,
		   size_t count, const uint8_t tag[WITNESS_TAG])
{
	witness_close(witness);
	witness->netns_fd = netns_fd;
	witness->end_count = count < WITNESS_ENDS_MAX ? count : WITNESS_ENDS_MAX;
	memcpy(witness->end, end, witness->end_count * sizeof(*end));
	memcpy(witness->tag, tag, WITNESS_TAG);
	if (open_events(witness))
		found(witness, "it cannot be watched: %.80s", fail_text());
	else
		look(witness, &witness->generation);
}

bool witness_judge(struct witness *witness)
{
	uint32_t generation = 0;

	if (!*witness->why)
		look(witness, &generation);
	if (witness->generation != generation)
		found(witness, "its rules were changed during the probe");
	if (witness->events >= 0 && had_settings(witness->events))
		found(witness, "a filter, program or device was changed during the probe");
	if (witness->features >= 0 && had_features(witness->features))
		found(witness, "an offload feature was changed during the probe");
	close_events(witness);
	return !*witness->why;
}

void witness_close(struct witness *witness)
{
	close_events(witness);
	*witness = WITNESS_INIT;
}
