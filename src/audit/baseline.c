// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Baselines: see baseline.h. The file:
 *
 *   {"truesum": "audit baseline", "format": 1, "kernel": RELEASE, "namespaces": [
 *     {"name": NAMESPACE,
 *      "sysctls": [{"name": NAME, "value": N}],
 *      "devices": [{"name": DEVICE, "active": [FEATURE], "programs": ["HOOK NAME"]}]}]}
 *
 * It is read strictly: what differs from this form is refused, and no text in it is trusted to be
 * printable. So when two baselines are compared, both have this form.
 */
#include "audit/baseline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "audit/facts.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/term.h"

#define MAGIC "audit baseline"
#define FORMAT 1
#define FILE_MAX (64 << 20)

/* The features that decide; others come and go with kernels and ports. */
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

/* ---- Names that survive a rebuild ---- */

/* Kubernetes generates names from these letters (k8s.io/apimachinery/pkg/util/rand). */
#define GENERATED "bcdfghjklmnpqrstvwxz2456789"

/* Cuts "-xxxxx" off the end if it is generated and `min` to `max` letters long. */
static bool cut_generated(char *name, size_t min, size_t max)
{
	char *dash = strrchr(name, '-');
	size_t len = dash ? strlen(dash + 1) : 0;

	if (!dash || dash == name || len < min || len > max || strspn(dash + 1, GENERATED) != len)
		return false;
	*dash = '\0';
	return true;
}

static bool is_container_id(const struct space *space, const char *name)
{
	return *space->container && strlen(name) >= 12 &&
	       !strncmp(space->container, name, strlen(name));
}

/* The name under which a namespace is known: see baseline.h. */
static void space_role(const struct audit_facts *facts, size_t space, char *ret_name, size_t size)
{
	const struct space *look = &facts->inventory.space[space];
	char numbered[sizeof(look->comm) + 16];

	snprintf(numbered, sizeof(numbered), "%s[%d]", look->comm, look->pid);
	if (look->own || !(is_container_id(look, look->name) || !strcmp(look->name, numbered))) {
		snprintf(ret_name, size, "%s", look->name);
		return;
	}
	if (!*look->hostname || is_container_id(look, look->hostname) ||
	    !strcmp(look->hostname, facts->inventory.space[0].hostname)) {
		snprintf(ret_name, size, "%s", look->comm);
		return;
	}
	snprintf(ret_name, size, "%s", look->hostname);
	if (cut_generated(ret_name, 5, 5))
		cut_generated(ret_name, 6, 10);
}

static void device_role(const struct audit_facts *facts, struct audit_place place, char *ret_name,
			size_t size)
{
	struct audit_place peer = audit_peer(facts, place);
	char role[TERM_PRINTABLE_SIZE(65)];

	if (strcmp(audit_device(facts, place)->kind, "veth") != 0 || peer.device == AUDIT_NONE ||
	    peer.space == place.space || !facts->inventory.space[place.space].own) {
		snprintf(ret_name, size, "%s", audit_details(facts, place)->name);
		return;
	}
	space_role(facts, peer.space, role, sizeof(role));
	snprintf(ret_name, size, "veth to %s:%s", role, audit_details(facts, peer)->name);
}

/* ---- Making and writing ---- */

static json_t *make_device(const struct audit_facts *facts, struct audit_place place)
{
	const struct audit_device *device = audit_details(facts, place);
	json_t *active = json_array(), *programs = json_array();
	char name[400], text[128];

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

static bool has_equal(const json_t *array, const json_t *value)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (json_equal(one, value))
			return true;
	return false;
}

/*
 * Appends the value, whose reference it takes; with `once` only if the array has no equal one. 0 or
 * -ENOMEM.
 */
static int append_value(json_t *array, json_t *value, bool once)
{
	if (!value)
		return no_memory();
	if (once && has_equal(array, value)) {
		json_decref(value);
		return 0;
	}
	return json_array_append_new(array, value) ? no_memory() : 0;
}

