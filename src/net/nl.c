// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Netlink requests and answers: see nl.h.
 *
 * Every request asks for an acknowledgement, so an answer ends with an error message (0: done), and
 * for extended acks, whose text says what the kernel rejected.
 */
#include "net/nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "net/netns.h"

/* Numbers of errors are below it: include/linux/err.h */
#define ERRNO_MAX 4095

struct nl {
	struct mnl_socket *socket;
	int bus;
	unsigned int seq;
	bool interrupted; /* the tables changed during the dump */
};

int nl_ip_parse(const char *text, struct nl_ip *ret_ip)
{
	struct nl_ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	ip.len = ip.family == AF_INET6 ? 16 : 4;
	if (inet_pton(ip.family, text, ip.bytes) != 1)
		return fail(-EINVAL, "'%s' is not an IP address", text);
	*ret_ip = ip;
	return 0;
}

/*
 * Root of a container may send messages to every netlink socket in its namespace, e.g. forged
 * answers. The kernel lets nobody else send to a socket that is connected to it (port 0:
 * netlink_getsockbyportid(), net/netlink/af_netlink.c). Drops what came before that.
 */
static int connect_to_kernel(int fd)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char byte;

	if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
		;
	return 0;
}

int nl_open(int netns_fd, int bus, struct nl **ret_nl)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_(nl_cleanup) struct nl *nl = calloc(1, sizeof(*nl));
	int one = 1, rc;

	if (!nl)
		return -ENOMEM;
	rc = netns_enter(netns_fd, &home);
	if (rc)
		return rc;
	nl->bus = bus;
	nl->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return fail_errno(-errno, "cannot open a netlink socket");
	rc = connect_to_kernel(mnl_socket_get_fd(nl->socket));
	if (rc)
		return fail_errno(rc, "cannot connect a netlink socket to the kernel");
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	*ret_nl = TAKE_PTR(nl);
	return 0;
}

void nl_close(struct nl *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
}

struct nlmsghdr *nl_request(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return request;
}

/* The kernel's sentence in an error message, or NULL. */
static const char *ext_ack_text(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	size_t fixed = sizeof(*error);
	const struct nlattr *attr;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	/* The request, as it was sent, comes before the text, unless the kernel left it out. */
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg))
		fixed += error->msg.nlmsg_len - sizeof(error->msg);
	if (fixed > mnl_nlmsg_get_payload_len(message))
		return NULL;
	mnl_attr_for_each(attr, message, (unsigned int)fixed)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	return NULL;
}

/* The kernel's -errno as an answer's result; -EBADMSG if it is none. `why` NULL: nothing more. */
static int refused(int error, const char *why)
{
	if (error > 0 || error < -ERRNO_MAX)
		return fail(-EBADMSG, "the kernel sent %d in place of an error's number", error);
	return fail_errno(error, "%s", why ? why : "the kernel refused");
}

static int acknowledged(const struct nlmsghdr *message)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return fail(-EBADMSG, "the kernel sent a short netlink error message");
	return error->error ? refused(error->error, ext_ack_text(message)) : 0;
}

/* A dump's last message has the error that ended it, as a plain int. */
static int dumped(const struct nl *nl, const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	if (error)
		return refused(error, "the kernel did not finish its answer");
	if (nl->interrupted)
		return fail(-EINTR, "the kernel's tables kept changing while they were read");
	return 0;
}

/* As mnl_nlmsg_ok(), which takes a length of 2^31 and more for a negative one. */
bool nl_fits(const struct nlmsghdr *message, int left)
{
	return left >= (int)sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= (unsigned int)left;
}

/* Dispatches one datagram. Returns 1 when the answer is complete, 0 to read on, -errno. */
static int take_answers(struct nl *nl, const void *buffer, size_t len, mnl_cb_t fn, void *data)
{
	const struct nlmsghdr *message = buffer;
	int left = (int)len, rc;

	for (; nl_fits(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_seq != nl->seq)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			rc = acknowledged(message);
			return rc ? rc : 1;
		}
		nl->interrupted |= (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (message->nlmsg_type == NLMSG_DONE) {
			rc = dumped(nl, message);
			return rc ? rc : 1;
		}
		if (fn && fn(message, data) == MNL_CB_ERROR)
			return errno ? -errno : -EBADMSG;
	}
	return 0;
}

static int exchange(struct nl *nl, struct nlmsghdr *request, mnl_cb_t fn, void *data)
{
	/* As large as the kernel's own dump buffers: a smaller one would truncate answers. */
	static char buffer[32768] __attribute__((aligned(8)));
	int rc = 0;

	request->nlmsg_seq = ++nl->seq;
	nl->interrupted = false;
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		return fail_errno(-errno, "cannot send a netlink request");
	while (!rc) {
		ssize_t len = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return fail_errno(-errno, "cannot read a netlink answer");
		rc = take_answers(nl, buffer, (size_t)len, fn, data);
	}
	return rc > 0 ? 0 : rc;
}

