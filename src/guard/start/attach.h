/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the CNI plugin does: protects the devices that the plugins before it have made in a container's network
 * namespace (ADD), looks after that (CHECK), and forgets it (DEL, GC). Undoing is left to the end of the
 * device, but for hardware, which goes back to the host.
 */
#ifndef TRUESUM_GUARD_START_ATTACH_H
#define TRUESUM_GUARD_START_ATTACH_H

#include "guard/start/admit.h"
#include "guard/start/cni.h"

/* `say` is told what ADD should know beside success. 0, or -errno with the error to answer and nothing changed. */
int attach_do(const struct cni_request *request, admit_say_fn say, struct cni_error *ret_error);

#endif
