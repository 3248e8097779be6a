// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net/inventory.c in a small world of its own: this process moves into fresh network and mount
 * namespaces, where /run is empty, and makes "containers": children in a network and a UTS
 * namespace. All of it ends with the process.
 *
 *     host ── h0 ═ eth0 (web) ── n0 ═ n0 (db)      br0: h0, h1    mv0 over br0: (db)
 *          └─ h1 ═ b1 (netns blue, no process)     vx4, vx6: VXLAN
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/inventory.h"
#include "net/link.h"
#include "net/nl.h"
#include "net/route.h"

#define WEB_ID "0f3c9a8d7e6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a09"
#define SIDE_ID "b1946ac92492d2347c6235b4d2611184a7bb0d8f6b1c9d2e3f4a5b6c7d8e9f00"
#define POD_ID "0f3c000000000000000000000000000000000000000000000000000000000001"
#define BARE_ID "abcdef012345000000000000000000000000000000000000000000000000ffff"
#define POD_UID "2a8f0b5e-90d4-4c3f-8a77-6e5d4c3b2a19"
#define ENGINE "/run/engine.sock"

struct container {
	pid_t pid;
	int netns;
};

static struct {
	bool there;
	struct container web, side, db, pod, bare, thief; /* side: in web's namespace */
	struct nl *nl;
	int h0, br0, blue;
} world;

#define NEEDS_WORLD()                                                                              \
	do {                                                                                       \
		(void)state;                                                                       \
		if (!world.there) {                                                                \
			print_message("needs root, network and mount namespaces\n");               \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/*
 * Starts a child named `comm` in namespace `netns` (-1: a new one), with a hostname and a cgroup of
 * its own.
 */
static struct container start(const char *comm, const char *hostname, const char *cgroup, int netns)
{
	struct container container = { 0 };
	char path[64], mine[64];
	int ready[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	container.pid = fork();
	if (!container.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		if ((netns < 0 ? unshare(CLONE_NEWNET) : setns(netns, CLONE_NEWNET)) ||
		    unshare(CLONE_NEWUTS) || sethostname(hostname, strlen(hostname)) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], path, 1), 1);
	close(ready[0]);
	snprintf(path, sizeof(path), "%d", (int)container.pid);
	assert_int_equal(netns_open(path, &container.netns), 0);
	if (cgroup) {
		snprintf(mine, sizeof(mine), "/run/cgroup-%d", (int)container.pid);
		snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)container.pid);
		write_file(mine, cgroup);
		assert_int_equal(mount(mine, path, NULL, MS_BIND, NULL), 0);
	}
	return container;
}

static void mount_netns(int fd, const char *path)
{
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	write_file(path, "");
	assert_int_equal(mount(from, path, NULL, MS_BIND, NULL), 0);
}

static int index_of(struct nl *nl, const char *name)
{
	struct link_info info;

	assert_int_equal(link_get(nl, name, &info), 0);
	return info.index;
}

static int set_up(struct nl *nl, const char *name)
{
	int index = index_of(nl, name);

	assert_int_equal(link_set_up(nl, index), 0);
	return index;
}

static void make_host(void)
{
	assert_int_equal(link_add_bridge(world.nl, "br0"), 0);
	assert_int_equal(link_add_veth(world.nl, "h0", "eth0", world.web.netns), 0);
	assert_int_equal(link_add_veth(world.nl, "h1", "b1", world.blue), 0);
	world.br0 = set_up(world.nl, "br0");
	world.h0 = set_up(world.nl, "h0");
	assert_int_equal(link_set_master(world.nl, world.h0, world.br0), 0);
	assert_int_equal(link_set_master(world.nl, index_of(world.nl, "h1"), world.br0), 0);
	assert_int_equal(link_add_vxlan(world.nl, "vx4", "192.0.2.1", "192.0.2.2", true), 0);
	assert_int_equal(link_add_vxlan(world.nl, "vx6", "2001:db8::1", "2001:db8::2", false), 0);
	assert_int_equal(link_add_over(world.nl, "macvlan", "mv0", world.br0, world.db.netns), 0);
	assert_int_equal(link_add_over(world.nl, "macvlan", "mv1", world.br0, -1), 0);
}

