// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules: see rules.h. A new rule is a row of the table and a function: the function looks at
 * the facts about one place and adds a finding, for which the row's sentences are filled in.
 *
 * Most rules about offloads have the same background: a sender may leave a packet's checksum to be
 * finished later, by hardware. Whoever handles the packet before that, and does not know, sees or
 * sends a wrong checksum.
 */
#include "audit/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

const char *const audit_severity_names[] = { "note", "warning", "danger" };

/* ---- The table ---- */

static void look_at_nat(struct audit_judgement *judgement, struct audit_place place);
static void look_at_tunnel(struct audit_judgement *judgement, struct audit_place place);
static void look_at_xdp(struct audit_judgement *judgement, struct audit_place place);
static void look_at_packet_sockets(struct audit_judgement *judgement, struct audit_place place);
static void look_at_csum_failures(struct audit_judgement *judgement, struct audit_place place);
static void look_at_errors(struct audit_judgement *judgement, struct audit_place place);
static void look_at_lro(struct audit_judgement *judgement, struct audit_place place);
static void look_at_veths(struct audit_judgement *judgement, struct audit_place place);
static void look_at_rx_off(struct audit_judgement *judgement, struct audit_place place);
static void look_at_bridge(struct audit_judgement *judgement, struct audit_place place);
static void look_at_vxlan(struct audit_judgement *judgement, struct audit_place place);
static void look_at_invalid(struct audit_judgement *judgement, struct audit_place place);