static json_t *make_namespace(const struct audit_facts *facts, size_t i)
{
	const struct audit_space *space = &facts->space[i];
	json_t *sysctls = json_array(), *devices = json_array();
	char name[TERM_PRINTABLE_SIZE(65)];
	int rc = 0;

	space_role(facts, i, name, sizeof(name));
	for (size_t k = 0; k < AUDIT_SYSCTLS; k++)
		if (space->sysctl[k] >= 0)
			json_array_append_new(sysctls,
					      json_pack("{s:s, s:i}", "name", audit_sysctl_names[k],
							"value", space->sysctl[k]));
	for (size_t k = 0; !rc && k < facts->inventory.space[i].device_count; k++)
		if (space->device[k].features_known)
			rc = append_value(devices, make_device(facts, (struct audit_place){ i, k }),
					  false);
	return json_pack("{s:s, s:o, s:o}", "name", name, "sysctls", sysctls, "devices", devices);
}

int audit_baseline_make(const struct audit_facts *facts, json_t **ret_baseline)
{
	json_auto_t *spaces = json_array();
	int rc = spaces ? 0 : no_memory();

	for (size_t i = 0; !rc && i < facts->inventory.space_count; i++)
		rc = append_value(spaces, make_namespace(facts, i), true);
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

/* ---- Reading ---- */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool is_name_text(const json_t *value)
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
		if (!is_name_text(one))
			return false;
	return json_is_array(array);
}

static bool check_space(json_t *space)
{
	json_t *name, *sysctls, *devices, *one, *active, *programs, *value;
	size_t i;

	if (json_unpack(space, "{s:o, s:o, s:o !}", "name", &name, "sysctls", &sysctls, "devices",
			&devices) ||
	    !is_name_text(name) || !json_is_array(sysctls) || !json_is_array(devices))
		return false;
	json_array_foreach(sysctls, i, one)
		if (json_unpack(one, "{s:o, s:o !}", "name", &name, "value", &value) ||
		    !is_name_text(name) || !json_is_integer(value))
			return false;
	json_array_foreach(devices, i, one)
		if (json_unpack(one, "{s:o, s:o, s:o !}", "name", &name, "active", &active,
				"programs", &programs) ||
		    !is_name_text(name) || !are_names(active) || !are_names(programs))
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
	    !is_name_text(magic) || strcmp(json_string_value(magic), MAGIC) != 0 ||
	    format != FORMAT || !is_name_text(kernel) || !json_is_array(spaces))
		return false;
	json_array_foreach(spaces, i, one)
		if (!check_space(one))
			return false;
	return true;
}

int audit_baseline_read(const char *path, json_t **ret_baseline)
{
	/* O_NONBLOCK: a FIFO would block. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	json_auto_t *root = NULL;
	json_error_t error;
	_cleanup_free_ char *text = NULL;
	char why[sizeof(error.text)];
	struct stat st;
	size_t len;
	int rc;

	if (fd < 0)
		return fail_errno(-errno, "cannot read the baseline %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return fail(-EINVAL, "%s is not a baseline: it is not a file of at most %d MB",
			    path, FILE_MAX >> 20);
	/* json_loadfd() would read it byte by byte. */
	rc = file_read(fd, path, FILE_MAX, &text, &len);
	if (rc)
		return rc;
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		term_sentence(why, sizeof(why), error.text);
		return fail(-EINVAL, "%s is not a baseline: line %d: %s", path, error.line, why);
	}
	if (!check_baseline(root))
		return fail(
			-EINVAL,
			"%s is not a baseline of this truesum: delete it, and the next run with "
			"--baseline writes a new one",
			path);
	*ret_baseline = TAKE_PTR(root);
	return 0;
}

/* ---- Comparing ---- */

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int add_drift(struct audit_drift *drift, const struct audit_change *change)
{
	struct audit_change *added = ARRAY_ADD(drift->change, drift->count);

	if (!added)
		return -ENOMEM;
	*added = *change;
	added->namespace = strdup(change->namespace);
	added->device = strdup(change->device);
	added->what = strdup(change->what);
	return added->namespace && added->device && added->what ? 0 : no_memory();
}

