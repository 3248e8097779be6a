// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate: see gate.h.
 *
 * Frames are written to a TAP with NAPI (IFF_NAPI), so that they pass GRO as from a NIC; a flush timeout
 * lets segments that follow each other merge (the device's gro_flush_timeout, in a sysfs of our own, as
 * the host's may show another namespace). Frames with PSH set are never held back by GRO.
 *
 * By a VXLAN device: its filter at egress addresses what is for the peer to far_mac, whose forwarding entry
 * leads to the remote VTEP by the TAP and no other device. Answers come from peer_mac, whose entry is as
 * the device would learn it from them: packets from elsewhere than an entry says, the device drops.
 */
#include "probe/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/gate.h"
#include "net/feature.h"
#include "net/journal.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/route.h"
#include "net/vxlan.h"
#include "packet/build.h"

#define FLUSH_NS "2000000" /* segments written in a row are written within this time */
#define ADDRESS_SECONDS 120 /* how long an address of ours outlives a killed probe */
#define QUEUE_LEN 10000 /* frames */
#define WHY_LEN 200
#define FRAME_MAX 1000

static const uint8_t peer_mac[6] = { 0x02, 0x74, 0x73, 0x75, 0x6d, 0x02 };
static const uint8_t far_mac[6] = { 0x02, 0x74, 0x73, 0x75, 0x6d, 0x03 };

struct gate {
	int fd;
	int tap, entrance; /* interface indices; the same without --via */
	bool lent[2]; /* whether an address was put on the entrance, by side */
	const struct side *outer; /* the TAP's, where packets enter by a VXLAN device; or NULL */
	uint16_t outer_port;
	uint8_t peer_v4[4], peer_v6[16];
	uint8_t vtep_v4[4], vtep_v6[16];
	struct nl *nl;
	struct gate_programs *programs;
	struct journal *journal;
	char no_v4[WHY_LEN], no_v6[WHY_LEN], no_merging[WHY_LEN]; /* why not; empty: it has it */
};

/* One family's end of the gate. */
static const struct side {
	const char *host, *peer, *prefix;
	unsigned int prefix_len, documentation;
} sides[] = {
	{ GATE_V4, GATE_PEER_V4, "192.0.2.0", 30, GATE_DOCUMENTATION_V4 },
	{ GATE_V6, GATE_PEER_V6, "2001:db8:7473:756d::", 126, GATE_DOCUMENTATION_V6 },
};

/* The same of the underlay: IPv4, IPv6. */
static const struct side outer_sides[] = {
	{ GATE_OUTER_V4, GATE_VTEP_V4, "198.51.100.0", 30, GATE_DOCUMENTATION_V4 },
	{ GATE_OUTER_V6, GATE_VTEP_V6, "2001:db8:7473:756e::", 126, GATE_DOCUMENTATION_V6 },
};

static int open_tap(struct gate *gate)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_NAPI | IFF_TUN_EXCL };

	gate->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (gate->fd < 0)
		return fail_errno(-errno, "cannot open /dev/net/tun (is the tun driver there?)");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", GATE_DEVICE);
	if (ioctl(gate->fd, TUNSETIFF, &request) < 0) {
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

/* In a child: its mounts are its own. Returns the errno. */
static int set_flush_timeout(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	/* EBUSY: the one that is there shows this namespace. */
	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 && errno != EBUSY)
		return errno;
	if (write_file("/sys/class/net/" GATE_DEVICE "/napi_defer_hard_irqs", "1") < 0 ||
	    write_file("/sys/class/net/" GATE_DEVICE "/gro_flush_timeout", FLUSH_NS) < 0)
		return errno;
	return 0;
}

/* Hundreds of targets may speak at once. */
static void set_queue(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_qlen = QUEUE_LEN };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", GATE_DEVICE);
	if (fd < 0 || ioctl(fd, SIOCSIFTXQLEN, &request) < 0)
		return; /* with the default's 500 some sends are repeated */
}

