/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was put on at a container's start, for its end, which may come when the namespace is gone: for each
 * attachment a file in /run/truesum/attached, by the CNI plugin's ADD as NETWORK:CONTAINER:INTERFACE, of which
 * none can have a ':'; by the OCI hook as +oci:CONTAINER:-, which no network is called.
 *     {"netns":[dev,ino],"cookie":n,"where":path,"boot":id,
 *      "devices":[{"index":n,"device":name,"mitigations":["reset"]}]}
 */
#ifndef TRUESUM_GUARD_START_ATTACHMENT_H
#define TRUESUM_GUARD_START_ATTACHMENT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/netns.h"

#define ATTACHMENT_DEVICES_MAX 64

struct attachment_key {
	const char *network, *container_id, *ifname;
};

struct attachment {
	struct netns_id netns;
	bool is_past; /* of an earlier boot */
	struct attached_device {
		int index;
		char device[IFNAMSIZ];
		uint32_t mitigations; /* MITIGATION_BIT() */
	} device[ATTACHMENT_DEVICES_MAX];
	size_t count;
};

/* Replaces what is there. `where`: the namespace's path, for who reads the file. */
int attachment_write(const struct attachment_key *key, const struct attachment *attachment,
		     const char *where);

/* -ENOENT where there is none; -EBADMSG where it is none. */
int attachment_read(const struct attachment_key *key, struct attachment *ret_attachment);

/*
 * Removes it, and drops what is kept of its devices (net/journal.h), unless another of the network is in the same
 * namespace, as containers of a pod are. 0 where there is none.
 */
int attachment_forget(const struct attachment_key *key);

/* 0 where there is none. */
int attachment_remove(const struct attachment_key *key);

/* Hands every attachment of a network to `fn`, which may remove it; goes on after an error, returns the first. */
typedef int (*attachment_fn)(const struct attachment_key *key, void *data);
int attachment_each(const char *network, attachment_fn fn, void *data);

/* Whether it can be written here; -errno with a sentence. */
int attachment_ready(void);

#endif