static void make_web(void)
{
	struct nl *nl = NULL;
	int index;

	assert_int_equal(nl_open(world.web.netns, NETLINK_ROUTE, &nl), 0);
	assert_int_equal(link_add_veth(nl, "n0", "n0", world.db.netns), 0);
	index = set_up(nl, "eth0");
	assert_int_equal(link_addr_add(nl, index, "10.1.0.2", 24, 0), 0);
	assert_int_equal(link_addr_add(nl, index, "fd01::2", 64, 0), 0);
	assert_int_equal(route_add(nl, "0.0.0.0", 0, "10.1.0.1", 0), 0);
	nl_close(nl);
}

static int make_world(void **state)
{
	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return 0;
	/* In a chroot, / may be no mount point. Then mounts could show outside. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	assert_int_equal(mount("tsum-test", "/run", "tmpfs", 0, NULL), 0);
	mkdir("/run/netns", 0755);
	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &world.nl), 0);
	world.web = start("web-server", "0f3c9a8d7e6b", "0::/docker/" WEB_ID "\n", -1);
	world.side = start("side-car", "side", "0::/docker/" SIDE_ID "\n", world.web.netns);
	world.db = start("db\033[2J", "evil\033[2J", NULL, -1);
	world.pod = start("pause", "coredns-1", "0::/kubepods/pod" POD_UID "/" POD_ID "\n", -1);
	/* its cgroup names no container */
	world.bare = start("bare", "abcdef012345", "0::/\n", -1);
	/* its hostname is the beginning of web's id */
	world.thief = start("thief", "0f3c9a8d7e6b", "0::/\n", -1);
	assert_int_equal(netns_new(&world.blue), 0);
	mount_netns(world.blue, "/run/netns/blue");
	mkdir("/run/else where", 0755);
	mount_netns(world.blue, "/run/else where/second name");
	write_file("/run/netns/no-namespace", "");
	assert_int_equal(mkfifo("/run/netns/fifo", 0644), 0);
	make_host();
	make_web();
	world.there = true;
	return 0;
}

static const struct device *device(const struct space *space, const char *name)
{
	for (size_t i = 0; i < space->device_count; i++)
		if (!strcmp(space->device[i].name, name))
			return &space->device[i];
	fail_msg("no device %s in %s", name, space->name);
	return NULL;
}

static size_t space_of(const struct inventory *inventory, const struct container *container)
{
	size_t space = SIZE_MAX;

	assert_int_equal(inventory_by_pid(inventory, container->pid, &space), 0);
	return space;
}

static void test_namespaces_and_processes(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	const struct space *web, *db, *blue;
	char before[65], after[65];
	struct netns_id id;
	size_t n = 0;

	NEEDS_WORLD();
	gethostname(before, sizeof(before));
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	gethostname(after, sizeof(after));
	assert_string_equal(before, after);
	assert_true(inventory.space[0].own);
	assert_string_equal(inventory.space[0].name, "host");
	assert_int_equal(netns_identify(-1, &id), 0);
	assert_true(netns_same(&id, &inventory.space[0].id));
	web = &inventory.space[space_of(&inventory, &world.web)];
	assert_int_equal(space_of(&inventory, &world.side), web - inventory.space);
	assert_false(web->own);
	assert_int_equal(web->pid, world.web.pid);
	assert_string_equal(web->comm, "web-server");
	assert_string_equal(web->hostname, "0f3c9a8d7e6b");
	assert_string_equal(web->container, WEB_ID);
	assert_string_equal(web->name, "0f3c9a8d7e6b");
	db = &inventory.space[space_of(&inventory, &world.db)];
	assert_true(db > web);
	assert_string_equal(db->comm, "db\\x1b[2J");
	assert_string_equal(db->hostname, "evil\\x1b[2J");
	assert_int_equal(strncmp(db->name, "db\\x1b[2J[", 10), 0);
	assert_int_equal(inventory_by_netns(&inventory, "blue", &n), 0);
	blue = &inventory.space[n];
	assert_int_equal(blue->pid, 0);
	assert_string_equal(blue->name, "blue");
	assert_string_equal(blue->path, "/run/netns/blue");
	assert_string_equal(inventory.space[inventory.space_count - 1].name, "blue");
}