static void let_merge(struct gate *gate)
{
	int status = 0;
	pid_t child = fork();

	if (!child)
		_exit(set_flush_timeout());
	if (child < 0 || waitpid(child, &status, 0) < 0)
		status = EAGAIN << 8;
	if (status)
		snprintf(gate->no_merging, sizeof(gate->no_merging),
			 "GRO's flush timeout cannot be set on " GATE_DEVICE ": %s",
			 strerror(WIFEXITED(status) ? WEXITSTATUS(status) : EINTR));
	/* Datagrams too, where the kernel can (5.12); where it cannot, none are seen to be merged. */
	feature_set(-1, GATE_DEVICE, "rx-udp-gro-forwarding", true);
}

/* -EADDRNOTAVAIL where no address of ours is there. IPv6 leaves the route of a lent address to its time. */
static int take_back(struct nl *nl, const struct side *side, int index)
{
	int rc = link_addr_delete(nl, index, side->host, side->prefix_len);

	if (!rc)
		route_delete(nl, side->prefix, side->prefix_len, index);
	link_neigh_delete(nl, index, side->peer);
	return rc;
}

/* An address that a killed probe left on a device goes; somebody else's use of it is -EADDRINUSE. */
static int look_for_use(struct nl *nl, const struct side *side)
{
	struct route route = { 0 };

	if (route_get(nl, side->peer, NULL, 0, &route) || route.prefix_len < side->documentation)
		return 0;
	if (!take_back(nl, side, route.oif))
		return look_for_use(nl, side);
	return fail(-EADDRINUSE,
		    "a route of this host leads to %s (a /%u): the probe needs that documentation "
		    "address for itself",
		    side->peer, route.prefix_len);
}

/* The host's way to the peer: a connected route by an address of ours, unless it leads there already. */
static int add_side(struct gate *gate, size_t number)
{
	const struct side *side = &sides[number];
	struct route route = { 0 };
	int rc;

	if (gate->entrance != gate->tap && !route_get(gate->nl, side->peer, NULL, 0, &route) &&
	    route.oif == gate->entrance)
		return 0;
	rc = link_addr_add(gate->nl, gate->entrance, side->host, side->prefix_len, ADDRESS_SECONDS);
	gate->lent[number] = !rc;
	/* A permanent neighbour has room even where the machine's table is full; others ask, and are answered. */
	if (!rc && gate->entrance == gate->tap)
		rc = link_neigh_add(gate->nl, gate->tap, side->peer, peer_mac);
	return rc;
}

static int find_tunnel(struct gate *gate, const char *via)
{
	struct vxlan vxlan = { 0 };
	const char *why = NULL;
	int rc = vxlan_get(gate->nl, gate->entrance, &vxlan);

	if (rc)
		return rc;
	if (vxlan.external)
		why = "it has no VNI of its own (external)";
	else if (vxlan.gpe)
		why = "it speaks VXLAN-GPE";
	else if (vxlan.remote_csum)
		why = "it finishes checksums for others (remote checksum offload)";
	if (why)
		return fail(
			-EOPNOTSUPP,
			"the probe cannot be a remote VTEP of %s, as %s: leave out --via, or name a "
			"bridge behind it",
			via, why);
	gate->outer = &outer_sides[vxlan.v6];
	gate->outer_port = vxlan.port;
	return look_for_use(gate->nl, gate->outer);
}

static int find_entrance(struct gate *gate, const char *via)
{
	struct link_info link = { 0 };
	int rc = link_get(gate->nl, via, &link);

	if (rc)
		return rc;
	if (link.flags & IFF_LOOPBACK)
		return fail(-EINVAL, "nothing enters a host by %s", via);
	gate->entrance = link.index;
	return strcmp(link.kind, "vxlan") ? 0 : find_tunnel(gate, via);
}

