// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Collecting facts: see collect.h. The inventory comes first. Then each namespace is entered once,
 * and everything that is read from inside is read there: offload features, forwarding and rp_filter
 * by netlink, one dump each for the whole namespace; other sysctls and counters; packet sockets;
 * programs (programs.c). Last come the sockets' owners and the kernel log. What cannot be read is
 * left out and noted in `unseen`: an incomplete picture is useful if it says so.
 */
#include "audit/collect.h"

#include "audit/facts.h" /* libc's network headers must come before the kernel's */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/netconf.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "base/term.h"
#include "net/netfilter.h"
#include "net/nl.h"
#include "net/process.h"

#define SOCKETS_MAX 1024 /* of a namespace */
#define LOG_RECORDS_MAX 100000

/* Notes what could not be seen. Only the first note about the same thing (`what`) is kept. */
static void note_unseen(struct audit_facts *facts, const char *what, const char *why)
{
	size_t used = strlen(facts->unseen);

	if (!strstr(facts->unseen, what))
		snprintf(facts->unseen + used, sizeof(facts->unseen) - used, "%s%s (%s)",
			 used ? "; " : "", what, why);
}

/* ---- Devices: offload features, the devices below tunnels, forwarding and rp_filter ---- */

struct scope {
	struct audit_facts *facts;
	size_t space;
};

static struct audit_device *device_at(const struct scope *scope, int index)
{
	struct audit_place place = audit_find(scope->facts, scope->space, index);

	return place.device == AUDIT_NONE ? NULL
					  : &scope->facts->space[place.space].device[place.device];
}

static void take_features(int index, const struct feature_state *state, void *data)
{
	struct audit_device *device = device_at(data, index);

	if (!device)
		return;
	device->features = *state;
	device->features_known = true;
}

static struct audit_place device_with(const struct scope *scope, uint8_t family,
				      const void *address)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	size_t size = family == AF_INET ? 4 : 16;

	for (size_t i = 0; i < look->device_count; i++)
		for (size_t k = 0; k < look->device[i].address_count; k++)
			if (look->device[i].address[k].family == family &&
			    !memcmp(look->device[i].address[k].address, address, size))
				return (struct audit_place){ scope->space, i };
	return (struct audit_place){ AUDIT_NONE, AUDIT_NONE };
}

/* The device a VXLAN runs over: it names that, or at least the local address. 0: neither. */
static int vxlan_lower(const struct scope *scope, const struct nlattr *vxlan)
{
	struct audit_place place = { AUDIT_NONE, AUDIT_NONE };
	const struct nlattr *field;

	mnl_attr_for_each_nested(field, vxlan) {
		uint16_t type = mnl_attr_get_type(field), len = mnl_attr_get_payload_len(field);

		if (type == IFLA_VXLAN_LINK && len == 4 && mnl_attr_get_u32(field))
			return (int)mnl_attr_get_u32(field);
		if (type == IFLA_VXLAN_LOCAL && len == 4)
			place = device_with(scope, AF_INET, mnl_attr_get_payload(field));
		else if (type == IFLA_VXLAN_LOCAL6 && len == 16)
			place = device_with(scope, AF_INET6, mnl_attr_get_payload(field));
	}
	return place.device == AUDIT_NONE ? 0 : audit_device(scope->facts, place)->index;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr, *info, *values = NULL;
	struct audit_device *device;
	bool vxlan = false;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ifi) ||
	    !(device = device_at(data, ifi->ifi_index)))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(info, attr) {
			if (mnl_attr_get_type(info) == IFLA_INFO_KIND &&
			    mnl_attr_validate(info, MNL_TYPE_NUL_STRING) >= 0)
				vxlan = !strcmp(mnl_attr_get_str(info), "vxlan");
			else if (mnl_attr_get_type(info) == IFLA_INFO_DATA)
				values = info;
		}
	}
	if (vxlan && values)
		device->tunnel_lower = vxlan_lower(data, values);
	return MNL_CB_OK;
}

static bool is_tunnel(const struct device *device)
{
	return !strcmp(device->kind, "vxlan") || !strcmp(device->kind, "geneve");
}

