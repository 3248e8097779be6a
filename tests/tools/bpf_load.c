// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Loads each BPF object as truesum's commands do, and prints a line for each: its name, a tab, and
 * "yes", or what it lacks on this kernel. `make bpf-matrix` runs it on many kernels. Exit code 1 if
 * an object that is possible on this kernel did not load.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/corrupt.h"
#include "bpf/drop.h"
#include "bpf/gate.h"
#include "bpf/loader.h"
#include "bpf/mark.h"
#include "bpf/token.h"

static bool failed;

/* -EOPNOTSUPP says that the kernel is too old for it. */
static void report(const char *object, int rc)
{
	printf("%s\t%s\n", object, rc ? fail_text() : "yes");
	failed |= rc && rc != -EOPNOTSUPP;
}

static void load_corrupt(void)
{
	static const struct corrupt_config config = { .threshold = UINT64_MAX };
	struct corrupt_bpf *corrupt = NULL;
	int rc = corrupt_load(&config, &corrupt);

	report("corrupt", rc);
	if (!rc) {
		report("corrupt: reads ip_summed",
		       corrupt_reads_status(corrupt) ? 0 : loader_impossible("6.2"));
		corrupt_free(corrupt);
	}
}

static void load_gate_and_drop(void)
{
	struct gate_programs_settings settings = { .tap = 1 };
	struct drops_of of = { 0 };
	struct token_table *table = NULL;
	struct gate_bpf *gate = NULL;
	struct drops *drops = NULL;
	int rc = token_table_new(&table);

	if (rc) {
		report("tokens", rc);
		return;
	}
	settings.tokens_fd = of.tokens_fd = token_table_fd(table);
	report("tokens", settings.tokens_fd < 0 ? loader_fail(settings.tokens_fd) : 0);
	rc = gate_programs_load(&settings, &gate);
	report("gate", rc);
	if (!rc)
		gate_programs_free(gate);
	rc = drop_open(&of, &drops);
	report("drop", rc);
	if (!rc)
		drop_close(drops);
	token_table_free(table);
}

static void load_marks(void)
{
	struct marks *marks = NULL;
	int fd = -1, rc = mark_open(&marks);
	char name[64];

	report("mark", rc);
	for (int i = 0; !rc && i < MARK_PROGRAMS; i++) {
		int got = mark_fd(marks, (enum mark_program)i);

		snprintf(name, sizeof(name), "mark: %s", mark_names[i]);
		report(name, got < 0 ? got : 0);
	}
	if (!rc)
		mark_close(marks);
	rc = mark_load_reset(&fd);
	report("reset", rc);
	if (!rc)
		close(fd);
}

int main(void)
{
	load_corrupt();
	load_gate_and_drop();
	load_marks();
	return failed;
}
