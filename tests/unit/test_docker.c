// SPDX-License-Identifier: GPL-2.0-or-later
/* net/docker.c: an engine's answer is read; the answer of any other program does no harm. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h" /* before cmocka has a macro of that name */

#include <cmocka.h>

#include "base/cleanup.h"
#include "net/docker.h"

#define A "0f3c9a8d7e6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d9c8b7a6f5e4d3c2b1a09"
#define B "b1946ac92492d2347c6235b4d2611184a7bb0d8f6b1c9d2e3f4a5b6c7d8e9f00"
#define OK "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"

/* As engine 20.10 writes it, shortened. */
static const char real[] =
	"HTTP/1.0 200 OK\r\n"
	"Api-Version: 1.41\r\n"
	"Content-Type: application/json\r\n"
	"Docker-Experimental: false\r\n"
	"Ostype: linux\r\n"
	"Server: Docker/20.10.24 (linux)\r\n"
	"\r\n"
	"[{\"Id\":\"" A
	"\",\"Names\":[\"/db/alias\",\"/web\"],\"Image\":\"busybox\",\"State\":\"running\","
	"\"Labels\":{},\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}}},"
	"{\"Id\":\"" B "\",\"Names\":[\"/db\"],\"Labels\":{\"a\":\"\\u001b[2J\"}}]\n";

static void test_names(void **state)
{
	struct docker *docker = NULL;

	(void)state;
	assert_int_equal(docker_parse(real, sizeof(real) - 1, &docker), 0);
	assert_int_equal(docker->count, 2);
	assert_string_equal(docker_find(docker, A)->name, "web");
	assert_string_equal(docker_find(docker, "db")->id, B);
	assert_string_equal(docker_find_prefix(docker, "b1946ac92492", 12)->name, "db");
	assert_null(docker_find(docker, "alias"));
	assert_null(docker_find(docker, ""));
	assert_null(docker_find_prefix(docker, "b1946ac92493", 12));
	assert_null(docker_find(NULL, "web"));
	assert_null(docker_find_prefix(NULL, "b1", 2));
	docker_free(docker);
	docker_free(NULL);
}

static const struct {
	const char *answer;
	int rc;
	size_t count; /* containers */
} answers[] = {
	{ "", -EBADMSG, 0 },
	{ "\r\n\r\n", -EBADMSG, 0 },
	{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\n", -EBADMSG, 0 },
	{ "HTTP/2.0\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"page not found\"}", -EPROTO, 0 },
	{ "HTTP/1.1 400 Bad Request\r\n\r\nclient version 1.12 is too old", -EPROTO, 0 },
	{ OK, -EBADMSG, 0 },
	{ OK "<html>", -EBADMSG, 0 },
	{ OK "null", -EBADMSG, 0 },
	{ OK "{}", -EBADMSG, 0 },
	{ OK "\"" A "\"", -EBADMSG, 0 },
	{ OK "[", -EBADMSG, 0 },
	{ OK "[] []", -EBADMSG, 0 },
	{ OK "[{\"Id\":\"\xff\"}]", -EBADMSG, 0 },
	{ OK "[]", 0, 0 },
	{ OK "[null, 1, \"x\", [], {}, true]", 0, 0 },
	{ OK "[{\"Id\":1}, {\"Id\":[\"" A "\"]}, {\"Id\":\"\"}, {\"Id\":\"" A "0\"}]", 0, 0 },
	{ OK "[{\"Id\":\"0F3C9A8D7E6B5A4F3E2D1C0B9A8F7E6D5C4B3A2F1E0D9C8B7A6F5E4D3C2B1A09\"}]", 0,
	  0 },
	{ OK "[{\"Id\":\"" A "\"}]", 0, 1 },
	{ OK "[{\"Id\":\"" A "\",\"Names\":null}, {\"Id\":\"" B "\",\"Names\":{\"a\":\"/x\"}}]", 0,
	  2 },
	{ OK "[{\"Id\":\"" A "\",\"Names\":[1, null, [], \"\", \"/\", \"x\", \"/a/b\", \"/a b\"]}]",
	  0, 1 },
	{ OK "[{\"Id\":\"" A "\",\"Names\":[\"/\\u001b[2J\", \"/\\u00e4\"]}]", 0, 1 },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n", -EBADMSG,
	  0 },
	{ "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]garbage", 0, 0 },
	{ "HTTP/1.0 200 OK\r\ncontent-length:2\r\n\r\n[]", 0, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length: -2\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length:\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999999999\r\n\r\n[]", -EBADMSG, 0 },
	{ "HTTP/1.0 200 OK\r\n: \r\n\n\n\r\n\r\n[]", 0, 0 },
};

static void test_other_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		_cleanup_(docker_cleanup) struct docker *docker = NULL;
		int rc = docker_parse(answers[i].answer, strlen(answers[i].answer), &docker);

		if (rc != answers[i].rc || (!rc && docker->count != answers[i].count))
			fail_msg("%s -> %d", answers[i].answer, rc);
		if (!rc && docker->count)
			assert_string_equal(docker->container[0].name, "");
	}
}

/* What the answer says of its length is not believed beyond what came. */
static void test_length_beyond_the_answer(void **state)
{
	static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\n[    ]";
	struct docker *docker = NULL;

	(void)state;
	/* In memory the rest of the list follows, so that only the length tells. */
	assert_int_equal(docker_parse(answer, sizeof(answer) - 2, &docker), -EBADMSG);
	assert_non_null(strstr(fail_text(), "cut off"));
	assert_null(docker);
	assert_int_equal(docker_parse(answer, sizeof(answer) - 1, &docker), 0);
	docker_free(docker);
}

