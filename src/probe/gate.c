// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate: see gate.h.
 *
 * Frames are written to a TAP with NAPI (IFF_NAPI), so that they pass GRO as frames from a NIC do.
 * A flush timeout lets consecutive segments merge: it is the device's gro_flush_timeout, written in
 * a sysfs that this process mounts, as the host's may show another namespace. GRO never holds back
 * frames with PSH set.
 *
 * With a VXLAN device, its filter at egress sends the peer's packets to far_mac, whose forwarding
 * entry leads to the remote VTEP by the TAP and no other device. Answers come from peer_mac, which
 * has the entry that the device would learn from them: it drops a packet that comes from elsewhere
 * than an entry says.
 */
#include "probe/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fail.h"
#include "bpf/gate.h"
#include "net/device.h"
#include "net/feature.h"
#include "net/inventory.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nl.h"
#include "net/route.h"
#include "net/tc.h"
#include "net/vxlan.h"
#include "packet/build.h"
#include "probe/payload.h"

#define FLUSH_NS "2000000" /* segments written within this time can merge */
#define ADDRESS_SECONDS 120 /* the kernel removes a killed probe's address after this time */
#define RENEW_NS UINT64_C(30000000000) /* how often a living one says that it needs the address */
#define QUEUE_LEN 10000 /* frames */
#define FRAME_MAX 1000
#define LEADERS_MAX 256
#define READY_NS UINT64_C(3000000000)

static const uint8_t peer_mac[6] = { 0x02, 0x74, 0x73, 0x75, 0x6d, 0x02 };
static const uint8_t far_mac[6] = { 0x02, 0x74, 0x73, 0x75, 0x6d, 0x03 };

struct gate {
	struct gate_info info;
	int tap; /* interface index; info.entrance is the same without --via */
	bool lent[2]; /* whether the entrance got an address, by family as in sides[] */
	const struct side *outer; /* the TAP's side if packets enter by a VXLAN device; else NULL */
	uint8_t vtep_v4[4], vtep_v6[16];
	uint8_t tap_mac[6];
	bool filtered; /* the filter decides who may ask; else only the TAP's own host may */
	uint16_t ready_port; /* of the peer, for gate_is_ready() alone */
	struct token ready;
	int ready_fd[2]; /* IPv4, IPv6; -1: no need to wait */
	uint64_t opened_ns, renewed_ns;
	struct nl *nl;
	struct gate_bpf *programs;
	struct journal *journal;
	journal_say_fn say;
	/* Bridges and their ports that have a filter of gate_lead_...(). */
	struct leader {
		int index;
		struct journal *journal;
	} leader[LEADERS_MAX];
	size_t leader_count;
};

/*
 * The gate's addresses of one family. Only the peer's own address is routed to the gate: if others
 * were, the host would tell senders, who may not be whom they say, that nobody has these.
 */
static const struct side {
	const char *host, *peer;
	unsigned int prefix_len, documentation;
} sides[] = {
	{ GATE_V4, GATE_PEER_V4, 32, GATE_DOCUMENTATION_V4 },
	{ GATE_V6, GATE_PEER_V6, 128, GATE_DOCUMENTATION_V6 },
};

/* The underlay's: IPv4, IPv6. */
static const struct side outer_sides[] = {
	{ GATE_OUTER_V4, GATE_VTEP_V4, 32, GATE_DOCUMENTATION_V4 },
	{ GATE_OUTER_V6, GATE_VTEP_V6, 128, GATE_DOCUMENTATION_V6 },
};

static int open_tap(struct gate *gate)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_TUN_EXCL };

	gate->info.fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (gate->info.fd < 0)
		return fail_errno(-errno, "cannot open /dev/net/tun (is the tun driver there?)");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", GATE_DEVICE);
	if (ioctl(gate->info.fd, TUNSETIFF, &request) < 0) {
		if (errno == EBUSY)
			return fail(-EBUSY, "another probe runs here: device " GATE_DEVICE
					    " exists (wait for it to end)");
		return fail_errno(-errno, "cannot create TAP device " GATE_DEVICE);
	}
	return 0;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Runs in a child, whose mounts nobody else sees. Returns an errno. */
