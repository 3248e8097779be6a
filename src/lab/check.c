// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The receiver's judgement: see check.h.
 *
 * A connection's bytes are cut into messages by position: damage changes bits, never lengths, and TCP
 * leaves nothing out. A datagram names its message itself, in a counter that may be what was damaged.
 * One that equals a message other than the one due is therefore ambiguous (is 13 missing, or is this
 * 12 with a wrong bit?) and waits for the next: if that is the one behind the one due, the sender did
 * send the one due in between.
 */
#include "lab/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab/message.h"

#define HOPELESS 16 /* messages without a recognisable one: about 1 KB */
#define BACK 16 /* a damaged datagram is looked for this far behind ... */
#define AHEAD 4096 /* ... and ahead of the one due */
#define COUNTER_BITS 2 /* more wrong bits in a counter are not believed to be damage */

struct held {
	bool active;
	uint32_t k;
	uint64_t at_ns;
	size_t len;
	uint8_t bytes[MESSAGE_MAX];
};

struct check {
	check_line_fn fn;
	void *owner;
	struct check_tally tally;
	uint32_t next; /* the message due */
	uint8_t fill[MESSAGE_MAX]; /* a stream's message as far as it came */
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

const struct check_tally *check_tally(const struct check *check)
{
	return &check->tally;
}

bool check_hopeless(const struct check *check)
{
	return !check->tally.recognised && check->tally.messages[CHECK_STRANGE] >= HOPELESS;
}

static size_t wrong_bytes(const struct marked *text)
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

static void tally_text(struct check_tally *tally, const struct marked *text)
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

static void report(struct check *check, const struct check_line *line)
{
	check->tally.messages[line->class]++;
	check->fn(check->owner, line);
}

/* Whether the peer has ever sent something like a message, this one included. */
static bool recognise(struct check *check, const struct marked *text)
{
	if (wrong_bytes(text) * 2 <= text->len)
		check->tally.recognised++;
	return check->tally.recognised;
}

static void stream_message(struct check *check, bool whole)
{
	char want[MESSAGE_MAX];
	struct check_line line = { .k = check->next,
				   .at_ns = check->filled_ns,
				   .size = check->filled,
				   .text = { check->fill, (uint8_t *)want, check->filled } };

	message_write(check->next, want);
	tally_text(&check->tally, &line.text);
	if (!recognise(check, &line.text))
		line.class = CHECK_STRANGE;
	else if (!whole)
		line.class = CHECK_CUT;
	else
		line.class = wrong_bytes(&line.text) ? CHECK_DAMAGED : CHECK_INTACT;
	report(check, &line);
	check->filled = 0;
	check->next++;
}

void check_stream(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
	while (len) {
		size_t room = message_len(check->next) - check->filled;
		size_t n = len < room ? len : room;

		memcpy(check->fill + check->filled, bytes, n);
		check->filled += n;
		check->filled_ns = at_ns;
		bytes += n;
		len -= n;
		if (n == room)
			stream_message(check, true);
	}
}

static void add_gap(struct check_tally *tally, uint32_t first, uint32_t count)
{
	tally->missing += count;
	if (tally->gap_count < CHECK_GAPS)
		tally->gaps[tally->gap_count++] = (struct check_gap){ first, count };
}

/* Takes k out of the gap it lies in; false where it lies in none. */
static bool fill_gap(struct check_tally *tally, uint32_t k)
{
	for (size_t i = 0; i < tally->gap_count; i++) {
		struct check_gap *gap = &tally->gaps[i];
		uint32_t behind = gap->first + gap->count - 1 - k;

		if (k < gap->first || k - gap->first >= gap->count)
			continue;
		tally->missing -= 1 + (uint64_t)behind;
		gap->count = k - gap->first;
		if (behind)
			add_gap(tally, k + 1, behind);
		if (!tally->gaps[i].count)
			tally->gaps[i] = tally->gaps[--tally->gap_count];
		return true;
	}
	return false;
}

/* Notes that message k is here; false where it had been before. */
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
	char want[MESSAGE_MAX];
	struct check_line line = {
		.k = k, .at_ns = at_ns, .size = len, .text = { bytes, (uint8_t *)want, len }
	};

	message_write(k, want);
	tally_text(&check->tally, &line.text);
	line.class = wrong_bytes(&line.text) ? CHECK_DAMAGED : CHECK_INTACT;
	if (!arrive(check, k) && line.class == CHECK_INTACT)
		line.class = CHECK_AGAIN;
	report(check, &line);
}

/* Decides what the held datagram was, now that it is known that `after` followed it. */
static void release(struct check *check, uint32_t after)
{
	struct held *held = &check->held;
	uint32_t due = check->next;
	char want[MESSAGE_MAX];

	if (!held->active)
		return;
	held->active = false;
	/* Twice the same is a datagram that the network doubled, unless damage is about already. */
	if ((after == held->k && !check->tally.bytes_wrong) || after != due + 1 ||
	    message_write(due, want) != held->len ||
	    wrong_bits(held->bytes, (uint8_t *)want, held->len) > COUNTER_BITS)
		due = held->k;
	commit(check, held->bytes, held->len, due, held->at_ns);
}

/* Which message a datagram is; *ret_equal: it equals that one. */
static int identify(const struct check *check, const uint8_t *bytes, size_t len, uint32_t *ret_k,
		    bool *ret_equal)
{
	uint32_t due = check->next, from = due > BACK ? due - BACK : 0, k = 0;
	unsigned int bits, bits_due;
	char want[MESSAGE_MAX];

	if (message_identify(bytes, len, from, due + AHEAD, &k) < 0)
		return -ENOENT;
	message_write(k, want);
	bits = wrong_bits(bytes, (uint8_t *)want, len);

	/* Where the counter is past reading, the one due is the likeliest. */
	if (bits && message_write(due, want) == len) {
		struct marked text = { bytes, (uint8_t *)want, len };

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
	size_t shown = len < MARKED_MAX ? len : MARKED_MAX;

	report(check, &(struct check_line){ .class = CHECK_STRANGE,
					    .at_ns = at_ns,
					    .size = len,
					    .text = { bytes, bytes, shown } });
}

void check_datagram(struct check *check, const uint8_t *bytes, size_t len, uint64_t at_ns)
{
	char want[MESSAGE_MAX];
	uint32_t k = 0;
	bool equal = false;

	if (identify(check, bytes, len, &k, &equal) < 0) {
		strange(check, bytes, len, at_ns);
		return;
	}
	message_write(k, want);
	if (!recognise(check, &(struct marked){ bytes, (uint8_t *)want, len })) {
		strange(check, bytes, len, at_ns);
		return;
	}
	release(check, k);
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
	release(check, check->next); /* nothing followed: it was what it says */
	qsort(check->tally.gaps, check->tally.gap_count, sizeof(check->tally.gaps[0]), by_first);
	if (check->filled) {
		check->tally.missing++;
		stream_message(check, false);
	}
}
