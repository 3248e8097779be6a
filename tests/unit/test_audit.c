// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit/rules.c, tree.c, collect.c and baseline.c on made-up facts: cases that namespaces cannot
 * imitate (drivers, old kernels, LRO, a failing NIC); and each rule is silent if one of its
 * conditions is not met.
 *
 * The host has eth0 (virtio_net), a VXLAN on it, and a bridge br0 with veths v1 and v2. Containers
 * web and db have the other ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/baseline.h"
#include "audit/collect.h"
#include "audit/rules.h"
#include "audit/tree.h"
#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

enum { HOST, WEB, DB, SPACES };
enum { ETH0, VXLAN, BR0, V1, V2, HOST_DEVICES };
enum { RX, TX, GSO, TSO, GRO, LRO, FEATURES };

static const char *const feature_names[FEATURES] = { "rx-checksum",
						     "tx-checksum-ip-generic",
						     "tx-generic-segmentation",
						     "tx-tcp-segmentation",
						     "rx-gro",
						     "rx-lro" };

static struct space spaces[SPACES];
static struct device host_devices[HOST_DEVICES], inner[SPACES];
static struct audit_space more[SPACES];
static struct audit_device more_host[HOST_DEVICES], more_inner[SPACES];
static struct audit_facts facts;

static void device(size_t space, size_t number, const char *name, const char *kind,
		   const char *driver)
{
	struct device *one = &spaces[space].device[number];

	*one = (struct device){ .index = (int)number + 2,
				.flags = IFF_UP,
				.mtu = 1500,
				.link_space = -1,
				.vxlan_csum = true };
	snprintf(one->name, sizeof(one->name), "%s", name);
	snprintf(one->kind, sizeof(one->kind), "%s", kind);
	snprintf(one->driver, sizeof(one->driver), "%s", driver);
	snprintf(more[space].device[number].name, IFNAMSIZ, "%s", name);
	more[space].device[number].features_known = true;
	more[space].device[number].features.active[0] = 1U << RX | 1U << TX | 1U << GSO | 1U << TSO;
}

static void join(size_t port, size_t space)
{
	host_devices[port].master = host_devices[BR0].index;
	host_devices[port].link = inner[space].index;
	host_devices[port].link_space = (int)space;
	inner[space].link = host_devices[port].index;
	inner[space].link_space = HOST;
}

static int make_facts(void **state)
{
	static const char *const names[SPACES] = { "host", "web", "db" };

	(void)state;
	memset(spaces, 0, sizeof(spaces));
	memset(more, 0, sizeof(more));
	memset(more_host, 0, sizeof(more_host));
	memset(more_inner, 0, sizeof(more_inner));
	facts = (struct audit_facts){ .inventory = { .space = spaces, .space_count = SPACES },
				      .space = more,
				      .log_known = true,
				      .kernel = "6.1.0-9-amd64" };
	facts.names.count = FEATURES;
	for (size_t i = 0; i < FEATURES; i++)
		snprintf(facts.names.name[i], FEATURE_NAME, "%s", feature_names[i]);
	for (size_t i = 0; i < SPACES; i++) {
		snprintf(spaces[i].name, sizeof(spaces[i].name), "%s", names[i]);
		snprintf(more[i].name, sizeof(more[i].name), "%s", names[i]);
		spaces[i].own = i == HOST;
		spaces[i].pid = 100 + (pid_t)i;
		spaces[i].device = i == HOST ? host_devices : &inner[i];
		spaces[i].device_count = i == HOST ? HOST_DEVICES : 1;
		more[i].device = i == HOST ? more_host : &more_inner[i];
		more[i].nat = NAT_UNKNOWN;
		more[i].counters_known = true;
		for (size_t k = 0; k < AUDIT_SYSCTLS; k++)
			more[i].sysctl[k] = k == SYSCTL_CONNTRACK_CHECKSUM;
	}
	device(HOST, ETH0, "eth0", "", "virtio_net");
	device(HOST, VXLAN, "flannel.1", "vxlan", "vxlan");
	device(HOST, BR0, "br0", "bridge", "bridge");
	device(HOST, V1, "v1", "veth", "veth");
	device(HOST, V2, "v2", "veth", "veth");
	device(WEB, 0, "eth0", "veth", "veth");
	device(DB, 0, "eth0", "veth", "veth");
	more_host[VXLAN].tunnel_lower = host_devices[ETH0].index;
	join(V1, WEB);
	join(V2, DB);
	return 0;
}