static int set_flush_timeout(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	/* EBUSY: the sysfs that is mounted already shows this namespace. */
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 && errno != EBUSY)
		return errno;
	if (write_file("/sys/class/net/" GATE_DEVICE "/napi_defer_hard_irqs", "1") < 0 ||
	    write_file("/sys/class/net/" GATE_DEVICE "/gro_flush_timeout", FLUSH_NS) < 0)
		return errno;
	return 0;
}

/* Hundreds of targets may send at once. */
static void set_queue(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_qlen = QUEUE_LEN };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", GATE_DEVICE);
	if (fd < 0 || ioctl(fd, SIOCSIFTXQLEN, &request) < 0)
		return; /* the default of 500 works, too: what is lost is sent again */
}

static void enable_merging(struct gate *gate)
{
	unsigned int bit;
	int status = 0;
	pid_t child = fork();

	if (!child)
		_exit(set_flush_timeout());
	if (child < 0 || waitpid(child, &status, 0) < 0)
		status = EAGAIN << 8;
	if (status)
		snprintf(gate->info.no_merging, sizeof(gate->info.no_merging),
			 "GRO's flush timeout cannot be set on " GATE_DEVICE ": %s",
			 strerror(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
	/* From Linux 5.12 on GRO merges datagrams, too. */
	gate->info.udp_never_merges = feature_bit("rx-udp-gro-forwarding", &bit) == -ENOENT;
	if (!gate->info.udp_never_merges)
		feature_set(-1, GATE_DEVICE, "rx-udp-gro-forwarding", true);
}

/*
 * Removes our address and what belongs to it. -EADDRNOTAVAIL if it is not there. IPv6 would keep
 * the route of an address with a lifetime until that ends.
 */
static int remove_address(struct nl *nl, const struct side *side, int index)
{
	int rc = link_peer_delete(nl, index, side->host, side->peer);

	if (!rc)
		route_delete(nl, side->host, side->prefix_len, index);
	link_neigh_delete(nl, index, side->peer);
	return rc;
}

/* Removes an address that a killed probe left on a device. -EADDRINUSE if somebody else uses it. */
static int check_unused(struct nl *nl, const struct side *side)
{
	struct route route = { 0 };

	if (route_get(nl, side->peer, NULL, 0, &route) || route.prefix_len < side->documentation)
		return 0;
	if (!remove_address(nl, side, route.oif))
		return check_unused(nl, side);
	return fail(-EADDRINUSE,
		    "a route of this host leads to %s (a /%u): the probe needs that documentation "
		    "address for itself",
		    side->peer, route.prefix_len);
}

/*
 * Gives the host a way to the peer: an address with its connected route, unless a route leads there
 * already.
 */
static int add_side(struct gate *gate, size_t number)
{
	const struct side *side = &sides[number];
	struct route route = { 0 };
	int rc;

	if (gate->info.entrance != gate->tap && !route_get(gate->nl, side->peer, NULL, 0, &route) &&
	    route.oif == gate->info.entrance)
		return 0;
	rc = gate->journal ? journal_address(gate->journal, side->host, side->peer, ADDRESS_SECONDS)
			   : link_peer_add(gate->nl, gate->tap, side->host, side->peer, 0);
	gate->lent[number] = !rc;
	/*
	 * A permanent neighbour fits even into a full table. On other devices the host asks, and
	 * gets an answer.
	 */
	if (!rc && gate->info.entrance == gate->tap)
		rc = link_neigh_add(gate->nl, gate->tap, side->peer, peer_mac);
	return rc;
}

static int find_tunnel(struct gate *gate, const char *via)
{
	struct vxlan vxlan = { 0 };
	const char *why = NULL;
	int rc = vxlan_get(gate->nl, gate->info.entrance, &vxlan);

	if (rc)
		return rc;
	if (vxlan.external)
		why = "it has no VNI of its own (external)";
	else if (vxlan.gpe)
		why = "it uses VXLAN-GPE";
	else if (vxlan.remote_csum)
		why = "it uses remote checksum offload";
	if (why)
		return fail(
			-EOPNOTSUPP,
			"the probe cannot be a remote VTEP of %s, as %s: leave out --via, or name the "
			"bridge it is a port of",
			via, why);
	gate->outer = &outer_sides[vxlan.v6];
	gate->info.drops_of.outer_port = vxlan.port;
	return check_unused(gate->nl, gate->outer);
}

static int find_entrance(struct gate *gate, const char *via)
{
	struct link_info link = { 0 };
	int rc = link_get(gate->nl, via, &link);

	if (rc)
		return rc;
	if (link.flags & IFF_LOOPBACK)
		return fail(-EINVAL, "nothing enters a host by %s", via);
	gate->info.entrance = link.index;
	return strcmp(link.kind, "vxlan") ? 0 : find_tunnel(gate, via);
}

static int look_at_tap(struct gate *gate)
{
	struct link_info link = { 0 };
	int rc = link_get(gate->nl, GATE_DEVICE, &link);

	if (rc)
		return rc;
	gate->tap = link.index;
	memcpy(gate->tap_mac, link.mac, sizeof(gate->tap_mac));
	if (!gate->info.entrance)
		gate->info.entrance = gate->tap;
	set_queue();
	enable_merging(gate);
	return 0;
}

static int bring_up_tap(struct gate *gate)
{
	int rc;

	/*
	 * Only the peer is out there: no router, and no duplicate address to wait for before the
	 * device's link-local address may be used. A kernel without IPv6 has no such sysctls.
	 */
	netns_sysctl_write(-1, "net/ipv6/conf/" GATE_DEVICE "/accept_ra", "0");
	netns_sysctl_write(-1, "net/ipv6/conf/" GATE_DEVICE "/accept_dad", "0");
	rc = link_set_up(gate->nl, gate->tap);
	if (!rc && gate->outer) {
		rc = link_peer_add(gate->nl, gate->tap, gate->outer->host, gate->outer->peer, 0);
		rc = rc ? rc : link_neigh_add(gate->nl, gate->tap, gate->outer->peer, peer_mac);
	}
	if (!rc && add_side(gate, 0))
		snprintf(gate->info.no_v4, sizeof(gate->info.no_v4), "%s", fail_text());
	if (!rc && add_side(gate, 1))
		snprintf(gate->info.no_v6, sizeof(gate->info.no_v6), "%s", fail_text());
	return rc;
}

/*
 * Makes the device send to the remote VTEP and accept its packets. A device that answers questions
 * itself (proxy) does not pass them on, so the neighbours are added, too.
 */
static int lead_into_tunnel(struct gate *gate)
{
	int rc = journal_fdb(gate->journal, far_mac, gate->outer->peer, gate->tap);

	rc = rc ? rc : journal_fdb(gate->journal, peer_mac, gate->outer->peer, 0);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(sides); i++)
		if (gate->lent[i])
			rc = journal_neighbour(gate->journal, sides[i].peer, peer_mac);
	return rc;
}

/*
 * The record of what the device `via` gets. The host learns the peer as a neighbour on it, and a
 * bridge that it is a port of the peer's MAC address, from answers: these go, too.
 */
static int open_record(struct gate *gate, const struct gate_settings *settings)
{
	struct journal_place place = { .netns_fd = -1,
				       .device = settings->via,
				       .index = gate->info.entrance };
	int rc = journal_open(&place, "probe", settings->say, &gate->journal);

	rc = rc ? rc : journal_learned(gate->journal, peer_mac, NULL);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(sides); i++)
		rc = journal_learned(gate->journal, NULL, sides[i].peer);
	return rc;
}

