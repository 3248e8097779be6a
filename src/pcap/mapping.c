// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Mapped files: see mapping.h.
 *
 * If a file was cut short, or its disk fails, reading the missing page raises SIGBUS in the reading
 * thread. The handler looks the address up in a table of mappings, puts zero pages over the rest of
 * that mapping and returns; the read goes on, and mapping_check() reports it from then on. This is
 * the one signal handler that does more than set a flag: the reading instruction itself raises the
 * signal, so no event loop can handle it. The first mapping installs the handler, the last one
 * removes it.
 */
#include "pcap/mapping.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAPPINGS_MAX 16

struct mapping {
	uint8_t *data;
	size_t size;
	int fd;
	atomic_bool torn; /* zero pages were put in */
};

static _Atomic(struct mapping *) mappings[MAPPINGS_MAX];
static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int mapping_count;
static struct sigaction former_action;
static uintptr_t page_size;

static struct mapping *mapping_at(uintptr_t address)
{
	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		struct mapping *mapping = atomic_load(&mappings[i]);

		if (mapping && address - (uintptr_t)mapping->data < mapping->size)
			return mapping;
	}
	return NULL;
}

static bool patch(struct mapping *mapping, uintptr_t address)
{
	uintptr_t page = address & ~(page_size - 1);
	size_t rest = (uintptr_t)mapping->data + mapping->size - page;

	/* The flag first: a thread that reads the zeros and then checks must see it. */
	atomic_store(&mapping->torn, true);
	return mmap((void *)page, rest, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) != MAP_FAILED;
}

/*
 * If the fault is not ours, restores the former handler: a fault repeats itself, a sent signal is
 * sent again.
 */
static void on_bus_error(int signo, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	bool sent = info->si_code <= 0;
	struct mapping *mapping = sent ? NULL : mapping_at(address);
	int saved = errno;

	(void)context;
	if (!mapping || !patch(mapping, address)) {
		sigaction(signo, &former_action, NULL);
		if (sent)
			raise(signo);
	}
	errno = saved;
}

static int enlist(struct mapping *mapping)
{
	struct sigaction ours = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO };
	size_t i = 0;
	int rc = 0;

	sigemptyset(&ours.sa_mask);
	pthread_mutex_lock(&mappings_lock);
	while (i < MAPPINGS_MAX && atomic_load(&mappings[i]))
		i++;
	if (i == MAPPINGS_MAX)
		rc = -EMFILE;
	else if (!mapping_count && sigaction(SIGBUS, &ours, &former_action) < 0)
		rc = -errno;
	if (!rc) {
		atomic_store(&mappings[i], mapping);
		mapping_count++;
	}
	pthread_mutex_unlock(&mappings_lock);
	return rc;
}

static void strike_off(const struct mapping *mapping)
{
	pthread_mutex_lock(&mappings_lock);
	for (size_t i = 0; i < MAPPINGS_MAX; i++) {
		if (atomic_load(&mappings[i]) != mapping)
			continue;
		atomic_store(&mappings[i], NULL);
		if (!--mapping_count)
			sigaction(SIGBUS, &former_action, NULL);
	}
	pthread_mutex_unlock(&mappings_lock);
}

void mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return;
	strike_off(mapping);
	if (mapping->data)
		munmap(mapping->data, mapping->size);
	free(mapping);
}

int mapping_new(int fd, uint64_t size, struct mapping **ret_mapping, const uint8_t **ret_data)
{
	_cleanup_(mapping_cleanup) struct mapping *mapping = calloc(1, sizeof(*mapping));
	void *data;

	if (!mapping)
		return -ENOMEM;
	if (size > SIZE_MAX)
		return -EFBIG;
	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	mapping->data = data;
	mapping->size = size;
	mapping->fd = fd;
	/* Reads ahead further from a disk; no effect on pages that are in memory already. */
	madvise(data, size, MADV_SEQUENTIAL);
	if (enlist(mapping) < 0)
		return -EMFILE;
	*ret_data = data;
	*ret_mapping = TAKE_PTR(mapping);
	return 0;
}

/* A file that was cut within its last page reads as zeros there without a signal: compare sizes. */
const char *mapping_check(const struct mapping *mapping)
{
	struct stat now;

	if (!fstat(mapping->fd, &now) && (uint64_t)now.st_size < mapping->size)
		return "the file became shorter while it was read";
	if (atomic_load(&mapping->torn))
		return "the disk does not give back this part of the file";
	return NULL;
}
