/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy: which mitigations this host needs, for each kind of container device, for its own
 * devices, and for its namespace. `guard apply` and the daemon prove it and write it. The daemon,
 * the CNI plugin and the OCI hook put it on new containers, which nobody could probe yet. It
 * survives a reboot, as JSON in /var/lib/truesum/policy.json:
 *     {"version":2,"kernel":release,"proven":seconds,"verdict":name,
 *      "containers":[{"kind":"veth","state":"protected","mitigations":["rx-off"],"tried":[]}],
 *      "devices":[{"device":"eth0","mitigations":["reset"]}],"host":["conntrack-checksum"]}
 * Version 1 had neither states nor "tried". Its rows are carried over: a row with mitigations as
 * protected, an empty one as needs-nothing. The next proof decides anew (guard/conclusion.h).
 */
#ifndef TRUESUM_GUARD_POLICY_H
#define TRUESUM_GUARD_POLICY_H

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vocabulary.h"

#define POLICY_FOLDER "/var/lib/truesum"
#define POLICY_FILE POLICY_FOLDER "/policy.json"
#define POLICY_KINDS_MAX 8
#define POLICY_DEVICES_MAX 16

/* What is known of a kind of container device. */
enum policy_state {
	POLICY_UNPROVEN, /* all that may help is put on */
	POLICY_NEEDS_NOTHING, /* proven: it verifies without a mitigation */
	POLICY_PROTECTED, /* proven: the mitigations help */
	/* it delivers damage in spite of everything; all that may help stays on */
	POLICY_NOTHING_HELPS,
	POLICY_STATES
};

/* "unproven", "needs-nothing", "protected", "nothing-helps"; NULL-terminated. */
extern const char *const policy_state_names[];

struct policy_row {
	char name[IFNAMSIZ]; /* a kind: "veth", ..., "hardware"; or a device of the host */
	uint32_t mitigations; /* MITIGATION_BIT()s */
	enum policy_state state; /* of a kind */
	uint32_t tried; /* MITIGATION_BIT()s that did not help, if nothing helps */
};

struct policy {
	struct policy_row kind[POLICY_KINDS_MAX];
	size_t kind_count;
	struct policy_row device[POLICY_DEVICES_MAX];
	size_t device_count;
	uint32_t host; /* mitigations of the host's namespace */
	char kernel[65]; /* uname's release when it was proven */
	int64_t proven; /* seconds since 1970; 0: not proven, but ordered by name */
	enum verdict verdict; /* for all targets, with the policy's mitigations on */
	bool is_old; /* the file was of version 1: a kind without a row gets nothing, as then */
};

/*
 * Reads `path` (POLICY_FILE). -ENOENT if there is no policy, -EBADMSG if the file is not one; with
 * POLICY_THIS_KERNEL -ESTALE if it was proven on another kernel release, which may need something
 * else. All with a sentence.
 */
enum policy_kernel { POLICY_ANY_KERNEL, POLICY_THIS_KERNEL };
int policy_read(const char *path, enum policy_kernel kernel, struct policy *ret_policy);

/* As in the file, but without its version; the caller's, NULL without memory. */
json_t *policy_compose(const struct policy *policy);

/* Replaces the file as a whole. -errno with a sentence. */
int policy_write(const char *path, const struct policy *policy);

/*
 * What a row is for: a kind of container device (IFLA_INFO_KIND; "" is hardware), or a device of
 * the host.
 */
enum policy_rows { POLICY_KIND, POLICY_DEVICE };

/* Adds mitigations to the row of that name, which may be new. -E2BIG with a sentence. */
int policy_add(struct policy *policy, enum policy_rows rows, const char *name,
	       uint32_t mitigations);

/* The row of a kind; NULL: there is none, so nothing is proven of it. */
const struct policy_row *policy_kind(const struct policy *policy, const char *kind);

/* The row of that kind, which may be new, says this from now on. -E2BIG with a sentence. */
int policy_set(struct policy *policy, const char *kind, enum policy_state state,
	       uint32_t mitigations, uint32_t tried);

/*
 * A row of a kind in words: "rx-off on veth (protected: proven to help)", "rx-off and reset on veth
 * (nothing-helps: damage is delivered in spite of everything; tried: rx-off, reset)", ...
 */
void policy_words(const struct policy_row *row, char *text, size_t size);

/* Whether there is a kind that nothing helps. */
bool policy_is_hopeless(const struct policy *policy);

/*
 * The mitigations in the row of that name; 0: none. A kind without a row is unproven: it gets all
 * that may help.
 */
uint32_t policy_get(const struct policy *policy, enum policy_rows rows, const char *name);

/*
 * Whether a device of this kind, except lo, is a container's way to the outside: "veth", "macvlan",
 * ..., hardware. Bridges, tunnels and the devices that every namespace has by default are not.
 */
bool policy_is_end(const char *kind);

#endif