/* A name that is too long is left out. */
static void test_long_names(void **state)
{
	char answer[1024], name[200];

	(void)state;
	for (int len = 120; len < 140; len++) {
		_cleanup_(docker_cleanup) struct docker *docker = NULL;

		memset(name, 'n', sizeof(name));
		name[len] = '\0';
		snprintf(answer, sizeof(answer), OK "[{\"Id\":\"" A "\",\"Names\":[\"/%s\"]}]",
			 name);
		assert_int_equal(docker_parse(answer, strlen(answer), &docker), 0);
		assert_int_equal(strlen(docker->container[0].name), len < 128 ? len : 0);
	}
}

/* Changes bytes and cuts off at random, from a fixed seed: every result is well-formed. */
static void test_mutations(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		_cleanup_(docker_cleanup) struct docker *docker = NULL;
		size_t len = (size_t)rand_r(&seed) % 4 ? sizeof(real) - 1
						       : (size_t)rand_r(&seed) % sizeof(real);
		_cleanup_free_ char *answer =
			malloc(len + !len); /* of just this size: ASan sees a read past the end */

		assert_non_null(answer);
		memcpy(answer, real, len);
		for (int flips = rand_r(&seed) % 4; len && flips; flips--)
			answer[(size_t)rand_r(&seed) % len] = (char)rand_r(&seed);
		if (docker_parse(answer, len, &docker))
			continue;
		for (size_t i = 0; i < docker->count; i++) {
			assert_int_equal(strlen(docker->container[i].id), 64);
			assert_true(strlen(docker->container[i].name) < 128);
		}
	}
}

/* 100,000 levels of nesting: the parser has a limit. */
static void test_deep(void **state)
{
	_cleanup_(docker_cleanup) struct docker *docker = NULL;
	_cleanup_free_ char *answer = malloc(sizeof(OK) + 100000);

	(void)state;
	assert_non_null(answer);
	memset(answer, '[', sizeof(OK) + 100000);
	memcpy(answer, OK, sizeof(OK) - 1);
	assert_int_equal(docker_parse(answer, sizeof(OK) + 100000, &docker), -EBADMSG);
}

enum manner {
	ANSWER, /* and close */
	SILENT,
	TRICKLE, /* a byte now and then, without end */
	ENDLESS, /* as fast as it goes */
	HANG_UP,
};

static void serve(int listening, enum manner manner, const char *answer)
{
	static char block[65536];
	int fd = accept(listening, NULL, NULL);

	if (manner == HANG_UP)
		_exit(0);
	(void)!read(fd, block, sizeof(block));
	if (manner == ANSWER)
		(void)!write(fd, answer, strlen(answer));
	memset(block, ' ', sizeof(block));
	if (manner == ENDLESS)
		(void)!write(fd, OK, strlen(OK));
	while (manner == ENDLESS && write(fd, block, sizeof(block)) > 0)
		;
	while (manner == TRICKLE && write(fd, block, 1) > 0)
		poll(NULL, 0, 50);
	if (manner == SILENT)
		pause();
	_exit(0);
}

/* Asks a child that answers in this manner; stores the time in *ret_ms. */
static int ask(enum manner manner, const char *answer, struct docker **ret_docker, long *ret_ms)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char folder[] = "/tmp/tsum-docker.XXXXXX";
	struct timespec before, after;
	pid_t child;
	int fd, rc;

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/sock", folder);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, manner, answer);
	}
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &before);
	rc = docker_ask(address.sun_path, ret_docker);
	clock_gettime(CLOCK_MONOTONIC, &after);
	*ret_ms =
		(after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(address.sun_path);
	rmdir(folder);
	return rc;
}

static void test_ask(void **state)
{
	_cleanup_(docker_cleanup) struct docker *docker = NULL;
	long ms;

	(void)state;
	assert_int_equal(ask(ANSWER, real, &docker, &ms), 0);
	assert_int_equal(docker->count, 2);
	assert_true(ms < 500);
}

static void test_no_engine(void **state)
{
	struct docker *docker = NULL;
	char path[200];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(docker_ask("/nonexistent/docker.sock", &docker), -ENOENT);
	assert_non_null(strstr(fail_text(), "/nonexistent/docker.sock"));
	assert_int_equal(docker_ask("/dev/null", &docker), -ECONNREFUSED);
	assert_int_equal(docker_ask(path, &docker), -ENAMETOOLONG);
	assert_null(docker);
}

static void test_hostile_engines(void **state)
{
	static const struct {
		enum manner manner;
		int rc;
	} hostile[] = {
		{ SILENT, -ETIMEDOUT },
		{ TRICKLE, -ETIMEDOUT },
		{ HANG_UP, 0 }, /* any error: it depends on the kernel */
	};
	struct docker *docker = NULL;
	long ms;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		int rc = ask(hostile[i].manner, NULL, &docker, &ms);

		assert_true(hostile[i].rc ? rc == hostile[i].rc : rc < 0);
		assert_true(ms < 1500);
	}
	/* It exceeds the size limit or, on a slow machine, the time limit. */
	assert_true(ask(ENDLESS, NULL, &docker, &ms) < 0);
	assert_true(strstr(fail_text(), "16 MiB") || strstr(fail_text(), "1000 ms"));
	assert_true(ms < 1500);
	assert_null(docker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_other_answers),
		cmocka_unit_test(test_length_beyond_the_answer),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_no_engine),
		cmocka_unit_test(test_hostile_engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