static void turn(struct audit_device *one, unsigned int feature, bool on)
{
	one->features.active[0] &= ~(1U << feature);
	one->features.active[0] |= (uint32_t)on << feature;
}

/* The findings, each "id severity namespace device\n". */
static const char *judge(void)
{
	static char text[4096];
	struct audit_findings findings;
	size_t used = 0;

	assert_int_equal(audit_judge(&facts, &findings), 0);
	*text = '\0';
	for (size_t i = 0; i < findings.count; i++) {
		const struct audit_finding *finding = &findings.finding[i];

		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %s %s\n",
					 finding->rule->id, audit_severity_names[finding->severity],
					 more[finding->place.space].name,
					 finding->place.device == AUDIT_NONE
						 ? "-"
						 : audit_details(&facts, finding->place)->name);
	}
	audit_findings_release(&findings);
	return text;
}

static const char *first_remedy(void)
{
	static char text[sizeof(((struct audit_finding *)NULL)->remedy)];
	struct audit_findings findings;

	assert_int_equal(audit_judge(&facts, &findings), 0);
	assert_true(findings.count > 0);
	snprintf(text, sizeof(text), "%s", findings.finding[0].remedy);
	audit_findings_release(&findings);
	return text;
}

static void test_clean(void **state)
{
	(void)state;
	assert_string_equal(judge(), "");
}

static void test_tunnel_drivers(void **state)
{
	(void)state;
	strcpy(host_devices[ETH0].driver, "vmxnet3");
	assert_string_equal(judge(), "tunnel-tx-checksum warning host flannel.1\n");
	assert_string_equal(first_remedy(), "ethtool -K flannel.1 tx-checksum-ip-generic off");
	strcpy(host_devices[VXLAN].kind, "geneve");
	assert_string_equal(judge(), "tunnel-tx-checksum warning host flannel.1\n");
	turn(&more_host[VXLAN], TX, false);
	assert_string_equal(judge(), "");
	turn(&more_host[VXLAN], TX, true);
	turn(&more_host[ETH0], TX, false);
	assert_string_equal(judge(), "");
	turn(&more_host[ETH0], TX, true);
	more_host[VXLAN].tunnel_lower = 0;
	assert_string_equal(judge(), "");
}

static void test_tunnel_outer_checksum(void **state)
{
	(void)state;
	strcpy(host_devices[ETH0].driver, "ice");
	assert_string_equal(judge(), "tunnel-tx-checksum note host flannel.1\n");
	host_devices[VXLAN].vxlan_csum = false;
	assert_string_equal(judge(), "vxlan-zero-checksum note host flannel.1\n");
}

