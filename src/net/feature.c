// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Offload features: see feature.h. The messages are those of the kernel's
 * Documentation/networking/ethtool-netlink.rst. The answer about one device has the features'
 * names. A dump of all devices has bare bits; the names come from one request about the loopback
 * device, which every namespace has.
 */
#include "net/feature.h"

#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/nl.h"

struct sought {
	const char *feature;
	bool known; /* the device can have it, now or by request */
	bool active;
};

/* The family's number is the same in every namespace, and as long as the kernel runs. */
static int ethtool_family(struct nl *nl, uint16_t *ret_type)
{
	static uint16_t known;
	int rc = known ? 0 : nl_family(nl, ETHTOOL_GENL_NAME, &known);

	if (rc)
		return fail(rc, "this kernel has no ethtool netlink (5.6 and later): %s",
			    fail_text());
	*ret_type = known;
	return 0;
}

static int open_ethtool(int netns_fd, struct nl **ret_nl, uint16_t *ret_type)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	int rc = nl_open(netns_fd, NETLINK_GENERIC, &nl);

	rc = rc ? rc : ethtool_family(nl, ret_type);
	if (!rc)
		*ret_nl = TAKE_PTR(nl);
	return rc;
}

/*
 * Starts a message about features in `buffer` (NL_REQUEST_SIZE bytes): of the device with that
 * index if it is not 0, or else of `device`, bits with their names; or, with neither, for a dump,
 * as bare bits.
 */
static struct nlmsghdr *feature_request(void *buffer, uint16_t type, uint8_t command,
					uint16_t flags, int index, const char *device)
{
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(request, sizeof(*genl));
	struct nlattr *header;

	genl->cmd = command;
	genl->version = ETHTOOL_GENL_VERSION;
	header = mnl_attr_nest_start(request, ETHTOOL_A_FEATURES_HEADER);
	if (index)
		mnl_attr_put_u32(request, ETHTOOL_A_HEADER_DEV_INDEX, (uint32_t)index);
	else if (device)
		mnl_attr_put_strz(request, ETHTOOL_A_HEADER_DEV_NAME, device);
	else
		mnl_attr_put_u32(request, ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
	mnl_attr_nest_end(request, header);
	return request;
}

/* The name of one bit, with its number; NULL: none. */
static const char *bit_name(const struct nlattr *bit, uint32_t *ret_index)
{
	const struct nlattr *field;
	const char *name = NULL;

	*ret_index = UINT32_MAX;
	mnl_attr_for_each_nested(field, bit) {
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_INDEX &&
		    mnl_attr_validate(field, MNL_TYPE_U32) >= 0)
			*ret_index = mnl_attr_get_u32(field);
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_NAME &&
		    mnl_attr_validate(field, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(field);
	}
	return name;
}

/*
 * Whether the bitset lists the bit called `name`; in a bitset without a mask a listed bit is set.
 */
static bool bitset_has(const struct nlattr *bitset, const char *feature)
{
	const struct nlattr *bits, *bit;
	uint32_t index;

	mnl_attr_for_each_nested(bits, bitset) {
		if (mnl_attr_get_type(bits) != ETHTOOL_A_BITSET_BITS)
			continue;
		mnl_attr_for_each_nested(bit, bits) {
			const char *name = bit_name(bit, &index);

			if (name && !strcmp(name, feature))
				return true;
		}
	}
	return false;
}

static int note_feature(const struct nlmsghdr *message, void *data)
{
	struct sought *sought = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		uint16_t type = mnl_attr_get_type(attr);

		if (type != ETHTOOL_A_FEATURES_HW && type != ETHTOOL_A_FEATURES_ACTIVE)
			continue;
		if (!bitset_has(attr, sought->feature))
			continue;
		sought->known = true;
		sought->active |= type == ETHTOOL_A_FEATURES_ACTIVE;
	}
	return MNL_CB_OK;
}

int feature_get_at(int netns_fd, int index, const char *device, const char *feature, bool *ret_on)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct sought sought = { .feature = feature };
	char buffer[NL_REQUEST_SIZE];
	uint16_t type = 0;
	int rc = open_ethtool(netns_fd, &nl, &type);

	if (rc)
		return rc;
	rc = nl_talk(nl, feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, 0, index, device),
		     note_feature, &sought);
	if (rc)
		return fail(rc, "cannot read the offload features of %s: %s", device, fail_text());
	if (!sought.known)
		return fail(-ENOENT, "%s has no offload feature %s", device, feature);
	*ret_on = sought.active;
	return 0;
}

int feature_get(int netns_fd, const char *device, const char *feature, bool *ret_on)
{
	return feature_get_at(netns_fd, 0, device, feature, ret_on);
}

int feature_set_at(int netns_fd, int index, const char *device, const char *feature, bool on)
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
	request = feature_request(buffer, type, ETHTOOL_MSG_FEATURES_SET, 0, index, device);
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
	rc = feature_get_at(netns_fd, index, device, feature, &now);
	if (!rc && now != on)
		rc = fail(-EOPNOTSUPP, "%s did not turn %s %s", device, feature, on ? "on" : "off");
	return rc;
}

