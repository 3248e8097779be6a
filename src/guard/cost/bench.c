// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The test bench: see bench.h.
 *
 *	sender: tsumwire == tsumwire :host: tsumveth == tsumeth :container
 *
 * Between containers of one host the sender's device leaves checksums unfinished and super-packets
 * whole: nothing sums or cuts them anywhere. For packets from a wire, the sender's tx offload is
 * off, so its kernel cuts and sums them before the device. What a NIC says of them is a BPF program
 * at the host's end. Whether the NIC merges them is that end's GRO, which runs before the program,
 * as in a NIC.
 *
 * To measure processor time, one pinned thread sends a chunk and then reads until nothing is left.
 * Over veth the kernel carries a packet into the receiving socket before send() returns, in the
 * sender's context. So all of the path's work is done by this thread, and is on the thread's own
 * clock, which stops while others have the processor. A kernel that accounts for interrupts
 * separately (CONFIG_IRQ_TIME_ACCOUNTING) does not count the path's work on that clock. There the
 * figure is the time that passed, without the time that the thread waited for a processor.
 */
#include "guard/cost/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "bpf/mark.h"
#include "net/feature.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/netfilter.h"
#include "net/nl.h"
#include "net/route.h"
#include "net/tc.h"

#define WIRE "tsumwire"
#define VETH "tsumveth"
#define CONTAINER "tsumeth"
#define TUNNEL "tsumvxlan"

/* Documentation addresses (RFC 5737). */
#define WIRE_SENDER "192.0.2.1"
#define WIRE_HOST "192.0.2.2"
#define TUNNEL_SENDER "203.0.113.1"
#define TUNNEL_HOST "203.0.113.2"
#define GATEWAY "198.51.100.1"
#define RECEIVER "198.51.100.2"
#define PORT 5555
#define ANY "0.0.0.0"

#define CONNTRACK_CHECKSUM "net/netfilter/nf_conntrack_checksum"
#define NIC_PRIORITY 1
#define RESET_PRIORITY 2
#define CONNECT_MS 3000

/* conntrack sees every packet if a rule asks for its state. */
#define CONNTRACK_RULES                                                                            \
	"table inet tsum { chain forward { type filter hook forward priority 0;"                   \
	" ct state established accept; accept; }; }"

#define SCHEDSTAT "/proc/thread-self/schedstat"
#define CHUNK 65536
#define DATAGRAMS 64 /* in a row */
#define WAIT_MS 5
#define PATIENCE_NS UINT64_C(1000000000)
/*
 * If less of the time that passed is on the thread's clock, interrupts are accounted for
 * separately.
 */
#define SEPARATE 0.9

struct end {
	int fd;
	struct nl *nl;
};

struct bench {
	struct marks *marks;
	const struct bench_path *path; /* NULL: none is built */
	struct end sender, host, container;
	int out, in; /* the flow's sockets; connected, non-blocking */
	cpu_set_t home; /* where this thread may run */
	int cpu, other; /* processors; the same if there is one only */
	int waited_fd; /* this thread's schedstat; -1: the kernel has none */
	uint64_t rounds, late;
	char chunk[CHUNK];
	char sink[2 * CHUNK];
};

const char *const bench_place_names[] = { "container's end", "sender's end", "VXLAN device", "host",
					  NULL };

/* ---- Building a path ---- */

/* Without IPv6, as the kernel would send packets of its own with it. */
static int make_end(struct end *end)
{
	static const char *const settings[][2] = {
		{ "net/ipv4/conf/all/rp_filter", "0" },
		{ "net/ipv4/conf/default/rp_filter", "0" },
		{ "net/ipv4/ip_forward", "1" },
		{ "net/ipv6/conf/all/disable_ipv6", "1" },
		{ "net/ipv6/conf/default/disable_ipv6", "1" },
	};
	struct link_info lo;
	int rc = netns_new(&end->fd);

	rc = rc ? rc : nl_open(end->fd, NETLINK_ROUTE, &end->nl);
	for (size_t i = 0; !rc && i < ARRAY_SIZE(settings); i++) {
		rc = netns_sysctl_write(end->fd, settings[i][0], settings[i][1]);
		if (rc == -ENOENT && strstr(settings[i][0], "ipv6"))
			rc = 0;
	}
	rc = rc ? rc : link_get(end->nl, "lo", &lo);
	return rc ? rc : link_set_up(end->nl, lo.index);
}

