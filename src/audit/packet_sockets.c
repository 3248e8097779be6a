// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packet sockets that receive IP. A packet from a local sender whose sum is left to the hardware
 * reaches them as it is, unfinished; PACKET_AUXDATA, or a ring's status word, says so to those who
 * ask. packet_diag (linux/packet_diag.h) tells who asks; it is asked only where /proc/net/packet
 * lists a socket at all.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

#define SOCKETS_MAX 1024 /* of a namespace */

static bool receives_ip(unsigned int protocol)
{
	return protocol == ETH_P_ALL || protocol == ETH_P_IP || protocol == ETH_P_IPV6;
}

static bool any_listed(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/thread-self/net/packet", "re");
	unsigned int protocol;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %*s %*s %x", &protocol) == 1 && receives_ip(protocol))
			return true;
	return false;
}

static int take_socket(const struct nlmsghdr *message, void *data)
{
	const struct packet_diag_msg *diag = mnl_nlmsg_get_payload(message);
	struct audit_space *space = data;
	struct audit_packet_socket socket = { 0 };
	const struct packet_diag_info *info;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*diag) || !receives_ip(diag->pdiag_num) ||
	    space->packet_socket_count == SOCKETS_MAX)
		return MNL_CB_OK;
	socket.inode = diag->pdiag_ino;
	mnl_attr_for_each(attr, message, sizeof(*diag)) {
		if (mnl_attr_get_type(attr) == PACKET_DIAG_RX_RING)
			socket.sees_status = true;
		if (mnl_attr_get_type(attr) != PACKET_DIAG_INFO ||
		    mnl_attr_get_payload_len(attr) < sizeof(*info))
			continue;
		info = mnl_attr_get_payload(attr);
		socket.index = (int)info->pdi_index;
		socket.sees_status |= (info->pdi_flags & PDI_AUXDATA) != 0;
	}
	space->packet_socket[space->packet_socket_count++] = socket;
	return MNL_CB_OK;
}

static void forget_sockets(void *data)
{
	((struct audit_space *)data)->packet_socket_count = 0;
}

static int ask(struct nl *nl, struct audit_space *space)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct packet_diag_req *diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));

	diag->sdiag_family = AF_PACKET;
	diag->pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_RING_CFG;
	return nl_dump(nl, request, take_socket, forget_sockets, space);
}

int audit_collect_packet_sockets(struct audit_facts *facts, size_t space)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct audit_space *look = &facts->space[space];
	int rc;

	if (!any_listed())
		return 0;
	look->packet_socket = calloc(SOCKETS_MAX, sizeof(*look->packet_socket));
	if (!look->packet_socket)
		return fail(-ENOMEM, "out of memory");
	rc = nl_open(-1, NETLINK_SOCK_DIAG, &nl);
	rc = rc ? rc : ask(nl, look);
	return rc ? fail(rc, "packet_diag: %s", fail_text()) : 0;
}

/* Gives the process's name to those sockets of the namespace that it holds. */
static void name_held(struct audit_space *space, const char *process)
{
	_cleanup_fclose_ FILE *comm = NULL;
	_cleanup_(cleanup_closedir) DIR *fds = NULL;
	const struct dirent *entry;
	char path[300], name[sizeof(space->packet_socket->comm) + 1] = "";

	snprintf(path, sizeof(path), "/proc/%s/comm", process);
	comm = fopen(path, "re");
	if (!comm || !fgets(name, sizeof(name), comm))
		return;
	name[strcspn(name, "\n")] = '\0';
	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		char target[64] = "";
		unsigned long inode;

		if (readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1) < 0 ||
		    sscanf(target, "socket:[%lu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < space->packet_socket_count; i++) {
			struct audit_packet_socket *socket = &space->packet_socket[i];

			if (socket->inode != inode || socket->pid)
				continue;
			socket->pid = (pid_t)strtol(process, NULL, 10);
			term_printable(socket->comm, sizeof(socket->comm), name);
		}
	}
}

/* The namespace a process is in, of those with packet sockets; NULL: none of them. */
static struct audit_space *space_of(struct audit_facts *facts, const char *process)
{
	struct stat st;
	char path[300];

	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	if (stat(path, &st) < 0)
		return NULL;
	for (size_t i = 0; i < facts->inventory.space_count; i++)
		if (facts->space[i].packet_socket_count &&
		    facts->inventory.space[i].id.ino == st.st_ino &&
		    facts->inventory.space[i].id.dev == st.st_dev)
			return &facts->space[i];
	return NULL;
}

void audit_name_packet_sockets(struct audit_facts *facts)
{
	_cleanup_(cleanup_closedir) DIR *processes = NULL;
	const struct dirent *entry;
	bool any = false;

	for (size_t i = 0; i < facts->inventory.space_count; i++)
		any |= facts->space[i].packet_socket_count > 0;
	processes = any ? opendir("/proc") : NULL;
	while (processes && (entry = readdir(processes))) {
		struct audit_space *space = *entry->d_name >= '0' && *entry->d_name <= '9'
						    ? space_of(facts, entry->d_name)
						    : NULL;

		if (space)
			name_held(space, entry->d_name);
	}
}
