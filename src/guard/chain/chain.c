// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds and changes the files of container runtimes: see chain.h.
 *
 * A file is changed only if it is still the one that was read, and as a whole: a runtime reads the
 * former or the new one. Symbolic links stay, what they lead to is replaced.
 */
#include "guard/chain/chain.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/term.h"

#define FILE_MAX (4 << 20)

/* Who reads which files. The CNI's and hooks are read again by themselves when they change. */
static const struct {
	const char *pattern;
	const char *then;
} places[] = {
	{ "/etc/cni/net.d/*", "" },
	{ "/etc/cni/multus/net.d/*", "" },
	{ "/etc/kubernetes/cni/net.d/*", "" },
	{ "/var/lib/rancher/*/agent/etc/cni/net.d/*", "" },
	{ "/var/snap/microk8s/current/args/cni-network/*", "" },
	{ "/usr/local/etc/containers/oci/hooks.d/*", "" },
	{ "/etc/containers/oci/hooks.d/*", "" },
	{ "/run/containers/oci/hooks.d/*", "" },
	{ "/usr/share/containers/oci/hooks.d/*", "" },
	{ "/etc/docker/daemon.json", "systemctl reload docker" },
	{ "/etc/default/docker", "systemctl restart docker" },
	{ "/etc/sysconfig/docker", "systemctl restart docker" },
	{ "/etc/systemd/system/docker.service", "systemctl restart docker" },
	{ "/etc/systemd/system/docker.service.d/*.conf", "systemctl restart docker" },
	{ "/etc/containerd/*.toml", "systemctl restart containerd" },
	{ "/etc/containerd/*.json", "systemctl restart containerd" },
	{ "/etc/containerd/conf.d/*.toml", "systemctl restart containerd" },
	{ "/etc/systemd/system/containerd.service.d/*.conf", "systemctl restart containerd" },
	{ "/var/lib/rancher/k3s/agent/etc/containerd/*", "systemctl restart k3s" },
	{ "/var/lib/rancher/rke2/agent/etc/containerd/*", "systemctl restart rke2-server" },
	{ "/usr/share/containers/containers.conf", "" },
	{ "/usr/share/containers/containers.conf.d/*.conf", "" },
	{ "/etc/containers/containers.conf", "" },
	{ "/etc/containers/containers.conf.d/*.conf", "" },
	{ "/etc/crio/crio.conf", "systemctl reload crio" },
	{ "/etc/crio/crio.conf.d/*", "systemctl reload crio" },
	{ "/etc/nerdctl/*.toml", "" },
};

/* Where runtimes look for CNI plugins, beside $CNI_PATH. */
static const char *const plugin_folders[] = { "/opt/cni/bin",
					      "/usr/lib/cni",
					      "/usr/libexec/cni",
					      "/usr/local/lib/cni",
					      "/var/lib/rancher/k3s/data/cni",
					      "/var/snap/microk8s/current/opt/cni/bin" };

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Files of CNI and hooks are JSON, whatever is left in their folders beside those that are read. */
static bool is_json(const char *path)
{
	return ends_with(path, ".json") || ends_with(path, ".conflist") ||
	       (ends_with(path, ".conf") && strstr(path, "/net.d/")) ||
	       strstr(path, "/cni-network/");
}

/* In such folders only files with these ends are read; others are backups. */
static bool is_read(const char *path)
{
	if (strstr(path, "/net.d/") || strstr(path, "/cni-network/"))
		return ends_with(path, ".conf") || ends_with(path, ".conflist") ||
		       ends_with(path, ".json");
	return !strstr(path, "/hooks.d/") || ends_with(path, ".json");
}

static const char *find_runc(void)
{
	static const char *const programs[] = { "/usr/local/sbin/runc", "/usr/local/bin/runc",
						"/usr/sbin/runc",	"/usr/bin/runc",
						"/sbin/runc",		"/bin/runc" };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (!access(programs[i], X_OK))
			return programs[i];
	return NULL;
}

/* ---- Reading ---- */