/* clang-format off */
const struct audit_rule audit_rules[] = {
	{ "conntrack-unchecked", AUDIT_WARNING,
	  "NAT translates packets without verifying checksums",
	  "nf_conntrack_checksum is 0 and there are NAT rules: damaged packets are translated and "
	  "forwarded like good ones. {detail}",
	  "{in}sysctl -w net.netfilter.nf_conntrack_checksum=1",
	  "https://docs.kernel.org/networking/nf_conntrack-sysctl.html",
	  AUDIT_EACH_SPACE, look_at_nat },
	{ "tunnel-tx-checksum", AUDIT_WARNING,
	  "a tunnel leaves checksums to a driver known to get them wrong",
	  "{dev} leaves checksums to {other}, whose driver is {detail}",
	  "{in}ethtool -K {dev} tx-checksum-ip-generic off",
	  "https://github.com/flannel-io/flannel/issues/1279",
	  AUDIT_EACH_DEVICE, look_at_tunnel },
	{ "xdp-unfinished", AUDIT_WARNING,
	  "XDP redirects packets with unfinished checksums",
	  "{other} leaves its checksums unfinished, and the XDP program {detail}. After a redirect the "
	  "kernel no longer knows that they are unfinished, so the packets go out with wrong checksums.",
	  "{in2}ethtool -K {other} tx off",
	  "https://github.com/xdp-project/xdp-tutorial/issues/160",
	  AUDIT_EACH_DEVICE, look_at_xdp },
	{ "packet-socket-unfinished", AUDIT_WARNING,
	  "a packet socket reads packets with unfinished checksums",
	  "{detail} reads {dev} through a packet socket without PACKET_AUXDATA, so it cannot know which "
	  "checksums {other} left unfinished. If it verifies them, as DHCP clients and user-space "
	  "stacks do, it drops good packets.",
	  "{in2}ethtool -K {other} tx off",
	  "https://github.com/google/gvisor/issues/11960",
	  AUDIT_EACH_SPACE, look_at_packet_sockets },
	{ "hw-csum-failure", AUDIT_WARNING,
	  "a device's checksums were wrong",
	  "The kernel log has \"hw csum failure\" {detail}: the sum that the device made did not match the "
	  "packet. The kernel then verified these packets itself; the driver, or the hardware or "
	  "hypervisor below it, needs an update.",
	  "ethtool -K {dev} rx off",
	  "https://github.com/cilium/cilium/issues/9482",
	  AUDIT_ONCE, look_at_csum_failures },
	{ "checksum-errors", AUDIT_WARNING,
	  "damaged packets have arrived",
	  "{detail}: dropped, as they should be, but something on the way here damages packets, and a "
	  "16-bit checksum does not catch all of them. (truesum probe raises these counters, too.)",
	  "{in}nstat -az TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors IcmpInCsumErrors "
	  "Icmp6InCsumErrors",
	  "https://conferences.sigcomm.org/sigcomm/2000/conf/paper/sigcomm2000-9-1.pdf",
	  AUDIT_EACH_SPACE, look_at_errors },
	{ "lro-forwarding", AUDIT_WARNING,
	  "large receive offload is on although packets are forwarded",
	  "{dev} merges received packets (LRO), and {detail}: merged packets cannot be forwarded as they "
	  "came. The kernel turns LRO off in this case, so somebody turned it on again.",
	  "{in}ethtool -K {dev} lro off",
	  "https://docs.kernel.org/networking/device_drivers/ethernet/intel/ixgbe.html",
	  AUDIT_EACH_DEVICE, look_at_lro },
	{ "veth-version", AUDIT_NOTE,
	  "this kernel's version does not tell whether veth lets damaged packets through",
	  "Before Linux 4.4 veth marked packets as verified that it had not verified. Stable kernels and "
	  "distributions have the fix as well, so for {kernel} only a test can tell.",
	  "truesum probe",
	  "https://git.kernel.org/linus/ce8c839b74e3",
	  AUDIT_ONCE, look_at_veths },
	{ "rx-off-useless", AUDIT_NOTE,
	  "rx off on a veth does nothing on this kernel",
	  "Since Linux 4.4 a veth's receive checksum feature has no effect. If it was turned off on {dev} "
	  "as a protection, it is none; the container's own stack verifies in any case.",
	  "{in}ethtool -K {dev} rx on",
	  "https://git.kernel.org/linus/ce8c839b74e3",
	  AUDIT_EACH_DEVICE, look_at_rx_off },
	{ "bridge-uneven", AUDIT_NOTE,
	  "offloads differ between the containers of one bridge",
	  "At bridge {other}, {detail}. Either one container was changed and the others were forgotten, or "
	  "a rebuild restored an offload.",
	  "{in}ethtool -k {dev}",
	  "https://docs.kernel.org/networking/netdev-features.html",
	  AUDIT_EACH_DEVICE, look_at_bridge },
	{ "vxlan-zero-checksum", AUDIT_NOTE,
	  "VXLAN sends without an outer UDP checksum",
	  "Only the inner checksum protects what {dev} carries. In measurements without outer checksums an "
	  "unfixed veth delivered all damage and a fixed one none; with outer checksums neither delivered "
	  "any.",
	  "ip -d link show {dev}    (to change it, create the device again with udpcsum)",
	  "https://www.rfc-editor.org/rfc/rfc6935",
	  AUDIT_EACH_DEVICE, look_at_vxlan },
	{ "conntrack-invalid", AUDIT_NOTE,
	  "conntrack found invalid packets",
	  "{detail}. Most such packets are only late. But if a rule drops INVALID, damaged packets count "
	  "here and not in InCsumErrors.",
	  "{in}sysctl -w net.netfilter.nf_conntrack_log_invalid=255",
	  "https://docs.kernel.org/networking/nf_conntrack-sysctl.html",
	  AUDIT_EACH_SPACE, look_at_invalid },
};
/* clang-format on */

const size_t audit_rule_count = ARRAY_SIZE(audit_rules);

/* ---- Sentences ---- */

struct audit_judgement {
	const struct audit_facts *facts;
	const struct audit_rule *rule; /* being applied */
	bool old_veth; /* before Linux 4.4: a veth may vouch for unverified packets */
	struct audit_findings findings;
	bool out_of_memory;
};

/* What a rule's function found. */
struct hit {
	enum audit_severity severity;
	struct audit_place place, other; /* other: only if the templates use it */
	const char *detail; /* may be NULL */
	const char *link; /* NULL: the rule's */
};

static const struct audit_place nowhere = { AUDIT_NONE, AUDIT_NONE };

/*
 * What to put before a command to run it in the namespace: "ip netns exec A ", "nsenter -t 5 -n ",
 * "".
 */
