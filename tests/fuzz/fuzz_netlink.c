// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any answers of the kernel to every question over netlink. libmnl's socket functions are the
 * fuzzer's: what they receive comes from the data, which chooses the question by its first byte;
 * then come datagrams, each after its length in two bytes. What is behind the end of a datagram is
 * poisoned. Names that come out must end within their arrays.
 */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/device.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/netfilter.h"
#include "net/nl.h"
#include "net/route.h"
#include "net/tc.h"
#include "net/vxlan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

/* ---- The kernel ---- */

static const uint8_t *left; /* of the data */
static size_t left_len;
static uint32_t asked; /* the number of the last request, which its answers bear */

struct mnl_socket {
	uint8_t *poisoned; /* behind the last datagram */
	size_t poisoned_len;
};

static void forget_poison(struct mnl_socket *socket)
{
	if (socket->poisoned)
		ASAN_UNPOISON_MEMORY_REGION(socket->poisoned, socket->poisoned_len);
	socket->poisoned = NULL;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	(void)bus, (void)flags;
	return calloc(1, sizeof(struct mnl_socket));
}

/* One that receives nothing. */
int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	static int fd = -1;

	(void)nl;
	if (fd < 0)
		fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	return fd;
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl, (void)groups, (void)pid;
	return 0;
}

int mnl_socket_setsockopt(const struct mnl_socket *nl, int type, void *buf, socklen_t len)
{
	(void)nl, (void)type, (void)buf, (void)len;
	return 0;
}

int mnl_socket_close(struct mnl_socket *nl)
{
	forget_poison(nl);
	free(nl);
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	(void)nl;
	expect(siz >= sizeof(struct nlmsghdr) && siz <= NL_REQUEST_SIZE);
	asked = ((const struct nlmsghdr *)req)->nlmsg_seq;
	return (ssize_t)siz;
}

/* Makes them answers to what was asked, but for a few. */
static void number_messages(uint8_t *bytes, size_t len)
{
	struct nlmsghdr head;

	while (len >= sizeof(head)) {
		size_t step;

		memcpy(&head, bytes, sizeof(head));
		if (head.nlmsg_seq != UINT32_MAX)
			head.nlmsg_seq = asked;
		memcpy(bytes, &head, sizeof(head));
		step = NLMSG_ALIGN((size_t)head.nlmsg_len);
		if (step < sizeof(head) || step > len)
			return;
		bytes += step;
		len -= step;
	}
}

/* Once the data has ended, so do all answers. */
static size_t say_done(uint8_t *buffer)
{
	const struct nlmsghdr head = { .nlmsg_len = sizeof(head) + sizeof(int),
				       .nlmsg_type = NLMSG_DONE,
				       .nlmsg_seq = asked };

	memcpy(buffer, &head, sizeof(head));
	memset(buffer + sizeof(head), 0, sizeof(int));
	return head.nlmsg_len;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t siz)
{
	struct mnl_socket *mine = (struct mnl_socket *)nl;
	size_t len = left_len < 2 ? 0 : (size_t)left[0] | (size_t)left[1] << 8;

	forget_poison(mine);
	if (left_len < 2) {
		len = say_done(buf);
	} else {
		left += 2;
		left_len -= 2;
		len = len < left_len ? len : left_len;
		len = len < siz ? len : siz;
		memcpy(buf, left, len);
		left += len;
		left_len -= len;
		number_messages(buf, len);
	}
	mine->poisoned = (uint8_t *)buf + len;
	mine->poisoned_len = siz - len;
	ASAN_POISON_MEMORY_REGION(mine->poisoned, mine->poisoned_len);
	return (ssize_t)len;
}

/* ---- The questions ---- */

#define ENDS(array) expect(memchr(array, '\0', sizeof(array)) != NULL)

static void ask_link(struct nl *nl)
{
	struct link_info info;

	if (link_get_by_index(nl, 2, &info))
		return;
	ENDS(info.name);
	ENDS(info.kind);
	link_get(nl, "eth0", &info);
}

static void ask_links(struct nl *nl)
{
	struct link_info *link;
	size_t count;

	if (link_list(nl, &link, &count))
		return;
	for (size_t i = 0; i < count; i++) {
		ENDS(link[i].name);
		ENDS(link[i].kind);
		expect(!i || link[i - 1].index <= link[i].index);
	}
	free(link);
}

static void ask_hooks(struct nl *nl)
{
	enum tc_hooks hooks;

	if (!tc_get_hooks(nl, 2, &hooks))
		expect(hooks <= TC_HOOKS_BOTH);
}

static void ask_filters(struct nl *nl)
{
	unsigned int count;
	uint16_t priority;
	char name[16];

	if (!tc_bpf_name(nl, 2, TC_INGRESS, 2, name, sizeof(name)))
		ENDS(name);
	if (!tc_free_priority(nl, 2, TC_EGRESS, 1, &priority))
		expect(priority > 0 && priority < 128);
	tc_filter_count(nl, 2, &count);
}

static void ask_feature(struct nl *nl)
{
	bool on;

	(void)nl;
	feature_get(-1, "eth0", "rx-checksum", &on);
}

static struct feature_names names;

static void take_state(int index, const struct feature_state *state, void *data)
{
	(void)data;
	expect(index);
	feature_in(&names, state->active, "rx-checksum");
}

static void ask_features(struct nl *nl)
{
	if (feature_names_read(&names))
		memset(&names, 0, sizeof(names));
	for (size_t i = 0; i < names.count; i++)
		ENDS(names.name[i]);
	feature_dump(nl, take_state, NULL);
}

static void ask_devices(struct nl *nl)
{
	struct device_list list;

	(void)nl;
	if (device_list_read(-1, &list))
		return;
	for (size_t i = 0; i < list.count; i++) {
		ENDS(list.device[i].name);
		ENDS(list.device[i].kind);
		ENDS(list.device[i].driver);
		expect(list.device[i].address_count <=
		       sizeof(list.device[i].address) / sizeof(list.device[i].address[0]));
		device_global_address(&list.device[i], AF_INET6);
	}
	free(list.device);
}

static void ask_vxlan(struct nl *nl)
{
	struct vxlan vxlan;

	vxlan_get(nl, 2, &vxlan);
}

static void ask_connections(struct nl *nl)
{
	netfilter_forget(nl, AF_INET, (const uint8_t[]){ 192, 0, 2, 1 });
	netfilter_forget(nl, AF_INET6, (const uint8_t[16]){ 0x20, 1, 0xd, 0xb8 });
}

static void ask_number(struct nl *nl)
{
	nl_nsid(nl, 0);
}

static void ask_route(struct nl *nl)
{
	struct route route;

	route_get(nl, "192.0.2.1", NULL, 0, &route);
	route_get(nl, "2001:db8::1", NULL, 0, &route);
}

static void ask_family(struct nl *nl)
{
	uint16_t type = 0;

	nl_family(nl, "ethtool", &type);
}

static void (*const questions[])(struct nl *nl) = {
	ask_link,    ask_links, ask_hooks,	 ask_filters, ask_feature, ask_features,
	ask_devices, ask_vxlan, ask_connections, ask_number,  ask_route,   ask_family,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nl *nl;

	if (!len)
		return 0;
	left = data + 1;
	left_len = len - 1;
	expect(!nl_open(-1, NETLINK_ROUTE, &nl));
	questions[*data % (sizeof(questions) / sizeof(questions[0]))](nl);
	nl_close(nl);
	return 0;
}