static void test_veth_version(void **state)
{
	static const struct {
		const char *release;
		bool doubtful;
	} releases[] = { { "3.10.0-1160.el7.x86_64", true },
			 { "4.3.6", true },
			 { "4.4.0", false },
			 { "5.10.0-30", false },
			 { "2.6.32", true },
			 { "weird", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++) {
		snprintf(facts.kernel, sizeof(facts.kernel), "%s", releases[i].release);
		assert_string_equal(judge(),
				    releases[i].doubtful ? "veth-version note host -\n" : "");
	}
}

/* On a kernel that may be unfixed, rx off is a protection. */
static void test_rx_off(void **state)
{
	(void)state;
	turn(&more_inner[WEB], RX, false);
	assert_string_equal(judge(), "rx-off-useless note web eth0\n");
	assert_string_equal(first_remedy(), "nsenter -t 101 -n ethtool -K eth0 rx on");
	strcpy(facts.kernel, "3.10.0");
	assert_string_equal(judge(), "veth-version note host -\n");
	strcpy(facts.kernel, "6.1.0");
	more_inner[WEB].features_known = false;
	assert_string_equal(judge(), "");
}

static void test_nat(void **state)
{
	(void)state;
	more[HOST].sysctl[SYSCTL_CONNTRACK_CHECKSUM] = 0;
	more[HOST].nat = NAT_NO;
	assert_string_equal(judge(), "");
	more[HOST].nat = NAT_UNKNOWN;
	assert_string_equal(judge(), "");
	more[HOST].nat = NAT_YES;
	assert_string_equal(judge(), "conntrack-unchecked warning host -\n");
	strcpy(facts.kernel, "4.1.2");
	assert_string_equal(judge(),
			    "conntrack-unchecked danger host -\nveth-version note host -\n");
}

static void test_lro(void **state)
{
	(void)state;
	turn(&more_host[ETH0], LRO, true);
	assert_string_equal(judge(), "");
	more[HOST].sysctl[SYSCTL_FORWARD_V6] = 1;
	assert_string_equal(judge(), "lro-forwarding warning host eth0\n");
	more[HOST].sysctl[SYSCTL_FORWARD_V6] = 0;
	host_devices[ETH0].master = host_devices[BR0].index;
	assert_string_equal(judge(), "lro-forwarding warning host eth0\n");
	assert_string_equal(first_remedy(), "ethtool -K eth0 lro off");
}

static void test_xdp(void **state)
{
	struct audit_program program = { .hook = "xdp", .id = 7, .redirects = REDIRECTS_YES };

	(void)state;
	/* Packets from a wire have finished checksums. */
	more_host[ETH0].program = &program;
	more_host[ETH0].program_count = 1;
	assert_string_equal(judge(), "");
	more_host[ETH0].program_count = 0;
	more_host[V1].program = &program;
	more_host[V1].program_count = 1;
	assert_string_equal(judge(), "xdp-unfinished warning host v1\n");
	assert_string_equal(first_remedy(), "nsenter -t 101 -n ethtool -K eth0 tx off");
	program.redirects = REDIRECTS_UNKNOWN;
	assert_string_equal(judge(), "xdp-unfinished note host v1\n");
	program.redirects = REDIRECTS_NO;
	assert_string_equal(judge(), "");
	program.redirects = REDIRECTS_YES;
	program.hook = "tc ingress";
	assert_string_equal(judge(), "");
}

static void test_packet_sockets(void **state)
{
	struct audit_packet_socket socket = { .index = 4, .pid = 9, .comm = "vpp_main" };

	(void)state;
	more[HOST].packet_socket = &socket;
	more[HOST].packet_socket_count = 1;
	assert_string_equal(judge(), "packet-socket-unfinished warning host br0\n");
	strcpy(socket.comm, "other");
	assert_string_equal(judge(), "packet-socket-unfinished note host br0\n");
	socket.index = 0;
	assert_string_equal(judge(), "packet-socket-unfinished note host br0\n");
	socket.index = host_devices[ETH0].index;
	assert_string_equal(judge(), "");
	socket.index = 4;
	socket.sees_status = true;
	assert_string_equal(judge(), "");
}

static void test_counters(void **state)
{
	(void)state;
	more[WEB].counters = (struct counters){ .tcp_in_csum_errors = 1, .in_packets = 1000 };
	more[DB].counters = (struct counters){ .udp_in_csum_errors = 2, .in_packets = 900000000 };
	more[HOST].counters = (struct counters){ .conntrack_invalid = 3 };
	assert_string_equal(judge(), "checksum-errors warning web -\n"
				     "checksum-errors note db -\n"
				     "conntrack-invalid note host -\n");
}

/* Records as /dev/kmsg yields them: one for each read(). */
static void scan(const char *const *records, size_t count)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(write(pair[1], records[i], strlen(records[i])) > 0);
	facts.log_known = false;
	facts.csum_failures = 0;
	audit_scan_log(&facts, pair[0]);
	close(pair[0]);
	close(pair[1]);
}

static void test_log(void **state)
{
	static const char *const good[] = {
		"6,1,100,-;eth0: link up\n SUBSYSTEM=net\n",
		"12,2,100,-;eth0: hw csum failure\n", /* not the kernel's own */
		"hw csum failure", ";: hw csum failure"
	};
	static const char *const bad[] = { "3,1,100,-;eth1: hw csum failure\n",
					   "3,2,100,-;virtio_net virtio0 eth0: hw csum failure\n" };

	(void)state;
	scan(good, ARRAY_SIZE(good));
	assert_true(facts.log_known);
	assert_string_equal(judge(), "");
	scan(bad, ARRAY_SIZE(bad));
	assert_int_equal(facts.csum_failures, 2);
	assert_string_equal(judge(), "hw-csum-failure warning host eth0\n");
	assert_string_equal(first_remedy(), "ethtool -K eth0 rx off");
	scan(NULL, 0);
	assert_true(facts.log_known);
}

