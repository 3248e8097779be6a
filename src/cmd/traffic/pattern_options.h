/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that choose a damage pattern, the same for every command that damages. */
#ifndef TRUESUM_CMD_TRAFFIC_PATTERN_OPTIONS_H
#define TRUESUM_CMD_TRAFFIC_PATTERN_OPTIONS_H

#include <stdint.h>

#include "packet/damage.h"

#define PATTERN_NOT_GIVEN UINT64_MAX

struct pattern_options {
	const char *pattern; /* a name, or "burst:N"; NULL: flip */
	const char *where; /* NULL: payload */
	uint64_t stride, phase, bit, bits, offset;
	uint64_t seed;
};

#define PATTERN_OPTIONS_INIT                                                                       \
	{                                                                                          \
		.stride = PATTERN_NOT_GIVEN, .phase = PATTERN_NOT_GIVEN, .bit = PATTERN_NOT_GIVEN, \
		.bits = PATTERN_NOT_GIVEN, .offset = PATTERN_NOT_GIVEN, .seed = 1                  \
	}

/* Rows of an option table (base/options.h) that fill `options`, a struct pattern_options. */
/* clang-format off */
#define PATTERN_OPTION_ROWS(options)                                                               \
	{ .type = OPTION_STRING, .name = "pattern", .value = "NAME", .target = &(options).pattern, \
	  .help = "flip (default): one bit, anywhere or at --offset\n"                             \
		  "stuck0, stuck1: --bit reads 0 or 1 at offset mod --stride = --phase\n"          \
		  "swap16, compensate: two words swapped, two flips that cancel;\n"                \
		  "no checksum sees either. burst: --bits in a row flipped (or burst:N)\n"         \
		  "zero, random: up to 64 bytes in a row read 0, or are replaced" },               \
	{ .type = OPTION_NUMBER, .name = "stride", .value = "N", .target = &(options).stride,      \
	  .min = 1, .max = DAMAGE_WINDOW, .help = "stuck0, stuck1: bytes (default 16)" },          \
	{ .type = OPTION_NUMBER, .name = "phase", .value = "N", .target = &(options).phase,        \
	  .max = DAMAGE_WINDOW - 1, .help = "stuck0, stuck1: below the stride (default 7)" },      \
	{ .type = OPTION_NUMBER, .name = "bit", .value = "N", .target = &(options).bit, .max = 7,  \
	  .help = "stuck0, stuck1, flip --offset: 0 (0x01) to 7 (0x80), default 2" },              \
	{ .type = OPTION_NUMBER, .name = "bits", .value = "N", .target = &(options).bits,          \
	  .min = 1, .max = DAMAGE_RUN, .help = "burst: 1 to 64 (default 8)" },                     \
	{ .type = OPTION_NUMBER, .name = "offset", .value = "N", .target = &(options).offset,      \
	  .max = 65535, .help = "flip: the byte to damage, counted from --where, not any" },                     \
	{ .type = OPTION_STRING, .name = "where", .value = "PLACE", .target = &(options).where,    \
	  .help = "payload (default); transport: the TCP or UDP header too;\n"                     \
		  "network: from the IP header on" },                                              \
	{ .type = OPTION_NUMBER, .name = "seed", .value = "N", .target = &(options).seed,          \
	  .max = INT64_MAX, .help = "equal seeds damage equal packets equally (default 1)" }
/* clang-format on */

/*
 * What the options say as a spec, defaults filled in. -EINVAL with a sentence where the pattern is
 * unknown or a parameter does not go with it.
 */
int pattern_options_spec(const struct pattern_options *options, struct damage_spec *ret_spec);

#endif
