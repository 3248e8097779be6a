// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The inventory: see inventory.h. inventory_take() finds the namespaces, describes their processes,
 * reads their devices, joins the devices' ends, and gives each namespace the name that people use.
 *
 * Namespaces: stat() says which namespace a way leads to (its inode number on the kernel's one
 * nsfs), so only new ones are opened, each once. An open namespace cannot die, so its inode number
 * is not given out again while the search goes on. Processes come and go meanwhile; one that is
 * gone is skipped.
 *
 * Joining: a device's namespace knows the namespace of the other end by a number of its own
 * (IFLA_LINK_NETNSID). The kernel says which number a namespace has for an open descriptor
 * (RTM_GETNSID), so in the worst case every namespace would have to be asked about every other. But
 * each end of a pair names the other's index: only spaces with a fitting device are asked about,
 * and an end that is found says where the other end's peer is. 1,000 containers on a host are 1,000
 * questions, all in the host's namespace. Containers that are joined among themselves may all use
 * the same indices; so after the first wrong guess the kernel is asked for the far devices' names
 * and addresses, which it tells for namespaces that have a number.
 */
#include "net/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "net/docker.h"
#include "net/netns_search.h"
#include "net/nl.h"
#include "net/process.h"

#define OWN_NETNS "/proc/thread-self/ns/net"
#define OWN_UTS "/proc/thread-self/ns/uts"
#define SHORT_ID 12 /* digits of a container's id, as people and Docker use it */
#define SPARE_FDS 64 /* for the inventory's user */

static void space_release(struct space *space)
{
	close(space->fd);
	free(space->device);
}

void inventory_release(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		space_release(&inventory->space[i]);
	free(inventory->space);
	docker_free(inventory->docker);
	*inventory = (struct inventory){ 0 };
}

struct device *inventory_device(const struct space *space, const char *name, int index)
{
	if (space && !name)
		return device_find(space->device, space->device_count, index);
	for (size_t i = 0; space && i < space->device_count; i++)
		if (!strcmp(space->device[i].name, name))
			return &space->device[i];
	return NULL;
}

/* ---- Which namespaces there are ---- */

struct search {
	struct inventory *inventory;
	ino_t *ino; /* of each space: dense, as every process is looked up in it */
	size_t space_room, ino_room;
};

/* Large hosts have more namespaces than the usual limit of 1,024 descriptors. */
static void raise_limit(size_t needed)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_raising_limit(const struct netns_way *way)
{
	int fd = netns_search_open_way(way);

	if (fd != -EMFILE)
		return fd;
	raise_limit(SIZE_MAX);
	return netns_search_open_way(way);
}

/* Takes the descriptor. */
static struct space *add_space(struct search *search, const struct stat *st, int fd)
{
	struct inventory *inventory = search->inventory;
	size_t wanted = inventory->space_count + 1;
	struct space *space;

	if (ARRAY_RESERVE(inventory->space, search->space_room, wanted) ||
	    ARRAY_RESERVE(search->ino, search->ino_room, wanted)) {
		close(fd);
		return NULL;
	}
	search->ino[inventory->space_count] = st->st_ino;
	space = &inventory->space[inventory->space_count++];
	*space = (struct space){ .id = { .dev = st->st_dev, .ino = st->st_ino }, .fd = fd };
	return space;
}

/* *ret_space: the space of that inode, a new one if there is none yet, or NULL if it is gone. */
static int meet(struct search *search, const struct netns_way *way, struct space **ret_space)
{
	size_t count = search->inventory->space_count;
	struct stat st;
	int fd;

	*ret_space = NULL;
	for (size_t n = 0; n < count; n++)
		if (search->ino[n] == way->ino) {
			*ret_space = &search->inventory->space[n];
			return 0;
		}
	fd = open_raising_limit(way);
	if (fd == -EMFILE || fd == -ENFILE)
		return fail_errno(fd,
				  "cannot open more than %zu network namespaces (raise ulimit -n)",
				  count);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || st.st_ino != way->ino) {
		close(fd);
		return 0;
	}
	*ret_space = add_space(search, &st, fd);
	return *ret_space ? 0 : -ENOMEM;
}

