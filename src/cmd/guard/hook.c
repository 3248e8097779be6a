// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum guard hook`: protects the container that an OCI runtime is creating. The runtime hands its state to
 * standard input and waits; what fails here ends the start of the container, for one that runs unprotected
 * is what the hook is there to prevent. What was put on ends with the container; at poststop its records go.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/options.h"
#include "cmd/guard/guard.h"
#include "cmd/common/command.h"
#include "guard/start/admit.h"
#include "guard/start/attachment.h"
#include "guard/start/oci.h"
#include "guard/policy.h"
#include "net/netns.h"

#define STATE_MAX (1 << 20)

static char container[80] = "?";

static void say(const char *sentence)
{
	fprintf(stderr, "truesum guard hook: container %.12s: %s\n", container, sentence);
}

static int parse_mitigation(const char *value, void *target)
{
	return guard_order_parse(value, target);
}

static int read_state(struct oci_state *ret_state)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int rc = file_read(STDIN_FILENO, "standard input", STATE_MAX, &text, &len);

	return rc ? rc : oci_parse_state(text, len, ret_state);
}

static bool is_end(const struct link_info *link)
{
	return !(link->flags & IFF_LOOPBACK) && policy_is_end(link->kind);
}

static struct attachment_key key_of(const struct oci_state *state)
{
	return (struct attachment_key){ "+oci", state->id, "-" };
}

static void add_device(struct attachment *attachment, const struct attached_device *device)
{
	for (size_t i = 0; i < attachment->count; i++)
		if (attachment->device[i].index == device->index) {
			attachment->device[i].mitigations |= device->mitigations;
			return;
		}
	if (attachment->count < ATTACHMENT_DEVICES_MAX)
		attachment->device[attachment->count++] = *device;
}

/* For the container's end, and for who looks which containers share a namespace. */
static int record(const struct oci_state *state, const struct attachment *own, const char *netns)
{
	const struct attachment_key key = key_of(state);
	struct attachment attachment;

	if (!own->count)
		return 0;
	if (strpbrk(state->id, "/:"))
		return fail(-EINVAL, "its id has a '/' or ':'");
	/* What an earlier call put on, as at `runc create`, is on record already. */
	if (attachment_read(&key, &attachment) || !netns_same(&attachment.netns, &own->netns))
		attachment = (struct attachment){ .netns = own->netns };
	for (size_t i = 0; i < own->count; i++)
		add_device(&attachment, &own->device[i]);
	return attachment_write(&key, &attachment, netns);
}

static int admit_all(const struct guard_order *order, const struct oci_state *state, int netns_fd,
		     const char *netns, struct attachment *attachment)
{
	_cleanup_(admission_cleanup) struct admission *admission = NULL;
	_cleanup_(nl_cleanup) struct nl *nl = NULL;
	_cleanup_free_ struct link_info *link = NULL;
	size_t count = 0, ends = 0;
	int rc = nl_open(netns_fd, NETLINK_ROUTE, &nl);

	rc = rc ? rc : link_list(nl, &link, &count);
	rc = rc ? rc : admission_new(order, say, &admission);
	for (size_t i = 0; !rc && i < count && ends < ATTACHMENT_DEVICES_MAX; i++) {
		struct attached_device *device = &attachment->device[attachment->count];

		if (!is_end(&link[i]))
			continue;
		ends++;
		rc = admit(admission, netns_fd, netns, &link[i], &device->mitigations);
		device->index = link[i].index;
		snprintf(device->device, sizeof(device->device), "%s", link[i].name);
		attachment->count += device->mitigations != 0;
	}
	rc = rc ? rc : record(state, attachment, netns);
	if (rc)
		return rc;
	if (!ends)
		say("it has no network yet, nothing is protected; `truesum guard run` protects what "
		    "comes later");
	admission_commit(admission);
	return 0;
}

static int protect(const struct guard_order *order, const struct oci_state *state)
{
	struct attachment attachment = { 0 };
	_cleanup_close_ int netns_fd = -1;
	struct netns_id own;
	char pid[16];
	int rc;

	if (!state->pid)
		return fail(-ESRCH, "it has no process: this hook belongs to createRuntime");
	snprintf(pid, sizeof(pid), "%d", (int)state->pid);
	rc = netns_open(pid, &netns_fd);
	rc = rc ? rc : netns_identify(netns_fd, &attachment.netns);
	rc = rc ? rc : netns_identify(-1, &own);
	/* The host's own devices are not a container's. */
	if (rc || netns_same(&own, &attachment.netns))
		return rc;
	if (state->status == OCI_RUNNING)
		say("it runs already, what it has read by now nobody looked at: this hook belongs "
		    "to createRuntime");
	return admit_all(order, state, netns_fd, pid, &attachment);
}

static int act(const struct guard_order *order)
{
	struct oci_state state;
	struct attachment_key key;
	int rc = read_state(&state);

	if (rc)
		return rc;
	memcpy(container, state.id, sizeof(container));
	key = key_of(&state);
	return state.status == OCI_STOPPED ? attachment_forget(&key) : protect(order, &state);
}

int guard_command_hook(int argc, char **argv)
{
	static struct guard_order order;
	static bool fail_open;
	static const struct option_row rows[] = {
		{ .type = OPTION_CALL,
		  .name = "mitigation",
		  .value = "LIST",
		  .target = &order,
		  .parse = parse_mitigation,
		  .help = "rx-off, reset; auto (default): what the host's policy says,\n"
			  "both where there is no policy yet" },
		{ .type = OPTION_FLAG,
		  .name = "fail-open",
		  .target = &fail_open,
		  .help = "let the container start where it cannot be protected" },
	};
	static const struct option_table table = {
		.command = "guard hook",
		.synopsis = "[OPTION]... <STATE",
		.about =
			"Protects the container that an OCI runtime is creating, before its first\n"
			"instruction: a createRuntime hook, which gets the container's state (JSON) on\n"
			"standard input. Where that fails the container does not start. As poststop hook\n"
			"it drops its records of the container.",
		.epilog =
			"In a container's config.json:\n"
			"  \"hooks\": {\"createRuntime\": [{\"path\": \"/usr/local/bin/truesum\",\n"
			"    \"args\": [\"truesum\", \"guard\", \"hook\"]}], \"poststop\": the same}\n",
		.rows = rows,
		.row_count = ARRAY_SIZE(rows),
	};
	int rc = options_parse(&table, argc, argv);

	if (rc < 0)
		return options_exit(rc);
	rc = act(&order);
	if (!rc)
		return EXIT_NOTHING_WRONG;
	say(fail_text());
	if (!fail_open)
		return EXIT_UNKNOWN;
	say("it starts unprotected (--fail-open)");
	return EXIT_NOTHING_WRONG;
}
