/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy: which mitigations this host needs, for each kind of container device, for its own
 * devices, and for its namespace. `guard apply` and the daemon prove it and write it. The daemon,
 * the CNI plugin and the OCI hook put it on new containers, which nobody could probe yet. It
 * survives a reboot, as JSON in /var/lib/truesum/policy.json:
 *     {"version":1,"kernel":release,"proven":seconds,"verdict":name,
 *      "containers":[{"kind":"veth","mitigations":["rx-off"]}],
 *      "devices":[{"device":"eth0","mitigations":["reset"]}],"host":["conntrack-checksum"]}
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

struct policy_row {
	char name[IFNAMSIZ]; /* a kind: "veth", ..., "hardware"; or a device of the host */
	uint32_t mitigations; /* MITIGATION_BIT()s */
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

/* The mitigations in the row of that name; 0: none. */
uint32_t policy_get(const struct policy *policy, enum policy_rows rows, const char *name);

/*
 * Whether a device of this kind, except lo, is a container's way to the outside: "veth", "macvlan",
 * ..., hardware. Bridges, tunnels and the devices that every namespace has by default are not.
 */
bool policy_is_end(const char *kind);

#endif
