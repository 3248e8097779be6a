/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares TCP that was cut differently before and after, by the bytes of its streams. */
#ifndef TRUESUM_DIFF_STREAM_H
#define TRUESUM_DIFF_STREAM_H

#include "base/cleanup.h"
#include "diff/work.h"

struct diff_stream;

/* Puts the packets before that are left in the order of their streams. -ENOMEM. */
int diff_stream_new(struct diff_work *work, struct diff_stream **ret_stream);
void diff_stream_free(struct diff_stream *stream);
DEFINE_CLEANUP(struct diff_stream *, diff_stream, diff_stream_free)

/* Accounts for packets after all bytes of which were there before, cut differently. -ENOMEM. */
int diff_stream_equal(struct diff_stream *stream);

/* Accounts for those some bytes of which were different. -ENOMEM. */
int diff_stream_changed(struct diff_stream *stream);

#endif