static int meet_own(struct search *search)
{
	struct netns_way way = { .path = OWN_NETNS, .root = -1 };
	struct space *own = NULL;
	struct stat st;
	int rc = 0;

	if (!stat(way.path, &st)) {
		way.ino = st.st_ino;
		rc = meet(search, &way, &own);
	}
	if (rc)
		return rc;
	if (!own)
		return fail(-EPERM,
			    "cannot read the processes' network namespaces in /proc/PID/ns "
			    "(mount /proc%s)",
			    geteuid() ? ", and run as root" : "");
	own->own = true;
	return 0;
}

/* The oldest process of a namespace represents it. */
static int meet_process(const struct netns_way *way, void *data)
{
	struct space *space;
	uint64_t started;
	int rc;

	if (!process_started(way->pid, &started))
		return 0;
	rc = meet(data, way, &space);
	if (rc || !space)
		return rc;
	if (space->pid &&
	    (space->started < started || (space->started == started && space->pid < way->pid)))
		return 0;
	space->pid = way->pid;
	space->started = started;
	return 0;
}

static int meet_path(const struct netns_way *way, void *data)
{
	struct space *space;
	int rc = meet(data, way, &space);

	if (!rc && space && !*space->path && strlen(way->path) < sizeof(space->path))
		memcpy(space->path, way->path, strlen(way->path));
	return rc;
}

static void search_release(struct search *search)
{
	free(search->ino);
}

/* Finds id (without its cookie), fd, own, pid, started and path. The own one is the first. */
static int find_spaces(struct inventory *inventory)
{
	_cleanup_(search_release) struct search search = { .inventory = inventory };
	int rc = meet_own(&search);

	rc = rc ? rc : netns_search_ways(NETNS_PROCESSES, meet_process, &search);
	/* Of several paths the first one counts: names that people use before other mounts. */
	rc = rc ? rc : netns_search_ways(NETNS_NAMES, meet_path, &search);
	rc = rc ? rc : netns_search_ways(NETNS_MOUNTS, meet_path, &search);
	raise_limit(inventory->space_count + SPARE_FDS);
	return rc;
}

/* ---- What their processes are ---- */

/*
 * The hostname as the process sees it. This thread enters the process's UTS namespace for a moment,
 * which nothing else notices, and runs no program of the container.
 */
static void read_hostname(pid_t pid, char *ret_hostname, size_t size)
{
	_cleanup_close_ int home = open(OWN_UTS, O_RDONLY | O_CLOEXEC), fd = -1;
	struct stat own, other;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/uts", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (home < 0 || fd < 0 || fstat(home, &own) < 0 || fstat(fd, &other) < 0)
		return;
	if (own.st_ino == other.st_ino) {
		gethostname(ret_hostname, size);
		return;
	}
	if (setns(fd, CLONE_NEWUTS) < 0)
		return;
	gethostname(ret_hostname, size);
	/* Do not continue in a foreign UTS namespace. */
	if (setns(home, CLONE_NEWUTS) < 0)
		abort();
}

static void describe_space(struct space *space)
{
	char hostname[65] = "";
	struct process process;

	if (!space->pid)
		return;
	process_read(space->pid, &process);
	memcpy(space->comm, process.comm, sizeof(space->comm));
	memcpy(space->container, process.container, sizeof(space->container));
	memcpy(space->pod, process.pod, sizeof(space->pod));
	read_hostname(space->pid, hostname, sizeof(hostname));
	term_printable(space->hostname, sizeof(space->hostname), hostname);
}

