// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum audit` as one JSON object. truesum-json(5) describes the keys. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"
#include "cmd/audit/report.h"

static json_t *text_or_null(const char *text)
{
	char printable[TERM_PRINTABLE_SIZE(300)];

	if (!text || !*text)
		return json_null();
	term_printable(printable, sizeof(printable), text);
	return json_string(printable);
}

/* For text in which names are printable already. */
static json_t *sentence_or_null(const char *text)
{
	char sentence[600];

	if (!text || !*text)
		return json_null();
	term_sentence(sentence, sizeof(sentence), text);
	return json_string(sentence);
}

/* The names of the features in a mask. */
static json_t *feature_list(const struct audit_report *report, const uint32_t *mask)
{
	const struct feature_names *names = &report->facts.names;
	json_t *list = json_array();

	for (size_t bit = 0; bit < names->count; bit++)
		if (*names->name[bit] && (mask[bit / 32] >> bit % 32 & 1))
			json_array_append_new(list, json_string(names->name[bit]));
	return list;
}

static json_t *features(const struct audit_report *report, const struct audit_device *device)
{
	if (!device->features_known)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "active", feature_list(report, device->features.active),
			 "wanted", feature_list(report, device->features.wanted), "fixed",
			 feature_list(report, device->features.fixed));
}

static json_t *programs_json(const struct audit_device *device, bool xdp)
{
	json_t *list = json_array();

	for (size_t i = 0; i < device->program_count; i++) {
		const struct audit_program *program = &device->program[i];
		json_t *one;

		if (!strcmp(program->hook, "xdp") != xdp)
			continue;
		one = json_pack("{s:s, s:o, s:s}", "hook", program->hook, "id",
				program->id ? json_integer(program->id) : json_null(), "name",
				program->name);
		if (xdp)
			json_object_set_new(one, "redirects",
					    program->redirects == REDIRECTS_UNKNOWN
						    ? json_null()
						    : json_boolean(program->redirects));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *addresses(const struct device *device)
{
	json_t *list = json_array();

	for (size_t i = 0; i < device->address_count; i++) {
		const struct device_address *address = &device->address[i];
		char text[INET6_ADDRSTRLEN], both[INET6_ADDRSTRLEN + 8];

		if (!inet_ntop(address->family, address->address, text, sizeof(text)))
			continue;
		snprintf(both, sizeof(both), "%s/%u", text, address->prefix_len);
		json_array_append_new(list, json_string(both));
	}
	return list;
}

static json_t *name_of(const struct audit_report *report, struct audit_place place)
{
	return place.device == AUDIT_NONE ? json_null()
					  : json_string(audit_details(&report->facts, place)->name);
}

static json_t *link_of(const struct audit_report *report, struct audit_place place)
{
	struct audit_place peer = audit_peer(&report->facts, place);

	if (peer.device == AUDIT_NONE)
		return json_null();
	return json_pack("{s:s, s:o}", "namespace", report->facts.space[peer.space].name, "device",
			 name_of(report, peer));
}

static json_t *device_json(const struct audit_report *report, struct audit_place place)
{
	const struct device *device = audit_device(&report->facts, place);
	const struct audit_device *details = audit_details(&report->facts, place);
	struct audit_place master = audit_find(&report->facts, place.space, device->master),
			   lower = audit_find(&report->facts, place.space, details->tunnel_lower);

	return json_pack("{s:s, s:i, s:o, s:o, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "name", details->name, "index", device->index, "kind",
			 text_or_null(device->kind), "driver", text_or_null(device->driver), "up",
			 (device->flags & IFF_UP) != 0, "mtu", (json_int_t)device->mtu, "master",
			 name_of(report, master), "link", link_of(report, place), "tunnel_over",
			 name_of(report, lower), "features", features(report, details), "xdp",
			 programs_json(details, true), "tc", programs_json(details, false),
			 "addresses", addresses(device), "rp_filter",
			 details->rp_filter < 0 ? json_null() : json_integer(details->rp_filter));
}

static json_t *counters_json(const struct audit_space *space)
{
	const struct counters *counters = &space->counters;

	if (!space->counters_known)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I}", "tcp_in_csum_errors",
			 (json_int_t)counters->tcp_in_csum_errors, "udp_in_csum_errors",
			 (json_int_t)counters->udp_in_csum_errors, "icmp_in_csum_errors",
			 (json_int_t)counters->icmp_in_csum_errors, "conntrack_invalid",
			 (json_int_t)counters->conntrack_invalid, "in_packets",
			 (json_int_t)counters->in_packets);
}