/* If a tunnel does not tell what it runs over and there is only one NIC, it runs over that. */
static void guess_lower(const struct scope *scope)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	struct audit_device *more = scope->facts->space[scope->space].device;
	int nic = 0;

	for (size_t i = 0; i < look->device_count; i++)
		if (!*look->device[i].kind && !(look->device[i].flags & IFF_LOOPBACK))
			nic = nic ? -1 : look->device[i].index;
	for (size_t i = 0; nic > 0 && i < look->device_count; i++)
		if (is_tunnel(&look->device[i]) && !more[i].tunnel_lower)
			more[i].tunnel_lower = nic;
}

static int find_lower(struct scope *scope)
{
	const struct space *look = &scope->facts->inventory.space[scope->space];
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	bool any = false;
	int rc;

	for (size_t i = 0; i < look->device_count; i++)
		any |= is_tunnel(&look->device[i]);
	if (!any)
		return 0;
	rc = nl_open(-1, NETLINK_ROUTE, &nl);
	if (rc)
		return rc;
	request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	rc = nl_dump(nl, request, take_link, NULL, scope);
	if (!rc)
		guess_lower(scope);
	return rc;
}

/* Stores a setting of one device, of all devices or of new ones. */
static void take_setting(const struct scope *scope, uint8_t family, int index, uint16_t type,
			 int value)
{
	struct audit_space *space = &scope->facts->space[scope->space];
	struct audit_device *device = index > 0 ? device_at(scope, index) : NULL;

	if (device && type == NETCONFA_RP_FILTER)
		device->rp_filter = value;
	if (index == NETCONFA_IFINDEX_DEFAULT && type == NETCONFA_RP_FILTER)
		space->sysctl[SYSCTL_RP_FILTER_DEFAULT] = value;
	if (index != NETCONFA_IFINDEX_ALL)
		return;
	if (type == NETCONFA_RP_FILTER)
		space->sysctl[SYSCTL_RP_FILTER_ALL] = value;
	else if (type == NETCONFA_FORWARDING)
		space->sysctl[family == AF_INET ? SYSCTL_FORWARD_V4 : SYSCTL_FORWARD_V6] = value;
}

static int take_netconf(const struct nlmsghdr *message, void *data)
{
	const struct netconfmsg *netconf = mnl_nlmsg_get_payload(message);
	const struct nlattr *attr;
	int index = 0;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*netconf))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*netconf))
		if (mnl_attr_get_type(attr) == NETCONFA_IFINDEX &&
		    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			index = (int)mnl_attr_get_u32(attr);
	mnl_attr_for_each(attr, message, sizeof(*netconf))
		if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			take_setting(data, netconf->ncm_family, index, mnl_attr_get_type(attr),
				     (int)mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

/*
 * Reads forwarding and rp_filter by netlink: opening /proc/sys/net/ipv4/... gets slower with the
 * number of namespaces, as a name has one hash chain for all of them.
 */
static int read_netconf(struct scope *scope)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	const struct space *look = &scope->facts->inventory.space[scope->space];
	struct audit_space *space = &scope->facts->space[scope->space];
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(-1, NETLINK_ROUTE, &nl);

	for (size_t i = SYSCTL_FORWARD_V4; i <= SYSCTL_RP_FILTER_DEFAULT; i++)
		space->sysctl[i] = -1;
	for (size_t i = 0; i < look->device_count; i++)
		space->device[i].rp_filter = -1;
	for (size_t i = 0; !rc && i < ARRAY_SIZE(families); i++) {
		char buffer[NL_REQUEST_SIZE];
		struct nlmsghdr *request = nl_request(buffer, RTM_GETNETCONF, NLM_F_DUMP);
		struct netconfmsg *netconf = mnl_nlmsg_put_extra_header(request, sizeof(*netconf));

		netconf->ncm_family = families[i];
		rc = nl_dump(nl, request, take_netconf, NULL, scope);
		/* A kernel without IPv6 has no such settings. */
		if (rc == -EOPNOTSUPP && families[i] == AF_INET6)
			rc = 0;
	}
	return rc;
}

static int collect_devices(struct audit_facts *facts, size_t space)
{
	struct scope scope = { .facts = facts, .space = space };
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = read_netconf(&scope);

	rc = rc ? rc : nl_open(-1, NETLINK_GENERIC, &nl);
	rc = rc ? rc : feature_dump(nl, take_features, &scope);
	return rc ? rc : find_lower(&scope);
}

/* ---- Sysctls, counters, and whether addresses are translated ---- */

static int read_sysctl(const char *name)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[96];
	int value;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	for (char *at = path; *at; at++)
		if (*at == '.')
			*at = '/';
	file = fopen(path, "re");
	return file && fscanf(file, "%d", &value) == 1 ? value : -1;
}

