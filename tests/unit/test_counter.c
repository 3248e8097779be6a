// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * net/counter.c: each protocol's damaged packets are counted as its own, of both families. In a
 * network namespace of its own, over its loopback device.
 */
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/counter.h"

static bool has_world;

static int make_world(void **state)
{
	(void)state;
	has_world = !unshare(CLONE_NEWNET) && !system("ip link set lo up");
	return 0;
}

/* Sends a segment with a wrong sum; loopback does not vouch for what a raw socket sends. */
static void send_damaged(int family, int protocol)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const bool is_v4 = family == AF_INET;
	_cleanup_close_ int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
	/* Ports 9; UDP: 24 bytes; TCP: a SYN, 20 bytes of header. The sums are nonsense. */
	static const uint8_t udp[24] = { 0, 9, 0, 9, 0, 24, 0x12, 0x34 },
			     tcp[24] = { [1] = 9, [3] = 9, [12] = 0x50, [13] = 2, [16] = 0x12 },
			     icmp[24] = { 8, 0, 0x12, 0x34 };
	const uint8_t *segment = protocol == IPPROTO_UDP   ? udp
				 : protocol == IPPROTO_TCP ? tcp
							   : icmp;

	assert_true(fd >= 0);
	assert_int_equal(sendto(fd, segment, sizeof(udp), 0,
				is_v4 ? (const void *)&v4 : (const void *)&v6,
				is_v4 ? sizeof(v4) : sizeof(v6)),
			 sizeof(udp));
}

static void test_each_protocol_has_its_own(void **state)
{
	/* A raw ICMPv6 socket has its sums made by the kernel. */
	static const struct {
		int family, protocol;
		unsigned int times;
	} rows[] = {
		{ AF_INET, IPPROTO_TCP, 1 },   { AF_INET, IPPROTO_UDP, 2 },
		{ AF_INET, IPPROTO_ICMP, 4 },  { AF_INET6, IPPROTO_TCP, 8 },
		{ AF_INET6, IPPROTO_UDP, 16 },
	};
	struct counters before, after;

	(void)state;
	if (!has_world)
		skip();
	assert_int_equal(counter_read(-1, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (unsigned int k = 0; k < rows[i].times; k++)
			send_damaged(rows[i].family, rows[i].protocol);
	assert_int_equal(counter_read(-1, &after), 0);
	assert_int_equal(after.tcp_in_csum_errors - before.tcp_in_csum_errors, 1 + 8);
	assert_int_equal(after.udp_in_csum_errors - before.udp_in_csum_errors, 2 + 16);
	assert_int_equal(after.icmp_in_csum_errors - before.icmp_in_csum_errors, 4);
	assert_true(after.in_packets - before.in_packets >= 1 + 2 + 4 + 8 + 16);
	assert_int_equal(after.conntrack_invalid, before.conntrack_invalid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_protocol_has_its_own),
	};

	return cmocka_run_group_tests(tests, make_world, NULL);
}
