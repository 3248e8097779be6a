// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The plain way to verify a capture: pcap_next_ex() and the checksums of Ethernet, IPv4, TCP and
 * UDP with truesum's own sums. Benchmarks compare `truesum pcap` with it: libpcap_loop FILE
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>

#include "sum/csum.h"

struct count {
	uint64_t good, bad, other;
};

static void verify(const uint8_t *data, uint32_t len, struct count *count)
{
	const uint8_t *ip = data + 14, *transport;
	uint32_t total, header;
	uint16_t sum;

	if (len < 34 || data[12] != 0x08 || data[13] != 0x00) {
		count->other++;
		return;
	}
	header = (ip[0] & 0xfU) * 4;
	total = (uint32_t)ip[2] << 8 | ip[3];
	if (header < 20 || total < header || 14 + total > len || (ip[9] != 6 && ip[9] != 17)) {
		count->other++;
		return;
	}
	transport = ip + header;
	sum = csum_pseudo(ip + 12, ip + 16, 4, ip[9], total - header);
	sum = csum_add(sum, transport, total - header);
	if (csum_add(0, ip, header) == 0xffff && sum == 0xffff)
		count->good++;
	else
		count->bad++;
}

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE] = "usage: libpcap_loop FILE";
	pcap_t *pcap = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
	struct pcap_pkthdr *header;
	struct count count = { 0 };
	const uint8_t *data;
	int rc;

	if (!pcap) {
		fprintf(stderr, "%s\n", error);
		return 3;
	}
	while ((rc = pcap_next_ex(pcap, &header, &data)) == 1)
		verify(data, header->caplen, &count);
	pcap_close(pcap);
	printf("good %lu bad %lu other %lu\n", (unsigned long)count.good, (unsigned long)count.bad,
	       (unsigned long)count.other);
	return rc == PCAP_ERROR_BREAK || rc == 0 ? 0 : 3;
}
