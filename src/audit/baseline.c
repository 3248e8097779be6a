// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Baselines: see baseline.h. The file:
 *
 *   {"truesum": "audit baseline", "format": 1, "kernel": RELEASE, "namespaces": [
 *     {"name": NAMESPACE,
 *      "sysctls": [{"name": NAME, "value": N}],
 *      "devices": [{"name": DEVICE, "active": [FEATURE], "programs": ["HOOK NAME"]}]}]}
 *
 * It is read strictly: what is not exactly this is refused, and nothing in it is believed to be
 * printable.
 */
#include "audit/baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/collect.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/term.h"

#define MAGIC "audit baseline"
#define FORMAT 1
#define FILE_MAX (64 << 20)

/* Features that decide; the others come and go with kernels and ports. */
static const char *const deciding[] = {
	"rx-checksum",
	"tx-checksum-ip-generic",
	"tx-checksum-ipv4",
	"tx-checksum-ipv6",
	"tx-checksum-sctp",
	"tx-generic-segmentation",
	"tx-tcp-segmentation",
	"tx-tcp6-segmentation",
	"tx-udp-segmentation",
	"tx-udp_tnl-segmentation",
	"tx-udp_tnl-csum-segmentation",
	"rx-gro",
	"rx-gro-hw",
	"rx-gro-list",
	"rx-udp-gro-forwarding",
	"rx-lro",
	"rx-fcs",
	"rx-all",
};

static int no_memory(void)
{
	return fail(-ENOMEM, "out of memory");
}

static void device_role(const struct audit_facts *facts, struct audit_place place, char *ret_name,
			size_t size)
{
	struct audit_place peer = audit_peer(facts, place);
	char role[128];

	if (strcmp(audit_device(facts, place)->kind, "veth") != 0 || peer.device == AUDIT_NONE ||
	    peer.space == place.space || !facts->inventory.space[place.space].own) {
		snprintf(ret_name, size, "%s", audit_more(facts, place)->name);
		return;
	}
	audit_role(facts, peer.space, role, sizeof(role));
	snprintf(ret_name, size, "veth to %s:%s", role, audit_more(facts, peer)->name);
}

static json_t *make_device(const struct audit_facts *facts, struct audit_place place)
{
	const struct audit_device *device = audit_more(facts, place);
	json_t *active = json_array(), *programs = json_array();
	char name[200], text[64];

	device_role(facts, place, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(deciding); i++)
		if (audit_feature(facts, device, deciding[i]))
			json_array_append_new(active, json_string(deciding[i]));
	for (size_t i = 0; i < device->program_count; i++) {
		snprintf(text, sizeof(text), "%s %s", device->program[i].hook,
			 device->program[i].name);
		json_array_append_new(programs, json_string(text));
	}
	return json_pack("{s:s, s:o, s:o}", "name", name, "active", active, "programs", programs);
}

static bool holds(const json_t *array, const json_t *value)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (json_equal(one, value))
			return true;
	return false;
}

/* Appends what is not there yet; takes the reference. 0 or -ENOMEM. */
static int append(json_t *array, json_t *value, bool once)
{
	if (!value)
		return no_memory();
	if (once && holds(array, value)) {
		json_decref(value);
		return 0;
	}
	return json_array_append_new(array, value) ? no_memory() : 0;
}

static json_t *make_space(const struct audit_facts *facts, size_t i)
{
	const struct audit_space *space = &facts->space[i];
	json_t *sysctls = json_array(), *devices = json_array();
	char name[128];
	int rc = 0;

	audit_role(facts, i, name, sizeof(name));
	for (size_t k = 0; k < AUDIT_SYSCTLS; k++)
		if (space->sysctl[k] >= 0)
			json_array_append_new(sysctls,
					      json_pack("{s:s, s:i}", "name", audit_sysctl_names[k],
							"value", space->sysctl[k]));
	for (size_t k = 0; !rc && k < facts->inventory.space[i].device_count; k++)
		if (space->device[k].features_known)
			rc = append(devices, make_device(facts, (struct audit_place){ i, k }),
				    false);
	return json_pack("{s:s, s:o, s:o}", "name", name, "sysctls", sysctls, "devices", devices);
}