/*
 * Whether the kernel has such a nat table already: asking for a table that is not there would
 * create it.
 */
static bool lists_nat(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[64];

	while (file && fgets(line, sizeof(line), file))
		if (!strcmp(line, "nat\n"))
			return true;
	return false;
}

/* A table without rules has one entry for each of its four hooks, and one at its end. */
#define EMPTY_NAT_ENTRIES 5

static enum audit_nat legacy_nat(int family)
{
	_cleanup_close_ int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	struct ipt_getinfo v4 = { .name = "nat" };
	struct ip6t_getinfo v6 = { .name = "nat" };
	socklen_t size4 = sizeof(v4), size6 = sizeof(v6);
	unsigned int entries;
	int rc;

	if (family == AF_INET)
		rc = getsockopt(fd, IPPROTO_IP, IPT_SO_GET_INFO, &v4, &size4);
	else
		rc = getsockopt(fd, IPPROTO_IPV6, IP6T_SO_GET_INFO, &v6, &size6);
	if (rc < 0)
		return NAT_UNKNOWN;
	entries = family == AF_INET ? v4.num_entries : v6.num_entries;
	return entries > EMPTY_NAT_ENTRIES ? NAT_YES : NAT_NO;
}

/*
 * On a Kubernetes node there are tens of thousands of rules, so call this only if conntrack does
 * not verify.
 */
static enum audit_nat ask_nat(void)
{
	static const struct {
		const char *tables;
		int family;
	} legacy[] = {
		{ "/proc/thread-self/net/ip_tables_names", AF_INET },
		{ "/proc/thread-self/net/ip6_tables_names", AF_INET6 },
	};
	enum audit_nat nat = NAT_NO;
	bool found = false;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		enum audit_nat one =
			lists_nat(legacy[i].tables) ? legacy_nat(legacy[i].family) : NAT_NO;

		if (one == NAT_YES)
			return NAT_YES;
		nat = one == NAT_UNKNOWN ? one : nat;
	}
	rc = netfilter_has_nat(-1, &found);
	if (rc)
		return rc == -EOPNOTSUPP ? nat : NAT_UNKNOWN;
	return found ? NAT_YES : nat;
}

static bool has_bridge(const struct space *space)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (!strcmp(space->device[i].kind, "bridge"))
			return true;
	return false;
}

static int collect_settings(struct audit_facts *facts, size_t space)
{
	struct audit_space *look = &facts->space[space];
	int rc = counter_read(-1, &look->counters);

	look->counters_known = !rc;
	/* The others came by netlink. Those of bridges matter only if there is one. */
	look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] =
		read_sysctl(audit_sysctl_names[SYSCTL_CONNTRACK_CHECKSUM]);
	for (size_t i = SYSCTL_BRIDGE_NF_V4; i <= SYSCTL_BRIDGE_NF_V6; i++)
		look->sysctl[i] = has_bridge(&facts->inventory.space[space])
					  ? read_sysctl(audit_sysctl_names[i])
					  : -1;
	if (look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] == 0)
		look->nat = ask_nat();
	if (look->nat == NAT_UNKNOWN && look->sysctl[SYSCTL_CONNTRACK_CHECKSUM] == 0)
		note_unseen(facts, "NAT rules", "needs root");
	return rc;
}

/*
 * ---- Packet sockets ----
 *
 * A packet socket receives a packet from a local sender as it is: with an unfinished checksum, if
 * that is left to hardware. PACKET_AUXDATA or a ring's status word tell so to a program that asks.
 * packet_diag (linux/packet_diag.h) tells which sockets ask. It is used only if /proc/net/packet
 * lists a socket at all.
 */

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

