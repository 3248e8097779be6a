// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds headers: in correct frames, in frames that are cut off, and in frames with wrong lengths.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "packet/locate.h"

/* A frame under construction, outermost header first. */
struct frame {
	uint8_t byte[512];
	size_t len;
};

static uint8_t *add(struct frame *frame, size_t len)
{
	uint8_t *at = frame->byte + frame->len;

	memset(at, 0, len);
	frame->len += len;
	return at;
}

static void be16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void add_ethernet(struct frame *frame, uint16_t type)
{
	be16(add(frame, 14) + 12, type);
}

static void add_v4(struct frame *frame, uint8_t proto, size_t behind)
{
	uint8_t *at = add(frame, 20);

	at[0] = 0x45;
	be16(at + 2, 20 + behind);
	at[9] = proto;
}

static void add_v6(struct frame *frame, uint8_t next, size_t behind)
{
	uint8_t *at = add(frame, 40);

	at[0] = 0x60;
	be16(at + 4, behind);
	at[6] = next;
}

static void add_tcp(struct frame *frame, size_t options, size_t payload)
{
	uint8_t *at = add(frame, 20 + options + payload);

	be16(at, 40000);
	be16(at + 2, 5555);
	at[4] = 0xde;
	at[7] = 0xad;
	at[12] = (uint8_t)((20 + options) / 4 << 4);
}

static void add_udp(struct frame *frame, uint16_t port, size_t payload)
{
	uint8_t *at = add(frame, 8);

	be16(at, 40001);
	be16(at + 2, port);
	be16(at + 4, 8 + payload);
}

/* Uses a copy of exactly len bytes, so that a sanitizer sees a read past the end. */
static int locate(const struct frame *frame, size_t len, struct packet_place *ret_place)
{
	uint8_t *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, frame->byte, len);
	err = packet_locate(copy, len, ret_place);
	free(copy);
	return err;
}

static void assert_untouched(const struct packet_place *place)
{
	for (size_t i = 0; i < sizeof(*place); i++)
		assert_int_equal(((const uint8_t *)place)[i], 0x5a);
}

static void assert_error(const struct frame *frame, size_t len, int err)
{
	struct packet_place place;

	memset(&place, 0x5a, sizeof(place));
	assert_int_equal(locate(frame, len, &place), err);
	assert_untouched(&place);
}

static void tcp_over_v4(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;

	(void)state;
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_TCP, 32 + 5);
	add_tcp(&frame, 12, 5);
	add(&frame, 9); /* Ethernet padding is not payload */
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_int_equal(place.network, 14);
	assert_int_equal(place.transport, 34);
	assert_int_equal(place.csum, 50);
	assert_int_equal(place.payload, 66);
	assert_int_equal(place.payload_len, 5);
	assert_int_equal(place.family, AF_INET);
	assert_int_equal(place.proto, IPPROTO_TCP);
	assert_int_equal(place.src_port, 40000);
	assert_int_equal(place.dst_port, 5555);
	assert_int_equal(place.seq, 0xde0000ad);
	assert_false(place.tunnelled);
}

static void v4_options(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;

	(void)state;
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_UDP, 4 + 8 + 1);
	add(&frame, 4);
	frame.byte[14] = 0x46;
	add_udp(&frame, 53, 1);
	add(&frame, 1);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_int_equal(place.transport, 38);
	assert_int_equal(place.csum, 44);
	assert_int_equal(place.payload, 46);
	assert_int_equal(place.payload_len, 1);
	assert_int_equal(place.seq, 0);
}

static void udp_over_v6_through_extensions(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;
	uint8_t *at;

	(void)state;
	add_ethernet(&frame, 0x86dd);
	add_v6(&frame, IPPROTO_HOPOPTS, 8 + 16 + 12 + 8 + 8 + 7);
	add(&frame, 8)[0] = IPPROTO_DSTOPTS;
	at = add(&frame, 16);
	at[0] = IPPROTO_AH;
	at[1] = 1;
	at = add(&frame, 12);
	at[0] = IPPROTO_FRAGMENT; /* an atomic one (RFC 6946) */
	at[1] = 1;
	add(&frame, 8)[0] = IPPROTO_UDP;
	add_udp(&frame, 5555, 7);
	add(&frame, 7);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_int_equal(place.family, AF_INET6);
	assert_int_equal(place.network, 14);
	assert_int_equal(place.transport, 14 + 40 + 44);
	assert_int_equal(place.payload_len, 7);
}

static void vlan_tags(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;

	(void)state;
	add_ethernet(&frame, 0x88a8);
	be16(add(&frame, 4) + 2, 0x8100);
	be16(add(&frame, 4) + 2, 0x86dd);
	add_v6(&frame, IPPROTO_TCP, 21);
	add_tcp(&frame, 0, 1);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_int_equal(place.network, 22);
	assert_int_equal(place.payload, 82);
	assert_int_equal(place.payload_len, 1);
}

/* Adds the outer headers of VXLAN; `behind` bytes follow, which the caller adds. */
static void add_vxlan(struct frame *frame, size_t behind)
{
	add_ethernet(frame, 0x0800);
	add_v4(frame, IPPROTO_UDP, 8 + 8 + behind);
	add_udp(frame, PACKET_VXLAN_PORT, 8 + behind);
	add(frame, 8)[0] = 0x08;
}