static int set_up(const struct end *end, const char *device, const char *address)
{
	struct link_info link;
	int rc = link_get(end->nl, device, &link);

	rc = rc ? rc : link_addr_add(end->nl, link.index, address, 24, 0);
	return rc ? rc : link_set_up(end->nl, link.index);
}

/*
 * Makes two devices know each other for good: no ARP between samples, and no entry in the neighbour
 * table, which all namespaces of a machine share and may have filled.
 */
static int introduce(const struct end *one, const char *one_device, const char *one_address,
		     const struct end *other, const char *other_device, const char *other_address)
{
	struct link_info a, b;
	int rc = link_get(one->nl, one_device, &a);

	rc = rc ? rc : link_get(other->nl, other_device, &b);
	rc = rc ? rc : link_neigh_add(one->nl, a.index, other_address, b.mac);
	return rc ? rc : link_neigh_add(other->nl, b.index, one_address, a.mac);
}

static int put_program(const struct bench *bench, const struct end *end, const char *device,
		       uint16_t priority, enum mark_program program)
{
	struct link_info link;
	int fd = mark_fd(bench->marks, program), rc;

	if (fd < 0)
		return fd;
	rc = link_get(end->nl, device, &link);
	rc = rc ? rc : tc_clsact_add(end->nl, link.index);
	return rc ? rc
		  : tc_bpf_attach(end->nl, link.index, TC_INGRESS, priority, fd,
				  mark_names[program]);
}

static int build_wire(const struct bench *bench)
{
	int rc = link_add_veth(bench->sender.nl, WIRE, WIRE, bench->host.fd);

	if (!rc && bench->path->wire)
		rc = feature_set(bench->sender.fd, WIRE, "tx-checksum-ip-generic", false);
	if (!rc && bench->path->merged)
		rc = feature_set(bench->host.fd, WIRE, "rx-gro", true);
	if (!rc && bench->path->vouched)
		rc = put_program(bench, &bench->host, WIRE, NIC_PRIORITY, MARK_VOUCH);
	rc = rc ? rc : set_up(&bench->sender, WIRE, WIRE_SENDER);
	rc = rc ? rc : set_up(&bench->host, WIRE, WIRE_HOST);
	return rc ? rc
		  : introduce(&bench->sender, WIRE, WIRE_SENDER, &bench->host, WIRE, WIRE_HOST);
}

static int build_way(const struct bench *bench)
{
	int rc;

	if (!bench->path->vxlan)
		return route_add(bench->sender.nl, ANY, 0, WIRE_HOST, 0);
	rc = link_add_vxlan(bench->sender.nl, TUNNEL, WIRE_SENDER, WIRE_HOST, false);
	rc = rc ? rc : link_add_vxlan(bench->host.nl, TUNNEL, WIRE_HOST, WIRE_SENDER, false);
	rc = rc ? rc : set_up(&bench->sender, TUNNEL, TUNNEL_SENDER);
	rc = rc ? rc : set_up(&bench->host, TUNNEL, TUNNEL_HOST);
	rc = rc ? rc
		: introduce(&bench->sender, TUNNEL, TUNNEL_SENDER, &bench->host, TUNNEL,
			    TUNNEL_HOST);
	return rc ? rc : route_add(bench->sender.nl, ANY, 0, TUNNEL_HOST, 0);
}

static int build_container(const struct bench *bench)
{
	int rc = link_add_veth(bench->host.nl, VETH, CONTAINER, bench->container.fd);

	rc = rc ? rc : set_up(&bench->host, VETH, GATEWAY);
	rc = rc ? rc : set_up(&bench->container, CONTAINER, RECEIVER);
	rc = rc ? rc
		: introduce(&bench->host, VETH, GATEWAY, &bench->container, CONTAINER, RECEIVER);
	rc = rc ? rc : route_add(bench->container.nl, ANY, 0, GATEWAY, 0);
	if (rc || !bench->path->conntrack)
		return rc;
	rc = netfilter_load(bench->host.fd, CONNTRACK_RULES);
	/* After the rules, as loading them loads conntrack, which has the sysctl. */
	return rc ? rc : netns_sysctl_write(bench->host.fd, CONNTRACK_CHECKSUM, "0");
}

/* ---- The flow ---- */

