/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `truesum audit` knows about a host: the inventory, and for each namespace and device what
 * decides whether checksums are verified. collect.h collects the facts; rules.h judges them, so
 * that rules can be tested on made-up facts.
 *
 * A place is two numbers: the namespace's in the inventory, and the device's in that namespace.
 */
#ifndef TRUESUM_AUDIT_FACTS_H
#define TRUESUM_AUDIT_FACTS_H

#include "net/counter.h"
#include "net/feature.h"
#include "net/inventory.h"

#define AUDIT_NONE SIZE_MAX

/*
 * Whether an XDP program redirects packets, which makes the kernel forget that a checksum is
 * unfinished.
 */
enum audit_redirects { REDIRECTS_NO, REDIRECTS_YES, REDIRECTS_UNKNOWN };

struct audit_program {
	const char *hook; /* "xdp", "tc ingress", "tc egress", "tcx ingress", "tcx egress" */
	uint32_t id; /* the BPF program's; 0: a filter of another kind */
	char name[TERM_PRINTABLE_SIZE(16)]; /* the program's, or the kind of filter; printable */
	enum audit_redirects redirects; /* xdp only */
};

struct audit_device {
	char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)]; /* printable: see base/term.h */
	bool features_known;
	struct feature_state features;
	struct audit_program *program;
	size_t program_count;
	int tunnel_lower; /* VXLAN, Geneve: index of the device below; 0: not known */
	int rp_filter; /* its own; -1: not known */
};

/* A packet socket that receives IP. */
struct audit_packet_socket {
	int index; /* the device it is bound to; 0: all */
	bool sees_status; /* PACKET_AUXDATA or a ring tells it which checksums are unfinished */
	uint32_t inode;
	pid_t pid; /* of its owner; 0: not known */
	char comm[TERM_PRINTABLE_SIZE(16)]; /* printable */
};

enum audit_sysctl {
	SYSCTL_CONNTRACK_CHECKSUM,
	SYSCTL_FORWARD_V4,
	SYSCTL_FORWARD_V6,
	SYSCTL_RP_FILTER_ALL,
	SYSCTL_RP_FILTER_DEFAULT,
	SYSCTL_BRIDGE_NF_V4,
	SYSCTL_BRIDGE_NF_V6,
	AUDIT_SYSCTLS
};

/* Their names, with dots, as sysctl(8) takes them. */
extern const char *const audit_sysctl_names[AUDIT_SYSCTLS];

/* Whether the namespace has NAT rules. Only known if conntrack does not verify checksums. */
enum audit_nat { NAT_NO, NAT_YES, NAT_UNKNOWN };

struct audit_space {
	char name[TERM_PRINTABLE_SIZE(65)]; /* as in the inventory, printable */
	struct audit_device *device; /* as many as in the inventory, in the same order */
	int sysctl[AUDIT_SYSCTLS]; /* -1: not there */
	bool counters_known;
	struct counters counters;
	enum audit_nat nat;
	struct audit_packet_socket *packet_socket;
	size_t packet_socket_count;
};

struct audit_facts {
	char kernel[65]; /* uname -r */
	struct inventory inventory;
	struct feature_names names;
	struct audit_space *space; /* as many as in the inventory, in the same order */
	bool log_known; /* the kernel log could be read */
	unsigned int csum_failures; /* "hw csum failure" lines in it */
	char csum_failure_device[TERM_PRINTABLE_SIZE(
		IFNAMSIZ)]; /* the device in the last of them */
	char unseen[400]; /* what could not be seen, and why; empty: everything could */
};

struct audit_place {
	size_t space, device; /* AUDIT_NONE: none */
};

/* The device with that index in that namespace. */
struct audit_place audit_find(const struct audit_facts *facts, size_t space, int index);

/* The other end of a veth pair, or the lower device of a macvlan or VLAN. */
struct audit_place audit_peer(const struct audit_facts *facts, struct audit_place place);

/* Whether a feature, by its name in ethtool, is known to be on. */
bool audit_feature(const struct audit_facts *facts, const struct audit_device *device,
		   const char *feature);

/*
 * Whether the device finishes checksums itself when it sends, so that it takes packets with
 * unfinished ones.
 */
bool audit_tx_checksum(const struct audit_facts *facts, const struct audit_device *device);

/* What the inventory has of a device. */
static inline const struct device *audit_device(const struct audit_facts *facts,
						struct audit_place place)
{
	return &facts->inventory.space[place.space].device[place.device];
}

/* What the audit adds to it. */
static inline const struct audit_device *audit_details(const struct audit_facts *facts,
						       struct audit_place place)
{
	return &facts->space[place.space].device[place.device];
}

#endif
