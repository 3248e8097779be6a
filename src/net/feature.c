// SPDX-License-Identifier: GPL-2.0-or-later
/* Offload features: see feature.h. Messages as in the kernel's Documentation/networking/ethtool-netlink.rst. */
#include "net/feature.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature_part.h"
#include "net/nl.h"

struct sought {
	const char *feature;
	bool known; /* the device can have it, now or by request */
	bool active;
};

static int open_ethtool(int netns_fd, struct nl **ret_nl, uint16_t *ret_type)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(netns_fd, NETLINK_GENERIC, &nl);

	if (!rc)
		rc = nl_family(nl, ETHTOOL_GENL_NAME, ret_type);
	if (rc)
		return fail(rc, "this kernel has no ethtool netlink (5.6 and later): %s",
			    fail_text());
	*ret_nl = TAKE_PTR(nl);
	return 0;
}

struct nlmsghdr *feature_request(void *buffer, uint16_t type, uint8_t command, uint16_t flags,
				 const char *device)
{
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(request, sizeof(*genl));
	struct nlattr *header;

	genl->cmd = command;
	genl->version = ETHTOOL_GENL_VERSION;
	header = mnl_attr_nest_start(request, ETHTOOL_A_FEATURES_HEADER);
	if (device)
		mnl_attr_put_strz(request, ETHTOOL_A_HEADER_DEV_NAME, device);
	else
		mnl_attr_put_u32(request, ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
	mnl_attr_nest_end(request, header);
	return request;
}

/* Whether one bit's attributes carry the name; its index goes to *ret_index. */
static bool bit_is(const struct nlattr *bit, const char *name, uint32_t *ret_index)
{
	const struct nlattr *field;
	bool same = false;
	uint32_t index = 0;

	mnl_attr_for_each_nested(field, bit) {
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_INDEX &&
		    mnl_attr_validate(field, MNL_TYPE_U32) >= 0)
			index = mnl_attr_get_u32(field);
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_NAME &&
		    mnl_attr_validate(field, MNL_TYPE_NUL_STRING) >= 0)
			same = !strcmp(mnl_attr_get_str(field), name);
	}
	if (same && ret_index)
		*ret_index = index;
	return same;
}

/* Whether the bitset lists the bit called `name`; in a bitset without a mask a listed bit is set. */
static bool bitset_find(const struct nlattr *bitset, const char *name, uint32_t *ret_index)
{
	const struct nlattr *bits, *bit;

	mnl_attr_for_each_nested(bits, bitset) {
		if (mnl_attr_get_type(bits) != ETHTOOL_A_BITSET_BITS)
			continue;
		mnl_attr_for_each_nested(bit, bits)
			if (bit_is(bit, name, ret_index))
				return true;
	}
	return false;
}

static int take_features(const struct nlmsghdr *message, void *data)
{
	struct sought *sought = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type != ETHTOOL_A_FEATURES_HW && type != ETHTOOL_A_FEATURES_ACTIVE)
			continue;
		if (!bitset_find(attr, sought->feature, NULL))
			continue;
		sought->known = true;
		sought->active |= type == ETHTOOL_A_FEATURES_ACTIVE;
	}
	return MNL_CB_OK;
}

int feature_get(int netns_fd, const char *device, const char *feature, bool *ret_on)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct sought sought = { .feature = feature };
	char buffer[NL_REQUEST_SIZE];
	uint16_t type = 0;
	int rc = open_ethtool(netns_fd, &nl, &type);

	if (rc)
		return rc;
	rc = nl_talk(nl, feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, 0, device),
		     take_features, &sought);
	if (rc)
		return fail(rc, "cannot read the offload features of %s: %s", device, fail_text());
	if (!sought.known)
		return fail(-ENOENT, "%s has no offload feature %s", device, feature);
	*ret_on = sought.active;
	return 0;
}

int feature_set(int netns_fd, const char *device, const char *feature, bool on)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	struct nlattr *wanted, *bits, *bit;
	uint16_t type = 0;
	bool now = false;
	int rc = open_ethtool(netns_fd, &nl, &type);

	if (rc)
		return rc;
	request = feature_request(buffer, type, ETHTOOL_MSG_FEATURES_SET, 0, device);
	wanted = mnl_attr_nest_start(request, ETHTOOL_A_FEATURES_WANTED);
	bits = mnl_attr_nest_start(request, ETHTOOL_A_BITSET_BITS);
	bit = mnl_attr_nest_start(request, ETHTOOL_A_BITSET_BITS_BIT);
	mnl_attr_put_strz(request, ETHTOOL_A_BITSET_BIT_NAME, feature);
	if (on)
		mnl_attr_put(request, ETHTOOL_A_BITSET_BIT_VALUE, 0, NULL);
	mnl_attr_nest_end(request, bit);
	mnl_attr_nest_end(request, bits);
	mnl_attr_nest_end(request, wanted);
	rc = nl_talk(nl, request, NULL, NULL);
	if (rc)
		return fail(rc, "cannot turn %s %s on %s: %s", feature, on ? "on" : "off", device,
			    fail_text());
	rc = feature_get(netns_fd, device, feature, &now);
	if (!rc && now != on)
		rc = fail(-EOPNOTSUPP, "%s did not turn %s %s", device, feature, on ? "on" : "off");
	return rc;
}

struct numbered {
	const char *feature;
	bool found;
	uint32_t bit;
};

/* A request without a mask makes the kernel list every feature with its index under HW or NOCHANGE. */
static int take_numbers(const struct nlmsghdr *message, void *data)
{
	struct numbered *numbered = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
		numbered->found |= mnl_attr_get_type(attr) != ETHTOOL_A_FEATURES_HEADER &&
				   bitset_find(attr, numbered->feature, &numbered->bit);
	return MNL_CB_OK;
}

int feature_bit(const char *feature, unsigned int *ret_bit)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct numbered numbered = { .feature = feature };
	char buffer[NL_REQUEST_SIZE];
	uint16_t type = 0;
	int rc = open_ethtool(-1, &nl, &type);

	rc = rc ? rc
		: nl_talk(nl, feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, 0, "lo"),
			  take_numbers, &numbered);
	if (!rc && !numbered.found)
		rc = fail(-ENOENT, "this kernel has no offload feature %s", feature);
	if (!rc)
		*ret_bit = numbered.bit;
	return rc;
}
