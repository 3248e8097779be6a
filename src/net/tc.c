// SPDX-License-Identifier: GPL-2.0-or-later
/* Traffic control: see tc.h. Attributes as in linux/pkt_cls.h, linux/pkt_sched.h. */
#include "net/tc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/trace.h"
#include "net/nl.h"

static uint32_t hook_parent(enum tc_direction direction)
{
	return TC_H_MAKE(TC_H_CLSACT, direction == TC_INGRESS ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static struct nlmsghdr *tc_request(void *buffer, uint16_t type, uint16_t flags, int index,
				   struct tcmsg **ret_tcm)
{
	struct nlmsghdr *request = nl_request(buffer, type, flags);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(request, sizeof(*tcm));

	tcm->tcm_ifindex = index;
	*ret_tcm = tcm;
	return request;
}

static int change_clsact(struct nl *nl, int index, uint16_t type, uint16_t flags)
{
	char buffer[NL_REQUEST_SIZE];
	struct tcmsg *tcm;
	struct nlmsghdr *request = tc_request(buffer, type, flags, index, &tcm);

	tcm->tcm_parent = TC_H_CLSACT;
	tcm->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(request, TCA_KIND, "clsact");
	return nl_talk(nl, request, NULL, NULL);
}

struct hooks_sought {
	int index;
	enum tc_hooks hooks;
};

/* clsact and ingress have the same parent, and a device has one of them at most. */
static int note_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(message);
	struct hooks_sought *sought = data;
	const struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tcm) ||
	    tcm->tcm_ifindex != sought->index || tcm->tcm_parent != TC_H_CLSACT)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, message, sizeof(*tcm))
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			sought->hooks = strcmp(mnl_attr_get_str(attr), "clsact") ? TC_HOOKS_INGRESS
										 : TC_HOOKS_BOTH;
	return MNL_CB_OK;
}

static void forget_hooks(void *data)
{
	((struct hooks_sought *)data)->hooks = TC_HOOKS_NONE;
}

int tc_get_hooks(struct nl *nl, int index, enum tc_hooks *ret_hooks)
{
	struct hooks_sought sought = { .index = index };
	char buffer[NL_REQUEST_SIZE];
	struct tcmsg *tcm;
	struct nlmsghdr *request = tc_request(buffer, RTM_GETQDISC, NLM_F_DUMP, index, &tcm);
	int rc = nl_dump(nl, request, note_qdisc, forget_hooks, &sought);

	if (rc)
		return fail(rc, "cannot read the qdiscs of device %d: %s", index, fail_text());
	*ret_hooks = sought.hooks;
	return 0;
}

int tc_clsact_add(struct nl *nl, int index)
{
	int rc = change_clsact(nl, index, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);

	if (rc && rc != -EEXIST)
		return fail(rc, "cannot add clsact to device %d (is sch_ingress there?): %s", index,
			    fail_text());
	return rc;
}

int tc_clsact_delete(struct nl *nl, int index)
{
	return change_clsact(nl, index, RTM_DELQDISC, 0);
}

static struct nlmsghdr *filter_request(void *buffer, uint16_t type, uint16_t flags, int index,
				       enum tc_direction direction, uint16_t priority,
				       uint16_t protocol)
{
	struct tcmsg *tcm;
	struct nlmsghdr *request = tc_request(buffer, type, flags, index, &tcm);

	tcm->tcm_parent = hook_parent(direction);
	tcm->tcm_info = TC_H_MAKE((uint32_t)priority << 16, htons(protocol));
	return request;
}

