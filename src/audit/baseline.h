/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Baselines: a file with everything that decides (active features, programs, sysctls), to compare
 * with later. Containers get rebuilt, so names must survive a rebuild:
 *
 *   a namespace    "host", the container's name or the namespace's own. If there is only an id or a
 *                  process number: the hostname without the endings that Kubernetes generates, or
 *                  the process's name.
 *   a device       its name; on the host a veth's end is "veth to NAMESPACE:DEVICE".
 *
 * Several namespaces or devices may share a name. Then the file has each different one of them, and
 * one that equals any of those has not changed. What is new or gone is no drift.
 */
#ifndef TRUESUM_AUDIT_BASELINE_H
#define TRUESUM_AUDIT_BASELINE_H

#include <jansson.h>
#include <stddef.h>

struct audit_facts;

struct audit_change {
	char *namespace, *device; /* device: empty if it is a change of the namespace */
	char *what; /* a feature, a sysctl, "xdp NAME" */
	char was[24], is[24];
};

struct audit_drift {
	struct audit_change *change;
	size_t count;
	size_t unknown; /* devices that are not in the baseline */
};

/*
 * Makes the baseline of these facts, which the caller gives to json_decref(). -ENOMEM with a
 * sentence.
 */
int audit_baseline_make(const struct audit_facts *facts, json_t **ret_baseline);

/* Writes it to a file that must not exist yet (-EEXIST). -errno with a sentence. */
int audit_baseline_write(const char *path, const json_t *baseline);

/*
 * -ENOENT if there is no such file, -EINVAL if it is not a baseline; with a sentence that is safe
 * to print.
 */
int audit_baseline_read(const char *path, json_t **ret_baseline);

/*
 * Compares two baselines. The caller frees the result with audit_drift_release(). -ENOMEM with a
 * sentence.
 */
int audit_baseline_compare(const json_t *was, const json_t *now, struct audit_drift *ret_drift);
void audit_drift_release(struct audit_drift *drift);

#endif
