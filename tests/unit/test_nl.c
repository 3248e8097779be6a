// SPDX-License-Identifier: GPL-2.0-or-later
/* net/nl.c: reads errors in the last message of a dump. Needs no privilege. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "net/nl.h"

static int count(const struct nlmsghdr *message, void *data)
{
	unsigned int *links = data;

	(void)message;
	++*links;
	return MNL_CB_OK;
}

/* `type` must be 0 under strict checking; the kernel says so in the dump's last message. */
static int dump_links(unsigned short type, unsigned int *ret_links)
{
	char buffer[NL_REQUEST_SIZE];
	struct nlmsghdr *request = nl_request(buffer, RTM_GETLINK, NLM_F_DUMP);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(request, sizeof(*ifi));
	struct nl *nl;
	int rc;

	ifi->ifi_type = type;
	*ret_links = 0;
	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &nl), 0);
	rc = nl_talk(nl, request, count, ret_links);
	nl_close(nl);
	return rc;
}

static void test_dump_is_whole(void **state)
{
	unsigned int links;

	(void)state;
	assert_int_equal(dump_links(0, &links), 0);
	assert_true(links > 0);
}

static void test_dump_that_fails_is_an_error(void **state)
{
	unsigned int links;

	(void)state;
	assert_int_equal(dump_links(1, &links), -EINVAL);
	assert_int_equal(links, 0);
	assert_non_null(strstr(fail_text(), strerror(EINVAL)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_is_whole),
		cmocka_unit_test(test_dump_that_fails_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