static int open_socket(const struct bench *bench, const struct end *end, int *ret_fd)
{
	_cleanup_(netns_leave) int home = -1;
	int one = 1, fd, rc = netns_enter(end->fd, &home);

	if (rc)
		return rc;
	fd = socket(AF_INET,
		    (bench->path->datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK |
			    SOCK_CLOEXEC,
		    0);
	if (fd < 0)
		return fail_errno(-errno, "cannot open a socket");
	if (!bench->path->datagram)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*ret_fd = fd;
	return 0;
}

static int wait_for(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int error = 0, count = poll(&wait, 1, CONNECT_MS);
	socklen_t size = sizeof(error);

	if (count < 0)
		return fail_errno(-errno, "cannot wait for a socket");
	if (!count)
		return fail(-ETIMEDOUT, "no packet got through the path to be measured");
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return error ? fail_errno(-error, "cannot connect through the path to be measured") : 0;
}

static int open_flow(struct bench *bench)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const struct sockaddr *to = (const struct sockaddr *)&address;
	_cleanup_close_ int bound = -1;
	int rc = open_socket(bench, &bench->container, &bound);

	rc = rc ? rc : open_socket(bench, &bench->sender, &bench->out);
	if (rc)
		return rc;
	inet_pton(AF_INET, RECEIVER, &address.sin_addr);
	if (bind(bound, to, sizeof(address)) < 0)
		return fail_errno(-errno, "cannot bind a socket");
	if (!bench->path->datagram && listen(bound, 1) < 0)
		return fail_errno(-errno, "cannot listen");
	if (connect(bench->out, to, sizeof(address)) < 0 && errno != EINPROGRESS)
		return fail_errno(-errno, "cannot connect");
	if (bench->path->datagram) {
		bench->in = TAKE_FD(bound);
		return 0;
	}
	rc = wait_for(bench->out, POLLOUT);
	rc = rc ? rc : wait_for(bound, POLLIN);
	if (rc)
		return rc;
	bench->in = accept4(bound, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return bench->in < 0 ? fail_errno(-errno, "cannot accept a connection") : 0;
}

static void tear_down(struct bench *bench)
{
	struct end *ends[] = { &bench->sender, &bench->host, &bench->container };

	cleanup_close(&bench->out);
	cleanup_close(&bench->in);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		nl_close(ends[i]->nl);
		cleanup_close(&ends[i]->fd);
		*ends[i] = (struct end){ .fd = -1 };
	}
	bench->out = bench->in = -1;
	bench->path = NULL;
}

int bench_build(struct bench *bench, const struct bench_path *path)
{
	int rc;

	tear_down(bench);
	bench->path = path;
	rc = make_end(&bench->sender);
	rc = rc ? rc : make_end(&bench->host);
	rc = rc ? rc : make_end(&bench->container);
	rc = rc ? rc : build_wire(bench);
	rc = rc ? rc : build_way(bench);
	rc = rc ? rc : build_container(bench);
	return rc ? rc : open_flow(bench);
}

/* ---- Its life ---- */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int bench_new(struct bench **ret_bench)
{
	_cleanup_(bench_cleanup) struct bench *bench = calloc(1, sizeof(*bench));
	int rc;

	if (!bench)
		return fail(-ENOMEM, "out of memory");
	bench->sender.fd = bench->host.fd = bench->container.fd = -1;
	bench->out = bench->in = bench->waited_fd = -1;
	memset(bench->chunk, 0xa5, sizeof(bench->chunk));
	if (sched_getaffinity(0, sizeof(bench->home), &bench->home) < 0)
		return fail_errno(-errno, "cannot read which processors this may use");
	rc = mark_open(&bench->marks);
	if (rc)
		return rc;
	bench->cpu = bench->other = sched_getcpu();
	for (int cpu = 0; cpu < CPU_SETSIZE && bench->other == bench->cpu; cpu++)
		if (cpu != bench->cpu && CPU_ISSET(cpu, &bench->home))
			bench->other = cpu;
	bench->waited_fd = open(SCHEDSTAT, O_RDONLY | O_CLOEXEC);
	pin(bench->cpu);
	*ret_bench = TAKE_PTR(bench);
	return 0;
}

void bench_free(struct bench *bench)
{
	if (!bench)
		return;
	tear_down(bench);
	if (CPU_COUNT(&bench->home))
		sched_setaffinity(0, sizeof(bench->home), &bench->home);
	cleanup_close(&bench->waited_fd);
	mark_close(bench->marks);
	free(bench);
}

/* ---- Switching a mitigation ---- */

