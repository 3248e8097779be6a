// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum report` as text: made from the object alone (report.h). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/term.h"
#include "cmd/report/report.h"

#define COLUMNS 76
#define INDENT 16 /* where values begin */
#define MEMBERS_SHOWN 6
#define LINE_SIZE 4000

/* A text that grows: what does not fit is cut. */
struct line {
	char text[LINE_SIZE];
};

static void append(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void append(struct line *line, const char *format, ...)
{
	size_t used = strlen(line->text);
	va_list list;

	va_start(list, format);
	vsnprintf(line->text + used, sizeof(line->text) - used, format, list);
	va_end(list);
}

/* Adds a separator if something stands there already. */
static void separate(struct line *line, const char *separator)
{
	if (*line->text)
		append(line, "%s", separator);
}

/*
 * Prints the text from column `indent` on, where the cursor is, broken at blanks; a word that is
 * too long, anywhere.
 */
static void print_wrapped(size_t indent, const char *text)
{
	size_t room = COLUMNS - indent;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strlen(text);

		if (len > room) {
			len = room;
			while (len && text[len] != ' ')
				len--;
			len = len ? len : room;
		}
		printf("%.*s\n", (int)len, text);
		text += len;
		if (text[strspn(text, " ")])
			printf("%*s", (int)indent, "");
	}
}

static void print_field(const char *label, const char *text)
{
	printf("%-*s", INDENT, label);
	print_wrapped(INDENT, *text ? text : "-");
}