static int dump_sockets(struct nl *nl, struct audit_space *space)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct packet_diag_req *diag = mnl_nlmsg_put_extra_header(request, sizeof(*diag));

	diag->sdiag_family = AF_PACKET;
	diag->pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_RING_CFG;
	return nl_dump(nl, request, take_socket, forget_sockets, space);
}

static int collect_packet_sockets(struct audit_facts *facts, size_t space)
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
	rc = rc ? rc : dump_sockets(nl, look);
	return rc ? fail(rc, "packet_diag: %s", fail_text()) : 0;
}

/* Gives the process's name to those of the namespace's sockets that it has open. */
static void name_sockets_of(struct audit_space *space, const char *process)
{
	_cleanup_(cleanup_closedir) DIR *fds = NULL;
	const struct dirent *entry;
	struct process known;
	char path[300];

	process_read((pid_t)strtol(process, NULL, 10), &known);
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
			memcpy(socket->comm, known.comm, sizeof(socket->comm));
		}
	}
}

/* The namespace a process is in, if that has packet sockets; else NULL. */
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

static void name_packet_sockets(struct audit_facts *facts)
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
			name_sockets_of(space, entry->d_name);
	}
}

/*
 * ---- The kernel log ----
 *
 * netdev_rx_csum_fault() (net/core/dev.c) writes "DEVICE: hw csum failure" if the sum that hardware
 * made over a whole packet is wrong. Records look as in the kernel's
 * Documentation/ABI/testing/dev-kmsg: "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT".
 */

#define KERNEL_PRIORITIES 8 /* those of facility 0; programs write with others */

static void take_record(struct audit_facts *facts, char *record)
{
	char *text = strchr(record, ';'), *end, *name;
	char *failure = text ? strstr(text, ": hw csum failure") : NULL;

	if (!failure || strtoul(record, &end, 10) >= KERNEL_PRIORITIES || *end != ',')
		return;
	*failure = '\0';
	name = strrchr(text + 1, ' ');
	facts->csum_failures++;
	term_printable(facts->csum_failure_device, sizeof(facts->csum_failure_device),
		       name ? name + 1 : text + 1);
}

void audit_scan_log(struct audit_facts *facts, int fd)
{
	char record[8192];

	for (int i = 0; i < LOG_RECORDS_MAX; i++) {
		ssize_t len = read(fd, record, sizeof(record) - 1);

		/*
		 * EPIPE: records were overwritten meanwhile. The next read() continues after them.
		 */
		if (len < 0 && (errno == EPIPE || errno == EINTR || errno == EINVAL))
			continue;
		if (len < 0)
			facts->log_known |= errno == EAGAIN;
		if (len <= 0)
			return;
		record[len] = '\0';
		facts->log_known = true;
		take_record(facts, record);
	}
}

/* ---- The whole ---- */

static int prepare(struct audit_facts *facts)
{
	struct utsname name;

	if (uname(&name) < 0)
		return fail_errno(-errno, "cannot ask for the kernel's release");
	term_printable(facts->kernel, sizeof(facts->kernel), name.release);
	facts->space = calloc(facts->inventory.space_count + 1, sizeof(*facts->space));
	if (!facts->space)
		return -ENOMEM;
	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		const struct space *look = &facts->inventory.space[i];
		struct audit_space *space = &facts->space[i];

		memcpy(space->name, look->name, sizeof(space->name));
		space->nat = NAT_UNKNOWN;
		space->device = calloc(look->device_count + 1, sizeof(*space->device));
		if (!space->device)
			return -ENOMEM;
		for (size_t k = 0; k < look->device_count; k++)
			term_printable(space->device[k].name, sizeof(space->device[k].name),
				       look->device[k].name);
	}
	return 0;
}

