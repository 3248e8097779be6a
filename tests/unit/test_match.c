// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses the language of `--match` into tests that are joined. Refuses everything else in one line.
 */
#include "base/fail.h" /* before cmocka.h, which has a macro fail() */

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "packet/match.h"

static struct packet_match parsed(const char *text)
{
	struct packet_match match;
	int rc = match_parse(text, &match);

	if (rc)
		print_error("'%s': %s\n", text, fail_text());
	assert_int_equal(rc, 0);
	return match;
}

static void assert_term(const struct packet_match *match, uint32_t i, enum match_kind kind,
			enum match_side side, uint32_t number)
{
	assert_true(i < match->count);
	assert_int_equal(match->term[i].kind, kind);
	assert_int_equal(match->term[i].side, side);
	assert_int_equal(match->term[i].number, number);
}

static void single_words(void **state)
{
	struct packet_match match;

	(void)state;
	match = parsed("ip");
	assert_int_equal(match.count, 1);
	assert_term(&match, 0, MATCH_FAMILY, MATCH_EITHER, 4);
	match = parsed("  ip6\t");
	assert_term(&match, 0, MATCH_FAMILY, MATCH_EITHER, 6);
	match = parsed("tcp");
	assert_term(&match, 0, MATCH_PROTO, MATCH_EITHER, IPPROTO_TCP);
	match = parsed("udp");
	assert_term(&match, 0, MATCH_PROTO, MATCH_EITHER, IPPROTO_UDP);
}

static void qualified_port(void **state)
{
	struct packet_match match;

	(void)state;
	match = parsed("tcp dst port 5555");
	assert_int_equal(match.count, 2);
	assert_term(&match, 0, MATCH_PROTO, MATCH_EITHER, IPPROTO_TCP);
	assert_term(&match, 1, MATCH_PORT, MATCH_DST, 5555);
	match = parsed("src port 0");
	assert_term(&match, 0, MATCH_PORT, MATCH_SRC, 0);
	match = parsed("udp port 65535");
	assert_term(&match, 1, MATCH_PORT, MATCH_EITHER, 65535);
}

static void hosts(void **state)
{
	struct packet_match match;
	uint8_t address[16] = { 0 };

	(void)state;
	match = parsed("ip src host 192.0.2.1 and dst host 198.51.100.7");
	assert_int_equal(match.count, 3);
	assert_term(&match, 1, MATCH_HOST, MATCH_SRC, 4);
	assert_term(&match, 2, MATCH_HOST, MATCH_DST, 4);
	inet_pton(AF_INET, "192.0.2.1", address);
	assert_memory_equal(match.term[1].address, address, 16);

	match = parsed("host 2001:db8::1 and udp and port 53");
	assert_term(&match, 0, MATCH_HOST, MATCH_EITHER, 6);
	inet_pton(AF_INET6, "2001:db8::1", address);
	assert_memory_equal(match.term[0].address, address, 16);
}

static void refused(void **state)
{
	static const char *const texts[] = {
		"",
		" ",
		"and",
		"tcp and",
		"and tcp",
		"tcp tcp",
		"tcp udp",
		"icmp",
		"tcp or",
		"or tcp",
		"not",
		"tcp not",
		"not and tcp",
		"()",
		"(tcp",
		"tcp)",
		"tcp (udp)",
		"(tcp))",
		"((tcp)",
		"(tcp and)",
		"! tcp &",
		"tcp && || udp",
		"tcp and not tcp",
		"not (tcp or udp)",
		"not (ip or ip6)",
		"(ip or tcp) and ip6 and udp",
		"host 10.0.0.1 and not ip",
		"port 5 or 6",
		"((((((((((((((((tcp))))))))))))))))",
		"not not not not not not not not not not not not not not not not tcp",
		"TCP",
		"port",
		"port http",
		"port 65536",
		"port -1",
		"port 1-2",
		"src",
		"tcp dst",
		"dst 10.0.0.1",
		"host",
		"host example.org",
		"host 10.0.0",
		"host 10.0.0.1/8",
		"host 10.0.0.256",
		"host ::g",
		"net 10.0.0.0/8",
		"tcp host 10.0.0.1",
		"ip port 5",
		"src dst port 5",
		"src or dst port 5",
		"port 5 6",
		"portrange 1-2",
		"tcp and udp",
		"ip and ip6",
		"ip6 host 10.0.0.1",
		"src host 10.0.0.1 and dst host ::1",
		("ip or ip or ip or ip or ip or ip or ip or ip or ip or ip or ip or ip or ip or ip or ip "
		 "or ip or ip"),
		("tcp port 1 or tcp port 2 or tcp port 3 or tcp port 4 or tcp port 5 or tcp port 6 or "
		 "tcp port 7 or tcp port 8 or tcp port 9"),
		"hosthosthosthosthosthosthosthosthosthosthosthosthosthost",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct packet_match match;

		memset(&match, 0x5a, sizeof(match));
		if (match_parse(texts[i], &match) != -EINVAL)
			fail_msg("'%s' was accepted", texts[i]);
		assert_true(strlen(fail_text()) > 10);
		assert_null(strchr(fail_text(), '\n'));
		assert_int_equal(((uint8_t *)&match)[0], 0x5a);
	}
}

