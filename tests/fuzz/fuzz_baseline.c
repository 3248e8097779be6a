// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any file in place of the audit's baseline: refused with a sentence, or it can be compared. Two
 * files, with a NUL between them: an earlier baseline and a present one. A baseline does not differ
 * from itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "audit/baseline.h"
#include "base/fail.h"
#include "memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

static json_t *read_baseline(const uint8_t *data, size_t len)
{
	json_t *baseline = NULL;
	const char *at;

	if (!audit_baseline_read(memory_path(data, len), &baseline))
		return baseline;
	expect(!baseline && *fail_text());
	for (at = fail_text(); *at; at++)
		expect(*at >= ' ' && *at <= '~');
	return NULL;
}

/* How many differences there are. */
static size_t compare(const json_t *was, const json_t *now)
{
	struct audit_drift drift = { 0 };
	size_t count;

	expect(!audit_baseline_compare(was, now, &drift));
	count = drift.count;
	for (size_t i = 0; i < count; i++)
		expect(drift.change[i].namespace && drift.change[i].device && drift.change[i].what);
	audit_drift_release(&drift);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len ? memchr(data, '\0', len) : NULL;
	size_t first = end ? (size_t)(end - data) : len;
	json_t *was = read_baseline(data, first);
	json_t *now = end ? read_baseline(end + 1, len - first - 1) : NULL;

	if (was)
		expect(!compare(was, was));
	if (was && now) {
		compare(was, now);
		compare(now, was);
	}
	json_decref(was);
	json_decref(now);
	return 0;
}
