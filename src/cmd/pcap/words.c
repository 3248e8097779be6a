// SPDX-License-Identifier: GPL-2.0-or-later
/* How `truesum pcap` names numbers, times, flows and sums: see words.h. */
#include "cmd/pcap/words.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "sum/csum.h"
#include "sum/detect.h"

#define NS_PER_S 1000000000

/* In the field's order; what is not here is named by its number. */
static const struct {
	uint8_t proto;
	bool ports;
	const char *name;
} protocols[] = {
	{ IPPROTO_TCP, true, "tcp" },	 { IPPROTO_UDP, true, "udp" },
	{ IPPROTO_SCTP, true, "sctp" },	 { IPPROTO_UDPLITE, true, "udplite" },
	{ IPPROTO_ICMP, false, "icmp" }, { IPPROTO_ICMPV6, false, "icmp6" },
	{ IPPROTO_IGMP, false, "igmp" }, { IPPROTO_GRE, false, "gre" },
	{ IPPROTO_ESP, false, "esp" },
};

const char *pcap_number(uint64_t number, const char *what, struct words *ret)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, number);
	size_t used = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ret->text[used++] = ',';
		ret->text[used++] = digits[i];
	}
	ret->text[used] = '\0';
	if (what)
		snprintf(ret->text + used, sizeof(ret->text) - used, " %s%s", what,
			 number == 1 ? "" : "s");
	return ret->text;
}

const char *pcap_bytes(uint64_t bytes, struct words *ret)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	while (value >= 999.5 && unit + 1 < ARRAY_SIZE(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(ret->text, sizeof(ret->text), "%.*f %s", unit && value < 99.95 ? 1 : 0, value,
		 bytes == 1 ? "byte" : units[unit]);
	return ret->text;
}

const char *pcap_time(int64_t time_ns, struct words *ret)
{
	int64_t ns = time_ns % NS_PER_S;
	time_t seconds = time_ns / NS_PER_S;
	char day[64];
	struct tm utc;

	if (ns < 0) {
		ns += NS_PER_S;
		seconds--;
	}
	if (time_ns == INT64_MIN || !gmtime_r(&seconds, &utc) ||
	    !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &utc))
		snprintf(ret->text, sizeof(ret->text), "no time");
	else
		snprintf(ret->text, sizeof(ret->text), "%s.%09" PRId64 "Z", day, ns);
	return ret->text;
}

static const char *name_address(uint8_t family, const uint8_t *address, struct words *ret)
{
	if (!inet_ntop(family, address, ret->text, sizeof(ret->text)))
		snprintf(ret->text, sizeof(ret->text), "?");
	return ret->text;
}

void pcap_flow_parts(const struct packet_flow *flow, struct flow_parts *ret)
{
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->proto.text, sizeof(ret->proto.text), "ip-protocol-%u", flow->proto);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].proto != flow->proto)
			continue;
		snprintf(ret->proto.text, sizeof(ret->proto.text), "%s", protocols[i].name);
		ret->ports = protocols[i].ports && (flow->src_port || flow->dst_port);
	}
	name_address(flow->family, flow->src, &ret->src);
	name_address(flow->family, flow->dst, &ret->dst);
}

/* "10.9.0.1:40000", "[fd09::2]:5555"; without ports the address alone. */
static void name_endpoint(const struct packet_flow *flow, const struct words *address, bool ports,
			  uint16_t port, struct words *ret)
{
	if (!ports)
		*ret = *address;
	else if (flow->family == AF_INET6)
		snprintf(ret->text, sizeof(ret->text), "[%.60s]:%u", address->text, port);
	else
		snprintf(ret->text, sizeof(ret->text), "%.60s:%u", address->text, port);
}

const char *pcap_flow(const struct packet_flow *flow, struct words *ret)
{
	struct flow_parts parts;
	struct words src, dst;

	if (!flow->family) {
		snprintf(ret->text, sizeof(ret->text), "no IP header");
		return ret->text;
	}
	pcap_flow_parts(flow, &parts);
	name_endpoint(flow, &parts.src, parts.ports, flow->src_port, &src);
	name_endpoint(flow, &parts.dst, parts.ports, flow->dst_port, &dst);
	/* At most 15 + 2 * 47 characters: it fits. */
	snprintf(ret->text, sizeof(ret->text), "%.16s %.52s → %.52s", parts.proto.text, src.text,
		 dst.text);
	return ret->text;
}

static void name_sum(uint32_t sum, bool wide, struct words *ret)
{
	snprintf(ret->text, sizeof(ret->text), "0x%0*" PRIx32, wide ? 8 : 4, sum);
}

void pcap_sums(uint32_t stored, uint32_t computed, bool wide, struct sum_words *ret)
{
	uint16_t difference = csum_minus((uint16_t)computed, (uint16_t)stored);

	ret->difference.text[0] = '\0';
	ret->single = false;
	name_sum(stored, wide, &ret->stored);
	if (stored == computed) {
		ret->computed = ret->stored;
		return;
	}
	name_sum(computed, wide, &ret->computed);
	if (wide) {
		name_sum(computed ^ stored, wide, &ret->difference);
		return;
	}
	snprintf(ret->difference.text, sizeof(ret->difference.text), "%s0x%04x",
		 difference >> 15 ? "-" : "",
		 difference >> 15 ? (uint16_t)~difference : difference);
	/* A field is its sum's complement: the sums differ the other way round. */
	ret->single = detect_single((uint16_t)~difference, &ret->column, &ret->up);
}
