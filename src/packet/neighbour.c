// SPDX-License-Identifier: GPL-2.0-or-later
/* Neighbours: see neighbour.h. Frames have fixed layouts; anything that deviates is left unanswered. */
#include "packet/neighbour.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "packet/cursor.h"
#include "sum/csum.h"

enum {
	ETHERNET_LEN = 14,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_V6 = 0x86dd,
	ARP_LEN = 28,
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	V6_LEN = 40,
	SOLICITATION_LEN = 24, /* without options */
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	ADVERTISEMENT_LEN = 32, /* with the target's link-layer address */
	SOLICITED_OVERRIDE = 0x60,
};

static void put_ethernet(uint8_t *answer, const uint8_t *frame, const uint8_t mac[6])
{
	memcpy(answer, frame + 6, 6);
	memcpy(answer + 6, mac, 6);
	memcpy(answer + 12, frame + 12, 2);
}

static int answer_arp(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t mac[6],
		      uint8_t *answer, size_t *ret_len)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 }; /* Ethernet, IPv4, their lengths */
	const uint8_t *arp = frame + ETHERNET_LEN;
	uint8_t *reply = answer + ETHERNET_LEN;

	if (len < ETHERNET_LEN + ARP_LEN || memcmp(arp, head, sizeof(head)) != 0 ||
	    arp[7] != ARP_REQUEST || memcmp(arp + 24, v4, 4) != 0)
		return -ENOENT;
	put_ethernet(answer, frame, mac);
	memcpy(reply, head, sizeof(head));
	reply[7] = ARP_REPLY;
	memcpy(reply + 8, mac, 6);
	memcpy(reply + 14, v4, 4);
	memcpy(reply + 18, arp + 8, 10);
	*ret_len = ETHERNET_LEN + ARP_LEN;
	return 0;
}

static int answer_solicitation(const uint8_t *frame, size_t len, const uint8_t *v6,
			       const uint8_t mac[6], uint8_t *answer, size_t *ret_len)
{
	const uint8_t *ip = frame + ETHERNET_LEN, *asked = ip + V6_LEN;
	uint8_t *reply = answer + ETHERNET_LEN, *icmp = reply + V6_LEN;
	uint16_t sum;

	if (len < ETHERNET_LEN + V6_LEN + SOLICITATION_LEN || ip[6] != IPPROTO_ICMPV6 ||
	    asked[0] != SOLICITATION || memcmp(asked + 8, v6, 16) != 0)
		return -ENOENT;
	put_ethernet(answer, frame, mac);
	memcpy(reply, ip, 4);
	memcpy(reply + 4, (const uint8_t[]){ 0, ADVERTISEMENT_LEN, IPPROTO_ICMPV6, 255 }, 4);
	memcpy(reply + 8, v6, 16);
	memcpy(reply + 24, ip + 8, 16);
	memset(icmp, 0, ADVERTISEMENT_LEN);
	icmp[0] = ADVERTISEMENT;
	icmp[4] = SOLICITED_OVERRIDE;
	memcpy(icmp + 8, v6, 16);
	icmp[24] = 2; /* target link-layer address, 1 unit of 8 bytes */
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	sum = csum_pseudo(reply + 8, reply + 24, 16, IPPROTO_ICMPV6, ADVERTISEMENT_LEN);
	sum = (uint16_t)~csum_add(sum, icmp, ADVERTISEMENT_LEN);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	*ret_len = ETHERNET_LEN + V6_LEN + ADVERTISEMENT_LEN;
	return 0;
}

int neighbour_answer(const uint8_t *frame, size_t len, const uint8_t *v4, const uint8_t *v6,
		     const uint8_t mac[6], uint8_t *answer, size_t *ret_len)
{
	if (len < ETHERNET_LEN)
		return -ENOENT;
	switch (cursor_be16(frame + 12)) {
	case ETHERTYPE_ARP:
		return answer_arp(frame, len, v4, mac, answer, ret_len);
	case ETHERTYPE_V6:
		return answer_solicitation(frame, len, v6, mac, answer, ret_len);
	default:
		return -ENOENT;
	}
}