static void command_prefix(const struct audit_facts *facts, size_t space, char *ret_text,
			   size_t size)
{
	static const char named[] = "/run/netns/";
	const struct space *look = &facts->inventory.space[space];
	const char *name = look->path + strlen(named);
	char quoted[TERM_QUOTED_SIZE(sizeof(look->path))];

	*ret_text = '\0';
	if (look->own)
		return;
	if (!strncmp(look->path, named, strlen(named)) && !strchr(name, '/')) {
		if (!term_shell_quote(quoted, sizeof(quoted), name))
			snprintf(quoted, sizeof(quoted), "NAMESPACE");
		snprintf(ret_text, size, "ip netns exec %s ", quoted);
	} else if (look->pid) {
		snprintf(ret_text, size, "nsenter -t %d -n ", look->pid);
	} else if (*look->path) {
		if (!term_shell_quote(quoted, sizeof(quoted), look->path))
			snprintf(quoted, sizeof(quoted), "NAMESPACE");
		snprintf(ret_text, size, "nsenter --net=%s ", quoted);
	}
}

struct template
{
	const struct audit_facts *facts;
	const struct hit *hit;
	bool command; /* names are quoted */
};

static void device_name(const struct template *template, struct audit_place place, char *ret_text,
			size_t size)
{
	if (place.device == AUDIT_NONE)
		snprintf(ret_text, size, "DEVICE");
	else if (template->command)
		term_shell_quote(ret_text, size, audit_device(template->facts, place)->name);
	else
		snprintf(ret_text, size, "%s", audit_details(template->facts, place)->name);
	/*
	 * A sentence names the namespace of a device if that is not the one the finding is about.
	 */
	if (!template->command && place.device != AUDIT_NONE &&
	    place.space != template->hit->place.space)
		snprintf(ret_text + strlen(ret_text), size - strlen(ret_text), " of %s",
			 template->facts->space[place.space].name);
}

static void fill_key(const struct template *template, const char *key, size_t len, char *ret_text,
		     size_t size)
{
	const struct hit *hit = template->hit;

	*ret_text = '\0';
	if (!strncmp(key, "dev", len))
		device_name(template, hit->place, ret_text, size);
	else if (!strncmp(key, "other", len))
		device_name(template, hit->other, ret_text, size);
	else if (!strncmp(key, "in", len))
		command_prefix(template->facts, hit->place.space, ret_text, size);
	else if (!strncmp(key, "in2", len) && hit->other.space != AUDIT_NONE)
		command_prefix(template->facts, hit->other.space, ret_text, size);
	else if (!strncmp(key, "kernel", len))
		snprintf(ret_text, size, "%s", template->facts->kernel);
	else if (!strncmp(key, "detail", len) && hit->detail)
		snprintf(ret_text, size, "%s", hit->detail);
}

static void expand(const struct template *template, const char *text, char *ret_text, size_t size)
{
	char value[sizeof(((struct audit_finding *)NULL)->remedy)];
	size_t used = 0;

	*ret_text = '\0';
	while (*text && used + 1 < size) {
		size_t len = strcspn(text, "{");

		used += (size_t)snprintf(ret_text + used, size - used, "%.*s", (int)len, text);
		text += len;
		if (*text != '{' || used >= size)
			break;
		len = strcspn(++text, "}");
		fill_key(template, text, len, value, sizeof(value));
		used += (size_t)snprintf(ret_text + used, size - used, "%s", value);
		text += len + (text[len] == '}');
	}
}

static void add_finding(struct audit_judgement *judgement, const struct hit *hit)
{
	struct template template = { .facts = judgement->facts, .hit = hit };
	struct audit_finding *finding =
		ARRAY_ADD(judgement->findings.finding, judgement->findings.count);

	if (!finding) {
		judgement->out_of_memory = true;
		return;
	}
	finding->rule = judgement->rule;
	finding->severity = hit->severity;
	finding->place = hit->place;
	finding->link = hit->link ? hit->link : judgement->rule->link;
	expand(&template, judgement->rule->why, finding->why, sizeof(finding->why));
	template.command = true;
	expand(&template, judgement->rule->remedy, finding->remedy, sizeof(finding->remedy));
}

