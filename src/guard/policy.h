/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host has been found to need: which mitigations on which kind of container device, and on which of its
 * own devices. `guard apply` proves and writes it; the daemon, the CNI plugin and the OCI hook put it on new
 * containers before anybody could prove anything about them; it outlives a reboot. As JSON in
 * /var/lib/truesum/policy.json:
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

struct policy {
	struct policy_kind {
		char kind[16]; /* "veth", "macvlan", ...; "hardware" */
		uint32_t mitigations; /* MITIGATION_BIT() */
	} kind[POLICY_KINDS_MAX];
	size_t kind_count;
	struct policy_device {
		char device[IFNAMSIZ]; /* of the host */
		uint32_t mitigations;
	} device[POLICY_DEVICES_MAX];
	size_t device_count;
	uint32_t host; /* mitigations of the host's namespace */
	char kernel[65]; /* uname's release when it was proven */
	int64_t proven; /* seconds since 1970; 0: never, it was ordered */
	enum verdict verdict; /* of all targets, with it */
};

/* -ENOENT where none was ever made; -EBADMSG, with a sentence, where the file is none. `path`: POLICY_FILE. */
int policy_read(const char *path, struct policy *ret_policy);

/*
 * The same of this kernel's: -ESTALE, with a sentence, where it is of another release, which needed something
 * else perhaps.
 */
int policy_current(const char *path, struct policy *ret_policy);

/* As in the file, but for its version; the caller's, NULL without memory. */
json_t *policy_compose(const struct policy *policy);

/* Replaces it as a whole. */
int policy_write(const char *path, const struct policy *policy);

/* Adds to it; -E2BIG. */
int policy_add_kind(struct policy *policy, const char *kind, uint32_t mitigations);
int policy_add_device(struct policy *policy, const char *device, uint32_t mitigations);

/* What a container's device of this kind gets (IFLA_INFO_KIND; "": hardware); 0: nothing. */
uint32_t policy_of_kind(const struct policy *policy, const char *kind);

/* What a device of the host gets; 0: nothing. */
uint32_t policy_of_device(const struct policy *policy, const char *device);

/*
 * Whether a device of this kind, not lo, is a container's way to the outside: "veth", "macvlan", ...,
 * hardware. Bridges, tunnels and what every namespace has by itself are not.
 */
bool policy_is_end(const char *kind);

#endif
