// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pattern options to a spec. A parameter that the chosen pattern does not read is refused: somebody who
 * gives it expects it to matter.
 */
#include "cmd/traffic/pattern_options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"
#include "packet/damage.h"

/* The bad switch that truesum began with: bit 0x04 of every 16th byte from the 7th on. */
#define DEFAULT_STRIDE 16
#define DEFAULT_PHASE 7
#define DEFAULT_BIT 2
#define DEFAULT_BITS 8

static int unknown_pattern(const char *name)
{
	char known[160] = "";
	size_t used = 0;

	for (int kind = 0; kind < DAMAGE_KINDS; kind++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 kind ? ", " : "", damage_patterns[kind].name);
	return fail(-EINVAL, "unknown pattern '%.40s'; known: %s", name, known);
}

/* The pattern's kind; "burst:N" sets *bits. */
static int parse_pattern(const char *text, uint64_t *bits)
{
	size_t burst = strlen("burst:");
	int kind = damage_by_name(text);

	if (kind >= 0)
		return kind;
	if (strncmp(text, "burst:", burst))
		return unknown_pattern(text);
	if (*bits != PATTERN_NOT_GIVEN)
		return fail(-EINVAL, "--bits and --pattern %s say the same thing twice", text);
	if (options_parse_number(text + burst, 1, DAMAGE_RUN, bits))
		return fail(-EINVAL, "--pattern burst: %s", fail_text());
	return DAMAGE_BURST;
}

static uint32_t or_default(uint64_t value, uint32_t otherwise)
{
	return value == PATTERN_NOT_GIVEN ? otherwise : (uint32_t)value;
}

static int parse_where(const char *text, uint32_t *ret_where)
{
	for (uint32_t where = 0; where < DAMAGE_WHERES; where++) {
		if (text && strcmp(text, damage_wheres[where]))
			continue;
		*ret_where = where;
		return 0;
	}
	return fail(-EINVAL, "unknown place '%.40s'; known: payload, transport, network", text);
}

int pattern_options_spec(const struct pattern_options *options, struct damage_spec *ret_spec)
{
	const char *pattern = options->pattern ? options->pattern : "flip";
	uint64_t bits = options->bits;
	int kind = parse_pattern(pattern, &bits);
	bool stuck = kind == DAMAGE_STUCK0 || kind == DAMAGE_STUCK1;
	bool fixed = kind == DAMAGE_FLIP && options->offset != PATTERN_NOT_GIVEN;
	const struct {
		const char *name;
		uint64_t value;
		bool read;
		const char *readers;
	} parameters[] = {
		{ "stride", options->stride, stuck, "stuck0 and stuck1" },
		{ "phase", options->phase, stuck, "stuck0 and stuck1" },
		{ "bit", options->bit, stuck || fixed, "stuck0, stuck1 and flip with --offset" },
		{ "bits", options->bits, kind == DAMAGE_BURST, "burst" },
		{ "offset", options->offset, kind == DAMAGE_FLIP, "flip" },
	};
	struct damage_spec spec;
	uint32_t where = DAMAGE_PAYLOAD;

	if (kind < 0)
		return kind;
	if (parse_where(options->where, &where))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (parameters[i].value != PATTERN_NOT_GIVEN && !parameters[i].read)
			return fail(-EINVAL, "--%s goes with pattern %s, not with %s",
				    parameters[i].name, parameters[i].readers, pattern);
	spec = (struct damage_spec){
		.kind = (uint32_t)kind,
		.stride = or_default(options->stride, DEFAULT_STRIDE),
		.phase = or_default(options->phase, DEFAULT_PHASE),
		.bit = or_default(options->bit, DEFAULT_BIT),
		.burst = or_default(bits, DEFAULT_BITS),
		.offset = fixed ? (int32_t)options->offset : -1,
		.where = where,
		.seed = options->seed,
	};
	if (options->stride != PATTERN_NOT_GIVEN && options->phase == PATTERN_NOT_GIVEN)
		spec.phase %= spec.stride;
	if (spec.phase >= spec.stride)
		return fail(-EINVAL, "--phase %u is not below --stride %u", spec.phase,
			    spec.stride);
	*ret_spec = spec;
	return 0;
}
