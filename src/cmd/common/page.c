// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `truesum help COMMAND` becomes man(1), with the page that belongs to this very program: the one
 * installed beside it, or that of the source tree it was built in. Only a page that the program's
 * owner or root put there is opened: below a folder such as /tmp anybody can make a man/.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "cmd/common/command.h"

/* Folders of pages, seen from the program's own; distributions compress pages with gzip. */
static const struct {
	const char *folder, *suffix;
} places[] = {
	{ "../share/man/man1", "" },
	{ "../share/man/man1", ".gz" },
	{ "../man", "" },
};

/* The folder that the program is in. -errno. */
static int own_folder(char *ret_path, size_t size)
{
	ssize_t len = readlink("/proc/self/exe", ret_path, size - 1);

	if (len < 0)
		return -errno;
	ret_path[len] = '\0';
	*strrchr(ret_path, '/') = '\0';
	return 0;
}

static bool is_trusted(const char *folder)
{
	struct stat own, its;

	return !stat("/proc/self/exe", &own) && !stat(folder, &its) &&
	       (its.st_uid == 0 || its.st_uid == own.st_uid) && !(its.st_mode & S_IWOTH);
}

int command_open_page(const char *command)
{
	char own[PATH_MAX], folder[PATH_MAX + 32], page[PATH_MAX + 128];

	if (own_folder(own, sizeof(own)))
		return fail(-ENOENT, "cannot find out where the man pages are (no /proc)");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		snprintf(folder, sizeof(folder), "%s/%s", own, places[i].folder);
		snprintf(page, sizeof(page), "%s/truesum-%s.1%s", folder, command,
			 places[i].suffix);
		if (access(page, R_OK) || !is_trusted(folder))
			continue;
		execlp("man", "man", page, NULL);
		return errno == ENOENT ? fail(-ENOENT, "there is no program 'man' here")
				       : fail_errno(-errno, "cannot run man");
	}
	return fail(-ENOENT, "no man page is installed with %s/truesum", own);
}
