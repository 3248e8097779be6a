// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The object of `truesum report`: see report.h. Devices, namespaces and targets that are alike but
 * for their names and addresses are one element with many members, so that a node with hundreds of
 * containers has a report of a page.
 */
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "cmd/report/report.h"

/* The features that matter, as `ethtool -k` names them, or the kernel if it groups them. */
static const char *const features[] = {
	"rx-checksum",
	"tx-checksum-ip-generic",
	"tx-checksum-ipv4",
	"tx-checksum-ipv6",
	"tx-checksum-sctp",
	"tx-scatter-gather",
	"rx-gro",
	"rx-gro-hw",
	"rx-gro-list",
	"rx-udp-gro-forwarding",
	"rx-lro",
	"tx-generic-segmentation",
	"tx-tcp-segmentation",
	"tx-tcp6-segmentation",
	"tx-udp-segmentation",
	"tx-udp_tnl-segmentation",
	"tx-udp_tnl-csum-segmentation",
	"tx-gre-segmentation",
	"tx-gre-csum-segmentation",
	"rx-udp_tunnel-port-offload",
	"rx-vlan-hw-parse",
	"hw-tc-offload",
	"rx-all",
};

static json_t *text_or_null(const char *text)
{
	char printable[LABEL_SIZE];

	term_printable(printable, sizeof(printable), text);
	return *text ? json_string(printable) : json_null();
}

/* "N/A" is what some drivers say instead of nothing. */
static json_t *driver_field(const char *text)
{
	return text_or_null(strcmp(text, "N/A") ? text : "");
}

static json_t *sentence_or_null(struct report *report, const char *text)
{
	char sentence[1200];

	labels_sentence(report->labels, text, sentence, sizeof(sentence));
	return *text ? json_string(sentence) : json_null();
}

/* ---- Elements with members ---- */

static bool is_alike(const json_t *group, json_t *facts)
{
	const char *key;
	json_t *value;

	json_object_foreach(facts, key, value) if (!json_equal(json_object_get(group, key),
							       value)) return false;
	return true;
}

/* Takes both objects: `member` joins the element that has the same facts, or a new one. */
static void add_member(json_t *groups, json_t *facts, json_t *member)
{
	json_t *group;
	size_t i;

	json_array_foreach(groups, i, group) {
		if (!is_alike(group, facts))
			continue;
		json_array_append_new(json_object_get(group, "members"), member);
		json_decref(facts);
		return;
	}
	json_object_set_new(facts, "members", json_pack("[o]", member));
	json_array_append_new(groups, facts);
}

/* ---- Devices ---- */

static bool in_mask(const uint32_t *mask, size_t bit)
{
	return mask[bit / 32] >> bit % 32 & 1;
}

/* "on", "off", "off [fixed]", "off [requested on]": as ethtool -k. */
static json_t *features_json(const struct feature_names *names, const struct audit_device *device)
{
	const struct feature_state *state = &device->features;
	json_t *object = json_object();

	if (!device->features_known) {
		json_decref(object);
		return json_null();
	}
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		for (size_t bit = 0; bit < names->count; bit++) {
			bool on = in_mask(state->active, bit), wanted = in_mask(state->wanted, bit);

			if (strcmp(names->name[bit], features[i]) != 0)
				continue;
			json_object_set_new(object, features[i],
					    json_sprintf("%s%s", on ? "on" : "off",
							 in_mask(state->fixed, bit) ? " [fixed]"
							 : on == wanted		    ? ""
							 : wanted ? " [requested on]"
								  : " [requested off]"));
		}
	return object;
}

static json_t *hooks_json(struct report *report, const struct audit_device *device)
{
	json_t *list = json_array();

	for (size_t i = 0; i < device->program_count; i++) {
		const struct audit_program *program = &device->program[i];
		bool is_known =
			!strcmp(program->hook, "xdp") && program->redirects != REDIRECTS_UNKNOWN;

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:b, s:o}", "hook", program->hook, "name",
					sentence_or_null(report, program->name), "bpf",
					program->id != 0, "redirects",
					is_known ? json_boolean(program->redirects) : json_null()));
	}
	return list;
}

static json_t *label_or_null(const struct report *report, struct audit_place place)
{
	char label[LABEL_SIZE];

	if (place.device == AUDIT_NONE)
		return json_null();
	labels_device(report->labels, place.space, place.device, label);
	return json_string(label);
}

static json_t *addresses_json(struct report *report, const struct device *device)
{
	json_t *list = json_array();

	for (size_t i = 0; i < device->address_count; i++) {
		const struct device_address *address = &device->address[i];
		char label[LABEL_SIZE];

		labels_address(report->labels, address->family, address->address, label);
		json_array_append_new(list, json_sprintf("%s/%u", label, address->prefix_len));
	}
	return list;
}

