// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of rules, and their sentences: see rules.h. */
#include "audit/rules.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/collect.h"
#include "audit/rule.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

const char *const audit_severity_names[] = { "note", "warning", "danger" };

/* clang-format off */
const struct audit_rule audit_rules[] = {
	{ "conntrack-unchecked", AUDIT_WARNING,
	  "addresses are translated without looking at checksums",
	  "nf_conntrack_checksum is 0 and there are NAT rules: damaged packets are "
	  "translated and sent on like good ones. {detail}",
	  "{in}sysctl -w net.netfilter.nf_conntrack_checksum=1",
	  "https://docs.kernel.org/networking/nf_conntrack-sysctl.html", audit_find_unchecked_nat },
	{ "tunnel-tx-checksum", AUDIT_WARNING,
	  "transmit checksum offload for a tunnel, over a driver known to get it wrong",
	  "{dev} leaves checksums to {other}, whose driver is {detail}",
	  "{in}ethtool -K {dev} tx-checksum-ip-generic off",
	  "https://github.com/flannel-io/flannel/issues/1279", audit_find_tunnel_offload },
	{ "xdp-unfinished", AUDIT_WARNING,
	  "XDP redirects packets whose checksum is not finished",
	  "{other} leaves its checksums unfinished, and the XDP program {detail}. A "
	  "redirect forgets what is unfinished, so they go out wrong.",
	  "{in2}ethtool -K {other} tx off",
	  "https://github.com/xdp-project/xdp-tutorial/issues/160", audit_find_xdp_redirect },
	{ "packet-socket-unfinished", AUDIT_WARNING,
	  "a packet socket reads packets whose checksum is not finished",
	  "{detail} reads {dev} by a packet socket without PACKET_AUXDATA: nobody tells it "
	  "which checksums {other} left unfinished. If it verifies them, as DHCP clients "
	  "and user-space stacks do, it drops good packets.",
	  "{in2}ethtool -K {other} tx off",
	  "https://github.com/google/gvisor/issues/11960", audit_find_packet_socket },
	{ "hw-csum-failure", AUDIT_WARNING,
	  "a device's checksums proved wrong",
	  "The kernel log has \"hw csum failure\" {detail}: what the device summed was not "
	  "what is in the packet. The kernel looked for itself in those cases; the driver "
	  "or what it runs on needs an update.",
	  "ethtool -K {dev} rx off",
	  "https://github.com/cilium/cilium/issues/9482", audit_find_csum_failure },
	{ "checksum-errors", AUDIT_WARNING,
	  "damaged packets have arrived",
	  "{detail}: dropped, as they should be, but something on the way here damages "
	  "packets, and a 16-bit checksum does not catch all of them. (A truesum probe counts "
	  "here, too.)",
	  "{in}nstat -az TcpInCsumErrors UdpInCsumErrors Udp6InCsumErrors IcmpInCsumErrors "
	  "Icmp6InCsumErrors",
	  "https://conferences.sigcomm.org/sigcomm/2000/conf/paper/sigcomm2000-9-1.pdf",
	  audit_find_checksum_errors },
	{ "lro-forwarding", AUDIT_WARNING,
	  "large receive offload is on where packets are sent on",
	  "{dev} joins received packets (LRO), and {detail}: joined packets cannot be sent "
	  "on as they came. The kernel turns LRO off there by itself, so somebody turned it"
	  " on again.",
	  "{in}ethtool -K {dev} lro off",
	  "https://docs.kernel.org/networking/device_drivers/ethernet/intel/ixgbe.html", audit_find_lro },
	{ "veth-version", AUDIT_NOTE,
	  "this kernel's version does not tell whether veth lets damaged packets through",
	  "Until Linux 4.4 veth marked what it had not verified as verified. Stable kernels"
	  " and distributions took the fix over, so for {kernel} only a trial decides.",
	  "truesum probe",
	  "https://git.kernel.org/linus/ce8c839b74e3", audit_find_doubtful_veth },
	{ "rx-off-useless", AUDIT_NOTE,
	  "rx off on a veth does nothing on this kernel",
	  "Since Linux 4.4 nothing looks at a veth's receive checksum feature. If {dev} was"
	  " given it as a protection, it is none; the container's own stack verifies either"
	  " way.",
	  "{in}ethtool -K {dev} rx on",
	  "https://git.kernel.org/linus/ce8c839b74e3", audit_find_useless_rx_off },
	{ "bridge-uneven", AUDIT_NOTE,
	  "offloads differ between the containers of one bridge",
	  "At bridge {other}, {detail}. Either one container was treated and the others "
	  "forgotten, or a rebuild brought an offload back.",
	  "{in}ethtool -k {dev}",
	  "https://docs.kernel.org/networking/netdev-features.html", audit_find_uneven_bridge },
	{ "vxlan-zero-checksum", AUDIT_NOTE,
	  "VXLAN sends without an outer UDP checksum",
	  "Only the inner checksum protects what {dev} carries. Measured behind it: with an"
	  " unfixed veth all damage was delivered, with a fixed one none; with outer "
	  "checksums none in either case.",
	  "ip -d link show {dev}    (to change it, make the device anew with udpcsum)",
	  "https://www.rfc-editor.org/rfc/rfc6935", audit_find_vxlan_zero },
	{ "conntrack-invalid", AUDIT_NOTE,
	  "conntrack has found packets invalid",
	  "{detail}. Most such packets are only late; but where a rule drops INVALID, "
	  "damaged ones count here and in no InCsumErrors.",
	  "{in}sysctl -w net.netfilter.nf_conntrack_log_invalid=255",
	  "https://docs.kernel.org/networking/nf_conntrack-sysctl.html", audit_find_conntrack_invalid },
};
/* clang-format on */