static int load_programs(struct gate *gate, const struct gate_settings *settings)
{
	struct gate_programs_settings programs = { .vouching = settings->vouching,
						   .tap = gate->tap,
						   .tokens_fd = token_table_fd(gate->info.tokens) };

	memcpy(programs.peer_v4, gate->info.peer_v4, sizeof(programs.peer_v4));
	memcpy(programs.peer_v6, gate->info.peer_v6, sizeof(programs.peer_v6));
	memcpy(programs.far_mac, far_mac, sizeof(programs.far_mac));
	memcpy(programs.vtep_v4, gate->vtep_v4, sizeof(programs.vtep_v4));
	memcpy(programs.vtep_v6, gate->vtep_v6, sizeof(programs.vtep_v6));
	programs.vtep_port = gate->info.drops_of.outer_port;
	if (settings->via)
		programs.via = gate->info.entrance;
	if (gate->outer)
		programs.inner = gate->outer == &outer_sides[0] ? TUNNEL_HEAD_V4 : TUNNEL_HEAD_V6;
	return gate_programs_load(&programs, &gate->programs);
}

/*
 * The TAP's programs, before it is up: no frame may come by without its filter. Without BPF packets
 * still enter by the TAP, but it is not known whether GRO merged any.
 */
static int attach_to_tap(struct gate *gate, const struct gate_settings *settings)
{
	int rc = load_programs(gate, settings);

	rc = rc ? rc : tc_clsact_add(gate->nl, gate->tap);
	rc = rc ? rc
		: tc_bpf_attach(gate->nl, gate->tap, TC_INGRESS, 1,
				gate_programs_fd(gate->programs, GATE_PROGRAM_IN), "tsum_gate");
	rc = rc ? rc
		: tc_bpf_attach(gate->nl, gate->tap, TC_EGRESS, 1,
				gate_programs_fd(gate->programs, GATE_PROGRAM_FILTER),
				"tsum_gate_filter");
	gate->filtered = !rc;
	if (!rc || settings->vouching || settings->via)
		return rc;
	snprintf(gate->info.no_merging, sizeof(gate->info.no_merging),
		 "no BPF program to count merged packets: %.140s", fail_text());
	return 0;
}

