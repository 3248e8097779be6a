// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses the language of `--match` into terms. Refuses everything else in one line.
 */
#include "base/fail.h" /* before cmocka.h, which has a macro fail() */

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
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
		"tcp or udp",
		"not tcp",
		"(tcp)",
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
		"ip and ip and ip and ip and ip and ip and ip and ip and ip",
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
		       "dst port 2 and ip and tcp");
	assert_int_equal(match.count, MATCH_TERMS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_words),
		cmocka_unit_test(qualified_port),
		cmocka_unit_test(hosts),
		cmocka_unit_test(refused),
		cmocka_unit_test(as_many_terms_as_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
