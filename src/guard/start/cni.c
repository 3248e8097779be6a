// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses CNI requests: see cni.h. Each command is a row: what it needs, and since which version it
 * exists. A request that is not understood is refused with the specification's code before anything
 * is done. Unknown keys belong to other plugins or to the runtime, and are ignored.
 */
#include "guard/start/cni.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/term.h"
#include "guard/catalog.h"

/* Oldest first. Versions before 0.3.0 had another form of prevResult. */
static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };

enum { V_0_3_0, V_0_3_1, V_0_4_0, V_1_0_0, V_1_1_0, VERSIONS };

static const struct {
	const char *name;
	unsigned int since; /* number in versions[] */
	bool of_container, needs_netns, needs_previous;
} commands[CNI_COMMANDS] = {
	[CNI_ADD] = { "ADD", V_0_3_0, true, true, true },
	[CNI_CHECK] = { "CHECK", V_0_4_0, true, true, true },
	[CNI_DEL] = { "DEL", V_0_3_0, true, false, false },
	[CNI_VERSION] = { "VERSION", V_0_3_0, false, false, false },
	[CNI_STATUS] = { "STATUS", V_1_1_0, false, false, false },
	[CNI_GC] = { "GC", V_1_1_0, false, false, false },
};

void cni_fail(struct cni_error *error, enum cni_code code, const char *format, ...)
{
	va_list args;

	error->code = code;
	error->details[0] = '\0';
	va_start(args, format);
	vsnprintf(error->msg, sizeof(error->msg), format, args);
	va_end(args);
}

/* Adds details to an error. */
__attribute__((format(printf, 2, 3))) static void add_details(struct cni_error *error,
							      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->details, sizeof(error->details), format, args);
	va_end(args);
}

/* ---- The environment ---- */

/*
 * The specification's form of container ids and network names: a letter or digit first, then . _ -
 * too.
 */
static bool is_cni_name(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && (at == text || !strchr("._-", *at)))
			return false;
	return *text != '\0';
}

/* As dev_valid_name() in net/core/dev.c. */
static bool is_ifname(const char *text)
{
	if (!*text || strlen(text) >= IFNAMSIZ || !strcmp(text, ".") || !strcmp(text, ".."))
		return false;
	for (; *text; text++)
		if (*text == '/' || *text == ':' || isspace((unsigned char)*text))
			return false;
	return true;
}

static int refuse(struct cni_error *error, const char *variable, const char *value,
		  const char *form)
{
	cni_fail(error, CNI_ENVIRONMENT, "%s is '%.80s'", variable, value);
	add_details(error, "%s", form);
	return -EINVAL;
}

static int find_command(const char *name, enum cni_command *ret_command, struct cni_error *error)
{
	for (unsigned int i = 0; name && i < CNI_COMMANDS; i++)
		if (!strcmp(name, commands[i].name)) {
			*ret_command = (enum cni_command)i;
			return 0;
		}
	return refuse(error, "CNI_COMMAND", name ? name : "",
		      "known: ADD, CHECK, DEL, VERSION, STATUS, GC");
}

static int take_environment(const struct cni_environment *environment, struct cni_request *request,
			    struct cni_error *error)
{
	const char *id = environment->container_id, *netns = environment->netns;
	const char *ifname = environment->ifname;

	if (!commands[request->command].of_container)
		return 0;
	netns = netns && *netns ? netns : NULL;
	if (!id || !ifname || (commands[request->command].needs_netns && !netns)) {
		cni_fail(error, CNI_ENVIRONMENT, "environment variables are missing:%s%s%s",
			 id ? "" : " CNI_CONTAINERID",
			 !netns && commands[request->command].needs_netns ? " CNI_NETNS" : "",
			 ifname ? "" : " CNI_IFNAME");
		return -EINVAL;
	}
	if (!is_cni_name(id))
		return refuse(error, "CNI_CONTAINERID", id,
			      "it begins with a letter or digit, then . _ - are allowed too");
	if (!is_ifname(ifname))
		return refuse(error, "CNI_IFNAME", ifname,
			      "up to 15 characters without blanks, '/' and ':'");
	if (netns && *netns != '/')
		return refuse(error, "CNI_NETNS", netns,
			      "the path of a network namespace is needed: /run/netns/NAME");
	request->container_id = id;
	request->ifname = ifname;
	request->netns = netns;
	return 0;
}

/* ---- The configuration ---- */

static int take_version(struct cni_request *request, struct cni_error *error)
{
	const char *version = json_string_value(json_object_get(request->config, "cniVersion"));
	unsigned int number = 0;

	while (number < VERSIONS && (!version || strcmp(version, versions[number])))
		number++;
	if (number == VERSIONS) {
		cni_fail(error, CNI_INCOMPATIBLE, "incompatible CNI version '%.40s'",
			 version ? version : "");
		add_details(error, "known: 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0");
		return -EINVAL;
	}
	request->version = versions[number];
	snprintf(error->version, sizeof(error->version), "%s", request->version);
	if (number < commands[request->command].since) {
		cni_fail(error, CNI_INCOMPATIBLE, "CNI version %s has no %s", request->version,
			 commands[request->command].name);
		add_details(error, "it needs %s", versions[commands[request->command].since]);
		return -EINVAL;
	}
	return 0;
}