static void test_pod(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	const struct space *pod;

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	pod = &inventory.space[space_of(&inventory, &world.pod)];
	assert_string_equal(pod->pod, POD_UID);
	assert_string_equal(pod->container, POD_ID);
	assert_string_equal(pod->name, "coredns-1");
}

/* Where the device leads to, as "SPACE/DEVICE". */
static const char *leads_to(const struct inventory *inventory, const struct space *space,
			    const char *name)
{
	static char text[400];
	const struct device *far;
	size_t n = 0;

	far = inventory_link(inventory, device(space, name), &n);
	snprintf(text, sizeof(text), "%s/%s", far ? inventory->space[n].name : "",
		 far ? far->name : "");
	return text;
}

static void test_links(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	const struct space *host, *web, *db, *blue;
	char text[400];
	size_t n = 0;

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	host = &inventory.space[0];
	web = &inventory.space[space_of(&inventory, &world.web)];
	db = &inventory.space[space_of(&inventory, &world.db)];
	assert_int_equal(inventory_by_netns(&inventory, "/run/netns/blue", &n), 0);
	blue = &inventory.space[n];
	assert_string_equal(leads_to(&inventory, host, "h0"), "0f3c9a8d7e6b/eth0");
	assert_string_equal(leads_to(&inventory, web, "eth0"), "host/h0");
	assert_string_equal(leads_to(&inventory, host, "h1"), "blue/b1");
	assert_string_equal(leads_to(&inventory, blue, "b1"), "host/h1");
	snprintf(text, sizeof(text), "%s/n0", db->name);
	assert_string_equal(leads_to(&inventory, web, "n0"), text);
	assert_string_equal(leads_to(&inventory, db, "n0"), "0f3c9a8d7e6b/n0");
	assert_string_equal(leads_to(&inventory, db, "mv0"), "host/br0");
	assert_string_equal(leads_to(&inventory, host, "mv1"), "host/br0");
	assert_string_equal(leads_to(&inventory, host, "lo"), "/");
	assert_string_equal(leads_to(&inventory, host, "br0"), "/");
	assert_int_equal(device(host, "h0")->master, world.br0);
	assert_int_equal(device(host, "br0")->master, 0);
}

static void test_devices(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	static const uint8_t v4[] = { 10, 1, 0, 2 }, v6[16] = { 0xfd, 1, [15] = 2 };
	const struct space *host, *web;
	const struct device *eth0;
	bool seen_v4 = false, seen_v6 = false;

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	host = &inventory.space[0];
	web = &inventory.space[space_of(&inventory, &world.web)];
	eth0 = device(web, "eth0");
	assert_string_equal(eth0->kind, "veth");
	assert_string_equal(eth0->driver, "veth");
	assert_string_equal(device(host, "br0")->kind, "bridge");
	assert_string_equal(device(host, "lo")->kind, "");
	assert_string_equal(device(host, "lo")->driver, "");
	assert_int_equal(eth0->mtu, 1500);
	assert_true(eth0->flags & IFF_UP);
	assert_true(eth0->mac[0] | eth0->mac[1] | eth0->mac[5]);
	for (size_t i = 0; i < eth0->address_count; i++) {
		const struct device_address *address = &eth0->address[i];

		seen_v4 |= address->family == AF_INET && address->prefix_len == 24 &&
			   !memcmp(address->address, v4, 4);
		seen_v6 |= address->family == AF_INET6 && address->prefix_len == 64 &&
			   address->scope == RT_SCOPE_UNIVERSE && !memcmp(address->address, v6, 16);
	}
	assert_true(seen_v4 && seen_v6);
	assert_true(web->default_v4 && !web->default_v6 && !host->default_v4);
	assert_int_equal(device(host, "vx4")->vxlan_port, 4789);
	assert_true(device(host, "vx4")->vxlan_csum);
	assert_int_equal(device(host, "vx6")->vxlan_port, 4789);
	assert_false(device(host, "vx6")->vxlan_csum);
	assert_int_equal(device(host, "h0")->vxlan_port, 0);
}