static int set_up(struct gate *gate)
{
	struct link_info link = { 0 };
	int rc = link_get(gate->nl, GATE_DEVICE, &link);

	if (rc)
		return rc;
	gate->tap = link.index;
	if (!gate->entrance)
		gate->entrance = gate->tap;
	set_queue();
	let_merge(gate);
	/*
	 * Nobody but the peer is out there: no router, and no duplicate to wait for before the device's
	 * link-local address may ask for neighbours. Absent without IPv6.
	 */
	netns_sysctl_write(-1, "net/ipv6/conf/" GATE_DEVICE "/accept_ra", "0");
	netns_sysctl_write(-1, "net/ipv6/conf/" GATE_DEVICE "/accept_dad", "0");
	rc = link_set_up(gate->nl, gate->tap);
	if (!rc && gate->outer) {
		rc = link_addr_add(gate->nl, gate->tap, gate->outer->host, gate->outer->prefix_len,
				   0);
		rc = rc ? rc : link_neigh_add(gate->nl, gate->tap, gate->outer->peer, peer_mac);
	}
	if (!rc && add_side(gate, 0))
		snprintf(gate->no_v4, sizeof(gate->no_v4), "%s", fail_text());
	if (!rc && add_side(gate, 1))
		snprintf(gate->no_v6, sizeof(gate->no_v6), "%s", fail_text());
	return rc;
}

/* To the remote VTEP, and from it. A device that answers for others (proxy) passes no question on. */
static int lead_into_tunnel(struct gate *gate)
{
	int rc = journal_fdb(gate->journal, far_mac, gate->outer->peer, gate->tap);

	rc = rc ? rc : journal_fdb(gate->journal, peer_mac, gate->outer->peer, 0);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(sides); i++)
		if (gate->lent[i])
			rc = journal_neighbour(gate->journal, sides[i].peer, peer_mac);
	return rc;
}

/* The TAP's filter goes with it; the one on somebody's device is recorded. */
static int attach(struct gate *gate, const struct gate_settings *settings)
{
	struct journal_place place = { .netns_fd = -1,
				       .device = settings->via,
				       .index = gate->entrance };
	struct gate_programs_settings programs = { .vouching = settings->vouching,
						   .tap = gate->tap };
	int rc;

	memcpy(programs.peer_v4, gate->peer_v4, sizeof(programs.peer_v4));
	memcpy(programs.peer_v6, gate->peer_v6, sizeof(programs.peer_v6));
	memcpy(programs.far_mac, far_mac, sizeof(programs.far_mac));
	if (settings->via)
		programs.via = gate->entrance;
	if (gate->outer)
		programs.inner = gate->outer == &outer_sides[0] ? TUNNEL_HEAD_V4 : TUNNEL_HEAD_V6;
	rc = gate_programs_load(&programs, &gate->programs);
	rc = rc ? rc : tc_clsact_add(gate->nl, gate->tap);
	rc = rc ? rc
		: tc_bpf_attach(gate->nl, gate->tap, TC_INGRESS, 1,
				gate_programs_in(gate->programs), "tsum_gate");
	if (rc || !settings->via)
		return rc;
	rc = journal_open(&place, "probe", settings->say, &gate->journal);
	rc = rc ? rc
		: journal_bpf(gate->journal, TC_EGRESS, 1, gate_programs_out(gate->programs),
			      "tsum_gate_out");
	return rc || !gate->outer ? rc : lead_into_tunnel(gate);
}

int gate_open(const struct gate_settings *settings, struct gate **ret_gate)
{
	_cleanup_(gate_cleanup) struct gate *gate = calloc(1, sizeof(*gate));
	struct journal_tally tally;
	int rc;

	if (!gate)
		return fail(-ENOMEM, "out of memory");
	gate->fd = -1;
	inet_pton(AF_INET, GATE_PEER_V4, gate->peer_v4);
	inet_pton(AF_INET6, GATE_PEER_V6, gate->peer_v6);
	inet_pton(AF_INET, GATE_VTEP_V4, gate->vtep_v4);
	inet_pton(AF_INET6, GATE_VTEP_V6, gate->vtep_v6);
	/* What a killed run left on devices, first. */
	rc = journal_recover(settings->say, &tally);
	rc = rc ? rc : nl_open(-1, NETLINK_ROUTE, &gate->nl);
	rc = rc ? rc : look_for_use(gate->nl, &sides[0]);
	rc = rc ? rc : look_for_use(gate->nl, &sides[1]);
	rc = rc || !settings->via ? rc : find_entrance(gate, settings->via);
	rc = rc ? rc : open_tap(gate);
	rc = rc ? rc : set_up(gate);
	if (rc)
		return rc;
	rc = attach(gate, settings);
	/* Without BPF packets still enter by the TAP; only nobody can say whether any were merged. */
	if (rc && (settings->vouching || settings->via))
		return rc;
	if (rc)
		snprintf(gate->no_merging, sizeof(gate->no_merging), "nobody can count: %.150s",
			 fail_text());
	*ret_gate = TAKE_PTR(gate);
	return 0;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++)
		if (gate->lent[i] && gate->entrance != gate->tap)
			take_back(gate->nl, &sides[i], gate->entrance);
	if (gate->journal)
		journal_close(gate->journal);
	gate_programs_free(gate->programs);
	if (gate->fd >= 0)
		close(gate->fd);
	nl_close(gate->nl);
	free(gate);
}

