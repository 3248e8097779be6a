// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checking received messages: see check.h.
 *
 * A connection's bytes are cut into messages by position: damage changes bits, never lengths, and
 * TCP leaves nothing out. A datagram's counter says which message it is, but the counter itself may
 * be damaged. If a datagram equals another message than the one due, this is ambiguous: when 12 is
 * due and 13 arrives, 12 may be missing, or this is 12 with a wrong bit. The next datagram decides:
 * if it is 13, the held one was 12.
 */
#include "lab/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab/message.h"

#define STRANGE_MOST 16 /* messages without a recognised one (about 1 KB): the peer is no truesum */
#define BACK 16 /* a damaged datagram may be one of this many before the one due ... */
#define AHEAD 4096 /* ... or after it */
#define COUNTER_BITS                                                                               \
	2 /* with more wrong bits in its counter it is another message, not a damaged one */

struct held {
	bool active;
	uint32_t k;
	uint64_t at_ns;
	size_t len;
	uint8_t bytes[MESSAGE_SIZE_MAX];
};

struct check {
	check_line_fn fn;
	void *owner;
	struct check_tally tally;
	uint32_t next; /* the message due */
	uint32_t size; /* of the messages; known once the first bytes are there */
	bool size_known;
	uint8_t fill[MESSAGE_SIZE_MAX]; /* a connection: the bytes of an incomplete message */
	size_t filled;
	uint64_t filled_ns;
	bool begun;
	struct held held;
};

int check_new(check_line_fn fn, void *owner, struct check **ret_check)
{
	struct check *check = calloc(1, sizeof(*check));

	if (!check)
		return -ENOMEM;
	check->fn = fn;
	check->owner = owner;
	*ret_check = check;
	return 0;
}

uint32_t check_size(const struct check *check)
{
	return check->size;
}

const struct check_tally *check_tally(const struct check *check)
{
	return &check->tally;
}

static size_t wrong_bytes(const struct message_line *text)
{
	size_t wrong = 0;

	for (size_t i = 0; i < text->len; i++)
		wrong += text->got[i] != text->want[i];
	return wrong;
}

static unsigned int wrong_bits(const uint8_t *got, const uint8_t *want, size_t len)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (unsigned int)__builtin_popcount(got[i] ^ want[i]);
	return bits;
}

static void tally_text(struct check_tally *tally, const struct message_line *text)
{
	tally->bytes += text->len;
	for (size_t i = 0; i < text->len; i++) {
		uint8_t flipped = text->got[i] ^ text->want[i];

		if (!flipped)
			continue;
		tally->bytes_wrong++;
		tally->wrong_at[i % CHECK_PHASES]++;
		tally->bits_0to1 += (uint64_t)__builtin_popcount(flipped & text->got[i]);
		tally->bits_1to0 += (uint64_t)__builtin_popcount(flipped & text->want[i]);
		for (int bit = 0; bit < 8; bit++)
			tally->wrong_bit[bit] += flipped >> bit & 1;
	}
}

static void report_line(struct check *check, const struct check_line *line)
{
	struct check_tally *tally = &check->tally;

	tally->messages[line->class]++;
	tally->no_truesum = !tally->recognised && tally->messages[CHECK_STRANGE] >= STRANGE_MOST;
	check->fn(check->owner, line);
}

/* Whether the peer has sent anything like a message so far, this one included. */
static bool recognise(struct check *check, const struct message_line *text)
{
	if (wrong_bytes(text) * 2 <= text->len)
		check->tally.recognised++;
	return check->tally.recognised;
}

static void stream_message(struct check *check, bool whole)
{
	char want[MESSAGE_SIZE_MAX];
	struct check_line line = { .k = check->next,
				   .at_ns = check->filled_ns,
				   .size = check->filled,
				   .text = { check->fill, (uint8_t *)want, check->filled } };

	message_sized_write(check->size, check->next, want);
	tally_text(&check->tally, &line.text);
	if (!recognise(check, &line.text))
		line.class = CHECK_STRANGE;
	else if (!whole)
		line.class = CHECK_CUT;
	else
		line.class = wrong_bytes(&line.text) ? CHECK_DAMAGED : CHECK_INTACT;
	report_line(check, &line);
	check->filled = 0;
	check->next++;
}

void check_stream(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
	while (len) {
		size_t whole = check->size_known ? message_sized_len(check->size, check->next)
						 : MESSAGE_TAG;
		size_t room = whole - check->filled;
		size_t n = len < room ? len : room;

		memcpy(check->fill + check->filled, bytes, n);
		check->filled += n;
		check->filled_ns = at_ns;
		bytes += n;
		len -= n;
		if (n < room)
			return;
		if (check->size_known)
			stream_message(check, true);
		else
			check->size = message_guess_size(check->fill);
		check->size_known = true;
	}
}

static void add_gap(struct check_tally *tally, uint32_t first, uint32_t count)
{
	tally->missing += count;
	if (tally->gap_count < CHECK_GAPS)
		tally->gaps[tally->gap_count++] = (struct check_gap){ first, count };
}

bool check_is_missing(const struct check *check, uint32_t k)
{
	for (size_t i = 0; i < check->tally.gap_count; i++)
		if (k >= check->tally.gaps[i].first &&
		    k - check->tally.gaps[i].first < check->tally.gaps[i].count)
			return true;
	return false;
}

