// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any text as a match: refused with a sentence, or tests that are in range, and each of which
 * leads on to a later one or to an answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "packet/match.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void expect_forward(const struct packet_match *match, uint32_t from, uint32_t to)
{
	expect(to == MATCH_YES || to == MATCH_NO || (to > from && to < match->count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len);
	struct packet_match match;

	if (!text)
		return 0;
	if (match_parse(text, &match)) {
		expect(*fail_text() != '\0');
	} else {
		expect(match.count > 0 && match.count <= MATCH_TERMS);
		for (uint32_t i = 0; i < match.count; i++) {
			expect(match.term[i].kind <= MATCH_PORT);
			expect(match.term[i].side <= MATCH_DST);
			expect(match.term[i].number <= 65535);
			expect_forward(&match, i, match.term[i].then);
			expect_forward(&match, i, match.term[i].otherwise);
		}
	}
	free(text);
	return 0;
}