static json_t *sysctls_json(const struct audit_space *space)
{
	json_t *list = json_array();

	for (size_t i = 0; i < AUDIT_SYSCTLS; i++)
		if (space->sysctl[i] >= 0)
			json_array_append_new(list,
					      json_pack("{s:s, s:i}", "name", audit_sysctl_names[i],
							"value", space->sysctl[i]));
	return list;
}

static json_t *space_json(const struct audit_report *report, size_t i)
{
	const struct space *look = &report->facts.inventory.space[i];
	const struct audit_space *space = &report->facts.space[i];
	json_t *devices = json_array();

	for (size_t k = 0; k < look->device_count; k++)
		json_array_append_new(devices, device_json(report, (struct audit_place){ i, k }));
	return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", space->name,
			 "netns", (json_int_t)look->id.ino, "path", text_or_null(look->path), "pid",
			 look->pid ? json_integer(look->pid) : json_null(), "container",
			 text_or_null(look->container), "pod", text_or_null(look->pod), "counters",
			 counters_json(space), "sysctls", sysctls_json(space), "devices", devices);
}

static json_t *finding_json(const struct audit_report *report, const struct audit_finding *finding)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "id", finding->rule->id,
			 "severity", audit_severity_names[finding->severity], "namespace",
			 report->facts.space[finding->place.space].name, "device",
			 name_of(report, finding->place), "title", finding->rule->title, "why",
			 finding->why, "remedy", finding->remedy, "link", finding->link);
}

static json_t *drift_json(const struct audit_change *change)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:s}", "namespace", change->namespace, "device",
			 sentence_or_null(change->device), "what", change->what, "was", change->was,
			 "is", change->is);
}

static const char *verdict_of(const struct audit_report *report)
{
	if (report->findings.count && report->findings.finding[0].severity > AUDIT_NOTE)
		return audit_severity_names[report->findings.finding[0].severity];
	if (report->drift.count)
		return "drift";
	if (*report->facts.unseen)
		return "unknown";
	return report->findings.count ? audit_severity_names[AUDIT_NOTE] : "clean";
}

static json_t *baseline_json(const struct audit_report *report)
{
	if (!report->baseline)
		return json_null();
	return json_pack("{s:o, s:b, s:I}", "file", text_or_null(report->baseline), "written",
			 report->baseline_written, "new_devices",
			 (json_int_t)report->drift.unknown);
}

static json_t *report_json(const struct audit_report *report)
{
	json_t *spaces = json_array(), *findings = json_array(), *drift = json_array();
	const struct audit_facts *facts = &report->facts;

	for (size_t i = 0; i < facts->inventory.space_count; i++)
		json_array_append_new(spaces, space_json(report, i));
	for (size_t i = 0; i < report->findings.count; i++)
		json_array_append_new(findings, finding_json(report, &report->findings.finding[i]));
	for (size_t i = 0; i < report->drift.count; i++)
		json_array_append_new(drift, drift_json(&report->drift.change[i]));
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "command", "audit", "version",
		TRUESUM_VERSION, "kernel", facts->kernel, "verdict", verdict_of(report), "not_seen",
		sentence_or_null(facts->unseen), "hw_csum_failures",
		facts->log_known ? json_integer(facts->csum_failures) : json_null(), "namespaces",
		spaces, "findings", findings, "baseline", baseline_json(report), "drift", drift);
}

int audit_print_json(const struct audit_report *report)
{
	json_t *object = report_json(report);
	_cleanup_free_ char *text = object ? json_dumps(object, 0) : NULL;

	json_decref(object);
	if (!text)
		return fail(-ENOMEM, "out of memory");
	printf("%s\n", text);
	return 0;
}