static void as_many_terms_as_there_is_room_for(void **state)
{
	struct packet_match match;

	(void)state;
	match = parsed("ip and tcp and src host 10.0.0.1 and dst host 10.0.0.2 and src port 1 and "
		       "dst port 2 and ip and tcp and ip and tcp and ip and tcp and ip and tcp and "
		       "ip and tcp");
	assert_int_equal(match.count, MATCH_TERMS);
	/* As deep as it may be. */
	parsed("(((((((((((((((tcp)))))))))))))))");
	match = parsed("not not not not not not not not not not not not not not not tcp");
	assert_int_equal(match.term[0].then, MATCH_NO);
}

/* A packet for the walk below. */
struct made {
	uint32_t family, proto, src, dst;
};

static const struct made made[] = {
	{ 4, IPPROTO_TCP, 1000, 80 }, { 4, IPPROTO_TCP, 80, 1000 }, { 4, IPPROTO_UDP, 53, 53 },
	{ 4, IPPROTO_UDP, 80, 53 },   { 6, IPPROTO_TCP, 1000, 80 }, { 6, IPPROTO_UDP, 53, 1000 },
};

static bool holds(const struct match_term *term, const struct made *packet)
{
	if (term->kind == MATCH_FAMILY)
		return term->number == packet->family;
	if (term->kind == MATCH_PROTO)
		return term->number == packet->proto;
	return (term->side != MATCH_DST && term->number == packet->src) ||
	       (term->side != MATCH_SRC && term->number == packet->dst);
}

/* Walks as the BPF program does. */
static bool matches(const struct packet_match *match, const struct made *packet)
{
	uint32_t next = 0;

	for (uint32_t i = 0; i < match->count; i++) {
		const struct match_term *term = &match->term[i];

		assert_true(term->then > i && term->otherwise > i);
		assert_true(term->then < match->count || term->then == MATCH_YES ||
			    term->then == MATCH_NO);
		if (i == next)
			next = holds(term, packet) ? term->then : term->otherwise;
	}
	assert_true(next == MATCH_YES || next == MATCH_NO);
	return next == MATCH_YES;
}

/* Which of the packets above match, one character each; tcpdump gives the same answers. */
static void joined(void **state)
{
	static const struct {
		const char *text, *answers;
	} rows[] = {
		{ "tcp or udp", "111111" },
		{ "not tcp", "001101" },
		{ "! tcp", "001101" },
		{ "!tcp", "001101" },
		{ "not not tcp", "110010" },
		{ "(tcp)", "110010" },
		{ "(((tcp)))", "110010" },
		{ "( tcp )and(port 80)", "110010" },
		{ "tcp and not dst port 80", "010000" },
		{ "not tcp port 80", "001101" },
		{ "not (tcp and dst port 80)", "011101" },
		{ "port 53 and not src port 53", "000100" },
		{ "ip6 or udp", "001111" },
		{ "not (ip6 or udp)", "110000" },
		{ "not ip6 and not udp", "110000" },
		{ "ip6 and tcp or ip and udp", "001100" },
		{ "ip6 or ip and udp", "001101" },
		{ "ip6 or (ip and udp)", "001111" },
		{ "(ip6 and tcp) or (ip and udp)", "001110" },
		{ "ip6 && tcp || udp", "001111" },
		{ "udp and (src port 80 or ip6)", "000101" },
		{ "udp and not (src port 80 or ip6)", "001000" },
		{ "not (not udp or not ip6)", "000001" },
		{ "tcp port 80 or udp port 80", "110110" },
		{ "not (tcp port 80 or udp port 80)", "001001" },
		{ "ip6 tcp", NULL },
	};

	(void)state;
	for (size_t i = 0; rows[i].answers; i++) {
		struct packet_match match = parsed(rows[i].text);
		char answers[8] = "";

		for (size_t k = 0; k < sizeof(made) / sizeof(made[0]); k++)
			answers[k] = matches(&match, &made[k]) ? '1' : '0';
		if (strcmp(answers, rows[i].answers) != 0)
			fail_msg("'%s': %s, not %s", rows[i].text, answers, rows[i].answers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_words),
		cmocka_unit_test(qualified_port),
		cmocka_unit_test(hosts),
		cmocka_unit_test(refused),
		cmocka_unit_test(joined),
		cmocka_unit_test(as_many_terms_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