static void collect_space(struct audit_facts *facts, size_t i, struct audit_programs **programs)
{
	static const struct {
		const char *what;
		int (*collect)(struct audit_facts *facts, size_t space);
	} parts[] = {
		{ "offload features", collect_devices },
		{ "sysctls and counters", collect_settings },
		{ "packet sockets", collect_packet_sockets },
	};
	const struct space *look = &facts->inventory.space[i];
	_cleanup_(netns_leave) int home = -1;
	int rc = look->own ? 0 : netns_enter(look->fd, &home);

	if (rc) {
		note_unseen(facts, "other namespaces", fail_text());
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
		if (parts[k].collect(facts, i))
			note_unseen(facts, parts[k].what, fail_text());
	if (audit_collect_programs(facts, i, programs))
		note_unseen(facts, "attached programs", fail_text());
}

/* Notes processes whose namespace this user may not see. Root may see nearly all. */
static void note_hidden_processes(struct audit_facts *facts)
{
	_cleanup_(cleanup_closedir) DIR *processes = opendir("/proc");
	const struct dirent *entry;
	char path[300], what[64], first[16] = "";
	unsigned int count = 0;
	struct stat st;

	while (processes && (entry = readdir(processes))) {
		if (*entry->d_name < '0' || *entry->d_name > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/ns/net", entry->d_name);
		if (stat(path, &st) == 0 || (errno != EACCES && errno != EPERM))
			continue;
		if (!count++)
			snprintf(first, sizeof(first), "%.15s", entry->d_name);
	}
	if (geteuid() != 0) {
		note_unseen(facts, "other namespaces, names of BPF programs", privilege_remedy());
	} else if (count) {
		snprintf(what, sizeof(what), "the namespace%s of %u process%s",
			 count == 1 ? "" : "s", count, count == 1 ? "" : "es");
		snprintf(path, sizeof(path), "pid %s has capabilities that truesum was not given",
			 first);
		note_unseen(facts, what, path);
	}
}

static void collect(struct audit_facts *facts)
{
	struct audit_programs *programs = NULL;
	_cleanup_close_ int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	note_hidden_processes(facts);
	if (feature_names_read(&facts->names))
		note_unseen(facts, "offload features", fail_text());
	for (size_t i = 0; i < facts->inventory.space_count; i++)
		collect_space(facts, i, &programs);
	audit_programs_free(programs);
	name_packet_sockets(facts);
	if (log >= 0)
		audit_scan_log(facts, log);
	if (!facts->log_known)
		note_unseen(facts, "the kernel log", "/dev/kmsg is not there or needs root");
}

int audit_keep_rights(void)
{
	static const unsigned int to_look[] = {
		CAP_SYS_ADMIN, /* entering namespaces, descriptors of BPF programs by id */
		CAP_NET_ADMIN, /* rules and filters of a namespace */
		CAP_NET_RAW, /* the socket that iptables' tables are read by */
		CAP_SYS_PTRACE, /* /proc/PID/ns of any process */
		CAP_DAC_READ_SEARCH, /* /proc/PID/fd, and mounts in folders of others */
		CAP_DAC_OVERRIDE, /* Docker's socket, the baseline */
		CAP_SYSLOG, /* the kernel log */
		PRIVILEGE_BPF, /* which helpers a program calls */
		PRIVILEGE_PERFMON,   CAP_SETPCAP, /* giving these up */
	};

	return privilege_keep_only(to_look, ARRAY_SIZE(to_look));
}

int audit_facts_take(struct audit_facts *ret_facts)
{
	struct audit_facts facts = { 0 };
	int rc = inventory_take(NULL, &facts.inventory);

	rc = rc ? rc : prepare(&facts);
	if (rc) {
		audit_facts_release(&facts);
		return rc == -ENOMEM ? fail(rc, "out of memory") : rc;
	}
	collect(&facts);
	*ret_facts = facts;
	return 0;
}

void audit_facts_release(struct audit_facts *facts)
{
	for (size_t i = 0; facts->space && i < facts->inventory.space_count; i++) {
		struct audit_space *space = &facts->space[i];

		for (size_t k = 0; space->device && k < facts->inventory.space[i].device_count; k++)
			free(space->device[k].program);
		free(space->device);
		free(space->packet_socket);
	}
	free(facts->space);
	inventory_release(&facts->inventory);
	*facts = (struct audit_facts){ 0 };
}
