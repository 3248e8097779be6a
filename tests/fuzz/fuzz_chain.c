// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any configuration of a container runtime. What truesum was taken out of does not name it any
 * more. What it was put into has, after it is taken out, every byte as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard/chain/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void check_out(const char *text, size_t len, bool is_json)
{
	struct chain_text out, again;

	expect(!chain_text_out(text, len, is_json, "/usr/sbin/runc", &out));
	expect((out.role == CHAIN_NOTHING) == !out.line);
	expect((out.role == CHAIN_NOTHING) == (!out.text && !out.is_alone && !*out.why));
	expect(!!out.text + out.is_alone + !!*out.why <= 1);
	if (!out.text)
		return;
	expect(!chain_text_out(out.text, out.len, is_json, "/usr/sbin/runc", &again));
	expect(again.role == CHAIN_NOTHING);
	chain_text_release(&again);
	chain_text_release(&out);
}

static void check_in(const char *text, size_t len)
{
	struct chain_text before, out;
	char *with, first[20];

	if (chain_text_in(text, len, len % 2, &with, first, sizeof(first)))
		return;
	expect(!chain_text_out(text, len, true, NULL, &before));
	expect(!chain_text_out(with, strlen(with), true, NULL, &out));
	expect(out.role != CHAIN_NOTHING);
	if (before.role == CHAIN_NOTHING)
		expect(out.text && out.len == len && !memcmp(out.text, text, len));
	chain_text_release(&before);
	chain_text_release(&out);
	free(with);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	expect(text != NULL);
	if (len)
		memcpy(text, data, len);
	text[len] = '\0';
	check_out(text, len, true);
	check_out(text, len, false);
	check_in(text, len);
	free(text);
	return 0;
}