/* The filter on the host's device is recorded. The TAP's go with the TAP. */
static int attach_to_entrance(struct gate *gate)
{
	int rc = journal_bpf(gate->journal, TC_EGRESS, 1,
			     gate_programs_fd(gate->programs, GATE_PROGRAM_OUT), "tsum_gate_out");

	return rc || !gate->outer ? rc : lead_into_tunnel(gate);
}

static void describe_drops(struct gate *gate)
{
	struct drops_of *of = &gate->info.drops_of;

	of->tokens_fd = token_table_fd(gate->info.tokens);
	memcpy(of->v4, gate->info.peer_v4, sizeof(of->v4));
	memcpy(of->v6, gate->info.peer_v6, sizeof(of->v6));
	if (gate->outer == &outer_sides[0]) {
		of->outer_family = AF_INET;
		memcpy(of->outer, gate->vtep_v4, sizeof(gate->vtep_v4));
	} else if (gate->outer) {
		of->outer_family = AF_INET6;
		memcpy(of->outer, gate->vtep_v6, sizeof(gate->vtep_v6));
	}
}

/* ---- Waiting until packets get out ---- */

static int open_ready_socket(int family)
{
	const int hops = 1; /* the gate is the next one */
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
	return fd;
}

static int open_ready_sockets(struct gate *gate)
{
	int rc = token_open(gate->info.tokens, UINT32_MAX, 0, &gate->ready_port, &gate->ready);

	gate->opened_ns = clock_ns();
	if (!rc && !*gate->info.no_v4)
		gate->ready_fd[0] = open_ready_socket(AF_INET);
	if (!rc && !*gate->info.no_v6)
		gate->ready_fd[1] = open_ready_socket(AF_INET6);
	return rc;
}

static void close_ready_socket(struct gate *gate, size_t i)
{
	if (gate->ready_fd[i] >= 0)
		close(gate->ready_fd[i]);
	gate->ready_fd[i] = -1;
}

