/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records what was put on at a container's start, for its end, when its namespace may be gone
 * already. An attachment of a container to a network is a file in /run/truesum/attached. The CNI
 * plugin's ADD names it NETWORK:CONTAINER:INTERFACE (none of these can contain a ':'), the OCI hook
 * +oci:CONTAINER:-.
 *     {"netns":[dev,ino],"cookie":n,"where":path,"boot":id,
 *      "devices":[{"index":n,"device":name,"mitigations":["reset"]}]}
 */
#ifndef TRUESUM_GUARD_START_ATTACHMENTS_H
#define TRUESUM_GUARD_START_ATTACHMENTS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/term.h"
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
		char device[TERM_PRINTABLE_SIZE(IFNAMSIZ)]; /* for messages, printable */
		uint32_t mitigations; /* MITIGATION_BIT()s */
	} device[ATTACHMENT_DEVICES_MAX];
	size_t count;
};

/* Replaces an earlier record. `where`: the namespace's path, for people who read the file. */
int attachments_write(const struct attachment_key *key, const struct attachment *attachment,
		      const char *where);

/* -ENOENT if there is no record, -EBADMSG if the file is not one; with a sentence. */
int attachments_read(const struct attachment_key *key, struct attachment *ret_attachment);

/* 0 if there is no record. */
int attachments_remove(const struct attachment_key *key);

/*
 * Calls `fn`, which may remove it, for every attachment of a network; goes on after an error,
 * returns the first.
 */
typedef int (*attachment_fn)(const struct attachment_key *key, void *data);
int attachments_each(const char *network, attachment_fn fn, void *data);

/* Makes the folder. -errno with a sentence if records cannot be written. */
int attachments_ready(void);

#endif