uint32_t check_end_of(const struct check *check)
{
	return check->next;
}

/* Takes k out of its gap; false if it is in none. */
static bool fill_gap(struct check_tally *tally, uint32_t k)
{
	for (size_t i = 0; i < tally->gap_count; i++) {
		struct check_gap *gap = &tally->gaps[i];
		uint32_t after = gap->first + gap->count - 1 - k;

		if (k < gap->first || k - gap->first >= gap->count)
			continue;
		tally->missing -= 1 + (uint64_t)after;
		gap->count = k - gap->first;
		if (after)
			add_gap(tally, k + 1, after);
		if (!tally->gaps[i].count)
			tally->gaps[i] = tally->gaps[--tally->gap_count];
		return true;
	}
	return false;
}

/* Notes the arrival of message k; false if it arrived before. */
static bool arrive(struct check *check, uint32_t k)
{
	if (!check->begun) {
		check->begun = true;
		check->tally.first = k;
		check->next = k;
	}
	if (k < check->next)
		return fill_gap(&check->tally, k);
	if (k > check->next)
		add_gap(&check->tally, check->next, k - check->next);
	check->next = k + 1;
	return true;
}

static void commit(struct check *check, const uint8_t *bytes, size_t len, uint32_t k,
		   uint64_t at_ns)
{
	char want[MESSAGE_SIZE_MAX];
	struct check_line line = {
		.k = k, .at_ns = at_ns, .size = len, .text = { bytes, (uint8_t *)want, len }
	};

	message_sized_write(check->size, k, want);
	tally_text(&check->tally, &line.text);
	line.class = wrong_bytes(&line.text) ? CHECK_DAMAGED : CHECK_INTACT;
	if (!arrive(check, k) && line.class == CHECK_INTACT)
		line.class = CHECK_AGAIN;
	report_line(check, &line);
}

/* Decides which message the held datagram was, as message `after` follows it. */
static void release_held(struct check *check, uint32_t after)
{
	struct held *held = &check->held;
	uint32_t due = check->next;
	char want[MESSAGE_SIZE_MAX];

	if (!held->active)
		return;
	held->active = false;
	/* The same datagram twice: the network doubled it, unless there was damage already. */
	if ((after == held->k && !check->tally.bytes_wrong) || after != due + 1 ||
	    message_sized_write(check->size, due, want) != held->len ||
	    wrong_bits(held->bytes, (uint8_t *)want, held->len) > COUNTER_BITS)
		due = held->k;
	commit(check, held->bytes, held->len, due, held->at_ns);
}

/* Finds which message a datagram is; *ret_equal: it equals that one. */
static int identify(const struct check *check, const uint8_t *bytes, size_t len, uint32_t *ret_k,
		    bool *ret_equal)
{
	uint32_t due = check->next, from = due > BACK ? due - BACK : 0, k = 0;
	unsigned int bits, bits_due;
	char want[MESSAGE_SIZE_MAX];

	if (message_sized_identify(check->size, bytes, len, from, due + AHEAD, &k) < 0)
		return -ENOENT;
	message_sized_write(check->size, k, want);
	bits = wrong_bits(bytes, (uint8_t *)want, len);

	/* If the counter cannot be read, the message due is the most likely one. */
	if (bits && message_sized_write(check->size, due, want) == len) {
		struct message_line text = { bytes, (uint8_t *)want, len };

		bits_due = wrong_bits(bytes, (uint8_t *)want, len);
		if (bits_due <= bits || wrong_bytes(&text) * 2 > len)
			k = due;
	}
	*ret_k = k;
	*ret_equal = !bits;
	return 0;
}

static void strange(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
	size_t shown = len < MESSAGE_LINE_MAX ? len : MESSAGE_LINE_MAX;

	report_line(check, &(struct check_line){ .class = CHECK_STRANGE,
						 .at_ns = at_ns,
						 .size = len,
						 .text = { bytes, bytes, shown } });
}

void check_datagram(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
	char want[MESSAGE_SIZE_MAX];
	uint32_t k = 0;
	bool equal = false;

	/* Strangers' datagrams say nothing about the sender's. */
	if (!check->tally.recognised && len >= MESSAGE_TAG)
		check->size = message_guess_size(bytes);
	if (identify(check, bytes, len, &k, &equal) < 0) {
		strange(check, bytes, len, at_ns);
		return;
	}
	message_sized_write(check->size, k, want);
	if (!recognise(check, &(struct message_line){ bytes, (uint8_t *)want, len })) {
		strange(check, bytes, len, at_ns);
		return;
	}
	release_held(check, k);
	if (!equal || k == check->next || !check->begun) {
		commit(check, bytes, len, k, at_ns);
		return;
	}
	check->held = (struct held){ .active = true, .k = k, .at_ns = at_ns, .len = len };
	memcpy(check->held.bytes, bytes, len);
}

static int by_first(const void *left, const void *right)
{
	const struct check_gap *a = left, *b = right;

	return (a->first > b->first) - (a->first < b->first);
}

void check_end(struct check *check)
{
	release_held(check, check->next); /* nothing follows: its counter is right */
	qsort(check->tally.gaps, check->tally.gap_count, sizeof(check->tally.gaps[0]), by_first);
	if (check->filled) {
		check->tally.missing++;
		stream_message(check, false);
	}
}