/* A remedy gets pasted into a root shell: a device's name must do nothing there. */
static void test_quoting(void **state)
{
	(void)state;
	turn(&more_inner[WEB], RX, false);
	strcpy(inner[WEB].name, "a;$(id) b");
	strcpy(spaces[WEB].path, "/run/netns/x y");
	assert_string_equal(first_remedy(), "ip netns exec 'x y' ethtool -K 'a;$(id) b' rx on");
	strcpy(inner[WEB].name, "it's");
	strcpy(spaces[WEB].path, "/run/netns/-n");
	assert_string_equal(first_remedy(), "ip netns exec '-n' ethtool -K 'it'\\''s' rx on");
	strcpy(inner[WEB].name, "\x1b]0;x\a\xff");
	strcpy(spaces[WEB].path, "/run/netns/\x9b");
	assert_string_equal(
		first_remedy(),
		"ip netns exec \"$(printf '\\233')\" ethtool -K \"$(printf '\\033]0;x\\007\\377')\" rx on");
	strcpy(spaces[WEB].path, "/run/a b/x"); /* mounted elsewhere, and nobody is in it */
	spaces[WEB].pid = 0;
	assert_string_equal(
		first_remedy(),
		"nsenter --net='/run/a b/x' ethtool -K \"$(printf '\\033]0;x\\007\\377')\" rx on");
}

/* The tree as lines "DEPTH NAMESPACE DEVICE". */
static const char *draw(bool all)
{
	static char text[4096];
	struct audit_findings findings = { 0 };
	struct audit_tree tree;
	size_t used = 0;

	assert_int_equal(audit_tree_build(&facts, &findings, all, &tree), 0);
	for (size_t i = 0; i < tree.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%u %s %s\n",
					 tree.row[i].depth, more[tree.row[i].place.space].name,
					 tree.row[i].place.device == AUDIT_NONE
						 ? "-"
						 : audit_details(&facts, tree.row[i].place)->name);
	audit_tree_release(&tree);
	return text;
}

static void test_tree(void **state)
{
	(void)state;
	assert_string_equal(draw(false), "0 host -\n1 host eth0\n2 host flannel.1\n1 host br0\n"
					 "2 host v1\n3 web eth0\n2 host v2\n3 db eth0\n");
	/* The tree has the bridge below the port that leads outside. */
	host_devices[ETH0].master = host_devices[BR0].index;
	assert_string_equal(draw(false), "0 host -\n1 host eth0\n2 host flannel.1\n2 host br0\n"
					 "3 host v1\n4 web eth0\n3 host v2\n4 db eth0\n");
	host_devices[ETH0].master = 0;
	host_devices[VXLAN].master = host_devices[BR0].index;
	assert_string_equal(draw(false), "0 host -\n1 host eth0\n2 host flannel.1\n3 host br0\n"
					 "4 host v1\n5 web eth0\n4 host v2\n5 db eth0\n");
}

/*
 * Hostile or inconsistent facts may have circles and links to nowhere. Every device is still drawn
 * once.
 */
static void test_tree_circles(void **state)
{
	size_t lines = 0;

	(void)state;
	host_devices[ETH0].master = host_devices[BR0].index;
	more_host[VXLAN].tunnel_lower = host_devices[VXLAN].index;
	host_devices[BR0].link = host_devices[VXLAN].index;
	host_devices[BR0].link_space = HOST;
	strcpy(host_devices[BR0].kind, "vlan");
	more_host[VXLAN].tunnel_lower = host_devices[BR0].index;
	host_devices[V1].link_space = 77;
	inner[DB].link = 9999;
	for (const char *at = draw(true); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, HOST_DEVICES + SPACES - 1 + 2);
}