static void send_ready_datagram(const struct gate *gate, size_t i)
{
	uint16_t port = htons(gate->ready_port);
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = port };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = port };
	const struct sockaddr *to = i ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;

	memcpy(&v4.sin_addr, gate->info.peer_v4, 4);
	memcpy(&v6.sin6_addr, gate->info.peer_v6, 16);
	/* Fails as long as the route is not there: that is what we wait for. */
	if (sendto(gate->ready_fd[i], gate->ready.secret, TOKEN_SECRET, 0, to,
		   i ? sizeof(v6) : sizeof(v4)) < 0)
		return;
}

bool gate_is_ready(struct gate *gate, uint64_t now_ns)
{
	bool waiting = false;

	for (size_t i = 0; i < ARRAY_SIZE(gate->ready_fd); i++) {
		if (gate->ready_fd[i] < 0)
			continue;
		send_ready_datagram(gate, i);
		waiting = true;
	}
	if (waiting && now_ns < gate->opened_ns + READY_NS)
		return false;
	close_ready_socket(gate, 0);
	close_ready_socket(gate, 1);
	return true;
}

void gate_renew(struct gate *gate, uint64_t now_ns)
{
	if (!gate->journal || now_ns < gate->renewed_ns + RENEW_NS)
		return;
	gate->renewed_ns = now_ns;
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
		if (gate->lent[i])
			link_peer_add(gate->nl, gate->info.entrance, sides[i].host, sides[i].peer,
				      ADDRESS_SECONDS);
}

/* ---- Who may ask ---- */

static int admit(struct gate *gate, const uint8_t mac[6], int family, const uint8_t *address)
{
	struct gate_asker asker = { .version = family == AF_INET ? 4 : 6 };
	int rc;

	memcpy(asker.mac, mac, sizeof(asker.mac));
	memcpy(asker.address, address, family == AF_INET ? 4 : 16);
	rc = gate_programs_admit(gate->programs, &asker);
	return rc ? fail_errno(rc, "cannot tell a BPF program who may ask for the peer") : 0;
}

/*
 * The host asks by the entrance, from an address of any device of its. A target asks by its own
 * device. If the TAP is the entrance, nobody asks: the host has a permanent neighbour there.
 */
int gate_admit(struct gate *gate, const struct space *space)
{
	const struct device *entrance = inventory_device(space, NULL, gate->info.entrance);
	int rc = 0;

	if (!gate->filtered || gate->info.entrance == gate->tap)
		return 0;
	for (size_t i = 0; i < space->device_count; i++) {
		const struct device *device = &space->device[i];
		const uint8_t *mac = !space->own ? device->mac
				     : entrance	 ? entrance->mac
						 : gate->tap_mac;

		for (size_t k = 0; !rc && k < device->address_count; k++)
			if (device->address[k].scope != RT_SCOPE_HOST)
				rc = admit(gate, mac, device->address[k].family,
					   device->address[k].address);
	}
	return rc;
}

/* The host, from the addresses that the gate gave it. */
static int admit_self(struct gate *gate)
{
	uint8_t outer_v4[4], outer_v6[16], v4[4], v6[16];
	struct link_info entrance = { 0 };
	int rc = gate->filtered ? link_get_by_index(gate->nl, gate->info.entrance, &entrance) : 0;

	if (rc || !gate->filtered)
		return rc;
	inet_pton(AF_INET, GATE_V4, v4);
	inet_pton(AF_INET6, GATE_V6, v6);
	inet_pton(AF_INET, GATE_OUTER_V4, outer_v4);
	inet_pton(AF_INET6, GATE_OUTER_V6, outer_v6);
	rc = admit(gate, entrance.mac, AF_INET, v4);
	rc = rc ? rc : admit(gate, entrance.mac, AF_INET6, v6);
	rc = rc ? rc : admit(gate, gate->tap_mac, AF_INET, outer_v4);
	return rc ? rc : admit(gate, gate->tap_mac, AF_INET6, outer_v6);
}

/* ---- Past neighbour entries ---- */

static int lead(struct gate *gate, const struct device *device, enum tc_direction direction,
		enum gate_program program, const char *name)
{
	struct journal_place place = { .netns_fd = -1,
				       .device = device->name,
				       .index = device->index };
	struct leader *leader = &gate->leader[gate->leader_count];
	int rc;

