/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Protects a container's devices at its start, before its first instruction, when a container
 * runtime asks for it: as a CNI plugin or as an OCI hook.
 *
 * Either every device gets what is ordered, or none does. Without an order by name, the host's
 * policy decides by the kind of device. Without a policy nobody knows yet what is needed: then a
 * device gets every mitigation that it and this kernel can have.
 */
#ifndef TRUESUM_GUARD_START_START_H
#define TRUESUM_GUARD_START_START_H

#include <stdint.h>

struct cni_error;
struct cni_request;
struct oci_state;

/*
 * Gets sentences the user should read besides success: there is no policy, a kernel cannot do
 * everything.
 */
typedef void (*start_say_fn)(const char *sentence);

/*
 * Does what a CNI request asks: protects the devices that the plugins before this one made in the
 * container's network namespace (ADD), verifies that (CHECK), forgets it (DEL, GC), or says whether
 * ADD would work (STATUS). `say` is called by ADD only. 0, or -errno with the error to answer, and
 * nothing changed.
 */
int start_cni(const struct cni_request *request, start_say_fn say, struct cni_error *ret_error);

/*
 * Does what an OCI hook should: protects the container; if it has stopped, removes its records.
 * `ordered`: MITIGATION_BIT()s, 0 for the policy's. -errno with a sentence, and nothing changed.
 */
int start_oci(const struct oci_state *state, uint32_t ordered, start_say_fn say);

#endif