/* Reads a wish: "auto", the name of a mitigation, or an array of such names. */
static int take_mitigation(const json_t *wish, uint32_t *ret_ordered, struct cni_error *error)
{
	json_auto_t *names =
		json_is_array(wish) ? json_incref((json_t *)wish) : json_pack("[O]", wish);
	_cleanup_free_ char *text = NULL;
	uint32_t known = catalog_at(AT_END), ordered;
	char words[120];

	if (!wish || (json_is_string(wish) && !strcmp(json_string_value(wish), "auto")))
		return 0;
	if (!catalog_parse(names, &ordered) && ordered && !(ordered & ~known)) {
		*ret_ordered = ordered;
		return 0;
	}
	text = json_dumps(wish, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	cni_fail(error, CNI_UNSUPPORTED, "unsupported value of \"mitigation\": %.80s",
		 text ? text : "");
	catalog_words(known, "\", \"", "", words, sizeof(words));
	add_details(error, "known: \"auto\", \"%s\", [\"%s\"]", words, words);
	return -EINVAL;
}

/* A wrong value must not be taken for either: what it is said to mean stays unknown. */
static int take_fail_open(const json_t *wish, struct cni_error *error)
{
	if (!wish || json_is_boolean(wish))
		return 0;
	cni_fail(error, CNI_UNSUPPORTED, "unsupported value of \"failOpen\"");
	add_details(error, "known: true, false");
	return -EINVAL;
}

/* Every element of the array is an object in which `key` is text. */
static bool is_list(const json_t *list, const char *key)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_object_get(json_array_get(list, i), key)))
			return false;
	return !list || json_is_array(list) || json_is_null(list);
}

static int take_previous(struct cni_request *request, struct cni_error *error)
{
	const json_t *previous = json_object_get(request->config, "prevResult");

	if (json_is_null(previous))
		previous = NULL;
	if (!previous && commands[request->command].needs_previous) {
		cni_fail(error, CNI_CONFIG, "prevResult is missing");
		add_details(error,
			    "truesum is a chained plugin: put it after the plugin that makes "
			    "the interface, in the same list of \"plugins\"");
		return -EINVAL;
	}
	if (previous && (!json_is_object(previous) ||
			 !is_list(json_object_get(previous, "interfaces"), "name") ||
			 !is_list(json_object_get(previous, "ips"), "address"))) {
		cni_fail(error, CNI_DECODE, "prevResult is not a result of the CNI");
		return -EINVAL;
	}
	if (json_array_size(json_object_get(previous, "interfaces")) > CNI_DEVICES_MAX) {
		cni_fail(error, CNI_CONFIG, "prevResult has more than %d interfaces",
			 CNI_DEVICES_MAX);
		return -EINVAL;
	}
	request->previous = previous;
	return 0;
}

/* GC removes all attachments that are not in the list, so it needs the list. */
static int take_valid(struct cni_request *request, struct cni_error *error)
{
	const json_t *valid = json_object_get(request->config, "cni.dev/valid-attachments");

	if (request->command != CNI_GC)
		return 0;
	if (!json_is_array(valid) || !is_list(valid, "containerID") || !is_list(valid, "ifname")) {
		cni_fail(error, CNI_CONFIG,
			 "GC needs \"cni.dev/valid-attachments\": a list of "
			 "{\"containerID\", \"ifname\"}");
		return -EINVAL;
	}
	request->valid = valid;
	return 0;
}

static int take_config(struct cni_request *request, struct cni_error *error)
{
	const char *network = json_string_value(json_object_get(request->config, "name"));
	int rc = take_version(request, error);

	if (rc)
		return rc;
	if (!network || !is_cni_name(network)) {
		cni_fail(error, CNI_CONFIG, "the network's \"name\" is '%.80s'",
			 network ? network : "");
		add_details(error, "it begins with a letter or digit, then . _ - are allowed too");
		return -EINVAL;
	}
	request->network = network;
	rc = take_mitigation(json_object_get(request->config, "mitigation"), &request->ordered,
			     error);
	rc = rc ? rc : take_fail_open(json_object_get(request->config, "failOpen"), error);
	rc = rc ? rc : take_previous(request, error);
	return rc ? rc : take_valid(request, error);
}

static int decode(const char *text, size_t len, struct cni_request *request,
		  struct cni_error *error)
{
	json_error_t why;

	request->config = json_loadb(text, len, 0, &why);
	if (json_is_object(request->config))
		return 0;
	cni_fail(error, CNI_DECODE, "the configuration on standard input is not a JSON object");
	/* jansson's own message may quote bytes that are not UTF-8. */
	if (!request->config)
		add_details(error, "line %d, column %d", why.line, why.column);
	return -EINVAL;
}

/* VERSION is how a runtime finds out the version, so it may come with any version or none. */
static int take_version_request(const char *text, size_t len, struct cni_request *request,
				struct cni_error *error)
{
	const char *version;
	int rc = len ? decode(text, len, request, error) : 0;

