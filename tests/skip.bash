# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Skipping all tests of a file. On Debian 12, bats 1.8 takes `skip` in setup_file() for a failure.

# skip_file REASON: in setup_file(), which must return then.
skip_file() { echo "$1" >"$BATS_FILE_TMPDIR/skip"; }

# In setup(), first: skips if setup_file() said so.
skip_if_file_skips() { [ ! -e "$BATS_FILE_TMPDIR/skip" ] || skip "$(cat "$BATS_FILE_TMPDIR/skip")"; }