/* Adds a finding with the rule's own severity; `detail` may be NULL. */
static void add_usual(struct audit_judgement *judgement, struct audit_place place,
		      struct audit_place other, const char *detail)
{
	add_finding(judgement, &(struct hit){ .severity = judgement->rule->severity,
					      .place = place,
					      .other = other,
					      .detail = detail });
}

/* ---- Rules about devices ---- */

static bool device_is(const struct audit_facts *facts, struct audit_place place, const char *kind)
{
	return !strcmp(audit_device(facts, place)->kind, kind);
}

/* A veth's other end, if that leaves checksums unfinished. */
static struct audit_place unfinished_peer(const struct audit_facts *facts, struct audit_place place)
{
	struct audit_place peer =
		device_is(facts, place, "veth") ? audit_peer(facts, place) : nowhere;

	return peer.device != AUDIT_NONE && audit_tx_checksum(facts, audit_details(facts, peer))
		       ? peer
		       : nowhere;
}

/*
 * The device whose unfinished checksums arrive here: a veth's other end, or the other end of a
 * bridge's first port that has one.
 */
static struct audit_place unfinished_sender(const struct audit_facts *facts,
					    struct audit_place place)
{
	const struct space *look = &facts->inventory.space[place.space];
	int bridge = audit_device(facts, place)->index;

	if (!device_is(facts, place, "bridge"))
		return unfinished_peer(facts, place);
	for (size_t i = 0; i < look->device_count; i++) {
		struct audit_place peer = nowhere;

		if (look->device[i].master == bridge)
			peer = unfinished_peer(facts, (struct audit_place){ place.space, i });
		if (peer.device != AUDIT_NONE)
			return peer;
	}
	return nowhere;
}

/*
 * Drivers that are known to make wrong checksums for tunnels. Each was diagnosed in the thread that
 * the link leads to; a driver that merely occurs in a report is not here.
 */
static const struct {
	const char *driver;
	bool outer_only; /* only if the tunnel has outer UDP checksums */
	enum audit_severity severity;
	const char *words, *link;
} drivers[] = {
	{ "vmxnet3", false, AUDIT_WARNING,
	  "vmxnet3: with some ESXi releases and UDP ports it makes wrong inner checksums. "
	  "Between nodes ping works and TCP hangs.",
	  "https://github.com/projectcalico/calico/issues/4727" },
	{ "ice", true, AUDIT_NOTE,
	  "ice: it was reported to make wrong outer UDP checksums for VXLAN, so that the other end drops "
	  "packets or is slow.",
	  "https://github.com/metal-stack/metal-images/pull/429" },
};

static void look_at_tunnel(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	const struct device *device = audit_device(facts, place), *lower;
	struct audit_place other;

	if ((strcmp(device->kind, "vxlan") != 0 && strcmp(device->kind, "geneve") != 0) ||
	    !audit_tx_checksum(facts, audit_details(facts, place)))
		return;
	other = audit_find(facts, place.space, audit_details(facts, place)->tunnel_lower);
	if (other.device == AUDIT_NONE || !audit_tx_checksum(facts, audit_details(facts, other)))
		return;
	lower = audit_device(facts, other);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(lower->driver, drivers[i].driver) &&
		    (!drivers[i].outer_only || device->vxlan_csum))
			add_finding(judgement, &(struct hit){ .severity = drivers[i].severity,
							      .place = place,
							      .other = other,
							      .detail = drivers[i].words,
							      .link = drivers[i].link });
}

static void look_at_rx_off(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_device *device = audit_details(judgement->facts, place);

	if (!judgement->old_veth && device_is(judgement->facts, place, "veth") &&
	    device->features_known && !audit_feature(judgement->facts, device, "rx-checksum"))
		add_usual(judgement, place, nowhere, NULL);
}

static void look_at_xdp(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_device *device = audit_details(judgement->facts, place);
	struct audit_place sender = nowhere;
	char detail[300];

	for (size_t i = 0; i < device->program_count; i++) {
		const struct audit_program *program = &device->program[i];
		bool sure = program->redirects == REDIRECTS_YES;

		if (strcmp(program->hook, "xdp") != 0 || program->redirects == REDIRECTS_NO)
			continue;
		if (sender.device == AUDIT_NONE)
			sender = unfinished_sender(judgement->facts, place);
		if (sender.device == AUDIT_NONE)
			return;
		snprintf(detail, sizeof(detail), "%s%s(id %u) on %s %s", program->name,
			 *program->name ? " " : "", program->id, device->name,
			 sure ? "can redirect them"
			      : "may redirect them (the kernel does not show what it calls)");
		add_finding(judgement, &(struct hit){ .severity = sure ? AUDIT_WARNING : AUDIT_NOTE,
						      .place = place,
						      .other = sender,
						      .detail = detail });
	}
}