static int by_age(const void *one, const void *other)
{
	const struct space *a = one, *b = other;

	if (a->own != b->own)
		return a->own ? -1 : 1;
	if (!a->pid != !b->pid)
		return a->pid ? -1 : 1;
	if (a->started != b->started)
		return a->started < b->started ? -1 : 1;
	return a->pid != b->pid ? (a->pid > b->pid) - (a->pid < b->pid) : strcmp(a->path, b->path);
}

/* ---- Their devices ---- */

static int read_devices(struct space *space)
{
	struct device_list list;
	int rc = device_list_read(space->own ? -1 : space->fd, &list);

	if (rc)
		return rc;
	space->id.cookie = list.cookie;
	space->device = list.device;
	space->device_count = list.count;
	space->default_v4 = list.default_v4;
	space->default_v6 = list.default_v6;
	return 0;
}

/* It is no error if another namespace than the own one cannot be read, unless resources ran out. */
static bool may_be_left_out(const struct space *space, int rc)
{
	return !space->own && rc != -ENOMEM && rc != -EMFILE && rc != -ENFILE;
}

/* Keeps the spaces that can be read. */
static int read_all_devices(struct inventory *inventory)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < inventory->space_count; i++) {
		struct space *space = &inventory->space[i];
		bool seen = false;

		if (!rc) {
			rc = read_devices(space);
			seen = !rc;
			if (rc && may_be_left_out(space, rc))
				rc = 0;
		}
		if (seen)
			inventory->space[kept++] = *space;
		else
			space_release(space);
	}
	inventory->space_count = kept;
	return rc;
}

/* ---- What joins them ---- */

/* A device whose other end is not known yet. */
struct open_end {
	int nsid;
	struct device *device;
};

/* What the device at the other end looks like. */
struct face {
	bool known;
	uint8_t mac[6];
	char name[IFNAMSIZ];
};

struct open_ends {
	struct open_end *end; /* by nsid */
	size_t count, left;
	bool others; /* some are of another kind than a pair */
	struct face *face; /* by the device's place in the space; NULL: not asked yet */
};

static void open_ends_free(struct open_ends *ends)
{
	free(ends->end);
	free(ends->face);
}

static bool is_pair(const struct device *device)
{
	static const char *const kinds[] = { "veth", "netkit", "vxcan" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(device->kind, kinds[i]))
			return true;
	return false;
}

static bool has_open_end(const struct device *device)
{
	return device->link && device->link_nsid >= 0 && device->link_space < 0;
}

static int by_nsid(const void *one, const void *other)
{
	const struct open_end *a = one, *b = other;

	return (a->nsid > b->nsid) - (a->nsid < b->nsid);
}

static void collect_open_ends(struct space *space, struct open_ends *ends)
{
	ends->end = calloc(space->device_count + 1, sizeof(*ends->end));
	for (size_t i = 0; ends->end && i < space->device_count; i++) {
		struct device *device = &space->device[i];

		if (!has_open_end(device))
			continue;
		ends->end[ends->count++] = (struct open_end){ device->link_nsid, device };
		ends->others |= !is_pair(device);
	}
	ends->left = ends->count;
	if (ends->count)
		qsort(ends->end, ends->count, sizeof(*ends->end), by_nsid);
}

static int take_face(const struct nlmsghdr *message, void *data)
{
	struct face *face = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(attr) == IFLA_ADDRESS &&
		    mnl_attr_get_payload_len(attr) == sizeof(face->mac))
			memcpy(face->mac, mnl_attr_get_payload(attr), sizeof(face->mac));
		if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(face->name, sizeof(face->name), "%s", mnl_attr_get_str(attr));
	}
	face->known = true;
	return MNL_CB_OK;
}