static json_t *device_member(struct report *report, struct audit_place place)
{
	const struct device *device = audit_device(&report->facts.audit, place);
	struct audit_place link = audit_peer(&report->facts.audit, place);
	char space[LABEL_SIZE], mac[LABEL_SIZE], other[LABEL_SIZE] = "";

	labels_space(report->labels, place.space, space);
	labels_address(report->labels, AF_PACKET, device->mac, mac);
	if (link.device != AUDIT_NONE)
		labels_space(report->labels, link.space, other);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}", "namespace", space, "name",
			 label_or_null(report, place), "link", label_or_null(report, link),
			 "link_namespace", *other ? json_string(other) : json_null(), "addresses",
			 addresses_json(report, device), "mac", mac);
}

static json_t *device_facts(struct report *report, struct audit_place place)
{
	const struct audit_facts *facts = &report->facts.audit;
	const struct device *device = audit_device(facts, place);
	const struct audit_device *details = audit_details(facts, place);
	const struct device_driver *driver = &report->facts.space[place.space].driver[place.device];
	struct audit_place master = audit_find(facts, place.space, device->master),
			   lower = audit_find(facts, place.space, details->tunnel_lower);

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:b, s:I, s:o, s:o, s:o, s:o}", "kind",
			 *device->kind ? device->kind : "hardware", "driver",
			 driver_field(driver->name), "driver_version",
			 driver_field(driver->version), "firmware", driver_field(driver->firmware),
			 "bus", driver_field(driver->bus), "up", (device->flags & IFF_UP) != 0,
			 "mtu", (json_int_t)device->mtu, "port_of", label_or_null(report, master),
			 "tunnel_over", label_or_null(report, lower), "features",
			 features_json(&facts->names, details), "hooks",
			 hooks_json(report, details));
}

/* Devices that every namespace has by default, and others that nobody has set up. */
static bool is_idle(const struct device *device, const struct audit_device *details)
{
	if (device->flags & IFF_LOOPBACK)
		return !details->program_count;
	return !(device->flags & IFF_UP) && *device->kind && !device->master &&
	       !device->address_count && !details->program_count;
}

static json_t *devices_json(struct report *report, json_int_t *ret_left_out)
{
	const struct audit_facts *facts = &report->facts.audit;
	json_t *groups = json_array();

	for (size_t i = 0; i < facts->inventory.space_count; i++)
		for (size_t k = 0; k < facts->inventory.space[i].device_count; k++) {
			struct audit_place place = { i, k };

			if (is_idle(audit_device(facts, place), audit_details(facts, place)))
				++*ret_left_out;
			else
				add_member(groups, device_facts(report, place),
					   device_member(report, place));
		}
	return groups;
}

/* ---- Namespaces ---- */

static void add_sysctl(json_t *list, const char *name, int value)
{
	if (value >= 0)
		json_array_append_new(list, json_pack("{s:s, s:i}", "name", name, "value", value));
}

static json_t *sysctls_json(const struct audit_space *space, const struct report_space *more)
{
	json_t *list = json_array();

	for (size_t i = 0; i < AUDIT_SYSCTLS; i++)
		add_sysctl(list, audit_sysctl_names[i], space->sysctl[i]);
	for (size_t i = 0; i < REPORT_SYSCTLS; i++)
		add_sysctl(list, report_sysctl_names[i], more->sysctl[i]);
	return list;
}

static json_t *netfilter_json(const struct report_space *more)
{
	json_t *list = json_array();

	for (size_t i = 0; i < more->hook_count; i++) {
		const struct netfilter_hook *hook = &more->hook[i];

		json_array_append_new(list, json_sprintf("%s %s %s %d", hook->family, hook->type,
							 hook->hook, hook->priority));
	}
	if (*more->legacy)
		json_array_append_new(list, json_sprintf("iptables-legacy %s", more->legacy));
	if (more->hooks_known)
		return list;
	json_decref(list);
	return json_null();
}

static json_t *errors_json(const struct audit_space *space)
{
	const struct counters *counters = &space->counters;

	if (!space->counters_known)
		return json_null();
	return json_pack("{s:I, s:I, s:I}", "tcp", (json_int_t)counters->tcp_in_csum_errors, "udp",
			 (json_int_t)counters->udp_in_csum_errors, "icmp",
			 (json_int_t)counters->icmp_in_csum_errors);
}

