/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What went wrong, in words. A function that fails returns -errno and, if it knows more than the
 * number says (which device, which namespace, what to do), leaves a sentence here for the command
 * to print. Each thread has one sentence: that of its latest failure.
 */
#ifndef TRUESUM_BASE_FAIL_H
#define TRUESUM_BASE_FAIL_H

/*
 * Records the sentence and returns `rc`, a negative errno: `return fail(-ENODEV, "no device %s",
 * dev);`
 */
int fail(int rc, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Like fail(), but appends ": " and the errno's text. */
int fail_errno(int rc, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The sentence; never NULL; printable ASCII, other bytes as \xNN. Valid until the next failure. */
const char *fail_text(void);

#endif