	if (!gate->filtered)
		return fail(-EOPNOTSUPP, "there is no BPF program for it");
	for (size_t i = 0; i < gate->leader_count; i++)
		if (gate->leader[i].index == device->index)
			return 0;
	if (gate->leader_count == LEADERS_MAX)
		return fail(-E2BIG, "more than %d devices would need a filter", LEADERS_MAX);
	rc = journal_open(&place, NULL, gate->say, &leader->journal);
	if (rc)
		return rc;
	leader->index = device->index;
	gate->leader_count++;
	return journal_bpf(leader->journal, direction, 1, gate_programs_fd(gate->programs, program),
			   name);
}

int gate_lead_answers(struct gate *gate, const struct device *bridge, const struct device *device,
		      const struct device *port)
{
	struct gate_lead to = { .port = port ? (uint32_t)port->index : 0 };
	int rc = lead(gate, bridge, TC_EGRESS, GATE_PROGRAM_ANSWERS, "tsum_answers");

	memcpy(to.mac, device->mac, sizeof(to.mac));
	for (size_t i = 0; !rc && i < device->address_count; i++) {
		const struct device_address *address = &device->address[i];
		struct gate_station station = { .bridge = (uint32_t)bridge->index,
						.version = address->family == AF_INET ? 4 : 6 };

		memcpy(station.address, address->address, address->family == AF_INET ? 4 : 16);
		rc = gate_programs_answers(gate->programs, &station, &to);
		if (rc)
			fail_errno(rc, "cannot tell a BPF program a target's MAC address");
	}
	return rc;
}

int gate_lead_requests(struct gate *gate, const struct device *bridge, const struct device *port)
{
	struct gate_lead to = { 0 };
	int rc = lead(gate, port, TC_INGRESS, GATE_PROGRAM_REQUESTS, "tsum_requests");

	memcpy(to.mac, bridge->mac, sizeof(to.mac));
	rc = rc ? rc : gate_programs_requests(gate->programs, port->index, &to);
	return rc ? fail(rc, "cannot lead packets of %s: %s", port->name, fail_text()) : 0;
}

/* ---- The whole ---- */

int gate_open(const struct gate_settings *settings, struct gate **ret_gate)
{
	_cleanup_(gate_cleanup) struct gate *gate = calloc(1, sizeof(*gate));
	struct journal_tally tally;
	int rc;

	if (!gate)
		return fail(-ENOMEM, "out of memory");
	gate->info.fd = gate->ready_fd[0] = gate->ready_fd[1] = -1;
	gate->say = settings->say;
	inet_pton(AF_INET, GATE_PEER_V4, gate->info.peer_v4);
	inet_pton(AF_INET6, GATE_PEER_V6, gate->info.peer_v6);
	inet_pton(AF_INET, GATE_VTEP_V4, gate->vtep_v4);
	inet_pton(AF_INET6, GATE_VTEP_V6, gate->vtep_v6);
	rc = token_table_new(&gate->info.tokens);
	rc = rc ? rc : journal_recover(settings->say, &tally);
	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &gate->nl);
	rc = rc ? rc : check_unused(gate->nl, &sides[0]);
	rc = rc ? rc : check_unused(gate->nl, &sides[1]);
	rc = rc || !settings->via ? rc : find_entrance(gate, settings->via);
	rc = rc ? rc : open_tap(gate);
	rc = rc ? rc : look_at_tap(gate);
	rc = rc ? rc : attach_to_tap(gate, settings);
	rc = rc || !settings->via ? rc : open_record(gate, settings);
	rc = rc ? rc : bring_up_tap(gate);
	rc = rc || !settings->via ? rc : attach_to_entrance(gate);
	if (rc)
		return rc;
	describe_drops(gate);
	rc = open_ready_sockets(gate);
	rc = rc ? rc : admit_self(gate);
	if (!rc)
		*ret_gate = TAKE_PTR(gate);
	return rc;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	close_ready_socket(gate, 0);
	close_ready_socket(gate, 1);
	for (size_t i = 0; i < gate->leader_count; i++)
		journal_close(gate->leader[i].journal);
	if (gate->journal)
		journal_close(gate->journal);
	gate_programs_free(gate->programs);
	if (gate->info.fd >= 0)
		close(gate->info.fd);
	nl_close(gate->nl);
	token_table_free(gate->info.tokens);
	free(gate);
}

