/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A netlink socket in one network namespace; one request at a time. */
#ifndef TRUESUM_NET_NL_H
#define TRUESUM_NET_NL_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define NL_REQUEST_SIZE 2048

struct nl;

/* An address as a message has it. */
struct nl_ip {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t len;
	uint8_t bytes[16]; /* network order */
};

/* From text; -EINVAL with a sentence. */
int nl_ip_parse(const char *text, struct nl_ip *ret_ip);

/* Opens a socket of protocol `bus` (NETLINK_ROUTE, ...) in the namespace (-1: this one). */
int nl_open(int netns_fd, int bus, struct nl **ret_nl);
void nl_close(struct nl *nl);
DEFINE_CLEANUP(struct nl *, nl, nl_close)

/* Starts a request in `buffer` (NL_REQUEST_SIZE bytes); flags are added to NLM_F_REQUEST. */
struct nlmsghdr *nl_request(void *buffer, uint16_t type, uint16_t flags);

/*
 * Sends the request, calls `fn` (may be NULL) with every answer and returns when the kernel reports
 * the end: 0 or its -errno, with the kernel's own sentence (extended ack) in fail_text(). -EINTR:
 * the tables changed during a dump, so `fn` may have missed entries or seen some twice: nl_dump()
 * asks again.
 */
int nl_talk(struct nl *nl, struct nlmsghdr *request, mnl_cb_t fn, void *data);

/*
 * As nl_talk() for a dump, which it asks for again, NL_DUMP_TRIES times in all, while the answer is
 * -EINTR. `restart` (may be NULL) is called before each try and empties `data`.
 */
#define NL_DUMP_TRIES 10
typedef void (*nl_restart_fn)(void *data);
int nl_dump(struct nl *nl, struct nlmsghdr *request, mnl_cb_t fn, nl_restart_fn restart,
	    void *data);

/* Whether a whole message is in the `left` bytes of a datagram. */
bool nl_fits(const struct nlmsghdr *message, int left);

/*
 * The number that the socket's namespace (NETLINK_ROUTE) has for the namespace netns_fd; below 0:
 * none, or the request failed.
 */
int nl_nsid(struct nl *nl, int netns_fd);

/* The number in an RTM_NEWNSID or RTM_DELNSID message; below 0: none. */
int nl_nsid_of(const struct nlmsghdr *message);

/* The number of a generic netlink family; -ENOENT if the kernel has no such family. */
int nl_family(struct nl *nl, const char *name, uint16_t *ret_type);

/* The number of a multicast group of such a family, in every namespace; -ENOENT: it has none. */
int nl_family_group(struct nl *nl, const char *name, const char *group, uint32_t *ret_group);

#endif