const size_t audit_rule_count = ARRAY_SIZE(audit_rules);

bool audit_veth_doubtful(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < 4 || (major == 4 && minor < 4));
}

/*
 * As a word of a shell command. term_printable() leaves nothing that single quotes do not hold
 * but themselves.
 */
static void quote(char *ret_text, size_t size, const char *text)
{
	bool plain = *text && *text != '-';

	for (const char *at = text; *at; at++)
		plain &= isalnum((unsigned char)*at) || strchr("._/@+-", *at);
	if (plain) {
		snprintf(ret_text, size, "%s", text);
		return;
	}
	snprintf(ret_text, size, "'%s'", text);
	for (char *at = ret_text + 1; *at && at[1]; at++)
		if (*at == '\'')
			*at = '?';
}

void audit_command_prefix(const struct audit_facts *facts, size_t space, char *ret_text,
			  size_t size)
{
	static const char named[] = "/run/netns/";
	const struct space *look = &facts->inventory.space[space];
	char printable[sizeof(look->path)], quoted[sizeof(look->path) + 3];
	bool is_named = !strncmp(look->path, named, strlen(named));

	*ret_text = '\0';
	if (look->own)
		return;
	term_printable(printable, sizeof(printable),
		       is_named ? look->path + strlen(named) : look->path);
	quote(quoted, sizeof(quoted), printable);
	if (is_named && !strchr(printable, '/'))
		snprintf(ret_text, size, "ip netns exec %s ", quoted);
	else if (look->pid)
		snprintf(ret_text, size, "nsenter -t %d -n ", look->pid);
	else if (*printable)
		snprintf(ret_text, size, "nsenter --net=%s ", quoted);
}

struct template
{
	const struct audit_facts *facts;
	const struct audit_hit *hit;
	bool command; /* names are quoted */
};