static json_t *namespaces_json(const struct report *report)
{
	const struct audit_facts *facts = &report->facts.audit;
	json_t *groups = json_array();

	for (size_t i = 0; i < facts->inventory.space_count; i++) {
		const struct audit_space *space = &facts->space[i];
		const struct report_space *more = &report->facts.space[i];
		size_t blind = 0;
		char label[LABEL_SIZE];

		for (size_t k = 0; k < space->packet_socket_count; k++)
			blind += !space->packet_socket[k].sees_status;
		labels_space(report->labels, i, label);
		add_member(groups,
			   json_pack("{s:o, s:o, s:b, s:o, s:I, s:I}", "sysctls",
				     sysctls_json(space, more), "netfilter", netfilter_json(more),
				     "tracks_connections", more->tracks, "in_csum_errors",
				     errors_json(space), "packet_sockets",
				     (json_int_t)space->packet_socket_count,
				     "packet_sockets_without_status", (json_int_t)blind),
			   json_string(label));
	}
	return groups;
}

/* ---- What was proven ---- */

static json_t *policy_json(struct report *report)
{
	json_t *policy, *row;
	size_t i;

	if (!report->facts.has_policy)
		return json_null();
	policy = policy_compose(&report->facts.policy);
	json_array_foreach(json_object_get(policy, "devices"), i, row) {
		const char *name = json_string_value(json_object_get(row, "device"));

		json_object_set_new(row, "device", sentence_or_null(report, name));
	}
	return policy;
}

static json_t *checks_json(struct report *report, const struct probe_target *target)
{
	json_t *list = json_array();

	for (size_t i = 0; i < 2 * target->check_count; i++) {
		const struct probe_check *check = &target->check[i / 2];
		const struct judgement *judged = i % 2 ? &check->out : &check->in;

		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:o}",
						      "check", check->check->name, "family",
						      check->family == AF_INET ? 4 : 6, "direction",
						      i % 2 ? "out" : "in", "verdict",
						      verdict_names[judged->verdict], "by",
						      caught_by_names[judged->by], "inherent",
						      judged->inherent, "reason",
						      sentence_or_null(report, judged->reason)));
	}
	return list;
}

static json_t *probe_json(struct report *report)
{
	json_t *groups;

	if (!report->probe_wanted || *report->no_probe)
		return json_null();
	groups = json_array();
	for (size_t i = 0; i < report->probe.target_count; i++) {
		const struct probe_target *target = &report->probe.target[i];
		const char *reason = *target->vanished ? target->vanished : "";
		char label[LABEL_SIZE];

		labels_space(report->labels, target->space, label);
		add_member(groups,
			   json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "verdict",
				     verdict_names[target->verdict], "isolated", target->isolated,
				     "reason", sentence_or_null(report, reason), "no_v4",
				     sentence_or_null(report, target->no_v4), "no_v6",
				     sentence_or_null(report, target->no_v6), "checks",
				     checks_json(report, target)),
			   json_string(label));
	}
	return json_pack("{s:s, s:o}", "verdict", verdict_names[report->probe.verdict], "targets",
			 groups);
}

/* ---- The whole ---- */

static json_t *kernel_text(const struct report *report, const char *text)
{
	char hidden[500];

	labels_kernel(report->labels, text, hidden, sizeof(hidden));
	return *text ? json_string(hidden) : json_null();
}

static json_t *kernel_json(struct report *report)
{
	struct host *host = &report->facts.host;

	if (!report->real)
		host_hide_builder(host->banner, sizeof(host->banner));
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:i}", "release",
			 kernel_text(report, host->release), "version",
			 kernel_text(report, host->version), "machine", host->machine, "banner",
			 kernel_text(report, host->banner), "lockdown",
			 text_or_null(host->lockdown), "tainted",
			 host->tainted < 0 ? json_null() : json_integer(host->tainted), "taints",
			 host->taints, "distribution", kernel_text(report, host->distribution),
			 "virtualisation", kernel_text(report, host->virtualisation), "processors",
			 (int)host->processors);
}

static json_t *build_json(const struct host *host)
{
	return json_pack("{s:o, s:s, s:s}", "id", text_or_null(host->build_id), "compiler",
			 __VERSION__, "libbpf", libbpf_version_string());
}

json_t *report_compose(struct report *report)
{
	const struct report_facts *facts = &report->facts;
	json_int_t left_out = 0;
	json_t *devices = devices_json(report, &left_out);

	return json_pack(
		"{s:s, s:i, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}",
		"command", "report", "schema", 2, "version", TRUESUM_VERSION, "build",
		build_json(&facts->host), "labels", !report->real, "not_seen",
		sentence_or_null(report, facts->unseen), "kernel", kernel_json(report),
		"hw_csum_failures",
		facts->audit.log_known ? json_integer(facts->audit.csum_failures) : json_null(),
		"devices", devices, "devices_left_out", left_out, "namespaces",
		namespaces_json(report), "policy", policy_json(report), "no_policy",
		sentence_or_null(report, facts->no_policy), "probe", probe_json(report), "no_probe",
		sentence_or_null(report, report->no_probe));
}
