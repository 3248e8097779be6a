/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps on every device the mitigations that are wanted there: on new devices first and at once, on
 * devices that changed soon after, many changes at a time.
 */
#ifndef TRUESUM_GUARD_DAEMON_KEEPER_H
#define TRUESUM_GUARD_DAEMON_KEEPER_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_log;
struct keeper;
struct links_device;
struct loop;

/* A device as the keeper knows it. */
struct kept_device {
	struct kept_device *next; /* of the same namespace */
	int index; /* 0: the namespace itself */
	char name[IFNAMSIZ]; /* empty: not reported yet */
	char kind[16];
	uint32_t has; /* MITIGATION_BIT()s that truesum put on, as far as is known */
	bool is_new; /* it appeared while the daemon ran, and nothing was decided yet */
	bool appeared; /* while the daemon ran */
	bool is_queued, was_listed;
	bool is_recorded; /* there may be a record: a mitigation was put on, or it was tried */
	int trouble; /* the last error; 0: none */
	uint64_t since; /* when its event was read */
};

struct keeper_settings {
	/* Which mitigations a device should have. `is_host`: the device is in this namespace. */
	uint32_t (*wanted)(void *owner, const struct kept_device *device, bool is_host);
	/* Whether mitigations can be wanted for such a device. */
	bool (*concerns)(void *owner, const struct links_device *device, bool is_host);
	/* A device appeared in a container. */
	void (*appeared)(void *owner);
	void *owner;
	struct event_log *log; /* gets what is done; the caller's */
	size_t buffer; /* bytes, of the socket for events */
};

/* -errno with a sentence. */
int keeper_new(struct loop *loop, const struct keeper_settings *settings,
	       struct keeper **ret_keeper);

/* What is put on stays. */
void keeper_free(struct keeper *keeper);

/*
 * Lists all devices, takes over what earlier runs recorded, and puts on what is wanted, before it
 * returns.
 */
int keeper_begin(struct keeper *keeper);

/*
 * Compares every device with what is wanted, between other work. `list_again`: lists all devices
 * first, for events that were missed. -errno with a sentence.
 */
int keeper_check(struct keeper *keeper, bool list_again);

/*
 * While a proof in another process changes devices, the keeper puts on what is wanted, but takes
 * nothing off. When the proof ends, it reads what that recorded and checks every device.
 */
void keeper_set_proof(struct keeper *keeper, bool runs);

struct keeper_tally {
	size_t devices; /* of containers */
	size_t protected; /* of these, with a mitigation that truesum put on */
	size_t netns;
};
void keeper_count(struct keeper *keeper, struct keeper_tally *ret_tally);

#endif
