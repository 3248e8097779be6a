// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of conversations: see talk.h. */
#include "bpf/talk.h"

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

#define TABLE_BYTES (TALK_PORTS * sizeof(struct talk))
#define FRESH_TRIES 64 /* ports to draw in search of one that was never used */
#define POOL_BYTES 4096 /* of random numbers, so that not each takes a system call */

struct talk_table {
	int fd;
	struct talk *talk; /* by port */
	bool open[TALK_PORTS];
	uint8_t pool[POOL_BYTES];
	size_t pool_left;
};

static void map_table(struct talk_table *table)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
	int error;

	loader_silence_libbpf();
	table->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "talks", sizeof(uint32_t),
				   sizeof(struct talk), TALK_PORTS, &options);
	trace("bpf", "create map talks: %d", table->fd < 0 ? table->fd : 0);
	if (table->fd >= 0) {
		table->talk =
			mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, table->fd, 0);
		if (table->talk != MAP_FAILED)
			return;
		error = -errno;
		close(table->fd);
		table->fd = error;
	}
	table->talk =
		mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int talk_table_new(struct talk_table **ret_table)
{
	struct talk_table *table = calloc(1, sizeof(*table));

	if (!table)
		return fail(-ENOMEM, "out of memory");
	map_table(table);
	if (table->talk == MAP_FAILED) {
		free(table);
		return fail(-ENOMEM, "out of memory");
	}
	*ret_table = table;
	return 0;
}

void talk_table_free(struct talk_table *table)
{
	if (!table)
		return;
	munmap(table->talk, TABLE_BYTES);
	cleanup_close(&table->fd);
	free(table);
}

int talk_table_fd(const struct talk_table *table)
{
	return table->fd;
}

static int fill_pool(struct talk_table *table)
{
	ssize_t got;

	do
		got = getrandom(table->pool, POOL_BYTES, 0);
	while (got < 0 && errno == EINTR);
	/* Up to 256 bytes come whole; more may be cut short by a signal. */
	table->pool_left = got > 0 ? (size_t)got : 0;
	return got >= 256 ? 0 : fail(-EIO, "the kernel gives no random numbers");
}

static int draw(struct talk_table *table, void *bytes, size_t len)
{
	int rc = table->pool_left < len ? fill_pool(table) : 0;

	if (rc)
		return rc;
	table->pool_left -= len;
	memcpy(bytes, table->pool + table->pool_left, len);
	explicit_bzero(table->pool + table->pool_left, len);
	return 0;
}

static int draw_port(struct talk_table *table, uint16_t *ret_port)
{
	const unsigned int all = TALK_PORTS - TALK_FIRST_PORT;
	uint16_t drawn = 0;
	uint32_t port;

	for (unsigned int i = 0; i < FRESH_TRIES; i++) {
		int rc = draw(table, &drawn, sizeof(drawn));

		if (rc)
			return rc;
		if (drawn >= TALK_FIRST_PORT && !table->talk[drawn].used) {
			*ret_port = drawn;
			return 0;
		}
	}
	port = drawn % all;
	for (unsigned int i = 0; i < all; i++, port = (port + 1) % all) {
		if (!table->open[TALK_FIRST_PORT + port]) {
			*ret_port = (uint16_t)(TALK_FIRST_PORT + port);
			return 0;
		}
	}
	return fail(-EAGAIN, "too many conversations at a time");
}

int talk_open(struct talk_table *table, uint32_t number, uint16_t *ret_port, struct talk *ret_talk)
{
	struct talk talk;
	uint16_t port = 0;
	int rc = draw_port(table, &port);

	rc = rc ? rc : draw(table, &talk, sizeof(talk));
	if (rc)
		return rc;
	/* A number of 0 would ask the kernel to choose. */
	talk.target_isn |= !talk.target_isn;
	talk.peer_isn |= !talk.peer_isn;
	talk.number = number;
	talk.used = 1;
	table->talk[port] = talk;
	table->open[port] = true;
	*ret_port = port;
	*ret_talk = talk;
	return 0;
}

void talk_close(struct talk_table *table, uint16_t port)
{
	table->open[port] = false;
}