static int switch_reset(const struct bench *bench, const struct end *end, const char *device,
			bool on)
{
	struct link_info link;
	int rc;

	if (on)
		return put_program(bench, end, device, RESET_PRIORITY, MARK_RESET);
	rc = link_get(end->nl, device, &link);
	/* With its clsact, which costs something, too, and is there for the mitigation only. */
	return rc ? rc : tc_clsact_delete(end->nl, link.index);
}

int bench_switch(struct bench *bench, enum bench_place place, enum mitigation mitigation, bool on)
{
	const struct {
		const struct end *end;
		const char *device;
	} places[BENCH_PLACES] = {
		[BENCH_CONTAINER] = { &bench->container, CONTAINER },
		[BENCH_SENDER] = { &bench->sender, WIRE },
		[BENCH_TUNNEL] = { &bench->sender, TUNNEL },
		[BENCH_HOST] = { &bench->host, NULL },
	};
	const struct end *end = places[place].end;
	const char *device = places[place].device;

	if (mitigation == MITIGATION_RX_OFF)
		return feature_set(end->fd, device, "rx-checksum", !on);
	if (mitigation == MITIGATION_TX_OFF)
		return feature_set(end->fd, device, "tx-checksum-ip-generic", !on);
	if (mitigation == MITIGATION_RESET)
		return switch_reset(bench, end, device, on);
	if (mitigation == MITIGATION_CONNTRACK_CHECKSUM)
		return netns_sysctl_write(end->fd, CONNTRACK_CHECKSUM, on ? "1" : "0");
	return fail(-EOPNOTSUPP, "the cost of this mitigation is not measured");
}

/* ---- One thread ---- */

