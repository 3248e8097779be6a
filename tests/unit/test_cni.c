// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * guard/start/cni.c: requests of CNI runtimes and the forms of answers; guard/start/oci.c: states
 * of containers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "guard/start/cni.h"
#include "base/vocabulary.h"
#include "guard/start/oci.h"

#define PREVIOUS "\"prevResult\":{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/n\"}]}"
#define HEAD "{\"cniVersion\":\"1.0.0\",\"name\":\"n\","

static const struct cni_environment add = { "ADD", "c1", "/run/netns/c1", "eth0" };

static const struct {
	struct cni_environment environment;
	const char *text;
	unsigned int code; /* 0: understood */
	const char *says; /* in the message */
} requests[] = {
	{ { "ADD", "c1", "/n", "eth0" }, HEAD PREVIOUS "}", 0, "" },
	{ { "CHECK", "c1", "/n", "eth0" }, HEAD PREVIOUS "}", 0, "" },
	{ { "DEL", "c1", NULL, "eth0" }, HEAD "\"type\":\"truesum\"}", 0, "" },
	{ { "DEL", "c1", "", "eth0" }, HEAD "\"prevResult\":null}", 0, "" },
	{ { "VERSION", NULL, NULL, NULL }, "", 0, "" },
	{ { "VERSION", NULL, NULL, NULL }, "{\"cniVersion\":\"9.9.9\"}", 0, "" },
	{ { "STATUS", NULL, NULL, NULL }, "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}", 0, "" },
	/* the environment */
	{ { NULL, "c1", "/n", "eth0" }, HEAD PREVIOUS "}", 4, "CNI_COMMAND" },
	{ { "UPDATE", "c1", "/n", "eth0" }, HEAD PREVIOUS "}", 4, "CNI_COMMAND is 'UPDATE'" },
	{ { "ADD", NULL, NULL, NULL }, "", 4, "CNI_CONTAINERID CNI_NETNS CNI_IFNAME" },
	{ { "DEL", NULL, NULL, "eth0" }, "", 4, "missing: CNI_CONTAINERID" },
	{ { "ADD", "-c1", "/n", "eth0" }, "", 4, "CNI_CONTAINERID is '-c1'" },
	{ { "ADD", "c:1", "/n", "eth0" }, "", 4, "CNI_CONTAINERID" },
	{ { "ADD", "", "/n", "eth0" }, "", 4, "CNI_CONTAINERID" },
	{ { "ADD", "c1", "n", "eth0" }, "", 4, "CNI_NETNS" },
	{ { "ADD", "c1", "/n", "" }, "", 4, "CNI_IFNAME" },
	{ { "ADD", "c1", "/n", ".." }, "", 4, "CNI_IFNAME" },
	{ { "ADD", "c1", "/n", "sixteen-letters-" }, "", 4, "CNI_IFNAME" },
	/* the text */
	{ { "ADD", "c1", "/n", "eth0" }, "", 6, "JSON" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD PREVIOUS "} x", 6, "JSON" },
	{ { "VERSION", NULL, NULL, NULL }, "x", 6, "JSON" },
	/* the configuration */
	{ { "ADD", "c1", "/n", "eth0" }, "{\"name\":\"n\"}", 1, "version ''" },
	{ { "ADD", "c1", "/n", "eth0" }, "{\"cniVersion\":1}", 1, "version ''" },
	{ { "ADD", "c1", "/n", "eth0" }, "{\"cniVersion\":\"0.2.0\"}", 1, "version '0.2.0'" },
	{ { "ADD", "c1", "/n", "eth0" }, "{\"cniVersion\":\"1.0.1\"}", 1, "version '1.0.1'" },
	{ { "CHECK", "c1", "/n", "eth0" }, "{\"cniVersion\":\"0.3.1\"}", 1, "0.3.1 has no CHECK" },
	{ { "GC", NULL, NULL, NULL }, "{\"cniVersion\":\"1.0.0\"}", 1, "1.0.0 has no GC" },
	{ { "ADD", "c1", "/n", "eth0" }, "{\"cniVersion\":\"1.0.0\"}", 7, "name" },
	{ { "ADD", "c1", "/n", "eth0" },
	  "{\"cniVersion\":\"1.0.0\",\"name\":\"../x\"}",
	  7,
	  "'../x'" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"x\":1}", 7, "prevResult is missing" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"prevResult\":null}", 7, "prevResult" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"prevResult\":[]}", 6, "prevResult" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"prevResult\":{\"interfaces\":{}}}", 6, "" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"prevResult\":{\"interfaces\":[1]}}", 6, "" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"prevResult\":{\"ips\":[{}]}}", 6, "" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"mitigation\":\"none\"}", 2, "\"none\"" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"mitigation\":[\"auto\"]}", 2, "[\"auto\"]" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"mitigation\":[]}", 2, "[]" },
	{ { "ADD", "c1", "/n", "eth0" }, HEAD "\"mitigation\":null}", 2, "null" },
	{ { "GC", NULL, NULL, NULL }, "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}", 7, "valid-att" },
	{ { "GC", NULL, NULL, NULL },
	  "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"cni.dev/valid-attachments\":[{}]}",
	  7,
	  "valid-att" },
};