/* Features that change what a container's packets look like. rx-checksum does not. */
static const char *const compared[] = { "tx-checksum-ip-generic", "tx-generic-segmentation",
					"tx-tcp-segmentation", "rx-gro" };

/*
 * The container's end of a port. Nowhere if there is XDP on either end, which turns features off by
 * itself.
 */
static struct audit_place container_end(const struct audit_facts *facts, struct audit_place port)
{
	struct audit_place peer =
		device_is(facts, port, "veth") ? audit_peer(facts, port) : nowhere;

	if (peer.device == AUDIT_NONE || peer.space == port.space ||
	    !audit_details(facts, peer)->features_known || audit_device(facts, port)->xdp[0] ||
	    audit_device(facts, peer)->xdp[0])
		return nowhere;
	return peer;
}

struct ends {
	const struct audit_facts *facts;
	struct audit_place bridge;
	struct audit_place *end;
	size_t count;
	size_t on[ARRAY_SIZE(compared)];
};

/*
 * Tells in what the device differs from the majority. If half of them have a feature, those without
 * it differ.
 */
static void look_at_end(struct audit_judgement *judgement, const struct ends *ends,
			struct audit_place place)
{
	const struct audit_facts *facts = ends->facts;
	char detail[320] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(compared) && used < sizeof(detail); i++) {
		bool on = audit_feature(facts, audit_details(facts, place), compared[i]);
		size_t same = on ? ends->on[i] : ends->count - ends->on[i];

		if (same * 2 > ends->count || same == ends->count ||
		    (same * 2 == ends->count && on))
			continue;
		used += (size_t)snprintf(detail + used, sizeof(detail) - used,
					 "%s%s %s (%zu of %zu)", used ? ", " : "has ", compared[i],
					 on ? "on" : "off", same, ends->count);
	}
	if (used) {
		char words[700];

		snprintf(words, sizeof(words), "%s in %s %s", audit_details(facts, place)->name,
			 facts->space[place.space].name, detail);
		add_usual(judgement, place, ends->bridge, words);
	}
}

static void look_at_bridge(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	const struct space *look = &facts->inventory.space[place.space];
	_cleanup_free_ struct audit_place *end = NULL;
	struct ends ends = { .facts = facts, .bridge = place };

	if (!device_is(facts, place, "bridge"))
		return;
	end = calloc(look->device_count + 1, sizeof(*end));
	if (!end) {
		judgement->out_of_memory = true;
		return;
	}
	ends.end = end;
	for (size_t i = 0; i < look->device_count; i++) {
		struct audit_place one;

		if (look->device[i].master != audit_device(facts, place)->index)
			continue;
		one = container_end(facts, (struct audit_place){ place.space, i });
		if (one.device == AUDIT_NONE)
			continue;
		end[ends.count++] = one;
		for (size_t k = 0; k < ARRAY_SIZE(compared); k++)
			ends.on[k] += audit_feature(facts, audit_details(facts, one), compared[k]);
	}
	for (size_t i = 0; i < ends.count; i++)
		look_at_end(judgement, &ends, end[i]);
}

static void look_at_vxlan(struct audit_judgement *judgement, struct audit_place place)
{
	if (device_is(judgement->facts, place, "vxlan") &&
	    !audit_device(judgement->facts, place)->vxlan_csum)
		add_usual(judgement, place, nowhere, NULL);
}

static void look_at_lro(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	const int *sysctl = facts->space[place.space].sysctl;
	const struct device *device = audit_device(facts, place);
	const char *why = NULL;

	if (!audit_feature(facts, audit_details(facts, place), "rx-lro"))
		return;
	if (device->master &&
	    device_is(facts, audit_find(facts, place.space, device->master), "bridge"))
		why = "it is a port of a bridge";
	else if (sysctl[SYSCTL_FORWARD_V4] > 0)
		why = "net.ipv4.ip_forward is on";
	else if (sysctl[SYSCTL_FORWARD_V6] > 0)
		why = "net.ipv6.conf.all.forwarding is on";
	if (why)
		add_usual(judgement, place, nowhere, why);
}

