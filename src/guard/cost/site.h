/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A path over a veth to measure: a sender, a host that forwards, a container, each in an unnamed namespace
 * (net/netns.h), and one flow from the sender to the container. Without traffic nothing of it costs anything;
 * it goes with the process.
 */
#ifndef TRUESUM_GUARD_COST_SITE_H
#define TRUESUM_GUARD_COST_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "bpf/mark.h"
#include "guard/mitigate.h"
#include "net/nl.h"

/* A kind of path, as data. */
struct cost_path {
	const char *name, *about;
	bool wire; /* the sender finishes its sums and sends singles, as they come from a wire */
	bool vouched; /* the host's NIC has verified them */
	bool merged; /* the host's NIC merges them (GRO) */
	bool conntrack; /* the host tracks connections, without verifying */
	bool vxlan; /* the sender's packets go through a tunnel */
	size_t datagram; /* UDP datagrams of so many bytes; 0: TCP in bulk */
};

/* Where a mitigation is put. */
enum cost_place {
	PLACE_CONTAINER, /* the container's end of its veth */
	PLACE_SENDER, /* the end of the container that sends */
	PLACE_TUNNEL, /* the sender's VXLAN device */
	PLACE_HOST, /* the host's namespace */
	PLACES
};

/* "container's end", ...; ends with NULL. */
extern const char *const cost_place_names[];

struct cost_site;

/* -EOPNOTSUPP and the like, with a sentence, where this kernel lacks a part. `marks` must outlive it. */
int cost_site_build(const struct cost_path *path, const struct marks *marks,
		    struct cost_site **ret_site);
void cost_site_free(struct cost_site *site);
DEFINE_CLEANUP(struct cost_site *, cost_site, cost_site_free)

/* Puts the mitigation on or takes it off, as guard/mitigate.h does, but keeps no record of it. */
int cost_site_mitigate(const struct cost_site *site, enum cost_place place,
		       enum mitigation mitigation, bool on);

/* The flow's two sockets, connected and non-blocking; they stay the site's. */
int cost_site_sender(const struct cost_site *site);
int cost_site_receiver(const struct cost_site *site);
size_t cost_site_datagram(const struct cost_site *site);

/* What the container's device has received so far, merged packets counted once. */
int cost_site_received(const struct cost_site *site, uint64_t *ret_bytes, uint64_t *ret_packets);

#endif
