// SPDX-License-Identifier: GPL-2.0-or-later
/* guard/chain/text.c: truesum in and out of configurations, with everything else as it was. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "guard/chain/text.h"

#define RUNC "/usr/sbin/runc"
#define US "{\"type\": \"truesum\"}"

/* after: NULL if it cannot be taken out, "-" if the file goes as a whole. */
static const struct {
	const char *before, *after;
	enum chain_role role;
	unsigned int line;
	bool is_text; /* no JSON */
} outs[] = {
	/* plugins */
	{ "{\"plugins\":[{\"type\":\"ptp\"}," US "]}", "{\"plugins\":[{\"type\":\"ptp\"}]}",
	  CHAIN_PLUGIN, 1, 0 },
	{ "{\"plugins\":[" US ",{\"type\":\"ptp\"}]}", "{\"plugins\":[{\"type\":\"ptp\"}]}",
	  CHAIN_PLUGIN, 1, 0 },
	{ "{\"plugins\":[" US "," US " , {\"type\":\"ptp\"}]}",
	  "{\"plugins\":[{\"type\":\"ptp\"}]}", CHAIN_PLUGIN, 1, 0 },
	{ "{\"plugins\":[1,\n" US ",\n" US ",2]}", "{\"plugins\":[1,2]}", CHAIN_PLUGIN, 2, 0 },
	{ "{\"plugins\":[1, " US "\n]}", "{\"plugins\":[1\n]}", CHAIN_PLUGIN, 1, 0 },
	{ "{\"plugins\":[{\"Type\":\"true\\u0073um\"},1]}", "{\"plugins\":[1]}", CHAIN_PLUGIN, 1,
	  0 },
	{ "{\"type\":\"multus\",\"delegates\":[{\"plugins\":[1," US "]}]}",
	  "{\"type\":\"multus\",\"delegates\":[{\"plugins\":[1]}]}", CHAIN_PLUGIN, 1, 0 },
	{ "{\"plugins\":[" US "]}", NULL, CHAIN_PLUGIN, 1, 0 },
	{ "{\"name\":\"n\",\n\"type\":\"truesum\"}", NULL, CHAIN_OTHER, 2, 0 },
	/* what is no plugin */
	{ "{\"name\":\"truesum\",\"plugins\":[{\"type\":\"truesum2\"}]}", NULL, CHAIN_NOTHING, 0,
	  0 },
	{ "{\"plugins\":[{\"type\":\"ptp\",\"name\":\"truesum\"}]}", NULL, CHAIN_NOTHING, 0, 0 },
	{ "{\"plugins\":[{\"type\":\"ptp\",\"x\":\"/var/lib/truesum/y\"}]}", NULL, CHAIN_NOTHING, 0,
	  0 },
	{ "[]", NULL, CHAIN_NOTHING, 0, 0 },
	{ "", NULL, CHAIN_NOTHING, 0, 0 },
	/* no JSON */
	{ "{\"plugins\":[{\"type\":\"ptp\"}", NULL, CHAIN_NOTHING, 0, 0 },
	{ "{\"plugins\":[\n{\"type\":\"truesum\"}", NULL, CHAIN_OTHER, 2, 0 },
	/* hooks */
	{ "{\"hook\":{\"path\":\"/usr/bin/truesum\"},\"stages\":[\"createRuntime\"]}", "-",
	  CHAIN_HOOK, 1, 0 },
	{ "{\"hook\":{\"path\":\"/usr/bin/other\"}}", NULL, CHAIN_NOTHING, 0, 0 },
	{ "{\"hook\":{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"truesum guard hook\"]}}", NULL,
	  CHAIN_OTHER, 1, 0 },
	{ "{\"hook\":{\"path\":\"/bin/sh\",\"args\":[\"sh\",\"-c\",\"exec /x/truesum\"]}}", NULL,
	  CHAIN_OTHER, 1, 0 },
	{ "{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"},{\"path\":\"/x/truesum\",\"args\":[\"truesum\"]}],"
	  "\"poststop\":[{\"path\":\"/x/truesum\"}]}}",
	  "{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"}],\"poststop\":[]}}", CHAIN_HOOK, 1, 0 },
	/* runtimes */
	{ "{\"runtimes\":{\"truesum\":{\n\"path\":\"/x/truesum-runc\"}},\"default-runtime\":\"truesum\"}",
	  "{\"runtimes\":{\"truesum\":{\n\"path\":\"" RUNC "\"}},\"default-runtime\":\"truesum\"}",
	  CHAIN_RUNTIME, 2, 0 },
	{ "{\"runtimes\":{\"truesum-runc\":{\"path\":\"/x/truesum-runc\"}},\"default-runtime\":\"truesum-runc\"}",
	  "{\"runtimes\":{\"truesum-runc\":{\"path\":\"" RUNC
	  "\"}},\"default-runtime\":\"truesum-runc\"}",
	  CHAIN_RUNTIME, 1, 0 },
	{ "{\"runtimes\":{\"t\":{\"path\":\"truesum-runc\"}}}", NULL, CHAIN_OTHER, 1, 0 },
	{ "{\"runtimes\":{\"t\":{\"path\":\"\\/x\\/truesum-runc\"}}}",
	  "{\"runtimes\":{\"t\":{\"path\":\"" RUNC "\"}}}", CHAIN_RUNTIME, 1, 0 },
	{ "{\"runtimes\":{\"t\":{\"path\":\"/a b/truesum-runc\"}}}", NULL, CHAIN_OTHER, 1, 0 },
	{ "BinaryName = \"/a b/truesum-runc\"", NULL, CHAIN_OTHER, 1, 1 },
	/* other formats */
	{ "# \"/x/truesum-runc\"\nBinaryName = \"/x/truesum-runc\" # /x/truesum-runc\n",
	  "# \"/x/truesum-runc\"\nBinaryName = \"" RUNC "\" # /x/truesum-runc\n", CHAIN_RUNTIME, 2,
	  1 },
	{ "truesum = [\"/x/truesum-runc\", '/y/truesum-runc']",
	  "truesum = [\"" RUNC "\", '" RUNC "']", CHAIN_RUNTIME, 1, 1 },
	{ "ExecStart=/usr/bin/dockerd --add-runtime truesum=/x/truesum-runc --default-runtime truesum\n",
	  "ExecStart=/usr/bin/dockerd --add-runtime truesum=" RUNC " --default-runtime truesum\n",
	  CHAIN_RUNTIME, 1, 1 },
	{ "[a.runtimes.truesum]\nruntime = \"truesum-runc\"\n", NULL, CHAIN_NOTHING, 0, 1 },
	{ "\nBinaryName = \"truesum-runc\"\n", NULL, CHAIN_OTHER, 2, 1 },
	{ "a\nhook = \"/usr/bin/truesum\"", NULL, CHAIN_OTHER, 2, 1 },
	{ "x = \"# /usr/bin/truesum\" ; /usr/bin/truesum\n; /usr/bin/truesum\n", NULL, CHAIN_OTHER,
	  1, 1 },
	{ "; /usr/bin/truesum", NULL, CHAIN_NOTHING, 0, 1 },
};

