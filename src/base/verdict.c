// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/verdict.h"

#include <stddef.h>

const char *const verdict_names[] = { "unknown", "verified", "delivers-corrupt", "blocked", NULL };
