// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which namespace a device's other end is in. The device's namespace knows it by a number of its own
 * (IFLA_LINK_NETNSID); which space has that number it says of a descriptor (RTM_GETNSID), so that in the
 * worst case everybody would have to be asked about everybody. Of the two ends of a pair each names the
 * other's index, however: only spaces with a device that fits are asked about, and an end that is found
 * tells where the other's is. 1,000 containers on a host are 1,000 questions, all in the host's namespace.
 * Containers joined among themselves may all use the same indices; after the first wrong guess the kernel is
 * asked what the far devices look like, which namespaces can say of others they have a number for.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/inventory_part.h"
#include "net/nl.h"

/* A device whose other end is to be found. */
struct open_end {
	int nsid;
	struct device *device;
};

/* What the far device of an open end looks like. */
struct face {
	bool known;
	uint8_t mac[6];
	char name[IFNAMSIZ];
};

struct open_ends {
	struct open_end *end; /* by nsid */
	size_t count, left;
	bool others; /* not all of them are of a pair */
	struct face *face; /* by the device's place in the space; NULL: nobody was asked */
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

static bool is_open(const struct device *device)
{
	return device->link && device->link_nsid >= 0 && device->link_space < 0;
}

static int by_nsid(const void *one, const void *other)
{
	const struct open_end *a = one, *b = other;

	return (a->nsid > b->nsid) - (a->nsid < b->nsid);
}

static void collect(struct space *space, struct open_ends *ends)
{
	ends->end = calloc(space->device_count + 1, sizeof(*ends->end));
	for (size_t i = 0; ends->end && i < space->device_count; i++) {
		struct device *device = &space->device[i];

		if (!is_open(device))
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
		if (is_open(device))
			nl_talk(nl, request, take_face, &ends->face[device - space->device]);
	}
}

/* Whether `far` may be the other end of the open end `near`. */
static bool fits(const struct space *space, const struct open_ends *ends, const struct device *near,
		 const struct device *far)
{
	const struct face *face = ends->face ? &ends->face[near - space->device] : NULL;

	if (!is_open(near) || near->link != far->index)
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

		far = device_find(other->device, other->device_count, near->link);
		if (far && !is_pair(near) && fits(space, ends, near, far))
			return true;
	}
	for (size_t i = 0; i < other->device_count; i++) {
		const struct device *far = &other->device[i], *near;

		if (!far->link || far->link_nsid < 0)
			continue;
		near = device_find(space->device, space->device_count, far->link);
		if (near && fits(space, ends, near, far))
			return true;
	}
	return false;
}

/* Every end known by this number is in space `found`, and the other end's other end is here. */
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
		struct device *far =
			device_find(other->device, other->device_count, end->device->link);

		end->device->link_space = (int)found;
		ends->left--;
		if (far && is_pair(far) && is_open(far) && far->link == end->device->index)
			far->link_space = (int)here;
	}
}

static void join(struct inventory *inventory, size_t here, bool ask_all)
{
	_cleanup_(open_ends_free) struct open_ends ends = { 0 };
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct space *space = &inventory->space[here];

	for (size_t i = 0; i < space->device_count; i++)
		if (space->device[i].link && space->device[i].link_nsid < 0)
			space->device[i].link_space = (int)here;
	collect(space, &ends);
	if (!ends.left || nl_open(space->own ? -1 : space->fd, NETLINK_ROUTE, &nl))
		return;
	for (size_t i = 0; i < inventory->space_count && ends.left; i++) {
		int nsid;

		if (i == here || (!ask_all && !may_be_in(space, &ends, &inventory->space[i])))
			continue;
		nsid = nl_nsid(nl, inventory->space[i].fd);
		if (nsid >= 0)
			close_ends(inventory, here, &ends, nsid, i);
		else if (!ask_all && !ends.face)
			ask_faces(nl, space, &ends);
	}
}

void inventory_join(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->space_count; i++)
		join(inventory, i, false);
}

void inventory_join_anew(struct inventory *inventory, size_t space)
{
	join(inventory, space, true);
}