static void test_roles(void **state)
{
	static const struct {
		const char *name, *container, *hostname, *comm, *role;
	} cases[] = {
		{ "web", "0123456789abcdef", "0123456789ab", "nginx", "web" },
		{ "0123456789ab", "0123456789abcdef", "shop-7d4b9c6f5d-x2x9k", "nginx", "shop" },
		{ "0123456789ab", "0123456789abcdef", "db-0", "postgres", "db-0" },
		{ "0123456789ab", "0123456789abcdef", "my-mysql", "mysqld", "my-mysql" },
		{ "0123456789ab", "0123456789abcdef", "0123456789ab", "nginx", "nginx" },
		{ "nginx[101]", "", "node1", "nginx", "nginx" },
		{ "nginx[101]", "", "agent-bcdfg", "nginx", "agent" },
	};

	(void)state;
	strcpy(spaces[HOST].hostname, "node1");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *baseline = NULL, *space;

		snprintf(spaces[WEB].name, sizeof(spaces[WEB].name), "%s", cases[i].name);
		snprintf(spaces[WEB].container, sizeof(spaces[WEB].container), "%s",
			 cases[i].container);
		snprintf(spaces[WEB].hostname, sizeof(spaces[WEB].hostname), "%s",
			 cases[i].hostname);
		snprintf(spaces[WEB].comm, sizeof(spaces[WEB].comm), "%s", cases[i].comm);
		assert_int_equal(audit_baseline_make(&facts, &baseline), 0);
		space = json_array_get(json_object_get(baseline, "namespaces"), WEB);
		assert_string_equal(json_string_value(json_object_get(space, "name")),
				    cases[i].role);
		json_decref(baseline);
	}
}

/* If several devices share a name, one that equals any earlier one has not changed. */
static void test_replicas(void **state)
{
	json_t *was = NULL, *now = NULL;
	struct audit_drift drift;

	(void)state;
	strcpy(spaces[DB].name, "web");
	turn(&more_inner[DB], TX, false);
	assert_int_equal(audit_baseline_make(&facts, &was), 0);
	turn(&more_inner[DB], TX, true);
	turn(&more_inner[WEB], TX, false);
	assert_int_equal(audit_baseline_make(&facts, &now), 0);
	assert_int_equal(audit_baseline_compare(was, now, &drift), 0);
	assert_int_equal(drift.count, 0);
	assert_int_equal(drift.unknown, 0);
	json_decref(now);
	turn(&more_inner[WEB], GSO, false);
	assert_int_equal(audit_baseline_make(&facts, &now), 0);
	assert_int_equal(audit_baseline_compare(was, now, &drift), 0);
	assert_true(drift.count > 0);
	assert_string_equal(drift.change[0].namespace, "web");
	assert_string_equal(drift.change[0].device, "eth0");
	audit_drift_release(&drift);
	json_decref(now);
	json_decref(was);
}

/* Every rule is in the man page, with its severity. */
static void test_manual(void **state)
{
	_cleanup_fclose_ FILE *page = fopen("man/truesum-audit.1", "re");
	static char text[200000];
	char item[80];

	(void)state;
	if (!page)
		skip();
	text[fread(text, 1, sizeof(text) - 1, page)] = '\0';
	for (size_t i = 0; i < audit_rule_count; i++) {
		const char *at;

		snprintf(item, sizeof(item), ".It Cm %s\n", audit_rules[i].id);
		at = strstr(text, item);
		assert_non_null(at);
		at += strlen(item);
		assert_int_equal(strncasecmp(at, audit_severity_names[audit_rules[i].severity],
					     strlen(audit_severity_names[audit_rules[i].severity])),
				 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_clean, make_facts),
		cmocka_unit_test_setup(test_tunnel_drivers, make_facts),
		cmocka_unit_test_setup(test_tunnel_outer_checksum, make_facts),
		cmocka_unit_test_setup(test_veth_version, make_facts),
		cmocka_unit_test_setup(test_rx_off, make_facts),
		cmocka_unit_test_setup(test_nat, make_facts),
		cmocka_unit_test_setup(test_lro, make_facts),
		cmocka_unit_test_setup(test_xdp, make_facts),
		cmocka_unit_test_setup(test_packet_sockets, make_facts),
		cmocka_unit_test_setup(test_counters, make_facts),
		cmocka_unit_test_setup(test_log, make_facts),
		cmocka_unit_test_setup(test_quoting, make_facts),
		cmocka_unit_test_setup(test_tree, make_facts),
		cmocka_unit_test_setup(test_tree_circles, make_facts),
		cmocka_unit_test_setup(test_roles, make_facts),
		cmocka_unit_test_setup(test_replicas, make_facts),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
