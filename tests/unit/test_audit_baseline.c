// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * audit/baseline.c: a file that is not exactly a baseline is refused with a sentence that is safe
 * to print.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/baseline.h"
#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#define HEAD                                                                                       \
	"{\"truesum\": \"audit baseline\", \"format\": 1, \"kernel\": \"6.1\", \"namespaces\": "
#define DEVICE "{\"name\": \"eth0\", \"active\": [\"rx-gro\"], \"programs\": []}"
#define SPACE                                                                                       \
	"{\"name\": \"web\", \"sysctls\": [{\"name\": \"a\", \"value\": 1}], \"devices\": [" DEVICE \
	"]}"
#define GOOD HEAD "[" SPACE "]}"

static const char *const hostile[] = {
	"",
	"null",
	"[]",
	"{}",
	"\"audit baseline\"",
	GOOD "x",
	GOOD GOOD,
	HEAD "[" SPACE "], \"more\": 1}",
	HEAD "[" SPACE ",]}",
	HEAD "{}}",
	HEAD "[1]}",
	HEAD "[null]}",
	HEAD "[{}]}",
	HEAD "[{\"name\": \"\", \"sysctls\": [], \"devices\": []}]}",
	HEAD "[{\"name\": 1, \"sysctls\": [], \"devices\": []}]}",
	HEAD "[{\"name\": \"a\", \"sysctls\": {}, \"devices\": []}]}",
	HEAD "[{\"name\": \"a\", \"sysctls\": [1], \"devices\": []}]}",
	HEAD
	"[{\"name\": \"a\", \"sysctls\": [{\"name\": \"b\", \"value\": \"1\"}], \"devices\": []}]}",
	HEAD
	"[{\"name\": \"a\", \"sysctls\": [{\"name\": \"b\", \"value\": 99999999999999999999}], \"devices\": []}]}",
	HEAD "[{\"name\": \"a\", \"sysctls\": [], \"devices\": [[]]}]}",
	HEAD
	"[{\"name\": \"a\", \"sysctls\": [], \"devices\": [{\"name\": \"b\", \"active\": 1, \"programs\": []}]}]}",
	HEAD "[{\"name\": \"a\\u0000b\", \"sysctls\": [], \"devices\": []}]}",
	HEAD "[{\"name\": \"a\\u001b[2J\", \"sysctls\": [], \"devices\": []}]}",
	HEAD "[{\"name\": \"a\\n\", \"sysctls\": [], \"devices\": []}]}",
	HEAD "[{\"name\": \"a\xff\", \"sysctls\": [], \"devices\": []}]}",
	("{\"truesum\": \"audit baseline\", \"truesum\": \"audit baseline\", \"format\": 1, "
	 "\"kernel\": \"6.1\", \"namespaces\": []}"),
	"{\"truesum\": \"audit baseline\", \"format\": 2, \"kernel\": \"6.1\", \"namespaces\": []}",
	"{\"truesum\": \"other\", \"format\": 1, \"kernel\": \"6.1\", \"namespaces\": []}",
	"{\"truesum\": \"audit baseline\", \"format\": 1, \"kernel\": null, \"namespaces\": []}",
	"\x1b[31m",
};

static int read_text(const char *text, size_t len, json_t **ret_baseline)
{
	char path[] = "/tmp/tsum-baseline-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	rc = audit_baseline_read(path, ret_baseline);
	unlink(path);
	return rc;
}

static void refuse(const char *text, size_t len)
{
	json_t *baseline = NULL;

	assert_int_equal(read_text(text, len, &baseline), -EINVAL);
	assert_null(baseline);
	assert_non_null(strstr(fail_text(), "is not a baseline"));
	for (const char *at = fail_text(); *at; at++)
		assert_in_range((unsigned char)*at, ' ', '~');
}

static void test_good(void **state)
{
	struct audit_drift drift;
	json_t *baseline;

	(void)state;
	assert_int_equal(read_text(GOOD, strlen(GOOD), &baseline), 0);
	assert_int_equal(audit_baseline_compare(baseline, baseline, &drift), 0);
	assert_int_equal(drift.count, 0);
	json_decref(baseline);
}

static void test_hostile(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		refuse(hostile[i], strlen(hostile[i]));
}

/* Cut off anywhere, and with each byte changed to one that breaks the syntax. */
static void test_torn(void **state)
{
	char text[] = GOOD;
	size_t len = strlen(text);
	json_t *baseline;

	(void)state;
	for (size_t i = 0; i < len; i++)
		refuse(text, i);
	for (size_t i = 0; i < len; i++) {
		static const char bytes[] = { '\0', '"', '{', '}', '[', ']', '\\', '\x1b', '\xff' };

		for (size_t k = 0; k < sizeof(bytes); k++) {
			char former = text[i];

			baseline = NULL;
			text[i] = bytes[k];
			if (!read_text(text, len, &baseline)) {
				struct audit_drift drift;

				assert_int_equal(audit_baseline_compare(baseline, baseline, &drift),
						 0);
				audit_drift_release(&drift);
			}
			json_decref(baseline);
			text[i] = former;
		}
	}
}

static void test_deep(void **state)
{
	static char text[1 << 20];

	(void)state;
	memset(text, '[', sizeof(text));
	refuse(text, sizeof(text));
}

static void test_no_file(void **state)
{
	json_t *baseline = NULL;

	(void)state;
	assert_int_equal(audit_baseline_read("/nonexistent/file", &baseline), -ENOENT);
	assert_int_equal(audit_baseline_read("/dev/zero", &baseline), -EINVAL);
	assert_int_equal(audit_baseline_read("/", &baseline), -EINVAL);
	assert_null(baseline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_torn),	cmocka_unit_test(test_deep),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
