// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Damage patterns by name, and on a whole payload: the payload is copied through the window that
 * damage.c works on, once for a pattern that hits one place, window by window for one that hits
 * everywhere.
 */
#include "packet/pattern.h"

#include <errno.h>
#include <string.h>

const struct pattern_row pattern_rows[DAMAGE_KINDS] = {
	[DAMAGE_FLIP] = { "flip", "one bit flipped, anywhere or at --offset and --bit", false },
	[DAMAGE_STUCK0] = { "stuck0", "--bit reads 0 at every offset mod --stride = --phase",
			    false },
	[DAMAGE_STUCK1] = { "stuck1", "--bit reads 1 at every offset mod --stride = --phase",
			    false },
	[DAMAGE_SWAP16] = { "swap16", "two 16-bit words swapped: no checksum sees it", true },
	[DAMAGE_COMPENSATE] = { "compensate", "two flips that cancel: no checksum sees it", true },
	[DAMAGE_BURST] = { "burst", "N bits in a row flipped (burst:N, at most 64)", false },
	[DAMAGE_ZERO] = { "zero", "up to 64 bytes in a row read 0", false },
	[DAMAGE_RANDOM] = { "random", "up to 64 bytes in a row replaced", false },
};

const char *const pattern_wheres[DAMAGE_WHERES] = { "payload", "transport", "network" };

int pattern_by_name(const char *name)
{
	for (int kind = 0; kind < DAMAGE_KINDS; kind++)
		if (!strcmp(pattern_rows[kind].name, name))
			return kind;
	return -EINVAL;
}

static uint32_t damage_at(const struct damage_spec *spec, uint64_t random, uint8_t *payload,
			  size_t len, uint32_t start)
{
	struct damage_window window = { .start = start };
	uint32_t changed;

	window.len = len - start < DAMAGE_WINDOW ? len - start : DAMAGE_WINDOW;
	memcpy(window.byte, payload + start, window.len);
	changed = damage_apply(spec, random, &window);
	if (changed)
		memcpy(payload + start, window.byte, window.len);
	return changed;
}

unsigned int pattern_damage(const struct damage_spec *spec, uint64_t n, uint8_t *payload,
			    size_t len)
{
	uint64_t random = damage_random(spec->seed, n);
	unsigned int changed = 0;

	if (!len)
		return 0;
	if (!damage_everywhere(spec))
		return damage_at(spec, random, payload, len,
				 damage_window_start(spec, random, len));
	for (size_t start = 0; start < len; start += DAMAGE_WINDOW)
		changed += damage_at(spec, random, payload, len, start);
	return changed;
}
