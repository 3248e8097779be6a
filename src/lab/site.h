/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A topology built for one cell, in fresh namespaces. */
#ifndef TRUESUM_LAB_SITE_H
#define TRUESUM_LAB_SITE_H

#include <stdint.h>

#include "bpf/mark.h"
#include "lab/cell.h"

/* Closing the descriptors is what takes it down. */
struct site {
	int sender, host, receiver; /* namespaces; in `bare` the receiver is the host */
	int middle; /* a namespace in between, -1 where there is none */
	int sender_port, host_port; /* the wire's two ends, to be joined (net/port.h) */
	char dial[48]; /* the address the connecting side connects to */
};

/*
 * Builds key's topology with its NIC model, behaviour and mitigation for a server on `port`.
 * -EOPNOTSUPP where this kernel lacks a part, with a sentence naming it. On failure nothing is left.
 */
int site_build(const struct cell_key *key, uint16_t port, const struct marks *marks,
	       struct site *ret_site);
void site_close(struct site *site);

#endif