	if (rc)
		return rc;
	version = json_string_value(json_object_get(request->config, "cniVersion"));
	request->version = version && *version ? version : versions[VERSIONS - 1];
	return 0;
}

int cni_parse(const struct cni_environment *environment, const char *text, size_t len,
	      struct cni_request *ret_request, struct cni_error *ret_error)
{
	_cleanup_(cni_request_release) struct cni_request request = { 0 };
	struct cni_error error = { 0 };
	int rc = find_command(environment->command, &request.command, &error);

	snprintf(error.version, sizeof(error.version), "%s", versions[VERSIONS - 1]);
	if (!rc && request.command == CNI_VERSION) {
		rc = take_version_request(text, len, &request, &error);
	} else {
		rc = rc ? rc : take_environment(environment, &request, &error);
		rc = rc ? rc : decode(text, len, &request, &error);
		rc = rc ? rc : take_config(&request, &error);
	}
	*ret_error = error;
	if (!rc)
		*ret_request = TAKE(request, (struct cni_request){ 0 });
	return rc;
}

bool cni_is_open(const struct cni_environment *environment, const char *text, size_t len,
		 bool acted, json_t **ret_answer)
{
	json_auto_t *config = json_loadb(text, len, 0, NULL);
	json_t *previous = json_object_get(config, "prevResult");
	struct cni_error error;
	enum cni_command command;

	if (!json_is_true(json_object_get(config, "failOpen")) ||
	    find_command(environment->command, &command, &error) || command == CNI_VERSION ||
	    (acted && (command == CNI_DEL || command == CNI_GC)) ||
	    (command == CNI_ADD && !json_is_object(previous)))
		return false;
	*ret_answer = command == CNI_ADD ? json_deep_copy(previous) : NULL;
	if (*ret_answer && json_is_string(json_object_get(config, "cniVersion")))
		json_object_set(*ret_answer, "cniVersion", json_object_get(config, "cniVersion"));
	return true;
}

void cni_request_release(struct cni_request *request)
{
	json_decref(request->config);
}

bool cni_is_valid(const struct cni_request *request, const char *container_id, const char *ifname)
{
	size_t i;
	const json_t *one;

	json_array_foreach(request->valid, i, one)
		if (!strcmp(json_string_value(json_object_get(one, "containerID")), container_id) &&
		    !strcmp(json_string_value(json_object_get(one, "ifname")), ifname))
			return true;
	return false;
}

size_t cni_devices(const struct cni_request *request, const char *ret_name[CNI_DEVICES_MAX])
{
	const json_t *list = json_object_get(request->previous, "interfaces"), *one;
	size_t count = 0, i;

	json_array_foreach(list, i, one) {
		const char *sandbox = json_string_value(json_object_get(one, "sandbox"));
		const char *name = json_string_value(json_object_get(one, "name"));
		size_t same = 0;

		while (same < count && strcmp(ret_name[same], name))
			same++;
		if (sandbox && *sandbox && is_ifname(name) && same == count)
			ret_name[count++] = name;
	}
	if (!count)
		ret_name[count++] = request->ifname;
	return count;
}

/* ---- Answers ---- */

/* Before 1.0.0 an address came with its family's number. */
static void fit_address(json_t *address, bool with_version)
{
	const char *text = json_string_value(json_object_get(address, "address"));

	if (!with_version)
		json_object_del(address, "version");
	else if (!json_object_get(address, "version"))
		json_object_set_new(address, "version", json_string(strchr(text, ':') ? "6" : "4"));
}

static json_t *compose_result(const struct cni_request *request)
{
	json_t *result = json_deep_copy(request->previous), *list, *address;
	size_t i;

	if (!result || json_object_set_new(result, "cniVersion", json_string(request->version))) {
		json_decref(result);
		return NULL;
	}
	list = json_object_get(result, "ips");
	for (i = 0; (address = json_array_get(list, i)); i++)
		fit_address(address, strcmp(request->version, versions[V_1_0_0]) < 0);
	return result;
}

static json_t *compose_versions(const struct cni_request *request)
{
	json_t *list = json_array();

	for (size_t i = 0; i < VERSIONS; i++)
		json_array_append_new(list, json_string(versions[i]));
	return json_pack("{s:s, s:o}", "cniVersion", request->version, "supportedVersions", list);
}

static json_t *compose_error(const struct cni_error *error)
{
	char msg[TERM_PRINTABLE_SIZE(sizeof(error->msg))];
	char details[TERM_PRINTABLE_SIZE(sizeof(error->details))];

	/* They may quote any bytes. */
	term_sentence(msg, sizeof(msg), error->msg);
	term_sentence(details, sizeof(details), error->details);
	return json_pack("{s:s, s:i, s:s, s:s}", "cniVersion", error->version, "code",
			 (int)error->code, "msg", msg, "details", details);
}

json_t *cni_compose(const struct cni_request *request, const struct cni_error *error)
{
	if (error)
		return compose_error(error);
	return request->command == CNI_VERSION ? compose_versions(request)
					       : compose_result(request);
}
