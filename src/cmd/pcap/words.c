// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of `truesum pcap`: see pcap_words.h. */
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

const char *words_number(uint64_t number, struct words *ret)
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
	return ret->text;
}

const char *words_count(uint64_t number, const char *what, struct words *ret)
{
	size_t len = strlen(words_number(number, ret));

	snprintf(ret->text + len, sizeof(ret->text) - len, " %s%s", what, number == 1 ? "" : "s");
	return ret->text;
}

const char *words_bytes(uint64_t bytes, struct words *ret)
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

const char *words_percent(uint64_t part, uint64_t whole, struct words *ret)
{
	double percent = whole ? 100.0 * (double)part / (double)whole : 0;

	if (part && percent < 0.001)
		snprintf(ret->text, sizeof(ret->text), "<0.001 %%");
	else if (part < whole && percent > 99.9)
		snprintf(ret->text, sizeof(ret->text), ">99.9 %%");
	else
		snprintf(ret->text, sizeof(ret->text), "%.3g %%", percent);
	return ret->text;
}

const char *words_time(int64_t time_ns, struct words *ret)
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

const char *words_address(uint8_t family, const uint8_t *address, struct words *ret)
{
	if (!inet_ntop(family, address, ret->text, sizeof(ret->text)))
		snprintf(ret->text, sizeof(ret->text), "?");
	return ret->text;
}

const char *words_protocol(const struct packet_flow *flow, struct words *ret)
{
	for (size_t i = 0; flow->family && i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == flow->proto)
			return protocols[i].name;
	if (flow->family)
		snprintf(ret->text, sizeof(ret->text), "ip-protocol-%u", flow->proto);
	else
		snprintf(ret->text, sizeof(ret->text), "none");
	return ret->text;
}

bool flow_has_ports(const struct packet_flow *flow)
{
	if (!flow->src_port && !flow->dst_port)
		return false;
	for (size_t i = 0; flow->family && i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == flow->proto)
			return protocols[i].ports;
	return false;
}

static void endpoint(const struct packet_flow *flow, const uint8_t *address, uint16_t port,
		     struct words *ret)
{
	struct words bare;

	words_address(flow->family, address, &bare);
	if (!flow_has_ports(flow))
		*ret = bare;
	else if (flow->family == AF_INET6)
		snprintf(ret->text, sizeof(ret->text), "[%.60s]:%u", bare.text, port);
	else
		snprintf(ret->text, sizeof(ret->text), "%.60s:%u", bare.text, port);
}

const char *words_flow(const struct packet_flow *flow, struct words *ret)
{
	struct words src, dst, proto;

	if (!flow->family) {
		snprintf(ret->text, sizeof(ret->text), "no IP header");
		return ret->text;
	}
	endpoint(flow, flow->src, flow->src_port, &src);
	endpoint(flow, flow->dst, flow->dst_port, &dst);
	/* At most 15 + 2 * 47 characters: it fits. */
	snprintf(ret->text, sizeof(ret->text), "%.16s %.52s → %.52s", words_protocol(flow, &proto),
		 src.text, dst.text);
	return ret->text;
}

const char *words_sum(uint32_t sum, bool wide, struct words *ret)
{
	snprintf(ret->text, sizeof(ret->text), "0x%0*" PRIx32, wide ? 8 : 4, sum);
	return ret->text;
}

const char *words_difference(uint32_t computed, uint32_t stored, bool wide, struct words *ret)
{
	uint16_t sum = csum_minus((uint16_t)computed, (uint16_t)stored);

	if (wide)
		return words_sum(computed ^ stored, wide, ret);
	snprintf(ret->text, sizeof(ret->text), "%s0x%04x", sum >> 15 ? "-" : "",
		 sum >> 15 ? (uint16_t)~sum : sum);
	return ret->text;
}

bool words_single_flip(uint16_t difference, unsigned int *ret_column, bool *ret_up)
{
	/* A field is its sum's complement: the sums differ the other way round. */
	return detect_single((uint16_t)~difference, ret_column, ret_up);
}

const char *words_bits(const struct shape *shape, struct words *ret)
{
	struct words all, number;
	uint64_t down, up;

	shape_directions(shape, &down, &up);
	words_count(down + up, "bit", &all);
	if (!down || !up) {
		snprintf(ret->text, sizeof(ret->text), "%.40s %s", all.text, up ? "0→1" : "1→0");
		return ret->text;
	}
	snprintf(ret->text, sizeof(ret->text), "%.40s: %.26s 1→0, ", all.text,
		 words_number(down, &number));
	snprintf(ret->text + strlen(ret->text), sizeof(ret->text) - strlen(ret->text), "%.26s 0→1",
		 words_number(up, &number));
	return ret->text;
}
