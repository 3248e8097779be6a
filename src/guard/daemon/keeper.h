/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps on every device what is wanted there: new devices first, at once; devices that changed are looked at
 * soon after, many changes at a time.
 */
#ifndef TRUESUM_GUARD_DAEMON_KEEPER_H
#define TRUESUM_GUARD_DAEMON_KEEPER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "guard/daemon/log.h"
#include "guard/daemon/links.h"

struct keeper;

/* A device as the keeper knows it. */
struct kept_device {
	struct kept_device *next; /* of the same namespace */
	int index; /* 0: the namespace itself */
	char name[IFNAMSIZ]; /* empty: not told yet */
	char kind[16];
	uint32_t has; /* MITIGATION_BIT()s of ours, as far as is known */
	bool is_fresh; /* it came while the daemon was running, and nothing was decided yet */
	bool came; /* while the daemon was running */
	bool is_queued, was_seen;
	bool is_recorded; /* perhaps: something was tried, at least */
	int trouble; /* what it was last that could not be done; 0: nothing */
	uint64_t since; /* when its event was read */
};

struct keeper_settings {
	/* Which mitigations a device is to have. `is_host`: it is one of this namespace. */
	uint32_t (*wanted)(void *owner, const struct kept_device *device, bool is_host);
	/* Whether a device is one of those that anything can be wanted for. */
	bool (*concerns)(void *owner, const struct watch_link *link, bool is_host);
	/* A device of a container is there that was not before. */
	void (*came)(void *owner);
	void *owner;
	struct teller *teller; /* tells what is done; the caller's */
	size_t buffer; /* bytes, of the socket for events */
};

int keeper_new(struct loop *loop, const struct keeper_settings *settings,
	       struct keeper **ret_keeper);
void keeper_free(struct keeper *keeper);

/* Looks at everything there is, takes over what was recorded, and puts on what is wanted, before it returns. */
int keeper_begin(struct keeper *keeper);

/* Looks at everything again, between other work: what is missing, or not wanted any more, is seen to. */
int keeper_look(struct keeper *keeper);

/* Each device is to be seen to, as what is wanted has changed. */
void keeper_see_to_all(struct keeper *keeper);

/* While somebody else works on devices that are there, only new ones are seen to. Its end: what he recorded is read. */
void keeper_pause(struct keeper *keeper);
void keeper_resume(struct keeper *keeper);

/* How many devices of containers have something of ours, of how many; and in how many namespaces. */
struct keeper_tally {
	size_t protected, devices, spaces;
};
void keeper_count(struct keeper *keeper, struct keeper_tally *ret_tally);

#endif