static int read_regular(const char *path, struct stat *ret_stat, char **ret_text, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char shown[TERM_PRINTABLE_SIZE(256)];

	term_printable(shown, sizeof(shown), path);
	if (fd < 0)
		return fail_errno(-errno, "cannot read %s", shown);
	if (fstat(fd, ret_stat) < 0)
		return fail_errno(-errno, "cannot read %s", shown);
	if (!S_ISREG(ret_stat->st_mode))
		return fail(-EISDIR, "%s is no file", shown);
	return file_read(fd, shown, FILE_MAX, ret_text, ret_len);
}

static int read_file(struct chain_file *file)
{
	int rc;

	file->real = realpath(file->path, NULL);
	if (!file->real)
		return fail_errno(-errno, "cannot read %s", file->path);
	rc = read_regular(file->real, &file->stat, &file->before, &file->before_len);
	if (rc)
		return rc;
	return chain_text_out(file->before, file->before_len, is_json(file->path), find_runc(),
			      &file->text);
}

static void release_file(struct chain_file *file)
{
	free(file->path);
	free(file->real);
	free(file->before);
	chain_text_release(&file->text);
}

static bool is_known(const struct chain_files *files, const char *real)
{
	for (size_t i = 0; i < files->count; i++)
		if (files->file[i].real && !strcmp(files->file[i].real, real))
			return true;
	return false;
}

/* A file that cannot be read may name truesum: it is kept with the reason. */
static int look_into(const char *path, const char *then, struct chain_files *files)
{
	struct chain_file file = { .path = strdup(path), .then = then }, *added;
	int rc = file.path ? read_file(&file) : fail(-ENOMEM, "out of memory");

	if (rc == -ENOMEM || rc == -ENOENT || rc == -EISDIR ||
	    (!rc && (file.text.role == CHAIN_NOTHING || is_known(files, file.real)))) {
		release_file(&file);
		return rc == -EISDIR ? 0 : rc;
	}
	if (rc)
		snprintf(file.why, sizeof(file.why), "%s", fail_text());
	else if (file.text.role != CHAIN_NOTHING && !file.text.text && !file.text.is_alone)
		snprintf(file.why, sizeof(file.why), "%s", file.text.why);
	added = ARRAY_ADD(files->file, files->count);
	if (!added) {
		release_file(&file);
		return -ENOMEM;
	}
	*added = file;
	return 0;
}

static const char *then_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!strncmp(path, places[i].pattern, strcspn(places[i].pattern, "*")))
			return places[i].then;
	return "";
}

int chain_find_in(const char *path, struct chain_files *files)
{
	return look_into(path, then_of(path), files);
}

int chain_find(struct chain_files *ret_files)
{
	struct chain_files files = { 0 };
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(places); i++) {
		glob_t found = { 0 };

		rc = glob(places[i].pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : 0;
		for (size_t k = 0; !rc && k < found.gl_pathc; k++) {
			if (!is_read(found.gl_pathv[k]))
				continue;
			rc = look_into(found.gl_pathv[k], places[i].then, &files);
			rc = rc == -ENOENT ? 0 : rc; /* it went meanwhile, or leads nowhere */
		}
		globfree(&found);
	}
	if (rc) {
		chain_release(&files);
		return rc;
	}
	*ret_files = files;
	return 0;
}

void chain_release(struct chain_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		release_file(&files->file[i]);
	free(files->file);
	*files = (struct chain_files){ 0 };
}

/* ---- Changing ---- */

/* -EAGAIN if the file's content is no longer the one that was read. */
static int check_unchanged(const struct chain_file *file)
{
	_cleanup_free_ char *now = NULL;
	struct stat stat;
	size_t len = 0;
	int rc = read_regular(file->real, &stat, &now, &len);

	if (rc && rc != -ENOENT)
		return rc;
	if (!now || len != file->before_len || memcmp(now, file->before, len) != 0)
		return fail(-EAGAIN, "somebody else is changing it: try again");
	return 0;
}