/* ---- Rules about namespaces ---- */

static void look_at_nat(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_space *space = &judgement->facts->space[place.space];
	struct hit hit = { .severity = AUDIT_WARNING, .place = place, .other = nowhere };

	if (space->sysctl[SYSCTL_CONNTRACK_CHECKSUM] != 0 || space->nat != NAT_YES)
		return;
	hit.detail = "Conntrack no longer checks; the container's own stack still does.";
	if (judgement->old_veth) {
		hit.severity = AUDIT_DANGER;
		hit.detail =
			"This kernel's veth may let them through to the container's application.";
	}
	add_finding(judgement, &hit);
}

/* Programs known to verify what they read from a packet socket. */
static const char *const verifiers[] = { "dhclient", "udhcpc",	 "dhcpcd", "dhcpd",
					 "vpp",	     "vpp_main", "runsc",  "runsc-sandbox" };

static bool verifies(const char *comm)
{
	for (size_t i = 0; i < ARRAY_SIZE(verifiers); i++)
		if (!strcmp(comm, verifiers[i]))
			return true;
	return false;
}

/* A device that the socket reads and that gets unfinished checksums, and their sender. */
static struct audit_place unfinished_at(const struct audit_facts *facts, size_t space,
					const struct audit_packet_socket *socket,
					struct audit_place *ret_sender)
{
	for (size_t i = 0; i < facts->inventory.space[space].device_count; i++) {
		struct audit_place place = { space, i };

		if (socket->index && socket->index != audit_device(facts, place)->index)
			continue;
		*ret_sender = unfinished_sender(facts, place);
		if (ret_sender->device != AUDIT_NONE)
			return place;
	}
	return nowhere;
}

static void look_at_socket(struct audit_judgement *judgement, size_t space,
			   const struct audit_packet_socket *socket)
{
	struct audit_place sender, place = unfinished_at(judgement->facts, space, socket, &sender);
	char who[128];

	if (place.device == AUDIT_NONE)
		return;
	if (socket->pid)
		snprintf(who, sizeof(who), "%s (pid %d)", socket->comm, socket->pid);
	else
		snprintf(who, sizeof(who), "A process of another namespace");
	add_finding(judgement,
		    &(struct hit){ .severity = verifies(socket->comm) ? AUDIT_WARNING : AUDIT_NOTE,
				   .place = place,
				   .other = sender,
				   .detail = who });
}

static void look_at_packet_sockets(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_space *space = &judgement->facts->space[place.space];

	for (size_t i = 0; i < space->packet_socket_count; i++)
		if (!space->packet_socket[i].sees_status)
			look_at_socket(judgement, place.space, &space->packet_socket[i]);
}

/*
 * If the share of wrong packets is below this, it is a note: every host that runs for long has seen
 * one.
 */
#define ERRORS_PER_PACKET 1000000

static void look_at_errors(struct audit_judgement *judgement, struct audit_place place)
{
	const struct counters *counters = &judgement->facts->space[place.space].counters;
	const struct {
		const char *proto;
		uint64_t errors;
	} of[] = { { "TCP", counters->tcp_in_csum_errors },
		   { "UDP", counters->udp_in_csum_errors },
		   { "ICMP", counters->icmp_in_csum_errors } };
	struct hit hit = { .severity = AUDIT_NOTE, .place = place, .other = nowhere };
	char detail[200] = "";
	uint64_t errors = 0;
	size_t used = 0;

	for (size_t k = 0; k < ARRAY_SIZE(of); k++) {
		if (of[k].errors)
			used += (size_t)snprintf(detail + used, sizeof(detail) - used, "%s%llu %s",
						 errors ? ", " : "",
						 (unsigned long long)of[k].errors, of[k].proto);
		errors += of[k].errors;
	}
	if (!errors)
		return;
	snprintf(detail + used, sizeof(detail) - used,
		 " packet%s with a wrong checksum, of %llu received", errors == 1 ? "" : "s",
		 (unsigned long long)counters->in_packets);
	hit.detail = detail;
	if (errors >= counters->in_packets / ERRORS_PER_PACKET)
		hit.severity = AUDIT_WARNING;
	add_finding(judgement, &hit);
}

