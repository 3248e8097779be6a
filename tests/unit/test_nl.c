// SPDX-License-Identifier: GPL-2.0-or-later
/* net/nl.c: reads errors in the last message of a dump; takes answers from the kernel only. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "net/link.h"
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

/* What root of a container may try: an answer before the question. */
static bool send_forged(uint32_t port)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg ifi;
		struct nlmsghdr ack;
		struct nlmsgerr error;
	} forged = {
		.head = { .nlmsg_len = sizeof(forged.head) + sizeof(forged.ifi),
			  .nlmsg_type = RTM_NEWLINK,
			  .nlmsg_seq = 1 },
		.ifi = { .ifi_index = 4711 },
		.ack = { .nlmsg_len = sizeof(forged.ack) + sizeof(forged.error),
			 .nlmsg_type = NLMSG_ERROR,
			 .nlmsg_seq = 1 },
	};
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool sent = sendto(fd, &forged, sizeof(forged), 0, (const struct sockaddr *)&to,
			   sizeof(to)) == sizeof(forged);

	close(fd);
	return sent;
}

static void test_forged_answers(void **state)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	struct link_info info;
	struct nl *nl;
	int fd;

	(void)state;
	if (unshare(CLONE_NEWNET))
		skip(); /* it needs root */
	/* Who may send to any socket that is not connected to the kernel. */
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	any.nl_pid = (uint32_t)getpid();
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_true(send_forged((uint32_t)getpid()));
	close(fd);

	/* The process's first socket has the process's number as its port. */
	assert_int_equal(nl_open(-1, NETLINK_ROUTE, &nl), 0);
	assert_false(send_forged((uint32_t)getpid()));
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(link_get(nl, "lo", &info), 0);
	assert_int_equal(info.index, 1);
	nl_close(nl);
}

/* A message whose length is beyond what came, or would be negative as an int. */
static void test_lengths_that_do_not_fit(void **state)
{
	static const struct {
		uint32_t len;
		int left;
		bool fits;
	} rows[] = { { 16, 16, true },	 { 16, 15, false },	     { 15, 100, false },
		     { 100, 100, true }, { 101, 100, false },	     { 0, 100, false },
		     { 16, -1, false },	 { UINT32_MAX, 100, false }, { 0x80000010, 100, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct nlmsghdr message = { .nlmsg_len = rows[i].len };

		assert_int_equal(nl_fits(&message, rows[i].left), rows[i].fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_is_whole),
		cmocka_unit_test(test_dump_that_fails_is_an_error),
		cmocka_unit_test(test_lengths_that_do_not_fit),
		cmocka_unit_test(test_forged_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
