// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Netfilter: see netfilter.h. Rules go through libnftables, which takes text and gives JSON;
 * connections through ctnetlink.
 *
 * The kernel lists the entries of connections. For IPv4 it filters by destination itself if it can
 * (CTA_FILTER, Linux 5.8), so that few entries of a table of millions reach us. For IPv6 that
 * filter is useless: on 6.18 it omits exactly the entries that it should list. Each entry is then
 * deleted by the tuple with which it was listed.
 */
#include "net/netfilter.h"

#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "net/netns.h"
#include "net/nl.h"

/* ---- Rules ---- */

static void cleanup_nft(struct nft_ctx **nft)
{
	if (*nft)
		nft_ctx_free(*nft);
}

/* Runs commands with output and errors buffered in the context, which the caller frees. */
static int run_commands(int netns_fd, const char *commands, unsigned int output_flags,
			struct nft_ctx **ret_nft)
{
	_cleanup_(netns_leave) int home = -1;
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;
	int rc = netns_enter(netns_fd, &home);

	if (rc)
		return rc;
	/* libnftables itself would write to standard error. */
	if (!privilege_has(CAP_NET_ADMIN))
		return fail(-EPERM, "nftables needs CAP_NET_ADMIN");
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft || nft_ctx_buffer_output(nft) || nft_ctx_buffer_error(nft))
		return fail(-ENOMEM, "cannot start libnftables");
	nft_ctx_output_set_flags(nft, output_flags);
	if (nft_run_cmd_from_buffer(nft, commands)) {
		const char *words = nft_ctx_get_error_buffer(nft);
		/* Only a missing kernel part is worth telling apart: the rules are our own. */
		bool missing = strstr(words, "Operation not supported") ||
			       strstr(words, "No such file or directory");

		return fail(missing ? -EOPNOTSUPP : -EINVAL,
			    missing ? "this kernel lacks nftables or conntrack for it: %.*s"
				    : "nft: %.*s",
			    (int)strcspn(words, "\n"), words);
	}
	*ret_nft = TAKE_PTR(nft);
	return 0;
}

int netfilter_load(int netns_fd, const char *commands)
{
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;

	return run_commands(netns_fd, commands, 0, &nft);
}

int netfilter_counter(int netns_fd, const char *counter, uint64_t *ret_packets)
{
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;
	json_auto_t *root = NULL;
	const json_t *entries;
	char command[96];
	json_int_t packets = -1;
	int rc;

	snprintf(command, sizeof(command), "list counter inet tsum %s", counter);
	rc = run_commands(netns_fd, command, NFT_CTX_OUTPUT_JSON, &nft);
	if (rc)
		return rc;
	root = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	entries = json_object_get(root, "nftables");
	for (size_t i = 0; i < json_array_size(entries); i++)
		json_unpack(json_array_get(entries, i), "{s:{s:I}}", "counter", "packets",
			    &packets);
	if (packets < 0)
		return fail(-EBADMSG, "nft counter %s has no packets", counter);
	*ret_packets = (uint64_t)packets;
	return 0;
}

/* Whether an object of the ruleset lies in the table that the nat chain is in. */
static bool same_table(const json_t *object, const json_t *chain)
{
	return json_equal(json_object_get(object, "family"), json_object_get(chain, "family")) &&
	       json_equal(json_object_get(object, "table"), json_object_get(chain, "table"));
}

static bool has_rule(const json_t *entries, const json_t *chain)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(entries, i, rule) {
		rule = json_object_get(rule, "rule");
		if (rule && same_table(rule, chain))
			return true;
	}
	return false;
}

int netfilter_has_nat(int netns_fd, bool *ret_nat)
{
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;
	json_auto_t *root = NULL;
	const json_t *entries, *chain;
	bool nat = false;
	size_t i;
	int rc = run_commands(netns_fd, "list ruleset", NFT_CTX_OUTPUT_JSON, &nft);

	if (rc)
		return rc;
	root = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	entries = json_object_get(root, "nftables");
	if (!json_is_array(entries))
		return fail(-EBADMSG, "nft gives no ruleset");
	json_array_foreach(entries, i, chain) {
		const char *type;

		chain = json_object_get(chain, "chain");
		type = json_string_value(json_object_get(chain, "type"));
		if (!nat && type && !strcmp(type, "nat"))
			nat = has_rule(entries, chain);
	}
	*ret_nat = nat;
	return 0;
}

static int take_hook(const json_t *object, const char *what, struct netfilter_hook **hook,
		     size_t *count)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	const char *family = json_string_value(json_object_get(object, "family"));
	const char *where = json_string_value(json_object_get(object, "hook"));
	struct netfilter_hook *new;

	/* A chain without a hook is only jumped to. */
	if (!family || !where)
		return 0;
	new = ARRAY_ADD(*hook, *count);
	if (!new)
		return -ENOMEM;
	snprintf(new->family, sizeof(new->family), "%s", family);
	snprintf(new->type, sizeof(new->type), "%s", type ? type : what);
	snprintf(new->hook, sizeof(new->hook), "%s", where);
	new->priority = (int)json_integer_value(json_object_get(object, "prio"));
	return 0;
}

