// SPDX-License-Identifier: GPL-2.0-or-later
/* nftables rules: see nft.h. libnftables takes text and gives JSON. */
#include "net/nft.h"

#include <errno.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "net/netns.h"

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

int nft_load(int netns_fd, const char *commands)
{
	_cleanup_(cleanup_nft) struct nft_ctx *nft = NULL;

	return run_commands(netns_fd, commands, 0, &nft);
}

int nft_counter(int netns_fd, const char *counter, uint64_t *ret_packets)
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

int nft_has_nat(int netns_fd, bool *ret_nat)
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
