// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes, from /proc: see process.h.
 *
 * No runtime documents how it names cgroups. Each part of the path is compared with a table of what
 * the runtimes do; a name of 64 hexadecimal digits is a container's, whichever runtime made it.
 */
#include "net/process.h"

#include <ctype.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ID_LEN 64
#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD, include/linux/sched.h */

struct word {
	const char *text;
	size_t len;
};

static size_t hex_len(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && strchr("0123456789abcdef", text[n]) && text[n])
		n++;
	return n;
}

static bool is_hex_id(const char *text, size_t len)
{
	return len == ID_LEN && hex_len(text, len) == len;
}

/* Amazon ECS on Fargate: 32 digits of the task, a number of the container. */
static bool is_task(const char *text, size_t len)
{
	size_t at = 33;

	if (len <= at || len > ID_LEN || hex_len(text, 32) != 32 || text[32] != '-')
		return false;
	while (at < len && isdigit((unsigned char)text[at]))
		at++;
	return at == len;
}

static bool is_machine_name(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && (isalnum((unsigned char)text[at]) || strchr("_.-", text[at])))
		at++;
	return len && len <= ID_LEN && at == len;
}

static const struct {
	const char *before; /* the path's part before this one; NULL: any */
	const char *prefix, *suffix;
	bool (*is)(const char *text, size_t len); /* checks the part in between */
} patterns[] = {
	{ NULL, "", "", is_hex_id }, /* docker, containerd, nerdctl, Kubernetes with cgroupfs */
	{ NULL, "docker-", ".scope", is_hex_id },
	{ NULL, "cri-containerd-", ".scope", is_hex_id },
	{ NULL, "nerdctl-", ".scope", is_hex_id },
	{ NULL, "crio-", ".scope", is_hex_id },
	{ NULL, "crio-", "", is_hex_id },
	{ NULL, "libpod-", ".scope", is_hex_id },
	{ NULL, "libpod-", "", is_hex_id },
	{ NULL, "kata_", "", is_hex_id },
	{ "ecs", "", "", is_task },
	{ NULL, "", "", is_task },
	{ NULL, "lxc.payload.", "", is_machine_name },
	{ "lxc", "", "", is_machine_name },
};

static bool word_is(const struct word *word, const char *text)
{
	return word->len == strlen(text) && !memcmp(word->text, text, word->len);
}

/* The part of the word between prefix and suffix. */
static bool strip(const struct word *word, const char *prefix, const char *suffix,
		  struct word *ret_rest)
{
	size_t first = strlen(prefix), last = strlen(suffix);

	if (word->len <= first + last || memcmp(word->text, prefix, first) ||
	    memcmp(word->text + word->len - last, suffix, last))
		return false;
	*ret_rest = (struct word){ word->text + first, word->len - first - last };
	return true;
}

static void take_container(const struct word *before, const struct word *word,
			   struct process *process)
{
	struct word rest;

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (patterns[i].before && !word_is(before, patterns[i].before))
			continue;
		if (!strip(word, patterns[i].prefix, patterns[i].suffix, &rest) ||
		    !patterns[i].is(rest.text, rest.len))
			continue;
		snprintf(process->container, sizeof(process->container), "%.*s", (int)rest.len,
			 rest.text);
		return;
	}
}

/* A uid is a UUID, of a static pod 32 digits; systemd's driver writes '_' for '-'. */
static bool is_uid(const struct word *word)
{
	size_t digits = 0;

	for (size_t i = 0; i < word->len; i++) {
		if (hex_len(word->text + i, 1))
			digits++;
		else if (word->text[i] != '-' && word->text[i] != '_')
			return false;
	}
	return digits == 32 && word->len <= 36;
}

/* pod<uid>, or kubepods[-<class>]-pod<uid>.slice with anything before it. */
static void take_pod(const struct word *word, struct process *process)
{
	struct word rest = { NULL, 0 };

	for (size_t i = 0; i + 4 < word->len; i++)
		if (!memcmp(word->text + i, "-pod", 4))
			rest = (struct word){ word->text + i + 1, word->len - i - 1 };
	if (!rest.len || !strip(&rest, "pod", ".slice", &rest))
		if (!strip(word, "pod", "", &rest))
			return;
	if (!is_uid(&rest))
		return;
	for (size_t i = 0; i < rest.len; i++)
		process->pod[i] = (char)(rest.text[i] == '_' ? '-' : rest.text[i]);
	process->pod[rest.len] = '\0';
}

/*
 * containerd under systemd, configured with the wrong driver, writes "<slice>:cri-containerd:<id>"
 * as one part.
 */
static void take_path(const char *path, size_t len, struct process *process)
{
	struct word before = { "", 0 };

	for (size_t at = 0; at < len; at++) {
		struct word word = { path + at, 0 };

		while (at < len && path[at] != '/' && path[at] != ':') {
			at++;
			word.len++;
		}
		take_container(&before, &word, process);
		take_pod(&word, process);
		before = word;
	}
}

void process_parse_cgroup(const char *text, struct process *ret_process)
{
	struct process process = { 0 };

	/*
	 * HIERARCHY:CONTROLLERS:PATH; the first hierarchy that knows a container is as good as any.
	 */
	while (*text && !*process.container) {
		size_t len = strcspn(text, "\n");
		const char *path = memchr(text, ':', len);

		path = path ? memchr(path + 1, ':', len - (size_t)(path + 1 - text)) : NULL;
		if (path)
			take_path(path + 1, len - (size_t)(path + 1 - text), &process);
		text += len;
		text += *text == '\n';
	}
	*ret_process = process;
}

/* Reads /proc/PID/NAME up to size - 1 bytes; false if it cannot be read. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	_cleanup_close_ int fd = -1;
	size_t at = 0;
	ssize_t len;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : 1;
	while (len > 0 && at + 1 < size) {
		len = read(fd, text + at, size - 1 - at);
		at += len > 0 ? (size_t)len : 0;
	}
	text[at] = '\0';
	return len >= 0;
}

void process_read(pid_t pid, struct process *ret_process)
{
	char comm[32], cgroup[16384], *end;

	if (!read_proc(pid, "cgroup", cgroup, sizeof(cgroup)))
		*cgroup = '\0';
	process_parse_cgroup(cgroup, ret_process);
	if (!read_proc(pid, "comm", comm, sizeof(comm)))
		*comm = '\0';
	end = strrchr(comm, '\n'); /* the name may contain others */
	if (end)
		*end = '\0';
	term_printable(ret_process->comm, sizeof(ret_process->comm), comm);
}

/* Field `number` of /proc/PID/stat; the second field, the name, may contain any bytes. */
static bool stat_field(const char *text, int number, uint64_t *ret_value)
{
	const char *at = strrchr(text, ')');

	for (int n = 2; at && n < number; n++)
		at = strchr(at + 1, ' ');
	if (at)
		*ret_value = strtoull(at, NULL, 10);
	return at;
}

bool process_started(pid_t pid, uint64_t *ret_started)
{
	char text[1024];
	uint64_t flags;

	if (!read_proc(pid, "stat", text, sizeof(text)) || !stat_field(text, 9, &flags) ||
	    !stat_field(text, 22, ret_started))
		return false;
	if (flags & KERNEL_THREAD)
		*ret_started = UINT64_MAX;
	return true;
}