/* Adds the hooks of what `command` lists: objects called `what`, a chain or flowtable each. */
static int list_hooks(int netns_fd, const char *command, const char *what,
		      struct netfilter_hook **hook, size_t *count)
{
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;
	json_auto_t *root = NULL;
	const json_t *entries, *object;
	size_t i;
	int rc = run_commands(netns_fd, command, NFT_CTX_OUTPUT_JSON, &nft);

	if (rc)
		return rc;
	root = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	entries = json_object_get(root, "nftables");
	if (!json_is_array(entries))
		return fail(-EBADMSG, "nft does not answer '%s'", command);
	json_array_foreach(entries, i, object) {
		object = json_object_get(object, what);
		rc = rc ? rc : take_hook(object, what, hook, count);
	}
	return rc;
}

int netfilter_hooks(int netns_fd, struct netfilter_hook **ret_hook, size_t *ret_count)
{
	_cleanup_free_ struct netfilter_hook *hook = NULL;
	size_t count = 0;
	int rc = list_hooks(netns_fd, "list chains", "chain", &hook, &count);

	rc = rc ? rc : list_hooks(netns_fd, "list flowtables", "flowtable", &hook, &count);
	if (rc)
		return rc;
	*ret_hook = TAKE_PTR(hook);
	*ret_count = count;
	return 0;
}

/* ---- Connections ---- */

#define TUPLE_MAX 128
/* CTA_FILTER_F_CTA_IP_DST: net/netfilter/nf_conntrack_netlink.c */
#define FILTER_IP_DST (1U << 1)

struct entry {
	uint16_t len;
	uint8_t tuple[TUPLE_MAX]; /* attributes within CTA_TUPLE_ORIG */
};

struct list {
	int family;
	const uint8_t *address;
	struct entry *entry;
	size_t count, room;
};

bool netfilter_tracks(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/net/netfilter/nf_conntrack_count", "re");
	unsigned int count = 0;

	return file && fscanf(file, "%u", &count) == 1 && count > 0;
}

static bool leads_there(const struct list *list, const struct nlattr *tuple)
{
	size_t len = list->family == AF_INET ? 4 : 16;
	const struct nlattr *part, *field;

	mnl_attr_for_each_nested(part, tuple) {
		if (mnl_attr_get_type(part) != CTA_TUPLE_IP)
			continue;
		mnl_attr_for_each_nested(field, part) {
			uint16_t type = mnl_attr_get_type(field);

			if ((type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) &&
			    mnl_attr_get_payload_len(field) == len)
				return !memcmp(mnl_attr_get_payload(field), list->address, len);
		}
	}
	return false;
}

static int take_entry(const struct nlmsghdr *message, void *data)
{
	struct list *list = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg)) {
		uint16_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) != CTA_TUPLE_ORIG || len > TUPLE_MAX ||
		    !leads_there(list, attr))
			continue;
		if (list->count == list->room) {
			size_t room = list->room ? 2 * list->room : 64;
			struct entry *entry = realloc(list->entry, room * sizeof(*entry));

			if (!entry) {
				errno = ENOMEM;
				return MNL_CB_ERROR;
			}
			list->entry = entry;
			list->room = room;
		}
		list->entry[list->count].len = len;
		memcpy(list->entry[list->count++].tuple, mnl_attr_get_payload(attr), len);
	}
	return MNL_CB_OK;
}

static struct nlmsghdr *begin_message(void *buffer, uint16_t type, uint16_t flags, int family)
{
	struct nlmsghdr *request =
		nl_request(buffer, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), flags);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(request, sizeof(*head));

	head->nfgen_family = (uint8_t)family;
	head->version = NFNETLINK_V0;
	return request;
}

static int list_entries(struct nl *nl, struct list *list, bool filtered)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request =
		begin_message(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, list->family);
	bool v4 = list->family == AF_INET;
	struct nlattr *nest, *inner;

	if (filtered) {
		nest = mnl_attr_nest_start(request, CTA_FILTER);
		mnl_attr_put_u32(request, CTA_FILTER_ORIG_FLAGS, FILTER_IP_DST);
		mnl_attr_put_u32(request, CTA_FILTER_REPLY_FLAGS, 0);
		mnl_attr_nest_end(request, nest);
		nest = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
		inner = mnl_attr_nest_start(request, CTA_TUPLE_IP);
		mnl_attr_put(request, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, v4 ? 4 : 16,
			     list->address);
		mnl_attr_nest_end(request, inner);
		mnl_attr_nest_end(request, nest);
	}
	list->count = 0;
	return nl_talk(nl, request, take_entry, list);
}

int netfilter_forget(struct nl *nl, int family, const uint8_t *address)
{
	struct list list = { .family = family, .address = address };
	int rc = list_entries(nl, &list, family == AF_INET);

	if (rc && rc != -EINTR)
		rc = list_entries(nl, &list, false);
	for (size_t i = 0; i < list.count; i++) {
		char buffer[NL_REQUEST_SIZE];
		struct nlmsghdr *request = begin_message(buffer, IPCTNL_MSG_CT_DELETE, 0, family);
		struct nlattr *nest = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);

		memcpy(mnl_nlmsg_get_payload_tail(request), list.entry[i].tuple, list.entry[i].len);
		request->nlmsg_len += MNL_ALIGN(list.entry[i].len);
		mnl_attr_nest_end(request, nest);
		/* It may have ended by itself meanwhile. */
		nl_talk(nl, request, NULL, NULL);
	}
	free(list.entry);
	return rc;
}