static void test_xdp(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	_cleanup_close_ int program = -1;
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);

	NEEDS_WORLD();
	program =
		bpf_prog_load(BPF_PROG_TYPE_XDP, "tsum_pass", "GPL", pass, ARRAY_SIZE(pass), NULL);
	if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &size) < 0)
		skip();
	assert_int_equal(bpf_xdp_attach(world.h0, program, XDP_FLAGS_SKB_MODE, NULL), 0);
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	assert_int_equal(bpf_xdp_detach(world.h0, XDP_FLAGS_SKB_MODE, NULL), 0);
	assert_int_equal(device(&inventory.space[0], "h0")->xdp[0], info.id);
	assert_int_equal(device(&inventory.space[0], "h0")->xdp[1], 0);
	assert_int_equal(device(&inventory.space[0], "h1")->xdp[0], 0);
}

/* Devices that appeared after the inventory was taken, and their peers' namespaces. */
static void test_later_devices(void **state)
{
	_cleanup_(inventory_release) struct inventory former = { 0 }, inventory = { 0 };
	size_t blue = 0;

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &former), 0);
	assert_int_equal(link_add_veth(world.nl, "late", "late", world.blue), 0);
	assert_null(inventory_device(&former.space[0], "late", 0));
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	assert_int_equal(inventory_by_netns(&inventory, "blue", &blue), 0);
	assert_int_equal(device(&inventory.space[0], "late")->link_space, blue);
	assert_string_equal(leads_to(&inventory, &inventory.space[0], "late"), "blue/late");
	assert_string_equal(leads_to(&inventory, &inventory.space[blue], "late"), "host/late");
}

static void test_dead_names(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	size_t n = 7;

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	assert_int_equal(inventory_by_pid(&inventory, 4194305, &n), -ENOENT);
	assert_string_equal(fail_text(), "no process 4194305");
	assert_int_equal(inventory_by_netns(&inventory, "red", &n), -ENOENT);
	assert_non_null(strstr(fail_text(), "no network namespace 'red'"));
	assert_int_equal(inventory_by_netns(&inventory, "fifo", &n), -EINVAL);
	assert_int_equal(inventory_by_netns(&inventory, "/proc/self/ns/uts", &n), -EINVAL);
	assert_int_equal(inventory_by_netns(&inventory, "", &n), -EINVAL);
	assert_int_equal(inventory_by_container(&inventory, "nginx", &n), -ENOENT);
	assert_string_equal(fail_text(),
			    "no container 'nginx' (docker is not running here, or knows "
			    "no such container)");
	assert_int_equal(inventory_by_container(&inventory, "", &n), -ENOENT);
	assert_int_equal(inventory_by_container(&inventory, "0f3c", &n), -EINVAL);
	assert_non_null(strstr(fail_text(), "0f3c9a8d7e6b5a4f"));
	assert_int_equal(n, 7);
}