static void print_detail(const char *label, const char *text)
{
	if (!*text)
		return;
	printf("    %-*s", INDENT - 4, label);
	if (strlen(label) >= INDENT - 4)
		printf("\n%*s", INDENT, "");
	print_wrapped(INDENT, text);
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static bool flag_at(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static long long number_at(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* ---- Members ---- */

static void describe_member(const json_t *member, struct line *line)
{
	const json_t *addresses = json_object_get(member, "addresses"), *address;
	size_t i;

	if (json_is_string(member)) {
		append(line, "%s", json_string_value(member));
		return;
	}
	append(line, "%s %s", text_at(member, "namespace"), text_at(member, "name"));
	json_array_foreach(addresses, i, address)
		append(line, "%s%s", i ? " " : " (", json_string_value(address));
	if (json_array_size(addresses))
		append(line, ")");
	if (*text_at(member, "link"))
		append(line, ", linked to %s %s", text_at(member, "link_namespace"),
		       text_at(member, "link"));
}

static void print_members(const json_t *group)
{
	const json_t *members = json_object_get(group, "members"), *member;
	size_t count = json_array_size(members), i;
	struct line line = { 0 };

	json_array_foreach(members, i, member) {
		if (i == MEMBERS_SHOWN && count > MEMBERS_SHOWN + 1)
			break;
		separate(&line, "; ");
		describe_member(member, &line);
	}
	if (i < count)
		append(&line, "; and %zu more like these", count - i);
	printf("  ");
	print_wrapped(2, line.text);
}

/* ---- Parts ---- */

static void print_kernel(const json_t *object)
{
	const json_t *kernel = json_object_get(object, "kernel");
	const char *lockdown = text_at(kernel, "lockdown"), *taints = text_at(kernel, "taints");
	const char *hypervisor = text_at(kernel, "virtualisation");
	const json_t *failures = json_object_get(object, "hw_csum_failures");
	struct line line = { 0 };

	append(&line, "%s %s", text_at(kernel, "release"), text_at(kernel, "machine"));
	print_field("kernel", line.text);
	print_field("", *text_at(kernel, "banner") ? text_at(kernel, "banner")
						   : text_at(kernel, "version"));
	print_field("distribution", text_at(kernel, "distribution"));
	line = (struct line){ 0 };
	append(&line, "%lld processor%s, ", number_at(kernel, "processors"),
	       number_at(kernel, "processors") == 1 ? "" : "s");
	if (!*hypervisor)
		append(&line, "no hypervisor seen");
	else
		append(&line, "virtual%s%s", strcmp(hypervisor, "yes") ? ": " : "",
		       strcmp(hypervisor, "yes") ? hypervisor : "");
	print_field("machine", line.text);
	print_field("lockdown",
		    *lockdown ? lockdown : "not readable (no /sys/kernel/security/lockdown)");
	line = (struct line){ 0 };
	if (json_is_integer(json_object_get(kernel, "tainted")))
		append(&line, "%lld%s%s%s", number_at(kernel, "tainted"), *taints ? " (" : "",
		       taints, *taints ? ")" : "");
	print_field("tainted", *line.text ? line.text : "not readable");
	line = (struct line){ 0 };
	if (json_is_integer(failures))
		append(&line, "%lld lines \"hw csum failure\"", json_integer_value(failures));
	print_field("kernel log", *line.text ? line.text : "not readable");
}

/* Those that are on, or those that are off. */
static void print_features(const json_t *features, bool on)
{
	struct line line = { 0 };
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)features, name, value)
	{
		const char *state = json_string_value(value);
		const char *more = strchr(state, ' ');

		if (!strncmp(state, "on", 2) != on)
			continue;
		separate(&line, ", ");
		append(&line, "%s%s", name, more ? more + 1 : "");
	}
	print_detail(on ? "on" : "off", line.text);
}

static void print_hooks(const json_t *hooks)
{
	struct line line = { 0 };
	const json_t *hook;
	size_t i;

	json_array_foreach(hooks, i, hook) {
		const char *name = text_at(hook, "name");

		separate(&line, ", ");
		append(&line, "%s%s%s%s%s", text_at(hook, "hook"), *name ? " " : "", name,
		       flag_at(hook, "bpf") ? " (BPF)" : "",
		       flag_at(hook, "redirects") ? " redirects" : "");
	}
	print_detail("programs", line.text);
}

static void print_driver(const json_t *device)
{
	static const char *const keys[] = { "driver_version", "firmware", "bus" };
	static const char *const words[] = { "version", "firmware", "bus" };
	struct line line = { 0 };

	append(&line, "%s", *text_at(device, "driver") ? text_at(device, "driver") : "none");
	for (size_t i = 0; i < 3; i++)
		if (*text_at(device, keys[i]))
			append(&line, ", %s %s", words[i], text_at(device, keys[i]));
	print_detail("driver", line.text);
}

static void print_device(const json_t *device)
{
	struct line line = { 0 };

	print_members(device);
	append(&line, "%s, %s, mtu %lld", text_at(device, "kind"),
	       flag_at(device, "up") ? "up" : "down", number_at(device, "mtu"));
	if (*text_at(device, "port_of"))
		append(&line, ", port of %s", text_at(device, "port_of"));
	if (*text_at(device, "tunnel_over"))
		append(&line, ", over %s", text_at(device, "tunnel_over"));
	print_detail("kind", line.text);
	print_driver(device);
	if (json_is_null(json_object_get(device, "features")))
		print_detail("features", "not readable");
	print_features(json_object_get(device, "features"), true);
	print_features(json_object_get(device, "features"), false);
	print_hooks(json_object_get(device, "hooks"));
}

static void print_devices(const json_t *object)
{
	const json_t *device;
	size_t i;

	printf("\nDevices (features as ethtool -k or the kernel names them)\n");
	json_array_foreach(json_object_get(object, "devices"), i, device)
		print_device(device);
	printf("  loopback and devices that are not set up: %lld, left out\n",
	       number_at(object, "devices_left_out"));
}

static void print_sysctls(const json_t *sysctls)
{
	struct line line = { 0 };
	const json_t *sysctl;
	size_t i;

	json_array_foreach(sysctls, i, sysctl)
		append(&line, "%s%s=%lld", i ? ", " : "", text_at(sysctl, "name"),
		       number_at(sysctl, "value"));
	print_detail("sysctls", line.text);
}

static void print_namespace(const json_t *space)
{
	const json_t *hooks = json_object_get(space, "netfilter"), *hook;
	const json_t *errors = json_object_get(space, "in_csum_errors");
	struct line line = { 0 };
	size_t i;

	print_members(space);
	print_sysctls(json_object_get(space, "sysctls"));
	json_array_foreach(hooks, i, hook)
		append(&line, "%s%s", i ? ", " : "", json_string_value(hook));
	print_detail("netfilter", json_is_null(hooks) ? "not readable"
				  : *line.text	      ? line.text
						      : "none");
	print_detail("tracking", flag_at(space, "tracks_connections") ? "connections are tracked"
								      : "no tracked connections");
	line = (struct line){ 0 };
	append(&line, "tcp %lld, udp %lld, icmp %lld (InCsumErrors)", number_at(errors, "tcp"),
	       number_at(errors, "udp"), number_at(errors, "icmp"));
	print_detail("wrong sums", json_is_null(errors) ? "not readable" : line.text);
	line = (struct line){ 0 };
	if (number_at(space, "packet_sockets"))
		append(&line, "%lld packet sockets, %lld of them without PACKET_AUXDATA or a ring",
		       number_at(space, "packet_sockets"),
		       number_at(space, "packet_sockets_without_status"));
	print_detail("sockets", line.text);
}

static void add_list(struct line *line, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		append(line, "%s%s", i ? ", " : "", json_string_value(item));
	if (!json_array_size(list))
		append(line, "nothing");
}

static void print_policy_rows(const json_t *policy)
{
	const json_t *row;
	struct line line;
	size_t i;

	json_array_foreach(json_object_get(policy, "containers"), i, row) {
		line = (struct line){ 0 };
		append(&line, "%s: %s, on: ", text_at(row, "kind"), text_at(row, "state"));
		add_list(&line, json_object_get(row, "mitigations"));
		if (json_array_size(json_object_get(row, "tried"))) {
			append(&line, "; tried in vain: ");
			add_list(&line, json_object_get(row, "tried"));
		}
		print_detail("containers", line.text);
	}
	json_array_foreach(json_object_get(policy, "devices"), i, row) {
		line = (struct line){ 0 };
		append(&line, "%s, on: ", text_at(row, "device"));
		add_list(&line, json_object_get(row, "mitigations"));
		print_detail("device", line.text);
	}
	line = (struct line){ 0 };
	add_list(&line, json_object_get(policy, "host"));
	print_detail("host", line.text);
}

static void print_policy(const json_t *object)
{
	const json_t *policy = json_object_get(object, "policy");
	time_t proven = (time_t)number_at(policy, "proven");
	char date[32] = "";
	struct line line = { 0 };
	struct tm utc;

	printf("\nProven by truesum guard\n");
	if (!json_is_object(policy)) {
		print_detail("policy", text_at(object, "no_policy"));
		return;
	}
	if (proven && gmtime_r(&proven, &utc))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M UTC", &utc);
	append(&line, "%s on %s, %s", text_at(policy, "verdict"), text_at(policy, "kernel"),
	       *date ? date : "not proven but ordered by name");
	print_detail("verdict", line.text);
	print_policy_rows(policy);
}

/* "tcp/4 in, tcp/4 out, ...": the checks that came to this verdict. */
static void print_checks(const json_t *checks, const char *verdict)
{
	const char *reason = NULL;
	struct line line = { 0 };
	const json_t *check;
	size_t i;

	json_array_foreach(checks, i, check) {
		if (strcmp(text_at(check, "verdict"), verdict) != 0)
			continue;
		separate(&line, ", ");
		append(&line, "%s/%lld %s%s", text_at(check, "check"), number_at(check, "family"),
		       text_at(check, "direction"), flag_at(check, "inherent") ? " (no sum)" : "");
		if (!reason && *text_at(check, "reason"))
			reason = text_at(check, "reason");
	}
	if (*line.text && reason)
		append(&line, ": %s", reason);
	print_detail(verdict, line.text);
}

static void print_target(const json_t *target)
{
	print_members(target);
	print_detail("verdict", flag_at(target, "isolated") ? "isolated: no device but lo"
							    : text_at(target, "verdict"));
	print_detail("reason", text_at(target, "reason"));
	print_detail("no IPv4", text_at(target, "no_v4"));
	print_detail("no IPv6", text_at(target, "no_v6"));
	for (size_t i = 0; i < VERDICTS; i++)
		print_checks(json_object_get(target, "checks"), verdict_names[i]);
}

static void print_probe(const json_t *object)
{
	const json_t *probe = json_object_get(object, "probe"), *target;
	const char *problem = text_at(object, "no_probe");
	size_t i;

	if (!json_is_object(probe) && !*problem)
		return;
	printf("\nProbed now\n");
	print_detail("verdict", *problem ? "unknown" : text_at(probe, "verdict"));
	print_detail("problem", problem);
	json_array_foreach(json_object_get(probe, "targets"), i, target)
		print_target(target);
}

static void print_version(const json_t *object)
{
	const json_t *build = json_object_get(object, "build");
	struct line line = { 0 };

	append(&line, "%s, compiler %s, libbpf %s", text_at(object, "version"),
	       text_at(build, "compiler"), text_at(build, "libbpf"));
	print_field("truesum", line.text);
	print_field("build id", text_at(build, "id"));
}

void report_print(const json_t *object)
{
	const json_t *space;
	size_t i;

	printf("truesum report (%s)\n\n", flag_at(object, "labels")
						  ? "labels replace names and addresses"
						  : "with real names and addresses");
	print_version(object);
	print_kernel(object);
	if (*text_at(object, "not_seen"))
		print_field("not seen", text_at(object, "not_seen"));
	print_devices(object);
	printf("\nNamespaces\n");
	json_array_foreach(json_object_get(object, "namespaces"), i, space)
		print_namespace(space);
	print_policy(object);
	print_probe(object);
}