static void requests_are_understood_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		_cleanup_(cni_request_release) struct cni_request request = { 0 };
		const char *text = requests[i].text;
		struct cni_error error;
		int rc = cni_parse(&requests[i].environment, text, strlen(text), &request, &error);

		if ((unsigned int)error.code != requests[i].code || !rc != !requests[i].code ||
		    !strstr(error.msg, requests[i].says))
			fail_msg("request %zu: %d, code %u: %s (%s)", i, rc,
				 (unsigned int)error.code, error.msg, error.details);
	}
}

static void take(const char *text, struct cni_request *request)
{
	struct cni_error error;

	if (cni_parse(&add, text, strlen(text), request, &error))
		fail_msg("%s: %s", text, error.msg);
}

static const struct {
	const char *keys;
	uint32_t ordered;
} orders[] = {
	{ "", 0 },
	{ "\"mitigation\":\"auto\",", 0 },
	{ "\"mitigation\":\"rx-off\",", MITIGATION_BIT(MITIGATION_RX_OFF) },
	{ "\"mitigation\":[\"reset\"],", MITIGATION_BIT(MITIGATION_RESET) },
	{ "\"mitigation\":[\"reset\",\"rx-off\",\"reset\"],",
	  MITIGATION_BIT(MITIGATION_RX_OFF) | MITIGATION_BIT(MITIGATION_RESET) },
};

static void ordered_mitigations_are_read(void **state)
{
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		_cleanup_(cni_request_release) struct cni_request request = { 0 };

		snprintf(text, sizeof(text), HEAD "%s" PREVIOUS "}", orders[i].keys);
		take(text, &request);
		assert_int_equal(request.ordered, orders[i].ordered);
	}
}

static void only_devices_in_the_sandbox_count(void **state)
{
	_cleanup_(cni_request_release) struct cni_request some = { 0 }, none = { 0 };
	const char *name[CNI_DEVICES_MAX];

	(void)state;
	take(HEAD
	     "\"prevResult\":{\"interfaces\":[{\"name\":\"cni0\"},{\"name\":\"v\",\"sandbox\":\"\"},"
	     "{\"name\":\"eth0\",\"sandbox\":\"/n\"},{\"name\":\"net1\",\"sandbox\":\"/n\"},"
	     "{\"name\":\"a/b\",\"sandbox\":\"/n\"},{\"name\":\"eth0\",\"sandbox\":\"/n\"}]}}",
	     &some);
	assert_int_equal(cni_devices(&some, name), 2);
	assert_string_equal(name[0], "eth0");
	assert_string_equal(name[1], "net1");
	take(HEAD "\"prevResult\":{\"interfaces\":null}}", &none);
	assert_int_equal(cni_devices(&none, name), 1);
	assert_string_equal(name[0], "eth0");
}

static const char *const addresses[][3] = {
	/* version, given, composed */
	{ "0.3.1", "{\"address\":\"10.0.0.2/8\"}",
	  "{\"address\":\"10.0.0.2/8\",\"version\":\"4\"}" },
	{ "0.4.0", "{\"address\":\"fd00::2/64\"}",
	  "{\"address\":\"fd00::2/64\",\"version\":\"6\"}" },
	{ "0.4.0", "{\"version\":\"4\",\"address\":\"1.2.3.4/8\"}",
	  "{\"address\":\"1.2.3.4/8\",\"version\":\"4\"}" },
	{ "1.0.0", "{\"version\":\"4\",\"address\":\"1.2.3.4/8\"}", "{\"address\":\"1.2.3.4/8\"}" },
	{ "1.1.0", "{\"address\":\"fd00::2/64\"}", "{\"address\":\"fd00::2/64\"}" },
};

