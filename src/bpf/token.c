// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of tokens: see token.h. */
#include "bpf/token.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "base/trace.h"
#include "bpf/loader.h"

#define TABLE_BYTES (TOKEN_PORTS * sizeof(struct token))
#define FRESH_TRIES 64 /* ports to draw in search of one that was never used */
#define POOL_BYTES 4096 /* of random numbers, so that not each takes a system call */

struct token_table {
	int fd;
	struct token *token; /* by port */
	bool open[TOKEN_PORTS];
	uint8_t pool[POOL_BYTES];
	size_t pool_left;
};

static void map_table(struct token_table *table)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int error;

	loader_silence_libbpf();
	table->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "tokens", sizeof(uint32_t),
				   sizeof(struct token), TOKEN_PORTS, &options);
	trace("bpf", "create map tokens: %d", table->fd < 0 ? table->fd : 0);
	if (table->fd >= 0) {
		table->token =
			mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
		if (table->token != MAP_FAILED)
			return;
		error = -errno;
		close(table->fd);
		table->fd = error;
	}
	table->token =
		mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int token_table_new(struct token_table **ret_table)
{
	struct token_table *table = calloc(1, sizeof(*table));

	if (!table)
		return fail(-ENOMEM, "out of memory");
	map_table(table);
	if (table->token == MAP_FAILED) {
		free(table);
		return fail(-ENOMEM, "out of memory");
	}
	*ret_table = table;
	return 0;
}

void token_table_free(struct token_table *table)
{
	if (!table)
		return;
	munmap(table->token, TABLE_BYTES);
	cleanup_close(&table->fd);
	free(table);
}

int token_table_fd(const struct token_table *table)
{
	return table->fd;
}

static int fill_pool(struct token_table *table)
{
	ssize_t got;

	do
		got = getrandom(table->pool, POOL_BYTES, 0);
	while (got < 0 && errno == EINTR);
	/* Up to 256 bytes come whole; more may be cut short by a signal. */
	table->pool_left = got > 0 ? (size_t)got : 0;
	return got >= 256 ? 0 : fail(-EIO, "the kernel gives no random numbers");
}

static int draw(struct token_table *table, void *bytes, size_t len)
{
	int rc = table->pool_left < len ? fill_pool(table) : 0;

	if (rc)
		return rc;
	table->pool_left -= len;
	memcpy(bytes, table->pool + table->pool_left, len);
	explicit_bzero(table->pool + table->pool_left, len);
	return 0;
}

static int draw_port(struct token_table *table, uint16_t *ret_port)
{
	const unsigned int all = TOKEN_PORTS - TOKEN_FIRST_PORT;
	uint16_t drawn = 0;
	uint32_t port;

	for (unsigned int i = 0; i < FRESH_TRIES; i++) {
		int rc = draw(table, &drawn, sizeof(drawn));

		if (rc)
			return rc;
		if (drawn >= TOKEN_FIRST_PORT && !table->token[drawn].used) {
			*ret_port = drawn;
			return 0;
		}
	}
	port = drawn % all;
	for (unsigned int i = 0; i < all; i++, port = (port + 1) % all) {
		if (!table->open[TOKEN_FIRST_PORT + port]) {
			*ret_port = (uint16_t)(TOKEN_FIRST_PORT + port);
			return 0;
		}
	}
	return fail(-EAGAIN, "too many exchanges at a time");
}

int token_open(struct token_table *table, uint32_t number, uint32_t leads_to, uint16_t *ret_port,
	       struct token *ret_token)
{
	struct token token;
	uint16_t port = 0;
	int rc = draw_port(table, &port);

	rc = rc ? rc : draw(table, &token, sizeof(token));
	if (rc)
		return rc;
	/* A number of 0 would ask the kernel to choose. */
	token.target_isn |= !token.target_isn;
	token.peer_isn |= !token.peer_isn;
	token.number = number;
	token.used = 1;
	token.leads_to = leads_to;
	table->token[port] = token;
	table->open[port] = true;
	*ret_port = port;
	*ret_token = token;
	return 0;
}

void token_close(struct token_table *table, uint16_t port)
{
	table->open[port] = false;
}
