// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * "hw csum failure" in the kernel log: netdev_rx_csum_fault() (net/core/dev.c) writes "DEVICE: hw
 * csum failure" where a sum that the hardware made of a whole packet proves wrong. Records as in
 * the kernel's Documentation/ABI/testing/dev-kmsg: "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/collect.h"
#include "base/term.h"

#define RECORDS_MAX 100000
#define KERNEL_PRIORITIES 8 /* facility 0; anybody with the right to may write others */

static void take_record(struct audit_facts *facts, char *record)
{
	char *text = strchr(record, ';'), *end, *name;
	char *failure = text ? strstr(text, ": hw csum failure") : NULL;

	if (!failure || strtoul(record, &end, 10) >= KERNEL_PRIORITIES || *end != ',')
		return;
	*failure = '\0';
	name = strrchr(text + 1, ' ');
	facts->csum_failures++;
	term_printable(facts->csum_failure_device, sizeof(facts->csum_failure_device),
		       name ? name + 1 : text + 1);
}

void audit_scan_log(struct audit_facts *facts, int fd)
{
	char record[8192];

	for (int i = 0; i < RECORDS_MAX; i++) {
		ssize_t len = read(fd, record, sizeof(record) - 1);

		/* Older records went while reading; the next read goes on with what there is. */
		if (len < 0 && (errno == EPIPE || errno == EINTR || errno == EINVAL))
			continue;
		if (len < 0)
			facts->log_known |= errno == EAGAIN;
		if (len <= 0)
			return;
		record[len] = '\0';
		facts->log_known = true;
		take_record(facts, record);
	}
}
