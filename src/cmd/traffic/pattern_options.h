/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that choose a damage pattern, the same for every command that damages. */
#ifndef TRUESUM_CMD_TRAFFIC_PATTERN_OPTIONS_H
#define TRUESUM_CMD_TRAFFIC_PATTERN_OPTIONS_H

#include <stdint.h>

#include "packet/damage.h"

#define PATTERN_NOT_GIVEN UINT64_MAX

struct pattern_options {
	const char *pattern; /* a name, or "burst:N"; NULL: flip */
	uint32_t where; /* enum damage_where */
	uint64_t stride, phase, bit, bits, offset;
	uint64_t seed;
};

#define PATTERN_OPTIONS_INIT                                                                       \
	{                                                                                          \
		.where = DAMAGE_PAYLOAD, .stride = PATTERN_NOT_GIVEN, .phase = PATTERN_NOT_GIVEN,  \
		.bit = PATTERN_NOT_GIVEN, .bits = PATTERN_NOT_GIVEN, .offset = PATTERN_NOT_GIVEN,  \
		.seed = 1                                                                          \
	}

/* Rows of an option table (base/options.h) that fill `options`, a struct pattern_options. */
/* clang-format off */
#define PATTERN_OPTION_ROWS(options)                                                               \
	{ .type = OPTION_STRING, .name = "pattern", .value = "NAME", .target = &(options).pattern, \
	  .names = damage_names, .meanings = damage_meanings, .help = "which bits change (default: flip)" },\
	{ .type = OPTION_NAME, .name = "where", .value = "PLACE", .target = &(options).where,      \
	  .names = damage_where_names, .meanings = damage_where_meanings,                          \
	  .help = "what can be damaged (default: payload)" },                                      \
	{ .type = OPTION_NUMBER, .name = "stride", .value = "N", .target = &(options).stride,      \
	  .min = 1, .max = DAMAGE_WINDOW, .help = "stuck0, stuck1: bytes (default 16)" },          \
	{ .type = OPTION_NUMBER, .name = "phase", .value = "N", .target = &(options).phase,        \
	  .max = DAMAGE_WINDOW - 1, .help = "stuck0, stuck1: below the stride (default 7)" },      \
	{ .type = OPTION_NUMBER, .name = "bit", .value = "N", .target = &(options).bit, .max = 7,  \
	  .help = "stuck0, stuck1, flip --offset: 0 (0x01) to 7 (0x80), default 2" },              \
	{ .type = OPTION_NUMBER, .name = "bits", .value = "N", .target = &(options).bits,          \
	  .min = 1, .max = DAMAGE_RUN, .help = "burst: 1 to 64 (default 8)" },                     \
	{ .type = OPTION_NUMBER, .name = "offset", .value = "N", .target = &(options).offset,      \
	  .max = 65535, .help = "flip: damage this byte, counted from --where, instead of any" },  \
	{ .type = OPTION_NUMBER, .name = "seed", .value = "N", .target = &(options).seed,          \
	  .max = INT64_MAX, .help = "equal seeds damage equal packets equally (default 1)" }
/* clang-format on */

/*
 * What the options say as a spec, defaults filled in. -EINVAL with a sentence if the pattern is
 * unknown or a parameter does not go with it.
 */
int pattern_options_spec(const struct pattern_options *options, struct damage_spec *ret_spec);

#endif
