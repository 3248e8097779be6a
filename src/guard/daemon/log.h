/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The daemon's log: events, each with a sentence and with the facts in it. Lines about devices are
 * limited for each device and each namespace, so that a container that flaps leaves room for the
 * others; a summary counts the rest and names the worst three.
 */
#ifndef TRUESUM_GUARD_DAEMON_LOG_H
#define TRUESUM_GUARD_DAEMON_LOG_H

#include <stddef.h>
#include <stdint.h>

struct loop;

/*
 * Lines about devices in a second, for each kind of event: in all, of a device, of all devices of a
 * namespace. Namespaces that had more than that lately get LOG_NOISY_LINES together, so they take
 * none of the lines of the others.
 */
#define LOG_LINES 20
#define LOG_DEVICE_LINES 2
#define LOG_NETNS_LINES 4
#define LOG_NOISY_LINES 5
#define LOG_NAME 130
#define LOG_DEVICES 512 /* that are told apart; beyond, some share their lines */

enum guard_event_kind {
	GUARD_PROTECTED, /* a device got its mitigations */
	GUARD_RESTORED, /* somebody had taken a mitigation off: it is on again */
	GUARD_TAKEN_OFF, /* a mitigation that the policy no longer wants */
	GUARD_SUMMARY, /* for the events that were left out */
	GUARD_TROUBLE, /* something could not be done */
	GUARD_PROOF, /* a proof begins or ends */
	GUARD_STATE, /* of the daemon */
	GUARD_EVENTS
};

struct guard_event {
	enum guard_event_kind kind;
	int level; /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO */
	const char *netns; /* may be NULL */
	const char *device; /* may be NULL; as the kernel has it; printable when it is written */
	uint32_t mitigations; /* MITIGATION_BIT()s */
	uint64_t ns; /* since the device appeared; 0: it did not just appear */
	const char *sentence; /* all of that, printable; set by the log */
};

typedef void (*guard_event_fn)(void *owner, const struct guard_event *event);

/* What a device, or a namespace (no device), had lately. */
struct log_source {
	char name[LOG_NAME]; /* "eth0 of c1", printable; empty: free */
	unsigned int lines; /* in this second */
	unsigned int left_out; /* events, in this second */
	unsigned int noisy; /* so many more seconds */
};

/* Set the first three members, the others are 0. */
struct event_log {
	struct loop *loop;
	guard_event_fn write;
	void *owner;
	struct log_source device[LOG_DEVICES], netns[LOG_DEVICES]; /* by hash */
	unsigned int lines[GUARD_EVENTS], noisy_lines; /* in this second */
	size_t left_out[GUARD_EVENTS];
	uint64_t slowest[GUARD_EVENTS]; /* the largest `ns` of those left out */
	struct loop_source *second;
};

/*
 * Writes the event with a sentence, after the names of its device and namespace. Without a format
 * (NULL) the sentence says what was done to the device.
 */
void log_event(struct event_log *log, const struct guard_event *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes the summary that is still due. */
void log_end(struct event_log *log);

#endif