static void look_at_invalid(struct audit_judgement *judgement, struct audit_place place)
{
	uint64_t invalid = judgement->facts->space[place.space].counters.conntrack_invalid;
	char detail[48];

	if (!invalid)
		return;
	snprintf(detail, sizeof(detail), "%llu packet%s so far", (unsigned long long)invalid,
		 invalid == 1 ? "" : "s");
	add_usual(judgement, place, nowhere, detail);
}

/* ---- Rules about the host ---- */

static void look_at_csum_failures(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	char detail[128];

	if (!facts->csum_failures)
		return;
	for (size_t i = 0; i < facts->inventory.space[place.space].device_count; i++)
		if (!strcmp(facts->space[place.space].device[i].name, facts->csum_failure_device))
			place.device = i;
	snprintf(detail, sizeof(detail), "%u time%s, the last one for %s", facts->csum_failures,
		 facts->csum_failures == 1 ? "" : "s", facts->csum_failure_device);
	add_usual(judgement, place, nowhere, detail);
}

/* Finds the first namespace with a veth. */
static void look_at_veths(struct audit_judgement *judgement, struct audit_place place)
{
	const struct inventory *inventory = &judgement->facts->inventory;

	(void)place;
	for (size_t i = 0; judgement->old_veth && i < inventory->space_count; i++)
		for (size_t k = 0; k < inventory->space[i].device_count; k++)
			if (device_is(judgement->facts, (struct audit_place){ i, k }, "veth")) {
				add_usual(judgement, (struct audit_place){ i, AUDIT_NONE }, nowhere,
					  NULL);
				return;
			}
}

/* ---- The whole ---- */

static bool is_before_4_4(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 4 || (major == 4 && minor < 4));
}

static void apply_rule(struct audit_judgement *judgement)
{
	const struct audit_rule *rule = judgement->rule;
	const struct inventory *inventory = &judgement->facts->inventory;

	if (rule->scope == AUDIT_ONCE)
		rule->look(judgement, (struct audit_place){ 0, AUDIT_NONE });
	for (size_t i = 0; rule->scope != AUDIT_ONCE && i < inventory->space_count; i++) {
		if (rule->scope == AUDIT_EACH_SPACE)
			rule->look(judgement, (struct audit_place){ i, AUDIT_NONE });
		for (size_t k = 0;
		     rule->scope == AUDIT_EACH_DEVICE && k < inventory->space[i].device_count; k++)
			rule->look(judgement, (struct audit_place){ i, k });
	}
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare_findings(const void *left, const void *right)
{
	const struct audit_finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity < b->severity ? 1 : -1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->place.space != b->place.space)
		return compare_numbers(a->place.space, b->place.space);
	return compare_numbers(a->place.device, b->place.device);
}

int audit_judge(const struct audit_facts *facts, struct audit_findings *ret_findings)
{
	struct audit_judgement judgement = { .facts = facts,
					     .old_veth = is_before_4_4(facts->kernel) };

	for (size_t i = 0; i < audit_rule_count; i++) {
		judgement.rule = &audit_rules[i];
		apply_rule(&judgement);
	}
	if (judgement.out_of_memory) {
		audit_findings_release(&judgement.findings);
		return fail(-ENOMEM, "out of memory");
	}
	if (judgement.findings.count)
		qsort(judgement.findings.finding, judgement.findings.count,
		      sizeof(*judgement.findings.finding), compare_findings);
	*ret_findings = judgement.findings;
	return 0;
}

void audit_findings_release(struct audit_findings *findings)
{
	free(findings->finding);
	*findings = (struct audit_findings){ 0 };
}

int audit_severity_at(const struct audit_findings *findings, struct audit_place place)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->finding[i].place.space == place.space &&
		    findings->finding[i].place.device == place.device)
			return (int)findings->finding[i].severity;
	return -1;
}