static const char *type_name(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{ RTM_NEWLINK, "NEWLINK" },	  { RTM_DELLINK, "DELLINK" },
		{ RTM_GETLINK, "GETLINK" },	  { RTM_NEWADDR, "NEWADDR" },
		{ RTM_DELADDR, "DELADDR" },	  { RTM_GETADDR, "GETADDR" },
		{ RTM_NEWROUTE, "NEWROUTE" },	  { RTM_DELROUTE, "DELROUTE" },
		{ RTM_GETROUTE, "GETROUTE" },	  { RTM_NEWNEIGH, "NEWNEIGH" },
		{ RTM_DELNEIGH, "DELNEIGH" },	  { RTM_GETNEIGH, "GETNEIGH" },
		{ RTM_NEWQDISC, "NEWQDISC" },	  { RTM_DELQDISC, "DELQDISC" },
		{ RTM_GETQDISC, "GETQDISC" },	  { RTM_NEWTFILTER, "NEWTFILTER" },
		{ RTM_DELTFILTER, "DELTFILTER" }, { RTM_GETTFILTER, "GETTFILTER" },
		{ RTM_NEWNSID, "NEWNSID" },	  { RTM_GETNSID, "GETNSID" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].type == type)
			return names[i].name;
	return "type";
}

/*
 * In ifinfomsg, ifaddrmsg, ndmsg and tcmsg the device's index follows four bytes; the others name
 * none.
 */
static int request_device(const struct nl *nl, const struct nlmsghdr *request)
{
	uint16_t type = request->nlmsg_type;
	int index;

	if (nl->bus != NETLINK_ROUTE || (type >= RTM_NEWROUTE && type <= RTM_GETROUTE) ||
	    type >= RTM_NEWNSID || mnl_nlmsg_get_payload_len(request) < 4 + sizeof(index))
		return 0;
	memcpy(&index, (const char *)mnl_nlmsg_get_payload(request) + 4, sizeof(index));
	return index;
}

int nl_talk(struct nl *nl, struct nlmsghdr *request, mnl_cb_t fn, void *data)
{
	int rc = exchange(nl, request, fn, data);

	trace("netlink", "bus %d %s %u%s device %d: %d %s", nl->bus,
	      nl->bus == NETLINK_ROUTE ? type_name(request->nlmsg_type) : "type",
	      request->nlmsg_type, (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP ? " dump" : "",
	      request_device(nl, request), rc, rc ? fail_text() : "ok");
	return rc;
}

int nl_dump(struct nl *nl, struct nlmsghdr *request, mnl_cb_t fn, nl_restart_fn restart, void *data)
{
	int rc = -EINTR;

	for (int tries = 0; rc == -EINTR && tries < NL_DUMP_TRIES; tries++) {
		if (restart)
			restart(data);
		rc = nl_talk(nl, request, fn, data);
	}
	return rc;
}

static int take_family(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr;
	uint16_t *ret_type = data;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*ret_type = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int ask_family(struct nl *nl, const char *name, mnl_cb_t take, void *data)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, GENL_ID_CTRL, 0);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(request, sizeof(*genl));

	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
	return nl_talk(nl, request, take, data);
}

int nl_family(struct nl *nl, const char *name, uint16_t *ret_type)
{
	return ask_family(nl, name, take_family, ret_type);
}

struct group_sought {
	const char *name;
	uint32_t number; /* 0: none */
};

static void take_group(const struct nlattr *group, struct group_sought *sought)
{
	const struct nlattr *attr;
	const char *name = "";
	uint32_t number = 0;

	mnl_attr_for_each_nested(attr, group) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			number = mnl_attr_get_u32(attr);
	}
	if (!strcmp(name, sought->name))
		sought->number = number;
}

static int take_groups(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *group;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr)
			take_group(group, data);
	}
	return MNL_CB_OK;
}

int nl_family_group(struct nl *nl, const char *name, const char *group, uint32_t *ret_group)
{
	struct group_sought sought = { .name = group };
	int rc = ask_family(nl, name, take_groups, &sought);

	if (!rc && !sought.number)
		rc = fail(-ENOENT, "%s has no group %s", name, group);
	if (!rc)
		*ret_group = sought.number;
	return rc;
}

int nl_nsid_of(const struct nlmsghdr *message)
{
	int nsid = NETNSA_NSID_NOT_ASSIGNED;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(attr) == NETNSA_NSID &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			nsid = (int)mnl_attr_get_u32(attr);
	return nsid;
}

static int read_nsid(const struct nlmsghdr *message, void *data)
{
	*(int *)data = nl_nsid_of(message);
	return MNL_CB_OK;
}

int nl_nsid(struct nl *nl, int netns_fd)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETNSID, 0);
	int nsid = NETNSA_NSID_NOT_ASSIGNED;

	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)netns_fd);
	if (nl_talk(nl, request, read_nsid, &nsid))
		return NETNSA_NSID_NOT_ASSIGNED;
	return nsid;
}