static void takes_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(outs) / sizeof(*outs); i++) {
		struct chain_text out;
		const char *before = outs[i].before, *after = outs[i].after;

		assert_int_equal(
			chain_text_out(before, strlen(before), !outs[i].is_text, RUNC, &out), 0);
		if (out.role != outs[i].role || out.line != outs[i].line ||
		    !!out.text != (after && *after != '-'))
			fail_msg("%s: role %d, line %zu, %s", before, (int)out.role, out.line,
				 out.text);
		assert_int_equal(out.is_alone, after && *after == '-');
		if (out.text) {
			assert_string_equal(out.text, after);
			assert_int_equal(out.len, strlen(after));
		}
		assert_int_equal(*out.why != '\0', !after && outs[i].role != CHAIN_NOTHING);
		chain_text_release(&out);
	}
}

static void without_runc_it_stays(void **state)
{
	static const char text[] = "{\"path\":\"/x/truesum-runc\"}";
	struct chain_text out;

	(void)state;
	assert_int_equal(chain_text_out(text, sizeof(text) - 1, true, NULL, &out), 0);
	assert_int_equal(out.role, CHAIN_RUNTIME);
	assert_null(out.text);
	assert_non_null(strstr(out.why, "no runc"));
}

#define HEAD "{\"cniVersion\":\"1.0.0\",\"name\":\"n\","

