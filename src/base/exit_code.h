/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit codes every command shares. */
#ifndef TRUESUM_BASE_EXIT_CODE_H
#define TRUESUM_BASE_EXIT_CODE_H

enum exit_code {
	EXIT_NOTHING_WRONG = 0,
	EXIT_FOUND =
		1, /* corruption or an unsafe path; in `lab` a cell differs from what is expected */
	EXIT_USAGE = 2,
	EXIT_UNKNOWN = 3, /* could not find out; the message says what is missing and what to do */
};

#endif