int feature_set(int netns_fd, const char *device, const char *feature, bool on)
{
	return feature_set_at(netns_fd, 0, device, feature, on);
}

/* ---- All features, all devices ---- */

static void add_feature_name(const struct nlattr *bit, struct feature_names *names)
{
	uint32_t index;
	const char *name = bit_name(bit, &index);

	if (!name || index >= ARRAY_SIZE(names->name))
		return;
	snprintf(names->name[index], FEATURE_NAME, "%s", name);
	if (names->count <= index)
		names->count = index + 1;
}

/*
 * A request without a mask makes the kernel list every feature under HW, whether the device has it
 * or not.
 */
static int take_names(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attr, *bits, *bit;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != ETHTOOL_A_FEATURES_HW)
			continue;
		mnl_attr_for_each_nested(bits, attr) {
			if (mnl_attr_get_type(bits) != ETHTOOL_A_BITSET_BITS)
				continue;
			mnl_attr_for_each_nested(bit, bits)
				add_feature_name(bit, data);
		}
	}
	return MNL_CB_OK;
}

int feature_names_read(struct feature_names *ret_names)
{
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	struct feature_names names = { 0 };
	char buffer[NL_REQUEST_SIZE];
	uint16_t type = 0;
	int rc = open_ethtool(-1, &nl, &type);

	rc = rc ? rc
		: nl_talk(nl, feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, 0, 0, "lo"),
			  take_names, &names);
	if (rc)
		return fail(rc, "cannot read the names of offload features: %s", fail_text());
	*ret_names = names;
	return 0;
}

int feature_bit(const char *feature, unsigned int *ret_bit)
{
	struct feature_names names = { 0 };
	int rc = feature_names_read(&names);

	if (rc)
		return rc;
	for (unsigned int bit = 0; bit < names.count; bit++)
		if (!strcmp(names.name[bit], feature)) {
			*ret_bit = bit;
			return 0;
		}
	return fail(-ENOENT, "this kernel has no offload feature %s", feature);
}

struct walk {
	feature_take_fn take;
	void *data;
};

static void take_mask(const struct nlattr *bitset, uint32_t mask[FEATURE_WORDS])
{
	const struct nlattr *field;

	mnl_attr_for_each_nested(field, bitset) {
		size_t len = mnl_attr_get_payload_len(field);

		if (mnl_attr_get_type(field) != ETHTOOL_A_BITSET_VALUE)
			continue;
		if (len > FEATURE_WORDS * sizeof(*mask))
			len = FEATURE_WORDS * sizeof(*mask);
		memcpy(mask, mnl_attr_get_payload(field), len);
	}
}

static int header_index(const struct nlattr *header)
{
	const struct nlattr *field;
	int index = 0;

	mnl_attr_for_each_nested(field, header)
		if (mnl_attr_get_type(field) == ETHTOOL_A_HEADER_DEV_INDEX &&
		    mnl_attr_validate(field, MNL_TYPE_U32) >= 0)
			index = (int)mnl_attr_get_u32(field);
	return index;
}

static int report_features(const struct nlmsghdr *message, void *data)
{
	uint32_t hw[FEATURE_WORDS] = { 0 }, never[FEATURE_WORDS] = { 0 };
	struct feature_state state = { 0 };
	const struct walk *walk = data;
	const struct nlattr *attr;
	int index = 0;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case ETHTOOL_A_FEATURES_HEADER:
			index = header_index(attr);
			break;
		case ETHTOOL_A_FEATURES_HW:
			take_mask(attr, hw);
			break;
		case ETHTOOL_A_FEATURES_WANTED:
			take_mask(attr, state.wanted);
			break;
		case ETHTOOL_A_FEATURES_ACTIVE:
			take_mask(attr, state.active);
			break;
		case ETHTOOL_A_FEATURES_NOCHANGE:
			take_mask(attr, never);
			break;
		default:
			break;
		}
	}
	for (size_t i = 0; i < FEATURE_WORDS; i++)
		state.fixed[i] = ~hw[i] | never[i];
	if (index)
		walk->take(index, &state, walk->data);
	return MNL_CB_OK;
}

int feature_dump(struct nl *nl, feature_take_fn take, void *data)
{
	struct walk walk = { .take = take, .data = data };
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request;
	uint16_t type = 0;
	int rc = ethtool_family(nl, &type);

	if (rc)
		return rc;
	request = feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, NLM_F_DUMP, 0, NULL);
	rc = nl_dump(nl, request, report_features, NULL, &walk);
	return rc ? fail(rc, "cannot read the offload features: %s", fail_text()) : 0;
}

bool feature_in(const struct feature_names *names, const uint32_t *mask, const char *feature)
{
	for (size_t bit = 0; bit < names->count; bit++)
		if (!strcmp(names->name[bit], feature))
			return mask[bit / 32] >> bit % 32 & 1;
	return false;
}