static const struct {
	const char *before;
	const char *after; /* NULL: refused */
	const char *says;
	bool fail_open;
} ins[] = {
	{ HEAD "\"plugins\":[{\"type\":\"ptp\"}]}", HEAD "\"plugins\":[{\"type\":\"ptp\"}," US "]}",
	  "", false },
	{ HEAD "\"plugins\":[\n\t{\"type\":\"ptp\"}\n]}\n",
	  HEAD "\"plugins\":[\n\t{\"type\":\"ptp\"},\n\t" US "\n]}\n", "", false },
	{ HEAD "\"plugins\":[{\"type\":\"a\"},\n  {\"type\":\"b\",\"plugins\":[]}\n]}",
	  HEAD "\"plugins\":[{\"type\":\"a\"},\n  {\"type\":\"b\",\"plugins\":[]},\n  " US "\n]}",
	  "", false },
	{ HEAD "\"plugins\":[{\"type\":\"ptp\"}]}",
	  HEAD "\"plugins\":[{\"type\":\"ptp\"},{\"type\": \"truesum\", \"failOpen\": true}]}", "",
	  true },
	{ "{\"plugins\":[1]}", NULL, "no plugin that makes an interface", false },
	{ HEAD "\"plugins\":[]}", NULL, "no plugin that makes an interface", false },
	{ HEAD "\"plugins\":[" US "]}", NULL, "no plugin that makes an interface", false },
	{ HEAD "\"type\":\"ptp\"}", NULL, "no list of \"plugins\"", false },
	{ "{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"ptp\"}]}", NULL,
	  "incompatible CNI version '0.2.0'", false },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"a b\",\"plugins\":[{\"type\":\"ptp\"}]}", NULL,
	  "\"name\" is 'a b'", false },
	{ HEAD "\"plugins\":[{\"type\":\"ptp\"}],\"plugins\":[{\"type\":\"ptp\"}]}", NULL,
	  "more than one list", false },
	{ "{", NULL, "no valid JSON (line 1", false },
	{ "", NULL, "no valid JSON", false },
	/* it is there already */
	{ HEAD "\"plugins\":[{\"type\":\"ptp\"}, { \"type\" : \"truesum\" } ]}",
	  HEAD "\"plugins\":[{\"type\":\"ptp\"}, { \"type\" : \"truesum\" } ]}", "", false },
	{ HEAD
	  "\"plugins\":[{\"type\":\"ptp\"},{\"type\":\"truesum\",\"mitigation\":\"reset\"},{\"type\":\"b\"}]}",
	  HEAD
	  "\"plugins\":[{\"type\":\"ptp\"},{\"type\": \"truesum\", \"mitigation\": \"reset\", \"failOpen\": true},{\"type\":\"b\"}]}",
	  "", true },
	{ HEAD "\"plugins\":[{\"type\":\"ptp\"},{\"type\":\"truesum\",\"mitigation\":\"nosuch\"}]}",
	  NULL, "\"mitigation\"", false },
};

static void puts_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ins) / sizeof(*ins); i++) {
		_cleanup_free_ char *after = NULL;
		const char *before = ins[i].before;
		struct chain_text out;
		char first[8];
		int rc = chain_text_in(before, strlen(before), ins[i].fail_open, &after, first,
				       sizeof(first));

		if ((rc == 0) != !!ins[i].after || (rc && !strstr(fail_text(), ins[i].says)))
			fail_msg("%s: %d, %s", before, rc, rc ? fail_text() : "");
		if (rc) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		assert_string_equal(after, ins[i].after);
		if (strstr(before, "truesum"))
			continue;
		assert_int_equal(chain_text_out(after, strlen(after), true, RUNC, &out), 0);
		assert_string_equal(out.text, before);
		chain_text_release(&out);
	}
}

static void makes_a_hook(void **state)
{
	_cleanup_free_ char *hook = chain_text_hook("/a b\"/truesum", true);
	struct chain_text out;

	(void)state;
	assert_non_null(strstr(hook, "\"path\": \"/a b\\\"/truesum\""));
	assert_non_null(strstr(hook, "\"hook\", \"--fail-open\"]"));
	assert_int_equal(chain_text_out(hook, strlen(hook), true, RUNC, &out), 0);
	assert_true(out.is_alone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_out),
		cmocka_unit_test(without_runc_it_stays),
		cmocka_unit_test(puts_in),
		cmocka_unit_test(makes_a_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