static void ask_faces(struct nl *nl, const struct space *space, struct open_ends *ends)
{
	ends->face = calloc(space->device_count, sizeof(*ends->face));
	for (size_t i = 0; ends->face && i < ends->count; i++) {
		const struct device *device = ends->end[i].device;
		char buffer[NL_REQUEST_SIZE];
		struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, 0);
		struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));

		ifi->ifi_index = device->link;
		mnl_attr_put_u32(request, IFLA_TARGET_NETNSID, (uint32_t)device->link_nsid);
		mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		if (has_open_end(device))
			nl_talk(nl, request, take_face, &ends->face[device - space->device]);
	}
}

/* Whether `far` may be the other end of the open end `near`. */
static bool fits(const struct space *space, const struct open_ends *ends, const struct device *near,
		 const struct device *far)
{
	const struct face *face = ends->face ? &ends->face[near - space->device] : NULL;

	if (!has_open_end(near) || near->link != far->index)
		return false;
	return !face || !face->known ||
	       (!memcmp(face->mac, far->mac, sizeof(face->mac)) && !strcmp(face->name, far->name));
}

/* Whether an open end of `space` may be in `other`. */
static bool may_be_in(const struct space *space, const struct open_ends *ends,
		      const struct space *other)
{
	for (size_t i = 0; ends->others && i < ends->count; i++) {
		const struct device *near = ends->end[i].device, *far;

		far = inventory_device(other, NULL, near->link);
		if (far && !is_pair(near) && fits(space, ends, near, far))
			return true;
	}
	for (size_t i = 0; i < other->device_count; i++) {
		const struct device *far = &other->device[i], *near;

		if (!far->link || far->link_nsid < 0)
			continue;
		near = inventory_device(space, NULL, far->link);
		if (near && fits(space, ends, near, far))
			return true;
	}
	return false;
}

/*
 * Every end with this number is in the space `found`; the other end of that device is in the space
 * `here`.
 */
static void close_ends(struct inventory *inventory, size_t here, struct open_ends *ends, int nsid,
		       size_t found)
{
	const struct open_end key = { nsid, NULL };
	const struct space *other = &inventory->space[found];
	struct open_end *end = NULL;

	if (ends->count)
		end = bsearch(&key, ends->end, ends->count, sizeof(key), by_nsid);
	while (end && end > ends->end && end[-1].nsid == nsid)
		end--;
	for (; end && end < ends->end + ends->count && end->nsid == nsid; end++) {
		struct device *far = inventory_device(other, NULL, end->device->link);

		end->device->link_space = (int)found;
		ends->left--;
		if (far && is_pair(far) && has_open_end(far) && far->link == end->device->index)
			far->link_space = (int)here;
	}
}

static void join(struct inventory *inventory, size_t here)
{
	_cleanup_(open_ends_free) struct open_ends ends = { 0 };
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct space *space = &inventory->space[here];

	for (size_t i = 0; i < space->device_count; i++)
		if (space->device[i].link && space->device[i].link_nsid < 0)
			space->device[i].link_space = (int)here;
	collect_open_ends(space, &ends);
	if (!ends.left || nl_open(space->own ? -1 : space->fd, NETLINK_ROUTE, &nl))
		return;
	for (size_t i = 0; i < inventory->space_count && ends.left; i++) {
		int nsid;

		if (i == here || !may_be_in(space, &ends, &inventory->space[i]))
			continue;
		nsid = nl_nsid(nl, inventory->space[i].fd);
		if (nsid >= 0)
			close_ends(inventory, here, &ends, nsid, i);
		else if (!ends.face)
			ask_faces(nl, space, &ends);
	}
}

/* ---- What they are called ---- */

/* The name in /run/netns, or the last part of another path. */
static const char *path_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void inventory_name_space(struct space *space, const char *container, const char *host)
{
	char *name = space->name;
	size_t size = sizeof(space->name);

	if (space->own)
		snprintf(name, size, "host");
	else if (container && *container)
		snprintf(name, size, "%s", container);
	else if (*space->pod && *space->hostname && strcmp(space->hostname, host))
		snprintf(name, size, "%s", space->hostname);
	else if (*space->container)
		snprintf(name, size, "%.*s",
			 strlen(space->container) == 64 ? SHORT_ID : (int)size - 1,
			 space->container);
	else if (*path_name(space->path))
		term_printable(name, size, path_name(space->path));
	else
		snprintf(name, size, "%s[%d]", space->comm, (int)space->pid);
}