/* Replaces the file, which keeps its mode and owner. */
static int replace(const struct chain_file *file, const char *text, size_t len)
{
	int rc = check_unchanged(file);

	rc = rc ? rc : file_replace(file->real, file->stat.st_mode & 07777, text, len);
	if (rc)
		return rc;
	if ((file->stat.st_uid != geteuid() || file->stat.st_gid != getegid()) &&
	    lchown(file->real, file->stat.st_uid, file->stat.st_gid) < 0)
		return fail_errno(-errno, "cannot give %s back to its owner", file->real);
	return 0;
}

int chain_take_out(struct chain_file *file)
{
	int rc = file->text.is_alone ? check_unchanged(file)
		 : file->text.text   ? replace(file, file->text.text, file->text.len)
				     : fail(-EINVAL, "%s", file->why);

	/* The link, too, if it was one: it would lead nowhere. */
	if (!rc && file->text.is_alone && unlink(file->real) < 0)
		rc = fail_errno(-errno, "cannot remove it");
	if (!rc && file->text.is_alone && strcmp(file->real, file->path) != 0)
		unlink(file->path);
	file->is_done = !rc;
	if (rc)
		snprintf(file->why, sizeof(file->why), "%s", fail_text());
	return rc;
}

static bool folder_has(const char *folder, size_t len, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%.*s/%s", (int)len, folder, name) < 0)
		path = NULL;
	return path && !access(path, X_OK);
}

/*
 * For each folder that has the plugin `first` of a list, truesum must be there, too: nobody but the
 * runtime knows which of them it uses.
 */
static int check_folder(const char *folder, size_t len, const char *first, size_t *ready)
{
	if (!len || (*first && !folder_has(folder, len, first)))
		return 0;
	if (!folder_has(folder, len, "truesum"))
		return *first ? fail(-ENOENT,
				     "%.*s has the plugin %s, but no truesum, so no container could "
				     "start: ln -s \"$(command -v truesum)\" %.*s/",
				     (int)len, folder, first, (int)len, folder)
			      : 0;
	++*ready;
	return 0;
}

static int check_installed(const char *first)
{
	const char *more = getenv("CNI_PATH");
	size_t ready = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_SIZE(plugin_folders); i++)
		rc = check_folder(plugin_folders[i], strlen(plugin_folders[i]), first, &ready);
	for (size_t len; !rc && more && *more; more += len + (more[len] == ':')) {
		len = strcspn(more, ":");
		rc = check_folder(more, len, first, &ready);
	}
	if (rc || ready)
		return rc;
	return fail(
		-ENOENT,
		"no folder of CNI plugins has both %s and truesum, so no container could start: "
		"link truesum into the runtime's folder, and name that in CNI_PATH",
		*first ? first : "the list's plugins");
}

int chain_put_plugin(const char *path, bool fail_open, bool *ret_changed)
{
	struct chain_file file = { .real = realpath(path, NULL) };
	char first[64];
	char *text = NULL;
	int rc = file.real ? read_regular(file.real, &file.stat, &file.before, &file.before_len)
			   : fail_errno(-errno, "cannot read it");

	rc = rc ? rc
		: chain_text_in(file.before, file.before_len, fail_open, &text, first,
				sizeof(first));
	rc = rc ? rc : check_installed(first);
	if (!rc && file.before) {
		*ret_changed = strcmp(text, file.before) != 0;
		rc = *ret_changed ? replace(&file, text, strlen(text)) : 0;
	}
	free(text);
	release_file(&file);
	return rc;
}

int chain_put_hook(const char *path, bool fail_open, bool *ret_changed)
{
	_cleanup_free_ char *program = realpath("/proc/self/exe", NULL);
	_cleanup_free_ char *text = program ? chain_text_hook(program, fail_open) : NULL;
	struct chain_files files = { 0 };
	int rc = chain_find_in(path, &files);

	if (!text)
		rc = fail(-ENOMEM, "out of memory");
	else if (rc == -ENOENT)
		*ret_changed = true, rc = 0;
	else if (!rc && (files.count != 1 || !files.file[0].text.is_alone))
		rc = fail(-EEXIST, "there is another file of that name");
	else if (!rc)
		*ret_changed = strcmp(files.file[0].before, text) != 0;
	if (!rc && text && *ret_changed)
		rc = file_replace(path, 0644, text, strlen(text));
	chain_release(&files);
	return rc;
}
