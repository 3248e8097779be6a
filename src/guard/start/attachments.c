// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes records of attachments: see attachments.h. */
#include "guard/start/attachments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/privilege.h"
#include "base/file.h"
#include "base/term.h"
#include "guard/catalog.h"
#include "net/ledger.h"

#define RUN_FOLDER "/run/truesum"
#define FOLDER RUN_FOLDER "/attached"
#define PATH_SIZE (sizeof(FOLDER) + 1 + NAME_MAX)

static int write_path(const struct attachment_key *key, char path[PATH_SIZE])
{
	size_t len = strlen(key->network) + strlen(key->container_id) + strlen(key->ifname) + 2;

	if (len > NAME_MAX)
		return fail(-ENAMETOOLONG,
			    "the names of the network and the container are too long together: %zu "
			    "characters",
			    len);
	snprintf(path, PATH_SIZE, FOLDER "/%s:%s:%s", key->network, key->container_id, key->ifname);
	return 0;
}

static int make_folder(const char *path)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return privilege_fail(-errno, "cannot make %s", path);
	return 0;
}

int attachments_ready(void)
{
	int rc = make_folder(RUN_FOLDER);

	rc = rc ? rc : make_folder(FOLDER);
	if (!rc && faccessat(AT_FDCWD, FOLDER, W_OK, AT_EACCESS) < 0)
		return privilege_fail(-errno, "cannot write in " FOLDER "");
	return rc;
}

/* ---- Writing ---- */

static json_t *compose_device(const struct attached_device *device)
{
	return json_pack("{s:i, s:s, s:o}", "index", device->index, "device", device->device,
			 "mitigations", catalog_compose(device->mitigations));
}

static json_t *compose(const struct attachment *attachment, const char *where)
{
	const struct netns_id *netns = &attachment->netns;
	char boot[LEDGER_BOOT] = "", printable[TERM_PRINTABLE_SIZE(PATH_MAX)];
	json_t *devices = json_array();

	ledger_this_boot(boot);
	term_printable(printable, sizeof(printable), where); /* for people who read the file */
	for (size_t i = 0; i < attachment->count; i++)
		json_array_append_new(devices, compose_device(&attachment->device[i]));
	return json_pack("{s:[I,I], s:I, s:s, s:s, s:o}", "netns", (json_int_t)netns->dev,
			 (json_int_t)netns->ino, "cookie", (json_int_t)netns->cookie, "where",
			 printable, "boot", boot, "devices", devices);
}

int attachments_write(const struct attachment_key *key, const struct attachment *attachment,
		      const char *where)
{
	json_auto_t *root = compose(attachment, where);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	char path[PATH_SIZE];
	int rc = attachments_ready();

	rc = rc ? rc : write_path(key, path);
	if (rc)
		return rc;
	if (!text)
		return fail(-ENOMEM, "out of memory");
	return file_replace(path, 0600, text, strlen(text));
}

/* ---- Reading ---- */

static int take_device(const json_t *json, struct attached_device *device)
{
	const json_t *names;
	const char *text;

	if (json_unpack((json_t *)json, "{s:i, s:s, s:o}", "index", &device->index, "device", &text,
			"mitigations", &names))
		return -EBADMSG;
	snprintf(device->device, sizeof(device->device), "%s", text);
	return catalog_parse(names, &device->mitigations);
}

static int take(const json_t *root, struct attachment *attachment)
{
	json_int_t dev, ino, cookie;
	const char *boot;
	char now[LEDGER_BOOT];
	json_t *devices, *device;
	size_t i;

	if (json_unpack((json_t *)root, "{s:[I,I], s:I, s:s, s:o}", "netns", &dev, &ino, "cookie",
			&cookie, "boot", &boot, "devices", &devices) ||
	    json_array_size(devices) > ATTACHMENT_DEVICES_MAX)
		return -EBADMSG;
	attachment->netns = (struct netns_id){ .dev = (dev_t)dev,
					       .ino = (ino_t)ino,
					       .cookie = (uint64_t)cookie };
	attachment->is_past = !ledger_this_boot(now) && strcmp(boot, now) != 0;
	json_array_foreach(devices, i, device)
		if (take_device(device, &attachment->device[attachment->count++]))
			return -EBADMSG;
	return 0;
}

int attachments_read(const struct attachment_key *key, struct attachment *ret_attachment)
{
	json_auto_t *root = NULL;
	_cleanup_free_ struct attachment *attachment = calloc(1, sizeof(*attachment));
	char path[PATH_SIZE];
	int rc = write_path(key, path);

	if (!attachment)
		return fail(-ENOMEM, "out of memory");
	if (rc)
		return rc;
	if (access(path, F_OK) < 0)
		return fail_errno(-errno, "no %s", path);
	root = json_load_file(path, 0, NULL);
	if (!root || take(root, attachment))
		return fail(-EBADMSG, "%s is not a record of an attachment", path);
	*ret_attachment = *attachment;
	return 0;
}

int attachments_remove(const struct attachment_key *key)
{
	char path[PATH_SIZE];

	if (write_path(key, path))
		return 0; /* a key without a path was never written */
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(-errno, "cannot remove %s", path);
	return 0;
}

int attachments_each(const char *network, attachment_fn fn, void *data)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(FOLDER);
	const struct dirent *entry;
	int first = 0;

	if (!dir)
		return errno == ENOENT ? 0 : fail_errno(-errno, "cannot read " FOLDER);
	while ((entry = readdir(dir))) {
		char name[NAME_MAX + 1], *id, *ifname;
		struct attachment_key key;
		int rc;

		snprintf(name, sizeof(name), "%s", entry->d_name);
		id = strchr(name, ':');
		ifname = id ? strchr(id + 1, ':') : NULL;
		if (!ifname)
			continue;
		*id++ = *ifname++ = '\0';
		key = (struct attachment_key){ name, id, ifname };
		rc = strcmp(name, network) ? 0 : fn(&key, data);
		first = first ? first : rc;
	}
	return first;
}
