// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From pattern options to a spec. A parameter that the chosen pattern does not read is refused:
 * a user who gives it expects an effect.
 */
#include "cmd/traffic/pattern_options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/options.h"

/* The bad switch that truesum began with: bit 0x04 at each offset mod 16 = 7. */
#define DEFAULT_STRIDE 16
#define DEFAULT_PHASE 7
#define DEFAULT_BIT 2
#define DEFAULT_BITS 8

/* "burst:N" sets *bits, too. */
static int parse_pattern(const char *text, uint64_t *bits, uint32_t *ret_kind)
{
	size_t burst = strlen("burst:");

	if (strncmp(text, "burst:", burst))
		return options_parse_name(text, "pattern", damage_names, ret_kind);
	if (*bits != PATTERN_NOT_GIVEN)
		return fail(-EINVAL,
			    "--bits and --pattern %s both set the number of bits: leave one out",
			    text);
	if (options_parse_number(text + burst, 1, DAMAGE_RUN, bits))
		return fail(-EINVAL, "--pattern burst: %s", fail_text());
	*ret_kind = DAMAGE_BURST;
	return 0;
}

static uint32_t or_default(uint64_t value, uint32_t otherwise)
{
	return value == PATTERN_NOT_GIVEN ? otherwise : (uint32_t)value;
}

int pattern_options_spec(const struct pattern_options *options, struct damage_spec *ret_spec)
{
	const char *pattern = options->pattern ? options->pattern : "flip";
	uint64_t bits = options->bits;
	uint32_t kind = DAMAGE_FLIP;
	int rc = parse_pattern(pattern, &bits, &kind);
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

	if (rc)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (parameters[i].value != PATTERN_NOT_GIVEN && !parameters[i].read)
			return fail(-EINVAL, "--%s goes with pattern %s, not with %s",
				    parameters[i].name, parameters[i].readers, pattern);
	spec = (struct damage_spec){
		.kind = kind,
		.stride = or_default(options->stride, DEFAULT_STRIDE),
		.phase = or_default(options->phase, DEFAULT_PHASE),
		.bit = or_default(options->bit, DEFAULT_BIT),
		.burst = or_default(bits, DEFAULT_BITS),
		.offset = fixed ? (int32_t)options->offset : -1,
		.where = options->where,
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