int tc_bpf_attach(struct nl *nl, int index, enum tc_direction direction, uint16_t priority,
		  int prog_fd, const char *name)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = filter_request(buffer, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL,
						  index, direction, priority, ETH_P_ALL);
	struct nlattr *options;
	int rc;

	mnl_attr_put_strz(request, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	mnl_attr_put_u32(request, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(request, TCA_BPF_NAME, name);
	mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(request, options);
	rc = nl_talk(nl, request, NULL, NULL);
	trace("bpf", "attach %s to device %d, %s, priority %u: %d", name, index,
	      direction == TC_INGRESS ? "ingress" : "egress", priority, rc);
	return rc ? fail(rc, "cannot attach BPF program %s to device %d: %s", name, index,
			 fail_text())
		  : 0;
}

struct filter_walk {
	unsigned int count, tagged;
	unsigned int heads; /* of `count`: announce a list of BPF filters, and are none */
	const uint8_t *tag; /* that `tagged` counts; NULL: none */
	uint16_t priority; /* looked for */
	bool taken[128];
	char name[64];
};

static void note_option(const struct nlattr *option, uint16_t priority, struct filter_walk *walk)
{
	if (priority == walk->priority && mnl_attr_get_type(option) == TCA_BPF_NAME &&
	    mnl_attr_validate(option, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(walk->name, sizeof(walk->name), "%s", mnl_attr_get_str(option));
	if (walk->tag && mnl_attr_get_type(option) == TCA_BPF_TAG &&
	    mnl_attr_get_payload_len(option) == 8)
		walk->tagged += !memcmp(mnl_attr_get_payload(option), walk->tag, 8);
}

static int note_filter(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(message);
	struct filter_walk *walk = data;
	const struct nlattr *attr, *option;
	uint16_t priority;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*tcm) || !tcm->tcm_info)
		return MNL_CB_OK;
	priority = (uint16_t)(TC_H_MAJ(tcm->tcm_info) >> 16);
	walk->count++;
	if (priority < sizeof(walk->taken))
		walk->taken[priority] = true;
	mnl_attr_for_each(attr, message, sizeof(*tcm)) {
		if (mnl_attr_get_type(attr) == TCA_KIND &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			walk->heads += !tcm->tcm_handle && !strcmp(mnl_attr_get_str(attr), "bpf");
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(option, attr)
			note_option(option, priority, walk);
	}
	return MNL_CB_OK;
}

static void forget_filters(void *data)
{
	struct filter_walk *walk = data;

	*walk = (struct filter_walk){ .priority = walk->priority, .tag = walk->tag };
}

/* Without clsact there is nothing to walk. */
static int walk_filters(struct nl *nl, int index, enum tc_direction direction,
			struct filter_walk *walk)
{
	char buffer[NL_REQUEST_SIZE];
	struct tcmsg *tcm;
	struct nlmsghdr *request = tc_request(buffer, RTM_GETTFILTER, NLM_F_DUMP, index, &tcm);
	int rc;

	tcm->tcm_parent = hook_parent(direction);
	rc = nl_dump(nl, request, note_filter, forget_filters, walk);
	return rc ? fail(rc, "cannot read the tc filters of device %d: %s", index, fail_text()) : 0;
}

int tc_filter_count(struct nl *nl, int index, unsigned int *ret_count)
{
	struct filter_walk ingress = { 0 }, egress = { 0 };
	int rc = walk_filters(nl, index, TC_INGRESS, &ingress);

	rc = rc ? rc : walk_filters(nl, index, TC_EGRESS, &egress);
	if (!rc)
		*ret_count = ingress.count + egress.count;
	return rc;
}

int tc_filter_tagged(struct nl *nl, int index, const uint8_t tag[8], unsigned int *ret_count,
		     unsigned int *ret_tagged)
{
	struct filter_walk ingress = { .tag = tag }, egress = { 0 };
	int rc = walk_filters(nl, index, TC_INGRESS, &ingress);

	rc = rc ? rc : walk_filters(nl, index, TC_EGRESS, &egress);
	if (rc)
		return rc;
	*ret_count = ingress.count + egress.count - ingress.heads - egress.heads;
	*ret_tagged = ingress.tagged;
	return 0;
}

int tc_free_priority(struct nl *nl, int index, enum tc_direction direction, uint16_t from,
		     uint16_t *ret_priority)
{
	struct filter_walk walk = { 0 };
	int rc = walk_filters(nl, index, direction, &walk);

	if (rc)
		return rc;
	for (size_t priority = from; priority < sizeof(walk.taken); priority++) {
		if (walk.taken[priority])
			continue;
		*ret_priority = (uint16_t)priority;
		return 0;
	}
	return fail(-EBUSY, "device %d has no tc priority free below %zu", index,
		    sizeof(walk.taken));
}

int tc_bpf_name(struct nl *nl, int index, enum tc_direction direction, uint16_t priority,
		char *ret_name, size_t size)
{
	struct filter_walk walk = { .priority = priority };
	int rc = walk_filters(nl, index, direction, &walk);

	if (rc)
		return rc;
	if (!walk.name[0])
		return -ENOENT;
	snprintf(ret_name, size, "%s", walk.name);
	return 0;
}

int tc_filter_delete(struct nl *nl, int index, enum tc_direction direction, uint16_t priority)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request =
		filter_request(buffer, RTM_DELTFILTER, 0, index, direction, priority, ETH_P_ALL);

	return nl_talk(nl, request, NULL, NULL);
}

int tc_redirect_ports(struct nl *nl, int index, uint32_t ports, uint32_t mask, int to)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key key;
	} match = {
		.sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 },
		.key = { .val = htonl(ports & mask), .mask = htonl(mask), .off = 20 },
	};
	struct tc_mirred mirred = { .action = TC_ACT_STOLEN,
				    .eaction = TCA_EGRESS_REDIR,
				    .ifindex = (uint32_t)to };
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request =
		filter_request(buffer, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, index, TC_INGRESS,
			       TC_REDIRECT_PRIORITY, ETH_P_IP);
	struct nlattr *options, *actions, *action, *parameters;
	int rc;

	mnl_attr_put_strz(request, TCA_KIND, "u32");
	options = mnl_attr_nest_start(request, TCA_OPTIONS);
	mnl_attr_put(request, TCA_U32_SEL, sizeof(match), &match);
	actions = mnl_attr_nest_start(request, TCA_U32_ACT);
	action = mnl_attr_nest_start(request, 1);
	mnl_attr_put_strz(request, TCA_ACT_KIND, "mirred");
	parameters = mnl_attr_nest_start(request, TCA_ACT_OPTIONS);
	mnl_attr_put(request, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
	mnl_attr_nest_end(request, parameters);
	mnl_attr_nest_end(request, action);
	mnl_attr_nest_end(request, actions);
	mnl_attr_nest_end(request, options);
	rc = nl_talk(nl, request, NULL, NULL);
	if (rc == -ENOENT)
		return fail(-EOPNOTSUPP, "this kernel has no tc u32 filter or mirred action");
	return rc ? fail(rc, "cannot redirect device %d to device %d: %s", index, to, fail_text())
		  : 0;
}