static void device_name(const struct template *template, struct audit_place place, char *ret_text,
			size_t size)
{
	if (place.device == AUDIT_NONE)
		snprintf(ret_text, size, "DEVICE");
	else if (template->command)
		quote(ret_text, size, audit_more(template->facts, place)->name);
	else
		snprintf(ret_text, size, "%s", audit_more(template->facts, place)->name);
	/* In a sentence about a device of another namespace it is said whose. */
	if (!template->command && place.device != AUDIT_NONE &&
	    place.space != template->hit->place.space)
		snprintf(ret_text + strlen(ret_text), size - strlen(ret_text), " of %s",
			 template->facts->space[place.space].name);
}

static void fill(const struct template *template, const char *key, size_t len, char *ret_text,
		 size_t size)
{
	const struct audit_hit *hit = template->hit;

	*ret_text = '\0';
	if (!strncmp(key, "dev", len))
		device_name(template, hit->place, ret_text, size);
	else if (!strncmp(key, "other", len))
		device_name(template, hit->other, ret_text, size);
	else if (!strncmp(key, "in", len))
		audit_command_prefix(template->facts, hit->place.space, ret_text, size);
	else if (!strncmp(key, "in2", len) && hit->other.space != AUDIT_NONE)
		audit_command_prefix(template->facts, hit->other.space, ret_text, size);
	else if (!strncmp(key, "kernel", len))
		snprintf(ret_text, size, "%s", template->facts->kernel);
	else if (!strncmp(key, "detail", len) && hit->detail)
		snprintf(ret_text, size, "%s", hit->detail);
}

static void expand(const struct template *template, const char *text, char *ret_text, size_t size)
{
	char value[400];
	size_t used = 0;

	*ret_text = '\0';
	while (*text && used + 1 < size) {
		size_t len = strcspn(text, "{");

		used += (size_t)snprintf(ret_text + used, size - used, "%.*s", (int)len, text);
		text += len;
		if (*text != '{' || used >= size)
			break;
		len = strcspn(++text, "}");
		fill(template, text, len, value, sizeof(value));
		used += (size_t)snprintf(ret_text + used, size - used, "%s", value);
		text += len + (text[len] == '}');
	}
}

void audit_add(struct audit_judgement *judgement, const struct audit_hit *hit)
{
	struct audit_findings *findings = &judgement->findings;
	struct template template = { .facts = judgement->facts, .hit = hit };
	struct audit_finding *grown;

	/* Room is made for twice as many whenever their number is a power of two. */
	if (!(findings->count & (findings->count - 1))) {
		grown = reallocarray(findings->finding, findings->count * 2 + 1, sizeof(*grown));
		if (!grown) {
			judgement->out_of_memory = true;
			return;
		}
		findings->finding = grown;
	}
	grown = &findings->finding[findings->count++];
	*grown = (struct audit_finding){ .rule = judgement->rule,
					 .severity = hit->severity,
					 .place = hit->place,
					 .link = hit->link ? hit->link : judgement->rule->link };
	expand(&template, judgement->rule->why, grown->why, sizeof(grown->why));
	template.command = true;
	expand(&template, judgement->rule->remedy, grown->remedy, sizeof(grown->remedy));
}

static int order(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
	const struct audit_finding *a = left, *b = right;

	if (a->severity != b->severity)
		return a->severity < b->severity ? 1 : -1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	if (a->place.space != b->place.space)
		return order(a->place.space, b->place.space);
	return order(a->place.device, b->place.device);
}

int audit_judge(const struct audit_facts *facts, struct audit_findings *ret_findings)
{
	struct audit_judgement judgement = { .facts = facts };

	for (size_t i = 0; i < audit_rule_count; i++) {
		judgement.rule = &audit_rules[i];
		judgement.rule->find(&judgement);
	}
	if (judgement.out_of_memory) {
		audit_findings_release(&judgement.findings);
		return fail(-ENOMEM, "out of memory");
	}
	if (judgement.findings.count)
		qsort(judgement.findings.finding, judgement.findings.count,
		      sizeof(*judgement.findings.finding), compare);
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
