/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What decides, written down to compare with later: active features, programs, sysctls. Containers
 * are rebuilt, so nothing is known by what a rebuild changes:
 *
 *   a namespace    "host", the container's or namespace's name; where there is only an id or a
 *                  process number, the hostname without the endings that Kubernetes generates,
 *                  or the process's name
 *   a device       its name; a veth's end outside a container: "veth to NAMESPACE:DEVICE"
 *
 * Several may then share a name; the file has each different one of them, and one that is equal to
 * any of those has not changed. What is new or gone is no drift.
 */
#ifndef TRUESUM_AUDIT_BASELINE_H
#define TRUESUM_AUDIT_BASELINE_H

#include <jansson.h>

#include "audit/facts.h"

struct audit_change {
	char *namespace, *device; /* device: empty for what is the namespace's */
	char *what; /* a feature, a sysctl, "xdp NAME" */
	char was[24], is[24];
};

struct audit_drift {
	struct audit_change *change;
	size_t count;
	size_t unknown; /* devices that are not in the baseline */
};

/* The baseline of these facts; the caller's to json_decref(). */
int audit_baseline_make(const struct audit_facts *facts, json_t **ret_baseline);

/* Writes it to a file that must not exist yet: -EEXIST. */
int audit_baseline_write(const char *path, const json_t *baseline);

/* -ENOENT where there is no such file, -EINVAL with a sentence where it is no baseline. */
int audit_baseline_read(const char *path, json_t **ret_baseline);

int audit_baseline_compare(const json_t *was, const json_t *now, struct audit_drift *ret_drift);
void audit_drift_release(struct audit_drift *drift);

/* The name under which a namespace is known; see above. */
void audit_role(const struct audit_facts *facts, size_t space, char *ret_name, size_t size);

#endif
