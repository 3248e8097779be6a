// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All features of all devices: see feature.h. A dump in compact form gives each set as bits; what
 * the bits are called is asked once, of the loopback device in the long form.
 */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/feature.h"
#include "net/feature_part.h"

static int ethtool_family(struct nl *nl, uint16_t *ret_type)
{
	/* The number is the same in every namespace, and as long as the kernel runs. */
	static uint16_t known;
	int rc = known ? 0 : nl_family(nl, ETHTOOL_GENL_NAME, &known);

	if (rc)
		return fail(rc, "this kernel has no ethtool netlink (5.6 and later): %s",
			    fail_text());
	*ret_type = known;
	return 0;
}

static void take_name(const struct nlattr *bit, struct feature_names *names)
{
	uint32_t index = UINT32_MAX;
	const struct nlattr *field;
	const char *name = NULL;

	mnl_attr_for_each_nested(field, bit) {
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_INDEX &&
		    mnl_attr_validate(field, MNL_TYPE_U32) >= 0)
			index = mnl_attr_get_u32(field);
		if (mnl_attr_get_type(field) == ETHTOOL_A_BITSET_BIT_NAME &&
		    mnl_attr_validate(field, MNL_TYPE_NUL_STRING) >= 0)
			name = mnl_attr_get_str(field);
	}
	if (!name || index >= ARRAY_SIZE(names->name))
		return;
	snprintf(names->name[index], FEATURE_NAME, "%s", name);
	if (names->count <= index)
		names->count = index + 1;
}

/* Under HW every feature is listed, whether the device has it or not. */
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
				take_name(bit, data);
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
	int rc = nl_open(-1, NETLINK_GENERIC, &nl);

	rc = rc ? rc : ethtool_family(nl, &type);
	rc = rc ? rc
		: nl_talk(nl, feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, 0, "lo"),
			  take_names, &names);
	if (rc)
		return fail(rc, "cannot read the names of offload features: %s", fail_text());
	*ret_names = names;
	return 0;
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

static int take_device(const struct nlmsghdr *message, void *data)
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
	request = feature_request(buffer, type, ETHTOOL_MSG_FEATURES_GET, NLM_F_DUMP, NULL);
	rc = nl_dump(nl, request, take_device, NULL, &walk);
	return rc ? fail(rc, "cannot read the offload features: %s", fail_text()) : 0;
}

bool feature_in(const struct feature_names *names, const uint32_t *mask, const char *feature)
{
	for (size_t bit = 0; bit < names->count; bit++)
		if (!strcmp(names->name[bit], feature))
			return mask[bit / 32] >> bit % 32 & 1;
	return false;
}
