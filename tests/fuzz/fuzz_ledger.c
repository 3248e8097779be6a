// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any file in place of a journal: its place and its changes are known, or it says which line is no
 * record; and there is a sentence on what may remain.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "memory_file.h"
#include "net/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static void listen(enum journal_news news, const char *sentence)
{
	expect(news == JOURNAL_LOST && *sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const kinds[] = { "feature", "sysctl", "clsact",
					     "bpf",	"fdb",	  "neighbour" };
	const struct netns_id nowhere = { 0 };
	struct ledger ledger = LEDGER_INIT;
	size_t lines = 0;

	if (ledger_read(memory_file(data, len), &ledger)) {
		expect(*fail_text() != '\0');
		return 0;
	}
	expect(ledger.end <= len && (!ledger.end || data[ledger.end - 1] == '\n'));
	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	expect(ledger.bad_line <= lines && json_array_size(ledger.changes) <= lines);
	expect(!ledger_check(&ledger) == !ledger.bad_line);
	expect(!ledger_is_placed(&ledger) || ledger.head);
	ledger_is_of(&ledger, &nowhere, 1);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		ledger_find(&ledger, kinds[i], "name", "tsum_reset");
	if (ledger.head)
		ledger_say_lost(&ledger, listen);
	ledger_free(&ledger);
	return 0;
}