/* How long this thread has waited for a processor since it began. */
static bool read_waited(int fd, uint64_t *ret_ns)
{
	unsigned long long ran, waited;
	char text[96];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return false;
	text[len] = '\0';
	if (sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return false;
	*ret_ns = waited;
	return true;
}

struct moment {
	uint64_t passed, own, waited;
	bool knows_waited;
};

static struct moment now(int waited_fd)
{
	struct moment moment = { 0 };

	moment.knows_waited = read_waited(waited_fd, &moment.waited);
	moment.own = clock_ns_of(CLOCK_THREAD_CPUTIME_ID);
	moment.passed = clock_ns();
	return moment;
}

static double processor_time(const struct moment *from, const struct moment *to)
{
	double own = (double)(to->own - from->own);
	double had = (double)(to->passed - from->passed) - (double)(to->waited - from->waited);

	return from->knows_waited && own < SEPARATE * had ? had : own;
}

/* Sends at most a chunk without waiting. Returns whether anything was sent. */
static bool send_some(struct bench *bench)
{
	int fd = bench->out;
	size_t datagram = bench->path->datagram;
	bool any = false;

	if (!datagram)
		return send(fd, bench->chunk, CHUNK, MSG_NOSIGNAL) > 0;
	for (int i = 0; i < DATAGRAMS; i++)
		any |= send(fd, bench->chunk, datagram, MSG_NOSIGNAL) > 0;
	return any;
}

/* Reads until nothing is left. Returns how many bytes. */
static uint64_t read_all(struct bench *bench)
{
	uint64_t bytes = 0;
	ssize_t len;

	while ((len = recv(bench->in, bench->sink, sizeof(bench->sink), 0)) > 0)
		bytes += (uint64_t)len;
	return bytes;
}

/*
 * Called if nothing could be sent or read: a window is closed, or the kernel works in another
 * context. Sleeps until something arrives; sleep is not on the thread's clock.
 */
static void wait_for_packets(const struct bench *bench)
{
	struct pollfd wait = { .fd = bench->in, .events = POLLIN };

	poll(&wait, 1, WAIT_MS);
}

static int sample_cpu(struct bench *bench, uint64_t ns, double *ret_ns_per_kib)
{
	struct moment from = now(bench->waited_fd), to;
	uint64_t bytes = 0, end = from.passed + ns, last = from.passed;

	while (clock_ns() < end || !bytes) {
		bool sent = send_some(bench);
		uint64_t got = read_all(bench);

		bench->rounds++;
		bytes += got;
		if (got) {
			last = clock_ns();
			continue;
		}
		bench->late++;
		if (!sent)
			wait_for_packets(bench);
		if (clock_ns() - last > PATIENCE_NS)
			return fail(-ETIMEDOUT, "no packet got through the path to be measured");
	}
	to = now(bench->waited_fd);
	*ret_ns_per_kib = processor_time(&from, &to) / ((double)bytes / 1024);
	return 0;
}

/* ---- Two threads ---- */

struct reader {
	struct bench *bench;
	int fd;
	atomic_bool ended; /* the sender has */
	uint64_t bytes;
	double spent;
};

/*
 * Reads until the sender has ended and nothing is left, so that the time for all bytes sent is
 * counted.
 */
static void *read_on(void *data)
{
	struct reader *reader = data;
	struct pollfd wait = { .fd = reader->fd, .events = POLLIN };
	int waited_fd = open(SCHEDSTAT, O_RDONLY | O_CLOEXEC);
	struct moment from, to;

	pin(reader->bench->other);
	from = now(waited_fd);
	for (;;) {
		bool last = atomic_load(&reader->ended);
		ssize_t len = recv(wait.fd, reader->bench->sink, sizeof(reader->bench->sink), 0);

		if (len > 0)
			reader->bytes += (uint64_t)len;
		else if (last)
			break;
		else
			poll(&wait, 1, WAIT_MS);
	}
	to = now(waited_fd);
	reader->spent = processor_time(&from, &to);
	cleanup_close(&waited_fd);
	return NULL;
}

static int sample_throughput(struct bench *bench, uint64_t ns, double *ret_bytes_per_second)
{
	struct reader reader = { .bench = bench, .fd = bench->in };
	struct pollfd wait = { .fd = bench->out, .events = POLLOUT };
	struct moment from, to;
	pthread_t thread;
	double spent;
	int rc = pthread_create(&thread, NULL, read_on, &reader);

	if (rc)
		return fail_errno(-rc, "cannot start a thread");
	from = now(bench->waited_fd);
	while (clock_ns() < from.passed + ns)
		if (!send_some(bench))
			poll(&wait, 1, WAIT_MS);
	to = now(bench->waited_fd);
	atomic_store(&reader.ended, true);
	pthread_join(thread, NULL);
	spent = processor_time(&from, &to);
	spent = spent > reader.spent ? spent : reader.spent;
	*ret_bytes_per_second = (double)reader.bytes * 1e9 / spent;
	return 0;
}

/* ---- Packets ---- */

static int read_received(const struct bench *bench, uint64_t *ret_bytes, uint64_t *ret_packets)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_fclose_ FILE *devices = NULL;
	char line[512];
	int rc = netns_enter(bench->container.fd, &home);

	if (rc)
		return rc;
	devices = fopen("/proc/thread-self/net/dev", "re");
	if (!devices)
		return fail_errno(-errno, "cannot read /proc/thread-self/net/dev");
	while (fgets(line, sizeof(line), devices)) {
		uint64_t bytes, packets;

		if (sscanf(line, " " CONTAINER ": %" SCNu64 " %" SCNu64, &bytes, &packets) != 2)
			continue;
		*ret_bytes = bytes;
		*ret_packets = packets;
		return 0;
	}
	return fail(-ENODEV, "device " CONTAINER " is gone");
}

static int sample_packet(struct bench *bench, uint64_t ns, double *ret_bytes)
{
	uint64_t bytes[2] = { 0 }, packets[2] = { 0 };
	double cpu;
	int rc = read_received(bench, &bytes[0], &packets[0]);

	rc = rc ? rc : sample_cpu(bench, ns, &cpu);
	rc = rc ? rc : read_received(bench, &bytes[1], &packets[1]);
	if (!rc)
		*ret_bytes = packets[1] == packets[0] ? 0
						      : (double)(bytes[1] - bytes[0]) /
								(double)(packets[1] - packets[0]);
	return rc;
}

int bench_sample(struct bench *bench, enum bench_figure figure, uint64_t ns, double *ret_value)
{
	static int (*const samplers[])(struct bench * bench, uint64_t ns, double *ret_value) = {
		[BENCH_CPU] = sample_cpu,
		[BENCH_THROUGHPUT] = sample_throughput,
		[BENCH_PACKET] = sample_packet,
	};

	return samplers[figure](bench, ns, ret_value);
}

struct bench_facts bench_facts(const struct bench *bench)
{
	return (struct bench_facts){
		.two_processors = bench->cpu != bench->other,
		.elsewhere = bench->rounds ? (double)bench->late / (double)bench->rounds : 0,
	};
}