int gate_fd(const struct gate *gate)
{
	return gate->fd;
}

bool gate_has(const struct gate *gate, int family, const char **ret_why)
{
	*ret_why = family == AF_INET ? gate->no_v4 : gate->no_v6;
	return !**ret_why;
}

bool gate_merges(const struct gate *gate, const char **ret_why)
{
	*ret_why = gate->no_merging;
	return !**ret_why;
}

bool gate_merged(const struct gate *gate, uint16_t port)
{
	return gate_programs_merged(gate->programs, port);
}

const uint8_t *gate_peer(const struct gate *gate, int family)
{
	return family == AF_INET ? gate->peer_v4 : gate->peer_v6;
}

int gate_entrance(const struct gate *gate)
{
	return gate->entrance;
}

void gate_drops_of(const struct gate *gate, struct drops_of *ret_of)
{
	struct drops_of of = { .outer_port = gate->outer_port };

	memcpy(of.v4, gate->peer_v4, sizeof(of.v4));
	memcpy(of.v6, gate->peer_v6, sizeof(of.v6));
	if (gate->outer == &outer_sides[0]) {
		of.outer_family = AF_INET;
		memcpy(of.outer, gate->vtep_v4, sizeof(gate->vtep_v4));
	} else if (gate->outer) {
		of.outer_family = AF_INET6;
		memcpy(of.outer, gate->vtep_v6, sizeof(gate->vtep_v6));
	}
	*ret_of = of;
}

void gate_send(const struct gate *gate, const struct gate_way *way, const uint8_t *intact,
	       const uint8_t *sent, size_t len)
{
	uint8_t wrapped[FRAME_MAX];

	if (way->tunnel.family) {
		if (tunnel_wrap(&way->tunnel, intact, sent, len, wrapped, sizeof(wrapped), &len))
			return;
		sent = wrapped;
	}
	/* A frame that the TAP does not take is lost, as on any wire; what is missing is sent again. */
	if (write(gate->fd, sent, len) < 0)
		return;
}

/* Whether it asked for the MAC address of one of the two. */
static bool answer(const struct gate *gate, const struct gate_way *way, const uint8_t *frame,
		   size_t len, const uint8_t *v4, const uint8_t *v6)
{
	uint8_t answer[BUILD_NEIGHBOUR_MAX];
	size_t answer_len;

	if (build_neighbour_answer(frame, len, v4, v6, peer_mac, answer, &answer_len))
		return false;
	gate_send(gate, way, answer, answer, answer_len);
	return true;
}

bool gate_take(const struct gate *gate, const uint8_t *frame, size_t len,
	       struct gate_packet *ret_packet)
{
	struct gate_packet packet = { 0 };
	size_t inner = 0, inner_len = len;

	if (gate->outer) {
		if (answer(gate, &packet.way, frame, len, gate->vtep_v4, gate->vtep_v6) ||
		    tunnel_open(frame, len, gate->outer_port, &packet.way.tunnel, &inner,
				&inner_len))
			return false;
	}
	if (inner_len < ETH_HLEN ||
	    answer(gate, &packet.way, frame + inner, inner_len, gate->peer_v4, gate->peer_v6))
		return false;
	memcpy(packet.way.own_mac, gate->outer ? peer_mac : frame + inner, 6);
	memcpy(packet.way.remote_mac, frame + inner + 6, 6);
	if (gate->outer)
		tunnel_judge(frame, len, inner, inner_len, &packet.judged);
	else
		packet_judge(LINK_ETHERNET, frame, len, len, &packet.judged);
	*ret_packet = packet;
	return true;
}
