// SPDX-License-Identifier: GPL-2.0-or-later
/* One packet after the other, judged: see judged.h. */
#include "pcap/judged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "packet/fragments.h"

#define DATAGRAMS_MAX 16384 /* waiting for fragments */

struct judged {
	struct reader *reader;
	struct fragments *fragments;
	uint64_t frame, given_up;
};

int judged_new(struct capture *capture, struct judged **ret_judged)
{
	_cleanup_(judged_cleanup) struct judged *judged = calloc(1, sizeof(*judged));
	int rc = capture_rewind(capture);

	if (rc)
		return rc;
	if (!judged || fragments_new(DATAGRAMS_MAX, &judged->fragments))
		return fail(-ENOMEM, "out of memory");
	rc = reader_new(capture, &judged->reader);
	if (!rc)
		*ret_judged = TAKE_PTR(judged);
	return rc;
}

void judged_free(struct judged *judged)
{
	if (!judged)
		return;
	reader_free(judged->reader);
	fragments_free(judged->fragments);
	free(judged);
}

static void finish(const struct judged *judged, struct scan *scan)
{
	if (!scan)
		return;
	scan->format = reader_format(judged->reader);
	scan_note_broken(scan, judged->reader);
	scan->counts.unknown[REASON_FRAGMENTS_MISSING] +=
		judged->given_up + fragments_waiting(judged->fragments);
}

int judged_next(struct judged *judged, struct scan *scan, struct judged_packet *ret_packet)
{
	struct packet_judgement *judgement = &ret_packet->judgement;
	const struct record *record = &ret_packet->record;
	int whole = 1;

	if (reader_next(judged->reader, &ret_packet->record) != 1) {
		finish(judged, scan);
		return 0;
	}
	ret_packet->frame = ++judged->frame;
	ret_packet->link_known = packet_link_known(record->link);
	packet_judge(record->link, record->data, record->captured, record->len, judgement);
	if (judgement->fragment.is && judgement->verdict != SUM_BAD)
		whole = fragments_add(judged->fragments, judgement, &judged->given_up);
	ret_packet->waits = !whole;
	if (whole < 0 || (scan && scan_add(scan, record, judgement, !whole)))
		return fail(-ENOMEM, "out of memory");
	return 1;
}