static void test_containers(void **state)
{
	static const char *const webs[] = { WEB_ID,  "0f3c9a8d7e6b", "0f3c9",
					    SIDE_ID, "b1946",	     "b194" };
	_cleanup_(inventory_release) struct inventory inventory = { 0 };

	NEEDS_WORLD();
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	for (size_t i = 0; i < ARRAY_SIZE(webs); i++) {
		size_t n = 0;

		assert_int_equal(inventory_by_container(&inventory, webs[i], &n), 0);
		assert_int_equal(n, space_of(&inventory, &world.web));
	}
}

/* One answer, from a child that ends with it. */
static void start_engine(const char *answer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = ENGINE };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(ENGINE);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	if (!fork()) {
		char request[1024];
		int peer = accept(fd, NULL, NULL);

		(void)!read(peer, request, sizeof(request));
		(void)!write(peer, answer, strlen(answer));
		_exit(0);
	}
	close(fd);
}

static void test_engine(void **state)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	size_t n = 0;

	NEEDS_WORLD();
	start_engine("HTTP/1.0 200 OK\r\n\r\n[{\"Id\":\"" WEB_ID "\",\"Names\":[\"/shop\"]},"
		     "{\"Id\":\"" SIDE_ID "\",\"Names\":[\"/proxy\"]},"
		     "{\"Id\":\"" BARE_ID "\",\"Names\":[\"/bare\"]}]");
	assert_int_equal(inventory_take(ENGINE, &inventory), 0);
	unlink(ENGINE);
	assert_int_equal(inventory_by_container(&inventory, "shop", &n), 0);
	assert_int_equal(n, space_of(&inventory, &world.web));
	assert_string_equal(inventory.space[n].name, "shop");
	assert_int_equal(inventory_by_container(&inventory, "proxy", &n), 0);
	assert_int_equal(n, space_of(&inventory, &world.web));
	assert_int_equal(inventory_by_container(&inventory, "bare", &n), 0);
	assert_int_equal(n, space_of(&inventory, &world.bare));
	assert_string_equal(inventory.space[n].container, BARE_ID);
	n = space_of(&inventory, &world.thief);
	assert_string_equal(inventory.space[n].container, "");
	assert_int_equal(strncmp(inventory.space[n].name, "thief[", 6), 0);
	assert_int_equal(inventory_by_container(&inventory, "nginx", &n), -ENOENT);
	assert_string_equal(fail_text(), "no container 'nginx' (docker runs no such container)");
}

/* Which name a namespace gets if it has several. */
static void test_choice_of_name(void **state)
{
	static const struct {
		struct space space;
		const char *container, *name;
	} choices[] = {
		{ { .own = true, .container = WEB_ID }, "web", "host" },
		{ { .container = WEB_ID, .pod = POD_UID, .hostname = "p" }, "k8s_POD", "k8s_POD" },
		{ { .container = WEB_ID, .pod = POD_UID, .hostname = "p-1" }, NULL, "p-1" },
		{ { .container = WEB_ID, .pod = POD_UID, .hostname = "me" }, "", "0f3c9a8d7e6b" },
		{ { .container = WEB_ID, .path = "/run/netns/x" }, NULL, "0f3c9a8d7e6b" },
		{ { .container = "a-name-that-is-long" }, NULL, "a-name-that-is-long" },
		{ { .path = "/run/netns/x\033y\xc3\xa4", .pid = 7, .comm = "sh" },
		  NULL,
		  "x\\x1by\\xc3\\xa4" },
		{ { .path = "/run/docker/netns/1a2b3c" }, NULL, "1a2b3c" },
		{ { .pid = 4711, .comm = "sh" }, NULL, "sh[4711]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		struct space space = choices[i].space;

		inventory_name_space(&space, choices[i].container, "me");
		assert_string_equal(space.name, choices[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice_of_name),
		cmocka_unit_test(test_namespaces_and_processes),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_xdp),
		cmocka_unit_test(test_later_devices),
		cmocka_unit_test(test_dead_names),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_engine),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