/*
 * The entry of the baseline to compare with. Candidates have the same name and lie in that list of
 * a namespace with that name. An equal one is best, else the first. NULL: there is none.
 */
static const json_t *counterpart(const json_t *was, const char *namespace, const char *list,
				 const json_t *now)
{
	const json_t *space, *one, *first = NULL;
	size_t i, k;

	json_array_foreach(json_object_get(was, "namespaces"), i, space) {
		if (strcmp(text_of(space, "name"), namespace) != 0)
			continue;
		json_array_foreach(json_object_get(space, list), k, one) {
			if (strcmp(text_of(one, "name"), text_of(now, "name")) != 0)
				continue;
			if (json_equal(one, now))
				return one;
			first = first ? first : one;
		}
	}
	return first;
}

static bool lists(const json_t *array, const char *text)
{
	const json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		if (!strcmp(json_string_value(one), text))
			return true;
	return false;
}

/* Adds the names that only one of the two lists has. */
static int compare_lists(struct audit_drift *drift, const char *namespace, const json_t *was,
			 const json_t *now, const char *list, const char *const states[2])
{
	const json_t *sides[2] = { json_object_get(was, list), json_object_get(now, list) };
	struct audit_change change = { .namespace = (char *)namespace,
				       .device = (char *)text_of(now, "name") };
	const json_t *one;
	int rc = 0;
	size_t i;

	for (int side = 0; !rc && side < 2; side++) {
		json_array_foreach(sides[side], i, one) {
			if (rc || lists(sides[!side], json_string_value(one)))
				continue;
			change.what = (char *)json_string_value(one);
			snprintf(change.was, sizeof(change.was), "%s", states[side]);
			snprintf(change.is, sizeof(change.is), "%s", states[!side]);
			rc = add_drift(drift, &change);
		}
	}
	return rc;
}

static int compare_device(struct audit_drift *drift, const json_t *was, const char *namespace,
			  const json_t *now)
{
	static const char *const feature[] = { "on", "off" }, *const program[] = { "there",
										   "gone" };
	const json_t *former = counterpart(was, namespace, "devices", now);
	int rc;

	if (!former) {
		drift->unknown++;
		return 0;
	}
	rc = compare_lists(drift, namespace, former, now, "active", feature);
	return rc ? rc : compare_lists(drift, namespace, former, now, "programs", program);
}

static int compare_sysctl(struct audit_drift *drift, const json_t *was, const char *namespace,
			  const json_t *now)
{
	const json_t *former = counterpart(was, namespace, "sysctls", now);
	struct audit_change change = { .namespace = (char *)namespace,
				       .device = (char *)"",
				       .what = (char *)text_of(now, "name") };

	if (!former || json_equal(former, now))
		return 0;
	snprintf(change.was, sizeof(change.was), "%lld",
		 (long long)json_integer_value(json_object_get(former, "value")));
	snprintf(change.is, sizeof(change.is), "%lld",
		 (long long)json_integer_value(json_object_get(now, "value")));
	return add_drift(drift, &change);
}

int audit_baseline_compare(const json_t *was, const json_t *now, struct audit_drift *ret_drift)
{
	struct audit_drift drift = { 0 };
	const json_t *space, *one;
	size_t i, k;
	int rc = 0;

	json_array_foreach(json_object_get(now, "namespaces"), i, space) {
		const char *name = text_of(space, "name");

		json_array_foreach(json_object_get(space, "sysctls"), k, one)
			rc = rc ? rc : compare_sysctl(&drift, was, name, one);
		json_array_foreach(json_object_get(space, "devices"), k, one)
			rc = rc ? rc : compare_device(&drift, was, name, one);
	}
	if (rc)
		audit_drift_release(&drift);
	else
		*ret_drift = drift;
	return rc;
}

void audit_drift_release(struct audit_drift *drift)
{
	for (size_t i = 0; i < drift->count; i++) {
		free(drift->change[i].namespace);
		free(drift->change[i].device);
		free(drift->change[i].what);
	}
	free(drift->change);
	*drift = (struct audit_drift){ 0 };
}