int audit_baseline_make(const struct audit_facts *facts, json_t **ret_baseline)
{
	json_auto_t *spaces = json_array();
	int rc = spaces ? 0 : no_memory();

	for (size_t i = 0; !rc && i < facts->inventory.space_count; i++)
		rc = append(spaces, make_space(facts, i), true);
	if (rc)
		return rc;
	*ret_baseline = json_pack("{s:s, s:i, s:s, s:O}", "truesum", MAGIC, "format", FORMAT,
				  "kernel", facts->kernel, "namespaces", spaces);
	return *ret_baseline ? 0 : no_memory();
}

int audit_baseline_write(const char *path, const json_t *baseline)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	_cleanup_fclose_ FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file)
		return fail_errno(-errno, "cannot write the baseline %s", path);
	if (json_dumpf(baseline, file, JSON_INDENT(1)) || fputc('\n', file) == EOF ||
	    fflush(file) || fsync(fd)) {
		int rc = errno ? -errno : -EIO;

		unlink(path);
		return fail_errno(rc, "cannot write the baseline %s", path);
	}
	return 0;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool is_name(const json_t *value)
{
	return json_is_string(value) && *json_string_value(value) &&
	       strlen(json_string_value(value)) == json_string_length(value) &&
	       is_printable(json_string_value(value));
}

static bool are_names(const json_t *array)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (!is_name(one))
			return false;
	return json_is_array(array);
}

static bool check_space(json_t *space)
{
	json_t *name, *sysctls, *devices, *one, *active, *programs, *value;
	size_t i;

	if (json_unpack(space, "{s:o, s:o, s:o !}", "name", &name, "sysctls", &sysctls, "devices",
			&devices) ||
	    !is_name(name) || !json_is_array(sysctls) || !json_is_array(devices))
		return false;
	json_array_foreach(sysctls, i, one)
		if (json_unpack(one, "{s:o, s:o !}", "name", &name, "value", &value) ||
		    !is_name(name) || !json_is_integer(value))
			return false;
	json_array_foreach(devices, i, one)
		if (json_unpack(one, "{s:o, s:o, s:o !}", "name", &name, "active", &active,
				"programs", &programs) ||
		    !is_name(name) || !are_names(active) || !are_names(programs))
			return false;
	return true;
}

static bool check_baseline(json_t *root)
{
	json_t *magic, *kernel, *spaces, *one;
	size_t i;
	int format;

	if (json_unpack(root, "{s:o, s:i, s:o, s:o !}", "truesum", &magic, "format", &format,
			"kernel", &kernel, "namespaces", &spaces) ||
	    !is_name(magic) || strcmp(json_string_value(magic), MAGIC) != 0 || format != FORMAT ||
	    !is_name(kernel) || !json_is_array(spaces))
		return false;
	json_array_foreach(spaces, i, one)
		if (!check_space(one))
			return false;
	return true;
}

int audit_baseline_read(const char *path, json_t **ret_baseline)
{
	/* Somebody's FIFO would block. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	json_auto_t *root = NULL;
	json_error_t error;
	char why[sizeof(error.text)];
	struct stat st;

	if (fd < 0)
		return fail_errno(-errno, "cannot read the baseline %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return fail(-EINVAL, "%s is no baseline: it is not a file of at most %d MB", path,
			    FILE_MAX >> 20);
	root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		term_printable(why, sizeof(why), error.text);
		return fail(-EINVAL, "%s is no baseline: line %d: %s", path, error.line, why);
	}
	if (!check_baseline(root))
		return fail(-EINVAL,
			    "%s is no baseline of this truesum: delete it, and the next run with "
			    "--baseline writes a new one",
			    path);
	*ret_baseline = TAKE_PTR(root);
	return 0;
}