/*
 * Whether another space than `but` is the container's, too, by cgroup or hostname. A tenant can
 * choose its hostname: it must not pass for another container, nor make that one ambiguous.
 */
static bool is_claimed_twice(const struct inventory *inventory, const struct space *but,
			     const char *id)
{
	for (size_t i = 0; i < inventory->space_count; i++) {
		const struct space *space = &inventory->space[i];

		if (space == but || space->own)
			continue;
		if (*space->container ? !strcmp(space->container, id)
				      : strlen(space->hostname) == SHORT_ID &&
						!strncmp(space->hostname, id, SHORT_ID))
			return true;
	}
	return false;
}

/* If the cgroup does not say, the hostname may: Docker makes it from the first digits of the id. */
static const struct docker_container *docker_container_of(const struct inventory *inventory,
							  const struct space *space)
{
	const struct docker_container *container;

	if (*space->container)
		return docker_find(inventory->docker, space->container);
	if (strlen(space->hostname) != SHORT_ID)
		return NULL;
	container = docker_find_prefix(inventory->docker, space->hostname, SHORT_ID);
	return container && !is_claimed_twice(inventory, space, container->id) ? container : NULL;
}

static void name_all(struct inventory *inventory)
{
	char hostname[65] = "", host[sizeof(((struct space *)NULL)->hostname)];

	gethostname(hostname, sizeof(hostname) - 1);
	term_printable(host, sizeof(host), hostname);
	for (size_t i = 0; i < inventory->space_count; i++) {
		struct space *space = &inventory->space[i];
		const struct docker_container *container = NULL;

		if (!space->own)
			container = docker_container_of(inventory, space);
		if (container)
			memcpy(space->container, container->id, sizeof(space->container));
		inventory_name_space(space, container ? container->name : NULL, host);
	}
}

int inventory_take(const char *docker, struct inventory *ret_inventory)
{
	_cleanup_(inventory_release) struct inventory inventory = { 0 };
	int rc = find_spaces(&inventory);

	if (rc)
		return rc;
	for (size_t i = 0; i < inventory.space_count; i++)
		describe_space(&inventory.space[i]);
	qsort(inventory.space, inventory.space_count, sizeof(*inventory.space), by_age);
	rc = read_all_devices(&inventory);
	if (rc)
		return rc;
	for (size_t i = 0; i < inventory.space_count; i++)
		join(&inventory, i);
	/* Without an engine containers have no names; that is no error. */
	docker_ask(docker ? docker : DOCKER_SOCKET, &inventory.docker);
	name_all(&inventory);
	*ret_inventory = TAKE(inventory, (struct inventory){ 0 });
	return 0;
}

/* ---- Finding one ---- */

/* All namespaces are on one nsfs. */
static int find_ino(const struct inventory *inventory, ino_t ino, size_t *ret_space)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		if (inventory->space[i].id.ino == ino) {
			*ret_space = i;
			return 0;
		}
	return -ENOENT;
}

int inventory_by_pid(const struct inventory *inventory, pid_t pid, size_t *ret_space)
{
	char path[64];
	struct stat st;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	rc = stat(path, &st) < 0 ? -errno : 0;
	if (rc == -ENOENT || rc == -ESRCH)
		return fail(-ENOENT, "no process %d", (int)pid);
	if (rc)
		return privilege_fail(rc, "cannot tell which network namespace process %d is in",
				      (int)pid);
	if (find_ino(inventory, st.st_ino, ret_space))
		return fail(-ENOENT,
			    "process %d is in network namespace %lu, which is out of "
			    "reach (try again, or %s)",
			    (int)pid, (unsigned long)st.st_ino, privilege_remedy());
	return 0;
}