const struct gate_info *gate_describe(const struct gate *gate)
{
	return &gate->info;
}

bool gate_merged(const struct gate *gate, uint16_t port)
{
	return gate_programs_merged(gate->programs, port);
}

void gate_forget(const struct gate *gate, uint16_t port)
{
	gate_programs_forget(gate->programs, port);
}

uint64_t gate_foreign(const struct gate *gate)
{
	return gate_programs_foreign(gate->programs);
}

/* ---- Frames ---- */

void gate_send(const struct gate *gate, const struct gate_way *way, const uint8_t *intact,
	       const uint8_t *sent, size_t len)
{
	uint8_t wrapped[FRAME_MAX];

	if (way->tunnel.family) {
		if (tunnel_wrap(&way->tunnel, intact, sent, len, wrapped, sizeof(wrapped), &len))
			return;
		sent = wrapped;
	}
	/*
	 * If the TAP does not take a frame, it is lost, as on any wire: the peer sends again what
	 * is missing.
	 */
	if (write(gate->info.fd, sent, len) < 0)
		return;
}

/*
 * Answers a question for the MAC address of one of the two. Returns whether it was one. Without a
 * filter only the host can ask, by the TAP.
 */
static bool answer_question(const struct gate *gate, const struct gate_way *way,
			    const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t *v6)
{
	uint8_t answer[BUILD_NEIGHBOUR_MAX];
	size_t answer_len;

	if (build_neighbour_answer(frame, len, v4, v6, peer_mac, answer, &answer_len))
		return false;
	/* A question that a router passed on (RFC 4861 section 7.1.1). */
	if (frame[12] == 0x86 && frame[ETH_HLEN + 7] != 255)
		return true;
	if (!gate->filtered && memcmp(frame + 6, gate->tap_mac, sizeof(gate->tap_mac)) != 0)
		return true;
	gate_send(gate, way, answer, answer, answer_len);
	return true;
}

static bool is_to_peer(const struct gate *gate, const struct packet_flow *flow)
{
	if (flow->family == AF_INET)
		return !memcmp(flow->dst, gate->info.peer_v4, 4);
	return flow->family == AF_INET6 && !memcmp(flow->dst, gate->info.peer_v6, 16);
}

bool gate_take(struct gate *gate, const uint8_t *frame, size_t len, struct gate_packet *ret_packet)
{
	struct gate_packet packet = { 0 };
	const struct packet_flow *flow = &packet.judged.flow;
	size_t inner = 0, inner_len = len;

	if (gate->outer) {
		if (answer_question(gate, &packet.way, frame, len, gate->vtep_v4, gate->vtep_v6) ||
		    tunnel_open(frame, len, gate->info.drops_of.outer_port, &packet.way.tunnel,
				&inner, &inner_len))
			return false;
	}
	if (inner_len < ETH_HLEN || answer_question(gate, &packet.way, frame + inner, inner_len,
						    gate->info.peer_v4, gate->info.peer_v6))
		return false;
	memcpy(packet.way.own_mac, gate->outer ? peer_mac : frame + inner, 6);
	memcpy(packet.way.remote_mac, frame + inner + 6, 6);
	if (gate->outer)
		tunnel_judge(frame, len, inner, inner_len, &packet.judged);
	else
		packet_judge(LINK_ETHERNET, frame, len, len, &packet.judged);
	if (!is_to_peer(gate, flow))
		return false;
	packet.frame = frame + inner;
	if (flow->dst_port == gate->ready_port &&
	    payload_is_ours(packet.frame + packet.judged.payload, packet.judged.payload_len,
			    &gate->ready))
		close_ready_socket(gate, flow->family == AF_INET6);
	*ret_packet = packet;
	return true;
}
