// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any environment and configuration of a CNI plugin: four lines for CNI_COMMAND, CNI_CONTAINERID,
 * CNI_NETNS and CNI_IFNAME (an empty one: not set), the rest is standard input. A request is either
 * refused, with one of the specification's codes and a message; or its names are safe as file
 * names, and every answer can be composed and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard/start/cni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

/* The next line, or NULL if it is empty; the caller's. */
static char *take_line(const uint8_t **data, size_t *len)
{
	const uint8_t *end = *len ? memchr(*data, '\n', *len) : NULL;
	size_t size = end ? (size_t)(end - *data) : *len;
	char *line = size ? strndup((const char *)*data, size) : NULL;

	size += end ? 1 : 0;
	*data += size;
	*len -= size;
	return line;
}

static void check_name(const char *name)
{
	expect(*name && !strchr(name, '/') && !strchr(name, ':') && strcmp(name, "..") != 0);
}

/*
 * Takes `answer`: it must be an object of that version, and the same when its text is read again.
 */
static void check_answer(json_t *answer, const char *version)
{
	char *text = json_dumps(answer, 0);
	json_t *again = text ? json_loads(text, 0, NULL) : NULL;

	expect(json_equal(answer, again));
	expect(!strcmp(json_string_value(json_object_get(answer, "cniVersion")), version));
	json_decref(answer);
	json_decref(again);
	free(text);
}

static void check_request(const struct cni_request *request)
{
	const char *name[CNI_DEVICES_MAX];
	size_t count;

	if (request->command == CNI_VERSION) {
		check_answer(cni_compose(request, NULL), request->version);
		return;
	}
	check_name(request->network);
	if (request->command == CNI_GC)
		cni_is_valid(request, "c1", "eth0");
	if (request->command > CNI_DEL)
		return;
	check_name(request->container_id);
	check_name(request->ifname);
	count = cni_devices(request, name);
	expect(count > 0 && count <= CNI_DEVICES_MAX);
	for (size_t i = 0; i < count; i++)
		check_name(name[i]);
	if (request->command == CNI_DEL)
		return;
	expect(request->netns && *request->netns == '/' && request->previous);
	check_answer(cni_compose(request, NULL), request->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *command = take_line(&data, &len), *id = take_line(&data, &len);
	char *netns = take_line(&data, &len), *ifname = take_line(&data, &len);
	const struct cni_environment environment = { command, id, netns, ifname };
	struct cni_request request = { 0 };
	struct cni_error error;

	if (cni_parse(&environment, (const char *)data, len, &request, &error)) {
		expect(error.code > 0 && error.code < 12 && *error.msg);
		check_answer(cni_compose(NULL, &error), error.version);
	} else {
		check_request(&request);
	}
	cni_request_release(&request);
	free(command);
	free(id);
	free(netns);
	free(ifname);
	return 0;
}
