// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From what a cell saw to its verdict: see judge.h.
 *
 * Three things must be so before anything is said about damage: the messages before the damage window
 * arrived (the way is open), the switch changed bits (there was damage), and every wrong byte comes
 * after that. Damage that was not delivered is called verified only if somebody's counter shows that
 * he dropped it: a packet that merely vanished proves nothing.
 */
#include "lab/judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lab/expect.h"
#include "lab/message.h"
#include "lab/topology.h"

static void count_messages(struct cell_result *result)
{
	for (uint32_t k = 0; k < result->message_count; k++) {
		const struct message_fate *fate = &result->messages[k];
		bool whole = fate->bytes_read == message_len(k);

		if (!fate->sent)
			continue;
		if (fate->bytes_wrong)
			result->delivered_damaged++;
		else if (whole)
			result->delivered++;
		else
			result->not_delivered++;
		if (whole && fate->read_ns - fate->sent_ns > result->longest_delay_ns)
			result->longest_delay_ns = fate->read_ns - fate->sent_ns;
	}
}

/* Whether the first messages were read as they were sent. */
static bool control_arrived(const struct cell_result *result, uint32_t count)
{
	for (uint32_t k = 0; k < count; k++)
		if (result->messages[k].bytes_read != message_len(k) ||
		    result->messages[k].bytes_wrong)
			return false;
	return true;
}

static enum caught_by who_caught(const struct cell_key *key, const struct cell_result *result)
{
	bool tcp = key->proto == PROTO_TCP;
	uint64_t in_container =
		tcp ? result->container.tcp_in_csum_errors : result->container.udp_in_csum_errors;
	uint64_t on_host = tcp ? result->host.tcp_in_csum_errors : result->host.udp_in_csum_errors;

	if (key->topology->host_check == HOST_CHECK_OUTER_UDP && result->host.udp_in_csum_errors)
		return CAUGHT_OUTER_UDP;
	if (result->rule_drops)
		return CAUGHT_RULE;
	if (key->topology->attach != ATTACH_NONE && in_container)
		return CAUGHT_CONTAINER;
	return on_host ? CAUGHT_HOST : CAUGHT_UNKNOWN;
}

__attribute__((format(printf, 2, 3))) static void because(struct cell_result *result,
							  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->reason, sizeof(result->reason), format, args);
	va_end(args);
}

static void judge_delivered(bool control, struct cell_result *result)
{
	if (control && result->damaged_on_wire) {
		result->verdict = VERDICT_DELIVERS_CORRUPT;
		result->caught_by = CAUGHT_NOBODY;
	} else {
		because(result,
			"the application read %" PRIu64
			" wrong bytes that the switch had not damaged",
			result->bytes_wrong);
	}
}

static void judge_dropped(const struct cell_key *key, struct cell_result *result)
{
	result->caught_by = who_caught(key, result);
	if (result->caught_by == CAUGHT_UNKNOWN) {
		because(result, "%" PRIu32 " damaged segments vanished, and no counter says where",
			result->damaged_on_wire);
		return;
	}
	result->verdict = VERDICT_VERIFIED;
	if (key->proto == PROTO_TCP && result->not_delivered)
		because(result, "%" PRIu32 " messages were still missing when patience ended",
			result->not_delivered);
}

static void judge_evidence(const struct cell_key *key, const struct lab_settings *settings,
			   bool late, struct cell_result *result)
{
	bool control = control_arrived(result, settings->before);

	if (result->bytes_wrong) {
		judge_delivered(control, result);
	} else if (!control && late) {
		because(result, "this machine was too busy to tell whether anything gets through");
	} else if (!control) {
		result->verdict = VERDICT_BLOCKED;
		because(result, "the messages sent before the damage did not arrive");
	} else if (!result->damaged_on_wire) {
		because(result,
			"the pattern changed no bit of %" PRIu32
			" segments: choose another bit or pattern",
			result->unchanged_on_wire);
	} else {
		judge_dropped(key, result);
	}
}

void judge(const struct cell_key *key, const struct lab_settings *settings, bool late,
	   struct cell_result *result)
{
	struct expectation known;

	count_messages(result);
	if (!result->reason[0])
		judge_evidence(key, settings, late, result);
	/* What becomes of damaged headers is not known in general: a port may be another one now. */
	if (result->verdict == VERDICT_UNKNOWN || settings->damage.where != DAMAGE_PAYLOAD)
		return;
	known = expect(key, result->damaged_unseen > 0);
	result->has_expected = true;
	result->expected = known.verdict;
	result->expected_by = known.by;
	result->as_expected = result->verdict == known.verdict && result->caught_by == known.by;
}