static void results_in_each_version(void **state)
{
	char text[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		_cleanup_(cni_request_release) struct cni_request request = { 0 };
		json_t *result, *expected;

		snprintf(
			text, sizeof(text),
			"{\"cniVersion\":\"%s\",\"name\":\"n\",\"prevResult\":{\"cniVersion\":\"x\","
			"\"ips\":[%s],\"own\":{\"a\":[1.5,null]}}}",
			addresses[i][0], addresses[i][1]);
		take(text, &request);
		result = cni_compose(&request, NULL);
		snprintf(text, sizeof(text),
			 "{\"cniVersion\":\"%s\",\"ips\":[%s],\"own\":{\"a\":[1.5,null]}}",
			 addresses[i][0], addresses[i][2]);
		expected = json_loads(text, 0, NULL);
		assert_true(json_equal(result, expected));
		json_decref(result);
		json_decref(expected);
	}
}

static void errors_as_specified(void **state)
{
	struct cni_error error = { .version = "1.0.0" };
	json_t *composed, *expected;

	(void)state;
	cni_fail(&error, CNI_UNPROTECTED, "%s is \xff gone", "eth0");
	snprintf(error.details, sizeof(error.details), "%s", "5 \xff");
	composed = cni_compose(NULL, &error);
	expected = json_loads(
		"{\"cniVersion\":\"1.0.0\",\"code\":100,\"msg\":\"eth0 is \\\\xff gone\","
		"\"details\":\"5 \\\\xff\"}",
		0, NULL);
	assert_true(json_equal(composed, expected));
	json_decref(composed);
	json_decref(expected);
}

static void valid_attachments(void **state)
{
	static const struct cni_environment gc = { .command = "GC" };
	static const char text[] =
		"{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"cni.dev/valid-attachments\":"
		"[{\"containerID\":\"c1\",\"ifname\":\"eth0\"}]}";
	_cleanup_(cni_request_release) struct cni_request request = { 0 };
	struct cni_error error;

	(void)state;
	assert_int_equal(cni_parse(&gc, text, strlen(text), &request, &error), 0);
	assert_true(cni_is_valid(&request, "c1", "eth0"));
	assert_false(cni_is_valid(&request, "c1", "eth1"));
	assert_false(cni_is_valid(&request, "c2", "eth0"));
}

static const struct {
	const char *text;
	int rc;
	pid_t pid;
	enum oci_status status;
} states[] = {
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"created\",\"pid\":7,\"bundle\":\"/\"}",
	  0, 7, OCI_CREATED },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"creating\",\"pid\":7}", 0, 7,
	  OCI_CREATING },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"stopped\"}", 0, 0, OCI_STOPPED },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"status\":\"paused\",\"pid\":7}", 0, 7,
	  OCI_CREATED },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":7}", 0, 7, OCI_CREATED },
	{ "", -EBADMSG, 0, 0 },
	{ "[]", -EBADMSG, 0, 0 },
	{ "{\"id\":\"a\",\"pid\":7}", -EBADMSG, 0, 0 },
	{ "{\"ociVersion\":\"1.0.2\",\"pid\":7}", -EBADMSG, 0, 0 },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"\",\"pid\":7}", -EBADMSG, 0, 0 },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":-7}", -EBADMSG, 0, 0 },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":\"7\"}", -EBADMSG, 0, 0 },
	{ "{\"ociVersion\":\"1.0.2\",\"id\":\"a\",\"pid\":4294967303}", -EBADMSG, 0, 0 },
};

static void states_of_containers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		struct oci_state got = { 0 };

		assert_int_equal(oci_parse_state(states[i].text, strlen(states[i].text), &got),
				 states[i].rc);
		if (states[i].rc)
			continue;
		assert_int_equal(got.pid, states[i].pid);
		assert_int_equal(got.status, states[i].status);
		assert_string_equal(got.id, "a");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_understood_or_refused),
		cmocka_unit_test(ordered_mitigations_are_read),
		cmocka_unit_test(only_devices_in_the_sandbox_count),
		cmocka_unit_test(results_in_each_version),
		cmocka_unit_test(errors_as_specified),
		cmocka_unit_test(valid_attachments),
		cmocka_unit_test(states_of_containers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
