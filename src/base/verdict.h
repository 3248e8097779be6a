/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verdicts of `lab` and `probe` over a way into a socket. */
#ifndef TRUESUM_BASE_VERDICT_H
#define TRUESUM_BASE_VERDICT_H

enum verdict {
	VERDICT_UNKNOWN,
	VERDICT_VERIFIED,
	VERDICT_DELIVERS_CORRUPT,
	VERDICT_BLOCKED,
	VERDICTS
};

/* As in options, tables and JSON: "delivers-corrupt"; NULL-terminated. */
extern const char *const verdict_names[];

#endif