static void vxlan_inner(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;

	(void)state;
	add_vxlan(&frame, 14 + 40 + 20 + 3);
	add_ethernet(&frame, 0x86dd);
	add_v6(&frame, IPPROTO_TCP, 23);
	add_tcp(&frame, 0, 3);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_true(place.tunnelled);
	assert_int_equal(place.family, AF_INET6);
	assert_int_equal(place.network, 50 + 14);
	assert_int_equal(place.payload, 50 + 14 + 60);
	assert_int_equal(place.payload_len, 3);
	assert_int_equal(place.dst_port, 5555);
}

/*
 * An inner frame without a TCP or UDP header, or with a wrong length: the outer header is the
 * answer.
 */
static void vxlan_outer(void **state)
{
	struct frame frame = { .len = 0 };
	struct packet_place place;

	(void)state;
	add_vxlan(&frame, 14 + 28);
	add_ethernet(&frame, 0x0806);
	add(&frame, 28);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_false(place.tunnelled);
	assert_int_equal(place.payload, 42);
	assert_int_equal(place.payload_len, 8 + 42);

	frame.len = 0;
	add_vxlan(&frame, 14 + 20 + 8);
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_UDP, 8);
	add_udp(&frame, 9, 1);
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_false(place.tunnelled);

	frame.byte[42] = 0; /* no VNI: not VXLAN */
	assert_int_equal(locate(&frame, frame.len, &place), 0);
	assert_false(place.tunnelled);
}

static void truncated_at_every_length(void **state)
{
	struct frame frame = { .len = 0 };

	(void)state;
	add_ethernet(&frame, 0x8100);
	be16(add(&frame, 4) + 2, 0x86dd);
	add_v6(&frame, IPPROTO_DSTOPTS, 8 + 32 + 4);
	add(&frame, 8)[0] = IPPROTO_TCP;
	add_tcp(&frame, 12, 4);
	for (size_t len = 0; len < frame.len; len++)
		assert_error(&frame, len, -EBADMSG);

	frame.len = 0;
	add_vxlan(&frame, 14 + 20 + 8 + 2);
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_UDP, 10);
	add_udp(&frame, 53, 2);
	add(&frame, 2);
	for (size_t len = 0; len < frame.len; len++)
		assert_error(&frame, len, -EBADMSG);
}

static void wrong_lengths(void **state)
{
	struct frame frame = { .len = 0 };

	(void)state;
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_TCP, 24);
	add_tcp(&frame, 0, 4);

	frame.byte[14] = 0x44; /* header shorter than a header */
	assert_error(&frame, frame.len, -EBADMSG);
	frame.byte[14] = 0x4f; /* longer than the packet */
	assert_error(&frame, frame.len, -EBADMSG);
	frame.byte[14] = 0x65; /* another version */
	assert_error(&frame, frame.len, -EBADMSG);
	frame.byte[14] = 0x45;
	be16(frame.byte + 16, 19);
	assert_error(&frame, frame.len, -EBADMSG);
	be16(frame.byte + 16, 45); /* one more byte than there is */
	assert_error(&frame, frame.len, -EBADMSG);
	be16(frame.byte + 16, 39); /* cuts into the TCP header */
	assert_error(&frame, frame.len, -EBADMSG);
	be16(frame.byte + 16, 44);
	frame.byte[46] = 0x40; /* TCP header shorter than 20 bytes */
	assert_error(&frame, frame.len, -EBADMSG);
	frame.byte[46] = 0x70; /* its options beyond the packet */
	assert_error(&frame, frame.len, -EBADMSG);

	frame.len = 0;
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_UDP, 10);
	add_udp(&frame, 53, 2);
	add(&frame, 2);
	be16(frame.byte + 38, 7);
	assert_error(&frame, frame.len, -EBADMSG);
	be16(frame.byte + 38, 11);
	assert_error(&frame, frame.len, -EBADMSG);

	frame.len = 0;
	add_ethernet(&frame, 0x86dd);
	add_v6(&frame, IPPROTO_HOPOPTS, 8 + 20);
	add(&frame, 8)[1] = 200;
	add_tcp(&frame, 0, 0);
	assert_error(&frame, frame.len, -EBADMSG);
}

static void others_and_fragments(void **state)
{
	struct frame frame = { .len = 0 };

	(void)state;
	add_ethernet(&frame, 0x0806);
	add(&frame, 28);
	assert_error(&frame, frame.len, -ENOENT);

	frame.len = 0;
	add_ethernet(&frame, 0x0800);
	add_v4(&frame, IPPROTO_ICMP, 8);
	add(&frame, 8);
	assert_error(&frame, frame.len, -ENOENT);

	frame.byte[23] = IPPROTO_UDP;
	frame.byte[20] = 0x20; /* first fragment: more follow */
	assert_error(&frame, frame.len, -ENOENT);
	frame.byte[20] = 0x00; /* a later one */
	frame.byte[21] = 0x02;
	assert_error(&frame, frame.len, -ENOENT);

	frame.len = 0;
	add_ethernet(&frame, 0x86dd);
	add_v6(&frame, IPPROTO_FRAGMENT, 8 + 20);
	be16(add(&frame, 8) + 2, 0x0001);
	add_tcp(&frame, 0, 0);
	assert_error(&frame, frame.len, -ENOENT);
	be16(frame.byte + 56, 0x0008);
	assert_error(&frame, frame.len, -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_v4),
		cmocka_unit_test(v4_options),
		cmocka_unit_test(udp_over_v6_through_extensions),
		cmocka_unit_test(vlan_tags),
		cmocka_unit_test(vxlan_inner),
		cmocka_unit_test(vxlan_outer),
		cmocka_unit_test(truncated_at_every_length),
		cmocka_unit_test(wrong_lengths),
		cmocka_unit_test(others_and_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
