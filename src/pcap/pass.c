// SPDX-License-Identifier: GPL-2.0-or-later
/* One pass over a capture: see pass.h. visit_packets() is the loop; it is where the time goes. */
#include "pcap/pass.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "packet/fragments.h"

#define DATAGRAMS_MAX 16384 /* that wait for fragments at the same time */
#define TELL_EVERY 16384 /* packets */
#define NO_LINK UINT32_MAX

struct running {
	const struct pass *pass;
	struct capture *capture;
	struct reader *reader;
	struct fragments *fragments; /* NULL: they are not put together */
	uint64_t given_up; /* fragments, for want of room */
	uint64_t damaged; /* packets so far */
	uint32_t known_link; /* of the packet before: most have the same; NO_LINK: not known */
	int broken; /* what reader_next() returned at the end */
	struct pass_packet packet;
};

const struct packet_layer *pass_damaged_layer(const struct packet_judgement *judgement)
{
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].verdict == SUM_BAD)
			return &judgement->layer[i];
	return NULL;
}

enum sum_reason pass_unknown_reason(const struct packet_judgement *judgement)
{
	if (judgement->reason != REASON_NONE)
		return judgement->reason;
	for (unsigned int i = judgement->layer_count; i-- > 0;)
		if (judgement->layer[i].verdict == SUM_UNKNOWN)
			return judgement->layer[i].reason;
	return REASON_NONE;
}

/* A notable packet: it may be damaged or a fragment. */
static __attribute__((noinline)) int judge_rare(struct running *running)
{
	struct pass_packet *packet = &running->packet;
	struct packet_judgement *judgement = &packet->judgement;
	int whole = 1;

	/* A fragment that is damaged by itself is not put off until its datagram is whole. */
	if (running->fragments && judgement->fragment.is && judgement->verdict != SUM_BAD) {
		whole = fragments_add(running->fragments, judgement, &running->given_up);
		packet->waits = !whole;
		packet->completes = whole;
	}
	running->damaged += whole && judgement->verdict == SUM_BAD;
	return whole < 0 ? fail(-ENOMEM, "out of memory") : 0;
}

static inline int judge(struct running *running)
{
	struct pass_packet *packet = &running->packet;
	const struct record *record = &packet->record;
	const struct packet_judgement *judgement = &packet->judgement;

	if (record->link != running->known_link) {
		packet->link_known = packet_link_known(record->link);
		running->known_link = packet->link_known ? record->link : NO_LINK;
	}
	packet_judge(record->link, record->data, record->captured, record->len, &packet->judgement);
	packet->waits = packet->completes = false;
	return judgement->notable ? judge_rare(running) : 0;
}

static void tell(const struct running *running)
{
	const struct pass_watch *watch = running->pass->watch;
	uint64_t done, total;

	if (!watch || !watch->tell)
		return;
	capture_progress(running->capture, &done, &total);
	if (capture_mapped(running->capture))
		done = reader_at(running->reader);
	watch->tell(watch->owner, done, total, running->damaged);
}

/* Until the capture ends or breaks off: 0; or what a visitor or judge() returned. */
static int visit_packets(struct running *running)
{
	const struct pass_visitor *visitors = running->pass->visitors;
	const struct pass_visitor *end = visitors + running->pass->visitor_count;
	const bool judged = running->pass->depth != PASS_RECORDS;
	struct pass_packet *packet = &running->packet;

	while ((running->broken = reader_next(running->reader, &packet->record)) == 1) {
		int rc = judged ? judge(running) : 0;

		packet->frame++;
		for (const struct pass_visitor *next = visitors; next < end && !rc; next++)
			rc = next->visit(next->owner, packet);
		if (rc)
			return rc;
		if (packet->frame % TELL_EVERY == 0)
			tell(running);
	}
	return 0;
}

int pass_part(struct reader *reader, const struct pass_visitor *visitor)
{
	const struct pass pass = { .depth = PASS_PACKETS, .visitors = visitor, .visitor_count = 1 };
	struct running running = { .pass = &pass, .reader = reader, .known_link = NO_LINK };

	return visit_packets(&running);
}

static void describe_end(const struct running *running, struct pass_end *ret_end)
{
	uint64_t at = 0;
	const char *why = reader_broken(running->reader, &at);

	ret_end->format = reader_format(running->reader);
	ret_end->packets = running->packet.frame;
	ret_end->fragments_missing = running->given_up;
	if (running->fragments)
		ret_end->fragments_missing += fragments_waiting(running->fragments);
	ret_end->broken = running->broken;
	ret_end->broken_at = at;
	snprintf(ret_end->broken_why, sizeof(ret_end->broken_why), "%s", why ? why : "");
}

int pass_run(struct capture *capture, const struct pass *pass, struct pass_end *ret_end)
{
	_cleanup_(reader_cleanup) struct reader *reader = NULL;
	_cleanup_(fragments_cleanup) struct fragments *fragments = NULL;
	struct running running = { .pass = pass, .capture = capture, .known_link = NO_LINK };
	int rc = capture_rewind(capture);

	rc = rc ? rc : reader_new(capture, &reader);
	if (rc)
		return rc;
	if (pass->depth == PASS_DATAGRAMS && fragments_new(DATAGRAMS_MAX, &fragments))
		return fail(-ENOMEM, "out of memory");
	running.reader = reader;
	running.fragments = fragments;
	rc = visit_packets(&running);
	if (rc == PASS_STOP)
		running.broken = rc = 0;
	if (rc)
		return rc;
	tell(&running);
	describe_end(&running, ret_end);
	trace("pcap", "a pass over %" PRIu64 " packets of a %s capture%s%s", ret_end->packets,
	      ret_end->format, *ret_end->broken_why ? ": " : "", ret_end->broken_why);
	return 0;
}
