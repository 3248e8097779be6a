// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Docker's engine: see docker.h and its API reference. The request is HTTP/1.0 with Connection:
 * close, so the answer is everything up to the end of the stream, in one piece. The program behind
 * the socket may answer anything, slowly or without end: size and time are limited, and JSON values
 * of another shape are ignored.
 */
#include "net/docker.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fail.h"

#define ID_LEN 64

static const char question[] = "GET /containers/json HTTP/1.0\r\n"
			       "Host: docker\r\n"
			       "Accept: application/json\r\n"
			       "Connection: close\r\n"
			       "\r\n";

struct answer {
	char *text;
	size_t len, capacity;
};

static void answer_free(struct answer *answer)
{
	free(answer->text);
}

void docker_free(struct docker *docker)
{
	free(docker);
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns() / 1000000);
}

static int wait_until(int fd, short events, int64_t deadline)
{
	struct pollfd ready = { .fd = fd, .events = events };
	int rc;

	do {
		int64_t left = deadline - now_ms();

		rc = left > 0 ? poll(&ready, 1, (int)left) : 0;
	} while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return fail_errno(-errno, "cannot wait for Docker's answer");
	return rc ? 0 : fail(-ETIMEDOUT, "Docker did not answer within %d ms", DOCKER_TIMEOUT_MS);
}

static int connect_engine(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return fail(-ENAMETOOLONG, "'%s' is too long for a socket's path", path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno(-errno, "cannot open a socket");
	/* A unix socket connects at once or not at all. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail_errno(-errno, "Docker does not listen at %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int ask(int fd, int64_t deadline)
{
	size_t sent = 0;

	while (sent < sizeof(question) - 1) {
		ssize_t len = send(fd, question + sent, sizeof(question) - 1 - sent, MSG_NOSIGNAL);
		int rc = 0;

		if (len < 0 && errno == EAGAIN)
			rc = wait_until(fd, POLLOUT, deadline);
		else if (len < 0 && errno != EINTR)
			rc = fail_errno(-errno, "cannot ask Docker");
		if (rc)
			return rc;
		sent += len > 0 ? (size_t)len : 0;
	}
	return 0;
}

static int reserve_answer(struct answer *answer)
{
	size_t capacity = answer->capacity ? answer->capacity * 2 : 65536;
	char *text;

	if (answer->len < answer->capacity)
		return 0;
	if (answer->capacity >= DOCKER_ANSWER_MAX)
		return fail(-EMSGSIZE, "Docker's answer is larger than %d MiB",
			    DOCKER_ANSWER_MAX >> 20);
	text = realloc(answer->text, capacity);
	if (!text)
		return fail(-ENOMEM, "out of memory");
	answer->text = text;
	answer->capacity = capacity;
	return 0;
}

static int hear(int fd, int64_t deadline, struct answer *answer)
{
	ssize_t len = 1;
	int rc = 0;

	while (!rc && len) {
		/* One deadline for all reads: the answer may come byte by byte. */
		rc = wait_until(fd, POLLIN, deadline);
		rc = rc ? rc : reserve_answer(answer);
		if (rc)
			return rc;
		len = recv(fd, answer->text + answer->len, answer->capacity - answer->len, 0);
		if (len < 0 && errno != EINTR && errno != EAGAIN)
			return fail_errno(-errno, "cannot read Docker's answer");
		answer->len += len > 0 ? (size_t)len : 0;
	}
	return rc;
}

int docker_ask(const char *socket_path, struct docker **ret_docker)
{
	_cleanup_(answer_free) struct answer answer = { 0 };
	_cleanup_close_ int fd = -1;
	int64_t deadline = now_ms() + DOCKER_TIMEOUT_MS;
	int rc = connect_engine(socket_path, &fd);

	rc = rc ? rc : ask(fd, deadline);
	rc = rc ? rc : hear(fd, deadline, &answer);
	return rc ? rc : docker_parse(answer.text, answer.len, ret_docker);
}