int inventory_by_netns(const struct inventory *inventory, const char *spec, size_t *ret_space)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int rc = netns_open(spec, &fd);

	if (rc)
		return rc;
	if (fstat(fd, &st) < 0)
		return fail_errno(-errno, "cannot identify network namespace '%s'", spec);
	if (find_ino(inventory, st.st_ino, ret_space))
		return fail(-ENOENT, "network namespace '%s' is out of reach (try again, or %s)",
			    spec, privilege_remedy());
	return 0;
}

/* The spaces of containers whose id begins with a prefix. */
struct match {
	const struct inventory *inventory;
	const char *prefix;
	size_t spaces, space;
	char id[2][PROCESS_CONTAINER_SIZE]; /* of the first two */
	bool out_of_reach;
};

static void add_match(struct match *match, const char *id, size_t space)
{
	if (match->spaces && match->space == space)
		return;
	if (match->spaces < ARRAY_SIZE(match->id))
		memcpy(match->id[match->spaces], id, sizeof(match->id[0]));
	match->spaces++;
	match->space = space;
}

/*
 * Containers may share a space, which has the id of one of them only; so every process is compared.
 */
static int match_process(const struct netns_way *way, void *data)
{
	struct match *match = data;
	struct process process;
	size_t space;

	process_read(way->pid, &process);
	if (!*process.container ||
	    strncmp(process.container, match->prefix, strlen(match->prefix)) != 0)
		return 0;
	if (find_ino(match->inventory, way->ino, &space))
		match->out_of_reach = true;
	else
		add_match(match, process.container, space);
	return 0;
}

static void match_whole(struct match *match, const char *name, bool is_id)
{
	for (size_t i = 0; i < match->inventory->space_count; i++) {
		const struct space *space = &match->inventory->space[i];

		if (*space->container && (!strcmp(space->container, match->prefix) ||
					  (!is_id && !strcmp(space->name, name))))
			add_match(match, space->container, i);
	}
}

static int match_prefix(struct match *match)
{
	const struct inventory *inventory = match->inventory;

	for (size_t i = 0; i < inventory->space_count; i++)
		if (!strncmp(inventory->space[i].container, match->prefix, strlen(match->prefix)))
			add_match(match, inventory->space[i].container, i);
	return netns_search_ways(NETNS_PROCESSES, match_process, match);
}

int inventory_by_container(const struct inventory *inventory, const char *name, size_t *ret_space)
{
	const struct docker_container *known = docker_find(inventory->docker, name);
	struct match match = { .inventory = inventory, .prefix = known ? known->id : name };
	int rc = 0;

	if (*name)
		match_whole(&match, name, known);
	if (*name && !match.spaces)
		rc = match_prefix(&match);
	if (rc)
		return rc;
	if (match.spaces > 1)
		return fail(-EINVAL,
			    "'%s' may be one of several containers (%.16s, %.16s): give "
			    "more of its id",
			    name, match.id[0], match.id[1]);
	if (!match.spaces && (match.out_of_reach || known))
		return fail(-ENOENT, "container '%s' is out of reach (try again, or %s)", name,
			    privilege_remedy());
	if (!match.spaces)
		return fail(-ENOENT, "no container '%s' (%s)", name,
			    inventory->docker ? "docker runs no such container"
					      : "docker is not running here, or knows no such "
						"container");
	*ret_space = match.space;
	return 0;
}

const struct device *inventory_link(const struct inventory *inventory, const struct device *device,
				    size_t *ret_space)
{
	const struct space *space;
	const struct device *far;

	if (!device->link || device->link_space < 0 ||
	    (size_t)device->link_space >= inventory->space_count)
		return NULL;
	space = &inventory->space[device->link_space];
	far = inventory_device(space, NULL, device->link);
	if (far && ret_space)
		*ret_space = (size_t)device->link_space;
	return far;
}
