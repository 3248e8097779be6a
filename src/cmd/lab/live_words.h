/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run that was watched came to, in one or two sentences. */
#ifndef TRUESUM_CMD_LAB_LIVE_WORDS_H
#define TRUESUM_CMD_LAB_LIVE_WORDS_H

#include <stdio.h>

#include "lab/cell.h"

/* No newline at the end. */
void live_words(FILE *out, const struct cell_key *key, const struct lab_settings *settings,
		const struct cell_result *result);

#endif