/* One line of the answer's head. HTTP/1.0 has no chunks, and a stated length must be right. */
static int check_header(const char *line, size_t len, size_t *body_len)
{
	static const char length[] = "Content-Length:", coding[] = "Transfer-Encoding:";
	size_t said = 0, at = sizeof(length) - 1;

	if (len >= sizeof(coding) - 1 && !strncasecmp(line, coding, sizeof(coding) - 1))
		return fail(-EBADMSG, "Docker's answer is encoded");
	if (len < at || strncasecmp(line, length, at))
		return 0;
	while (at < len && line[at] == ' ')
		at++;
	if (at == len)
		return fail(-EBADMSG, "Docker's answer has a bad length");
	for (; at < len && said <= DOCKER_ANSWER_MAX; at++) {
		if (!isdigit((unsigned char)line[at]))
			return fail(-EBADMSG, "Docker's answer has a bad length");
		said = said * 10 + (size_t)(line[at] - '0');
	}
	if (said > *body_len)
		return fail(-EBADMSG, "Docker's answer is cut off");
	*body_len = said;
	return 0;
}

/* Finds the body after a valid head. */
static int find_body(const char *answer, size_t len, const char **ret_body, size_t *ret_len)
{
	const char *end = len ? memmem(answer, len, "\r\n\r\n", 4) : NULL, *line, *next;
	size_t body_len;
	int rc;

	if (!end || end - answer < 12 || memcmp(answer, "HTTP/1.", 7) || answer[8] != ' ')
		return fail(-EBADMSG, "what answers in Docker's place does not speak HTTP");
	if (memcmp(answer + 9, "200", 3))
		return fail(-EPROTO, "Docker answers with status %.3s", answer + 9);
	body_len = len - (size_t)(end + 4 - answer);
	for (line = answer; line < end; line = next + 2) {
		next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		rc = check_header(line, (size_t)(next - line), &body_len);
		if (rc)
			return rc;
	}
	*ret_body = end + 4;
	*ret_len = body_len;
	return 0;
}

static bool is_container_id(const char *text)
{
	return text && strlen(text) == ID_LEN && strspn(text, "0123456789abcdef") == ID_LEN;
}

static bool is_container_name(const char *text)
{
	size_t len = 0;

	while (isalnum((unsigned char)text[len]) || (text[len] && strchr("_.-", text[len])))
		len++;
	return len && !text[len] && len < sizeof(((struct docker_container *)NULL)->name);
}

/* Its own name is "/NAME"; a link to it, an old way to connect containers, is "/OTHER/NAME". */
static void read_name(const json_t *names, struct docker_container *container)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(names, i, entry) {
		const char *name = json_string_value(entry);

		if (!name || *name != '/' || !is_container_name(name + 1))
			continue;
		memcpy(container->name, name + 1, strlen(name + 1));
		return;
	}
}

int docker_parse(const char *answer, size_t len, struct docker **ret_docker)
{
	_cleanup_(docker_cleanup) struct docker *docker = NULL;
	json_auto_t *list = NULL;
	const char *body = NULL;
	const json_t *entry;
	size_t i;
	int rc = find_body(answer, len, &body, &len);

	if (rc)
		return rc;
	list = json_loadb(body, len, 0, NULL);
	if (!json_is_array(list))
		return fail(-EBADMSG, "Docker's answer is not a list in JSON");
	docker = calloc(1, sizeof(*docker) + json_array_size(list) * sizeof(*docker->container));
	if (!docker)
		return fail(-ENOMEM, "out of memory");
	json_array_foreach(list, i, entry) {
		struct docker_container *container = &docker->container[docker->count];
		const char *id = json_string_value(json_object_get(entry, "Id"));

		if (!is_container_id(id))
			continue;
		memcpy(container->id, id, ID_LEN);
		read_name(json_object_get(entry, "Names"), container);
		docker->count++;
	}
	*ret_docker = TAKE_PTR(docker);
	return 0;
}

const struct docker_container *docker_find(const struct docker *docker, const char *name)
{
	for (size_t i = 0; docker && i < docker->count; i++)
		if (*name && (!strcmp(docker->container[i].name, name) ||
			      !strcmp(docker->container[i].id, name)))
			return &docker->container[i];
	return NULL;
}

const struct docker_container *docker_find_prefix(const struct docker *docker, const char *prefix,
						  size_t len)
{
	for (size_t i = 0; docker && i < docker->count; i++)
		if (!strncmp(docker->container[i].id, prefix, len))
			return &docker->container[i];
	return NULL;
}
